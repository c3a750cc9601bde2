//! The agent's private folder for temporary files.
//!
//! It is locked while the agent lives. An agent that finds one whose lock is free removes it, and the temporary name beside a
//! destination that is noted in it: its owner was killed.

use crate::system::real::mark;
use rustix::fs::{FlockOperation, StatVfsMountFlags, flock, statvfs};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const LOCK: &str = ".lock";
/// A candidate with less room than this is passed over while there is a better one.
const ROOM: u64 = 64 << 20;

/// The folder. Clones are the same folder.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    path: PathBuf,
    lock: Arc<Mutex<Option<File>>>,
}

impl Scratch {
    /// Makes the folder in the first place that will do, and removes what killed agents of the same user left.
    pub(super) fn make() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let candidates = candidates(uid);
        for place in &candidates {
            sweep(place, uid);
        }
        // First a place with room where programs may be executed (`script` keeps its text here), then any.
        for demanding in [true, false] {
            for place in &candidates {
                if (!demanding || is_roomy(place))
                    && let Some(scratch) = Self::make_in(place)
                {
                    return scratch;
                }
            }
        }
        // Contents are then kept in memory; modules that need a temporary file say that they cannot have one.
        Self { path: PathBuf::from("/nonexistent/windlass-scratch"), lock: Arc::default() }
    }

    fn make_in(place: &Place) -> Option<Self> {
        place.prepare()?;
        let path = place.folder.join(format!("{}{}-{}", place.prefix, std::process::id(), nonce()));
        // mkdir neither follows a link nor takes over what somebody else made.
        DirBuilder::new().mode(0o700).create(&path).ok()?;
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path.join(LOCK)).ok();
        let lock = lock.filter(|file| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok());
        // Who sweeps may have held the lock before we had it, and then has taken the folder away.
        let lock = lock.filter(|file| file.metadata().is_ok_and(|meta| meta.nlink() > 0));
        match lock {
            Some(file) => Some(Self { path, lock: Arc::new(Mutex::new(Some(file))) }),
            None => {
                let _ = std::fs::remove_dir_all(&path);
                None
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Removes it with all that is in it.
    pub(super) fn remove(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            mark::clear(&self.path);
            // A program that is being killed may still make a file while we remove.
            for _ in 0..3 {
                if std::fs::remove_dir_all(&self.path).is_ok() {
                    break;
                }
            }
        }
        *lock = None;
    }
}

/// A folder in which scratch folders may be.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    prefix: &'static str,
    /// Make the folder itself if it is missing, below one that is ours.
    make_below: Option<PathBuf>,
}

impl Place {
    fn prepare(&self) -> Option<()> {
        let Some(parent) = &self.make_below else { return Some(()) };
        let uid = rustix::process::geteuid().as_raw();
        let mut at = parent.clone();
        if !is_own(&at, uid) {
            return None;
        }
        for part in self.folder.strip_prefix(parent).ok()?.components() {
            at.push(part);
            let _ = DirBuilder::new().mode(0o700).create(&at);
            if !is_own(&at, uid) {
                return None;
            }
        }
        Some(())
    }
}

fn candidates(uid: u32) -> Vec<Place> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let mut places = Vec::new();
    if let Some(home) = absolute("HOME") {
        places.push(Place { folder: home.join(".cache/windlass"), prefix: "run-", make_below: Some(home) });
    }
    if let Some(runtime) = absolute("XDG_RUNTIME_DIR").filter(|path| is_own(path, uid)) {
        places.push(Place { folder: runtime, prefix: "windlass-run-", make_below: None });
    }
    for shared in ["/var/tmp", "/dev/shm", "/tmp"] {
        places.push(Place { folder: PathBuf::from(shared), prefix: "windlass-run-", make_below: None });
    }
    places
}

/// A real directory of this user. Below somebody else's, that somebody could exchange what we put there.
fn is_own(path: &Path, uid: u32) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
}

fn is_roomy(place: &Place) -> bool {
    let existing = place.make_below.as_ref().unwrap_or(&place.folder);
    statvfs(existing).is_ok_and(|fs| {
        fs.f_bavail.saturating_mul(fs.f_frsize) >= ROOM
            && !fs.f_flag.intersects(StatVfsMountFlags::NOEXEC | StatVfsMountFlags::RDONLY)
    })
}

/// Removes folders of agents that are gone.
fn sweep(place: &Place, uid: u32) {
    let Ok(entries) = std::fs::read_dir(&place.folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(place.prefix) {
            continue;
        }
        let path = entry.path();
        if !is_own(&path, uid) || entry.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
            continue;
        }
        let young = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() < 60));
        // Held until the folder is gone: an agent that gets the lock after us sees that its file has no name any more.
        let _lock = match File::open(path.join(LOCK)) {
            Ok(file) if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() => continue,
            Ok(file) => Some(file),
            // Between its mkdir and its lock a living agent's folder looks abandoned; an old one is.
            Err(_) if young => continue,
            Err(_) => None,
        };
        mark::clear(&path);
        let _ = std::fs::remove_dir_all(&path);
    }
}

/// Something that others cannot foresee well; the folder is exclusive anyway.
fn nonce() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:08x}", now.subsec_nanos() ^ (now.as_secs() as u32))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(folder: &Path) -> Place {
        Place { folder: folder.join("a/b"), prefix: "run-", make_below: Some(folder.to_owned()) }
    }

    #[test]
    fn a_folder_is_private_and_goes_with_its_agent() {
        let home = tempfile::tempdir().unwrap();
        let place = place(home.path());
        let scratch = Scratch::make_in(&place).unwrap();
        let mode = std::fs::metadata(scratch.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        sweep(&place, rustix::process::geteuid().as_raw());
        assert!(scratch.path().is_dir(), "a living agent's folder is left alone");
        scratch.remove();
        assert!(!scratch.path().exists());
    }

    #[test]
    fn what_a_killed_agent_left_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let place = place(home.path());
        let scratch = Scratch::make_in(&place).unwrap();
        std::fs::write(scratch.path().join("leftover"), "x").unwrap();
        *scratch.lock.lock().unwrap() = None; // as the kernel does for a killed process
        sweep(&place, rustix::process::geteuid().as_raw());
        assert!(!scratch.path().exists());
    }
}
