//! YAML 1.1 as Ansible reads it.
//!
//! Ansible's files are read by PyYAML's `SafeLoader`, so `yes` is a boolean, `0644` is 420 and `1:30` is 90. This
//! crate reads text in just that way and keeps, for every node, where it stands in its file, how it was written and
//! which of Ansible's tags (`!vault`, `!unsafe`) it carries. The event parser underneath is an implementation detail:
//! none of its types appear here.
//!
//! [`load`] reads every document of a file, [`load_one`] a file that may only hold one. [`diagnostic`] draws errors
//! and warnings with the source line they speak of, for the whole project.

pub mod diagnostic;
mod error;
mod hints;
mod load;
mod mend;
mod node;
mod number;
mod resolve;
mod source;
mod tags;
mod timestamp;

pub use error::{Warning, YamlError};
pub use load::{Loaded, Options, load, load_one, load_with};
pub use node::{Duplicate, Mapping, Node, Style, Tag, Yaml};
pub use resolve::resolve_plain;
pub use source::{Excerpt, SourceFile, Span};
pub use timestamp::iso_format;
