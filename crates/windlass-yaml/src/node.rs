//! The tree that a document becomes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use crate::source::{SourceFile, Span};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value, with core tags (`!!str` and the like) already applied.
    pub value: Yaml,
    /// Where it was written. An alias keeps the span of the anchored node.
    pub span: Span,
    /// The tag it carries. `!unsafe` on a collection is repeated on everything inside it.
    pub tag: Option<Tag>,
}

/// A tag that is not part of YAML's own set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// `!vault` or `!vault-encrypted`: the string is an ansible-vault envelope.
    Vault,
    /// `!unsafe`: a string that is never a template.
    Unsafe,
    /// Any other tag as written; only seen with [`crate::Options::unknown_tags`].
    Other(String),
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'...'`
    SingleQuoted,
    /// `"..."`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A value of a document.
#[derive(Debug, Clone)]
pub enum Yaml {
    /// `null`, `~` or nothing.
    Null,
    /// `yes`, `off`, `True`, ...
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A whole number that does not fit, in decimal digits with an optional `-`.
    BigInt(String),
    /// A fraction, infinity or not a number.
    Float(f64),
    /// Text.
    Str(String, Style),
    /// A date or a date with time, as written (see [`crate::iso_format`]).
    Timestamp(String),
    /// The bytes of a `!!binary`.
    Binary(Vec<u8>),
    /// A list; also what `!!set` (its keys), `!!omap` and `!!pairs` (pairs) become.
    Seq(Vec<Node>),
    /// A mapping.
    Map(Mapping),
}

impl Node {
    /// The text of a string node.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Yaml::Str(text, _) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping node.
    pub fn as_map(&self) -> Option<&Mapping> {
        match &self.value {
            Yaml::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a sequence node.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Yaml::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The truth value of a boolean node.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Yaml::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number of an integer node that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            Yaml::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Makes the node and everything in it point into another file of the same layout, as when the text of an
    /// encrypted file must not be shown.
    pub fn rehome(&mut self, file: &Arc<SourceFile>) {
        self.span.file = Arc::clone(file);
        match &mut self.value {
            Yaml::Seq(items) => items.iter_mut().for_each(|item| item.rehome(file)),
            Yaml::Map(map) => {
                map.values_mut().for_each(|(key, value)| {
                    key.rehome(file);
                    value.rehome(file);
                });
                for duplicate in &mut map.duplicates {
                    duplicate.first.file = Arc::clone(file);
                    duplicate.second.file = Arc::clone(file);
                }
            }
            _ => {}
        }
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Yaml::Null)
    }

    /// What the value is, in words for messages: "a mapping", "a string", ...
    pub fn kind(&self) -> &'static str {
        match self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Int(_) | Yaml::BigInt(_) => "an integer",
            Yaml::Float(_) => "a float",
            Yaml::Str(..) => "a string",
            Yaml::Timestamp(_) => "a date",
            Yaml::Binary(_) => "binary data",
            Yaml::Seq(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }
}

/// The entries of a mapping in their order, with merge keys applied.
///
/// As in PyYAML, merged entries come before the mapping's own, a key that is given twice keeps its first place and takes
/// its last value, and numbers that are equal (`1`, `1.0`, `true`) are one key.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    // Of a task some sixty names are asked for: the standard library's hasher would take most of that time.
    entries: IndexMap<Key, (Node, Node), foldhash::fast::RandomState>,
    duplicates: Vec<Duplicate>,
}

/// A key that a mapping gives more than once.
#[derive(Debug, Clone)]
pub struct Duplicate {
    /// The key as text.
    pub key: String,
    /// Where it stands first.
    pub first: Span,
    /// Where it stands again; this one's value is used.
    pub second: Span,
}

impl Mapping {
    /// The value of a string key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(&TextKey(key)).map(|(_, value)| value)
    }

    /// Key and value nodes of a string key.
    pub fn get_entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.entries.get(&TextKey(key)).map(|(key, value)| (key, value))
    }

    /// Whether the string key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.entries.contains_key(&TextKey(key))
    }

    /// Takes the entry of a string key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<(Node, Node)> {
        self.entries.shift_remove(&TextKey(key))
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Node, &Node)> + ExactSizeIterator {
        self.entries.values().map(|(key, value)| (key, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The keys that were given more than once in the mapping itself.
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// Puts an entry in; a key that can be none (a list or a mapping) is left out.
    pub(crate) fn insert(&mut self, key: Node, value: Node) {
        let Some(id) = Key::of(&key.value) else { return };
        match self.entries.get_mut(&id) {
            // Python keeps the first key object: only the value is replaced.
            Some(entry) => entry.1 = value,
            None => {
                self.entries.insert(id, (key, value));
            }
        }
    }

    /// Fills this (empty) mapping with merged entries and then with a mapping's own.
    pub(crate) fn inherit(&mut self, merged: Vec<(Node, Node)>, own: Self) {
        self.duplicates.clone_from(&own.duplicates);
        for (key, value) in merged.into_iter().chain(own) {
            self.insert(key, value);
        }
    }

    /// The key node that is equal to this one, if there is one.
    pub(crate) fn same_key(&self, key: &Node) -> Option<&Node> {
        self.entries.get(&Key::of(&key.value)?).map(|(key, _)| key)
    }

    pub(crate) fn note_duplicate(&mut self, duplicate: Duplicate) {
        self.duplicates.push(duplicate);
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&mut Node, &mut Node)> {
        self.entries.values_mut().map(|(key, value)| (key, value))
    }
}

impl IntoIterator for Mapping {
    type Item = (Node, Node);
    type IntoIter = indexmap::map::IntoValues<Key, (Node, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_values()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = (&'a Node, &'a Node);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// What makes two keys the same.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Null,
    Int(i64),
    Float(u64),
    Big(String),
    Str(String),
    Timestamp(String),
    Binary(Vec<u8>),
}

impl Key {
    fn of(value: &Yaml) -> Option<Self> {
        Some(match value {
            Yaml::Null => Self::Null,
            Yaml::Bool(value) => Self::Int(i64::from(*value)),
            Yaml::Int(value) => Self::Int(*value),
            Yaml::Float(value) => match whole(*value) {
                Some(value) => Self::Int(value),
                None => Self::Float(value.to_bits()),
            },
            Yaml::BigInt(value) => Self::Big(value.clone()),
            Yaml::Str(value, _) => Self::Str(value.clone()),
            Yaml::Timestamp(value) => Self::Timestamp(value.clone()),
            Yaml::Binary(value) => Self::Binary(value.clone()),
            Yaml::Seq(_) | Yaml::Map(_) => return None,
        })
    }
}

#[allow(clippy::cast_possible_truncation)] // the range is checked before the cast
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9.0e15).then_some(value as i64)
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // Must agree with `TextKey`, which looks strings up without owning them.
            Self::Str(text) => text.as_str().hash(state),
            Self::Null => 0u8.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(bits) => bits.hash(state),
            Self::Big(text) | Self::Timestamp(text) => text.hash(state),
            Self::Binary(bytes) => bytes.hash(state),
        }
    }
}

struct TextKey<'a>(&'a str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Str(text) if text == self.0)
    }
}
