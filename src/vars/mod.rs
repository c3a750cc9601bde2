//! Variables: values with their marks, scopes, precedence, magic variables.

pub mod fact_cache;
pub mod from_yaml;
pub mod key;
pub mod merge;
pub mod scope;
pub mod store;
pub mod value;

pub use key::Key;
pub use value::{Dynamic, Map, Sealed, Text, Value, has_delimiter};
