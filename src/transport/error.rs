//! What can go wrong on the way to a host, and while an agent works there. Each says what to do.

#![allow(missing_docs)] // the fields of the variants below are named for what they are

use super::agent::ProtocolFault;
use super::embedded::EmbeddedError;
use super::ssh_config::ConfigError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no connection, or no agent on it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve the name {host}: {reason}")]
    Resolve { host: String, reason: String },
    /// No address answers.
    #[error("cannot connect to {address}: {reason}")]
    Unreachable { address: String, reason: String, refused: bool },
    /// It took too long.
    #[error("no connection to {address} within {} seconds ({stage})", .after.as_secs())]
    Timeout { address: String, after: Duration, stage: &'static str },
    /// The two SSH implementations do not find together.
    #[error("the SSH handshake with {address} failed: {reason}")]
    Handshake { address: String, reason: String },
    /// Nothing is known about the host's key.
    #[error("the host key of {host} is not known: {algorithm} {fingerprint}")]
    HostKeyUnknown { host: String, algorithm: String, fingerprint: String, files: Vec<PathBuf> },
    /// The host has another key than the one that is known.
    #[error(
        "the host key of {host} has CHANGED: it now shows {algorithm} {fingerprint}, but line {line} of {file} has another"
    )]
    HostKeyChanged { host: String, algorithm: String, fingerprint: String, file: String, line: usize },
    /// The host's key is marked as revoked.
    #[error("the host key of {host} is REVOKED by line {line} of {file}: {algorithm} {fingerprint}")]
    HostKeyRevoked { host: String, algorithm: String, fingerprint: String, file: String, line: usize },
    /// The host shows a certificate that does not hold.
    #[error("the host certificate of {host} is not valid: {reason}")]
    HostCertificate { host: String, reason: String },
    /// The host does not accept what we have.
    #[error("{user}@{host}: permission denied (tried: {}; the server accepts: {})", list(.tried), list(.accepted))]
    Auth { user: String, host: String, tried: Vec<String>, accepted: Vec<String>, notes: Vec<String> },
    /// A private key or certificate that was named cannot be used.
    #[error("the key {path} cannot be used: {reason}")]
    Key { path: PathBuf, reason: String },
    /// `ssh_config` or the arguments for ssh are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The way leads over another host, and that one failed.
    #[error("jump host {jump}: {error}")]
    Jump { jump: String, error: Box<ConnectError> },
    /// A program that makes the connection failed (ProxyCommand, ssh).
    #[error("{program} failed: {reason}")]
    Program { program: String, reason: String, kind: Option<std::io::ErrorKind> },
    /// An established connection was lost.
    #[error("the connection to {host} was lost: {reason}")]
    Lost { host: String, reason: String },
    /// Becoming another user failed.
    #[error(transparent)]
    Become(#[from] BecomeError),
    /// The agent cannot be started on the host.
    #[error("the agent cannot be started on {host}: {reason}")]
    Bootstrap { host: String, reason: String, hint: Option<String> },
    /// A program that is to be sent in place of an embedded one cannot be read.
    #[error("the agent {path} cannot be read: {reason}")]
    AgentFile { path: PathBuf, reason: String },
    /// No agent for that kind of machine.
    #[error(transparent)]
    NoAgent(std::sync::Arc<EmbeddedError>),
}

/// Why another user could not be become.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({method} to {user} on {host})", .kind.of(.method))]
pub struct BecomeError {
    /// On which host.
    pub host: String,
    /// By which method.
    pub method: &'static str,
    /// Which user.
    pub user: String,
    /// What is the matter.
    pub kind: BecomeFailure,
    /// What the program said.
    pub said: String,
}

/// What is the matter with becoming another user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BecomeFailure {
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// A password is wanted and there is none.
    #[error("a password is required")]
    PasswordRequired,
    /// The user may not.
    #[error("not permitted: {0}")]
    NotPermitted(String),
    /// There is no such user.
    #[error("no such user: {0}")]
    NoSuchUser(String),
    /// The program is not there.
    #[error("the program {0} is not installed")]
    NoProgram(String),
    /// It wants a terminal.
    #[error("it wants a terminal")]
    NeedsTerminal,
    /// It said nothing, and did not do it.
    #[error("{0}")]
    Silent(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Why a request has no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AgentError {
    /// The connection is gone.
    #[error("the connection to {host} was lost{}", after(.said))]
    ConnectionLost { host: String, said: String },
    /// The agent ended: killed, or crashed.
    #[error("the agent on {host} ended before the task was done ({how}){}", after(.said))]
    Died { host: String, how: String, said: String },
    /// It sent something that makes no sense, or complained about what we sent.
    #[error("the agent on {host} broke the protocol: {fault}")]
    Protocol { host: String, fault: ProtocolFault },
    /// A file that was to be sent cannot be read.
    #[error("{path}: {reason}")]
    Content { path: PathBuf, reason: String },
    /// What came from the host cannot be stored.
    #[error("what {host} sent cannot be stored: {reason}")]
    Sink { host: String, reason: String },
    /// The program for requests over HTTP cannot be had.
    #[error("windlass-web cannot be sent to {host}: {reason}")]
    NoWeb { host: String, reason: String },
    /// The request is too large for one frame.
    #[error("the task's arguments are too large to be sent ({size} bytes)")]
    TooLarge { size: usize },
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn after(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl ConnectError {
    /// Whether the host counts as unreachable. Otherwise the task failed on a host that can be reached.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Become(error) => matches!(error.kind, BecomeFailure::Silent(_)),
            Self::Bootstrap { .. } | Self::AgentFile { .. } | Self::NoAgent(_) => false,
            _ => true,
        }
    }

    /// Whether there was a connection before.
    #[must_use]
    pub fn had_connected(&self) -> bool {
        !self.is_unreachable() || matches!(self, Self::Lost { .. } | Self::Become(_))
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Resolve { host, .. } => {
                format!("check the spelling, set ansible_host to an address, or add {host} to DNS, /etc/hosts or ssh_config")
            }
            Self::Unreachable { refused: true, .. } => {
                "nothing listens on that port: is sshd running, and is ansible_port right?".into()
            }
            Self::Unreachable { .. } => "check the address, the network and firewalls on the way".into(),
            Self::Timeout { .. } => {
                "check the address and firewalls on the way, or allow more time with `timeout` (-T)".into()
            }
            Self::Handshake { .. } => {
                "is that an SSH server? `ssh -v` to the same address shows what it offers".into()
            }
            Self::HostKeyUnknown { host, files, .. } => {
                let file = files.first().map_or("known_hosts".into(), |f| f.display().to_string());
                format!(
                    "compare the fingerprint, then log in once with ssh to {host} to write it to {file}, or set StrictHostKeyChecking=accept-new"
                )
            }
            Self::HostKeyChanged { host, file, line, .. } => format!(
                "somebody may be in between. If the host was reinstalled, remove line {line} of {file} (`ssh-keygen -R '{host}'`) and compare the new fingerprint"
            ),
            Self::HostKeyRevoked { .. } => "the key is compromised; the host needs a new one".into(),
            Self::HostCertificate { .. } => "have the host's certificate renewed, or correct the @cert-authority line".into(),
            Self::Auth { notes, accepted, .. } => {
                let mut hint = notes.join("; ");
                if hint.is_empty() {
                    hint = if accepted.iter().any(|m| m == "password" || m == "keyboard-interactive") {
                        "set ansible_ssh_private_key_file, load the key into ssh-agent, or give a password with -k".into()
                    } else {
                        "set ansible_ssh_private_key_file or load the key into ssh-agent, and check ansible_user".into()
                    };
                }
                hint
            }
            Self::Key { .. } | Self::Config(_) | Self::Program { .. } | Self::AgentFile { .. } => {
                return None;
            }
            Self::Jump { error, .. } => return error.hint(),
            Self::Lost { .. } => "the host may have been restarted, or the network failed".into(),
            Self::Become(error) => return error.hint(),
            Self::Bootstrap { hint, .. } => return hint.clone(),
            Self::NoAgent(_) => {
                "build windlass where the missing target's standard library can be installed (`rustup target add`)".into()
            }
        })
    }
}

impl BecomeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            BecomeFailure::WrongPassword => {
                "check the password given with -K or ansible_become_password".into()
            }
            BecomeFailure::PasswordRequired => {
                format!(
                    "give one with -K (ansible_become_password), or let {} do without on the host",
                    self.method
                )
            }
            BecomeFailure::NotPermitted(_) => {
                format!("let the connecting user do this in the host's {} configuration", self.method)
            }
            BecomeFailure::NoSuchUser(_) => "check become_user".into(),
            BecomeFailure::NoProgram(_) => "install it, or set become_method or become_exe".into(),
            BecomeFailure::NeedsTerminal => "remove `requiretty` from the host's sudoers".into(),
            BecomeFailure::Silent(_) => {
                format!(
                    "does {} ask for a password in other words? `su_prompt_l10n` has those of su",
                    self.method
                )
            }
            BecomeFailure::Other(_) => return None,
        })
    }
}

impl BecomeFailure {
    /// What it is called for a method; passwords as Ansible has it.
    fn of(&self, method: &str) -> String {
        match self {
            Self::WrongPassword => format!("Incorrect {method} password"),
            Self::PasswordRequired => format!("Missing {method} password"),
            other => other.to_string(),
        }
    }
}

impl AgentError {
    /// Whether the host counts as unreachable.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::ConnectionLost { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ConnectionLost { .. } => "the host may have been restarted, or the network failed".into(),
            Self::Died { .. } => {
                "what the task had done is done. Was the agent killed, or the host out of memory? `dmesg` there may tell".into()
            }
            Self::Protocol { .. } => "this is a fault of windlass, or something on the host meddles with the connection".into(),
            Self::Content { .. } => return None,
            Self::Sink { .. } => "check free space and permissions at the destination on this machine".into(),
            Self::NoWeb { .. } => "is this windlass binary complete? Build it anew, or install it again".into(),
            Self::TooLarge { .. } => "put large contents into a file and send it with copy".into(),
        })
    }
}

/// The operating system's own words, without Rust's error number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
