//! Calls of functions, filters and tests by name.

use super::Interp;
use super::methods;
use super::val::{Args, Entries, Object, R, Val, failed};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::plugin::Entry;
use crate::template::templar::blamed;
use crate::template::{filters, globals, tests};
use crate::vars::Text;
use std::any::Any;
use std::rc::Rc;

/// A function that every template has.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Interp<'_>, Args) -> R,
}

impl Object for Builtin {
    fn type_name(&self) -> &'static str {
        match self.name {
            "namespace" | "dict" | "range" | "cycler" | "joiner" => "type",
            _ => "function",
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn call(&self, it: &mut Interp<'_>, args: Args) -> R {
        (self.run)(it, args)
    }
    fn print(&self) -> String {
        format!("<function {}>", self.name)
    }
    fn callable(&self) -> bool {
        true
    }
}

/// What a name means where no variable has it.
pub(super) fn global(name: &str) -> Option<Val> {
    globals::find(name)
}

impl Interp<'_> {
    /// Calls a value.
    pub(crate) fn call(&mut self, callee: &Val, args: Args) -> R {
        match callee {
            Val::Object(object) => Rc::clone(object).call(self, args),
            Val::Undefined(undefined) if undefined.blank => Err(undefined.to_error()),
            Val::Undefined(_) => Ok(callee.clone()),
            other => Err(failed(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    /// Calls a method of a value.
    pub(crate) fn call_method(&mut self, of: &Val, name: &str, args: Args) -> R {
        match of {
            Val::Undefined(undefined) if undefined.blank => return Err(undefined.to_error()),
            Val::Undefined(_) => return Ok(of.clone()),
            Val::Object(object) => {
                if name.starts_with("__") {
                    return self.attr(of, name)?.defined();
                }
                let object = Rc::clone(object);
                return match object.method(self, name, args)? {
                    Some(result) => Ok(result),
                    None => super::access::missing(of, &quoted(name)).defined(),
                };
            }
            _ => {}
        }
        if let Some(undefined) =
            args.pos.iter().chain(args.named.iter().map(|(_, v)| v)).find(|v| is_undefined(v))
        {
            // Lists may take what is not there; everything else trips over it.
            if !matches!(name, "append" | "insert" | "get" | "setdefault") {
                undefined.check()?;
            }
        }
        if methods::exists(of, name) {
            return methods::call(self, of, name, args);
        }
        let callee = self.attr(of, name)?;
        self.call(&callee, args)
    }

    /// Runs a filter.
    pub(crate) fn filter(&mut self, name: &str, value: Val, args: Args) -> R {
        let Some(Entry { plugin: filter, collection }) = filters::find(name) else {
            return Err(unknown("filter", name, filters::suggest(name)));
        };
        if !filter.takes_undefined {
            let all = std::iter::once(&value).chain(&args.pos).chain(args.named.iter().map(|(_, v)| v));
            if let Some(undefined) = all.into_iter().find(|v| is_marker(v)) {
                return Ok(undefined.clone());
            }
        }
        // A secret inside a list or mapping may be seen only when the filter looks into it.
        let kept = (self.secret_seen || value.is_seq() || value.is_dict())
            .then(|| (value.clone(), args.pos.clone()));
        let result = filters::run(self, filter, value, args)
            .map_err(|e| blame("filter", collection, filter.name, e))?;
        let Some((value, pos)) = kept else { return Ok(result) };
        if !self.secret_seen || !(self.holds_secret(&value) || pos.iter().any(|a| self.holds_secret(a))) {
            return Ok(result);
        }
        if filter.takes_apart && self.holds_secret(&value) {
            return self.parts_of_secret(&result);
        }
        Ok(match &result {
            // A text that is one of the arguments as it was keeps its own mark.
            Val::Str(text)
                if !text.is_secret() && !std::iter::once(&value).chain(&pos).any(|a| same_text(a, text)) =>
            {
                Val::Str(text.clone().into_secret())
            }
            Val::List(_) | Val::Tuple(_) => {
                let items = self.items(&result)?;
                if items.iter().all(|i| matches!(i, Val::Str(_))) && matches!(value, Val::Str(_)) {
                    Val::list(
                        items
                            .into_iter()
                            .map(|i| match i {
                                Val::Str(text) => Val::Str(text.into_secret()),
                                other => other,
                            })
                            .collect(),
                    )
                } else {
                    result
                }
            }
            _ => result,
        })
    }

    /// Runs a test.
    pub(crate) fn test(&mut self, name: &str, value: Val, args: Args) -> R<bool> {
        let Some(test) = tests::find(name) else {
            return Err(unknown("test", name, tests::suggest(name)));
        };
        if !test.takes_undefined {
            value.known()?;
        }
        for arg in &args.pos {
            arg.known()?;
        }
        tests::run(self, test, value, args).map_err(|e| blame("test", "ansible.builtin", test.name, e))
    }

    /// Has whoever prints know a secret.
    pub(crate) fn learn(&self, secret: &str) {
        if let Some(learn) = &self.shared.settings.learn {
            learn(secret);
        }
    }

    /// What was taken out of a secret text: every text in it is secret as well.
    fn parts_of_secret(&mut self, value: &Val) -> R {
        Ok(match value {
            Val::Str(text) => {
                self.learn(text.as_str());
                Val::Str(text.clone().into_secret())
            }
            Val::List(_) | Val::Tuple(_) => {
                let mut out = Vec::new();
                for item in self.items(value)? {
                    out.push(self.nested(|it| it.parts_of_secret(&item))?);
                }
                if matches!(value, Val::Tuple(_)) { Val::tuple(out) } else { Val::list(out) }
            }
            Val::Dict(_) => {
                let mut out = Entries::new();
                for (key, item) in self.pairs(value)? {
                    out.insert(key, self.nested(|it| it.parts_of_secret(&item))?);
                }
                Val::dict(out)
            }
            other => other.clone(),
        })
    }

    /// Whether a secret text is in a value, looked for up to a moderate depth.
    pub(crate) fn holds_secret(&self, value: &Val) -> bool {
        use super::val::{Dict, Seq};
        use crate::vars::Value;
        fn plain(value: &Value, depth: u8) -> bool {
            match value {
                Value::Str(text) => text.is_secret(),
                Value::List(items) if depth > 0 => items.iter().any(|i| plain(i, depth - 1)),
                Value::Map(map) if depth > 0 => map.values().any(|i| plain(i, depth - 1)),
                _ => false,
            }
        }
        fn own(value: &Val, depth: u8) -> bool {
            match value {
                Val::Str(text) => text.is_secret(),
                _ if depth == 0 => false,
                Val::Tuple(items) => items.iter().any(|i| own(i, depth - 1)),
                Val::List(list) => match &*list.borrow() {
                    Seq::Shared(items, seen) => {
                        items.iter().any(|i| plain(i, depth - 1)) || seen.values().any(|i| own(i, depth - 1))
                    }
                    Seq::Own(items) => items.iter().any(|i| own(i, depth - 1)),
                },
                Val::Dict(dict) => match &*dict.borrow() {
                    Dict::Shared(map, seen) => {
                        map.values().any(|i| plain(i, depth - 1)) || seen.values().any(|i| own(i, depth - 1))
                    }
                    Dict::Own(map) => map.values().any(|i| own(i, depth - 1)),
                },
                _ => false,
            }
        }
        own(value, 6)
    }
}

fn is_undefined(value: &Val) -> bool {
    matches!(value, Val::Undefined(_))
}

/// Undefined, but for what an `if` without `else` gives, which filters take as nothing.
fn is_marker(value: &Val) -> bool {
    matches!(value, Val::Undefined(undefined) if !undefined.blank)
}

fn same_text(value: &Val, text: &Text) -> bool {
    value.as_str().is_some_and(|s| std::ptr::eq(s.as_ptr(), text.as_str().as_ptr()) || s == text.as_str())
}

fn quoted(name: &str) -> String {
    let mut out = String::new();
    super::print::quote(name, &mut out);
    out
}

/// The error of a name that nothing has.
pub(crate) fn unknown(what: &str, name: &str, suggestion: Option<String>) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::UnknownName,
        message: format!("No {what} named '{name}'."),
        span: None,
        hint: suggestion.map(|s| format!("did you mean '{s}'?")),
    }
}

/// Says which plugin failed, unless the error says so already or comes from a value that was used.
fn blame(what: &str, collection: &str, name: &str, error: TemplateError) -> TemplateError {
    // What a filter calls by name and is not there counts as its failure.
    let unknown = error.kind == TemplateErrorKind::UnknownName
        && matches!(name, "map" | "select" | "reject" | "selectattr" | "rejectattr");
    if (error.kind != TemplateErrorKind::Failed && !unknown) || blamed(&error.message) {
        return error;
    }
    let message = format!("The {what} plugin '{collection}.{name}' failed: {}", error.message);
    TemplateError { message, ..error }
}
