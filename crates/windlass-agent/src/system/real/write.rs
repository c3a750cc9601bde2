//! Replacing a file: a temporary name beside it, fsync, attributes, check, rename, fsync of the folder.

use super::attrs;
use super::mark::{Mark, PREFIX, Slot};
use rustix::fs::{Mode, OFlags};
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
        Err(error) if manner.in_place && old.is_some() && is_refusal(&error) => {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            overwrite(path, &mut bytes.as_slice(), manner.durable)?;
            return attrs::set(path, wanted, true);
        }
        Err(error) => return Err(explain(error, path)),
    };
    let mut file = File::from(fd);
    copy_all(content, &mut file).map_err(|error| explain(error, path))?;

    if let Some(old) = &old {
        keep_old(path, &temporary.path, old, wanted)?;
    } else if wanted.mode.is_none() && !folder_gives_acl {
        attrs::chmod(&temporary.path, 0o666 & !manner.umask)?;
    }
    // `+i` would refuse the rename: it comes last.
    let early = FileAttrs { attributes: None, ..wanted.clone() };
    attrs::set_new(&file, &temporary.path, &early)?;
    if manner.durable {
        file.sync_all().map_err(|error| explain(error, path))?;
    }
    drop(file);
    check(&temporary.path)?;

    let overwritten = if old.as_ref().is_some_and(|meta| meta.nlink() > 1) {
        // All names of a file with several keep showing the same one. The complete new content is beside it
        // already, so that a full disk is met before the old content is touched.
        copy_over(&temporary.path, path, manner.durable)
    } else {
        match std::fs::rename(&temporary.path, path) {
            Ok(()) => {
                temporary.keep();
                Ok(false)
            }
            Err(error) if manner.in_place && old.is_some() && is_refusal(&error) => {
                copy_over(&temporary.path, path, manner.durable)
            }
            Err(error) => Err(error),
        }
    };
    if overwritten.map_err(|error| explain(error, path))? {
        attrs::set(path, &early, false)?;
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

/// Gives the new file what the old one had and the operator does not ask to change.
fn keep_old(path: &Path, new: &Path, old: &std::fs::Metadata, wanted: &FileAttrs) -> io::Result<()> {
    // Who may not give a file away keeps it, as a shell's redirection to a new file would.
    let uid = wanted.uid.is_none().then(|| old.uid());
    let gid = wanted.gid.is_none().then(|| old.gid());
    match attrs::chown(new, uid, gid, false) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let _ = attrs::chown(new, None, gid, false);
        }
        other => other?,
    }
    attrs::copy_xattrs(path, new);
    if wanted.mode.is_none() {
        // After the ACL, whose mask it sets again, and after the owner, whose change drops set-id bits.
        attrs::chmod(new, old.mode() & 0o7777)?;
    }
    Ok(())
}

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

/// Writes the content of `new` into the file at `path`. True: it is done, and the attributes are still to be set.
fn copy_over(new: &Path, path: &Path, durable: bool) -> io::Result<bool> {
    overwrite(path, &mut File::open(new)?, durable)?;
    Ok(true)
}

fn overwrite(path: &Path, content: &mut dyn Read, durable: bool) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path)?;
    copy_all(content, &mut file)?;
    if durable { file.sync_all() } else { Ok(()) }
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
