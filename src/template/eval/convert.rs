//! Between the values of variables and the values of a running template.

use super::Interp;
use super::range::Range;
use super::val::{Dict, Entries, R, Seen, Seq, Val, failed, sealed_error};
use crate::template::filters::time;
use crate::vars::{Key, Map, Value, has_delimiter};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Whether looking at a value makes something that is worth keeping.
pub(super) fn is_lazy(value: &Value) -> bool {
    match value {
        Value::Str(text) => text.is_template(),
        Value::List(_) | Value::Map(_) => true,
        _ => false,
    }
}

impl Interp<'_> {
    /// A variable's value as the template sees it: a text is rendered, a list or mapping waits until it is looked into.
    pub(crate) fn lift(&mut self, value: &Value) -> R {
        Ok(match value {
            Value::Null => Val::None,
            Value::Bool(b) => Val::Bool(*b),
            Value::Int(i) => Val::Int(*i),
            Value::Float(f) => Val::Float(*f),
            Value::Str(text) => {
                self.secret_seen |= text.is_secret();
                if text.is_template() {
                    return self.render_text(text);
                }
                if self.shared.settings.warn_untrusted
                    && has_delimiter(text.as_str())
                    && let Some(warn) = &self.shared.settings.warn
                {
                    warn("Encountered untrusted template or expression.".to_owned());
                }
                if text.is_moment()
                    && let Some(moment) = time::of_iso(text.as_str())
                {
                    return Ok(moment);
                }
                Val::Str(text.clone())
            }
            Value::List(items) => {
                Val::List(Rc::new(RefCell::new(Seq::Shared(Arc::clone(items), Seen::new()))))
            }
            Value::Map(map) => Val::Dict(Rc::new(RefCell::new(Dict::Shared(Arc::clone(map), Seen::new())))),
            Value::Dynamic(dynamic) => Val::Dynamic(Arc::clone(dynamic)),
            Value::Sealed(sealed) => return Err(sealed_error(sealed)),
            Value::Omit => Val::Omit,
        })
    }

    /// A result as a variable's value. What was not changed is given back as it was; omitted entries are dropped.
    pub(crate) fn lower(&mut self, value: &Val) -> R<Value> {
        let _deeper = self.deeper(1)?;
        Ok(match value {
            Val::Undefined(undefined) if undefined.blank => {
                return Err(failed("Type 'Undefined' is unsupported for variable storage."));
            }
            Val::Undefined(undefined) => {
                let error = undefined.to_error();
                match self.mark(&error) {
                    Some(mark) => Value::text(mark),
                    None => return Err(error),
                }
            }
            Val::None => Value::Null,
            Val::Bool(b) => Value::Bool(*b),
            Val::Int(i) => Value::Int(*i),
            Val::Float(f) => Value::Float(*f),
            Val::Str(text) if text.is_template() => Value::Str(text.clone().into_untrusted()),
            Val::Str(text) => Value::Str(text.clone()),
            Val::List(list) => {
                if let Seq::Shared(items, seen) = &*list.borrow()
                    && seen.is_empty()
                    && items.iter().all(Value::is_final)
                {
                    return Ok(Value::List(Arc::clone(items)));
                }
                let items = self.items(value)?;
                self.lower_items(&items)?
            }
            Val::Tuple(items) => self.lower_items(items)?,
            Val::Dict(dict) => {
                if let Dict::Shared(map, seen) = &*dict.borrow()
                    && seen.is_empty()
                    && map.values().all(Value::is_final)
                {
                    return Ok(Value::Map(Arc::clone(map)));
                }
                self.lower_pairs(value)?
            }
            Val::Dynamic(_) => self.lower_pairs(value)?,
            Val::Object(object) => match object.to_value() {
                Some(value) => value,
                None => {
                    return Err(failed(format!(
                        "Type '{}' is unsupported for variable storage.",
                        object.type_name()
                    )));
                }
            },
            Val::Omit => Value::Omit,
        })
    }

    fn lower_items(&mut self, items: &[Val]) -> R<Value> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match self.lower(item)? {
                Value::Omit => {}
                item => out.push(item),
            }
        }
        Ok(Value::list(out))
    }

    fn lower_pairs(&mut self, value: &Val) -> R<Value> {
        let mut out = Map::new();
        for (key, value) in self.pairs(value)? {
            match self.lower(&value)? {
                Value::Omit => {}
                value => {
                    out.insert(key, value);
                }
            }
        }
        Ok(Value::map(out))
    }

    /// A result of a filter or lookup that was made of plain values.
    pub(crate) fn from_value(&mut self, value: Value) -> R {
        self.lift(&value)
    }

    /// An item of a variable's list; it is made once.
    pub(crate) fn list_child(&mut self, list: &RefCell<Seq>, at: usize, value: &Value) -> R {
        if !is_lazy(value) {
            return self.lift(value);
        }
        if let Seq::Shared(_, seen) = &*list.borrow()
            && let Some(found) = seen.get(&at)
        {
            return Ok(found.clone());
        }
        let lifted = self.lift(value)?;
        if let Seq::Shared(_, seen) = &mut *list.borrow_mut() {
            seen.insert(at, lifted.clone());
        }
        Ok(lifted)
    }

    /// An entry of a variable's mapping; it is made once.
    pub(crate) fn dict_child(&mut self, dict: &RefCell<Dict>, at: usize, value: &Value) -> R {
        if !is_lazy(value) {
            return self.lift(value);
        }
        if let Dict::Shared(_, seen) = &*dict.borrow()
            && let Some(found) = seen.get(&at)
        {
            return Ok(found.clone());
        }
        let lifted = self.lift(value)?;
        if let Dict::Shared(_, seen) = &mut *dict.borrow_mut() {
            seen.insert(at, lifted.clone());
        }
        Ok(lifted)
    }

    /// What iterating over a value gives.
    pub(crate) fn items(&mut self, value: &Val) -> R<Vec<Val>> {
        match value {
            Val::List(list) => {
                let shared = match &*list.borrow() {
                    Seq::Own(items) => return Ok(items.clone()),
                    Seq::Shared(items, _) => Arc::clone(items),
                };
                shared.iter().enumerate().map(|(at, item)| self.list_child(list, at, item)).collect()
            }
            Val::Tuple(items) => Ok(items.to_vec()),
            Val::Str(text) => Ok(text.as_str().chars().map(|c| Val::str(c.to_string())).collect()),
            Val::Dict(dict) => Ok(match &*dict.borrow() {
                Dict::Shared(map, _) => map.keys().map(Val::from_key).collect(),
                Dict::Own(map) => map.keys().map(Val::from_key).collect(),
            }),
            Val::Dynamic(dynamic) => Ok(dynamic.keys().iter().map(Val::from_key).collect()),
            Val::Undefined(undefined) if undefined.blank => Ok(Vec::new()),
            Val::Undefined(undefined) => Err(undefined.to_error()),
            Val::Object(object) => match object.attr(self, "\u{0}items")? {
                Some(items) => self.items(&items),
                None => Err(failed(format!("'{}' object is not iterable", object.type_name()))),
            },
            other => Err(failed(format!("'{}' object is not iterable", other.type_name()))),
        }
    }

    /// The entries of a mapping.
    pub(crate) fn pairs(&mut self, value: &Val) -> R<Vec<(Key, Val)>> {
        match value {
            Val::Dict(dict) => {
                let shared = match &*dict.borrow() {
                    Dict::Own(map) => return Ok(map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
                    Dict::Shared(map, _) => Arc::clone(map),
                };
                let entries = shared.iter().enumerate();
                entries.map(|(at, (k, v))| Ok((k.clone(), self.dict_child(dict, at, v)?))).collect()
            }
            Val::Dynamic(dynamic) => {
                let mut out = Vec::new();
                for key in dynamic.keys() {
                    let found = match key.as_str() {
                        Some(name) => dynamic.get(name)?,
                        None => None,
                    };
                    let value = self.lift(&found.unwrap_or_default())?;
                    out.push((key, value));
                }
                Ok(out)
            }
            other => {
                other.check()?;
                Err(failed(format!("'{}' object is not a mapping", other.type_name())))
            }
        }
    }

    /// The entries of a mapping, as a map of its own.
    pub(crate) fn entries(&mut self, value: &Val) -> R<Entries> {
        Ok(self.pairs(value)?.into_iter().collect())
    }

    /// How many entries or characters a value has.
    pub(crate) fn len(&mut self, value: &Val) -> R<usize> {
        Ok(match value {
            Val::Str(text) => text.as_str().chars().count(),
            Val::List(list) => match &*list.borrow() {
                Seq::Shared(items, _) => items.len(),
                Seq::Own(items) => items.len(),
            },
            Val::Tuple(items) => items.len(),
            Val::Dict(dict) => dict.borrow().len(),
            Val::Dynamic(dynamic) => dynamic.keys().len(),
            Val::Undefined(undefined) if !undefined.blank => return Err(undefined.to_error()),
            Val::Undefined(_) => 0,
            Val::Object(_) if value.downcast::<Range>().is_some() => {
                value.downcast::<Range>().map_or(0, Range::len)
            }
            other => return Err(failed(format!("object of type '{}' has no len()", other.type_name()))),
        })
    }

    /// A value as the key of a mapping.
    pub(crate) fn to_key(&mut self, value: &Val) -> R<Key> {
        Ok(match value {
            Val::Str(text) if text.is_template() => Key::Str(text.clone().into_untrusted()),
            Val::Str(text) => Key::Str(text.clone()),
            Val::Int(i) => Key::Int(*i),
            Val::Bool(b) => Key::Bool(*b),
            Val::None => Key::Null,
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Key::Int(*f as i64),
            Val::Float(f) => Key::from(super::print::float(*f)),
            Val::Undefined(undefined) => return Err(undefined.to_error()),
            other => return Err(failed(format!("unhashable type: '{}'", other.type_name()))),
        })
    }
}
