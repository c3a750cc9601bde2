//! Which parameters a request may have, and what their values may be, with the words of a refusal.
//!
//! Source: the API viewer's parameters of `/nodes/{node}/lxc`, `/nodes/{node}/qemu` and their `config`; the messages of
//! PVE::JSONSchema as clients quote them.

use crate::config;
use crate::reply::Failure;
use indexmap::IndexMap;

/// A request's fields. One that came several times is joined with NUL, as the original does it.
pub(crate) type Parameters = IndexMap<String, String>;

/// What a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    Text,
    /// At least so many characters.
    Secret(usize),
    Integer(i64, i64),
    Number,
    Boolean,
    /// A host's name.
    Name,
    Vmid,
    /// A container's network interface.
    Net,
    Choice(&'static [&'static str]),
}

/// The value fits, or why it does not.
fn check(name: &str, value: &str, kind: Type) -> Result<(), String> {
    match kind {
        Type::Text => Ok(()),
        Type::Secret(least) if value.chars().count() < least => {
            Err(format!("value must be at least {least} characters long"))
        }
        Type::Secret(_) => Ok(()),
        Type::Integer(least, most) => match value.parse::<i64>() {
            Err(_) => Err(format!("type check ('integer') failed - got '{value}'")),
            Ok(number) if number < least => Err(format!("value must have a minimum value of {least}")),
            Ok(number) if number > most => Err(format!("value must have a maximum value of {most}")),
            Ok(_) => Ok(()),
        },
        Type::Number if value.parse::<f64>().is_err() => {
            Err(format!("type check ('number') failed - got '{value}'"))
        }
        Type::Number => Ok(()),
        Type::Boolean => {
            let known = ["0", "1", "on", "off", "yes", "no", "true", "false"];
            let known = known.contains(&value.to_ascii_lowercase().as_str());
            if known { Ok(()) } else { Err(format!("type check ('boolean') failed - got '{value}'")) }
        }
        Type::Name => {
            let label = |l: &str| {
                let inner = l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                !l.is_empty() && l.len() <= 63 && inner && !l.starts_with('-') && !l.ends_with('-')
            };
            if value.split('.').all(label) {
                return Ok(());
            }
            Err("invalid format - value does not look like a valid DNS name\n".to_owned())
        }
        Type::Vmid => match value.parse::<u32>() {
            Err(_) => Err("invalid format - value does not look like a valid VM ID\n".to_owned()),
            Ok(number) if number < 100 => Err("value must have a minimum value of 100".to_owned()),
            Ok(number) if number > 999_999_999 => {
                Err("value must have a maximum value of 999999999".to_owned())
            }
            Ok(_) => Ok(()),
        },
        Type::Net => config::check_lxc_net(name, value),
        Type::Choice(choices) if !choices.contains(&value) => {
            Err(format!("value '{value}' does not have a value in the enumeration '{}'", choices.join(", ")))
        }
        Type::Choice(_) => Ok(()),
    }
}

/// Every parameter is known and fits, and none of the required ones lacks. Those of the path are passed over: they
/// may come again in the body, with the same value.
pub(crate) fn verify(
    parameters: &Parameters,
    path: &[(&str, &str)],
    known: impl Fn(&str) -> Option<Type>,
    required: &[&str],
) -> Result<(), Failure> {
    let mut errors: Vec<(String, String)> = Vec::new();
    for (name, value) in parameters {
        if let Some((_, in_path)) = path.iter().find(|(n, _)| n == name) {
            if in_path != value {
                let error = "duplicate parameter (already defined in URI) with conflicting values!";
                errors.push((name.clone(), error.to_owned()));
            }
            continue;
        }
        let error = match known(name) {
            None => "property is not defined in schema and the schema does not allow additional properties"
                .to_owned(),
            Some(kind) => match check(name, value, kind) {
                Ok(()) => continue,
                Err(error) => error,
            },
        };
        errors.push((name.clone(), error));
    }
    for name in required {
        if !parameters.contains_key(*name) {
            errors.push(((*name).to_owned(), "property is missing and it is not optional".to_owned()));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::parameters(errors)) }
}

/// [`verify`] with a list.
pub(crate) fn verify_list(
    parameters: &Parameters,
    path: &[(&str, &str)],
    known: &[(&str, Type)],
    required: &[&str],
) -> Result<(), Failure> {
    verify(parameters, path, |name| known.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind), required)
}

pub(crate) fn truth(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "on" | "yes" | "true")
}

/// `net0` for `net`.
pub(crate) fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

const MOST: i64 = i64::MAX;
/// What a container may run.
pub(crate) const OSTYPES: &[&str] = &[
    "debian",
    "devuan",
    "ubuntu",
    "centos",
    "fedora",
    "opensuse",
    "archlinux",
    "alpine",
    "gentoo",
    "nixos",
    "unmanaged",
];

/// A container's settings.
pub(crate) fn lxc_setting(name: &str) -> Option<Type> {
    Some(match name {
        "onboot" | "console" | "protection" | "template" | "debug" | "unprivileged" => Type::Boolean,
        "cores" => Type::Integer(1, 8192),
        "cpulimit" => Type::Number,
        "cpuunits" => Type::Integer(0, 500_000),
        "memory" => Type::Integer(16, MOST),
        "swap" => Type::Integer(0, MOST),
        "tty" => Type::Integer(0, 6),
        "hostname" => Type::Name,
        "arch" => Type::Choice(&["amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"]),
        "ostype" => Type::Choice(OSTYPES),
        "cmode" => Type::Choice(&["shell", "console", "tty"]),
        "description" | "searchdomain" | "nameserver" | "timezone" | "startup" | "features"
        | "hookscript" | "tags" | "rootfs" | "lock" | "entrypoint" | "env" => Type::Text,
        _ if is_numbered(name, "net") => Type::Net,
        _ if ["mp", "unused", "dev"].iter().any(|p| is_numbered(name, p)) => Type::Text,
        _ => return None,
    })
}

/// What `POST /nodes/{node}/lxc` takes.
pub(crate) fn lxc_create(name: &str) -> Option<Type> {
    Some(match name {
        "vmid" => Type::Vmid,
        "ostemplate" | "storage" | "pool" | "ssh-public-keys" => Type::Text,
        "password" => Type::Secret(5),
        "force" | "restore" | "ignore-unpack-errors" | "start" | "unique" => Type::Boolean,
        "bwlimit" => Type::Number,
        _ => return lxc_setting(name),
    })
}

/// What `PUT /nodes/{node}/lxc/{vmid}/config` takes.
pub(crate) fn lxc_update(name: &str) -> Option<Type> {
    Some(match name {
        "delete" | "revert" | "digest" => Type::Text,
        _ => return lxc_setting(name),
    })
}

/// A virtual machine's settings.
pub(crate) fn qemu_setting(name: &str) -> Option<Type> {
    Some(match name {
        "onboot" | "autostart" | "numa" | "kvm" | "acpi" | "tablet" | "localtime" | "freeze"
        | "protection" | "template" | "reboot" | "tdf" | "ciupgrade" => Type::Boolean,
        "memory" => Type::Integer(16, MOST),
        "cores" | "sockets" | "vcpus" => Type::Integer(1, MOST),
        "balloon" | "shares" | "cpuunits" => Type::Integer(0, MOST),
        "cpulimit" | "migrate_downtime" | "migrate_speed" => Type::Number,
        "name" => Type::Name,
        "cpu" | "ostype" | "scsihw" | "boot" | "bootdisk" | "agent" | "ciuser" | "cipassword"
        | "cicustom" | "sshkeys" | "citype" | "nameserver" | "searchdomain" | "tags" | "description"
        | "vga" | "machine" | "bios" | "efidisk0" | "tpmstate0" | "args" | "hotplug" | "startup"
        | "startdate" | "hookscript" | "keyboard" | "lock" | "audio0" | "rng0" | "smbios1" | "vmgenid"
        | "watchdog" | "cdrom" | "hugepages" | "affinity" | "arch" => Type::Text,
        _ => {
            let prefixes = [
                "net", "scsi", "virtio", "ide", "sata", "ipconfig", "serial", "numa", "hostpci", "usb",
                "parallel", "unused",
            ];
            return prefixes.iter().any(|p| is_numbered(name, p)).then_some(Type::Text);
        }
    })
}

/// What `POST /nodes/{node}/qemu` takes.
pub(crate) fn qemu_create(name: &str) -> Option<Type> {
    Some(match name {
        "vmid" => Type::Vmid,
        "archive" | "storage" | "pool" | "import-working-storage" => Type::Text,
        "force" | "unique" | "start" | "live-restore" => Type::Boolean,
        "bwlimit" => Type::Number,
        _ => return qemu_setting(name),
    })
}

/// What `PUT` and `POST /nodes/{node}/qemu/{vmid}/config` take.
pub(crate) fn qemu_update(name: &str) -> Option<Type> {
    Some(match name {
        "delete" | "revert" | "digest" => Type::Text,
        "skiplock" | "force" => Type::Boolean,
        "background_delay" => Type::Integer(1, 30),
        _ => return qemu_setting(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let parameters = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        match verify(&parameters, &[("node", "pve")], lxc_create, &["vmid", "ostemplate"]) {
            Ok(()) => Vec::new(),
            Err(failure) => {
                assert_eq!(
                    (failure.status, failure.message.as_str()),
                    (400, "Parameter verification failed.")
                );
                let text = |v: serde_json::Value| v.as_str().unwrap_or_default().to_owned();
                failure.errors.into_iter().map(|(n, v)| (n, text(v))).collect()
            }
        }
    }

    #[test]
    fn parameters_are_refused_in_the_words_of_the_original() {
        assert!(
            errors(&[("vmid", "101"), ("ostemplate", "local:vztmpl/x"), ("net0", "name=eth0,ip=dhcp")])
                .is_empty()
        );
        let wrong = errors(&[
            ("node", "other"),
            ("vmid", "99"),
            ("memory", "many"),
            ("swap", "-1"),
            ("onboot", "perhaps"),
            ("hostname", "a_b"),
            ("ssh-public-key", "x"),
            ("net0", "bridge=vmbr0"),
            ("password", "abc"),
        ]);
        let expected = [
            ("node", "duplicate parameter (already defined in URI) with conflicting values!"),
            ("vmid", "value must have a minimum value of 100"),
            ("memory", "type check ('integer') failed - got 'many'"),
            ("swap", "value must have a minimum value of 0"),
            ("onboot", "type check ('boolean') failed - got 'perhaps'"),
            ("hostname", "invalid format - value does not look like a valid DNS name\n"),
            (
                "ssh-public-key",
                "property is not defined in schema and the schema does not allow additional properties",
            ),
            (
                "net0",
                "invalid format - format error\nnet0.name: property is missing and it is not optional\n",
            ),
            ("password", "value must be at least 5 characters long"),
            ("ostemplate", "property is missing and it is not optional"),
        ];
        let expected: Vec<(String, String)> =
            expected.iter().map(|(n, e)| ((*n).into(), (*e).into())).collect();
        assert_eq!(wrong, expected);
    }
}
