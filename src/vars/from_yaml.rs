//! Values from YAML nodes.

use super::key::Key;
use super::value::{Map, Sealed, Text, Value};
use crate::secrets::SecretError;
use std::sync::Arc;
use windlass_yaml::{Node, Tag, Yaml};

/// Opens ansible-vault envelopes.
pub trait Open {
    /// The plain text.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn open(&self, envelope: &str) -> Result<String, SecretError>;
}

/// Opens nothing: for places where no secrets are at hand.
pub struct OpenNothing;

impl Open for OpenNothing {
    fn open(&self, _envelope: &str) -> Result<String, SecretError> {
        Err(SecretError::NoSecrets)
    }
}

/// How a document becomes a value.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Opens `!vault` scalars.
    pub open: &'a dyn Open,
    /// Every text gets the secret mark (the file as a whole was encrypted).
    pub secret: bool,
    /// Texts may be templates. False for what a program printed.
    pub trusted: bool,
}

impl Reader<'_> {
    /// The value of a node.
    #[must_use]
    pub fn value(&self, node: &Node) -> Value {
        match &node.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(b) => Value::Bool(*b),
            Yaml::Int(i) => Value::Int(*i),
            // As text every digit stays; a float would have no more than sixteen of them.
            Yaml::BigInt(digits) => self.text(node, digits),
            Yaml::Float(f) => Value::Float(*f),
            Yaml::Timestamp(text) => match windlass_yaml::iso_format(text) {
                Some(text) => {
                    let moment = Text::moment(text, Some(node.span.clone()));
                    Value::Str(if self.secret { moment.into_secret() } else { moment })
                }
                None => self.text(node, text),
            },
            Yaml::Binary(bytes) => self.text(node, &String::from_utf8_lossy(bytes)),
            Yaml::Str(text, _) if node.tag == Some(Tag::Vault) => match self.open.open(text) {
                Ok(plain) => Value::Str(Text::trusted(plain, Some(node.span.clone())).into_secret()),
                Err(reason) => Value::Sealed(Arc::new(Sealed {
                    ciphertext: text.clone(),
                    span: Some(node.span.clone()),
                    reason,
                })),
            },
            Yaml::Str(text, _) => self.text(node, text),
            Yaml::Seq(items) => Value::list(items.iter().map(|n| self.value(n)).collect()),
            Yaml::Map(map) => {
                Value::map(map.iter().map(|(k, v)| (self.key(k), self.value(v))).collect::<Map>())
            }
        }
    }

    fn text(&self, node: &Node, text: &str) -> Value {
        let mut out = Text::trusted(text, Some(node.span.clone()));
        if !self.trusted || node.tag == Some(Tag::Unsafe) {
            out = out.into_untrusted();
        }
        Value::Str(if self.secret { out.into_secret() } else { out })
    }

    /// The key that a node is.
    #[must_use]
    pub fn key(&self, node: &Node) -> Key {
        match &node.value {
            Yaml::Null => Key::Null,
            Yaml::Bool(b) => Key::Bool(*b),
            Yaml::Int(i) => Key::Int(*i),
            Yaml::Float(f) => Key::from(super::value::scalar_text(&Value::Float(*f)).unwrap_or_default()),
            Yaml::Str(text, _) | Yaml::Timestamp(text) | Yaml::BigInt(text) => {
                Key::Str(Text::trusted(text.as_str(), Some(node.span.clone())))
            }
            _ => Key::from(node.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use windlass_yaml::{SourceFile, load_one};

    fn value(text: &str) -> Value {
        let node = load_one(SourceFile::new("x.yml", text)).unwrap().0.unwrap();
        Reader { open: &OpenNothing, secret: false, trusted: true }.value(&node)
    }

    #[test]
    fn whole_numbers_keep_all_their_digits() {
        assert_eq!(value("18446744073709551615").as_str(), Some("18446744073709551615"));
        assert_eq!(value("-9223372036854775809").as_str(), Some("-9223372036854775809"));
        assert!(matches!(value("9223372036854775807"), Value::Int(i64::MAX)));
    }

    #[test]
    fn keys_are_written_as_python_writes_them() {
        let Value::Map(map) = value("{1.0: a, 2.5: b, 3: c}") else { panic!("a mapping") };
        let keys: Vec<String> = map.keys().map(ToString::to_string).collect();
        assert_eq!(keys, ["1.0", "2.5", "3"]);
    }
}
