//! Copying and removing trees.

use super::attrs;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::Path;

/// Copies `from` with all below it to a name that nothing has yet; attributes, times, links and special files are kept.
///
/// Others may write to the folder of `to`. So nothing that is there already is written to, and what was made gets its
/// attributes through its descriptor: a link that takes its name afterwards changes nothing elsewhere.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something has the name; otherwise what was begun is taken away again.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // What is there now is somebody else's, whatever fails.
    let was_free = std::fs::symlink_metadata(to).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    let result = copy_below(from, to);
    match &result {
        Err(error) if was_free && error.kind() != io::ErrorKind::AlreadyExists => {
            let _ = remove(to, true);
        }
        _ => {}
    }
    result
}

fn copy_below(from: &Path, to: &Path) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(from)?;
    let kind = meta.file_type();
    if kind.is_dir() {
        // Closed to others until it has its own mode.
        std::fs::DirBuilder::new().mode(0o700).create(to)?;
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            copy_below(&from.join(&name), &to.join(&name))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (old, new) = (open(from, flags)?, open(to, flags)?);
        return keep_attributes(&old, &new, &meta);
    }
    if kind.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
        attrs::give_owner(&meta, |uid, gid| attrs::chown(to, uid, gid, false))?;
        return Ok(rustix::fs::utimensat(CWD, to, &times_of(&meta), AtFlags::SYMLINK_NOFOLLOW)?);
    }
    if kind.is_file() {
        return copy_file(from, to);
    }
    let file_type = if kind.is_fifo() {
        FileType::Fifo
    } else if kind.is_char_device() {
        FileType::CharacterDevice
    } else if kind.is_block_device() {
        FileType::BlockDevice
    } else {
        FileType::Socket
    };
    rustix::fs::mknodat(CWD, to, file_type, Mode::RUSR | Mode::WUSR, meta.rdev())?;
    attrs::give_owner(&meta, |uid, gid| attrs::chown(to, uid, gid, false))?;
    attrs::chmod(to, meta.mode(), false)?;
    Ok(rustix::fs::utimensat(CWD, to, &times_of(&meta), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open(from, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC)?;
    let meta = source.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it was exchanged while it was copied"));
    }
    // Made for its owner alone: the mode comes after the content.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut target = File::from(rustix::fs::open(to, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut source, &mut target)?;
    keep_attributes(&source, &target, &meta)?;
    target.sync_all()
}

fn times_of(meta: &Metadata) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: meta.atime(), tv_nsec: meta.atime_nsec() as _ },
        last_modification: Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() as _ },
    }
}

fn keep_attributes(from: &File, to: &File, meta: &Metadata) -> io::Result<()> {
    attrs::give_owner(meta, |uid, gid| attrs::fchown(to, uid, gid))?;
    attrs::copy_xattrs(from, to);
    rustix::fs::fchmod(to, Mode::from_raw_mode(meta.mode() & 0o7777))?;
    Ok(rustix::fs::futimens(to, &times_of(meta))?)
}

/// Removes `path`, with `recursive` all below it too. Nothing there is fine; links are not followed.
pub(super) fn remove(path: &Path, recursive: bool) -> io::Result<()> {
    let result = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() && recursive => std::fs::remove_dir_all(path),
        Ok(meta) if meta.is_dir() => std::fs::remove_dir(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
        other => other,
    }
}
