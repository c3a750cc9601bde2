//! Who owns which host. One file per host; all changes under one lock.

use crate::{Error, cgroup, command, network};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

const STATE: &str = "/run/windlass-test-hosts";

/// A host, and the process that it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// The internal, unique name: of the lease, the nspawn machine and the folder.
    pub id: String,
    /// The host's own name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Where its files are.
    pub dir: PathBuf,
    /// The process id of the nspawn that runs it; 0 until it is started.
    pub supervisor: u32,
    /// The owning process, or 0 when the host was started to stay.
    pub owner: u32,
    /// When the owner started, so that a reused process id is not taken for it.
    pub owner_started: u64,
    /// Whether the address was reserved: it then stays so when the host is gone.
    #[serde(default)]
    pub reserved: bool,
    /// Whether it is a reserved address that has no host.
    #[serde(default)]
    pub vacant: bool,
}

impl Lease {
    /// How much memory its host may use, in bytes, as the kernel sees it; nothing where there is no limit.
    pub fn memory_limit(&self) -> Option<u64> {
        cgroup::memory_limit(&self.id)
    }

    /// How many processors' time its host may use, as the kernel sees it; nothing where there is no limit.
    pub fn core_limit(&self) -> Option<f64> {
        cgroup::core_limit(&self.id)
    }
}

/// The lock over leases, addresses and the bridge. It is let go of by dropping it.
pub(crate) struct Lock {
    _file: File,
}

pub(crate) fn lock() -> Result<Lock, Error> {
    std::fs::create_dir_all(STATE).map_err(Error::io(STATE))?;
    lock_file(&Path::new(STATE).join("lock")).map(|file| Lock { _file: file })
}

/// Takes an exclusive lock on a file, waiting for it.
pub(crate) fn lock_file(path: &Path) -> Result<File, Error> {
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(Error::io(path))?;
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(Error::io(path)(e.into())),
        }
    }
}

/// All hosts of this machine.
pub fn leases() -> Result<Vec<Lease>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(STATE).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        // One that cannot be read was removed this moment, or is half written after a crash.
        if let Ok(lease) = serde_json::from_slice::<Lease>(&std::fs::read(&path).unwrap_or_default()) {
            found.push(lease);
        }
    }
    found.sort_by_key(|l| l.address);
    Ok(found)
}

/// The lease with this internal name.
pub(crate) fn read(id: &str) -> Option<Lease> {
    serde_json::from_slice(&std::fs::read(file(id)).ok()?).ok()
}

fn file(name: &str) -> PathBuf {
    Path::new(STATE).join(format!("{name}.json"))
}

/// Writes a lease, replacing its former state.
pub(crate) fn write(lease: &Lease) -> Result<(), Error> {
    let (path, new) = (file(&lease.id), Path::new(STATE).join(format!(".{}.new", lease.id)));
    let text = serde_json::to_vec(lease).map_err(|e| Error::io(&path)(e.into()))?;
    std::fs::write(&new, text).map_err(Error::io(&new))?;
    std::fs::rename(&new, &path).map_err(Error::io(&path))
}

/// The internal name of host number `index`. Eleven characters at most, or the interface's name is cut and may clash.
pub(crate) fn id(index: u16) -> String {
    format!("wlh{index}")
}

/// The next free host number, going round so that a number is not reused at once.
pub(crate) fn next_index(_lock: &Lock) -> Result<u16, Error> {
    let counter = Path::new(STATE).join("next");
    let taken: Vec<Ipv4Addr> = leases()?.into_iter().map(|l| l.address).collect();
    let start: u16 = std::fs::read_to_string(&counter).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
    // Numbers 2 to 65001: 0 is the net, 1 the gateway.
    for step in 0..65_000u16 {
        let index = (start % 65_000 + step) % 65_000 + 2;
        if index & 0xff != 0xff && !taken.contains(&network::address(index)) {
            std::fs::write(&counter, (index - 1).to_string()).map_err(Error::io(&counter))?;
            return Ok(index);
        }
    }
    Err(Error::NoAddress)
}

/// When a process started, in clock ticks since the boot; nothing when there is no such process.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything, so count from the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Reaps the hosts whose owner is gone, and the bridge when no host is left. Gives the names of those reaped.
pub fn gc() -> Result<Vec<String>, Error> {
    let lock = lock()?;
    let mut reaped = Vec::new();
    for lease in leases()? {
        if lease.owner != 0 && started(lease.owner) != Some(lease.owner_started) {
            tear_down(&lease);
            reaped.push(lease.id);
        }
    }
    if leases()?.is_empty() {
        network::down(&lock);
    }
    Ok(reaped)
}

/// Stops a host by its internal name or its host name, and removes all that belongs to it.
pub fn release(name: &str) -> Result<(), Error> {
    let found = leases()?.into_iter().find(|l| l.id == name || l.name == name);
    let lease = found.ok_or_else(|| Error::NoHost(name.to_owned()))?;
    let lock = lock()?;
    tear_down(&lease);
    if lease.reserved {
        write(&Lease { name: "(reserved)".to_owned(), supervisor: 0, vacant: true, ..lease })?;
    }
    if leases()?.is_empty() {
        network::down(&lock);
    }
    Ok(())
}

/// Gives up a reservation. A host that has the address keeps it.
pub(crate) fn unreserve(id: &str) -> Result<(), Error> {
    let lock = lock()?;
    match read(id) {
        Some(lease) if lease.vacant => tear_down(&lease),
        Some(lease) => write(&Lease { reserved: false, ..lease })?,
        None => {}
    }
    if leases()?.is_empty() {
        network::down(&lock);
    }
    Ok(())
}

/// Kills, unmounts, removes. Whatever is already gone is passed over.
fn tear_down(lease: &Lease) {
    cgroup::destroy(&cgroup::existing(&lease.id));
    // It would go away with the host's network namespace, but that takes the kernel a while.
    let _ = command::run_args("ip", &["link", "del", &format!("vb-{}", lease.id)]);
    unmount_below(&lease.dir);
    // Never delete through a mount that would not go away.
    if mounts_below(&lease.dir).is_empty() {
        let _ = std::fs::remove_dir_all(&lease.dir);
    }
    let _ = command::run_args("ip", &["route", "flush", "via", &lease.address.to_string()]);
    let _ = std::fs::remove_file(file(&lease.id));
}

fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|at| PathBuf::from(at.replace("\\040", " ")))
        .filter(|at| at.starts_with(dir))
        .collect();
    found.reverse();
    found
}

/// Unmounts everything mounted at or below a folder, latest first.
pub(crate) fn unmount_below(dir: &Path) {
    for at in mounts_below(dir) {
        let _ = command::output(std::process::Command::new("umount").arg("-l").arg(at));
    }
}
