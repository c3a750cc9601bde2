//! HTTP and HTTPS, for looking at other machines and for asking them to do something.
//!
//! [`client`] follows redirects and answers demands for credentials; `wire` speaks HTTP/1.1; `tls` checks certificates
//! against the target's own store. All that is the work of a program of its own, `windlass-web`, which the agent asks by
//! [`program`]: most hosts never need it, and TLS alone weighs as much as most of the modules together.

mod auth;
mod certificate;
pub mod client;
mod connect;
mod cookies;
pub mod program;
mod tls;
mod url;
mod wire;

pub use auth::parameters;
pub use url::{Url, UrlError, basename, mask, unquote};

use serde::{Deserialize, Serialize};
use std::io;

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// The server's word for it.
    pub reason: String,
    /// Headers in the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unless it was saved.
    pub body: Vec<u8>,
    /// Bytes that were saved, if they were.
    pub saved: Option<u64>,
    /// The address that answered, after redirects.
    pub url: String,
    /// Cookies that were set on the way.
    pub cookies: Vec<(String, String)>,
    /// The body came packed with gzip, and was unpacked.
    pub unpacked: bool,
    /// Why redirects were not followed to their end, if they were not.
    pub redirect_loop: bool,
}

impl HttpResponse {
    /// The values of a header, joined as a list.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

/// An error of the operating system, in a form that another process can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct OsError {
    /// Its number, if it has one.
    pub code: Option<i32>,
    /// What it says.
    pub text: String,
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        Self { code: error.raw_os_error(), text: error.to_string() }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A header, a method or a file cannot be sent.
    #[error("{0}")]
    Request(String),
    /// Nothing listens there, or the name has no address.
    #[error("{error}")]
    Connect {
        /// Where to.
        to: String,
        /// Why not.
        error: OsError,
    },
    /// The name of the host is not known.
    #[error("Name or service not known")]
    Name {
        /// The name.
        host: String,
    },
    /// The other side was silent for too long.
    #[error("timed out")]
    TimedOut {
        /// While connecting, not later.
        connecting: bool,
    },
    /// The certificate is not good.
    #[error("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// Another failure of TLS.
    #[error("[SSL] {0}")]
    Tls(String),
    /// The file of certificates to trust, or the client's certificate, cannot be used.
    #[error("{0}")]
    Trust(String),
    /// The connection broke off.
    #[error("{0}")]
    Broken(OsError),
    /// What came is not HTTP.
    #[error("{0}")]
    Protocol(String),
    /// The proxy refused.
    #[error("Tunnel connection failed: {0}")]
    Tunnel(String),
    /// The body cannot be saved.
    #[error("failed to create temporary content file: {0}")]
    Save(OsError),
    /// The request was given up.
    #[error("cancelled")]
    Cancelled,
    /// The program that makes requests is not on this machine yet. The controller sends it when it hears of this.
    #[error("windlass-web is not there")]
    NoProgram,
}

impl HttpError {
    /// The failure in Ansible's words.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Url(error) => error.to_string(),
            Self::Request(text) | Self::Trust(text) => text.clone(),
            Self::Connect { error, .. } => match error.code {
                Some(code) => format!("Request failed: <urlopen error [Errno {code}] {}>", os_text(error)),
                None => format!("Request failed: <urlopen error {error}>"),
            },
            Self::Name { .. } => {
                "Request failed: <urlopen error [Errno -2] Name or service not known>".into()
            }
            Self::TimedOut { connecting: true } => "Request failed: <urlopen error timed out>".into(),
            Self::TimedOut { connecting: false } => "Connection failure: The read operation timed out".into(),
            Self::Certificate { hint, .. } => format!("Request failed: <urlopen error {self}>\nhint: {hint}"),
            Self::Tls(_) | Self::Tunnel(_) => format!("Request failed: <urlopen error {self}>"),
            Self::Broken(error) => format!("Connection failure: {error}"),
            Self::Protocol(text) => format!("Connection failure: {text}"),
            Self::Save(_) | Self::NoProgram => self.to_string(),
            Self::Cancelled => "cancelled".into(),
        }
    }
}

/// Opens a file for writing that nobody else can read.
pub(super) fn private_file(path: &std::path::Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // One of an earlier try is not followed wherever it may lead.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The system's text of an error, without the number that Rust puts behind it.
fn os_text(error: &OsError) -> &str {
    error.text.split(" (os error").next().unwrap_or(&error.text)
}

#[cfg(test)]
mod tests;
