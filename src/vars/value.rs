//! The value of a variable.
//!
//! A text carries marks: whether it may be a template (only texts that an operator wrote may), whether it is secret,
//! and where it was written. Output of a target never has the first mark; that is the border that keeps a
//! compromised target from running code on the controller.

use super::key::Key;
use crate::secrets::SecretError;
use indexmap::IndexMap;
use std::fmt;
use std::sync::Arc;
use windlass_protocol::{Json, JsonMap};
use windlass_yaml::Span;

/// A mapping in the order in which it was written.
pub type Map = IndexMap<Key, Value>;

/// A value. Cloning is cheap: everything large is shared.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text, perhaps a template.
    Str(Text),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A mapping.
    Map(Arc<Map>),
    /// A mapping whose values are found when they are asked for (`hostvars`).
    Dynamic(Arc<dyn Dynamic>),
    /// An encrypted scalar for which no password was given. Using it is an error.
    Sealed(Arc<Sealed>),
    /// The `omit` placeholder: the argument or item that has it is dropped.
    Omit,
}

/// A mapping whose values are found when they are asked for. They come out rendered.
pub trait Dynamic: Send + Sync + fmt::Debug {
    /// The value of a key.
    ///
    /// # Errors
    /// If finding it renders a template and that fails.
    fn get(&self, key: &str) -> Result<Option<Value>, crate::template::TemplateError>;
    /// All keys.
    fn keys(&self) -> Vec<Key>;
}

/// An encrypted scalar that could not be opened.
#[derive(Debug)]
pub struct Sealed {
    /// The encrypted text.
    pub ciphertext: String,
    /// Where it stands.
    pub span: Option<Span>,
    /// Why it could not be opened.
    pub reason: SecretError,
}

/// A text with its marks.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

struct Inner {
    text: Box<str>,
    trusted: bool,
    secret: bool,
    /// It stands for a date or time.
    moment: bool,
    span: Option<Span>,
}

impl Text {
    /// A text that is never a template.
    #[must_use]
    pub fn plain(text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Inner { text: text.into(), trusted: false, secret: false, moment: false, span: None }))
    }
    /// A text that an operator wrote there: a template if it looks like one.
    #[must_use]
    pub fn trusted(text: impl Into<Box<str>>, span: Option<Span>) -> Self {
        Self(Arc::new(Inner { text: text.into(), trusted: true, secret: false, moment: false, span }))
    }
    /// A date or time, or both, as Python's `isoformat` writes it. Templates see it as that and not as a text.
    #[must_use]
    pub fn moment(text: impl Into<Box<str>>, span: Option<Span>) -> Self {
        Self(Arc::new(Inner { text: text.into(), trusted: false, secret: false, moment: true, span }))
    }
    /// The same text with the secret mark.
    #[must_use]
    pub fn into_secret(self) -> Self {
        let Inner { text, trusted, moment, span, .. } = &*self.0;
        let (text, span) = (text.clone(), span.clone());
        Self(Arc::new(Inner { text, trusted: *trusted, secret: true, moment: *moment, span }))
    }
    /// The same text without the template mark (`!unsafe`).
    #[must_use]
    pub fn into_untrusted(self) -> Self {
        let Inner { text, secret, moment, span, .. } = &*self.0;
        let (text, span) = (text.clone(), span.clone());
        Self(Arc::new(Inner { text, trusted: false, secret: *secret, moment: *moment, span }))
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
    /// Whether an operator wrote it.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.0.trusted
    }
    /// Whether it has to be rendered: an operator wrote it, and it holds a Jinja delimiter.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.0.trusted && has_delimiter(&self.0.text)
    }
    /// Whether it is secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.0.secret
    }
    /// Whether it stands for a date or time.
    #[must_use]
    pub fn is_moment(&self) -> bool {
        self.0.moment
    }
    /// Where it was written.
    #[must_use]
    pub fn span(&self) -> Option<&Span> {
        self.0.span.as_ref()
    }
}

/// Whether a text holds the start of a Jinja expression, statement or comment.
#[must_use]
pub fn has_delimiter(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.secret { f.write_str("\"********\"") } else { write!(f, "{:?}", &*self.0.text) }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl PartialEq for Value {
    /// As Python compares: `1 == 1.0 == true`. Marks do not take part.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) | (Self::Omit, Self::Omit) => true,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Dynamic(a), Self::Dynamic(b)) => Arc::ptr_eq(a, b),
            (Self::Int(a), Self::Int(b)) => a == b,
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Value {
    /// A text that is never a template.
    #[must_use]
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Str(Text::plain(text))
    }
    /// A list.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }
    /// A mapping.
    #[must_use]
    pub fn map(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }
    /// The list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
    /// The mapping, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// The whole number, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            _ => None,
        }
    }
    /// The number, booleans counted as Python counts them.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            _ => None,
        }
    }
    /// The entry of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }
    /// Whether nothing in it has to be rendered.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Str(text) => !text.is_template(),
            Self::List(items) => items.iter().all(Self::is_final),
            Self::Map(map) => {
                map.iter().all(|(k, v)| v.is_final() && !matches!(k, Key::Str(t) if t.is_template()))
            }
            Self::Dynamic(_) | Self::Sealed(_) | Self::Omit => false,
            _ => true,
        }
    }
    /// Where it was written, if it is a text or the first text in it is known.
    #[must_use]
    pub fn span(&self) -> Option<&Span> {
        match self {
            Self::Str(text) => text.span(),
            Self::List(items) => items.iter().find_map(Self::span),
            Self::Map(map) => map.iter().find_map(|(k, v)| match k {
                Key::Str(text) => text.span().or_else(|| v.span()),
                _ => v.span(),
            }),
            _ => None,
        }
    }
    /// Python's name of the type, as Ansible's messages have it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Map(_) | Self::Dynamic(_) => "dict",
            Self::Sealed(_) => "EncryptedString",
            Self::Omit => "Omit",
        }
    }
    /// JSON. Omitted entries are left out; a dynamic mapping or a sealed text becomes null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Omit | Self::Dynamic(_) | Self::Sealed(_) => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => Json::from(*i),
            Self::Float(f) => serde_json::Number::from_f64(*f).map_or(Json::Null, Json::Number),
            Self::Str(text) => Json::String(text.as_str().to_owned()),
            Self::List(items) => {
                Json::Array(items.iter().filter(|v| !matches!(v, Self::Omit)).map(Self::to_json).collect())
            }
            Self::Map(map) => Json::Object(map_to_json(map)),
        }
    }
}

/// A mapping as a JSON object, omitted entries left out.
#[must_use]
pub fn map_to_json(map: &Map) -> JsonMap {
    map.iter().filter(|(_, v)| !matches!(v, Value::Omit)).map(|(k, v)| (k.to_string(), v.to_json())).collect()
}

impl From<Json> for Value {
    /// Texts come in without any mark: what a target said is never a template.
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => {
                n.as_i64().map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::list(items.into_iter().map(Self::from).collect()),
            Json::Object(map) => {
                Self::map(map.into_iter().map(|(k, v)| (Key::from(k), Self::from(v))).collect())
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}
impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::list(items)
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::map(map)
    }
}

/// A keyword's value as a boolean.
#[must_use]
pub fn truthy(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Int(i) => Some(*i != 0),
        Value::Str(text) => windlass_protocol::args::parse_bool(text.as_str()),
        _ => None,
    }
}

/// A scalar as Python's `str()` prints it; `None` for a list, a mapping or null.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Str(text) => text.as_str().to_owned(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e16 => format!("{f:.1}"),
        Value::Float(f) => f.to_string(),
        _ => return None,
    })
}
