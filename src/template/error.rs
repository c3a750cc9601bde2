//! What can go wrong in a template.

use windlass_yaml::Span;

/// Why a template could not be rendered.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What kind of failure.
    pub kind: TemplateErrorKind,
    /// One sentence, as Ansible words it where its users know it (`'foo' is undefined`).
    pub message: String,
    /// The place: of the expression in the playbook, or the line of the template file.
    pub span: Option<Span>,
    /// What to do.
    pub hint: Option<String>,
}

/// Kinds of [`TemplateError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// A variable or attribute that is not there.
    Undefined,
    /// Not Jinja.
    Syntax,
    /// No such filter, test or lookup.
    UnknownName,
    /// A filter, test, lookup or operation failed.
    Failed,
    /// A template that another one had rendered failed; the message says so.
    Rendering,
    /// A condition that is not a boolean.
    NotBoolean,
    /// A variable that is defined by itself.
    Loop,
    /// An encrypted value without a password.
    Sealed,
}

impl TemplateError {
    /// An error without a place.
    #[must_use]
    pub fn new(kind: TemplateErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), span: None, hint: None }
    }
    /// Adds a place if there is none yet.
    #[must_use]
    pub fn at(mut self, span: Option<&Span>) -> Self {
        if self.span.is_none() {
            self.span = span.cloned();
        }
        self
    }
}
