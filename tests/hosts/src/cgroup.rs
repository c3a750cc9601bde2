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

/// The mounts of the v1 controllers that limits need, with the file and the limit's value.
fn v1(name: &str, limits: &Limits) -> Vec<(PathBuf, &'static str, Option<String>)> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(_), Some(at), Some("cgroup"), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let at = Path::new(at).join(format!("windlass-{name}"));
        let has = |controller: &str| options.split(',').any(|o| o == controller);
        if has("memory") {
            found.push((at, "memory.limit_in_bytes", limits.bytes().map(|b| b.to_string())));
        } else if has("cpu") {
            found.push((at, "cpu.cfs_quota_us", limits.quota().map(|q| q.to_string())));
        }
    }
    found
}

/// What a host may use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Memory, in MiB.
    pub(crate) memory: Option<u64>,
    pub(crate) cores: Option<u32>,
}

/// The time over which processor time is counted, in microseconds: the kernel's own choice.
const PERIOD: u64 = 100_000;

impl Limits {
    fn bytes(&self) -> Option<u64> {
        self.memory.map(|mib| mib << 20)
    }

    fn quota(&self) -> Option<u64> {
        self.cores.map(|cores| u64::from(cores) * PERIOD)
    }

    fn any(&self) -> bool {
        self.memory.is_some() || self.cores.is_some()
    }
}

/// The folders that a host with these limits is started in.
pub(crate) fn with_limits(name: &str, limits: &Limits) -> Vec<PathBuf> {
    let mut all = paths(name);
    if limits.any() {
        all.extend(v1(name, limits).into_iter().map(|(path, ..)| path));
    }
    all
}

/// Every folder that a host may have and that is there.
pub(crate) fn existing(name: &str) -> Vec<PathBuf> {
    let limited = v1(name, &Limits::default()).into_iter().map(|(path, ..)| path);
    paths(name).into_iter().chain(limited).filter(|path| path.exists()).collect()
}

/// Sets limits where the machine lets us: in the v1 controllers' folders, or in the v2 tree where it has them.
pub(crate) fn limit(name: &str, limits: &Limits) {
    if !limits.any() {
        return;
    }
    // What a machine does not allow is left out: a limit makes a host more like the real one, no more.
    for (path, file, value) in v1(name, limits) {
        if let Some(value) = value {
            let _ = std::fs::write(path.join(file), value);
        }
    }
    for path in paths(name) {
        if let Some(parent) = path.parent() {
            let _ = std::fs::write(parent.join("cgroup.subtree_control"), "+memory");
            let _ = std::fs::write(parent.join("cgroup.subtree_control"), "+cpu");
        }
        if let Some(bytes) = limits.bytes().filter(|_| path.join("memory.max").exists()) {
            let _ = std::fs::write(path.join("memory.max"), bytes.to_string());
        }
        if let Some(quota) = limits.quota().filter(|_| path.join("cpu.max").exists()) {
            let _ = std::fs::write(path.join("cpu.max"), format!("{quota} {PERIOD}"));
        }
    }
}

/// Whether this machine has what it takes to limit a host's memory.
pub fn memory_can_be_limited() -> bool {
    has_controller("memory")
}

/// The same for the time of its processors.
pub fn cores_can_be_limited() -> bool {
    has_controller("cpu")
}

/// Whether there is a controller, in the v1 or in the v2 tree.
fn has_controller(name: &str) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, at, kind, options, ..] = words[..] else { return false };
        let listed = || std::fs::read_to_string(Path::new(at).join("cgroup.controllers")).unwrap_or_default();
        (kind == "cgroup" && options.split(',').any(|o| o == name))
            || (kind == "cgroup2" && listed().split_whitespace().any(|c| c == name))
    })
}

/// The memory that a host may use, in bytes, if there is a limit.
pub(crate) fn memory_limit(name: &str) -> Option<u64> {
    let v1 = v1(name, &Limits::default()).into_iter().map(|(path, file, _)| path.join(file));
    let v1 = v1.filter(|file| file.ends_with("memory.limit_in_bytes"));
    let v2 = paths(name).into_iter().map(|path| path.join("memory.max"));
    v1.chain(v2).find_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// How many processors' time a host may use, if there is a limit.
pub(crate) fn core_limit(name: &str) -> Option<f64> {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let quotas = v1(name, &Limits::default()).into_iter().filter(|(_, file, _)| file.starts_with("cpu."));
    let v1 = quotas.map(|(path, file, _)| (read(path.join(file)), read(path.join("cpu.cfs_period_us"))));
    // Quota and period, in one file.
    let v2 = paths(name).into_iter().map(|path| {
        let text = read(path.join("cpu.max")).unwrap_or_default();
        let (quota, period) = text.trim().split_once(' ').unwrap_or_default();
        (Some(quota.to_owned()), Some(period.to_owned()))
    });
    v1.chain(v2).find_map(|(quota, period)| {
        let quota: f64 = quota?.trim().parse().ok()?;
        let period: f64 = period?.trim().parse().ok()?;
        (quota > 0.0 && period > 0.0).then_some(quota / period)
    })
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
