//! Where vault passwords come from.

use crate::report::question;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

/// Asks the user for something secret.
pub trait Ask: Send + Sync {
    /// One answer, without its line end.
    fn secret(&self, prompt: &str) -> Result<Zeroizing<String>, AskError>;

    /// One answer that may be seen while it is typed.
    fn visible(&self, prompt: &str) -> Result<String, AskError> {
        self.secret(prompt).map(|answer| answer.to_string())
    }
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no terminal.
    #[error("nobody can be asked: there is no terminal")]
    NoTerminal,
    /// Reading failed.
    #[error("cannot read the answer: {0}")]
    Io(#[from] io::Error),
}

impl AskError {
    fn from_terminal(error: io::Error) -> Self {
        // ENXIO: no controlling terminal.
        match error.raw_os_error() == Some(6) || error.kind() == io::ErrorKind::NotFound {
            true => Self::NoTerminal,
            false => Self::Io(error),
        }
    }
}

/// Asks on the terminal, without echo.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

impl Ask for Terminal {
    fn secret(&self, prompt: &str) -> Result<Zeroizing<String>, AskError> {
        question::secret(prompt).map(Zeroizing::new).map_err(AskError::from_terminal)
    }

    fn visible(&self, prompt: &str) -> Result<String, AskError> {
        question::visible(prompt).map_err(AskError::from_terminal)
    }
}

/// Asks nobody.
#[derive(Debug, Clone, Copy)]
pub struct NoTerminal;

impl Ask for NoTerminal {
    fn secret(&self, _prompt: &str) -> Result<Zeroizing<String>, AskError> {
        Err(AskError::NoTerminal)
    }
}

/// A vault password with the label it goes by.
#[derive(Clone)]
pub struct VaultSecret {
    /// The vault id; `default` where none was given.
    pub label: String,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSecret").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Why a vault password cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file does not exist.
    #[error("the vault password file {} was not found", .0.display())]
    NotFound(PathBuf),
    /// It is a folder.
    #[error("the vault password file {} is a directory", .0.display())]
    Directory(PathBuf),
    /// It cannot be read.
    #[error("cannot read the vault password file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is executable, but cannot be run.
    #[error("cannot run the vault password script {}: {source}", path.display())]
    Run {
        /// The script.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The script failed.
    #[error("the vault password script {} failed ({status})", path.display())]
    Script {
        /// The script.
        path: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// There is nothing in it.
    #[error("the vault password from {0} is empty")]
    Empty(String),
    /// It is itself encrypted and cannot be opened.
    #[error("the vault password file {} is encrypted, and no other vault password opens it", .0.display())]
    Sealed(PathBuf),
    /// The two answers differ.
    #[error("the passwords do not match")]
    Mismatch,
    /// Nobody could be asked.
    #[error("vault password for `{label}`: {source}")]
    Ask {
        /// The vault id.
        label: String,
        /// Why.
        source: AskError,
    },
}

impl PasswordError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Run { .. } => {
                Some("remove the executable bit if the file holds the password itself".into())
            }
            Self::NotFound(path) => Some(match crate::playbook::problems::near_file(path) {
                Some(near) => format!("did you mean `{}`?", path.with_file_name(near).display()),
                None => "relative names are looked up in the current folder".into(),
            }),
            Self::Empty(_) => Some("write the password on the first line".into()),
            Self::Ask { .. } => Some("give it with --vault-password-file, or run this on a terminal".into()),
            _ => None,
        }
    }
}

/// Decrypts a password file that is itself a vault.
type Decrypt<'a> = &'a dyn Fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>;

/// The password in a file, or what the file prints if it is executable.
///
/// `open` decrypts a password file that is itself a vault.
pub(crate) fn from_file(path: &Path, label: &str, open: Decrypt<'_>) -> Result<VaultSecret, PasswordError> {
    let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PasswordError::NotFound(path.to_owned()),
        _ => PasswordError::Read { path: path.to_owned(), source },
    })?;
    if meta.is_dir() {
        return Err(PasswordError::Directory(path.to_owned()));
    }
    let password = if is_executable(&meta) {
        from_script(path, label)?
    } else {
        let read =
            std::fs::read(path).map_err(|source| PasswordError::Read { path: path.to_owned(), source })?;
        let text = Zeroizing::new(read);
        let trimmed = text.trim_ascii();
        if super::vault::is_vault(trimmed) {
            let plain = open(trimmed).ok_or_else(|| PasswordError::Sealed(path.to_owned()))?;
            Zeroizing::new(trim_line_ends(&plain).to_vec())
        } else {
            Zeroizing::new(trimmed.to_vec())
        }
    };
    if password.is_empty() {
        return Err(PasswordError::Empty(path.display().to_string()));
    }
    Ok(VaultSecret { label: label.to_owned(), password })
}

fn from_script(path: &Path, label: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
    // A path without a slash would be looked up in PATH.
    let program = if path.components().count() > 1 { path.to_owned() } else { Path::new(".").join(path) };
    let mut command = Command::new(&program);
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client")) {
        command.args(["--vault-id", label]);
    }
    // Its standard error stays the user's, so that it can ask something.
    let output = command
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| PasswordError::Run { path: path.to_owned(), source })?;
    let stdout = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(PasswordError::Script { path: path.to_owned(), status: output.status });
    }
    Ok(Zeroizing::new(trim_line_ends(&stdout).to_vec()))
}

/// Asks for the password of a label; twice when it is a new one.
pub(crate) fn from_prompt(ask: &dyn Ask, label: &str, new: bool) -> Result<VaultSecret, PasswordError> {
    let prompt = match (new, label) {
        (true, "default") => "New vault password: ".to_owned(),
        (true, label) => format!("New vault password ({label}): "),
        (false, "default") => "Vault password: ".to_owned(),
        (false, label) => format!("Vault password ({label}): "),
    };
    let wrap = |source| PasswordError::Ask { label: label.to_owned(), source };
    let first = ask.secret(&prompt).map_err(wrap)?;
    if new {
        let second = ask.secret(&format!("Confirm {}", prompt.replacen('N', "n", 1))).map_err(wrap)?;
        if *first != *second {
            return Err(PasswordError::Mismatch);
        }
    }
    let password = Zeroizing::new(first.trim().as_bytes().to_vec());
    if password.is_empty() {
        return Err(PasswordError::Empty("the prompt".into()));
    }
    Ok(VaultSecret { label: label.to_owned(), password })
}

fn is_executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.is_file() && meta.permissions().mode() & 0o111 != 0
}

fn trim_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    while let [b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
