//! Everything a run can open encrypted data with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::age_keys::{AgeError, AgeKeys, is_age};
use super::password::{self, Ask, NoTerminal, PasswordError, VaultSecret};
use super::redact::Redactor;
use super::vault::{Envelope, VaultError, is_vault};
use crate::vars::from_yaml::Open;

/// Where the passwords and identities of a run come from.
#[derive(Debug, Clone, Default)]
pub struct SecretOptions {
    /// `--vault-id`: `label@source`, where the source is a file, a script or `prompt`.
    pub vault_ids: Vec<String>,
    /// `--vault-password-file`.
    pub password_files: Vec<PathBuf>,
    /// `--ask-vault-password`.
    pub ask: bool,
    /// `--age-identity`.
    pub age_identities: Vec<PathBuf>,
    /// Only try the password whose label an envelope names.
    pub match_labels: bool,
}

impl SecretOptions {
    /// Adds what the environment says, as Ansible reads it.
    #[must_use]
    pub fn with_environment(mut self) -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        if let Some(list) = var("ANSIBLE_VAULT_IDENTITY_LIST") {
            let ids = list.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
            self.vault_ids.splice(0..0, ids);
        }
        if self.password_files.is_empty()
            && let Some(file) = var("ANSIBLE_VAULT_PASSWORD_FILE")
        {
            self.password_files.push(PathBuf::from(file));
        }
        let truth = |text: String| {
            matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "y" | "t")
        };
        self.ask |= var("ANSIBLE_ASK_VAULT_PASS").is_some_and(truth);
        self.match_labels |= var("ANSIBLE_VAULT_ID_MATCH").is_some_and(truth);
        self
    }
}

/// Why something cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is encrypted, and nothing that could open it is at hand.
    #[error("no vault secrets were given")]
    NoSecrets,
    /// It is a vault, and no password was given.
    #[error("this is encrypted with ansible-vault, and no vault password was given")]
    NoPassword,
    /// No password fits.
    #[error("none of the vault passwords fits (tried {tried}{})", wanted.as_ref().map(|l| format!("; the data name `{l}`")).unwrap_or_default())]
    NoFit {
        /// The labels of the passwords.
        tried: String,
        /// The label in the header.
        wanted: Option<String>,
    },
    /// The envelope is damaged.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// age.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// A password cannot be had.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The plain text is no text.
    #[error("the decrypted data are no UTF-8 text")]
    NotText,
}

impl SecretError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoPassword => {
                Some("give it with --vault-password-file, --vault-id or --ask-vault-password".into())
            }
            Self::NoFit { .. } => Some("check which password the file was encrypted with".into()),
            Self::Age(error) => error.hint(),
            Self::Password(error) => error.hint(),
            Self::Vault(_) => Some("get the file from a backup or from version control".into()),
            Self::NoSecrets | Self::NotText => None,
        }
    }
}

/// Data that were read, decrypted where they had to be.
pub struct Opened {
    /// The plain bytes.
    pub plain: Zeroizing<Vec<u8>>,
    /// Whether they were encrypted.
    pub encrypted: bool,
}

/// The passwords and identities of a run, and the redactor that knows what they opened.
pub struct Secrets {
    vault: Vec<VaultSecret>,
    match_labels: bool,
    age: AgeKeys,
    redactor: Arc<Redactor>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("vault", &self.vault).field("age", &self.age).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Opens nothing.
    pub fn none() -> Self {
        Self {
            vault: Vec::new(),
            match_labels: false,
            age: AgeKeys::none(Arc::new(NoTerminal)),
            redactor: Redactor::new(),
        }
    }

    /// Gets every password now (asking where that is wanted); age identities are read when a file needs them.
    pub fn new(
        options: &SecretOptions,
        ask: Arc<dyn Ask>,
        redactor: Arc<Redactor>,
    ) -> Result<Self, SecretError> {
        Self::gather(options, ask, redactor, false)
    }

    /// The same for passwords that are to encrypt something: what is asked for is asked twice.
    pub fn to_encrypt(
        options: &SecretOptions,
        ask: Arc<dyn Ask>,
        redactor: Arc<Redactor>,
    ) -> Result<Self, SecretError> {
        Self::gather(options, ask, redactor, true)
    }

    fn gather(
        options: &SecretOptions,
        ask: Arc<dyn Ask>,
        redactor: Arc<Redactor>,
        new: bool,
    ) -> Result<Self, SecretError> {
        let mut vault: Vec<VaultSecret> = Vec::new();
        let mut add = |secret: VaultSecret| {
            redactor.add(&String::from_utf8_lossy(&secret.password));
            vault.push(secret);
        };
        let mut sources: Vec<(String, Source)> = Vec::new();
        for id in &options.vault_ids {
            let (label, source) = match id.split_once('@') {
                Some((label, source)) => (if label.is_empty() { "default" } else { label }, source),
                None => ("default", id.as_str()),
            };
            let source = match source {
                "prompt" | "prompt_ask_vault_pass" => Source::Prompt,
                path => Source::File(expand_home(path)),
            };
            sources.push((label.to_owned(), source));
        }
        if options.ask {
            sources.push(("default".into(), Source::Prompt));
        }
        let files = options.password_files.iter().map(|path| expand_home(&path.to_string_lossy()));
        sources.extend(files.map(|path| ("default".to_owned(), Source::File(path))));
        let mut opened: Vec<VaultSecret> = Vec::new();
        for (label, source) in sources {
            let secret = match source {
                Source::Prompt => password::from_prompt(&*ask, &label, new)?,
                Source::File(path) => password::from_file(&path, &label, &|data| try_all(&opened, data))?,
            };
            opened.push(secret.clone());
            add(secret);
        }
        let age = AgeKeys::new(options.age_identities.clone(), ask);
        Ok(Self { vault, match_labels: options.match_labels, age, redactor })
    }

    /// Secrets with passwords that are at hand already.
    pub fn with_passwords(vault: Vec<VaultSecret>) -> Self {
        Self { vault, ..Self::none() }
    }

    /// The redactor that knows everything that was opened.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// The vault passwords in the order in which they are tried.
    pub fn vault_secrets(&self) -> &[VaultSecret] {
        &self.vault
    }

    /// The age identities.
    pub fn age(&self) -> &AgeKeys {
        &self.age
    }

    /// Opens a vault envelope; also says which password did it.
    pub fn open_vault(&self, data: &[u8]) -> Result<(Zeroizing<Vec<u8>>, &VaultSecret), SecretError> {
        let envelope = Envelope::parse(data)?;
        if self.vault.is_empty() {
            return Err(SecretError::NoPassword);
        }
        // The password with the label in the header comes first; then, as Ansible does, all others.
        let named = |secret: &&VaultSecret| envelope.label.as_ref() == Some(&secret.label);
        let first = self.vault.iter().filter(named);
        let others = self.vault.iter().filter(|secret| !named(secret));
        let strict = self.match_labels && envelope.label.is_some();
        for secret in first.chain(others.filter(|_| !strict)) {
            match envelope.open(&secret.password) {
                Ok(plain) => return Ok((plain, secret)),
                Err(VaultError::WrongPassword) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let tried = self.vault.iter().map(|secret| secret.label.as_str()).collect::<Vec<_>>().join(", ");
        Err(SecretError::NoFit { tried, wanted: envelope.label })
    }

    /// Decrypts what begins as ansible-vault or age data do, and hands everything else back as it is.
    pub fn open_bytes(&self, data: Vec<u8>) -> Result<Opened, SecretError> {
        let plain = if is_vault(&data) {
            self.open_vault(&data)?.0
        } else if is_age(&data) {
            self.age.open(&data)?
        } else {
            return Ok(Opened { plain: Zeroizing::new(data), encrypted: false });
        };
        Ok(Opened { plain, encrypted: true })
    }

    /// As [`Self::open_bytes`], for what is shown or sent on: the redactor gets to know a text that was encrypted.
    pub fn open_content(&self, data: Vec<u8>) -> Result<Opened, SecretError> {
        let opened = self.open_bytes(data)?;
        if opened.encrypted
            && let Ok(text) = std::str::from_utf8(&opened.plain)
        {
            self.redactor.add(text);
        }
        Ok(opened)
    }
}

impl crate::template::Vault for Secrets {
    fn open(&self, envelope: &str) -> Result<Vec<u8>, SecretError> {
        Ok(self.open_content(envelope.as_bytes().to_vec())?.plain.to_vec())
    }
}

impl Open for Secrets {
    fn open(&self, envelope: &str) -> Result<String, SecretError> {
        let (plain, _) = self.open_vault(envelope.trim_start().as_bytes())?;
        let text = std::str::from_utf8(&plain).map_err(|_| SecretError::NotText)?;
        self.redactor.add(text);
        Ok(text.to_owned())
    }
}

enum Source {
    Prompt,
    File(PathBuf),
}

fn try_all(secrets: &[VaultSecret], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let envelope = Envelope::parse(data).ok()?;
    secrets.iter().find_map(|secret| envelope.open(&secret.password).ok())
}

fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::vault::seal;
    use std::os::unix::fs::PermissionsExt;

    fn options(vault_ids: &[&str]) -> SecretOptions {
        SecretOptions { vault_ids: vault_ids.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() }
    }

    fn secrets(options: &SecretOptions) -> Result<Secrets, SecretError> {
        Secrets::new(options, Arc::new(NoTerminal), Redactor::new())
    }

    #[test]
    fn labels_and_order() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "first\n").unwrap();
        std::fs::write(&b, "  second  \n").unwrap();
        let ids = [format!("dev@{}", a.display()), format!("prod@{}", b.display())];
        let secrets = secrets(&options(&[&ids[0], &ids[1]])).unwrap();
        let sealed = seal(b"text", b"second", Some("prod")).unwrap();
        assert_eq!(secrets.open_vault(sealed.as_bytes()).unwrap().1.label, "prod");
        // A wrong label does no harm.
        let sealed = seal(b"text", b"second", Some("dev")).unwrap();
        assert_eq!(secrets.open_vault(sealed.as_bytes()).unwrap().0.as_slice(), b"text");
        let sealed = seal(b"text", b"third", Some("dev")).unwrap();
        let error = secrets.open_vault(sealed.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "none of the vault passwords fits (tried dev, prod; the data name `dev`)"
        );
        let error = Secrets::none().open_vault(sealed.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(error, SecretError::NoPassword));
        assert_eq!(secrets.redactor().redact("it is second!"), "it is ********!");
    }

    #[test]
    fn scripts() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("pass-client.sh");
        std::fs::write(&script, "#!/bin/sh\necho \"$1=$2\"\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let found = secrets(&options(&[&format!("dev@{}", script.display())])).unwrap();
        assert_eq!(found.vault_secrets()[0].password.as_slice(), b"--vault-id=dev");
        std::fs::write(&script, "#!/bin/sh\nexit 3\n").unwrap();
        let error = secrets(&options(&[&script.display().to_string()])).unwrap_err().to_string();
        assert!(error.contains("failed (exit status: 3)"), "{error}");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        let error = secrets(&options(&[&script.display().to_string()])).unwrap_err().to_string();
        assert!(error.ends_with("is empty"), "{error}");
        let error = secrets(&options(&["/nonexistent/x"])).unwrap_err().to_string();
        assert_eq!(error, "the vault password file /nonexistent/x was not found");
        assert!(secrets(&options(&["prompt"])).is_err());
    }

    #[test]
    fn inline_strings_are_redacted() {
        let secret = VaultSecret { label: "default".into(), password: Zeroizing::new(b"p".to_vec()) };
        let secrets = Secrets::with_passwords(vec![secret]);
        let sealed = seal(b"swordfish", b"p", None).unwrap();
        assert_eq!(Open::open(&secrets, &sealed).unwrap(), "swordfish");
        assert_eq!(secrets.redactor().redact("a swordfish"), "a ********");
        assert!(Open::open(&secrets, "junk").is_err());
    }
}
