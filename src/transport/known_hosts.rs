//! OpenSSH's known_hosts files: which keys a host may show.
//!
//! Hashed names, `[host]:port`, patterns and negation, `@revoked`, `@cert-authority`. A line that makes no sense is
//! passed over with a warning, as one bad line must not hide the rest.

use super::ssh_config::{pattern_list, wildcard};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// The key of a host.
    Key,
    /// A key that must not be accepted.
    Revoked,
    /// A key that signs hosts' certificates.
    Authority,
}

#[derive(Debug, Clone)]
enum Names {
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// A line that makes sense.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is about.
    pub marker: Marker,
    /// The key's type, such as `ssh-ed25519`.
    pub algorithm: String,
    /// The key in SSH's wire format.
    pub key: Vec<u8>,
    /// Where it is.
    pub file: PathBuf,
    /// Line number, from 1.
    pub line: usize,
    names: Names,
}

/// Several files, in order.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    /// Lines that were passed over, as `file:line: reason`.
    pub warnings: Vec<String>,
}

/// What is known about a key that a host shows.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<'a> {
    /// It is the host's.
    Known,
    /// Nothing is known about the host.
    Unknown,
    /// The host has another key of this type, or (first found) of any.
    Changed(&'a Entry),
    /// The key is revoked.
    Revoked(&'a Entry),
}

/// A host as known_hosts names it: `host`, or `[host]:port` unless the port is 22.
#[must_use]
pub fn canonical_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

impl Names {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Patterns(patterns) => pattern_list(patterns.iter().map(String::as_str), name) == Some(true),
            Self::Hashed { salt, hash } => {
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
                mac.update(name.as_bytes());
                mac.verify_slice(hash).is_ok()
            }
        }
    }
}

impl KnownHosts {
    /// Reads the files that exist.
    #[must_use]
    pub fn load<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut known = Self::default();
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => known.add(&String::from_utf8_lossy(&bytes), file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => known.warnings.push(format!("{}: {error}", file.display())),
            }
        }
        known
    }

    /// Adds a file's text.
    pub fn add(&mut self, text: &str, file: &Path) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse(line, file, index + 1) {
                Ok(entry) => self.entries.push(entry),
                Err(reason) => self.warnings.push(format!(
                    "{}:{}: this line of known_hosts is passed over: {reason}",
                    file.display(),
                    index + 1
                )),
            }
        }
    }

    /// The lines about a host, of one kind.
    pub fn entries<'a>(&'a self, name: &str, marker: Marker) -> impl Iterator<Item = &'a Entry> {
        let name = name.to_owned();
        self.entries.iter().filter(move |entry| entry.marker == marker && entry.names.matches(&name))
    }

    /// Judges a key that the host of that [`canonical_name`] shows. `name` may have an address of the host as company
    /// in known_hosts, but only the name counts, as with `CheckHostIP no`.
    #[must_use]
    pub fn judge(&self, name: &str, algorithm: &str, key: &[u8]) -> Verdict<'_> {
        if let Some(entry) = self.entries(name, Marker::Revoked).find(|entry| entry.key == key) {
            return Verdict::Revoked(entry);
        }
        let mut other: Option<&Entry> = None;
        for entry in self.entries(name, Marker::Key) {
            if entry.key == key {
                return Verdict::Known;
            }
            if other.is_none_or(|other| other.algorithm != algorithm && entry.algorithm == algorithm) {
                other = Some(entry);
            }
        }
        match other {
            Some(entry) => Verdict::Changed(entry),
            None => Verdict::Unknown,
        }
    }

    /// Whether an authority of the host is that key; `Err` if that key is revoked for it.
    ///
    /// # Errors
    /// The line that revokes it.
    pub fn trusts_authority(&self, name: &str, key: &[u8]) -> Result<bool, &Entry> {
        if let Some(entry) = self.entries(name, Marker::Revoked).find(|entry| entry.key == key) {
            return Err(entry);
        }
        Ok(self.entries(name, Marker::Authority).any(|entry| entry.key == key))
    }
}

/// Why a line makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum LineError {
    #[error("it has no {0}")]
    Lacks(&'static str),
    #[error("the marker @{0} is unknown")]
    Marker(String),
    #[error("its hashed name is incomplete")]
    HashIncomplete,
    #[error("its hashed name is damaged")]
    HashDamaged,
    #[error("its hashed name is of an unknown kind")]
    HashKind,
    #[error("its key is damaged")]
    KeyDamaged,
    #[error("its key is of another type than it says")]
    KeyType,
}

fn parse(line: &str, file: &Path, number: usize) -> Result<Entry, LineError> {
    let mut fields = line.split([' ', '\t']).filter(|field| !field.is_empty());
    let mut next = |what| fields.next().ok_or(LineError::Lacks(what));
    let mut first = next("host name")?;
    let marker = match first.strip_prefix('@') {
        None => Marker::Key,
        Some("revoked") => Marker::Revoked,
        Some("cert-authority") => Marker::Authority,
        Some(other) => return Err(LineError::Marker(other.to_owned())),
    };
    if marker != Marker::Key {
        first = next("host name")?;
    }
    let names = match first.strip_prefix("|1|") {
        Some(rest) => {
            let (salt, hash) = rest.split_once('|').ok_or(LineError::HashIncomplete)?;
            let decode = |text| STANDARD.decode(text).map_err(|_| LineError::HashDamaged);
            Names::Hashed { salt: decode(salt)?, hash: decode(hash)? }
        }
        None if first.starts_with('|') => return Err(LineError::HashKind),
        None => Names::Patterns(first.split(',').filter(|p| !p.is_empty()).map(str::to_owned).collect()),
    };
    let algorithm = next("key type")?.to_owned();
    let key = STANDARD.decode(next("key")?).map_err(|_| LineError::KeyDamaged)?;
    // The type stands in front of the key itself too; where they differ something was mixed up.
    let inner = key
        .first_chunk::<4>()
        .and_then(|length| key.get(4..4 + u32::from_be_bytes(*length) as usize))
        .ok_or(LineError::KeyDamaged)?;
    if inner != algorithm.as_bytes() {
        return Err(LineError::KeyType);
    }
    Ok(Entry { marker, algorithm, key, file: file.to_owned(), line: number, names })
}

/// Adds a host's key to a file, which is made with its folder if it is missing. The line is written in one piece
/// under a lock, so that parallel runs do not mix theirs.
///
/// # Errors
/// As writing the file.
pub fn append(file: &Path, name: &str, algorithm: &str, key: &[u8], hashed: bool) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut to = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    rustix::fs::flock(&to, rustix::fs::FlockOperation::LockExclusive)?;
    let shown = if hashed { hash_name(name) } else { name.to_owned() };
    let mut line = format!("{shown} {algorithm} {}\n", STANDARD.encode(key));
    if lacks_newline(&mut to)? {
        line.insert(0, '\n');
    }
    // Another process may have written the same while we waited for the lock.
    let known = KnownHosts::load([&file.to_owned()]);
    if matches!(known.judge(name, algorithm, key), Verdict::Known) {
        return Ok(());
    }
    to.write_all(line.as_bytes())?;
    to.sync_data()
}

fn lacks_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

fn hash_name(name: &str) -> String {
    let salt: [u8; 20] = rand::random();
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&salt) else { return name.to_owned() };
    mac.update(name.as_bytes());
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(mac.finalize().into_bytes()))
}

/// Whether a certificate's principal (which may be a pattern) names the host.
#[must_use]
pub fn principal_matches(principal: &str, host: &str) -> bool {
    wildcard(&principal.to_lowercase(), &host.to_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn key(algorithm: &str, n: u8) -> Vec<u8> {
        let mut key = (algorithm.len() as u32).to_be_bytes().to_vec();
        key.extend_from_slice(algorithm.as_bytes());
        key.extend_from_slice(&[0, 0, 0, 1, n]);
        key
    }

    fn text(algorithm: &str, n: u8) -> String {
        format!("{algorithm} {}", STANDARD.encode(key(algorithm, n)))
    }

    const ED: &str = "ssh-ed25519";
    const RSA: &str = "ssh-rsa";

    fn known(text: &str) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(text, Path::new("kh"));
        known
    }

    fn word(known: &KnownHosts, name: &str, algorithm: &str, n: u8) -> String {
        match known.judge(name, algorithm, &key(algorithm, n)) {
            Verdict::Known => "known".into(),
            Verdict::Unknown => "unknown".into(),
            Verdict::Changed(entry) => format!("changed {}", entry.line),
            Verdict::Revoked(entry) => format!("revoked {}", entry.line),
        }
    }

    #[test]
    fn names_ports_and_patterns() {
        let known = known(&format!(
            "# comment\n\nweb1,10.0.0.1\t{}  a comment\n*.example.org,!bad.example.org {}\n[git.example.com]:2222 {}\n",
            text(ED, 1),
            text(ED, 2),
            text(ED, 3)
        ));
        assert_eq!(known.warnings, Vec::<String>::new());
        assert_eq!(word(&known, "web1", ED, 1), "known");
        assert_eq!(word(&known, &canonical_name("WEB1", 22), ED, 1), "known");
        assert_eq!(word(&known, "10.0.0.1", ED, 1), "known");
        assert_eq!(word(&known, "a.example.org", ED, 2), "known");
        assert_eq!(word(&known, "bad.example.org", ED, 2), "unknown");
        assert_eq!(word(&known, &canonical_name("git.example.com", 2222), ED, 3), "known");
        assert_eq!(word(&known, "git.example.com", ED, 3), "unknown");
        assert_eq!(word(&known, &canonical_name("web1", 2222), ED, 1), "unknown");
        assert_eq!(word(&known, "web1", ED, 9), "changed 3");
    }

    #[test]
    fn several_keys_of_a_host() {
        let known = known(&format!("h {}\nh {}\n", text(RSA, 1), text(ED, 2)));
        assert_eq!(word(&known, "h", ED, 2), "known");
        assert_eq!(word(&known, "h", ED, 3), "changed 2");
        assert_eq!(word(&known, "h", "ecdsa-sha2-nistp256", 3), "changed 1");
    }

    #[test]
    fn revoked_wins() {
        let known = known(&format!(
            "h {}\n@revoked * {}\n@cert-authority *.x {}\n",
            text(ED, 1),
            text(ED, 1),
            text(ED, 7)
        ));
        assert_eq!(word(&known, "h", ED, 1), "revoked 2");
        // An authority's own key is not a host's key.
        assert_eq!(word(&known, "a.x", ED, 7), "unknown");
        assert!(known.trusts_authority("a.x", &key(ED, 7)).unwrap());
        assert!(!known.trusts_authority("a.y", &key(ED, 7)).unwrap());
        assert!(known.trusts_authority("a.x", &key(ED, 1)).is_err());
    }

    #[test]
    fn bad_lines_are_passed_over_with_a_warning() {
        let mixed = format!("h ssh-rsa {}", STANDARD.encode(key(ED, 1)));
        let known = known(&format!(
            "garbage\nh ssh-ed25519 !!!\n@unknown h {}\n|1|zz h x\n{mixed}\nh ssh-ed25519 AAAA\nh {}\n",
            text(ED, 1),
            text(ED, 1)
        ));
        assert_eq!(known.warnings.len(), 6, "{:#?}", known.warnings);
        let reasons: Vec<String> = known
            .warnings
            .iter()
            .zip(1..)
            .map(|(warning, line)| {
                let place = format!("kh:{line}: this line of known_hosts is passed over: ");
                warning.strip_prefix(&place).unwrap().to_owned()
            })
            .collect();
        let expected = [
            "it has no key type",
            "its key is damaged",
            "the marker @unknown is unknown",
            "its hashed name is incomplete",
            "its key is of another type than it says",
            "its key is damaged",
        ];
        assert_eq!(reasons, expected);
        assert_eq!(word(&known, "h", ED, 1), "known");
    }

    #[test]
    fn hashed_names_as_ssh_keygen_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kh");
        let real = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        std::fs::write(&file, format!("secret.example.com {real}\n[secret.example.com]:2022 {real}\n"))
            .unwrap();
        let hashed =
            std::process::Command::new("ssh-keygen").arg("-H").arg("-f").arg(&file).output().unwrap();
        assert!(hashed.status.success());
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(written.starts_with("|1|") && !written.contains("secret"));
        let known = KnownHosts::load([&file]);
        let key = STANDARD.decode(real.split(' ').nth(1).unwrap()).unwrap();
        for name in ["secret.example.com", "[secret.example.com]:2022"] {
            assert!(matches!(known.judge(name, ED, &key), Verdict::Known));
        }
        assert!(matches!(known.judge("other.example.com", ED, &key), Verdict::Unknown));
    }

    #[test]
    fn appending_is_private_atomic_and_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ssh/known_hosts");
        let writers: Vec<_> = (0..8u8)
            .map(|n| {
                let file = file.clone();
                std::thread::spawn(move || {
                    for _ in 0..3 {
                        append(&file, &format!("host{n}"), ED, &key(ED, n), n % 2 == 0).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let known = KnownHosts::load([&file]);
        assert_eq!(known.entries.len(), 8);
        for n in 0..8 {
            assert_eq!(word(&known, &format!("host{n}"), ED, n), "known");
        }
        std::fs::write(&file, "# no newline at the end").unwrap();
        append(&file, "h", ED, &key(ED, 1), false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    }
}
