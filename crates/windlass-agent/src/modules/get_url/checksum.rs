//! Checksums: what an operator writes, and lists of them.

use crate::ModuleError;
use windlass_protocol::modules::stat::ChecksumAlgorithm;

/// What a file has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) algorithm: ChecksumAlgorithm,
    /// In hex, or an address where a list of checksums is.
    pub(super) value: String,
}

impl Expected {
    /// Reads `sha256:...`; nothing if it is empty.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, ModuleError> {
        if text.is_empty() {
            return Ok(None);
        }
        let (name, value) = text.split_once(':').ok_or_else(|| {
            ModuleError::new("The checksum parameter has to be in format <algorithm>:<checksum>")
        })?;
        let algorithm = match name.trim().to_ascii_lowercase().as_str() {
            "md5" => ChecksumAlgorithm::Md5,
            "sha1" => ChecksumAlgorithm::Sha1,
            "sha224" => ChecksumAlgorithm::Sha224,
            "sha256" => ChecksumAlgorithm::Sha256,
            "sha384" => ChecksumAlgorithm::Sha384,
            "sha512" => ChecksumAlgorithm::Sha512,
            other => {
                let known = "md5, sha1, sha224, sha256, sha384, sha512";
                let msg =
                    format!("Could not hash file with algorithm '{other}'. Available algorithms: {known}");
                return Err(ModuleError::new(msg));
            }
        };
        Ok(Some(Self { algorithm, value: value.to_owned() }))
    }

    pub(super) fn is_address(&self) -> bool {
        ["http://", "https://", "ftp://", "file://"]
            .iter()
            .any(|scheme| self.value.to_ascii_lowercase().starts_with(scheme))
    }

    /// The checksum in small letters, with anything that is no letter or digit (blanks, invisible characters) left out.
    pub(super) fn normalized(mut self) -> Result<Self, ModuleError> {
        self.value = self
            .value
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == '_')
            .flat_map(char::to_lowercase)
            .collect();
        if self.value.is_empty() || !self.value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ModuleError::new("The checksum format is invalid"));
        }
        Ok(self)
    }
}

/// Finds the checksum of a file in a list, as `sha256sum` writes it (plain or `--tag`). A list of a single word is meant for the file.
pub(super) fn find(list: &str, filename: &str) -> Option<String> {
    let lines: Vec<&str> = list.lines().collect();
    if let [only] = lines.as_slice()
        && let [word] = only.split_whitespace().collect::<Vec<_>>()[..]
    {
        return Some(word.to_owned());
    }
    lines.iter().find_map(|line| {
        let (digest, path) = tagged(line).or_else(|| plain(line))?;
        (path == filename).then(|| digest.to_owned())
    })
}

/// `SHA256 (name) = hex`.
fn tagged(line: &str) -> Option<(&str, &str)> {
    let (head, digest) = line.rsplit_once('=')?;
    let head = head.trim_end().strip_suffix(')')?;
    let (algorithm, path) = head.split_once('(')?;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_word(algorithm.trim_end()) && is_word(digest.trim())).then_some((digest.trim(), path))
}

/// `hex  name`, `hex *name`, `hex ./name`.
fn plain(line: &str) -> Option<(&str, &str)> {
    let (digest, path) = line.split_once(char::is_whitespace)?;
    let path = path.trim_start();
    let path = path.strip_prefix('*').unwrap_or(path);
    Some((digest, path.trim_start_matches(['.', '/'])))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists() {
        let list = "aa11  other.tar\nbb22 *x.tar\ncc33  ./y.tar\nSHA256 (z.tar) = dd44\nMD5 (z.tar)= ee\n";
        let found = |name| find(list, name);
        assert_eq!(found("x.tar").as_deref(), Some("bb22"));
        assert_eq!(found("y.tar").as_deref(), Some("cc33"));
        assert_eq!(found("z.tar").as_deref(), Some("dd44"));
        assert_eq!(found("nothing"), None);
        assert_eq!(find("abcd\n", "any").as_deref(), Some("abcd"));
        assert_eq!(find("", "any"), None);
    }

    #[test]
    fn what_is_written() {
        let read = |text: &str| Expected::parse(text).and_then(|e| e.map(Expected::normalized).transpose());
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("sha1: AB cd\u{200b}").unwrap().unwrap().value, "abcd");
        let error = |text: &str| read(text).unwrap_err().msg;
        assert_eq!(error("abcd"), "The checksum parameter has to be in format <algorithm>:<checksum>");
        assert_eq!(error("sha1:xyz"), "The checksum format is invalid");
        assert!(error("crc32:ab").starts_with("Could not hash file with algorithm 'crc32'"));
        assert!(Expected::parse("sha256:https://h/SUMS").unwrap().unwrap().is_address());
    }
}
