//! Kernel, architecture and names of the machine.

use super::source::Source;
use std::path::Path;
use windlass_protocol::JsonMap;

/// System, kernel, architecture, host names, machine id.
pub fn platform(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    let machine = &source.machine;
    let node = source.sys.hostname();
    out.insert("system".into(), machine.system.as_str().into());
    out.insert("kernel".into(), machine.release.as_str().into());
    out.insert("kernel_version".into(), machine.version.as_str().into());
    out.insert("machine".into(), machine.machine.as_str().into());
    let fqdn = full_name(source, &node);
    out.insert("fqdn".into(), fqdn.as_str().into());
    out.insert("hostname".into(), node.split('.').next().unwrap_or("").into());
    out.insert("nodename".into(), node.as_str().into());
    out.insert("domain".into(), fqdn.split_once('.').map_or("", |(_, d)| d).into());
    let bits = userspace_bits(source);
    out.insert("userspace_bits".into(), bits.into());
    let name = machine.machine.as_str();
    let is_i386 = name.len() == 4 && name.starts_with('i') && name.ends_with("86");
    if name == "x86_64" || is_i386 {
        let userspace = if bits == "64" { "x86_64" } else { "i386" };
        out.insert("architecture".into(), if is_i386 { "i386" } else { name }.into());
        out.insert("userspace_architecture".into(), userspace.into());
    } else {
        out.insert("architecture".into(), name.into());
    }
    let id = source.text("/var/lib/dbus/machine-id").or_else(|| source.text("/etc/machine-id"));
    if let Some(id) = id.as_deref().and_then(|t| t.lines().next()) {
        out.insert("machine_id".into(), id.into());
    }
    out
}

/// Whether the host's own programs are 32 or 64 bit: the fifth byte of an ELF file says it.
fn userspace_bits(source: &Source<'_>) -> &'static str {
    for path in ["/bin/sh", "/usr/bin/env"] {
        let Ok(mut file) = source.sys.open(Path::new(path)) else { continue };
        let mut head = [0_u8; 5];
        if file.read_exact(&mut head).is_ok() && head.starts_with(b"\x7fELF") {
            return if head[4] == 1 { "32" } else { "64" };
        }
    }
    if cfg!(target_pointer_width = "32") { "32" } else { "64" }
}

/// The fully qualified name: what the address of the host's own name is called in `/etc/hosts` or by the name service.
fn full_name(source: &Source<'_>, node: &str) -> String {
    let hosts = source.lines("/etc/hosts");
    let entries: Vec<Vec<&str>> = hosts
        .iter()
        .map(|line| line.split('#').next().unwrap_or("").split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() > 1)
        .collect();
    let address = entries.iter().find(|words| words[1..].contains(&node)).map(|words| words[0]);
    let asked: String;
    let names: Vec<&str> = match address {
        // All lines of one address are one host.
        Some(address) => {
            entries.iter().filter(|w| w[0] == address).flat_map(|w| w[1..].iter().copied()).collect()
        }
        None => {
            asked = source.query(&["getent", "hosts", node]).unwrap_or_default();
            asked.lines().next().unwrap_or("").split_whitespace().skip(1).collect()
        }
    };
    let qualified = names.iter().find(|n| n.contains('.')).or(names.first());
    qualified.map_or(node, |n| *n).to_owned()
}
