//! Functions that every template has.

use super::eval::macros_namespace as namespace;
use super::eval::range::Range;
use super::eval::val::{Args, Entries, Object, R, Undefined, Val, failed, undefined};
use super::eval::{Builtin, Interp};
use super::filters::time;
use super::lookups;
use crate::vars::Key;
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

/// The function of a name.
pub(super) fn find(name: &str) -> Option<Val> {
    let (name, run): (&'static str, fn(&mut Interp<'_>, Args) -> R) = match name {
        "omit" => return Some(Val::Omit),
        "vars" => return Some(Val::Object(Rc::new(Vars))),
        "lookup" => ("lookup", |it, args| lookup(it, args, false)),
        "query" | "q" => ("query", |it, args| lookup(it, args, true)),
        "now" => ("now", time::now),
        "undef" => ("undef", |_, mut args| {
            let hint = match args.pos.pop().or_else(|| args.take("hint")) {
                None | Some(Val::None) => "Mandatory variable has not been overridden".to_owned(),
                Some(Val::Str(hint)) => hint.as_str().to_owned(),
                Some(other) => {
                    other.check()?;
                    return Err(failed(format!(
                        "The 'hint' argument must be of type 'str' or 'NoneType', not '{}'.",
                        other.type_name()
                    )));
                }
            };
            Ok(undefined(hint))
        }),
        "range" => ("range", range),
        "dict" => ("dict", |it, args| {
            let mut out = match args.pos.first() {
                Some(from) => super::eval::methods::containers::to_entries(it, from)?,
                None => Entries::new(),
            };
            out.extend(args.named.into_iter().map(|(k, v)| (Key::from(&*k), v)));
            Ok(Val::dict(out))
        }),
        "namespace" => ("namespace", |it, args| {
            let mut out = match args.pos.first() {
                Some(from) => it.entries(from)?,
                None => Entries::new(),
            };
            out.extend(args.named.into_iter().map(|(k, v)| (Key::from(&*k), v)));
            Ok(Val::Object(Rc::new(namespace(out))))
        }),
        "cycler" => ("cycler", |_, args| {
            if args.pos.is_empty() {
                return Err(failed("at least one item has to be provided"));
            }
            Ok(Val::Object(Rc::new(Cycler { items: args.pos, at: Cell::new(0) })))
        }),
        "joiner" => ("joiner", |it, mut args| {
            let sep = match args.pos.pop().or_else(|| args.take("sep")) {
                Some(sep) => it.str(&sep)?,
                None => ", ".to_owned(),
            };
            Ok(Val::Object(Rc::new(Joiner { sep, used: Cell::new(false) })))
        }),
        "lipsum" => ("lipsum", |_, _| Ok(Val::from("Lorem ipsum dolor sit amet."))),
        _ => return None,
    };
    Some(Val::Object(Rc::new(Builtin { name, run })))
}

fn lookup(it: &mut Interp<'_>, mut args: Args, as_list: bool) -> R {
    if args.pos.is_empty() {
        return Err(failed(format!(
            "_{}() missing 1 required positional argument: 'plugin_name'",
            if as_list { "query" } else { "lookup" }
        )));
    }
    let name = args.pos.remove(0).defined()?;
    if !matches!(name, Val::Str(_)) {
        let shown = it.repr(&name)?;
        let kind = name.type_name();
        return Err(failed(format!(
            "The lookup plugin {shown} failed to load: unsupported type <class '{kind}'>"
        )));
    }
    let name = it.str(&name)?;
    let wantlist = match args.take("wantlist") {
        // `query` is always a list.
        Some(v) => it.truthy(&v)? || as_list,
        None => as_list,
    };
    let on_error = match args.take("errors") {
        Some(v) => it.str(&v)?,
        None => "strict".to_owned(),
    };
    match lookups::run(it, &name, args.pos, args.named) {
        Ok(found) => lookups::result(it, found, wantlist),
        // What is not there can still be replaced by `default`.
        Err(error) if error.kind == super::TemplateErrorKind::Undefined => {
            Ok(Val::Undefined(Rc::new(Undefined { error, name: None, blank: false, at: None })))
        }
        Err(error) if error.kind == super::TemplateErrorKind::UnknownName => Err(error),
        Err(error) if matches!(on_error.as_str(), "ignore" | "warn") => {
            if on_error == "warn"
                && let Some(warn) = &it.shared.settings.warn
            {
                let start = format!("The lookup plugin '{name}' failed: ");
                let reason = error.message.strip_prefix(&start).unwrap_or(&error.message);
                warn(format!("An error occurred while running the lookup plugin '{name}': {reason}"));
            }
            Ok(if wantlist { Val::list(Vec::new()) } else { Val::None })
        }
        Err(error) => Err(error),
    }
}

fn range(_it: &mut Interp<'_>, args: Args) -> R {
    let mut bounds = Vec::new();
    for arg in &args.pos {
        arg.check()?;
        bounds.push(arg.as_int().ok_or_else(|| {
            failed(format!("'{}' object cannot be interpreted as an integer", arg.type_name()))
        })?);
    }
    let (start, stop, step) = match bounds.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        other => return Err(failed(format!("range expected at least 1 argument, got {}", other.len()))),
    };
    if step == 0 {
        return Err(failed("range() arg 3 must not be zero"));
    }
    Ok(Val::Object(Rc::new(Range { start, stop, step })))
}

/// `vars`: variables by name, found when they are asked for.
struct Vars;

impl Object for Vars {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        if name == "\u{0}items" {
            let names = it.cx.scope.names();
            return Ok(Some(Val::list(names.iter().map(Val::from_key).collect())));
        }
        it.cx.scope.get(name).map(|value| it.lift(&value)).transpose()
    }
    fn method(&self, it: &mut Interp<'_>, name: &str, args: Args) -> R<Option<Val>> {
        match name {
            "get" => {
                let wanted = match args.pos.first() {
                    Some(wanted) => it.str(wanted)?,
                    None => return Err(failed("get expected at least 1 argument, got 0")),
                };
                let found = self.attr(it, &wanted)?;
                Ok(Some(found.unwrap_or_else(|| args.pos.get(1).cloned().unwrap_or(Val::None))))
            }
            "keys" => self.attr(it, "\u{0}items"),
            "items" => {
                let mut out = Vec::new();
                for name in it.cx.scope.names() {
                    if let Some(value) = name.as_str().and_then(|n| it.cx.scope.get(n)) {
                        out.push(Val::tuple(vec![Val::from_key(&name), it.lift(&value)?]));
                    }
                }
                Ok(Some(Val::list(out)))
            }
            _ => Ok(None),
        }
    }
    fn print(&self) -> String {
        "<vars>".to_owned()
    }
}

struct Cycler {
    items: Vec<Val>,
    at: Cell<usize>,
}

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        "Cycler"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn attr(&self, _it: &mut Interp<'_>, name: &str) -> R<Option<Val>> {
        Ok((name == "current").then(|| self.items[self.at.get()].clone()))
    }
    fn method(&self, _it: &mut Interp<'_>, name: &str, _args: Args) -> R<Option<Val>> {
        match name {
            "next" => {
                let now = self.items[self.at.get()].clone();
                self.at.set((self.at.get() + 1) % self.items.len());
                Ok(Some(now))
            }
            "reset" => {
                self.at.set(0);
                Ok(Some(Val::None))
            }
            _ => Ok(None),
        }
    }
    fn print(&self) -> String {
        "<Cycler>".to_owned()
    }
}

struct Joiner {
    sep: String,
    used: Cell<bool>,
}

impl Object for Joiner {
    fn type_name(&self) -> &'static str {
        "Joiner"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn call(&self, _it: &mut Interp<'_>, _args: Args) -> R {
        Ok(Val::from(if self.used.replace(true) { self.sep.as_str() } else { "" }))
    }
    fn print(&self) -> String {
        "<Joiner>".to_owned()
    }
    fn callable(&self) -> bool {
        true
    }
}
