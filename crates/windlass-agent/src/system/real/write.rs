//! Replacing a file: a temporary name beside it, fsync, attributes, check, rename, fsync of the folder.

use super::attrs;
use super::mark::{Mark, PREFIX, Slot};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use windlass_protocol::FileAttrs;

/// A name that is removed again unless the work is done.
pub(super) struct Temporary<'a> {
    pub(super) path: PathBuf,
    done: bool,
    /// Where the name is noted.
    _slot: Option<Slot<'a>>,
}

impl<'a> Temporary<'a> {
    /// Makes something (by `make`) under a name that nobody has.
    pub(super) fn beside<T>(
        path: &Path,
        mark: Option<&'a Mark>,
        mut make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
        let folder = folder_of(path);
        let slot = mark.and_then(Mark::slot);
        for _ in 0..100 {
            let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            let number = COUNTER.fetch_add(1, Ordering::Relaxed) ^ (clock.tv_nsec as u64) << 20;
            let candidate = folder.join(format!("{PREFIX}{:x}-{number:x}", *PROCESS));
            if let Some(slot) = &slot {
                slot.note(&candidate);
            }
            match make(&candidate) {
                Ok(made) => return Ok((Self { path: candidate, done: false, _slot: slot }, made)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a temporary file"))
    }

    /// It was renamed: there is nothing to remove.
    pub(super) fn keep(mut self) {
        self.done = true;
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes the names in a folder to the disk. File systems that cannot are let off.
pub(super) fn sync_folder_of(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

/// How a file is written.
pub(super) struct Manner<'a> {
    /// Where a rename is refused, write into the file.
    pub(super) in_place: bool,
    /// Wait until it is on the disk.
    pub(super) durable: bool,
    /// Mask for the mode of a new file.
    pub(super) umask: u32,
    /// Where the temporary name is noted.
    pub(super) mark: Option<&'a Mark>,
}

pub(super) fn write_file(
    path: &Path,
    content: &mut dyn Read,
    wanted: &FileAttrs,
    manner: &Manner<'_>,
    check: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let old = match std::fs::symlink_metadata(path) {
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if old.as_ref().is_some_and(std::fs::Metadata::is_dir) {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // What is not a regular file (a link, a pipe) gives no attributes to the file that takes its place.
    let old = old.filter(|meta| meta.file_type().is_file());
    let folder_gives_acl = old.is_none()
        && wanted.mode.is_none()
        && attrs::get_xattr(folder_of(path), "system.posix_acl_default").is_some();
    // Nobody else may read it before it has its attributes; where the folder's ACL decides, it decides at once.
    let first_mode = if folder_gives_acl { 0o666 } else { 0o600 };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = Temporary::beside(path, manner.mark, |name| {
        Ok(rustix::fs::open(name, flags, Mode::from_raw_mode(first_mode))?)
    });
    let (temporary, fd) = match made {
        Ok(made) => made,
        Err(error) => match old.filter(|_| manner.in_place && is_refusal(&error)) {
            Some(old) => return write_in_place(path, content, wanted, &old, manner, check),
            None => return Err(explain(error, path)),
        },
    };
    let mut file = File::from(fd);
    copy_all(content, &mut file).map_err(|error| explain(error, path))?;

    // All by the descriptor: whoever may write to the folder may put a link in the place of the temporary name.
    if let Some(old) = &old {
        keep_old(path, &file, old, wanted)?;
    } else if wanted.mode.is_none() && !folder_gives_acl {
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o666 & !manner.umask))?;
    }
    // `+i` would refuse the rename: it comes last.
    let early = FileAttrs { attributes: None, ..wanted.clone() };
    attrs::set_open(&file, &early)?;
    if manner.durable {
        file.sync_all().map_err(|error| explain(error, path))?;
    }
    // A check may run what was written, which nobody may have open for writing then.
    drop(file);
    check(&temporary.path)?;

    let overwritten = match &old {
        // All names of a file with several keep showing the same one. The complete new content is beside it
        // already, so that a full disk is met before the old content is touched.
        Some(old) if old.nlink() > 1 => Some(copy_over(&temporary.path, path, old, manner.durable)),
        old => match (std::fs::rename(&temporary.path, path), old) {
            (Ok(()), _) => {
                temporary.keep();
                None
            }
            (Err(error), Some(old)) if manner.in_place && is_refusal(&error) => {
                Some(copy_over(&temporary.path, path, old, manner.durable))
            }
            (Err(error), _) => Some(Err(error)),
        },
    };
    if let Some(file) = overwritten.transpose()? {
        attrs::set_open(&file, &early)?;
    }
    if wanted.attributes.is_some() {
        let rest = FileAttrs { attributes: wanted.attributes.clone(), ..FileAttrs::default() };
        attrs::set(path, &rest, false)?;
    }
    if manner.durable {
        sync_folder_of(path);
    }
    Ok(())
}

/// Writes into a file in whose folder nothing can be made. The content waits in this process's own folder, where it is
/// checked.
fn write_in_place(
    path: &Path,
    content: &mut dyn Read,
    wanted: &FileAttrs,
    old: &std::fs::Metadata,
    manner: &Manner<'_>,
    check: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let own = manner.mark.map_or_else(std::env::temp_dir, |mark| mark.folder().to_owned());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (temporary, fd) = Temporary::beside(&own.join("content"), manner.mark, |name| {
        Ok(rustix::fs::open(name, flags, Mode::RUSR | Mode::WUSR)?)
    })?;
    let mut file = File::from(fd);
    copy_all(content, &mut file).map_err(|error| explain(error, &temporary.path))?;
    drop(file);
    check(&temporary.path)?;
    let file = copy_over(&temporary.path, path, old, manner.durable)?;
    attrs::set_open(&file, wanted)
}

/// Gives the new file what the old one had and the operator does not ask to change.
fn keep_old(path: &Path, new: &File, old: &std::fs::Metadata, wanted: &FileAttrs) -> io::Result<()> {
    // Who may not give a file away keeps it, as a shell's redirection to a new file would.
    attrs::give_owner(old, |uid, gid| {
        let uid = uid.filter(|_| wanted.uid.is_none());
        attrs::fchown(new, uid, gid.filter(|_| wanted.gid.is_none()))
    })?;
    if let Ok(from) = rustix::fs::open(path, OLD | OFlags::RDONLY, Mode::empty()) {
        attrs::copy_xattrs(&File::from(from), new);
    }
    if wanted.mode.is_none() {
        // After the ACL, whose mask it sets again, and after the owner, whose change drops set-id bits.
        rustix::fs::fchmod(new, Mode::from_raw_mode(old.mode() & 0o7777))?;
    }
    Ok(())
}

/// How a file that is there is opened. It was a regular one, but its name may have been given to a link or a pipe.
const OLD: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

fn copy_all(content: &mut dyn Read, file: &mut File) -> io::Result<()> {
    // Most files are small, and a large buffer costs two calls of the system for each.
    let mut small = [0u8; 16 * 1024];
    let mut large = Vec::new();
    loop {
        let buffer = if large.is_empty() { &mut small[..] } else { &mut large };
        match content.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                file.write_all(&buffer[..count])?;
                if large.is_empty() && count == small.len() {
                    large = vec![0u8; 128 * 1024];
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes the content of `new` into the file at `path`, if it still is the one that `old` was read from. Its attributes
/// are still to be set.
fn copy_over(new: &Path, path: &Path, old: &std::fs::Metadata, durable: bool) -> io::Result<File> {
    let mut content = File::open(new)?;
    let length = content.metadata()?.len();
    let mut file = File::from(rustix::fs::open(path, OLD | OFlags::WRONLY, Mode::empty())?);
    let meta = file.metadata()?;
    if (meta.dev(), meta.ino()) != (old.dev(), old.ino()) {
        return Err(io::Error::other("it was exchanged while it was written; nothing was changed"));
    }
    // A full disk is met while all of the old content is there. Not every file system can promise space.
    let promised = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, length.max(1));
    if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) = promised {
        let _ = file.set_len(old.len());
        return Err(explain(error.into(), path));
    }
    let spoiled = |error: io::Error| {
        io::Error::new(error.kind(), format!("{error}; a part of the new content is in the file already"))
    };
    copy_all(&mut content, &mut file).map_err(spoiled)?;
    file.set_len(length).map_err(spoiled)?;
    if durable {
        file.sync_all()?;
    }
    Ok(file)
}

/// Errors of a rename (or of making a file beside) that say that this path may not be replaced, only written.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::PermissionDenied | Kind::ResourceBusy | Kind::ExecutableFileBusy | Kind::CrossesDevices
    ) || error.kind() == Kind::ReadOnlyFilesystem
}

/// The usual failures in the operator's terms.
fn explain(error: io::Error, path: &Path) -> io::Error {
    let folder = folder_of(path).display();
    match error.kind() {
        io::ErrorKind::StorageFull => io::Error::new(
            io::ErrorKind::StorageFull,
            format!("no space left on the file system of {folder}; the file was not changed"),
        ),
        io::ErrorKind::QuotaExceeded => io::Error::new(
            io::ErrorKind::QuotaExceeded,
            format!("the disk quota on the file system of {folder} is exceeded; the file was not changed"),
        ),
        io::ErrorKind::NotFound => {
            io::Error::new(io::ErrorKind::NotFound, format!("the folder {folder} does not exist"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_file_that_was_looked_at_is_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("config", "old"), ("shadow", "secret")] {
            std::fs::write(at(name), text).unwrap();
        }
        let old = std::fs::symlink_metadata(at("config")).unwrap();
        let text = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        std::fs::write(at("content"), "new").unwrap();
        let write = || copy_over(&at("content"), &at("config"), &old, false);
        write().unwrap();
        assert_eq!(text("config"), "new");
        // Meanwhile somebody puts a link, or another name of another file, in its place.
        std::fs::remove_file(at("config")).unwrap();
        std::os::unix::fs::symlink("shadow", at("config")).unwrap();
        assert!(write().is_err());
        std::fs::remove_file(at("config")).unwrap();
        std::fs::hard_link(at("shadow"), at("config")).unwrap();
        assert!(write().is_err());
        assert_eq!(text("shadow"), "secret");
    }

    #[test]
    fn what_a_check_refuses_is_not_written_in_place_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "a longer old content").unwrap();
        let mark = Mark::make_in(folder.path()).unwrap();
        let manner = Manner { in_place: true, durable: true, umask: 0o022, mark: Some(&mark) };
        let old = std::fs::symlink_metadata(&path).unwrap();
        let write = |check: &mut dyn FnMut(&Path) -> io::Result<()>| {
            write_in_place(&path, &mut &b"new"[..], &FileAttrs::default(), &old, &manner, check)
        };
        write(&mut |_| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a longer old content");
        let mut checked = String::new();
        write(&mut |new| {
            checked = std::fs::read_to_string(new)?;
            Ok(())
        })
        .unwrap();
        assert_eq!((checked.as_str(), std::fs::read_to_string(&path).unwrap().as_str()), ("new", "new"));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "the file, and the note");
    }
}
