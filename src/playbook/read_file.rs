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
    pub fn content(&self, path: &Path) -> Result<Opened, ReadFileError> {
        self.secrets.read_content(path)
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
