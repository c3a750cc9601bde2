//! The Jinja environment: lazy, typed, with Ansible's filters, tests and lookups.

mod error;

pub use error::{TemplateError, TemplateErrorKind};

use crate::vars::{Key, Value};

/// Where a template finds its variables. Values come out as they were written; the template engine renders them when
/// they are used.
pub trait Scope: Send + Sync {
    /// The value of a name.
    fn get(&self, name: &str) -> Option<Value>;
    /// All names, for `vars` and for "did you mean".
    fn names(&self) -> Vec<Key>;
}
