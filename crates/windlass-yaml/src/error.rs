//! What can go wrong, in words.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};

/// Text that is no YAML, or that PyYAML would not load.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} ({span})")]
pub struct YamlError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands at the place, for the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The message without the text of the file, where `message` quotes some.
    bare: Option<&'static str>,
}

impl YamlError {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, label: None, hint: None, bare: None }
    }

    /// An error whose message quotes text of the file; `bare` does not.
    pub(crate) fn quoting(message: impl Into<String>, bare: &'static str, span: Span) -> Self {
        Self { bare: Some(bare), ..Self::new(message, span) }
    }

    /// Makes the error say nothing of what the file holds, and point into `file`, which has the same layout.
    pub fn conceal(&mut self, file: &Arc<SourceFile>) {
        self.span.file = Arc::clone(file);
        (self.label, self.hint) = (None, None);
        if let Some(bare) = self.bare {
            bare.clone_into(&mut self.message);
        }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.message.clone()).at(&self.span);
        diagnostic.label.clone_from(&self.label);
        diagnostic.hint.clone_from(&self.hint);
        diagnostic
    }
}

/// Something that loads but is hardly meant.
#[derive(Debug, Clone)]
pub enum Warning {
    /// A mapping gives a key twice; the last value is used.
    DuplicateKey {
        /// The key as text.
        key: String,
        /// Where it stands first.
        first: Span,
        /// Where it stands again.
        second: Span,
    },
}

impl Warning {
    /// The place the warning is about.
    pub fn span(&self) -> &Span {
        match self {
            Self::DuplicateKey { second, .. } => second,
        }
    }

    /// Makes the warning point into another file of the same layout.
    pub fn rehome(&mut self, file: &Arc<SourceFile>) {
        match self {
            Self::DuplicateKey { first, second, .. } => {
                first.file = Arc::clone(file);
                second.file = Arc::clone(file);
            }
        }
    }

    /// The warning as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            Self::DuplicateKey { key, first, second } => {
                Diagnostic::warning(format!("Found duplicate mapping key '{key}'."))
                    .at(second)
                    .label("this value is used")
                    .related(first, "this one is ignored")
                    .hint("remove one of the two")
            }
        }
    }
}
