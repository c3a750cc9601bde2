//! JSON as Python writes and reads it.

use super::protomatter::trusted;
use super::{Filter, json_read};
use crate::template::eval::Interp;
use crate::template::eval::print::float;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::Value;
use std::fmt::Write;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("to_json", &["**"], |it, b| dump(it, b, Style { sort: false, ..Style::default() })),
    Filter::new("to_nice_json", &["indent", "sort_keys", "**"], |it, b| {
        let style = Style { indent: Some(b.size(0, 4)?), sort: b.flag(it, 1, true)?, ..Style::default() };
        // The layout is its own.
        b.named.retain(|(name, _)| &**name != "separators");
        dump(it, b, style)
    }),
    Filter::new("tojson", &["indent"], |it, b| {
        let mut style =
            Style { indent: b.get(0).map(|_| b.size(0, 2)).transpose()?, sort: true, ..Style::default() };
        if style.indent.is_some() {
            style.item = ",".to_owned();
        }
        let mut out = String::new();
        write(it, &b.value, &style, 0, &mut out)?;
        let safe = out
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027");
        Ok(Val::from(safe))
    }),
    Filter::apart("from_json", &["**"], |it, b| {
        let Some(text) = b.value.as_str() else {
            return Err(failed(format!(
                "the JSON object must be str, bytes or bytearray, not {}",
                b.value.type_name()
            )));
        };
        let mut value = json_read::read(text).map_err(|error| failed(error.to_string()))?;
        let profile = b.named.iter().find(|(name, _)| &**name == "profile");
        if profile.and_then(|(_, value)| value.as_str()) == Some("inventory_legacy") {
            let source = matches!(&b.value, Val::Str(text) if text.is_trusted());
            value = of_inventory(&value, source);
        }
        it.from_value(value)
    }),
];

/// What `ansible-inventory` wrote: a text that is no template is wrapped, the others are what the whole is.
fn of_inventory(value: &Value, is_trusted: bool) -> Value {
    match value {
        Value::Map(map) => match map.get("__ansible_unsafe") {
            Some(text @ Value::Str(_)) if map.len() == 1 => text.clone(),
            _ => Value::map(map.iter().map(|(k, v)| (k.clone(), of_inventory(v, is_trusted))).collect()),
        },
        Value::List(items) => Value::list(items.iter().map(|item| of_inventory(item, is_trusted)).collect()),
        Value::Str(_) if is_trusted => trusted(value),
        other => other.clone(),
    }
}

/// How JSON is laid out.
struct Style {
    indent: Option<usize>,
    sort: bool,
    ascii: bool,
    item: String,
    key: String,
}

impl Default for Style {
    fn default() -> Self {
        Self { indent: None, sort: false, ascii: true, item: ", ".to_owned(), key: ": ".to_owned() }
    }
}

fn dump(it: &mut Interp<'_>, b: &mut Bound, mut style: Style) -> R {
    let mut separators = false;
    for (name, value) in std::mem::take(&mut b.named) {
        match &*name {
            "indent" => style.indent = value.as_int().map(|i| usize::try_from(i.clamp(0, 1000)).unwrap_or(0)),
            "sort_keys" => style.sort = it.truthy(&value)?,
            "ensure_ascii" => style.ascii = it.truthy(&value)?,
            "separators" => {
                let parts = it.items(&value)?;
                let [item, key] = parts.as_slice() else { return Err(failed("separators wants two texts")) };
                style.item = it.str(item)?;
                style.key = it.str(key)?;
                separators = true;
            }
            // Hints for Python's own encoder.
            "vault_to_text" | "preprocess_unsafe" | "skipkeys" | "check_circular" | "allow_nan"
            | "default" | "cls" => {}
            other => {
                return Err(failed(format!(
                    "JSONEncoder.__init__() got an unexpected keyword argument '{other}'"
                )));
            }
        }
    }
    if style.indent.is_some() && !separators {
        style.item = ",".to_owned();
    }
    let mut out = String::new();
    write(it, &b.value, &style, 0, &mut out)?;
    Ok(Val::from(out))
}

fn write(it: &mut Interp<'_>, value: &Val, style: &Style, depth: usize, out: &mut String) -> R<()> {
    match value {
        Val::None => out.push_str("null"),
        Val::Omit => {
            return Err(failed(
                "Object of type '_OmitType' is not JSON serializable by the 'tagless' profile.",
            ));
        }
        Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Val::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Val::Float(f) if f.is_nan() => out.push_str("NaN"),
        Val::Float(f) if f.is_infinite() => out.push_str(if *f > 0.0 { "Infinity" } else { "-Infinity" }),
        Val::Float(f) => out.push_str(&float(*f)),
        Val::Str(text) => quote(text.as_str(), style.ascii, out),
        Val::Undefined(undefined) => return Err(undefined.to_error()),
        Val::List(_) | Val::Tuple(_) => {
            let items = it.items(value)?;
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(&style.item);
                }
                newline(style, depth + 1, out);
                it.nested(|it| write(it, item, style, depth + 1, out))?;
            }
            if !items.is_empty() {
                newline(style, depth, out);
            }
            out.push(']');
        }
        Val::Dict(_) | Val::Dynamic(_) => {
            let mut pairs = it.pairs(value)?;
            if style.sort {
                pairs.sort_by_key(|(k, _)| k.to_string());
            }
            out.push('{');
            for (i, (key, item)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.push_str(&style.item);
                }
                newline(style, depth + 1, out);
                quote(&key.to_string(), style.ascii, out);
                out.push_str(&style.key);
                it.nested(|it| write(it, item, style, depth + 1, out))?;
            }
            if !pairs.is_empty() {
                newline(style, depth, out);
            }
            out.push('}');
        }
        Val::Object(object) => match object.type_name() {
            "range" => {
                let items = it.items(value)?;
                write(it, &Val::list(items), style, depth, out)?;
            }
            "date" | "time" | "datetime" => quote(&object.print().replacen(' ', "T", 1), style.ascii, out),
            name => return Err(failed(format!("Object of type {name} is not JSON serializable"))),
        },
    }
    Ok(())
}

fn newline(style: &Style, depth: usize, out: &mut String) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.push_str(&" ".repeat(indent * depth));
    }
}

/// A text as JSON.
fn quote(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
