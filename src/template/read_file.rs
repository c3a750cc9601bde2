//! The files that templates include and lookups name.

use super::error::TemplateError;
use super::eval::val::failed;
use super::templar::Shared;
use crate::secrets::{ReadFileError, SecretError, text_of};
use std::path::{Path, PathBuf};

/// Why a template cannot have a file, with the file's name.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.said())]
pub(crate) struct NamedFileError {
    path: PathBuf,
    #[source]
    cause: ReadFileError,
}

impl NamedFileError {
    fn said(&self) -> String {
        let path = self.path.display();
        match &self.cause {
            ReadFileError::Read(error) => format!("could not read {path}: {error}"),
            ReadFileError::Secret(error @ SecretError::NoSecrets) => {
                format!("{path} is encrypted and {error}")
            }
            ReadFileError::Secret(error) => format!("could not open {path}: {error}"),
            ReadFileError::NotText { .. } => format!("{path} is not valid UTF-8"),
        }
    }
}

impl From<NamedFileError> for TemplateError {
    fn from(error: NamedFileError) -> Self {
        failed(error.to_string())
    }
}

impl Shared {
    /// A file's text; a vaulted one is opened.
    pub(crate) fn read_text(&self, path: &Path) -> Result<String, NamedFileError> {
        self.read(path).and_then(text_of).map_err(|cause| NamedFileError { path: path.to_owned(), cause })
    }

    /// A file's bytes; a vaulted one is opened.
    pub(crate) fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, NamedFileError> {
        self.read(path).map_err(|cause| NamedFileError { path: path.to_owned(), cause })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFileError> {
        let bytes = std::fs::read(path)?;
        if !bytes.starts_with(b"$ANSIBLE_VAULT;") {
            return Ok(bytes);
        }
        let vault = self.settings.vault.as_ref().ok_or(SecretError::NoSecrets)?;
        Ok(vault.open(&String::from_utf8_lossy(&bytes))?)
    }
}
