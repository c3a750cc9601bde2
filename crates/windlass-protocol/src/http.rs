//! A request over HTTP that the agent makes: to look at something (`GET`), or as a step of a plan.

use serde::{Deserialize, Serialize};

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Redirects {
    /// All of them.
    All,
    /// Those of `GET` and `HEAD`.
    #[default]
    Safe,
    /// None.
    None,
    /// As Python's `urllib` does: those of `GET` and `HEAD`, and a `POST` turns into a `GET`.
    Urllib,
}

/// A request. What may be secret (headers, body, credentials, variables) never leaves the agent with a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// The address, without credentials.
    pub url: String,
    /// In the order in which they are sent.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// What is sent.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
    /// A file on the target to send in place of `body`.
    pub body_file: Option<String>,
    /// User and password.
    #[serde(skip)]
    pub credentials: Option<(String, String)>,
    /// Sends the credentials without being asked for them.
    pub force_basic: bool,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Names of headers, in lower case, that a redirected request does not carry.
    pub unredirected: Vec<String>,
    /// Accepts any certificate.
    pub insecure: bool,
    /// File of certificates to trust in place of the system's.
    pub ca_path: Option<String>,
    /// File with the client's certificate (and key, if `client_key` is not given).
    pub client_cert: Option<String>,
    /// File with the client's key.
    pub client_key: Option<String>,
    /// For how long the other side may be silent.
    pub timeout_ms: u64,
    /// Connects to this socket, whatever the address says.
    pub unix_socket: Option<String>,
    /// Goes by the proxy that the variables name.
    pub use_proxy: bool,
    /// Takes credentials from `~/.netrc`.
    pub use_netrc: bool,
    /// Unpacks a body that comes packed with gzip.
    pub decompress: bool,
    /// Writes the body of a good answer into this file, in the agent's private folder, in place of keeping it in memory.
    pub save_to: Option<String>,
    /// Variables of the environment that matter: proxies, certificates, home.
    #[serde(skip)]
    pub variables: Vec<(String, String)>,
}

impl HttpRequest {
    /// A variable by its name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(n, v)| n == name && !v.is_empty()).map(|(_, value)| value.as_str())
    }
}
