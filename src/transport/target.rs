//! What the engine says about a host and about becoming another user.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// A password or passphrase. It is wiped from memory when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// A secret with that text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }
    /// The text itself, for the one who has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::hash::Hash for Secret {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Via {
    /// The built-in SSH client.
    #[default]
    Ssh,
    /// The `ssh` program of this machine, for configurations that the built-in client does not know.
    SystemSsh,
    /// This machine itself.
    Local,
}

/// What to do about a host key that is not in known_hosts. A key that differs from a known one is always refused
/// but for [`HostKeyChecking::Off`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostKeyChecking {
    /// Refuse it.
    Strict,
    /// Write it down and go on.
    AcceptNew,
    /// Go on, whatever the key is.
    Off,
}

/// A host and how to log in, made from its `ansible_*` variables.
///
/// What is `None` comes from `ssh_config`, and failing that from the defaults of an SSH client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// The inventory's name of the host, for messages.
    pub name: String,
    /// `ansible_host`, the name or address to connect to. Looked up in `ssh_config`.
    pub host: String,
    /// `ansible_port`.
    pub port: Option<u16>,
    /// `ansible_user`.
    pub user: Option<String>,
    /// `ansible_password` or `-k`.
    pub password: Option<Secret>,
    /// `ansible_ssh_private_key_file`. If there is one it is tried first.
    pub key_files: Vec<PathBuf>,
    /// The text of a private key itself (`ansible_private_key`), if it is not in a file.
    pub key_text: Option<Secret>,
    /// The passphrase of `key_files` (`ansible_ssh_private_key_passphrase`).
    pub key_passphrase: Option<Secret>,
    /// `ansible_ssh_args` as written: in front of all else, so that it wins.
    pub first_ssh_args: Option<String>,
    /// `ansible_ssh_common_args` and `ansible_ssh_extra_args`, each as written: behind what is said here.
    pub ssh_args: Vec<String>,
    /// How it is reached.
    pub via: Via,
    /// `host_key_checking`; `None` leaves it to `ssh_config` (and there to `StrictHostKeyChecking ask`, which
    /// without a terminal is strict).
    pub host_key_checking: Option<HostKeyChecking>,
    /// `ansible_ssh_timeout`: for the whole way to an authenticated connection.
    pub connect_timeout: Option<Duration>,
    /// `ansible_ssh_executable`, for [`Via::SystemSsh`].
    pub ssh_executable: Option<PathBuf>,
}

/// How one user becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BecomeMethod {
    /// sudo.
    Sudo,
    /// su.
    Su,
    /// doas.
    Doas,
}

impl BecomeMethod {
    /// The method of that name, with or without its collection.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.rsplit('.').next()? {
            "sudo" => Some(Self::Sudo),
            "su" => Some(Self::Su),
            "doas" => Some(Self::Doas),
            _ => None,
        }
    }
    /// Its name, which is also its program's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }
}

/// `become` of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Become {
    /// `become_method`.
    pub method: BecomeMethod,
    /// `become_user`.
    pub user: String,
    /// `become_password` or `-K`.
    pub password: Option<Secret>,
    /// `become_flags`, if the defaults are not wanted.
    pub flags: Option<String>,
    /// `become_exe`, if the method's own name is not wanted.
    pub exe: Option<String>,
    /// `sudo_chdir`: the folder in which sudo is called.
    pub chdir: Option<String>,
    /// `su_prompt_l10n`: what asks for the password, without its colon; none is any text with a colon at its end.
    pub prompts: Vec<String>,
    /// How long it may take until the other user's command runs, where that is past the agent.
    pub patience: Option<Duration>,
}

impl Become {
    /// `sudo` to that user, without a password.
    #[must_use]
    pub fn sudo(user: impl Into<String>) -> Self {
        Self {
            method: BecomeMethod::Sudo,
            user: user.into(),
            password: None,
            flags: None,
            exe: None,
            chdir: None,
            prompts: Vec::new(),
            patience: None,
        }
    }
}

/// Asks the person at the terminal.
pub trait Prompter: Send + Sync + fmt::Debug {
    /// The passphrase of a key, or `None` if there is nobody to ask. Asked once for each key of a run.
    fn passphrase(&self, key: &std::path::Path) -> Option<Secret>;
}

/// What holds for all hosts of a run. Share it among the connections: it keeps what was asked once.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Read this `ssh_config` in place of the user's and the system's.
    pub ssh_config: Option<PathBuf>,
    /// Who is asked for passphrases. Nobody if `None`: then such a key is passed over.
    pub prompter: Option<Arc<dyn Prompter>>,
    /// Where warnings go (a bad line of known_hosts, ...).
    pub warn: Option<Warn>,
    /// Where the programs go that are run on hosts, for whoever wants to see them (`-vvv`).
    pub trace: Option<Warn>,
    /// Agents in place of the embedded ones: machine type to file. For tests and development.
    pub agents: Vec<(String, PathBuf)>,
    /// What was loaded already.
    #[doc(hidden)]
    pub shared: Arc<super::Passphrases>,
    /// What was warned of already.
    #[doc(hidden)]
    pub said: Arc<Mutex<HashSet<String>>>,
}

/// Takes warnings.
#[derive(Clone)]
pub struct Warn(pub Arc<dyn Fn(String) + Send + Sync>);

impl fmt::Debug for Warn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warn(..)")
    }
}

impl Settings {
    /// A warning that holds for many hosts.
    pub(crate) fn warn_once(&self, text: impl Into<String>) {
        let text = text.into();
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.warn(text);
        }
    }

    /// Tells that a program is run on a host. What it is given as its script is left out.
    pub(crate) fn tell_program(&self, host: &str, argv: &[String]) {
        let (Some(trace), Some((_, argv))) = (&self.trace, argv.split_last()) else { return };
        let words =
            argv.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), |w| w.into_owned()));
        (trace.0)(format!("<{host}> EXEC {} ...", words.collect::<Vec<_>>().join(" ")));
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        match &self.warn {
            Some(warn) => (warn.0)(text),
            None => tracing::warn!("{text}"),
        }
    }
}
