//! Keys of mappings. Mostly texts, but YAML and Jinja have others too.

use super::value::Text;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A key of a mapping.
#[derive(Debug, Clone)]
pub enum Key {
    /// A text; its marks do not take part in comparisons.
    Str(Text),
    /// A whole number.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// Null.
    Null,
}

impl Key {
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a.as_str() == b.as_str(),
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            // As in Python, where `true` is a one.
            (Self::Int(i), Self::Bool(b)) | (Self::Bool(b), Self::Int(i)) => *i == i64::from(*b),
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // As `str` hashes, so that a map can be asked by `&str`.
            Self::Str(text) => text.as_str().hash(state),
            Self::Int(i) => (1u8, i).hash(state),
            Self::Bool(b) => (1u8, i64::from(*b)).hash(state),
            Self::Null => 3u8.hash(state),
        }
    }
}

impl indexmap::Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_str() == Some(self)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(Text::plain(text))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Str(Text::plain(text))
    }
}

impl fmt::Display for Key {
    /// As JSON would name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text.as_str()),
            Self::Int(i) => write!(f, "{i}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Null => f.write_str("null"),
        }
    }
}
