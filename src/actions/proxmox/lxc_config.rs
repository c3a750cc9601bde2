//! The settings of a container that a task names.

use super::specs::LxcArgs;
use super::trouble::Trouble;
use super::volume::Volume;
use super::wish::{Like, Wish};
use crate::proxmox::Form;
use windlass_protocol::{Json, JsonMap};

/// Settings that can be changed. Disks are apart: [`disks`].
pub(super) fn wishes(args: &LxcArgs) -> Result<Vec<Wish>, Trouble> {
    let mut out = Vec::new();
    let mut add = |name: &str, value: Option<String>, like: Like| {
        if let Some(value) = value {
            out.push(Wish::new(name, value, like));
        }
    };
    let number = |value: Option<i64>| value.map(|v| v.to_string());
    let list = |value: &Option<Vec<String>>| value.as_ref().map(|items| items.join(","));
    add("cores", number(args.cores), Like::Number);
    add("cpulimit", number(args.cpus), Like::Number);
    add("cpuunits", number(args.cpuunits), Like::Number);
    add("description", args.description.clone(), Like::Note);
    add("features", list(&args.features), Like::Properties(""));
    add("hookscript", args.hookscript.clone(), Like::Text);
    add("hostname", args.hostname.clone(), Like::Text);
    add("ip_address", args.ip_address.clone(), Like::Text);
    add("memory", number(args.memory), Like::Number);
    add("nameserver", args.nameserver.clone(), Like::Words);
    add("onboot", args.onboot.map(|v| u8::from(v).to_string()), Like::Flag);
    add("searchdomain", args.searchdomain.clone(), Like::Words);
    add("startup", list(&args.startup), Like::Properties("order"));
    add("swap", number(args.swap), Like::Number);
    add("timezone", args.timezone.clone(), Like::Text);
    if let Some(tags) = &args.tags {
        valid_tags(tags)?;
        out.push(Wish { name: "tags".to_owned(), values: tags.clone(), like: Like::Tags });
    }
    for (name, value) in args.netif.iter().flatten() {
        out.push(Wish::new(name, text_of("netif", name, value)?, Like::Network));
    }
    Ok(out)
}

/// Refuses tags that the server does not take.
pub(super) fn valid_tags(tags: &[String]) -> Result<(), Trouble> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
    let valid = |tag: &str| {
        tag.chars().all(inner) && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    match tags.iter().find(|tag| !valid(tag)) {
        Some(tag) => Err(Trouble::about("tags", format!("{tag} is not a valid tag"))
            .hint("a tag has letters, digits and `_-+.`, and begins with a letter, a digit or `_`")),
        None => Ok(()),
    }
}

fn text_of(argument: &'static str, name: &str, value: &Json) -> Result<String, Trouble> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        other => Err(Trouble::about(argument, format!("{argument}: {name} is a text, this is {other}"))),
    }
}

/// The disks that a task names: `rootfs` and mount points.
pub(super) fn disks(args: &LxcArgs) -> Result<Vec<(String, Volume)>, Trouble> {
    let mut out = Vec::new();
    if let Some(disk) = args.disk.as_deref() {
        let volume = if disk.chars().all(|c| c.is_ascii_digit()) && !disk.is_empty() {
            Volume { size: Some(disk.to_owned()), ..Volume::default() }
        } else {
            Volume::parse(disk)?
        };
        out.push(("rootfs".to_owned(), volume));
    } else if let Some(map) = &args.disk_volume {
        out.push(("rootfs".to_owned(), Volume::of(map, "disk_volume")?));
    }
    if let Some(mounts) = &args.mounts {
        for (key, value) in mounts {
            out.push((key.clone(), Volume::parse(&text_of("mounts", key, value)?)?));
        }
    } else {
        for map in args.mount_volumes.iter().flatten() {
            let Some(id) = map.get("id").and_then(Json::as_str) else {
                return Err(Trouble::about(
                    "mount_volumes",
                    "missing required arguments: id found in mount_volumes",
                ));
            };
            out.push((id.to_owned(), Volume::of(map, "mount_volumes")?));
        }
    }
    Ok(out)
}

/// The fields that make a new container, without number and template.
pub(super) fn creation(args: &LxcArgs) -> Result<Form, Trouble> {
    let none = JsonMap::new();
    let mut form: Form = wishes(args)?.iter().flat_map(|wish| wish.fields(&none)).collect();
    let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
    add("force", if args.force { "1" } else { "0" });
    add("unprivileged", if args.unprivileged { "1" } else { "0" });
    add("storage", &args.storage);
    if args.ostype != "auto" {
        add("ostype", &args.ostype);
    }
    for (name, value) in
        [("password", &args.password), ("pool", &args.pool), ("ssh-public-keys", &args.pubkey)]
    {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for (key, disk) in disks(args)? {
        // A number alone lets the server choose by `storage`.
        let alone = Volume { size: None, ..disk.clone() } == Volume::default();
        match &disk.size {
            Some(size) if alone => add(&key, size),
            _ => add(&key, &disk.create()?),
        }
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_protocol::{ModuleArgs, args};

    fn of(value: Json) -> LxcArgs {
        let mut map =
            args::normalize(&LxcArgs::SPEC, value.as_object().expect("a mapping")).expect("arguments");
        LxcArgs::take(&mut map).expect("types")
    }

    #[test]
    fn the_fields_of_a_new_container() {
        let args = of(json!({
            "node": "pve", "hostname": "web", "vmid": 101, "disk": "local-lvm:8", "memory": 512, "cores": 2, "cpus": 1,
            "tags": ["a", "b"], "onboot": true, "features": ["nesting=1", "keyctl=1"], "password": "x", "pubkey": "ssh-ed25519 A",
            "netif": {"net0": "name=eth0,bridge=vmbr0"}, "mounts": {"mp0": "local:4,mp=/srv"}
        }));
        let mut form: Vec<String> =
            creation(&args).expect("a form").into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        form.sort();
        assert_eq!(
            form,
            [
                "cores=2",
                "cpulimit=1",
                "features=nesting=1,keyctl=1",
                "force=0",
                "hostname=web",
                "memory=512",
                "mp0=local:4,mp=/srv",
                "net0=name=eth0,bridge=vmbr0",
                "onboot=1",
                "password=x",
                "rootfs=local-lvm:8",
                "ssh-public-keys=ssh-ed25519 A",
                "storage=local",
                "tags=a",
                "tags=b",
                "unprivileged=1"
            ]
        );
    }

    #[test]
    fn a_number_is_a_size_on_the_default_storage() {
        let form = creation(&of(json!({"node": "pve", "hostname": "w", "disk": "8"}))).expect("a form");
        assert!(form.contains(&("rootfs".to_owned(), "8".to_owned())));
    }

    #[test]
    fn tags_are_checked() {
        let args = of(json!({"node": "pve", "hostname": "w", "tags": ["ok", "-not"]}));
        assert_eq!(wishes(&args).err().map(|e| e.to_string()), Some("-not is not a valid tag".to_owned()));
    }
}
