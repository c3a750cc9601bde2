//! Mounted file systems.

use super::source::Source;
use serde_json::json;
use std::path::Path;
use windlass_protocol::{Json, JsonMap};

/// `mounts`: everything that is mounted from a device or another host.
pub fn mounts(source: &mut Source<'_>, out: &mut JsonMap) {
    let table = source.text("/etc/mtab").or_else(|| source.text("/proc/mounts")).unwrap_or_default();
    let bound = bound_mounts(source);
    let uuids: Vec<(String, String)> = source
        .list("/dev/disk/by-uuid")
        .into_iter()
        .filter_map(|uuid| {
            let path = format!("/dev/disk/by-uuid/{uuid}");
            Some((source.sys.canonicalize(Path::new(&path)).ok()?, uuid))
        })
        .collect();
    let mut found: Vec<(String, Json)> = Vec::new();
    for line in table.lines() {
        let fields: Vec<String> = line.split_whitespace().map(unescape).collect();
        let [device, mount, kind, options, rest @ ..] = fields.as_slice() else { continue };
        if (!device.starts_with(['/', '\\']) && !device.contains(":/")) || kind == "none" {
            continue;
        }
        let mut options = options.clone();
        if bound.contains(mount) && !options.contains("bind") {
            options.push_str(",bind");
        }
        let number = |at: usize| rest.get(at).and_then(|n| n.parse::<i64>().ok()).unwrap_or(0);
        let mut info = json!({
            "mount": mount, "device": device, "fstype": kind, "options": options,
            "dump": number(0), "passno": number(1),
        });
        let Some(map) = info.as_object_mut() else { continue };
        match source.sys.filesystem(Path::new(mount), source.timeout_ms) {
            Ok(s) => {
                map.insert("size_total".into(), (s.frsize * s.blocks).into());
                map.insert("size_available".into(), (s.frsize * s.bavail).into());
                map.insert("block_size".into(), s.bsize.into());
                map.insert("block_total".into(), s.blocks.into());
                map.insert("block_available".into(), s.bavail.into());
                map.insert("block_used".into(), s.blocks.saturating_sub(s.bavail).into());
                map.insert("inode_total".into(), s.files.into());
                map.insert("inode_available".into(), s.favail.into());
                map.insert("inode_used".into(), s.files.saturating_sub(s.favail).into());
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                source.warnings.push(format!("Timeout exceeded when getting mount info for {mount}"));
                map.insert("note".into(), "Could not get extra information due to timeout".into());
            }
            Err(_) => {}
        }
        let real = source.sys.canonicalize(Path::new(device)).unwrap_or_else(|_| device.clone());
        let uuid = uuids.iter().find(|(d, _)| *d == real).map_or("N/A", |(_, u)| u.as_str());
        map.insert("uuid".into(), uuid.into());
        // Something mounted over it hides the earlier one.
        match found.iter_mut().find(|(m, _)| m == mount) {
            Some(entry) => entry.1 = info,
            None => found.push((mount.clone(), info)),
        }
    }
    out.insert("mounts".into(), found.into_iter().map(|(_, info)| info).collect());
}

/// Mount points that show a part of a file system.
fn bound_mounts(source: &Source<'_>) -> Vec<String> {
    let lines = source.lines("/proc/self/mountinfo");
    let fields = lines.iter().map(|l| l.split(' ').collect::<Vec<_>>());
    let parts = fields.filter(|f| f.get(3).is_some_and(|root| *root != "/"));
    parts.filter_map(|f| f.get(4).map(|m| unescape(m))).collect()
}

/// The kernel writes white space and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let octal = (bytes[at] == b'\\')
            .then(|| text.get(at + 1..at + 4).and_then(|d| u8::from_str_radix(d, 8).ok()))
            .flatten();
        match octal {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape("/mnt/a\\040b\\134c"), "/mnt/a b\\c");
        assert_eq!(unescape("a\\9"), "a\\9");
    }
}
