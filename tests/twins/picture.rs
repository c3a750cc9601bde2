//! What a host is like after a run: its files, and what its programs say.

use crate::stage::here;
use crate::words::Words;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use windlass_test_hosts::{Host, Kind, Tree};

const PLACES: [&str; 8] =
    ["/etc", "/home", "/opt", "/root", "/srv", "/usr/local", "/var/lib/systemd", "/var/spool/cron"];

/// Paths that are each host's own, or each tool's.
const OWN: [&str; 12] = [
    "/etc/machine-id",
    "/etc/ssh/ssh_host_",
    "/etc/systemd/network/10-host0.network",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/timers/",
    "/root/.cache",
    "/home/ops/.cache",
    "/home/app/.cache",
    "/root/.ansible",
    "/home/ops/.ansible",
    "/home/app/.ansible",
];

/// Files, and facts in lines.
pub struct Picture {
    pub files: BTreeMap<String, String>,
    pub facts: BTreeSet<String>,
}

impl Picture {
    pub fn of(host: &Host, out: &Path, words: &Words) -> Self {
        let Tree(entries) = host.snapshot_tree(&PLACES).unwrap();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (path, entry) in
            entries.into_iter().filter(|(path, _)| !OWN.iter().any(|own| path.starts_with(own)))
        {
            let mut text = entry.to_string();
            let attributes = format!("{:04o} {}:{}", entry.mode, entry.uid, entry.gid);
            // A backup's name has the time in it.
            let name = match backup(&path) {
                Some(original) => format!("{original} (a backup)"),
                None => path.clone(),
            };
            if matches!(entry.kind, Kind::File(size, _) if size < 20_000)
                && let Ok(content) = host.read(&path)
            {
                text = format!("{attributes}\n{}", words.level(&String::from_utf8_lossy(&content)));
            }
            files.insert(name, text);
        }
        // What was fetched.
        for entry in walkdir::WalkDir::new(out).min_depth(2).sort_by_file_name() {
            let entry = entry.unwrap();
            let content = std::fs::read(entry.path()).unwrap_or_default();
            let name = entry.path().strip_prefix(out).unwrap();
            let mode = std::os::unix::fs::MetadataExt::mode(&entry.metadata().unwrap());
            files.insert(
                format!("OUT/{}", name.display()),
                format!("{mode:o} {}", String::from_utf8_lossy(&content)),
            );
        }
        let script = std::fs::read_to_string(here().join("setup/picture.sh")).unwrap();
        let facts = host.sh(&script).unwrap().lines().map(str::to_owned).collect();
        Self { files, facts }
    }
}

/// The file that `NAME.1234.2026-01-02@03:04:05~` is a backup of.
fn backup(path: &str) -> Option<&str> {
    let rest = path.strip_suffix('~')?;
    let (rest, time) = rest.rsplit_once('.')?;
    let (original, pid) = rest.rsplit_once('.')?;
    (time.contains('@') && pid.bytes().all(|b| b.is_ascii_digit())).then_some(original)
}
