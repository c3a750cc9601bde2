//! What can go wrong while measuring.

use std::path::PathBuf;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No host.
    #[error(transparent)]
    Host(#[from] windlass_test_hosts::Error),
    /// A file or program of the bench itself.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended badly.
    #[error("{what} failed:\n{output}")]
    Failed {
        /// What was run.
        what: String,
        /// The end of what it printed.
        output: String,
    },
    /// A tool left something else than the script did.
    #[error("left something else than the script: {0}")]
    OtherTree(String),
}

impl Error {
    /// An I/O error with its path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
