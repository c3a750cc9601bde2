//! Reads the files that a playbook is made of: documents, files of variables, files as they stand.

use super::Loader;
use super::problems::{Problems, near_file};
use crate::secrets::{Opened, ReadFileError, load_vars_file, text_of};
use crate::vars::from_yaml::Reader;
use crate::vars::{Map, Value};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Node as Yaml, SourceFile, Span};

/// Up to this many bytes of what was encrypted are kept, of one file and of all of them.
const KEPT_PLAIN: usize = 4 << 20;
const KEPT_ALL: usize = 64 << 20;

/// By what it is known that a file is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileState {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl FileState {
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { modified, size: metadata.size(), inode: metadata.ino() }
    }
}

impl Loader {
    /// The document of a file; `None` (with a problem) if it cannot be read, `Some(None)` inside if it is empty.
    pub fn document(
        &self,
        path: &Path,
        from: Option<&Span>,
        problems: &mut Problems,
    ) -> Option<Arc<Option<Yaml>>> {
        let known = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(document) = known {
            return Some(document);
        }
        let text = match self.read_text(path) {
            Ok(text) => text,
            Err(reason) => {
                let mut diagnostic = Diagnostic::error(format!("cannot read {}: {reason}", path.display()));
                if let Some(span) = from {
                    diagnostic = diagnostic.at(span);
                }
                if path.exists() {
                    problems.push(diagnostic);
                } else {
                    if let Some(near) = near_file(path) {
                        diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
                    }
                    problems.refuse(diagnostic);
                }
                return None;
            }
        };
        match windlass_yaml::load_one(SourceFile::new(path, text)) {
            Ok((node, warnings)) => {
                warnings.iter().for_each(|w| problems.push(w.to_diagnostic()));
                let node = Arc::new(node);
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.insert(path.to_owned(), Arc::clone(&node));
                Some(node)
            }
            Err(error) => {
                problems.push(error.to_diagnostic());
                None
            }
        }
    }

    /// A node as a value whose texts may be templates.
    #[must_use]
    pub fn value(&self, node: &Yaml) -> Value {
        Reader { open: &*self.secrets, secret: false, trusted: true }.value(node)
    }

    /// A mapping of variables from a file.
    pub fn vars_file(&self, path: &Path, from: Option<&Span>, problems: &mut Problems) -> Arc<Map> {
        match self.vars_file_result(path) {
            Ok((map, warnings)) => {
                warnings.into_iter().for_each(|w| problems.push(w));
                map
            }
            Err(diagnostic) => {
                problems.push(match (&diagnostic.span, from) {
                    (None, Some(span)) => diagnostic.at(span),
                    _ => *diagnostic,
                });
                Arc::default()
            }
        }
    }

    /// As [`Self::vars_file`], the error handed back.
    ///
    /// # Errors
    /// If it cannot be read or decrypted, is no YAML, or no mapping.
    pub fn vars_file_result(&self, path: &Path) -> Result<(Arc<Map>, Vec<Diagnostic>), Box<Diagnostic>> {
        let loaded = load_vars_file(path, &self.secrets).map_err(|e| Box::new(e.to_diagnostic()))?;
        Ok((loaded.vars, loaded.warnings))
    }

    /// The bytes of a file for a host, decrypted if they are encrypted; those are not printed from then on.
    ///
    /// # Errors
    /// If it cannot be read or decrypted.
    pub fn content(&self, path: &Path) -> Result<Arc<Opened>, ReadFileError> {
        let state = FileState::of(&std::fs::metadata(path)?);
        // Held while a file is decrypted, which takes its time: the hosts that want the same one wait for it.
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, opened)) = contents.get(path)
            && *known == state
        {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.secrets.read_content(path)?);
        if opened.encrypted && opened.plain.len() <= KEPT_PLAIN {
            if contents.values().map(|(_, opened)| opened.plain.len()).sum::<usize>() > KEPT_ALL {
                contents.clear();
            }
            contents.insert(path.to_owned(), (state, Arc::clone(&opened)));
        }
        Ok(opened)
    }

    /// The text of a template, and whether it was encrypted.
    ///
    /// # Errors
    /// If it cannot be read or decrypted, or is no text.
    pub fn template(&self, path: &Path) -> Result<(String, bool), ReadFileError> {
        let opened = self.content(path)?;
        Ok((text_of(opened.plain.to_vec())?, opened.encrypted))
    }

    /// The text of a file, decrypted if it is encrypted.
    fn read_text(&self, path: &Path) -> Result<String, ReadFileError> {
        text_of(self.secrets.read_bytes(path)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::vault::seal;
    use crate::secrets::{Secrets, VaultSecret};
    use crate::template::{Templar, TemplarSettings};

    #[test]
    fn a_content_is_decrypted_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let password = zeroize::Zeroizing::new(b"p".to_vec());
        let secret = VaultSecret { label: "default".into(), password };
        let secrets = Arc::new(Secrets::with_passwords(vec![secret]));
        let templar = Arc::new(Templar::new(TemplarSettings::default()));
        let loader = Loader::new(secrets, templar, Arc::default());
        std::fs::write(&file, seal(b"one", b"p", None).unwrap()).unwrap();
        let first = loader.content(&file).unwrap();
        assert!(first.encrypted && first.plain.as_slice() == b"one");
        assert!(Arc::ptr_eq(&first, &loader.content(&file).unwrap()));
        // Another file in its place.
        let other = dir.path().join("g");
        std::fs::write(&other, seal(b"two", b"p", None).unwrap()).unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_eq!(loader.content(&file).unwrap().plain.as_slice(), b"two");
        std::fs::write(&file, "plain").unwrap();
        let plain = loader.content(&file).unwrap();
        assert!(!plain.encrypted);
        assert!(!Arc::ptr_eq(&plain, &loader.content(&file).unwrap()), "what is no secret is not kept");
    }
}
