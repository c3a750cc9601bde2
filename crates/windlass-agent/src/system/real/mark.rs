//! Which temporary name is in use beside a destination: noted in a file, so that it can be removed when this process is killed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What every temporary name begins with.
pub(super) const PREFIX: &str = ".windlass-";
const NAME: &str = ".beside";

/// The note. A request has one temporary name at a time, so it has room for one.
#[derive(Debug)]
pub struct Mark(File);

impl Mark {
    /// Makes an empty note in a private folder.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn make_in(folder: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(NAME)).map(Self)
    }

    /// Notes a name. It stays noted when nobody has it any more: then there is nothing to be removed.
    pub(super) fn note(&self, path: &Path) {
        let Ok(path) = std::path::absolute(path) else { return };
        let path = path.as_os_str().as_bytes();
        let mut bytes = (path.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(path);
        // Without the note the work is done all the same.
        let _ = self.0.write_all_at(&bytes, 0);
    }
}

/// Removes what the note in a folder names. The folder has to belong to the user that this process runs as.
pub fn clear(folder: &Path) {
    if let Some(path) = std::fs::read(folder.join(NAME)).ok().and_then(|bytes| noted(&bytes)) {
        let _ = std::fs::remove_file(path);
    }
}

/// The name in a note, if it is one of ours.
fn noted(bytes: &[u8]) -> Option<PathBuf> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(rest.get(..length)?.to_vec()));
    let ours = path.is_absolute() && path.file_name()?.as_bytes().starts_with(PREFIX.as_bytes());
    ours.then_some(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_name_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        for file in [".windlass-1-long-name", ".windlass-2", "config"] {
            std::fs::write(name(file), "x").unwrap();
        }
        let mark = Mark::make_in(folder.path()).unwrap();
        clear(folder.path());
        mark.note(&name(".windlass-1-long-name"));
        mark.note(&name(".windlass-2"));
        clear(folder.path());
        clear(folder.path());
        assert!(!name(".windlass-2").exists() && name(".windlass-1-long-name").exists());
        mark.note(&name("config"));
        clear(folder.path());
        assert!(name("config").exists());
    }

    #[test]
    fn damaged_notes_are_passed_over() {
        let of = |length: u64, path: &str| {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend_from_slice(path.as_bytes());
            noted(&bytes)
        };
        assert_eq!(of(15, "/srv/.windlass-"), Some(PathBuf::from("/srv/.windlass-")));
        assert_eq!(of(16, "/srv/.windlass-"), None);
        assert_eq!(of(u64::MAX, "/srv/.windlass-"), None);
        assert_eq!(of(10, ".windlass-"), None);
        assert_eq!(of(1, "/"), None);
        assert_eq!(noted(&[1, 2, 3]), None);
        assert_eq!(noted(&[]), None);
    }
}
