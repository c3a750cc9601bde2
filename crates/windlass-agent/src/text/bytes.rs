//! Files need not be UTF-8, patterns are: bytes that are no text become signs of a private area, and turn back.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// First sign for a byte that is no text; the byte's value is added.
const ESCAPE: u32 = 0x0010_FE00;
/// The first byte of every such sign.
const LEAD: u8 = 0xF4;

/// The byte that a sign stands for.
fn escaped(c: char) -> Option<u8> {
    let byte = (c as u32).checked_sub(ESCAPE).and_then(|byte| u8::try_from(byte).ok());
    byte.filter(|byte| *byte >= 0x80)
}

fn escape(byte: u8) -> Option<char> {
    char::from_u32(ESCAPE + u32::from(byte))
}

/// Bytes as text that [`encode`] turns back into the same bytes.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !bytes.contains(&LEAD)
    {
        return text.to_owned();
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match escaped(c) {
                // What is such a sign already is not to be taken for a byte.
                Some(_) => out.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(escape)),
                None => out.push(c),
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(escape));
    }
    out
}

/// A path as [`decode`] shows it. Plans and results are text, and names of files need not be.
#[must_use]
pub fn shown(path: &Path) -> String {
    decode(path.as_os_str().as_bytes())
}

/// The path that the system knows, of one that may be as [`shown`].
#[must_use]
pub fn native(path: &Path) -> Cow<'_, Path> {
    let bytes = path.as_os_str().as_bytes();
    match path.to_str() {
        Some(text) if bytes.contains(&LEAD) => Cow::Owned(PathBuf::from(OsString::from_vec(encode(text)))),
        _ => Cow::Borrowed(path),
    }
}

/// The bytes of such a text.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match escaped(c) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, native, shown};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    #[test]
    fn any_bytes_survive() {
        let all: Vec<u8> = (0..=255).chain("grün".bytes()).collect();
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(decode("grün".as_bytes()), "grün");
        for text in ["\u{10FE80}", "a\u{10FEFF}b", "\u{10FE7F}\u{10FF00}"] {
            assert_eq!(encode(&decode(text.as_bytes())), text.as_bytes());
        }
        for name in
            [&b"caf\xe9"[..], "\u{10feae}.\u{10feff}".as_bytes(), "\u{10ffff}ü".as_bytes(), b"\xf4\x8f"]
        {
            let path = Path::new(OsStr::from_bytes(name));
            assert_eq!(native(Path::new(&shown(path))), path);
        }
    }
}
