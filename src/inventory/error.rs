//! What can go wrong with inventories.

use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

use crate::secrets::LoadError;

/// Why an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A file in `group_vars` or `host_vars` cannot be loaded.
    #[error(transparent)]
    Vars(#[from] Box<LoadError>),
    /// A change of the inventory that makes no sense.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A source that nothing can read (`any_unparsed_is_failed`).
    #[error("Completely failed to parse inventory source {source_name}")]
    Unparsed {
        /// The source.
        source_name: String,
        /// What its readers said.
        why: Vec<Diagnostic>,
    },
    /// No source can be read (`unparsed_is_failed`).
    #[error("No inventory was parsed, please check your configuration and options.")]
    NothingParsed {
        /// What the readers said.
        why: Vec<Diagnostic>,
    },
}

impl InventoryError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            Self::Vars(error) => error.to_diagnostic(),
            Self::Model(error) => error.to_diagnostic(),
            Self::Unparsed { why, .. } => because(Diagnostic::error(self.to_string()), why)
                .hint("without `any_unparsed_is_failed` in [inventory] this is a warning"),
            Self::NothingParsed { why } => because(Diagnostic::error(self.to_string()), why)
                .hint("without `unparsed_is_failed` in [inventory] this is a warning"),
        }
    }
}

fn because(error: Diagnostic, why: &[Diagnostic]) -> Diagnostic {
    why.iter().fold(error, |error, reason| error.note(reason.message.clone()))
}

/// A change of the inventory that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A group would contain itself.
    #[error("adding group `{child}` to `{parent}` would make a loop of groups")]
    Loop {
        /// The group that was to become a parent.
        parent: String,
        /// The group that was to become its child.
        child: String,
    },
    /// A group that does not exist.
    #[error("there is no group `{0}`")]
    NoGroup(String),
    /// A host without a name.
    #[error("a host name is empty")]
    EmptyHost,
    /// A group without a name.
    #[error("a group name is empty")]
    EmptyGroup,
    /// The priority of a group is no number.
    #[error("ansible_group_priority of group `{0}` is no whole number")]
    Priority(String),
}

impl ModelError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let out = Diagnostic::error(self.to_string());
        match self {
            Self::Loop { .. } => out.hint("remove one of the `children` entries that form the loop"),
            Self::Priority(_) => out.hint("write a number, as in `ansible_group_priority=10`"),
            _ => out,
        }
    }
}

/// Why one kind of reader refuses a source. Another kind may still read it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(crate) struct Refused(pub(crate) Box<Diagnostic>);

impl Refused {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic::error(message)))
    }

    pub(crate) fn at(self, span: &Span) -> Self {
        Self(Box::new(self.0.at(span)))
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self(Box::new(self.0.hint(hint)))
    }
}

impl From<ModelError> for Refused {
    fn from(error: ModelError) -> Self {
        Self(Box::new(error.to_diagnostic()))
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        Self(Box::new(error.to_diagnostic()))
    }
}

/// Why a host pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The expression behind `~`, or the wildcard, is not valid.
    #[error("the host pattern `{pattern}` is not valid: {reason}")]
    Invalid {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// `web[7]` where there are only five.
    #[error("the host pattern `{pattern}` asks for more than the {count} hosts there are")]
    Subscript {
        /// The pattern.
        pattern: String,
        /// How many hosts there are.
        count: usize,
    },
    /// It matches nothing, and the configuration wants that to be an error.
    #[error("Could not match supplied host pattern, ignoring: {0}")]
    Mismatch(String),
    /// `--limit @file`, and the file cannot be read.
    #[error("cannot read the limit file {file}: {reason}")]
    LimitFile {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

impl PatternError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let out = Diagnostic::error(self.to_string());
        match self {
            Self::Invalid { pattern, .. } if pattern.starts_with('~') => {
                out.hint("what follows `~` is a regular expression")
            }
            Self::Subscript { .. } => out.hint("subscripts count from 0; `[0:2]` includes both ends"),
            Self::LimitFile { .. } => out.hint("`@` in a limit names a file with one pattern a line"),
            Self::Mismatch(_) => {
                out.hint("with `host_pattern_mismatch = warning` in [inventory] this is a warning")
            }
            Self::Invalid { .. } => out,
        }
    }
}
