//! Why a demonstration did not hold.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host.
    #[error(transparent)]
    Host(#[from] windlass_test_hosts::Error),
    /// The Proxmox API.
    #[error(transparent)]
    Server(#[from] windlass_test_proxmox::Error),
    /// The program that deploys could not be run.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended badly.
    #[error("`windlass playbook {arguments}` ended with {status}; the end of its output:\n{tail}")]
    Playbook {
        /// What it was called with.
        arguments: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        tail: String,
    },
    /// Something is not as it was said to be.
    #[error("{0}")]
    Claim(String),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
