//! `ansible._protomatter`: what a value is beyond what it looks like. Meant for tests of templates.

use super::Filter;
use crate::template::eval::val::{Val, failed};
use crate::vars::{Text, Value};

pub(super) const FILTERS: &[Filter] = &[
    // What was put off is done.
    Filter::new("finalize", &[], |it, b| {
        let value = it.lower(&b.value)?;
        it.from_value(value)
    }),
    Filter::new("apply_trust", &[], |it, b| {
        let value = it.lower(&b.value)?;
        it.from_value(trusted(&value))
    }),
    Filter::new("origin", &[], |_, b| {
        let span = match &b.value {
            Val::Str(text) => text.span(),
            _ => None,
        };
        Ok(span.map_or(Val::None, |span| Val::str(span.to_string())))
    }),
    Filter::new("tag_names", &[], |_, b| Ok(Val::strs(tags(&b.value)))),
    Filter::lenient("true_type", &[], |_, b| Ok(Val::str(b.value.type_name()))),
    Filter::new("python_literal_eval", &["ignore_errors"], |it, b| {
        let text = b.text(it)?;
        match crate::inventory::python_literal(&text, &|text| Value::text(text)) {
            Some(value) => it.from_value(value),
            None if b.flag(it, 0, false)? => Ok(b.value.clone()),
            None => Err(failed(format!("malformed node or string: {text}"))),
        }
    }),
];

/// The marks of a value, by their names there.
pub(crate) fn tags(value: &Val) -> Vec<&'static str> {
    let Val::Str(text) = value else { return Vec::new() };
    let marks = [
        ("Origin", text.span().is_some()),
        ("TrustedAsTemplate", text.is_trusted()),
        ("VaultedValue", text.is_secret()),
    ];
    marks.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

/// A value whose texts are all trusted.
pub(super) fn trusted(value: &Value) -> Value {
    match value {
        Value::Str(text) if text.is_trusted() => value.clone(),
        Value::Str(text) => {
            let trusted = Text::trusted(text.as_str(), text.span().cloned());
            Value::Str(if text.is_secret() { trusted.into_secret() } else { trusted })
        }
        Value::List(items) => Value::list(items.iter().map(trusted).collect()),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), trusted(v))).collect()),
        other => other.clone(),
    }
}
