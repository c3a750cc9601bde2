//! What can go wrong with a request.

use std::path::PathBuf;
use windlass_protocol::{Json, JsonMap};

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server refuses the request.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The server cannot be reached, or does not answer in time.
    #[error("{method} {url}: {reason}")]
    Unanswered {
        /// How it was asked.
        method: String,
        /// What was asked.
        url: String,
        /// Why there is no answer.
        reason: String,
        /// The server's certificate is not trusted.
        certificate: bool,
    },
    /// The user does not get in.
    #[error("Couldn't authenticate user: {user} to {url}{}", reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default())]
    Login {
        /// Who.
        user: String,
        /// Where.
        url: String,
        /// What the server says.
        reason: Option<String>,
    },
    /// The user's password is not all that the server wants.
    #[error("Couldn't authenticate user: missing Two Factor Authentication (TFA)")]
    SecondFactor,
    /// The address cannot be used.
    #[error("{0} is no address of a server")]
    Address(String),
    /// The token or ticket has characters that no header may have.
    #[error("the {0} has characters that cannot be sent")]
    Header(&'static str),
    /// The answer is not what the API gives.
    #[error("{method} {url}: the answer is no JSON of the API: {reason}")]
    Answer {
        /// How it was asked.
        method: String,
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file with certificates cannot be used.
    #[error("cannot use the certificates of {}: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that is to be sent cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file was being sent, and the server took no more of it or never said that it has it.
    #[error("POST {url}: for {seconds} seconds the server {}", stalled(*sent, *length))]
    Stalled {
        /// Where it was sent.
        url: String,
        /// How long was waited.
        seconds: u64,
        /// How many bytes had gone.
        sent: u64,
        /// How many there are.
        length: u64,
    },
    /// The client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(reqwest::Error),
}

fn stalled(sent: u64, length: u64) -> String {
    if sent < length {
        format!("took nothing more of the file ({sent} of {length} bytes were on their way)")
    } else {
        "did not answer after it had got the whole file".to_owned()
    }
}

impl ApiError {
    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// Whether the same question may be answered a moment later.
    #[must_use]
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500,
            Self::Unanswered { certificate, .. } => !certificate,
            Self::Answer { .. } => true,
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused(refusal) => match refusal.status {
                401 => "check the user, and the password or the token's id and secret",
                403 => {
                    "give the user this privilege on that path; a token with separated privileges needs permissions of its own"
                }
                595..=599 => "the server could not reach the node: is it up, and is its name right?",
                _ => return None,
            },
            Self::Login { .. } => "check `api_user` (with its realm, as in `root@pam`) and `api_password`",
            Self::SecondFactor => "use an API token: it needs no second factor",
            Self::Unanswered { certificate: true, .. } => {
                "name the server's certificate authority in REQUESTS_CA_BUNDLE or SSL_CERT_FILE, or set `validate_certs: false`"
            }
            Self::Stalled { .. } => {
                "look at the server's load and at its storage; `timeout` is how many seconds it may stand still"
            }
            Self::Unanswered { .. } => {
                "check `api_host` and `api_port`, and that the server can be reached from here"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The same error with secrets taken out of everything that the server or a library worded.
    #[must_use]
    pub(super) fn scrubbed(mut self, secrets: &[String]) -> Self {
        let scrub = |text: &mut String| *text = super::client::scrub(text, secrets);
        match &mut self {
            Self::Refused(refusal) => {
                scrub(&mut refusal.reason);
                for (_, text) in &mut refusal.errors {
                    scrub(text);
                }
            }
            Self::Unanswered { url, reason, .. } | Self::Answer { url, reason, .. } => {
                scrub(url);
                scrub(reason);
            }
            Self::Login { reason: Some(reason), .. } => scrub(reason),
            _ => {}
        }
        self
    }
}

/// An answer with a status that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How it was asked.
    pub method: String,
    /// What was asked, below `/api2/json`.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The server's reason: it stands in the status line.
    pub reason: String,
    /// What is wrong with which field.
    pub errors: Vec<(String, String)>,
}

impl std::error::Error for Refusal {}

impl std::fmt::Display for Refusal {
    /// `400 Bad Request: Parameter verification failed. - {'vmid': '...'}`, as users of the original know it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phrase = reqwest::StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason());
        write!(f, "{}", self.status)?;
        if let Some(phrase) = phrase.or_else(|| gateway(self.status)) {
            write!(f, " {phrase}")?;
        }
        write!(f, ": {}", self.reason)?;
        if !self.errors.is_empty() {
            let errors: JsonMap =
                self.errors.iter().map(|(k, v)| (k.clone(), Json::String(v.clone()))).collect();
            write!(f, " - {}", windlass_protocol::args::python_text(&Json::Object(errors)))?;
        }
        Ok(())
    }
}

/// What the numbers mean by which a node says that it could not reach another one.
fn gateway(status: u16) -> Option<&'static str> {
    Some(match status {
        595 => "Errors during connection establishment",
        596 => "Errors during TLS negotiation, request sending and header processing",
        597 => "Errors during body receiving or processing",
        598 => "User aborted request",
        599 => "Other, usually nonretryable, errors",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, reason: &str, errors: &[(&str, &str)]) -> ApiError {
        ApiError::Refused(Box::new(Refusal {
            method: "POST".into(),
            path: "/nodes/pve/lxc".into(),
            status,
            reason: reason.into(),
            errors: errors.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }))
    }

    #[test]
    fn a_refusal_reads_as_in_the_original() {
        let error = refusal(403, "Permission check failed (/vms/101, VM.Allocate)", &[]);
        assert_eq!(error.to_string(), "403 Forbidden: Permission check failed (/vms/101, VM.Allocate)");
        assert!(error.hint().is_some_and(|h| h.contains("privilege")));
        let error = refusal(400, "Parameter verification failed.", &[("memory", "value must be 16")]);
        let text = "400 Bad Request: Parameter verification failed. - {'memory': 'value must be 16'}";
        assert_eq!(error.to_string(), text);
        assert_eq!(
            refusal(595, "No route to host", &[]).to_string(),
            "595 Errors during connection establishment: No route to host"
        );
    }

    #[test]
    fn secrets_are_not_repeated() {
        let error = refusal(400, "bad value 'hunter2'", &[("password", "hunter2 is too short")]);
        let text = error.scrubbed(&["hunter2".to_owned()]).to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
