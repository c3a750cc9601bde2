//! Files of this machine that may be encrypted, as bytes and as text.

use super::store::{Opened, SecretError, Secrets};
use std::io;
use std::path::Path;

/// Why the content of a file cannot be had. Its text does not name the file: who asks for it knows which one it is.
#[derive(Debug, thiserror::Error)]
pub enum ReadFileError {
    /// It cannot be read.
    #[error("{}", crate::playbook::problems::reason_of(.0))]
    Read(#[from] io::Error),
    /// It cannot be decrypted.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It is no text.
    #[error("it is not UTF-8 text (the first wrong byte is on line {line}); save it as UTF-8")]
    NotText {
        /// Line of the first byte that is wrong, from 1.
        line: usize,
    },
}

impl Secrets {
    /// The bytes of a file, decrypted if they are encrypted.
    ///
    /// # Errors
    /// If it cannot be read or decrypted.
    pub fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, ReadFileError> {
        Ok(self.open_bytes(std::fs::read(path)?)?.plain.to_vec())
    }

    /// As [`Self::read_bytes`], for what is shown or sent on: the redactor gets to know what was encrypted.
    ///
    /// # Errors
    /// If it cannot be read or decrypted.
    pub fn read_content(&self, path: &Path) -> Result<Opened, ReadFileError> {
        Ok(self.open_content(std::fs::read(path)?)?)
    }
}

/// Bytes of a file as text.
///
/// # Errors
/// [`ReadFileError::NotText`].
pub(crate) fn text_of(bytes: Vec<u8>) -> Result<String, ReadFileError> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ReadFileError::NotText { line: good.iter().filter(|b| **b == b'\n').count() + 1 }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn why_a_file_cannot_be_had() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let secrets = Secrets::none();
        let said = || secrets.read_bytes(&file).and_then(text_of).unwrap_err().to_string();
        assert_eq!(said(), "No such file or directory");
        std::fs::write(&file, "$ANSIBLE_VAULT;1.1;AES256\n61\n").unwrap();
        assert!(matches!(secrets.read_bytes(&file), Err(ReadFileError::Secret(_))));
        std::fs::write(&file, b"a\nb\n\xff").unwrap();
        assert_eq!(said(), "it is not UTF-8 text (the first wrong byte is on line 3); save it as UTF-8");
        std::fs::write(&file, "a\n").unwrap();
        assert_eq!(secrets.read_bytes(&file).and_then(text_of).unwrap(), "a\n");
    }
}
