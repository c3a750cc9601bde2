//! What is known of a guest as variables.

use super::Options;
use super::fetch::{Facts, Guest};
use windlass_protocol::{Json, JsonMap};

/// A name of letters, digits and `_`: blanks go, everything else becomes a `_`.
pub(super) fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    name.chars().filter(|c| *c != ' ').map(keep).collect()
}

/// Whether a virtual machine's setting `agent` says that there is one.
pub(super) fn agent_enabled(agent: &Json) -> bool {
    let text = agent.as_str().map_or_else(|| agent.to_string(), str::to_owned);
    let first = text.split(',').next().unwrap_or_default().trim();
    first == "enabled=1" || first.parse::<i64>().is_ok_and(|number| number != 0)
}

/// The variables of a guest.
pub(super) fn variables(options: &Options, node: &str, guest: &Guest) -> JsonMap {
    let fact = |name: &str| safe(&format!("{}{}", options.facts_prefix, name.to_lowercase()));
    let mut out = JsonMap::new();
    out.insert(fact("node"), node.into());
    out.insert(fact("vmid"), guest.item.get("vmid").cloned().unwrap_or(Json::Null));
    out.insert(fact("vmtype"), guest.kind.into());
    let Some(facts) = &guest.facts else { return out };
    out.insert(fact("status"), facts.status.get("status").cloned().unwrap_or(Json::Null));
    if guest.kind == "qemu" {
        out.insert(fact("qmpstatus"), facts.status.get("qmpstatus").cloned().unwrap_or(Json::Null));
    }
    for (name, value) in facts.config.as_object().into_iter().flatten() {
        setting(&mut out, &fact(name), name, value, facts);
    }
    let snapshots = facts.snapshots.as_array().map(Vec::as_slice).unwrap_or_default();
    let names = snapshots.iter().filter_map(|s| s.get("name")).filter(|name| *name != "current");
    out.insert(fact("snapshots"), names.cloned().collect());
    if let Some(interfaces) = facts.interfaces.as_ref().and_then(Json::as_array).filter(|i| !i.is_empty()) {
        let keys = ["name", "hwaddr", "inet", "inet6"];
        out.insert(fact("lxc_interfaces"), interfaces.iter().map(|i| only(i, &keys)).collect());
    }
    out
}

/// Some fields of an object.
fn only(item: &Json, keys: &[&str]) -> Json {
    let found = keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())));
    Json::Object(found.collect())
}

/// One setting of a guest's configuration. What consists of `key=value` parts becomes a mapping.
fn setting(out: &mut JsonMap, fact: &str, name: &str, value: &Json, facts: &Facts) {
    let disk = name == "rootfs" || ["virtio", "sata", "ide", "scsi"].iter().any(|p| name.starts_with(p));
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // A disk's first part has no key.
    let value = if disk { Json::from(format!("disk_image={plain}")) } else { value.clone() };
    if name == "tags" && !plain.trim().is_empty() {
        let tags = plain.replace(',', ";");
        let tags = tags.trim().split(';').map(|tag| Json::from(tag.trim()));
        out.insert(format!("{fact}_parsed"), tags.collect());
    }
    if name == "agent"
        && agent_enabled(&value)
        && let Some(interfaces) = facts.agent.as_ref().map(agent_interfaces).filter(|i| !i.is_empty())
    {
        out.insert(safe(&format!("{fact}_interfaces")), interfaces.into());
    }
    let value = match (&value, name) {
        // Pairs, as some containers have them.
        (Json::Array(pairs), "lxc") => pairs
            .iter()
            .filter_map(|pair| {
                let name = pair.get(0)?.as_str()?;
                Some((name.strip_prefix("lxc.").unwrap_or(name).to_owned(), pair.get(1)?.clone()))
            })
            .collect::<JsonMap>()
            .into(),
        (Json::String(_), "description") => value,
        (Json::String(text), _) => parts(text).map_or(value.clone(), Json::Object),
        _ => value,
    };
    out.insert(fact.to_owned(), value);
}

/// The parts of a text, if all of them are `key=value`.
fn parts(text: &str) -> Option<JsonMap> {
    text.split(',').map(|part| part.split_once('=').map(|(k, v)| (k.to_owned(), v.into()))).collect()
}

/// What an agent says of interfaces.
fn agent_interfaces(said: &Json) -> Vec<Json> {
    let text = |item: &Json, key: &str| item.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let interface = |item: &Json| {
        let addresses =
            item.get("ip-addresses").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let address = |ip: &Json| {
            let prefix = ip.get("prefix").map(ToString::to_string).unwrap_or_default();
            Json::from(format!("{}/{prefix}", text(ip, "ip-address")))
        };
        serde_json::json!({
            "name": text(item, "name"),
            "mac-address": text(item, "hardware-address"),
            "ip-addresses": addresses.iter().map(address).collect::<Vec<_>>(),
        })
    };
    said.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(interface).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_safe() {
        assert_eq!(safe("proxmox_pve-1_lxc"), "proxmox_pve_1_lxc");
        assert_eq!(safe("a b.c"), "ab_c");
    }

    #[test]
    fn an_agent_that_is_there() {
        for there in [json!("1"), json!(1), json!("1,fstrim_cloned_disks=1"), json!("enabled=1,type=virtio")]
        {
            assert!(agent_enabled(&there), "{there}");
        }
        assert!(
            !agent_enabled(&json!("0")) && !agent_enabled(&json!("enabled=0")) && !agent_enabled(&json!("x"))
        );
    }

    #[test]
    fn settings_are_taken_apart() {
        let facts = Facts {
            agent: Some(json!([{
                "name": "eth0", "hardware-address": "bc:24:11:00:00:01", "ip-addresses": [{"ip-address": "10.0.0.9", "prefix": 24}]
            }])),
            ..Facts::default()
        };
        let mut out = JsonMap::new();
        for (name, value) in [
            ("net0", json!("name=eth0,bridge=vmbr0,ip=10.0.0.5/24")),
            ("rootfs", json!("local-lvm:vm-101-disk-0,size=8G")),
            ("description", json!("a=b")),
            ("memory", json!(512)),
            ("tags", json!(" web;app ")),
            ("agent", json!("1")),
            ("ostype", json!("debian")),
            ("lxc", json!([["lxc.cgroup", "x"]])),
        ] {
            setting(&mut out, &format!("p_{name}"), name, &value, &facts);
        }
        let wanted = json!({
            "p_net0": {"name": "eth0", "bridge": "vmbr0", "ip": "10.0.0.5/24"},
            "p_rootfs": {"disk_image": "local-lvm:vm-101-disk-0", "size": "8G"},
            "p_description": "a=b", "p_memory": 512,
            "p_tags_parsed": ["web", "app"], "p_tags": " web;app ",
            "p_agent_interfaces": [{"name": "eth0", "mac-address": "bc:24:11:00:00:01", "ip-addresses": ["10.0.0.9/24"]}],
            "p_agent": "1", "p_ostype": "debian", "p_lxc": {"cgroup": "x"}
        });
        assert_eq!(Json::Object(out), wanted);
    }
}
