//! Reading and writing the files of `windlass vault` and `windlass secret`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::console::Console;
use crate::secrets::{SecretError, replace, write_private};

/// Why a file is not read, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be decrypted.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SecretError,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output.
    #[error("{0}")]
    Stream(#[from] io::Error),
}

impl FileError {
    /// For [`Result::map_err`].
    pub fn open(path: &Path) -> impl FnOnce(SecretError) -> Self {
        let path = path.to_owned();
        |source| Self::Open { path, source }
    }

    /// For [`Result::map_err`].
    pub fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// A file's bytes, wiped after use.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    fs::read(path).map(Zeroizing::new).map_err(|source| FileError::Read { path: path.to_owned(), source })
}

/// Writes a file that its owner alone may read.
pub fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_private(path, content).map_err(FileError::write(path))
}

/// Replaces a file and keeps its owner and mode.
pub fn overwrite(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, content).map_err(FileError::write(path))
}

/// Writes to the output that was asked for, or else back to where the input came from. `-` is standard output, and so is
/// no name at all.
pub fn put(
    console: &mut Console<'_>,
    input: Option<&Path>,
    output: Option<&Path>,
    content: &[u8],
) -> Result<(), FileError> {
    match output.or(input) {
        Some(path) if path.as_os_str() != "-" => write(path, content),
        _ => {
            console.out.write_all(content)?;
            Ok(console.out.flush()?)
        }
    }
}
