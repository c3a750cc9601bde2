//! Network interfaces, addresses and name servers.

use super::source::Source;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use windlass_protocol::{Json, JsonMap};

/// Name servers of `/etc/resolv.conf`.
pub fn dns(source: &mut Source<'_>) -> JsonMap {
    let mut dns = JsonMap::new();
    for line in source.lines("/etc/resolv.conf") {
        if line.starts_with(['#', ';']) {
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        let values: Vec<Json> = words.map(Json::from).collect();
        match key {
            "nameserver" => {
                if let Some(list) = dns.entry("nameservers").or_insert_with(|| json!([])).as_array_mut() {
                    list.extend(values);
                }
            }
            "domain" => {
                if let Some(first) = values.into_iter().next() {
                    dns.insert("domain".into(), first);
                }
            }
            "search" | "sortlist" => {
                dns.insert(key.into(), Json::Array(values));
            }
            "options" => {
                let options =
                    values.iter().filter_map(Json::as_str).map(|option| match option.split_once(':') {
                        Some((name, value)) if !value.is_empty() => (name.to_owned(), Json::from(value)),
                        Some((name, _)) => (name.to_owned(), Json::Bool(true)),
                        None => (option.to_owned(), Json::Bool(true)),
                    });
                dns.insert("options".into(), Json::Object(options.collect()));
            }
            _ => {}
        }
    }
    JsonMap::from_iter([("dns".to_owned(), Json::Object(dns))])
}

/// World wide names of fibre channel ports.
pub fn fibre_channel(source: &mut Source<'_>) -> JsonMap {
    let hosts = source.list("/sys/class/fc_host");
    let names = hosts.iter().flat_map(|h| source.lines(&format!("/sys/class/fc_host/{h}/port_name")));
    let names: Vec<Json> = names.map(|n| n.trim_end().get(2..).unwrap_or("").into()).collect();
    JsonMap::from_iter([("fibre_channel_wwn".to_owned(), Json::Array(names))])
}

/// Name of the iSCSI initiator.
pub fn iscsi(source: &mut Source<'_>) -> JsonMap {
    let lines = source.lines("/etc/iscsi/initiatorname.iscsi");
    let name = lines.iter().find_map(|l| l.strip_prefix("InitiatorName=")).unwrap_or("");
    JsonMap::from_iter([("iscsi_iqn".to_owned(), name.into())])
}

/// Name of the NVMe host.
pub fn nvme(source: &mut Source<'_>) -> JsonMap {
    let lines = source.lines("/etc/nvme/hostnqn");
    let name = lines.iter().find(|l| l.starts_with("nqn.")).map_or("", String::as_str);
    JsonMap::from_iter([("hostnqn".to_owned(), name.into())])
}

/// Interfaces with their addresses, default routes, and all addresses.
pub fn interfaces(source: &mut Source<'_>) -> JsonMap {
    let mut all: Vec<(String, JsonMap)> = Vec::new();
    for name in source.list("/sys/class/net") {
        // Files such as `bonding_masters` lie there too.
        if source.exists(&format!("/sys/class/net/{name}/ifindex")) {
            let facts = link(source, &name);
            all.push((name, facts));
        }
    }
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    let mut default4 = default_route(source, source.machine.source.0, &route4(source));
    let mut default6 = default_route(source, source.machine.source.1, &route6(source));
    let scopes = source.lines("/proc/net/if_inet6");
    let devices: Vec<String> = all.iter().map(|(n, _)| n.clone()).collect();
    for device in &devices {
        let label = format!("{device}:");
        let here = |i: &str| i == device || i.starts_with(&label);
        let addresses: Vec<_> =
            source.machine.addresses.iter().filter(|a| here(&a.interface)).cloned().collect();
        let link = all.iter().find(|(n, _)| n == device).map(|(_, f)| f.clone()).unwrap_or_default();
        let mut networks: Vec<(u32, u32)> = Vec::new();
        for entry in addresses {
            match (entry.address, entry.netmask) {
                (IpAddr::V4(address), mask) => {
                    let mask = match mask {
                        Some(IpAddr::V4(m)) => u32::from(m),
                        _ => u32::MAX,
                    };
                    let network = u32::from(address) & mask;
                    let value = json!({
                        "address": address.to_string(),
                        "broadcast": entry.broadcast.map_or(String::new(), |b| b.to_string()),
                        "netmask": Ipv4Addr::from(mask).to_string(),
                        "network": Ipv4Addr::from(network).to_string(),
                        "prefix": mask.count_ones().to_string(),
                    });
                    // The kernel calls an address secondary if an earlier one has the same network.
                    let secondary = networks.contains(&(network, mask));
                    networks.push((network, mask));
                    place4(&mut all, device, &entry.interface, &value, secondary);
                    if default4.get("address") == value.get("address") {
                        describe(
                            &mut default4,
                            &value,
                            &link,
                            &["broadcast", "netmask", "network", "prefix"],
                        );
                        default4.insert("alias".into(), entry.interface.as_str().into());
                    }
                    if !address.is_loopback() {
                        v4.push(Json::from(address.to_string()));
                    }
                }
                (IpAddr::V6(address), _) => {
                    let (prefix, scope) = scope_of(&scopes, device, address);
                    let value = json!({"address": address.to_string(), "prefix": prefix, "scope": scope});
                    if default6.get("address") == value.get("address") {
                        describe(&mut default6, &value, &link, &["prefix", "scope"]);
                    }
                    if let Some((_, facts)) = all.iter_mut().find(|(n, _)| n == device)
                        && let Some(list) = facts.entry("ipv6").or_insert_with(|| json!([])).as_array_mut()
                    {
                        list.push(value);
                    }
                    if !address.is_loopback() {
                        v6.push(Json::from(address.to_string()));
                    }
                }
            }
        }
    }
    let mut out = JsonMap::new();
    let names: Vec<Json> = all.iter().map(|(n, _)| n.replace(':', "_").into()).collect();
    out.insert("interfaces".into(), Json::Array(names));
    for (name, facts) in all {
        out.insert(name.replace(':', "_"), Json::Object(facts));
    }
    out.insert("default_ipv4".into(), Json::Object(default4));
    out.insert("default_ipv6".into(), Json::Object(default6));
    out.insert("all_ipv4_addresses".into(), Json::Array(v4));
    out.insert("all_ipv6_addresses".into(), Json::Array(v6));
    out.insert("locally_reachable_ips".into(), json!({"ipv4": local4(source), "ipv6": local6(source)}));
    out
}

/// Adds what is known of the address and its interface to a default route.
fn describe(route: &mut JsonMap, address: &Json, link: &JsonMap, keys: &[&str]) {
    for key in keys {
        route.insert((*key).to_owned(), address.get(*key).cloned().unwrap_or_default());
    }
    let or = |key: &str, other: &str| link.get(key).cloned().unwrap_or_else(|| other.into());
    route.insert("macaddress".into(), or("macaddress", "00:00:00:00:00:00"));
    if let Some(mtu) = link.get("mtu") {
        route.insert("mtu".into(), mtu.clone());
    }
    route.insert("type".into(), or("type", "unknown"));
}

/// Files an address under its interface or label: the first one as `ipv4`, further ones as `ipv4_secondaries`.
fn place4(all: &mut Vec<(String, JsonMap)>, device: &str, label: &str, value: &Json, secondary: bool) {
    if !all.iter().any(|(n, _)| n == label) {
        all.push((label.to_owned(), JsonMap::new()));
    }
    let mut add = |name: &str, force: bool| {
        let Some((_, facts)) = all.iter_mut().find(|(n, _)| n == name) else { return };
        if !force && !facts.contains_key("ipv4") {
            facts.insert("ipv4".into(), value.clone());
        } else if let Some(list) = facts.entry("ipv4_secondaries").or_insert_with(|| json!([])).as_array_mut()
        {
            list.push(value.clone());
        }
    };
    add(label, secondary);
    if secondary && label != device {
        add(device, true);
    }
}

/// Prefix length and scope of an IPv6 address.
fn scope_of(lines: &[String], device: &str, address: Ipv6Addr) -> (String, &'static str) {
    let hex = format!("{:032x}", u128::from(address));
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [found, _, prefix, scope, _, name] = words.as_slice()
            && *found == hex
            && *name == device
        {
            let prefix = u8::from_str_radix(prefix, 16).unwrap_or(128).to_string();
            let scope = match *scope {
                "00" => "global",
                "10" => "host",
                "20" => "link",
                "40" => "site",
                _ => "unknown",
            };
            return (prefix, scope);
        }
    }
    ("128".into(), "global")
}

/// What `/sys` says of an interface.
fn link(source: &Source<'_>, name: &str) -> JsonMap {
    let folder = format!("/sys/class/net/{name}");
    let read = |file: &str| source.text(&format!("{folder}/{file}"));
    let mut out = JsonMap::from_iter([("device".to_owned(), Json::from(name))]);
    if let Some(mac) = read("address").filter(|m| m != "00:00:00:00:00:00") {
        out.insert("macaddress".into(), mac.into());
    }
    if let Some(mtu) = read("mtu").and_then(|t| t.parse::<i64>().ok()) {
        out.insert("mtu".into(), mtu.into());
    }
    if let Some(state) = read("operstate") {
        out.insert("active".into(), Json::Bool(state != "down"));
    }
    if let Some(module) = source.link_name(&format!("{folder}/device/driver/module")) {
        out.insert("module".into(), module.into());
    }
    let kind = match read("type").as_deref() {
        Some("1") => "ether",
        Some("32") => "infiniband",
        Some("512") => "ppp",
        Some("772") => "loopback",
        Some("65534") => "tunnel",
        _ => "unknown",
    };
    out.insert("type".into(), kind.into());
    if source.exists(&format!("{folder}/bridge")) {
        out.insert("type".into(), "bridge".into());
        out.insert("interfaces".into(), json!(source.list(&format!("{folder}/brif"))));
        if let Some(id) = read("bridge/bridge_id") {
            out.insert("id".into(), id.into());
        }
        if let Some(stp) = read("bridge/stp_state") {
            out.insert("stp".into(), Json::Bool(stp == "1"));
        }
    }
    if source.exists(&format!("{folder}/bonding")) {
        let first = |file: &str| {
            read(&format!("bonding/{file}")).and_then(|t| t.split_whitespace().next().map(str::to_owned))
        };
        out.insert("type".into(), "bonding".into());
        let slaves = read("bonding/slaves").unwrap_or_default();
        out.insert("slaves".into(), slaves.split_whitespace().map(Json::from).collect());
        for key in ["mode", "miimon", "lacp_rate"] {
            out.insert(key.into(), first(key).unwrap_or_default().into());
        }
        if let Some(primary) = read("bonding/primary") {
            out.insert("primary".into(), primary.into());
            if let Some(active) = read("bonding/all_slaves_active") {
                out.insert("all_slaves_active".into(), Json::Bool(active == "1"));
            }
        }
    }
    if let Some(mac) = read("bonding_slave/perm_hwaddr") {
        out.insert("perm_macaddress".into(), mac.into());
    }
    if let Some(id) = source.link_name(&format!("{folder}/device")) {
        out.insert("pciid".into(), id.into());
    }
    if let Some(speed) = read("speed").and_then(|t| t.parse::<i64>().ok()) {
        out.insert("speed".into(), speed.into());
    }
    if let Some(flags) = read("flags").and_then(|t| i64::from_str_radix(t.trim_start_matches("0x"), 16).ok())
    {
        out.insert("promisc".into(), Json::Bool(flags & 0x100 != 0));
    }
    out
}

/// Interface and gateway of a route.
type Route = Option<(String, Option<String>)>;

fn default_route(source: &Source<'_>, address: Option<IpAddr>, route: &Route) -> JsonMap {
    let mut out = JsonMap::new();
    let Some(address) = address else { return out };
    let owner = source.machine.addresses.iter().find(|a| a.address == address);
    let owner = owner.map(|a| a.interface.split(':').next().unwrap_or("").to_owned());
    match route {
        Some((interface, gateway)) => {
            if let Some(gateway) = gateway {
                out.insert("gateway".into(), gateway.as_str().into());
            }
            out.insert("interface".into(), interface.as_str().into());
        }
        None => {
            if let Some(owner) = owner {
                out.insert("interface".into(), owner.into());
            }
        }
    }
    out.insert("address".into(), address.to_string().into());
    out
}

/// The route to 8.8.8.8: the longest match with the smallest metric.
fn route4(source: &Source<'_>) -> Route {
    let target = u32::from(Ipv4Addr::new(8, 8, 8, 8));
    let number = |hex: &str| u32::from_str_radix(hex, 16).ok().map(u32::swap_bytes);
    let mut best: Option<(u32, i64, String, Option<String>)> = None;
    for line in source.lines("/proc/net/route").iter().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = words.as_slice() else {
            continue;
        };
        let (Some(destination), Some(gateway), Some(mask)) =
            (number(destination), number(gateway), number(mask))
        else {
            continue;
        };
        let up = u32::from_str_radix(flags, 16).is_ok_and(|f| f & 1 != 0 && f & 0x200 == 0);
        if !up || target & mask != destination {
            continue;
        }
        let metric = metric.parse::<i64>().unwrap_or(0);
        let better = best.as_ref().is_none_or(|(m, w, ..)| (mask, -metric) > (*m, -*w));
        if better {
            let gateway = (gateway != 0).then(|| Ipv4Addr::from(gateway).to_string());
            best = Some((mask, metric, (*interface).to_owned(), gateway));
        }
    }
    best.map(|(_, _, interface, gateway)| (interface, gateway))
}

/// The route to a public IPv6 address.
fn route6(source: &Source<'_>) -> Route {
    let target: u128 = 0x2404_6800_400a_0800_0000_0000_0000_1012;
    let mut best: Option<(u32, i64, String, Option<String>)> = None;
    for (words, destination, prefix, flags) in table6(source) {
        let mask = if prefix == 0 { 0 } else { u128::MAX << (128 - prefix.min(128)) };
        // Up, not a reject route, not an address of this host.
        if flags & 1 == 0 || flags & 0x8000_0200 != 0 || target & mask != destination {
            continue;
        }
        let metric = words.get(5).and_then(|m| i64::from_str_radix(m, 16).ok()).unwrap_or(0);
        let interface = words.get(9).cloned().unwrap_or_default();
        if interface == "lo" {
            continue;
        }
        let better = best.as_ref().is_none_or(|(p, m, ..)| (prefix, -metric) > (*p, -*m));
        if better {
            let gateway = words.get(4).and_then(|g| u128::from_str_radix(g, 16).ok()).filter(|g| *g != 0);
            best = Some((prefix, metric, interface, gateway.map(|g| Ipv6Addr::from(g).to_string())));
        }
    }
    best.map(|(_, _, interface, gateway)| (interface, gateway))
}

/// Lines of the kernel's IPv6 routes: words, destination, prefix length, flags.
fn table6(source: &Source<'_>) -> Vec<(Vec<String>, u128, u32, u32)> {
    let lines = source.lines("/proc/net/ipv6_route");
    let parsed = lines.iter().filter_map(|line| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let destination = u128::from_str_radix(words.first()?, 16).ok()?;
        let prefix = u32::from_str_radix(words.get(1)?, 16).ok()?;
        let flags = u32::from_str_radix(words.get(8)?, 16).ok()?;
        Some((words, destination, prefix, flags))
    });
    parsed.collect()
}

/// Addresses and networks that this host answers for.
fn local4(source: &Source<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut address = "";
    let lines = source.lines("/proc/net/fib_trie");
    for line in &lines {
        let line = line.trim();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf;
        } else if line.starts_with('/') && line.ends_with("host LOCAL") {
            let prefix = line[1..].split(' ').next().unwrap_or("32");
            let text = if prefix == "32" { address.to_owned() } else { format!("{address}/{prefix}") };
            if !out.contains(&text) {
                out.push(text);
            }
        }
    }
    out
}

fn local6(source: &Source<'_>) -> Vec<String> {
    let mut out: Vec<(u128, String)> = Vec::new();
    for (_, destination, prefix, flags) in table6(source) {
        if flags & 0x8000_0000 == 0 {
            continue;
        }
        let address = Ipv6Addr::from(destination);
        let text = if prefix == 128 { address.to_string() } else { format!("{address}/{prefix}") };
        if !out.iter().any(|(_, t)| *t == text) {
            out.push((destination, text));
        }
    }
    out.sort();
    out.into_iter().map(|(_, text)| text).collect()
}
