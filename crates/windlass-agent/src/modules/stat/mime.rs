//! Media type and character set. What is certain is said at once; the program `file` is asked for the rest, where the
//! machine has it, because starting it takes longer than everything else that `stat` does.

use crate::system::{Meta, Observe};
use std::io::Read;
use std::path::Path;
use windlass_protocol::{FileKind, RunSpec};

const UNKNOWN: (&str, &str) = ("unknown", "unknown");
/// Beginnings of contents that are what they look like.
const MAGIC: [(&[u8], &str); 9] = [
    (b"\x1f\x8b", "application/gzip"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"BZh", "application/x-bzip2"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"PK\x03\x04", "application/zip"),
];

pub(super) fn guess(path: &Path, meta: &Meta, sys: &dyn Observe) -> (String, String) {
    let own = |(kind, charset): (&str, &str)| (kind.to_owned(), charset.to_owned());
    match meta.kind {
        FileKind::Directory => return own(("inode/directory", "binary")),
        FileKind::Link if sys.canonicalize(path).is_err() => return own(UNKNOWN),
        FileKind::Link => return own(("inode/symlink", "binary")),
        FileKind::CharDevice => return own(("inode/chardevice", "binary")),
        FileKind::BlockDevice => return own(("inode/blockdevice", "binary")),
        FileKind::Fifo => return own(("inode/fifo", "binary")),
        FileKind::Socket => return own(("inode/socket", "binary")),
        FileKind::File if meta.size == 0 => return own(("inode/x-empty", "binary")),
        FileKind::File => {}
    }
    let mut head = Vec::new();
    let read = sys.open(path).and_then(|file| file.take(64 * 1024).read_to_end(&mut head));
    if read.is_err() {
        return own(UNKNOWN);
    }
    match by_content(&head) {
        Ok((kind, charset)) => own((kind, charset)),
        Err(fallback) => ask_file(path, sys).unwrap_or_else(|| own(fallback)),
    }
}

/// What it is, or a guess where `file` may know better.
fn by_content(head: &[u8]) -> Result<(&'static str, &'static str), (&'static str, &'static str)> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok((*kind, "binary"));
    }
    let charset = match std::str::from_utf8(head) {
        _ if head.iter().any(|b| *b < 0x20 && !b"\t\n\r\x0c\x08\x07\x1b".contains(b)) => "binary",
        Ok(_) if head.is_ascii() => "us-ascii",
        Ok(_) => "utf-8",
        // A sign may be cut in two at the end of what was read.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => "utf-8",
        Err(_) => "binary",
    };
    if charset == "binary" {
        return Err(("application/octet-stream", "binary"));
    }
    // Scripts, markup, JSON and programs begin in ways that `file` tells apart.
    let start = head.trim_ascii_start();
    let telling: [&[u8]; 12] = [
        b"#!",
        b"<",
        b"{",
        b"[",
        b"%",
        b"/*",
        b"//",
        b"#include",
        b"import ",
        b"from ",
        b"-----BEGIN",
        b"\\",
    ];
    if telling.iter().any(|sign| start.starts_with(sign)) {
        Err(("text/plain", charset))
    } else {
        Ok(("text/plain", charset))
    }
}

fn ask_file(path: &Path, sys: &dyn Observe) -> Option<(String, String)> {
    let program = sys.find_program("file")?;
    let argv = [program, "--mime-type".into(), "--mime-encoding".into(), "-b".into(), "--".into()];
    let path = path.to_string_lossy().into_owned();
    let output = sys.query(&RunSpec::new(argv.into_iter().chain([path]))).ok()?;
    let text = output.out();
    let (kind, charset) = text.trim().split_once("; charset=")?;
    (output.code == 0).then(|| (kind.to_owned(), charset.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::by_content;

    #[test]
    fn certain_and_uncertain_contents() {
        assert_eq!(by_content(b"key=value\n"), Ok(("text/plain", "us-ascii")));
        assert_eq!(by_content("gr\u{fc}n".as_bytes()), Ok(("text/plain", "utf-8")));
        assert_eq!(by_content(b"\x1f\x8b\x08"), Ok(("application/gzip", "binary")));
        assert_eq!(by_content(b"#!/bin/sh\n"), Err(("text/plain", "us-ascii")));
        assert_eq!(by_content(b"\x7fELF\0"), Err(("application/octet-stream", "binary")));
    }
}
