//! Files encrypted with age.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret, SecretString};
use age::{Callbacks, DecryptError, Decryptor, Encryptor, Identity, Recipient, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use super::password::{Ask, AskError};

const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const BINARY: &[u8] = b"age-encryption.org/v1\n";
/// Where the user's own identity lies, below the configuration folder.
pub const DEFAULT_IDENTITY: &str = "windlass/age.txt";
/// The file that lists for whom the files beside and below it are encrypted.
const RECIPIENTS_FILE: &str = "age-recipients.txt";

/// Whether some bytes begin as an age file does, armored or not.
pub fn is_age(data: &[u8]) -> bool {
    data.trim_ascii_start().starts_with(ARMOR) || data.starts_with(BINARY)
}

/// What can go wrong with age files.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// An identity or recipients file cannot be read.
    #[error("cannot read {}: {}", path.display(), crate::playbook::problems::reason_of(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{}: line {line} is no {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What was expected.
        what: &'static str,
    },
    /// A key of a kind that age does not use.
    #[error("{}: only ed25519 and RSA keys can be used with age", .0.display())]
    UnsupportedKey(PathBuf),
    /// A recipient that is none.
    #[error("`{0}` is no age recipient")]
    Recipient(String),
    /// No identity file was found anywhere.
    #[error("the file is encrypted with age, and there is no identity to open it")]
    NoIdentity,
    /// None of the identities opens the file.
    #[error("none of the age identities opens the file (tried {0})")]
    NoMatch(String),
    /// The passphrase is wrong.
    #[error("the passphrase does not fit")]
    WrongPassphrase,
    /// Nobody to encrypt for.
    #[error("there is nobody to encrypt for")]
    NoRecipients,
    /// The file is damaged.
    #[error("the age file is damaged: {0}")]
    Damaged(String),
    /// Nobody could be asked for a passphrase.
    #[error("passphrase: {0}")]
    Ask(#[from] AskError),
    /// Encryption failed.
    #[error("cannot encrypt: {0}")]
    Encrypt(String),
}

impl AgeError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoIdentity => Some(
                "give one with --age-identity or WINDLASS_AGE_IDENTITY, or make one with `windlass secret init`".into(),
            ),
            Self::NoMatch(_) => Some("ask somebody who can open it to encrypt it for you as well".into()),
            Self::NoRecipients => Some(format!(
                "name them with --recipient, list them in {RECIPIENTS_FILE}, or run `windlass secret init`"
            )),
            Self::Line { .. } => Some(
                "an identity begins with `AGE-SECRET-KEY-1`; `windlass secret init` makes one".into(),
            ),
            Self::Read { path, .. } => crate::playbook::problems::near_file(path)
                .filter(|_| !path.exists())
                .map(|near| format!("did you mean `{}`?", path.with_file_name(near).display())),
            Self::Recipient(_) => Some("a recipient begins with `age1`, `ssh-ed25519` or `ssh-rsa`".into()),
            _ => None,
        }
    }
}

/// The identities of the user, read when the first age file needs them.
pub struct AgeKeys {
    explicit: Vec<PathBuf>,
    inherited: Option<String>,
    defaults: Vec<PathBuf>,
    asker: Asker,
}

impl fmt::Debug for AgeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeKeys").field("explicit", &self.explicit).finish_non_exhaustive()
    }
}

impl AgeKeys {
    /// Identities from the files named, from `WINDLASS_AGE_IDENTITY` and from the places where one lies by default.
    pub fn new(explicit: Vec<PathBuf>, ask: Arc<dyn Ask>) -> Self {
        Self {
            explicit,
            inherited: std::env::var("WINDLASS_AGE_IDENTITY").ok().filter(|text| !text.is_empty()),
            defaults: default_files(),
            asker: Asker::new(ask),
        }
    }

    /// No identities at all.
    pub fn none(ask: Arc<dyn Ask>) -> Self {
        Self { explicit: Vec::new(), inherited: None, defaults: Vec::new(), asker: Asker::new(ask) }
    }

    /// Opens an age file.
    pub fn open(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
        let decryptor = Decryptor::new(ArmoredReader::new(data.trim_ascii_start()))
            .map_err(|error| AgeError::Damaged(error.to_string()))?;
        if decryptor.is_scrypt() {
            let passphrase = self.asker.passphrase("Passphrase of the file: ")?;
            let identity = scrypt::Identity::new(passphrase);
            return read(decryptor.decrypt(std::iter::once(&identity as &dyn Identity)), || {
                self.asker.forget();
                AgeError::WrongPassphrase
            });
        }
        let (identities, tried) = self.identities()?;
        if identities.is_empty() {
            return Err(AgeError::NoIdentity);
        }
        let result = decryptor.decrypt(identities.iter().map(|identity| &**identity as &dyn Identity));
        if let Some(error) = self.asker.take_error() {
            return Err(error.into());
        }
        read(result, || AgeError::NoMatch(tried))
    }

    /// The recipients that belong to the user's own identities.
    pub fn own_recipients(&self) -> Result<Recipients, AgeError> {
        let mut out = Recipients::default();
        for (path, text) in self.files()? {
            if is_ssh(&text) {
                let public = PathBuf::from(format!("{}.pub", path.display()));
                if public.exists() {
                    out.add_file(&public)?;
                }
                continue;
            }
            for identity in native(&path, &text)? {
                out.add(&identity.to_public().to_string())?;
            }
        }
        Ok(out)
    }

    /// The identity files with their text.
    fn files(&self) -> Result<Vec<(PathBuf, Zeroizing<String>)>, AgeError> {
        let mut out = Vec::new();
        let mut paths: Vec<(PathBuf, bool)> = self.explicit.iter().map(|path| (path.clone(), true)).collect();
        match &self.inherited {
            Some(text) if text.starts_with("AGE-SECRET-KEY-") => {
                out.push((PathBuf::from("WINDLASS_AGE_IDENTITY"), Zeroizing::new(text.clone())));
            }
            Some(text) => paths.extend(text.split(':').map(|path| (PathBuf::from(path), true))),
            None => {}
        }
        paths.extend(self.defaults.iter().map(|path| (path.clone(), false)));
        for (path, needed) in paths {
            match fs::read_to_string(&path) {
                Ok(text) => out.push((path, Zeroizing::new(text))),
                Err(_) if !needed => {}
                Err(source) => return Err(AgeError::Read { path, source }),
            }
        }
        Ok(out)
    }

    #[allow(clippy::type_complexity)]
    fn identities(&self) -> Result<(Vec<Box<dyn Identity>>, String), AgeError> {
        let mut plain: Vec<Box<dyn Identity>> = Vec::new();
        // Keys that need a passphrase come last: it is only asked for when nothing else opens the file.
        let mut locked: Vec<Box<dyn Identity>> = Vec::new();
        let mut tried = Vec::new();
        for (path, text) in self.files()? {
            tried.push(path.display().to_string());
            if is_age(text.as_bytes()) {
                let passphrase = self.asker.passphrase(&format!("Passphrase of {}: ", path.display()))?;
                let inner = open_with_passphrase(text.as_bytes(), passphrase).inspect_err(|error| {
                    // The next file must not be tried with it again.
                    if matches!(error, AgeError::WrongPassphrase) {
                        self.asker.forget();
                    }
                })?;
                let inner = Zeroizing::new(String::from_utf8_lossy(&inner).into_owned());
                plain.extend(native(&path, &inner)?.into_iter().map(|id| Box::new(id) as Box<dyn Identity>));
            } else if is_ssh(&text) {
                let key = ssh::Identity::from_buffer(text.as_bytes(), Some(path.display().to_string()))
                    .map_err(|source| AgeError::Read { path: path.clone(), source })?;
                match key {
                    ssh::Identity::Unencrypted(_) => plain.push(Box::new(key)),
                    ssh::Identity::Encrypted(_) => {
                        locked.push(Box::new(key.with_callbacks(self.asker.clone())))
                    }
                    ssh::Identity::Unsupported(_) if self.defaults.contains(&path) => {}
                    ssh::Identity::Unsupported(_) => return Err(AgeError::UnsupportedKey(path)),
                }
            } else {
                plain.extend(native(&path, &text)?.into_iter().map(|id| Box::new(id) as Box<dyn Identity>));
            }
        }
        plain.append(&mut locked);
        Ok((plain, tried.join(", ")))
    }
}

fn open_with_passphrase(data: &[u8], passphrase: SecretString) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let decryptor =
        Decryptor::new(ArmoredReader::new(data)).map_err(|error| AgeError::Damaged(error.to_string()))?;
    let identity = scrypt::Identity::new(passphrase);
    read(decryptor.decrypt(std::iter::once(&identity as &dyn Identity)), || AgeError::WrongPassphrase)
}

fn read<R: Read>(
    stream: Result<R, DecryptError>,
    no_match: impl FnOnce() -> AgeError,
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let mut out = Zeroizing::new(Vec::new());
    match stream {
        Ok(mut stream) => {
            stream.read_to_end(&mut out).map_err(|error| AgeError::Damaged(error.to_string()))?;
            Ok(out)
        }
        Err(
            DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed,
        ) => Err(no_match()),
        Err(error) => Err(AgeError::Damaged(error.to_string())),
    }
}

fn native(path: &Path, text: &str) -> Result<Vec<x25519::Identity>, AgeError> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself is never shown: it may be a damaged key.
        let identity = x25519::Identity::from_str(line).map_err(|_| AgeError::Line {
            path: path.to_owned(),
            line: number + 1,
            what: "age identity",
        })?;
        out.push(identity);
    }
    Ok(out)
}

fn is_ssh(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN") && text.contains("PRIVATE KEY-----")
}

fn default_files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".config")));
    let mut out = Vec::new();
    out.extend(config.map(|dir| dir.join(DEFAULT_IDENTITY)));
    out.extend(home.map(|home| home.join(".ssh/id_ed25519")));
    out
}

/// A new identity: the text of its file, and its recipient.
pub fn generate_identity() -> (Zeroizing<String>, String) {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let text = format!("# recipient: {recipient}\n{}\n", identity.to_string().expose_secret());
    (Zeroizing::new(text), recipient)
}

/// For whom an age file was made: how many can open it, or `None` when a passphrase opens it.
pub fn recipient_count(data: &[u8]) -> Option<usize> {
    let mut header = Vec::new();
    // The header is short; what follows it is no text.
    let _ = ArmoredReader::new(data.trim_ascii_start()).take(1 << 20).read_to_end(&mut header);
    let mut count = 0;
    for line in header.split(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            break;
        }
        let Some(stanza) = line.strip_prefix(b"-> ") else { continue };
        let name = stanza.split(|byte| *byte == b' ').next().unwrap_or_default();
        match name {
            b"scrypt" => return None,
            _ if name.ends_with(b"-grease") => {}
            _ => count += 1,
        }
    }
    Some(count)
}

/// For whom a file is encrypted.
#[derive(Default)]
pub struct Recipients {
    keys: Vec<Box<dyn Recipient + Send + Sync>>,
    names: Vec<String>,
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

impl Recipients {
    /// Adds `age1...` or an SSH public key; the same one twice counts once.
    pub fn add(&mut self, text: &str) -> Result<(), AgeError> {
        let text = text.trim();
        let name = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        if self.names.contains(&name) {
            return Ok(());
        }
        if let Ok(key) = x25519::Recipient::from_str(text) {
            self.keys.push(Box::new(key));
        } else if let Ok(key) = ssh::Recipient::from_str(text) {
            self.keys.push(Box::new(key));
        } else {
            return Err(AgeError::Recipient(text.to_owned()));
        }
        self.names.push(name);
        Ok(())
    }

    /// Adds those of a file: one a line, comments begin with `#`.
    pub fn add_file(&mut self, path: &Path) -> Result<(), AgeError> {
        let text =
            fs::read_to_string(path).map_err(|source| AgeError::Read { path: path.to_owned(), source })?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.add(line).map_err(|_| AgeError::Line {
                    path: path.to_owned(),
                    line: number + 1,
                    what: "age recipient",
                })?;
            }
        }
        Ok(())
    }

    /// The recipients file that is responsible for a path: beside it or in the nearest folder above.
    pub fn file_for(path: &Path) -> Option<PathBuf> {
        let absolute = std::path::absolute(path).ok()?;
        absolute.ancestors().skip(1).map(|dir| dir.join(RECIPIENTS_FILE)).find(|file| file.is_file())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Encrypts some bytes for all of them, as text.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, AgeError> {
        if self.keys.is_empty() {
            return Err(AgeError::NoRecipients);
        }
        let encryptor = Encryptor::with_recipients(self.keys.iter().map(|key| &**key as &dyn Recipient))
            .map_err(|error| AgeError::Encrypt(error.to_string()))?;
        write(encryptor, plain)
    }

    /// Encrypts some bytes with a passphrase.
    pub fn seal_with_passphrase(plain: &[u8], passphrase: &str) -> Result<Vec<u8>, AgeError> {
        write(Encryptor::with_user_passphrase(SecretString::from(passphrase.to_owned())), plain)
    }
}

fn write(encryptor: Encryptor, plain: &[u8]) -> Result<Vec<u8>, AgeError> {
    let inner = || -> io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(plain)?;
        writer.finish()?.finish()
    };
    inner().map_err(|error| AgeError::Encrypt(error.to_string()))
}

/// Asks for passphrases, each only once.
#[derive(Clone)]
struct Asker {
    ask: Arc<dyn Ask>,
    answers: Arc<Mutex<HashMap<String, Zeroizing<String>>>>,
    error: Arc<Mutex<Option<AskError>>>,
}

impl Asker {
    fn new(ask: Arc<dyn Ask>) -> Self {
        Self { ask, answers: Arc::default(), error: Arc::default() }
    }

    fn passphrase(&self, prompt: &str) -> Result<SecretString, AskError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(prompt) {
            return Ok(SecretString::from(answer.to_string()));
        }
        let answer = self.ask.secret(prompt)?;
        let out = SecretString::from(answer.to_string());
        answers.insert(prompt.to_owned(), answer);
        Ok(out)
    }

    /// A wrong answer must not be given again.
    fn forget(&self) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take_error(&self) -> Option<AskError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Callbacks for Asker {
    fn display_message(&self, _message: &str) {}

    fn confirm(&self, _message: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _description: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        match self.passphrase(&format!("{description}: ")) {
            Ok(answer) => Some(answer),
            Err(error) => {
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::password::NoTerminal;

    struct Answer(&'static str);
    impl Ask for Answer {
        fn secret(&self, _prompt: &str) -> Result<Zeroizing<String>, AskError> {
            Ok(Zeroizing::new(self.0.to_owned()))
        }
    }

    fn keys(path: &Path) -> AgeKeys {
        AgeKeys {
            explicit: vec![path.to_owned()],
            inherited: None,
            defaults: Vec::new(),
            asker: Asker::new(Arc::new(NoTerminal)),
        }
    }

    #[test]
    fn round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("age.txt");
        let (text, recipient) = generate_identity();
        fs::write(&path, text.as_bytes()).unwrap();
        let keys = keys(&path);
        let own = keys.own_recipients().unwrap();
        assert_eq!(own.names, [recipient]);
        let sealed = own.seal(b"a: 1\n").unwrap();
        assert!(is_age(&sealed));
        assert_eq!(recipient_count(&sealed), Some(1));
        assert_eq!(keys.open(&sealed).unwrap().as_slice(), b"a: 1\n");

        let (other, _) = generate_identity();
        fs::write(&path, other.as_bytes()).unwrap();
        assert!(matches!(keys.open(&sealed), Err(AgeError::NoMatch(_))));
        fs::write(&path, "AGE-SECRET-KEY-1NONSENSE\n").unwrap();
        let error = keys.open(&sealed).unwrap_err().to_string();
        assert!(error.ends_with("line 1 is no age identity"), "{error}");
        assert!(matches!(AgeKeys::none(Arc::new(NoTerminal)).open(&sealed), Err(AgeError::NoIdentity)));
        assert!(matches!(keys.open(&sealed[..sealed.len() / 2]), Err(AgeError::Damaged(_))));
    }

    #[test]
    fn passphrase() {
        let sealed = Recipients::seal_with_passphrase(b"x", "correct horse").unwrap();
        assert_eq!(recipient_count(&sealed), None);
        let open = |answer| AgeKeys::none(Arc::new(Answer(answer))).open(&sealed);
        assert_eq!(open("correct horse").unwrap().as_slice(), b"x");
        assert!(matches!(open("wrong"), Err(AgeError::WrongPassphrase)));
        assert!(matches!(AgeKeys::none(Arc::new(NoTerminal)).open(&sealed), Err(AgeError::Ask(_))));
    }

    #[test]
    fn a_wrong_passphrase_of_an_identity_file_is_asked_for_again() {
        struct InTurn(Mutex<Vec<&'static str>>);
        impl Ask for InTurn {
            fn secret(&self, _prompt: &str) -> Result<Zeroizing<String>, AskError> {
                Ok(Zeroizing::new(self.0.lock().unwrap().remove(0).to_owned()))
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("age.txt");
        let (text, recipient) = generate_identity();
        fs::write(&path, Recipients::seal_with_passphrase(text.as_bytes(), "right").unwrap()).unwrap();
        let mut to = Recipients::default();
        to.add(&recipient).unwrap();
        let sealed = to.seal(b"x").unwrap();
        let asker = Asker::new(Arc::new(InTurn(Mutex::new(vec!["wrong", "right"]))));
        let keys = AgeKeys { asker, ..keys(&path) };
        assert!(matches!(keys.open(&sealed), Err(AgeError::WrongPassphrase)));
        assert_eq!(keys.open(&sealed).unwrap().as_slice(), b"x");
    }

    #[test]
    fn recipients() {
        let mut list = Recipients::default();
        list.add(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust",
        )
        .unwrap();
        list.add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN bob")
            .unwrap();
        assert_eq!(list.len(), 1);
        assert!(matches!(list.add("nobody"), Err(AgeError::Recipient(_))));
        assert!(matches!(Recipients::default().seal(b""), Err(AgeError::NoRecipients)));
    }
}
