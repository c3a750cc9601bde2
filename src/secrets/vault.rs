//! The ansible-vault format, versions 1.1 and 1.2.
//!
//! An envelope is a header line and hexadecimal digits in lines of 80. The digits are the salt, an HMAC and the
//! ciphertext, each in hexadecimal once more and separated by line ends. Keys come from PBKDF2 with SHA-256; the text
//! is padded and encrypted with AES-256 in counter mode.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::hex;

/// What every envelope begins with.
pub const HEADER: &str = "$ANSIBLE_VAULT";
const CIPHER: &str = "AES256";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
const LINE: usize = 80;
const SALT: usize = 32;

/// Why an envelope cannot be opened or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The text does not begin as an envelope does.
    #[error("this is not ansible-vault data: it does not begin with `{HEADER}`")]
    NotVault,
    /// The header line is incomplete.
    #[error("the vault header is damaged")]
    Header,
    /// A version that is not known.
    #[error("vault format version {0} is not supported")]
    Version(String),
    /// A cipher that is not known.
    #[error("vault cipher {0} is not supported")]
    Cipher(String),
    /// The digits below the header are damaged.
    #[error("the vault data is damaged (cut off, or changed by an editor?)")]
    Damaged,
    /// The password is not the right one, or the data were changed.
    #[error("the vault password does not fit")]
    WrongPassword,
    /// There is no randomness to be had.
    #[error("no random numbers can be had from the system")]
    Random,
}

/// A parsed envelope.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The label in the header, if there is one.
    pub label: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Whether some bytes begin as an envelope does.
pub fn is_vault(data: &[u8]) -> bool {
    data.starts_with(HEADER.as_bytes())
}

impl Envelope {
    /// Reads an envelope. Blanks around its lines do not matter, so that it may be indented.
    pub fn parse(data: &[u8]) -> Result<Self, VaultError> {
        if !is_vault(data) {
            return Err(VaultError::NotVault);
        }
        let mut lines = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let header = std::str::from_utf8(lines.next().unwrap_or_default()).map_err(|_| VaultError::Header)?;
        let mut parts = header.split(';').map(str::trim).skip(1);
        let version = parts.next().ok_or(VaultError::Header)?;
        let cipher = parts.next().ok_or(VaultError::Header)?;
        if !matches!(version, "1.1" | "1.2") {
            return Err(VaultError::Version(version.to_owned()));
        }
        if cipher != CIPHER {
            return Err(VaultError::Cipher(cipher.to_owned()));
        }
        let label = parts.next().filter(|label| !label.is_empty()).map(str::to_owned);
        let digits: Vec<u8> = lines.flatten().copied().collect();
        let inner = hex::decode(&digits).ok_or(VaultError::Damaged)?;
        let mut fields = inner.splitn(3, |byte| *byte == b'\n').map(hex::decode);
        let mut field = || fields.next().flatten().ok_or(VaultError::Damaged);
        Ok(Self { label, salt: field()?, mac: field()?, ciphertext: field()? })
    }

    /// The plain text.
    pub fn open(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let keys = Keys::derive(password, &self.salt);
        let mut mac = keys.mac()?;
        mac.update(&self.ciphertext);
        mac.verify_slice(&self.mac).map_err(|_| VaultError::WrongPassword)?;
        let mut plain = Zeroizing::new(self.ciphertext.clone());
        keys.cipher()?.apply_keystream(&mut plain);
        let padding = usize::from(*plain.last().ok_or(VaultError::Damaged)?);
        if padding == 0 || padding > BLOCK || padding > plain.len() {
            return Err(VaultError::Damaged);
        }
        let len = plain.len() - padding;
        plain.truncate(len);
        Ok(plain)
    }
}

/// Encrypts some bytes; the envelope ends with a line end. A label other than `default` makes it version 1.2.
pub fn seal(plain: &[u8], password: &[u8], label: Option<&str>) -> Result<String, VaultError> {
    let mut salt = [0u8; SALT];
    rand::TryRngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut salt).map_err(|_| VaultError::Random)?;
    seal_with_salt(plain, password, label, &salt)
}

fn seal_with_salt(
    plain: &[u8],
    password: &[u8],
    label: Option<&str>,
    salt: &[u8],
) -> Result<String, VaultError> {
    let keys = Keys::derive(password, salt);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut data = Zeroizing::new(Vec::with_capacity(plain.len() + padding));
    data.extend_from_slice(plain);
    data.resize(plain.len() + padding, padding as u8);
    keys.cipher()?.apply_keystream(&mut data);
    let mut mac = keys.mac()?;
    mac.update(&data);
    let mac = mac.finalize().into_bytes();
    let inner = [hex::encode(salt), hex::encode(&mac), hex::encode(&data)].join("\n");
    let digits = hex::encode(inner.as_bytes());
    let mut out = match label.filter(|label| !label.is_empty() && *label != "default") {
        Some(label) => format!("{HEADER};1.2;{CIPHER};{label}\n"),
        None => format!("{HEADER};1.1;{CIPHER}\n"),
    };
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    Ok(out)
}

/// The three keys that a password and a salt give.
struct Keys(Zeroizing<[u8; 80]>);

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Self {
        let mut keys = Zeroizing::new([0u8; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, &mut *keys);
        Self(keys)
    }

    fn cipher(&self) -> Result<Ctr128BE<Aes256>, VaultError> {
        Ctr128BE::<Aes256>::new_from_slices(&self.0[..32], &self.0[64..]).map_err(|_| VaultError::Damaged)
    }

    fn mac(&self) -> Result<Hmac<Sha256>, VaultError> {
        <Hmac<Sha256> as Mac>::new_from_slice(&self.0[32..64]).map_err(|_| VaultError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn round_trips() {
        for text in ["", "x", "0123456789abcdef", "a longer text\nwith lines\n", "ä\0\u{ff}"] {
            let sealed = seal(text.as_bytes(), b"secret", Some("prod")).unwrap();
            assert!(sealed.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
            assert!(sealed.lines().all(|line| line.len() <= LINE));
            let envelope = Envelope::parse(sealed.as_bytes()).unwrap();
            assert_eq!(envelope.label.as_deref(), Some("prod"));
            assert_eq!(envelope.open(b"secret").unwrap().as_slice(), text.as_bytes());
            assert_eq!(envelope.open(b"other").unwrap_err(), VaultError::WrongPassword);
        }
        assert!(seal(b"x", b"y", Some("default")).unwrap().starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    }

    #[test]
    fn opens_what_ansible_vault_wrote() {
        let text = include_str!("testdata/ansible.vault");
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(envelope.label.as_deref(), Some("dev"));
        assert_eq!(
            envelope.open(b"hunter2").unwrap().as_slice(),
            b"user: admin\npassword: s3cr3t \xc3\xa4\n"
        );
        // Indented, as inside a vars file.
        let indented: String = text.lines().map(|line| format!("{line}  \r\n   ")).collect();
        assert!(Envelope::parse(indented.as_bytes()).unwrap().open(b"hunter2").is_ok());
    }

    #[test]
    fn damage_is_named() {
        let sealed = seal(b"text", b"p", None).unwrap();
        let open = |text: &str| Envelope::parse(text.as_bytes()).and_then(|e| e.open(b"p")).unwrap_err();
        assert_eq!(open("hello"), VaultError::NotVault);
        assert_eq!(open("$ANSIBLE_VAULT"), VaultError::Header);
        assert_eq!(open(&sealed.replace("1.1", "2.0")), VaultError::Version("2.0".into()));
        assert_eq!(open(&sealed.replace("AES256", "AES")), VaultError::Cipher("AES".into()));
        assert_eq!(open(&sealed[..sealed.len() - 3]), VaultError::Damaged);
        assert_eq!(open(&format!("{sealed}zz")), VaultError::Damaged);
        let (head, last) = sealed.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(open(&format!("{head}\n{}35", &last[..last.len() - 2])), VaultError::WrongPassword);
    }
}
