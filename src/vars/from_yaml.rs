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
            Yaml::BigInt(digits) => {
                digits.parse::<f64>().map_or_else(|_| self.text(node, digits), Value::Float)
            }
            Yaml::Float(f) => Value::Float(*f),
            // As Ansible hands dates on in JSON.
            Yaml::Timestamp(text) => {
                self.text(node, windlass_yaml::iso_format(text).as_deref().unwrap_or(text))
            }
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
            Yaml::Float(f) => Key::from(f.to_string()),
            Yaml::Str(text, _) | Yaml::Timestamp(text) | Yaml::BigInt(text) => {
                Key::Str(Text::trusted(text.as_str(), Some(node.span.clone())))
            }
            _ => Key::from(node.kind()),
        }
    }
}
