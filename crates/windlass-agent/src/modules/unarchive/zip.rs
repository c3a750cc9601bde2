//! Archives of `zip`. What is in one is read here; `unzip` unpacks it.

use super::{Compared, program, unreadable};
use crate::module::ModuleError;
use crate::paths::parse_mode;
use crate::system::{Meta, Observe};
use crate::text::Fnmatch;
use flate2::Crc;
use std::io::Read as _;
use std::path::Path;
use windlass_protocol::modules::unarchive::UnarchiveArgs;
use windlass_protocol::{FileKind, RunSpec};

/// An entry of the directory at the end of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) crc: u32,
    pub(super) size: u64,
    /// Mode with type, if it was packed on Unix.
    pub(super) mode: Option<u32>,
    /// Date and time as DOS has them.
    pub(super) time: (u16, u16),
}

impl Entry {
    fn kind(&self) -> FileKind {
        match self.mode.map(|mode| mode & 0o170_000) {
            _ if self.name.ends_with('/') => FileKind::Directory,
            Some(0o120_000) => FileKind::Link,
            _ => FileKind::File,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Reads the directory of an archive. `None` if it is none.
pub(super) fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    // The end record is the last thing but for a comment of at most 65535 bytes.
    let lowest = bytes.len().saturating_sub(22 + 65_535);
    let end =
        (lowest..bytes.len().checked_sub(21)?).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    let mut count = u64::from(u16_at(bytes, end + 10)?);
    let mut at = u64::from(u32_at(bytes, end + 16)?);
    if (count == 0xffff || at == 0xffff_ffff) && end >= 20 && bytes[end - 20..].starts_with(b"PK\x06\x07") {
        let record = usize::try_from(u64_at(bytes, end - 12)?).ok()?;
        if bytes.get(record..record.checked_add(4)?)? == b"PK\x06\x06" {
            count = u64_at(bytes, record + 32)?;
            at = u64_at(bytes, record + 48)?;
        }
    }
    let mut at = usize::try_from(at).ok()?;
    let mut found = Vec::new();
    for _ in 0..count {
        if bytes.get(at..at.checked_add(46)?)?.get(..4)? != b"PK\x01\x02" {
            return None;
        }
        let made_on_unix = bytes[at + 5] == 3;
        let flags = u16_at(bytes, at + 8)?;
        let time = (u16_at(bytes, at + 14)?, u16_at(bytes, at + 12)?);
        let (crc, size) = (u32_at(bytes, at + 16)?, u32_at(bytes, at + 24)?);
        let lengths =
            [u16_at(bytes, at + 28)?, u16_at(bytes, at + 30)?, u16_at(bytes, at + 32)?].map(usize::from);
        let external = u32_at(bytes, at + 38)?;
        let name = bytes.get(at + 46..at + 46 + lengths[0])?;
        let name = match std::str::from_utf8(name) {
            Ok(name) => name.to_owned(),
            Err(_) if flags & 0x800 == 0 => name.iter().map(|b| char::from(*b)).collect(),
            Err(_) => return None,
        };
        let extra = bytes.get(at + 46 + lengths[0]..at + 46 + lengths[0] + lengths[1])?;
        let size =
            if size == u32::MAX { large_size(extra).unwrap_or(u64::from(size)) } else { u64::from(size) };
        let mode = Some(external >> 16).filter(|mode| made_on_unix && *mode != 0);
        found.push(Entry { name, crc, size, mode, time });
        at += 46 + lengths.iter().sum::<usize>();
    }
    Some(found)
}

/// The size of a large file, from the extra field with number 1.
fn large_size(extra: &[u8]) -> Option<u64> {
    let mut at = 0;
    loop {
        let (kind, length) = (u16_at(extra, at)?, usize::from(u16_at(extra, at + 2)?));
        if kind == 1 {
            return u64_at(extra, at + 4);
        }
        at += 4 + length;
    }
}

pub(super) fn compare(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    archive: &str,
) -> Result<Compared, ModuleError> {
    find(sys, archive)?;
    let bytes = sys.read(Path::new(archive))?;
    let all = entries(&bytes)
        .ok_or_else(|| unreadable(archive, "The archive is damaged: its directory cannot be read."))?;
    let compiled = |patterns: &[String]| patterns.iter().map(|p| Fnmatch::new(p)).collect::<Vec<_>>();
    let (include, exclude) = (compiled(&args.include), compiled(&args.exclude));
    let fits = |patterns: &[Fnmatch], name: &str| patterns.iter().any(|p| p.matches(name));
    let wanted = |entry: &&Entry| {
        if include.is_empty() { !fits(&exclude, &entry.name) } else { fits(&include, &entry.name) }
    };
    let mut compared = Compared::default();
    for entry in all.iter().filter(wanted) {
        compared.files.push(entry.name.clone());
        let path = Path::new(&*args.dest).join(&entry.name);
        let letter = match entry.kind() {
            FileKind::Directory => 'd',
            FileKind::Link => 'L',
            _ => 'f',
        };
        let Some(meta) = sys.lstat(&path)? else {
            compared.differences.push(format!(">{letter}++++++.?? {}", entry.name));
            continue;
        };
        if meta.kind != entry.kind() {
            compared.differences.push(format!("c{letter}++++++.?? {}", entry.name));
            continue;
        }
        if args.keep_newer && meta.kind == FileKind::File && seconds(entry.time, sys) < meta.mtime.0 {
            compared.leave.push(entry.name.clone());
            continue;
        }
        let aged = meta.kind == FileKind::File && seconds(entry.time, sys) != meta.mtime.0;
        let (content, size, mode) = differs(args, sys, entry, &path, &meta)?;
        if content || size || mode {
            let mark = |on: bool, letter: char| if on { letter } else { '.' };
            let marks = format!(
                ".{letter}{}{}{}{}...??",
                mark(content, 'c'),
                mark(size, 's'),
                mark(aged, 't'),
                mark(mode, 'p')
            );
            compared.differences.push(format!("{marks} {}", entry.name));
        }
    }
    Ok(compared)
}

/// Whether content, size and mode differ.
fn differs(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    entry: &Entry,
    path: &Path,
    meta: &Meta,
) -> Result<(bool, bool, bool), ModuleError> {
    let (mut content, mut size) = (false, false);
    if meta.kind == FileKind::File {
        size = meta.size != entry.size;
        content = size || checksum(sys, path)? != entry.crc;
    }
    let mode = match (&args.file.mode, entry.mode) {
        _ if meta.kind == FileKind::Link => false,
        // What the task sets itself is set after the unpacking, and compared then.
        (Some(wanted), _) => {
            parse_mode(wanted, meta.kind, meta.mode, sys.umask()).is_ok_and(|m| m != meta.mode) && content
        }
        (None, Some(mode)) => mode & 0o777 != meta.mode & 0o777,
        (None, None) => false,
    };
    Ok((content, size, mode))
}

fn checksum(sys: &dyn Observe, path: &Path) -> Result<u32, ModuleError> {
    let mut reader = sys.open(path)?;
    let mut crc = Crc::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(crc.sum());
        }
        crc.update(&buffer[..count]);
    }
}

/// The time of an entry, which is in the time zone of the machine, in seconds since the epoch.
fn seconds((date, time): (u16, u16), sys: &dyn Observe) -> i64 {
    let (date, time) = (i64::from(date), i64::from(time));
    let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let local = days * 86_400 + (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
    local - sys.local_time(local).offset
}

pub(super) fn unpack(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    archive: &str,
    leave: &[String],
) -> Result<RunSpec, ModuleError> {
    let mut argv = vec![find(sys, archive)?, "-o".into()];
    argv.extend(args.extra_opts.iter().cloned());
    argv.push(archive.to_owned());
    argv.extend(args.include.iter().cloned());
    if !args.exclude.is_empty() || !leave.is_empty() {
        argv.push("-x".into());
        argv.extend(args.exclude.iter().chain(leave).cloned());
    }
    argv.extend(["-d".to_owned(), args.dest.0.clone()]);
    Ok(program(argv, None))
}

fn find(sys: &dyn Observe, archive: &str) -> Result<String, ModuleError> {
    let missing = "Unable to find required 'unzip' binary in the path.";
    sys.find_program("unzip").ok_or_else(|| unreadable(archive, missing))
}
