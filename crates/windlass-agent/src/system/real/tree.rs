//! Copying and removing trees.

use super::attrs;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Copies `from` with all below it; attributes, times, links and special files are kept.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(from)?;
    let kind = meta.file_type();
    if kind.is_dir() {
        match std::fs::create_dir(to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        copy_file(from, to)?;
    } else {
        let file_type = if kind.is_fifo() {
            FileType::Fifo
        } else if kind.is_char_device() {
            FileType::CharacterDevice
        } else if kind.is_block_device() {
            FileType::BlockDevice
        } else {
            FileType::Socket
        };
        rustix::fs::mknodat(CWD, to, file_type, Mode::from_raw_mode(meta.mode() & 0o7777), meta.rdev())?;
    }
    keep_attributes(from, to, &meta)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    // Made for its owner alone: the mode comes after the content.
    use std::os::unix::fs::OpenOptionsExt;
    let mut source = std::fs::File::open(from)?;
    let mut target =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

fn keep_attributes(from: &Path, to: &Path, meta: &Metadata) -> io::Result<()> {
    match attrs::chown(to, Some(meta.uid()), Some(meta.gid()), false) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let _ = attrs::chown(to, None, Some(meta.gid()), false);
        }
        other => other?,
    }
    attrs::copy_xattrs(from, to);
    if !meta.file_type().is_symlink() {
        attrs::chmod(to, meta.mode() & 0o7777)?;
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: meta.atime(), tv_nsec: meta.atime_nsec() as _ },
        last_modification: Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() as _ },
    };
    rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
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
