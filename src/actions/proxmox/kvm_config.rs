//! The settings of a virtual machine that a task names.

use super::lxc_config::valid_tags;
use super::specs_kvm::KvmArgs;
use super::trouble::Trouble;
use super::wish::{Like, Wish};
use crate::proxmox::Form;
use windlass_protocol::{Json, JsonMap};

/// Arguments that are settings under their own name.
const SETTINGS: &[(&str, Like)] = &[
    ("acpi", Like::Number),
    ("autostart", Like::Flag),
    ("balloon", Like::Number),
    ("bios", Like::Text),
    ("boot", Like::Properties("legacy")),
    ("bootdisk", Like::Text),
    ("cicustom", Like::Properties("")),
    ("cipassword", Like::Hidden),
    ("citype", Like::Text),
    ("ciupgrade", Like::Number),
    ("ciuser", Like::Text),
    ("cores", Like::Number),
    ("cpu", Like::Properties("cputype")),
    ("cpulimit", Like::Number),
    ("cpuunits", Like::Number),
    ("description", Like::Note),
    ("digest", Like::Along),
    ("freeze", Like::Flag),
    ("hookscript", Like::Text),
    ("hotplug", Like::Words),
    ("hugepages", Like::Text),
    ("keyboard", Like::Text),
    ("kvm", Like::Number),
    ("localtime", Like::Flag),
    ("lock", Like::Text),
    ("machine", Like::Properties("type")),
    ("memory", Like::Number),
    ("migrate_downtime", Like::Number),
    ("migrate_speed", Like::Number),
    ("name", Like::Text),
    ("onboot", Like::Flag),
    ("ostype", Like::Text),
    ("protection", Like::Flag),
    ("reboot", Like::Number),
    ("rng0", Like::Properties("source")),
    ("scsihw", Like::Text),
    ("shares", Like::Number),
    ("skiplock", Like::Along),
    ("sockets", Like::Number),
    ("startdate", Like::Text),
    ("startup", Like::Properties("order")),
    ("tablet", Like::Number),
    ("tdf", Like::Flag),
    ("template", Like::Flag),
    ("vcpus", Like::Number),
    ("vga", Like::Properties("type")),
    ("watchdog", Like::Properties("model")),
];

/// Arguments that are mappings of settings; the last word says whether only `update_unsafe` changes them.
const NUMBERED: &[(&str, Like, bool)] = &[
    ("audio", Like::Properties("device"), false),
    ("hostpci", Like::Properties("host"), false),
    ("ide", Like::Drive, true),
    ("ipconfig", Like::Properties(""), false),
    ("net", Like::Card, true),
    ("numa", Like::Properties(""), false),
    ("parallel", Like::Text, false),
    ("sata", Like::Drive, true),
    ("scsi", Like::Drive, true),
    ("serial", Like::Text, false),
    ("usb", Like::Properties("host"), false),
    ("virtio", Like::Drive, true),
];

/// What only goes along when a machine is made.
const AT_CREATION: &[&str] = &["archive", "force", "pool", "snapname", "storage", "target"];

/// A value as the API takes it.
fn field(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(flag) => u8::from(*flag).to_string(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Everything but letters, digits and `_.-~` as `%` codes: the form in which the server takes keys.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Settings that a task names. `risky` are disks and interfaces.
pub(super) fn wishes(args: &KvmArgs, given: &JsonMap, risky: bool) -> Result<Vec<Wish>, Trouble> {
    let mut out = Vec::new();
    for (name, like) in SETTINGS {
        if let Some(value) = given.get(*name).and_then(field) {
            out.push(Wish::new(name, value, *like));
        }
    }
    for (name, like, is_risky) in NUMBERED {
        if *is_risky && !risky {
            continue;
        }
        for (key, value) in given.get(*name).and_then(Json::as_object).into_iter().flatten() {
            if let Some(value) = field(value) {
                out.push(Wish::new(key, value, *like));
            }
        }
    }
    let renamed = [("numa_enabled", "numa", Like::Flag), ("smbios", "smbios1", Like::Properties(""))];
    for (name, field_name, like) in renamed {
        if let Some(value) = given.get(name).and_then(field) {
            out.push(Wish::new(field_name, value, like));
        }
    }
    for (items, name) in [(&args.nameservers, "nameserver"), (&args.searchdomains, "searchdomain")] {
        if let Some(items) = items.as_ref().filter(|items| !items.is_empty()) {
            out.push(Wish::new(name, items.join(" "), Like::Words));
        }
    }
    if let Some(agent) = &args.agent {
        let flag = windlass_protocol::args::parse_bool(agent).map(|flag| u8::from(flag).to_string());
        out.push(Wish::new("agent", flag.unwrap_or_else(|| agent.clone()), Like::Properties("enabled")));
    }
    if let Some(keys) = &args.sshkeys {
        out.push(Wish::new("sshkeys", quoted(keys), Like::Keys));
    }
    if let Some(tags) = &args.tags {
        valid_tags(tags)?;
        let values = if tags.is_empty() { Vec::new() } else { vec![tags.join(",")] };
        out.push(Wish { name: "tags".to_owned(), values, like: Like::Tags });
    }
    if risky {
        out.extend(firmware(args)?);
    }
    let root = args.api.api_user.as_deref() == Some("root@pam");
    if let Some(text) = &args.args {
        if !root {
            return Err(Trouble::about("args", "args parameter require root@pam user. "));
        }
        out.push(Wish::new("args", text, Like::Text));
    }
    if args.skiplock.is_some() && !root {
        return Err(Trouble::about("skiplock", "skiplock parameter require root@pam user. "));
    }
    Ok(out)
}

/// The disks that firmware and TPM keep their state on.
fn firmware(args: &KvmArgs) -> Result<Vec<Wish>, Trouble> {
    let mut out = Vec::new();
    if let Some(map) = &args.efidisk0 {
        if args.bios.as_deref() != Some("ovmf") {
            return Err(Trouble::about("efidisk0", "efidisk0 cannot be used if bios is not set to ovmf. "));
        }
        let known = ["storage", "format", "efitype", "pre_enrolled_keys"];
        reject_unknown("efidisk0", map, &known)?;
        let storage = map.get("storage").and_then(field).map(|s| format!("{s}:1"));
        let rest = known[1..].iter().filter_map(|name| {
            let value = map.get(*name)?;
            let value = match (*name, value.as_str().and_then(windlass_protocol::args::parse_bool)) {
                ("pre_enrolled_keys", Some(flag)) => u8::from(flag).to_string(),
                _ => field(value)?,
            };
            Some(format!("{}={value}", name.replace('_', "-")))
        });
        let text: Vec<String> = storage.into_iter().chain(rest).collect();
        out.push(Wish::new("efidisk0", text.join(","), Like::Firmware));
    }
    if let Some(map) = &args.tpmstate0 {
        reject_unknown("tpmstate0", map, &["storage", "version"])?;
        let Some(storage) = map.get("storage").and_then(field) else {
            return Err(Trouble::about(
                "tpmstate0",
                "missing required arguments: storage found in tpmstate0",
            ));
        };
        let version = map.get("version").and_then(field).unwrap_or_else(|| "2.0".to_owned());
        if !matches!(version.as_str(), "2.0" | "1.2") {
            let text =
                format!("value of version must be one of: 2.0, 1.2, got: {version} found in tpmstate0");
            return Err(Trouble::about("tpmstate0", text));
        }
        out.push(Wish::new("tpmstate0", format!("{storage}:1,version=v{version}"), Like::Firmware));
    }
    Ok(out)
}

fn reject_unknown(argument: &'static str, map: &JsonMap, known: &[&str]) -> Result<(), Trouble> {
    match map.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Trouble::about(argument, format!("{argument}: there is no `{name}` in it"))
            .hint(format!("it has {}", known.join(", ")))),
        None => Ok(()),
    }
}

/// The fields that make a new machine, without its number.
pub(super) fn creation(args: &KvmArgs, given: &JsonMap) -> Result<Form, Trouble> {
    let none = JsonMap::new();
    let mut form: Form = wishes(args, given, true)?.iter().flat_map(|wish| wish.fields(&none)).collect();
    for name in AT_CREATION {
        if let Some(value) = given.get(*name).and_then(field) {
            form.push(((*name).to_owned(), value));
        }
    }
    Ok(form)
}

/// The fields that make a copy.
pub(super) fn copy(args: &KvmArgs, given: &JsonMap) -> Form {
    let mut form = Form::new();
    for name in ["format", "full", "pool", "snapname", "storage", "target"] {
        if name == "format" && args.format.as_deref() == Some("unspecified") {
            continue;
        }
        if let Some(value) = given.get(name).and_then(field) {
            form.push((name.to_owned(), value));
        }
    }
    form
}

/// The settings whose new values are told after a machine was made.
pub(super) fn told_back(given: &JsonMap) -> Vec<String> {
    ["ide", "net", "sata", "scsi", "virtio"]
        .iter()
        .filter_map(|name| given.get(*name).and_then(Json::as_object))
        .flat_map(|map| map.keys().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_protocol::{ModuleArgs, args};

    fn of(value: Json) -> (KvmArgs, JsonMap) {
        let map = args::normalize(&KvmArgs::SPEC, value.as_object().expect("a mapping")).expect("arguments");
        (KvmArgs::take(&mut map.clone()).expect("types"), map)
    }

    fn lines(form: Form) -> Vec<String> {
        let mut out: Vec<String> = form.into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        out.sort();
        out
    }

    #[test]
    fn the_fields_of_a_new_machine() {
        let (args, given) = of(json!({
            "api_user": "root@pam", "node": "pve", "name": "db", "memory": 2048, "agent": "yes", "onboot": false,
            "net": {"net0": "virtio,bridge=vmbr0"}, "scsi": {"scsi0": "local-lvm:32"}, "tags": ["b", "a"], "sshkeys": "ssh-ed25519 A b@c",
            "numa_enabled": true, "smbios": "uuid=1", "nameservers": ["1.1.1.1", "8.8.8.8"], "bios": "ovmf", "pool": "prod",
            "efidisk0": {"storage": "local-lvm", "efitype": "4m", "pre_enrolled_keys": true}, "tpmstate0": {"storage": "local-lvm"}
        }));
        assert_eq!(
            lines(creation(&args, &given).expect("a form")),
            [
                "agent=1",
                "bios=ovmf",
                "efidisk0=local-lvm:1,efitype=4m,pre-enrolled-keys=1",
                "memory=2048",
                "name=db",
                "nameserver=1.1.1.1 8.8.8.8",
                "net0=virtio,bridge=vmbr0",
                "numa=1",
                "onboot=0",
                "pool=prod",
                "scsi0=local-lvm:32",
                "smbios1=uuid=1",
                "sshkeys=ssh-ed25519%20A%20b%40c",
                "tags=b,a",
                "tpmstate0=local-lvm:1,version=v2.0"
            ]
        );
        assert_eq!(told_back(&given), ["net0", "scsi0"]);
    }

    #[test]
    fn disks_and_interfaces_are_not_changed_unasked() {
        let (args, given) = of(json!({
            "node": "pve", "name": "db", "memory": 2048, "net": {"net0": "virtio"}, "scsi": {"scsi0": "local-lvm:32"}
        }));
        let names = |risky| -> Vec<String> {
            wishes(&args, &given, risky).expect("wishes").into_iter().map(|w| w.name).collect()
        };
        assert_eq!(names(false), ["memory", "name"]);
        assert_eq!(names(true), ["memory", "name", "net0", "scsi0"]);
    }

    #[test]
    fn only_root_gives_arguments_to_the_hypervisor() {
        let (args, given) = of(json!({"api_user": "ops@pve", "node": "pve", "name": "db", "args": "-x"}));
        let text = wishes(&args, &given, true).err().map(|e| e.to_string());
        assert_eq!(text.as_deref(), Some("args parameter require root@pam user. "));
    }

    #[test]
    fn a_linked_copy() {
        let (args, given) = of(json!({
            "node": "pve", "name": "db", "clone": "base", "format": "unspecified", "full": false, "storage": "nas"
        }));
        assert_eq!(lines(copy(&args, &given)), ["full=0", "storage=nas"]);
    }
}
