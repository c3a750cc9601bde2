//! Tends the folder in which this agent is cached: programs of other versions that nobody used for a month go.

use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

/// Marks this agent as used and removes old siblings, at most once a day. Failures are of no consequence.
pub(super) fn tend() {
    let Ok(own) = std::fs::read_link("/proc/self/exe") else { return };
    tend_at(&own, SystemTime::now());
}

fn tend_at(own: &Path, now: SystemTime) {
    let is_agent = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("agent-"))
    };
    let is_program = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("agent-") || name.starts_with("web-"))
    };
    let web = super::web::beside(own);
    let age = |path: &Path| {
        let modified = std::fs::symlink_metadata(path).and_then(|meta| meta.modified()).ok()?;
        now.duration_since(modified).ok()
    };
    if !is_agent(own) || age(own).is_none_or(|age| age < DAY) {
        return;
    }
    let stamp = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        last_modification: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
    };
    for used in std::iter::once(own).chain(web.as_deref()) {
        let _ = rustix::fs::utimensat(rustix::fs::CWD, used, &stamp, rustix::fs::AtFlags::empty());
    }
    let Some(Ok(entries)) = own.parent().map(std::fs::read_dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_other = path != own && web.as_ref() != Some(&path);
        if is_other && is_program(&path) && age(&path).is_some_and(|age| age > KEEP) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn old_siblings_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            path
        };
        let (own, old, other) = (file("agent-1"), file("agent-2"), file("notes"));
        let (web, old_web) = (file("web-1"), file("web-2"));
        let later = SystemTime::now() + KEEP + DAY;
        tend_at(&own, later);
        assert!(own.exists() && web.exists() && other.exists());
        assert!(!old.exists() && !old_web.exists());
    }
}
