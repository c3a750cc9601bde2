//! SELinux, AppArmor, FIPS, chroot and capabilities.

use super::source::{Source, key_value};
use serde_json::json;
use std::path::Path;
use windlass_protocol::{Json, JsonMap};

fn one(name: &str, value: Json) -> JsonMap {
    JsonMap::from_iter([(name.to_owned(), value)])
}

/// SELinux.
pub fn selinux(source: &mut Source<'_>) -> JsonMap {
    let mut out = one("selinux_python_present", Json::Bool(true));
    let Some(enforce) = source.text("/sys/fs/selinux/enforce") else {
        out.insert("selinux".into(), json!({"status": "disabled"}));
        return out;
    };
    let config = source.text("/etc/selinux/config").unwrap_or_default();
    let unknown = || "unknown".to_owned();
    let policy = source.text("/sys/fs/selinux/policyvers").and_then(|t| t.parse::<i64>().ok());
    out.insert(
        "selinux".into(),
        json!({
            "status": "enabled",
            "policyvers": policy.map_or_else(|| Json::String(unknown()), Json::from),
            "config_mode": key_value(&config, "SELINUX").map_or_else(unknown, |m| m.to_lowercase()),
            "mode": if enforce == "1" { "enforcing" } else { "permissive" },
            "type": key_value(&config, "SELINUXTYPE").unwrap_or_else(unknown),
        }),
    );
    out
}

/// AppArmor.
pub fn apparmor(source: &mut Source<'_>) -> JsonMap {
    let on = source.exists("/sys/kernel/security/apparmor");
    one("apparmor", json!({"status": if on { "enabled" } else { "disabled" }}))
}

/// FIPS mode of the kernel.
pub fn fips(source: &mut Source<'_>) -> JsonMap {
    one("fips", Json::Bool(source.text("/proc/sys/crypto/fips_enabled").as_deref() == Some("1")))
}

/// Whether the agent's root is another one than the first process has.
pub fn chroot(source: &mut Source<'_>) -> JsonMap {
    let inside = if source.sys.env("debian_chroot").is_some_and(|v| !v.is_empty()) {
        true
    } else {
        let root = source.sys.stat(Path::new("/")).ok().flatten();
        let first = source.sys.stat(Path::new("/proc/1/root/.")).ok().flatten();
        match (root, first) {
            (Some(a), Some(b)) => (a.ino, a.dev) != (b.ino, b.dev),
            // Not allowed to look: the root of most file systems has inode 2, of btrfs 256, of xfs 128.
            (Some(a), None) => {
                let mounts = source.text("/proc/mounts").unwrap_or_default();
                let mut kind = mounts.lines().filter_map(|l| {
                    let words: Vec<&str> = l.split(' ').collect();
                    (words.get(1) == Some(&"/")).then(|| words.get(2).copied().unwrap_or("").to_owned())
                });
                let expected = match kind.next_back().as_deref() {
                    Some("btrfs") => 256,
                    Some("xfs") => 128,
                    _ => 2,
                };
                a.ino != expected
            }
            _ => false,
        }
    };
    one("is_chroot", Json::Bool(inside))
}

/// Capabilities of the agent, where `capsh` is there to name them.
pub fn capabilities(source: &mut Source<'_>) -> JsonMap {
    let (mut enforced, mut names) = (Json::from("N/A"), Json::from("N/A"));
    if let Some(program) = source.sys.find_program("capsh") {
        if has_all(source) == Some(true) {
            enforced = "False".into();
            names = json!([]);
        } else if let Some(text) = source.query(&[&program, "--print"]) {
            let current = text.lines().find_map(|l| l.strip_prefix("Current:")).unwrap_or("").trim();
            if current == "=ep" {
                enforced = "False".into();
                names = json!([]);
            } else {
                let list = current.split('=').nth(1).unwrap_or("");
                enforced = "True".into();
                names = list.split(',').map(|n| Json::from(n.trim())).collect();
            }
        }
    }
    let mut out = one("system_capabilities_enforced", enforced);
    out.insert("system_capabilities".into(), names);
    out
}

/// Whether the process has every capability that the kernel knows, and none that is inherited.
fn has_all(source: &Source<'_>) -> Option<bool> {
    let last: u32 = source.text("/proc/sys/kernel/cap_last_cap")?.parse().ok()?;
    let all = 1_u64.checked_shl(last + 1).map_or(u64::MAX, |bit| bit - 1);
    let status = source.text("/proc/self/status")?;
    let mask = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|l| l.strip_prefix(key))?;
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).ok()
    };
    Some(mask("CapEff")? & all == all && mask("CapPrm")? & all == all && mask("CapInh")? == 0)
}
