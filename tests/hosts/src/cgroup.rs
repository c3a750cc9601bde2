//! A cgroup of its own for every host.
//!
//! `systemd-nspawn --keep-unit` puts the host's systemd below the cgroup that it was started in. Two hosts that
//! are started from one cgroup would therefore share the cgroups of their services, and `systemctl stop` in one
//! would kill the service of the same name in the other.

use crate::Error;
use std::path::{Path, PathBuf};

/// The folders that make up a host's cgroup: one in the v2 tree, and one in systemd's v1 tree where there is one.
pub(crate) fn paths(name: &str) -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (_, at, kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let ours =
                kind == "cgroup2" || (kind == "cgroup" && options.split(',').any(|o| o == "name=systemd"));
            ours.then(|| Path::new(at).join(format!("windlass-{name}")))
        })
        .collect()
}

/// Makes them.
pub(crate) fn create(paths: &[PathBuf]) -> Result<(), Error> {
    paths.iter().try_for_each(|path| std::fs::create_dir_all(path).map_err(Error::io(path)))
}

/// Kills every process in them, waits for their end, and removes them.
pub(crate) fn destroy(paths: &[PathBuf]) {
    for _ in 0..200 {
        let mut left = false;
        for path in paths {
            let mut pids = Vec::new();
            collect(path, &mut pids);
            for pid in &pids {
                if let Some(pid) = rustix::process::Pid::from_raw(*pid) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
            left |= !pids.is_empty() || !remove(path);
        }
        if !left {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn children(path: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .map(|e| e.path())
}

fn collect(path: &Path, pids: &mut Vec<i32>) {
    let text = std::fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|l| l.parse::<i32>().ok()).filter(|pid| *pid > 1));
    children(path).for_each(|child| collect(&child, pids));
}

/// Removes the folders, innermost first; whether nothing is left.
fn remove(path: &Path) -> bool {
    let all = children(path).map(|child| remove(&child)).filter(|gone| !gone).count() == 0;
    all && (std::fs::remove_dir(path).is_ok() || !path.exists())
}
