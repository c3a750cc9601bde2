//! Which temporary names are in use beside destinations: noted in a file, so that they can be removed when this process is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What every temporary name begins with.
pub(super) const PREFIX: &str = ".windlass-";
const NAME: &str = ".beside";

/// Temporary names that can be noted at a time: more than there are threads that make them.
const SLOTS: usize = 32;
/// Bytes of a slot: the length of a path, and the longest one.
const SLOT: usize = 8 + 4096;

/// The note: a slot for each temporary name.
#[derive(Debug)]
pub struct Mark {
    folder: PathBuf,
    file: File,
    /// A bit for each slot that somebody has.
    taken: AtomicU32,
}

/// A slot, for as long as its holder works under temporary names.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    mark: &'a Mark,
    number: usize,
}

impl Mark {
    /// Makes an empty note in a private folder.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn make_in(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(NAME))?;
        Ok(Self { folder: folder.to_owned(), file, taken: AtomicU32::new(0) })
    }

    /// The private folder that the note is in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A free slot. Without one the work is done all the same.
    pub(super) fn slot(&self) -> Option<Slot<'_>> {
        let lowest_free = |taken: u32| (taken != u32::MAX).then(|| taken | (taken + 1));
        let before = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, lowest_free).ok()?;
        Some(Slot { mark: self, number: before.trailing_ones() as usize })
    }
}

impl Slot<'_> {
    /// Notes a name. It stays noted when nobody has it any more: then there is nothing to be removed.
    pub(super) fn note(&self, path: &Path) {
        let Ok(path) = std::path::absolute(path) else { return };
        let path = path.as_os_str().as_bytes();
        if path.len() > SLOT - 8 {
            return;
        }
        let mut bytes = Vec::with_capacity(8 + path.len());
        bytes.extend_from_slice(&(path.len() as u64).to_le_bytes());
        bytes.extend_from_slice(path);
        // Without the note the work is done all the same.
        let _ = self.mark.file.write_all_at(&bytes, (self.number * SLOT) as u64);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.mark.taken.fetch_and(!(1 << self.number), Ordering::AcqRel);
    }
}

/// Removes what the note in a folder names. The folder has to belong to the user that this process runs as.
pub fn clear(folder: &Path) {
    let mut bytes = Vec::new();
    let most = (SLOTS * SLOT) as u64;
    let read = File::open(folder.join(NAME)).and_then(|file| file.take(most).read_to_end(&mut bytes));
    if read.is_ok() {
        for path in bytes.chunks(SLOT).filter_map(noted) {
            let _ = super::tree::remove(&path, true);
        }
    }
}

/// The name in a slot, if it is one of ours.
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
    fn the_last_name_of_each_slot_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        for file in [".windlass-1-long-name", ".windlass-2", ".windlass-3", ".windlass-4", "config"] {
            std::fs::write(name(file), "x").unwrap();
        }
        let mark = Mark::make_in(folder.path()).unwrap();
        clear(folder.path());
        {
            let (one, other) = (mark.slot().unwrap(), mark.slot().unwrap());
            one.note(&name(".windlass-1-long-name"));
            one.note(&name(".windlass-2"));
            other.note(&name(".windlass-3"));
        }
        mark.slot().unwrap().note(&name("config"));
        clear(folder.path());
        clear(folder.path());
        let left = [".windlass-1-long-name", ".windlass-2", ".windlass-3", ".windlass-4", "config"]
            .map(|file| name(file).exists());
        // The first slot was taken again, by a name that is none of ours.
        assert_eq!(left, [true, true, false, true, true]);
        mark.slot().unwrap().note(&name(".windlass-2"));
        clear(folder.path());
        assert!(!name(".windlass-2").exists());
    }

    #[test]
    fn there_are_as_many_slots_as_bits() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::make_in(folder.path()).unwrap();
        let slots: Vec<_> = std::iter::from_fn(|| mark.slot()).collect();
        assert_eq!(slots.len(), SLOTS);
        drop(slots);
        assert!(mark.slot().is_some());
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
