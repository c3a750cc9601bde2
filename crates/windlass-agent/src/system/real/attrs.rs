//! Mode, owner, chattr's letters, ACLs and SELinux contexts.

use rustix::fs::{AtFlags, CWD, Gid, IFlags, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use windlass_protocol::FileAttrs;

/// chattr's letters in the order in which lsattr prints them, with their bits in the inode flags.
const LETTERS: [(char, u32); 22] = [
    ('s', 0x0000_0001),
    ('u', 0x0000_0002),
    ('S', 0x0000_0008),
    ('D', 0x0001_0000),
    ('i', 0x0000_0010),
    ('a', 0x0000_0020),
    ('d', 0x0000_0040),
    ('A', 0x0000_0080),
    ('c', 0x0000_0004),
    ('B', 0x0000_0100),
    ('Z', 0x0000_0200),
    ('X', 0x0000_0400),
    ('E', 0x0000_0800),
    ('j', 0x0000_4000),
    ('I', 0x0000_1000),
    ('t', 0x0000_8000),
    ('T', 0x0002_0000),
    ('e', 0x0008_0000),
    ('C', 0x0080_0000),
    ('P', 0x2000_0000),
    ('N', 0x1000_0000),
    ('F', 0x4000_0000),
];

/// The bits that a user cannot set; `=` in an attribute text leaves them.
const NOT_SETTABLE: u32 = 0x0008_0000 | 0x0000_1000 | 0x1000_0000 | 0x0000_0800;

fn open_plain(path: &Path) -> Option<std::os::fd::OwnedFd> {
    // Opening a device or a pipe has effects; only files and folders have these flags anyway.
    let kind = std::fs::symlink_metadata(path).ok()?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

pub(super) fn flags_of(path: &Path) -> Option<u32> {
    rustix::fs::ioctl_getflags(open_plain(path)?).ok().map(|flags| flags.bits())
}

pub(super) fn letters(flags: u32) -> String {
    LETTERS.iter().filter(|(_, bit)| flags & bit != 0).map(|(letter, _)| *letter).collect()
}

/// The inode generation that `lsattr -v` shows.
#[allow(unsafe_code)]
pub(super) fn generation_of(path: &Path) -> Option<u32> {
    const FS_IOC_GETVERSION: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<std::ffi::c_long>(b'v', 1);
    let fd = open_plain(path)?;
    // SAFETY: FS_IOC_GETVERSION writes one `int` (the kernel's name for it says `long`, it writes less), the getter
    // reserves that much, and the descriptor is open during the call.
    let version =
        unsafe { rustix::ioctl::ioctl(&fd, rustix::ioctl::Getter::<FS_IOC_GETVERSION, u32>::new()) };
    version.ok()
}

fn set_letters_at(path: &Path, text: &str) -> io::Result<()> {
    open_plain(path).map_or(Ok(()), |fd| set_letters(fd, text))
}

fn set_letters(fd: impl AsFd, text: &str) -> io::Result<()> {
    let old = rustix::fs::ioctl_getflags(&fd)?.bits();
    let (operator, letters) = match text.chars().next() {
        Some(sign @ ('+' | '-' | '=')) => (sign, &text[1..]),
        _ => ('=', text),
    };
    let mut bits = 0;
    for letter in letters.chars() {
        let bit = LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit);
        bits |= bit.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("'{letter}' is no file attribute of chattr"))
        })?;
    }
    let new = match operator {
        '+' => old | bits,
        '-' => old & !bits,
        _ => bits | (old & NOT_SETTABLE),
    };
    if new != old {
        rustix::fs::ioctl_setflags(&fd, IFlags::from_bits_retain(new))?;
    }
    Ok(())
}

pub(super) fn selinux_is_on() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

pub(super) fn selinux_of(path: &Path) -> Option<String> {
    let value = get_xattr(path, "security.selinux")?;
    Some(context_text(&value))
}

fn context_text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

/// A context whose empty parts are those of another.
fn full_context(context: &str, now: &str) -> String {
    let mut now = now.splitn(4, ':');
    let parts = context.splitn(4, ':').map(|part| match now.next() {
        Some(own) if part.is_empty() => own,
        _ => part,
    });
    // A level that nothing has is no part.
    parts.collect::<Vec<_>>().join(":").trim_end_matches(':').to_owned()
}

/// An extended attribute of the path itself, links not followed.
pub(super) fn get_xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let size = rustix::fs::lgetxattr(path, name, &mut [0u8; 0][..]).ok()?;
    let mut value = vec![0u8; size];
    let size = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).ok()?;
    value.truncate(size);
    Some(value)
}

/// Copies extended attributes, POSIX ACLs and the SELinux context among them. What the file system or the user's
/// rights do not allow is left out: the content matters more.
pub(super) fn copy_xattrs(from: &File, to: &File) {
    let list = |buffer: &mut [u8]| rustix::fs::flistxattr(from, buffer);
    let Ok(size) = list(&mut []) else { return };
    let mut names = vec![0u8; size];
    let Ok(size) = list(&mut names) else { return };
    for name in names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let get = |buffer: &mut [u8]| rustix::fs::fgetxattr(from, name, buffer);
        let Ok(size) = get(&mut []) else { continue };
        let mut value = vec![0u8; size];
        if let Ok(size) = get(&mut value) {
            let _ = rustix::fs::fsetxattr(to, name, &value[..size], XattrFlags::empty());
        }
    }
}

fn at_flags(follow: bool) -> AtFlags {
    if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW }
}

pub(super) fn chown(path: &Path, uid: Option<u32>, gid: Option<u32>, follow: bool) -> io::Result<()> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
    rustix::fs::chownat(CWD, path, uid, gid, at_flags(follow)).map_err(io::Error::from)
}

pub(super) fn fchown(file: &File, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    Ok(rustix::fs::fchown(file, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?)
}

/// Gives owner and group of `old` by `chown`. Who may not give a file away keeps it.
pub(super) fn give_owner(
    old: &Metadata,
    chown: impl Fn(Option<u32>, Option<u32>) -> io::Result<()>,
) -> io::Result<()> {
    match chown(Some(old.uid()), Some(old.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let _ = chown(None, Some(old.gid()));
            Ok(())
        }
        other => other,
    }
}

/// Sets the mode. Without `follow` not that of what a link shows, also when the link comes only now (without `/proc`, that
/// of what it shows).
pub(super) fn chmod(path: &Path, mode: u32, follow: bool) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode & 0o7777);
    if follow {
        return Ok(rustix::fs::chmod(path, mode)?);
    }
    let held = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    // A descriptor of this kind cannot be given a mode, but its name among ours can. It names the file itself.
    match rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), mode) {
        Err(Errno::NOENT) => Ok(rustix::fs::chmod(path, mode)?),
        other => Ok(other?),
    }
}

/// [`set`] for a file that is open: whatever takes its name meanwhile is left alone.
pub(super) fn set_open(file: &File, attrs: &FileAttrs) -> io::Result<()> {
    let takes_away = attrs.attributes.as_deref().is_some_and(|text| text.starts_with('-'));
    if let Some(text) = attrs.attributes.as_deref().filter(|_| takes_away) {
        set_letters(file, text)?;
    }
    let now = || {
        let mut value = [0u8; 4096];
        let size = rustix::fs::fgetxattr(file, "security.selinux", &mut value).ok()?;
        Some(context_text(value.get(..size)?))
    };
    if let Some(value) = context_of(attrs, now) {
        rustix::fs::fsetxattr(file, "security.selinux", &value, XattrFlags::empty())?;
    }
    if attrs.uid.is_some() || attrs.gid.is_some() || attrs.mode.is_some() {
        let (uid, gid, mode) = differing(&file.metadata()?, attrs);
        fchown(file, uid, gid)?;
        if let Some(mode) = mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
        }
    }
    match attrs.attributes.as_deref().filter(|_| !takes_away) {
        Some(text) => set_letters(file, text),
        None => Ok(()),
    }
}

/// The SELinux context that is asked for, as the kernel takes it; none where SELinux is off. `now` is what there is.
fn context_of(attrs: &FileAttrs, now: impl FnOnce() -> Option<String>) -> Option<Vec<u8>> {
    let context = attrs.context.as_deref().filter(|_| selinux_is_on())?;
    let full = full_context(context, &now().unwrap_or_default());
    Some([full.as_bytes(), b"\0"].concat())
}

/// Only what differs of owner, group and mode: a tree's new files mostly have their owner already, and each change costs a
/// write of the inode.
fn differing(meta: &Metadata, attrs: &FileAttrs) -> (Option<u32>, Option<u32>, Option<u32>) {
    let uid = attrs.uid.filter(|uid| *uid != meta.uid());
    let gid = attrs.gid.filter(|gid| *gid != meta.gid());
    let keeps_owner = uid.is_none() && gid.is_none();
    let mode = attrs.mode.map(|mode| mode & 0o7777);
    (uid, gid, mode.filter(|mode| !keeps_owner || meta.mode() & 0o7777 != *mode))
}

fn set_owner_and_mode(path: &Path, attrs: &FileAttrs, follow: bool) -> io::Result<()> {
    let meta = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }?;
    let (uid, gid, mode) = differing(&meta, attrs);
    chown(path, uid, gid, follow)?;
    // A link itself has no mode on Linux.
    match mode.filter(|_| !meta.file_type().is_symlink()) {
        Some(mode) => chmod(path, mode, follow),
        None => Ok(()),
    }
}

/// Sets everything that is asked for. The owner comes before the mode, because a change of the owner takes away
/// set-id bits; taking away `i` comes before both, giving it after.
pub(super) fn set(path: &Path, attrs: &FileAttrs, follow: bool) -> io::Result<()> {
    let takes_away = attrs.attributes.as_deref().is_some_and(|text| text.starts_with('-'));
    if let Some(text) = attrs.attributes.as_deref().filter(|_| takes_away) {
        set_letters_at(path, text)?;
    }
    if let Some(value) = context_of(attrs, || selinux_of(path)) {
        rustix::fs::lsetxattr(path, "security.selinux", &value, XattrFlags::empty())?;
    }
    if attrs.uid.is_some() || attrs.gid.is_some() || attrs.mode.is_some() {
        set_owner_and_mode(path, attrs, follow)?;
    }
    if let Some(text) = attrs.attributes.as_deref().filter(|_| !takes_away) {
        set_letters_at(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_context_is_filled_up() {
        let now = "unconfined_u:object_r:var_t:s0:c1,c2";
        assert_eq!(super::full_context("::httpd_t:", now), "unconfined_u:object_r:httpd_t:s0:c1,c2");
        assert_eq!(super::full_context("a:b:c:s0", now), "a:b:c:s0");
        assert_eq!(super::full_context("::httpd_t:", "u:r:t"), "u:r:httpd_t");
    }

    #[test]
    fn letters_come_in_the_order_of_lsattr() {
        assert_eq!(super::letters(0x0008_0010), "ie");
        assert_eq!(super::letters(0), "");
    }
}
