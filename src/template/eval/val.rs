//! Values while a template runs. Lists and mappings of variables stay as they are until an entry is asked for.

use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::eval::Interp;
use crate::template::eval::source::Source;
use crate::vars::{Dynamic, Key, Map, Sealed, Text, Value};
use indexmap::IndexMap;
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// Results inside the evaluator.
pub type R<T = Val> = Result<T, TemplateError>;

/// A mapping made by a template.
pub type Entries = IndexMap<Key, Val>;

/// A value while a template runs.
#[derive(Clone)]
pub enum Val {
    /// Something that is not there; using it is an error.
    Undefined(Rc<Undefined>),
    /// Nothing.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text. Never a template that still has to be rendered, but for literals in templates.
    Str(Text),
    /// A list; it can be changed in place.
    List(Rc<RefCell<Seq>>),
    /// A tuple.
    Tuple(Rc<Vec<Val>>),
    /// A mapping; it can be changed in place.
    Dict(Rc<RefCell<Dict>>),
    /// A mapping whose entries are found when they are asked for.
    Dynamic(Arc<dyn Dynamic>),
    /// Anything else.
    Object(Rc<dyn Object>),
    /// The `omit` placeholder.
    Omit,
}

/// What was made of the entries of a variable's list or mapping, by their places. An entry is rendered once, and what
/// a template changes in it stays for the rest of the text.
pub type Seen = HashMap<usize, Val>;

/// A list.
#[derive(Clone)]
pub enum Seq {
    /// A variable's list, its items not rendered yet but for those that were asked for.
    Shared(Arc<Vec<Value>>, Seen),
    /// Made by the template.
    Own(Vec<Val>),
}

/// A mapping.
#[derive(Clone)]
pub enum Dict {
    /// A variable's mapping, its values not rendered yet but for those that were asked for.
    Shared(Arc<Map>, Seen),
    /// Made by the template.
    Own(Entries),
}

/// What is not there.
pub struct Undefined {
    /// The error that using it gives.
    pub error: TemplateError,
    /// The name of the variable, if it is one.
    pub name: Option<Arc<str>>,
    /// It may be printed, as nothing: an `if` expression without `else`.
    pub blank: bool,
    /// Where it was mentioned.
    pub at: Option<(Rc<Source>, u32)>,
}

impl Undefined {
    /// The error of using it.
    #[must_use]
    pub fn to_error(&self) -> TemplateError {
        let error = self.error.clone();
        match &self.at {
            Some((source, pos)) if error.span.is_none() => error.at(source.span(*pos).as_ref()),
            _ => error,
        }
    }
}

/// Something that is no plain value: macros, loops, namespaces, dates.
pub trait Object: Any {
    /// Python's name of the type.
    fn type_name(&self) -> &'static str;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
    /// An attribute.
    ///
    /// # Errors
    /// If finding it fails.
    fn attr(&self, _it: &mut Interp<'_>, _name: &str) -> R<Option<Val>> {
        Ok(None)
    }
    /// Calls it.
    ///
    /// # Errors
    /// If it cannot be called, or the call fails.
    fn call(&self, _it: &mut Interp<'_>, _args: Args) -> R {
        Err(failed(format!("'{}' object is not callable", self.type_name())))
    }
    /// Calls a method of it.
    ///
    /// # Errors
    /// If the call fails.
    fn method(&self, it: &mut Interp<'_>, name: &str, args: Args) -> R<Option<Val>> {
        match self.attr(it, name)? {
            Some(found) => it.call(&found, args).map(Some),
            None => Ok(None),
        }
    }
    /// As it is printed.
    fn print(&self) -> String;
    /// As it is stored in a variable, if it can be.
    fn to_value(&self) -> Option<Value> {
        None
    }
    /// Whether it can be called.
    fn callable(&self) -> bool {
        false
    }
}

/// Arguments of a call.
#[derive(Default)]
pub struct Args {
    /// By position.
    pub pos: Vec<Val>,
    /// By name.
    pub named: Vec<(Arc<str>, Val)>,
}

impl Args {
    /// Arguments by position alone.
    #[must_use]
    pub fn of(pos: Vec<Val>) -> Self {
        Self { pos, named: Vec::new() }
    }
    /// Takes an argument out by its name.
    pub fn take(&mut self, name: &str) -> Option<Val> {
        let at = self.named.iter().position(|(n, _)| &**n == name)?;
        Some(self.named.remove(at).1)
    }
}

/// A failure of an operation, in Python's words.
pub fn failed(message: impl Into<String>) -> TemplateError {
    TemplateError::new(TemplateErrorKind::Failed, message)
}

/// An undefined value with a message.
pub fn undefined(message: impl Into<String>) -> Val {
    Val::Undefined(Rc::new(Undefined {
        error: TemplateError::new(TemplateErrorKind::Undefined, message),
        name: None,
        blank: false,
        at: None,
    }))
}

/// Using a sealed value.
pub fn sealed_error(sealed: &Sealed) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::Sealed,
        message: format!("Attempting to decrypt but no vault secrets found: {}", sealed.reason),
        span: sealed.span.clone(),
        hint: Some("give the password with --vault-password-file or --ask-vault-pass".to_owned()),
    }
}

impl Val {
    /// A text.
    pub fn str(text: impl Into<Box<str>>) -> Self {
        Self::Str(Text::plain(text))
    }
    /// A list.
    pub fn list(items: Vec<Val>) -> Self {
        Self::List(Rc::new(RefCell::new(Seq::Own(items))))
    }
    /// A tuple.
    pub fn tuple(items: Vec<Val>) -> Self {
        Self::Tuple(Rc::new(items))
    }
    /// A mapping.
    pub fn dict(entries: Entries) -> Self {
        Self::Dict(Rc::new(RefCell::new(Dict::Own(entries))))
    }
    /// Strings as a list.
    pub fn strs<S: Into<Box<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::list(items.into_iter().map(Self::str).collect())
    }
    /// A key of a mapping as a value.
    pub fn from_key(key: &Key) -> Self {
        match key {
            Key::Str(text) => Self::Str(text.clone()),
            Key::Int(i) => Self::Int(*i),
            Key::Bool(b) => Self::Bool(*b),
            Key::Null => Self::None,
        }
    }
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }
    /// The whole number, if it is one; booleans count as Python counts them.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }
    /// The number, if it is one; booleans count as Python counts them.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(f) => Some(*f),
            _ => self.as_int().map(|i| i as f64),
        }
    }
    /// Whether it is `none`.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
    /// Whether it is a mapping.
    #[must_use]
    pub fn is_dict(&self) -> bool {
        matches!(self, Self::Dict(_) | Self::Dynamic(_))
    }
    /// Whether it is a list or tuple.
    #[must_use]
    pub fn is_seq(&self) -> bool {
        matches!(self, Self::List(_) | Self::Tuple(_))
    }
    /// An object of a type, if it is one.
    #[must_use]
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }
    /// Python's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(undefined) if undefined.blank => "Undefined",
            Self::Undefined(_) => "UndefinedMarker",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) | Self::Dynamic(_) => "dict",
            Self::Object(object) => object.type_name(),
            Self::Omit => "_OmitType",
        }
    }
    /// An error where it is undefined.
    ///
    /// # Errors
    /// Where it is undefined.
    pub fn defined(self) -> R {
        match self {
            Self::Undefined(undefined) => Err(undefined.to_error()),
            other => Ok(other),
        }
    }
    /// An error where it is undefined, but for what an `if` without `else` gives.
    ///
    /// # Errors
    /// Where it is undefined.
    pub fn known(&self) -> R<()> {
        match self {
            Self::Undefined(undefined) if undefined.blank => Ok(()),
            other => other.check(),
        }
    }
    /// Like [`Val::defined`], by reference.
    ///
    /// # Errors
    /// Where it is undefined.
    pub fn check(&self) -> R<()> {
        match self {
            Self::Undefined(undefined) => Err(undefined.to_error()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.type_name())
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}
impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::str(text)
    }
}
impl From<bool> for Val {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<i64> for Val {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}
impl From<usize> for Val {
    fn from(i: usize) -> Self {
        Self::Int(i64::try_from(i).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Val {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}
impl From<Vec<Val>> for Val {
    fn from(items: Vec<Val>) -> Self {
        Self::list(items)
    }
}
