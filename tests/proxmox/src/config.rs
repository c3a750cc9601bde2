//! A guest's settings: what the server makes of the values that it is sent, and how it shows them.
//!
//! Source: `pct.conf(5)` and `qm.conf(5)` of the reference documentation, and configurations as the API shows them:
//! interfaces get a hardware address and a type, sizes become volumes, tags are sorted.

use crate::cluster::{State, random};
use crate::guest::{Guest, Kind};
use crate::reply::Failure;
use crate::schema::{OSTYPES, is_numbered, truth};
use crate::volume::{Volume, format_size, parse_size, split_id};
use indexmap::IndexMap;
use serde_json::{Map, Value};

pub(crate) type Config = IndexMap<String, String>;

/// Comma-separated pairs; a part without a name has the default one.
fn pairs(value: &str, default: &str) -> Vec<(String, String)> {
    let parts = value.split(',').filter(|p| !p.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (default.to_owned(), part.to_owned()),
        })
        .collect()
}

fn join(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",")
}

const NET_KEYS: &[&str] = &[
    "name",
    "bridge",
    "firewall",
    "gw",
    "gw6",
    "host-managed",
    "hwaddr",
    "ip",
    "ip6",
    "link_down",
    "mtu",
    "rate",
    "tag",
    "trunks",
    "type",
];

/// A container's `netN` has a name, known options, and addresses that are some.
pub(crate) fn check_lxc_net(name: &str, value: &str) -> Result<(), String> {
    let wrong = |key: &str, why: &str| Err(format!("invalid format - format error\n{name}.{key}: {why}\n"));
    let pairs = pairs(value, "");
    if !pairs.iter().any(|(key, _)| key == "name") {
        return wrong("name", "property is missing and it is not optional");
    }
    for (key, value) in &pairs {
        if !NET_KEYS.contains(&key.as_str()) {
            return wrong(
                key,
                "property is not defined in schema and the schema does not allow additional properties",
            );
        }
        let cidr = |text: &str| {
            let (address, prefix) = text.split_once('/')?;
            address.parse::<std::net::Ipv4Addr>().ok()?;
            prefix.parse::<u8>().ok().filter(|p| *p <= 32)
        };
        if key == "ip" && !matches!(value.as_str(), "dhcp" | "manual") && cidr(value).is_none() {
            return wrong(
                key,
                "invalid format - value does not look like a valid ipv4 network configuration",
            );
        }
        if key == "gw" && value.parse::<std::net::Ipv4Addr>().is_err() {
            return wrong(key, "invalid format - value does not look like a valid ipv4 address");
        }
    }
    Ok(())
}

/// An address of the range that the original takes new ones from.
fn hardware_address() -> String {
    let bits = random().to_le_bytes();
    format!("BC:24:11:{:02X}:{:02X}:{:02X}", bits[0], bits[1], bits[2])
}

/// A container's interface: the name first, the rest in the order of the alphabet, with a hardware address.
fn lxc_net(value: &str) -> String {
    let mut pairs = pairs(value, "name");
    let mut add = |name: &str, value: &dyn Fn() -> String| {
        if !pairs.iter().any(|(n, _)| n == name) {
            pairs.push((name.to_owned(), value()));
        }
    };
    add("hwaddr", &hardware_address);
    add("type", &|| "veth".to_owned());
    for (name, value) in &mut pairs {
        if name == "hwaddr" {
            value.make_ascii_uppercase();
        }
    }
    pairs.sort_by_key(|(name, _)| (name != "name", name.clone()));
    join(&pairs)
}

/// A virtual machine's interface: `virtio=BC:...`, then the rest in the order of the alphabet.
fn qemu_net(value: &str) -> String {
    const MODELS: &[&str] = &["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3", "ne2k_pci"];
    let mut pairs = pairs(value, "model");
    for (name, value) in &mut pairs {
        if name == "model" {
            (*name, *value) = (value.clone(), hardware_address());
        }
    }
    let address = pairs.iter().position(|(n, _)| n == "macaddr").map(|at| pairs.remove(at).1);
    for (name, value) in &mut pairs {
        if MODELS.contains(&name.as_str()) {
            *value = address.clone().unwrap_or_else(|| value.clone()).to_ascii_uppercase();
        }
    }
    pairs.sort_by_key(|(name, _)| (!MODELS.contains(&name.as_str()), name.clone()));
    join(&pairs)
}

/// Without doubles, sorted, with semicolons.
fn tags(value: &str) -> String {
    let words = value.split([',', ';', ' ', '\0']).map(str::trim).filter(|t| !t.is_empty());
    let words: std::collections::BTreeSet<&str> = words.collect();
    words.into_iter().collect::<Vec<_>>().join(";")
}

fn is_volume(kind: Kind, key: &str) -> bool {
    match kind {
        Kind::Lxc => key == "rootfs" || is_numbered(key, "mp"),
        Kind::Qemu => {
            key == "efidisk0"
                || key == "tpmstate0"
                || ["scsi", "virtio", "ide", "sata"].iter().any(|p| is_numbered(key, p))
        }
    }
}

/// The storage that a value of a volume names, with what follows the colon.
pub(crate) fn volume_of(value: &str) -> Option<(&str, &str)> {
    let first =
        value.split(',').find(|p| !p.contains('=') || p.starts_with("volume=") || p.starts_with("file="))?;
    split_id(first.trim_start_matches("volume=").trim_start_matches("file="))
}

/// Storages that settings take space of: those that exist, allow it, and may hold a guest.
pub(crate) fn storages(kind: Kind, settings: &Config) -> Vec<String> {
    let volumes =
        settings.iter().filter(|(key, _)| is_volume(kind, key)).filter_map(|(_, value)| volume_of(value));
    let mut names: Vec<String> = volumes
        .filter(|(_, name)| name.parse::<f64>().is_ok() || *name == "cloudinit")
        .map(|(storage, _)| storage.to_owned())
        .collect();
    names.dedup();
    names
}

/// A value for a volume: a size becomes a new volume.
fn volume(state: &mut State, vmid: u32, kind: Kind, value: &str) -> Result<String, Failure> {
    let Some((storage_id, name)) = volume_of(value) else { return Ok(value.to_owned()) };
    let (storage_id, name) = (storage_id.to_owned(), name.to_owned());
    let is_option =
        |part: &&str| !(part.starts_with("volume=") || part.starts_with("file=") || !part.contains('='));
    let mut options: Vec<String> = value.split(',').filter(is_option).map(str::to_owned).collect();
    let number =
        state.storages.values().flat_map(|s| s.volumes.values()).filter(|v| v.vmid == Some(vmid)).count();
    let content = if kind == Kind::Lxc { "rootdir" } else { "images" };
    let storage = state.storage(&storage_id)?;
    let (name, size) = if name == "cloudinit" {
        options.retain(|o| !o.starts_with("media="));
        options.push("media=cdrom".to_owned());
        (format!("vm-{vmid}-cloudinit"), 4 << 20)
    } else if let Some(size) = parse_size(&format!("{name}G")) {
        (storage.disk_name(vmid, number), size)
    } else {
        // One that is there already, or a medium.
        return Ok(std::iter::once(format!("{storage_id}:{name}"))
            .chain(options)
            .collect::<Vec<_>>()
            .join(","));
    };
    options.retain(|o| !o.starts_with("size="));
    options.push(format!("size={}", format_size(size)));
    options.sort();
    if let Some(storage) = state.storages.get_mut(&storage_id) {
        storage.volumes.insert(name.clone(), Volume { content: content.to_owned(), size, vmid: Some(vmid) });
    }
    Ok(std::iter::once(format!("{storage_id}:{name}")).chain(options).collect::<Vec<_>>().join(","))
}

/// Puts a setting into a configuration as the server keeps it.
pub(crate) fn set(
    state: &mut State,
    vmid: u32,
    kind: Kind,
    config: &mut Config,
    key: &str,
    value: &str,
) -> Result<(), Failure> {
    let value = if is_volume(kind, key) {
        // A volume that another one takes the place of stays, unused.
        let old = config.get(key).and_then(|v| volume_of(v)).map(|(s, n)| format!("{s}:{n}"));
        let new = volume(state, vmid, kind, value)?;
        let same = volume_of(&new).map(|(s, n)| format!("{s}:{n}")) == old;
        if let (Some(old), false) = (old, same) {
            let free = (0..).map(|n| format!("unused{n}")).find(|k| !config.contains_key(k));
            config.insert(free.unwrap_or_default(), old);
        }
        new
    } else if is_numbered(key, "net") {
        if kind == Kind::Lxc { lxc_net(value) } else { qemu_net(value) }
    } else if key == "tags" {
        tags(value)
    } else if key == "description" {
        format!("{}\n", value.trim_end_matches('\n'))
    } else if is_boolean(kind, key) {
        String::from(if truth(value) { "1" } else { "0" })
    } else {
        value.to_owned()
    };
    config.insert(key.to_owned(), value);
    Ok(())
}

fn is_boolean(kind: Kind, key: &str) -> bool {
    let setting =
        if kind == Kind::Lxc { crate::schema::lxc_setting(key) } else { crate::schema::qemu_setting(key) };
    matches!(setting, Some(crate::schema::Type::Boolean))
}

/// The hash of a configuration, which a change may name so that it is not made to another one.
pub(crate) fn digest(config: &Config) -> String {
    let text: String = config.iter().map(|(k, v)| format!("{k}: {v}\n")).collect();
    blake3::hash(text.as_bytes()).to_hex()[..40].to_owned()
}

/// A configuration as `GET .../config` shows it.
pub(crate) fn show(guest: &Guest) -> Value {
    let mut map = Map::new();
    for (key, value) in &guest.config {
        // A virtual machine's memory is a text, because it may be more than a number.
        let text =
            matches!(key.as_str(), "description" | "hostname" | "name" | "tags" | "agent" | "cpulimit")
                || (guest.kind == Kind::Qemu && key == "memory");
        let shown = match value.parse::<i64>() {
            Ok(n) if !text && n.to_string() == *value => Value::from(n),
            _ => Value::from(value.clone()),
        };
        map.insert(key.clone(), shown);
    }
    map.insert("digest".to_owned(), digest(&guest.config).into());
    if let Some(lock) = &guest.lock {
        map.insert("lock".to_owned(), lock.clone().into());
    }
    map.into()
}

/// What a container runs, by the name of its template.
pub(crate) fn ostype(template: &str) -> &'static str {
    let name = template.rsplit('/').next().unwrap_or(template);
    OSTYPES.iter().find(|os| name.starts_with(**os)).unwrap_or(&"unmanaged")
}

/// An option of a container's `netN`.
pub(crate) fn net_option<'a>(net: &'a str, name: &str) -> Option<&'a str> {
    net.split(',').find_map(|part| part.split_once('=').filter(|(n, _)| *n == name)).map(|(_, value)| value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_gets_a_hardware_address_and_a_type() {
        let net = lxc_net("name=eth0,bridge=vmbr0,firewall=1,ip=10.0.10.101/24,gw=10.0.10.1");
        let (before, after) = net.split_once(",hwaddr=BC:24:11:").unwrap();
        assert_eq!(before, "name=eth0,bridge=vmbr0,firewall=1,gw=10.0.10.1");
        assert_eq!(after.split_once(',').unwrap().1, "ip=10.0.10.101/24,type=veth");
        assert_eq!(lxc_net(&net), net);
        assert!(qemu_net("virtio,bridge=vmbr0").starts_with("virtio=BC:24:11:"));
        assert_eq!(
            qemu_net("model=e1000,macaddr=aa:bb:cc:00:11:22,bridge=vmbr1"),
            "e1000=AA:BB:CC:00:11:22,bridge=vmbr1"
        );
    }

    #[test]
    fn tags_are_sorted_and_joined() {
        assert_eq!(tags("b,a;a\0c"), "a;b;c");
    }
}
