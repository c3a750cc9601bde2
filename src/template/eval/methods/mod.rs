//! Methods of Python's own types.

pub mod brace;
pub(crate) mod containers;
pub mod percent;
pub(crate) mod text;

use super::Interp;
use super::val::{Args, R, Val, failed};

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
    "decode",
];
const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: &[&str] = &["count", "index"];
const DICT: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
const INT: &[&str] = &["bit_length", "conjugate"];
const FLOAT: &[&str] = &["is_integer", "conjugate"];

/// Whether a value has a method of that name.
#[must_use]
pub fn exists(of: &Val, name: &str) -> bool {
    let table = match of {
        Val::Str(_) => STR,
        Val::List(_) => LIST,
        Val::Tuple(_) => TUPLE,
        Val::Dict(_) | Val::Dynamic(_) => DICT,
        Val::Int(_) | Val::Bool(_) => INT,
        Val::Float(_) => FLOAT,
        _ => return false,
    };
    table.contains(&name)
}

/// Attributes that are no methods.
#[must_use]
pub fn property(of: &Val, name: &str) -> Option<Val> {
    match (of, name) {
        (Val::Int(_) | Val::Float(_), "real") => Some(of.clone()),
        (Val::Int(_), "numerator") => Some(of.clone()),
        (Val::Int(_), "denominator") => Some(Val::Int(1)),
        (Val::Int(_), "imag") => Some(Val::Int(0)),
        (Val::Float(_), "imag") => Some(Val::Float(0.0)),
        _ => None,
    }
}

/// Calls a method that [`exists`].
///
/// # Errors
/// As Python does.
pub fn call(it: &mut Interp<'_>, of: &Val, name: &str, args: Args) -> R {
    let plain = matches!(of, Val::Str(_))
        && matches!(name, "upper" | "lower" | "title" | "capitalize" | "casefold" | "swapcase")
        || name.starts_with("is");
    if plain && !args.pos.is_empty() {
        let (kind, given) = (of.type_name(), args.pos.len());
        return Err(failed(format!("{kind}.{name}() takes no arguments ({given} given)")));
    }
    match of {
        Val::Str(text) => text::call(it, of, text.as_str(), name, args),
        Val::List(_) | Val::Tuple(_) => containers::list(it, of, name, &args),
        Val::Dict(_) | Val::Dynamic(_) => containers::dict(it, of, name, args),
        Val::Int(i) => Ok(match name {
            "bit_length" => Val::from((64 - i.unsigned_abs().leading_zeros()) as usize),
            _ => of.clone(),
        }),
        Val::Float(f) => Ok(match name {
            "is_integer" => Val::Bool(f.fract() == 0.0),
            _ => of.clone(),
        }),
        other => Ok(other.clone()),
    }
}

/// An argument by place or name.
pub(super) fn arg(args: &Args, at: usize, name: &str) -> Option<Val> {
    args.pos
        .get(at)
        .cloned()
        .or_else(|| args.named.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.clone()))
}

/// An argument that has to be there.
pub(super) fn need(args: &Args, at: usize, method: &str) -> R {
    args.pos.get(at).cloned().ok_or_else(|| {
        let wants = match method {
            "append" | "remove" | "extend" => {
                return failed(format!("list.{method}() takes exactly one argument (0 given)"));
            }
            "replace" | "insert" => 2,
            _ => at + 1,
        };
        let plural = if wants == 1 { "" } else { "s" };
        failed(format!("{method} expected at least {wants} argument{plural}, got {}", args.pos.len()))
    })
}

/// An argument that has to be a text.
pub(super) fn need_str(args: &Args, at: usize, method: &str) -> R<String> {
    let value = need(args, at, method)?;
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(failed(format!("{method}() argument {} must be str, not {}", at + 1, value.type_name()))),
    }
}

/// An argument that has to be a whole number, if it is there.
pub(super) fn opt_int(args: &Args, at: usize, name: &str) -> R<Option<i64>> {
    match arg(args, at, name) {
        None | Some(Val::None) => Ok(None),
        Some(value) => value.as_int().map(Some).ok_or_else(|| {
            failed(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
        }),
    }
}
