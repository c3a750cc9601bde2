//! The Jinja environment: lazy, typed, with Ansible's filters, tests and lookups.
//!
//! Templates are read by a parser of our own ([`syntax`]) and walked by an evaluator that works on lazy values
//! ([`eval`]). [`Templar`] is the door; everything else serves it.

pub mod about;
mod context;
mod error;
mod eval;
mod filters;
mod globals;
mod header;
mod lookups;
mod plugin;
mod read_file;
pub mod syntax;
mod templar;
mod tests;

pub use context::{
    Asked, FileOptions, FindHosts, FindSetting, Overlay, Rendered, SearchPath, Setting, SettingError,
    TemplarSettings, TemplateContext, Vault,
};
pub use error::{TemplateError, TemplateErrorKind};
pub use eval::STACK;
pub(crate) use filters::size_of;
pub(crate) use filters::yaml_emit::{Layout as YamlLayout, dump_json as dump_yaml};
pub use syntax::Syntax;
pub use templar::Templar;

use crate::vars::{Key, Value};

/// The names that templates may use: filters, tests (each short and with its collection) and lookups.
#[must_use]
pub fn known_names() -> [(&'static str, Vec<&'static str>); 3] {
    [("filter", filters::names()), ("test", tests::names()), ("lookup", lookups::names())]
}

/// Where a template finds its variables. Values come out as they were written; the template engine renders them when
/// they are used.
pub trait Scope: Send + Sync {
    /// The value of a name.
    fn get(&self, name: &str) -> Option<Value>;
    /// All names, for `vars` and for "did you mean".
    fn names(&self) -> Vec<Key>;
}

#[cfg(test)]
mod behaviour_test;
#[cfg(test)]
mod table_test;
