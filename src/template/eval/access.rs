//! Attributes, items, slices and truth.

use super::Interp;
use super::methods;
use super::val::{Args, Dict, Object, R, Seq, Val, failed, undefined};
use crate::vars::Key;
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

/// A method and what it belongs to, not called yet.
struct BoundMethod {
    of: Val,
    name: Box<str>,
}

impl Object for BoundMethod {
    fn type_name(&self) -> &'static str {
        "builtin_function_or_method"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn call(&self, it: &mut Interp<'_>, args: Args) -> R {
        it.call_method(&self.of, &self.name, args)
    }
    fn print(&self) -> String {
        format!("<built-in method {} of {} object>", self.name, self.of.type_name())
    }
    fn callable(&self) -> bool {
        true
    }
}

/// An attribute that is not there.
pub(super) fn missing(of: &Val, name: &str) -> Val {
    undefined(format!("object of type '{}' has no attribute {name}", of.type_name()))
}

fn quoted(name: &str) -> String {
    let mut out = String::new();
    super::print::quote(name, &mut out);
    out
}

impl Interp<'_> {
    /// `of.name`: a method before an entry, as Python has it.
    pub(crate) fn attr(&mut self, of: &Val, name: &str) -> R {
        if let Val::Undefined(undefined) = of {
            return if undefined.blank { Err(undefined.to_error()) } else { Ok(of.clone()) };
        }
        if name.starts_with("__") {
            let message = format!("access to attribute '{name}' of '{}' object is unsafe.", of.type_name());
            return Ok(undefined(message));
        }
        if let Some(object) = as_object(of) {
            return Ok(object.attr(self, name)?.unwrap_or_else(|| missing(of, &quoted(name))));
        }
        if methods::exists(of, name) {
            return Ok(Val::Object(Rc::new(BoundMethod { of: of.clone(), name: name.into() })));
        }
        if of.is_dict()
            && let Some(found) = self.entry_str(of, name)?
        {
            return Ok(found);
        }
        // The groups of `groupby`.
        if let (Val::Tuple(parts), "grouper" | "list") = (of, name)
            && let [grouper, list @ Val::List(_)] = parts.as_slice()
        {
            return Ok(if name == "list" { list.clone() } else { grouper.clone() });
        }
        if let Some(found) = methods::property(of, name) {
            return Ok(found);
        }
        Ok(missing(of, &quoted(name)))
    }

    /// `of[key]`
    pub(crate) fn item(&mut self, of: &Val, key: &Val) -> R {
        if let Val::Undefined(_) = of {
            return Ok(of.clone());
        }
        if let Val::Undefined(_) = key {
            return Ok(key.clone());
        }
        match of {
            Val::Dict(_) | Val::Dynamic(_) if key.is_seq() || key.is_dict() => {}
            Val::Dict(_) | Val::Dynamic(_) => {
                let wanted = self.to_key(key)?;
                if let Some(found) = self.entry(of, &wanted)? {
                    return Ok(found);
                }
                if let Some(name) = key.as_str()
                    && methods::exists(of, name)
                {
                    return self.attr(of, name);
                }
            }
            Val::List(_) | Val::Tuple(_) | Val::Str(_) => {
                if let Some(index) = key.as_int() {
                    if let Some(found) = self.at(of, index)? {
                        return Ok(found);
                    }
                } else if let Some(name) = key.as_str() {
                    return self.attr(of, name);
                }
            }
            Val::Object(_) => {
                if let Some(name) = key.as_str() {
                    return self.attr(of, name);
                }
                if let (Some(index), Some(range)) = (key.as_int(), of.downcast::<super::range::Range>()) {
                    if let Some(number) = range.at(index) {
                        return Ok(Val::Int(number));
                    }
                    let shown = self.repr(key)?;
                    return Ok(missing(of, &shown));
                }
                if let (Some(index), Some(object)) = (key.as_int(), as_object(of))
                    && let Some(items) = object.attr(self, "\u{0}items")?
                {
                    return self.item(&items, &Val::Int(index));
                }
            }
            _ => {}
        }
        let shown = self.repr(key)?;
        Ok(match of {
            Val::None => undefined(format!("None has no element {shown}")),
            Val::Int(_) | Val::Float(_) | Val::Bool(_) if key.as_str().is_none() => {
                undefined(format!("{} object has no element {shown}", of.type_name()))
            }
            _ => missing(of, &shown),
        })
    }

    /// The entry of a mapping.
    pub(crate) fn entry(&mut self, of: &Val, key: &Key) -> R<Option<Val>> {
        match of {
            Val::Dict(dict) => {
                let shared = match &*dict.borrow() {
                    Dict::Own(map) => return Ok(map.get(key).cloned()),
                    Dict::Shared(map, _) => Arc::clone(map),
                };
                let Some((at, _, value)) = shared.get_full(key) else { return Ok(None) };
                self.dict_child(dict, at, value).map(Some)
            }
            Val::Dynamic(dynamic) => {
                let Some(name) = key.as_str() else { return Ok(None) };
                dynamic.get(name)?.map(|value| self.lift(&value)).transpose()
            }
            _ => Ok(None),
        }
    }

    /// The entry of a mapping by its name.
    pub(crate) fn entry_str(&mut self, of: &Val, name: &str) -> R<Option<Val>> {
        match of {
            Val::Dict(dict) => {
                let shared = match &*dict.borrow() {
                    Dict::Own(map) => return Ok(map.get(name).cloned()),
                    Dict::Shared(map, _) => Arc::clone(map),
                };
                let Some((at, _, value)) = shared.get_full(name) else { return Ok(None) };
                self.dict_child(dict, at, value).map(Some)
            }
            Val::Dynamic(dynamic) => dynamic.get(name)?.map(|value| self.lift(&value)).transpose(),
            _ => Ok(None),
        }
    }

    /// An item by its place, counted from the end where negative.
    pub(crate) fn at(&mut self, of: &Val, index: i64) -> R<Option<Val>> {
        let len = self.len(of)?;
        let index = if index < 0 { index + i64::try_from(len).unwrap_or(i64::MAX) } else { index };
        let Ok(index) = usize::try_from(index) else { return Ok(None) };
        match of {
            Val::List(list) => {
                let shared = match &*list.borrow() {
                    Seq::Own(items) => return Ok(items.get(index).cloned()),
                    Seq::Shared(items, _) => Arc::clone(items),
                };
                shared.get(index).map(|value| self.list_child(list, index, value)).transpose()
            }
            Val::Tuple(items) => Ok(items.get(index).cloned()),
            Val::Str(text) => Ok(text.as_str().chars().nth(index).map(|c| Val::str(c.to_string()))),
            _ => Ok(None),
        }
    }

    /// `of[start:stop:step]`
    pub(crate) fn slice(&mut self, of: &Val, parts: [Option<Val>; 3]) -> R {
        if let Val::Undefined(_) = of {
            return Ok(of.clone());
        }
        let mut bounds = [None; 3];
        for (slot, part) in bounds.iter_mut().zip(&parts) {
            *slot = match part {
                None | Some(Val::None) => None,
                Some(part) => Some(part.as_int().ok_or_else(|| {
                    failed("slice indices must be integers or None or have an __index__ method")
                })?),
            };
        }
        let [start, stop, step] = bounds;
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(failed("slice step cannot be zero"));
        }
        let range = of.downcast::<super::range::Range>().is_some();
        if !range && !matches!(of, Val::Str(_) | Val::List(_) | Val::Tuple(_)) {
            return Err(failed(format!("'{}' object is not subscriptable", of.type_name())));
        }
        let items = self.items(of)?;
        let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let clamp = |bound: Option<i64>, default: i64, low: i64, high: i64| match bound {
            None => default,
            Some(b) if b < 0 => b.saturating_add(len).clamp(low, high),
            Some(b) => b.clamp(low, high),
        };
        let mut picked = Vec::new();
        if step > 0 {
            let (mut at, stop) = (clamp(start, 0, 0, len), clamp(stop, len, 0, len));
            while at < stop {
                picked.extend(items.get(at as usize).cloned());
                at = at.saturating_add(step);
            }
        } else {
            let (mut at, stop) = (clamp(start, len - 1, -1, len - 1), clamp(stop, -1, -1, len - 1));
            while at > stop {
                picked.extend(items.get(at as usize).cloned());
                at = at.saturating_add(step);
            }
        }
        Ok(match of {
            Val::Str(_) => {
                let text: String = picked.iter().filter_map(Val::as_str).collect();
                self.part(of, text)
            }
            Val::Tuple(_) => Val::tuple(picked),
            _ => Val::list(picked),
        })
    }

    /// Whether a value counts as true.
    pub(crate) fn truthy(&mut self, value: &Val) -> R<bool> {
        Ok(match value {
            Val::Undefined(undefined) if undefined.blank => false,
            Val::Undefined(undefined) => return Err(undefined.to_error()),
            Val::None => false,
            Val::Bool(b) => *b,
            Val::Int(i) => *i != 0,
            Val::Float(f) => *f != 0.0,
            Val::Str(text) => !text.as_str().is_empty(),
            Val::List(_) | Val::Tuple(_) | Val::Dict(_) | Val::Dynamic(_) => self.len(value)? != 0,
            Val::Object(_) => value.downcast::<super::range::Range>().is_none_or(|r| r.len() > 0),
            Val::Omit => true,
        })
    }

    /// A part of a text; where that is secret, so is the part. The parts of a text of many lines are left: each line is
    /// known, and a word of it may be anything.
    pub(crate) fn part(&self, of: &Val, text: String) -> Val {
        if of.as_str().is_some_and(|whole| whole.trim().contains('\n')) {
            return self.derived(&[of], text);
        }
        self.taken(of, text)
    }

    /// What was read out of a text; where that is secret, nobody prints it.
    pub(crate) fn taken(&self, of: &Val, text: String) -> Val {
        let taken = self.derived(&[of], text);
        if let Val::Str(text) = &taken
            && text.is_secret()
        {
            self.learn(text.as_str());
        }
        taken
    }

    /// A text made from others: secret if one of them is.
    pub(crate) fn derived(&self, from: &[&Val], text: String) -> Val {
        let secret = self.secret_seen && from.iter().any(|v| self.holds_secret(v));
        let text = crate::vars::Text::plain(text);
        Val::Str(if secret { text.into_secret() } else { text })
    }
}

fn as_object(value: &Val) -> Option<Rc<dyn Object>> {
    match value {
        Val::Object(object) => Some(Rc::clone(object)),
        _ => None,
    }
}
