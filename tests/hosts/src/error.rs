//! What can go wrong when hosts are made.

use crate::machine::Unavailable;
use std::path::PathBuf;

/// Why a host could not be booted or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine cannot run throwaway hosts at all.
    #[error("throwaway hosts cannot run here: {0}")]
    Unavailable(#[source] Unavailable),
    /// A program that was run to make or use a host failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line, for reading.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// A file or folder of the harness could not be used.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The host did not come up in time.
    #[error("host {name} did not come up within {seconds} s; the end of its console:\n{console}")]
    NotUp {
        /// The host's name.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// The last lines that it printed.
        console: String,
    },
    /// Every address of the test network is taken.
    #[error("every address of the test network is taken; `test-hosts gc` frees those of dead processes")]
    NoAddress,
    /// An address that was asked for is not one of the test network.
    #[error("{0} is no host's address in the test network {1}")]
    NotOurs(std::net::Ipv4Addr, String),
    /// An address that was asked for belongs to another host.
    #[error("{0} is taken")]
    AddressTaken(std::net::Ipv4Addr),
    /// No such host.
    #[error("no host is named {0}")]
    NoHost(String),
    /// An answer over HTTP that is not one.
    #[error("{url}: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// An I/O error with its path.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
