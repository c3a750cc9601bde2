//! What we can show: private keys in files (read and decrypted once in a run), keys of an ssh-agent, certificates.

use super::short_scalar;
use crate::transport::error::plain;
use crate::transport::target::{Prompter, Secret};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, PrivateKey, PublicKey};
use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names of the keys that are tried if none is configured.
const USUAL: [&str; 5] = ["id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"];

/// How often somebody may try to type a passphrase.
const TRIES: usize = 3;

/// The result of reading a key file, kept for the run.
#[derive(Debug, Clone)]
pub(crate) enum Loaded {
    Key(Arc<PrivateKey>),
    /// It is encrypted and nobody knows the passphrase.
    Locked,
    Missing,
    Broken(String),
}

/// Private keys that were read in this run. Shared by all its connections: a passphrase is asked for once, and the
/// slow key derivation is done once.
#[derive(Debug, Default)]
pub struct Passphrases(Mutex<HashMap<PathBuf, Loaded>>);

impl Passphrases {
    /// Reads a key. Blocks: it may ask, and decrypting takes its time. Nobody is asked twice for the same key.
    fn load(&self, path: &Path, passphrase: Option<&Secret>, prompter: Option<&dyn Prompter>) -> Loaded {
        // Held while asking, so that two connections do not ask for the same.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = known.get(path)
            && !(matches!(loaded, Loaded::Locked) && (passphrase.is_some() || prompter.is_some()))
        {
            return loaded.clone();
        }
        let loaded = match read_private(path) {
            Ok((text, mode)) if mode & 0o077 != 0 && text.contains("PRIVATE KEY") => Loaded::Broken(format!(
                "its permissions {:04o} are too open: others can read it (`chmod 600`)",
                mode & 0o7777
            )),
            Ok((text, _)) => {
                decode(&text, passphrase, || prompter.and_then(|prompter| prompter.passphrase(path)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Loaded::Missing,
            Err(error) => Loaded::Broken(plain(&error)),
        };
        known.insert(path.to_owned(), loaded.clone());
        loaded
    }

    /// Reads a key without asking anybody.
    pub(crate) async fn key(self: &Arc<Self>, path: &Path, passphrase: Option<&Secret>) -> Loaded {
        self.ask(path, passphrase, None).await
    }

    /// Reads a key, off the threads that serve connections, and asks for its passphrase if that is needed.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        path: &Path,
        passphrase: Option<&Secret>,
        prompter: Option<&Arc<dyn Prompter>>,
    ) -> Loaded {
        let (this, path) = (Arc::clone(self), path.to_owned());
        let (passphrase, prompter) = (passphrase.cloned(), prompter.cloned());
        let work = move || this.load(&path, passphrase.as_ref(), prompter.as_deref());
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Loaded::Broken(error.to_string()))
    }
}

/// A key file's text, and its mode as far as that is of concern: what belongs to somebody else is theirs to protect.
fn read_private(path: &Path) -> std::io::Result<(String, u32)> {
    let mut file = std::fs::File::open(path)?;
    let meta = file.metadata()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let own = meta.uid() == rustix::process::getuid().as_raw();
    Ok((text, if own { meta.mode() } else { 0 }))
}

/// Decodes a private key in any of the usual formats.
pub(crate) fn decode(
    text: &str,
    passphrase: Option<&Secret>,
    mut ask: impl FnMut() -> Option<Secret>,
) -> Loaded {
    use russh::keys::Error;
    let attempt = |passphrase: Option<&Secret>| {
        russh::keys::decode_secret_key(text, passphrase.map(Secret::expose)).or_else(|error| match error {
            Error::KeyIsEncrypted => Err(error),
            error => short_scalar::read(text, passphrase).ok_or(error),
        })
    };
    match attempt(None) {
        Ok(key) => return Loaded::Key(Arc::new(key)),
        Err(Error::KeyIsEncrypted) => {}
        // PEM formats do not always tell that they are encrypted.
        Err(_) if text.contains("ENCRYPTED") => {}
        Err(error) => return Loaded::Broken(format!("it is not a private key that can be read ({error})")),
    }
    if let Some(passphrase) = passphrase
        && let Ok(key) = attempt(Some(passphrase))
    {
        return Loaded::Key(Arc::new(key));
    }
    for _ in 0..TRIES {
        let Some(asked) = ask() else { return Loaded::Locked };
        if let Ok(key) = attempt(Some(&asked)) {
            return Loaded::Key(Arc::new(key));
        }
    }
    Loaded::Broken("the passphrase is wrong".to_owned())
}

/// The public half of a key file without decrypting it, if it can be had.
pub(crate) fn public_half(path: &Path) -> Option<PublicKey> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    if let Ok(key) = russh::keys::load_public_key(Path::new(&beside)) {
        return Some(key);
    }
    let text = std::fs::read_to_string(path).ok()?;
    if let Ok(key) = PublicKey::from_openssh(text.trim()) {
        // `IdentityFile` may name a public key whose private half is in an agent.
        return Some(key);
    }
    let key = PrivateKey::from_openssh(&text).ok().or_else(|| short_scalar::read(&text, None))?;
    Some(key.public_key().clone())
}

/// The certificate beside a key file.
pub(crate) fn certificate_beside(path: &Path) -> Option<PathBuf> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    let beside = PathBuf::from(beside);
    beside.is_file().then_some(beside)
}

/// Why a file gives no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("{}", plain(.0))]
    Read(#[from] std::io::Error),
    #[error("it is not a certificate ({0})")]
    Format(#[from] russh::keys::ssh_key::Error),
}

/// Reads a certificate.
pub(crate) fn certificate(path: &Path) -> Result<Certificate, CertificateError> {
    let text = std::fs::read_to_string(path)?;
    Ok(Certificate::from_openssh(text.trim())?)
}

/// The keys that are tried if none is configured and there are any.
pub(crate) fn usual(home: &Path) -> Vec<PathBuf> {
    USUAL.iter().map(|name| home.join(".ssh").join(name)).filter(|path| path.is_file()).collect()
}

/// A connection to an ssh-agent.
pub(crate) struct Agent {
    pub(crate) client: AgentClient<Box<dyn AgentStream + Send + Unpin>>,
    pub(crate) identities: Vec<AgentIdentity>,
}

impl Agent {
    /// Asks an agent for its keys; `None` if there is no agent or it has none.
    pub(crate) async fn connect(socket: &Path) -> Option<Self> {
        let work = async {
            let mut client = AgentClient::connect_uds(socket).await.ok()?.dynamic();
            let identities = client.request_identities().await.ok()?;
            Some(Self { client, identities })
        };
        // An agent that hangs must not hang us.
        tokio::time::timeout(std::time::Duration::from_secs(5), work).await.ok().flatten()
    }

    pub(crate) fn has(&self, key: &KeyData) -> bool {
        self.identities.iter().any(|identity| {
            matches!(identity, AgentIdentity::PublicKey { key: held, .. } if held.key_data() == key)
        })
    }
}
