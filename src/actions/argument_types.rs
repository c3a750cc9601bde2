//! Values of a role's arguments as their types want them, in the words of ansible-core where they cannot be had.

use crate::vars::{Key, Map, Value};
use windlass_protocol::Json;
use windlass_protocol::args::{parse_bool, python_text};

/// A value as that type wants it.
///
/// # Errors
/// Why it cannot be had. `secret` values are not quoted.
pub(super) fn convert(kind: &str, value: &Value, secret: bool) -> Result<Value, String> {
    match kind {
        "raw" => Ok(value.clone()),
        "str" | "path" => Ok(match value {
            Value::Str(_) => value.clone(),
            Value::Null => Value::text(""),
            other => Value::text(text(other)),
        }),
        "bool" => boolean(value, secret),
        "int" => integer(value)
            .ok_or_else(|| format!("\"{}\" cannot be converted to an int", shown(&quoted(value), secret))),
        "float" => number(value)
            .map(Value::Float)
            .ok_or_else(|| format!("{} cannot be converted to a float", class(value))),
        "list" => match value {
            Value::List(_) => Ok(value.clone()),
            Value::Str(text) => Ok(Value::list(text.as_str().split(',').map(Value::text).collect())),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                Ok(Value::list(vec![Value::text(text(value))]))
            }
            _ => Err(format!("{} cannot be converted to a list", class(value))),
        },
        "dict" => mapping(value),
        "json" | "jsonarg" => match value {
            Value::Str(text) => Ok(Value::text(text.as_str().trim())),
            Value::List(_) | Value::Map(_) | Value::Dynamic(_) => {
                Ok(Value::text(value.to_json().to_string()))
            }
            _ => Err(format!("{} cannot be converted to a json string", class(value))),
        },
        "bytes" => {
            size(value, false).ok_or_else(|| format!("{} cannot be converted to a Byte value", class(value)))
        }
        "bits" => {
            size(value, true).ok_or_else(|| format!("{} cannot be converted to a Bit value", class(value)))
        }
        // What Python says of a type that there is none of.
        _ => Err("'NoneType' object is not callable".to_owned()),
    }
}

/// Python's `str`.
pub(super) fn text(value: &Value) -> String {
    python_text(&value.to_json())
}

/// Python's `repr`.
fn quoted(value: &Value) -> String {
    let listed = python_text(&Json::Array(vec![value.to_json()]));
    listed[1..listed.len() - 1].to_owned()
}

/// A value in a message, unless it is a secret.
pub(super) fn shown(text: &str, secret: bool) -> String {
    if secret { "********".to_owned() } else { text.to_owned() }
}

/// Python's text of a value's type.
fn class(value: &Value) -> String {
    format!("<class '{}'>", value.type_name())
}

fn boolean(value: &Value, secret: bool) -> Result<Value, String> {
    let found = match value {
        Value::Bool(b) => Some(*b),
        Value::Str(text) => parse_bool(text.as_str()).filter(|_| !text.as_str().contains('.')),
        Value::Int(_) | Value::Float(_) => match value.as_number() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        _ => return Err(format!("{} cannot be converted to a bool", class(value))),
    };
    found.map(Value::Bool).ok_or_else(|| {
        format!(
            "The value '{}' is not a valid boolean. Valid booleans include: 'y', 'yes', 'on', '1', 'true', 't', 1, 'n', \
             'no', 'off', '0', 'false', 'f', 0",
            shown(&text(value), secret)
        )
    })
}

/// A whole number; texts may be written as decimal numbers are.
fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Bool(_) => Some(value.clone()),
        Value::Float(f) => (f.is_finite() && f.fract() == 0.0).then_some(Value::Int(*f as i64)),
        Value::Str(text) => decimal(text.as_str().trim()).map(Value::Int),
        _ => None,
    }
}

/// A whole number written as `12`, `12.0` or `1.2e1`.
fn decimal(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text.as_str(), 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mut all = format!("{whole}{part}");
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Where the point stands in the digits.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if all.bytes().all(|b| b == b'0') {
        return Some(0);
    }
    let point = usize::try_from(point).ok().filter(|p| *p <= 400)?;
    if point < all.len() {
        if all[point..].bytes().any(|b| b != b'0') {
            return None;
        }
        all.truncate(point);
    }
    all.extend(std::iter::repeat_n('0', point.saturating_sub(all.len())));
    // Python's whole numbers have no end; that it is one is what counts here.
    let number = all.parse::<i64>().unwrap_or(i64::MAX);
    Some(if negative { -number } else { number })
}

/// A number, as Python's `float` reads it.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.as_str().trim().replace('_', "").parse().ok(),
        other => other.as_number(),
    }
}

/// A mapping; a text may hold one as JSON, as a Python literal or as `key=value`.
fn mapping(value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::Map(_) | Value::Dynamic(_) => return Ok(value.clone()),
        Value::Str(text) => text.as_str(),
        _ => return Err(format!("{} cannot be converted to a dict", class(value))),
    };
    if text.starts_with('{') {
        if let Ok(json) = serde_json::from_str::<Json>(text) {
            return Ok(Value::from(json));
        }
        let literal = crate::inventory::python_literal(text, &|text| Value::text(text));
        return literal
            .filter(|v| matches!(v, Value::Map(_)))
            .ok_or_else(|| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let mut map = Map::new();
    for field in fields(text.trim()) {
        let Some((key, value)) = field.split_once('=') else {
            return Err("unable to evaluate string in the \"key=value\" format as dictionary".to_owned());
        };
        map.insert(Key::from(key), Value::text(value));
    }
    Ok(Value::map(map))
}

/// What stands between commas and blanks, quotes and backslashes heeded.
fn fields(text: &str) -> Vec<String> {
    let (mut all, mut field) = (Vec::new(), String::new());
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        match (c, quote) {
            _ if escaped => {
                field.push(c);
                escaped = false;
            }
            ('\\', _) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (',' | ' ', None) => all.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    all.push(field);
    all.retain(|field| !field.is_empty());
    all
}

/// A number of bytes or bits, perhaps with a unit.
fn size(value: &Value, bits: bool) -> Option<Value> {
    crate::template::size_of(&text(value), bits).map(Value::Int)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whole_numbers_as_python_reads_decimals() {
        for (text, number) in [
            ("12", Some(12)),
            (" -12 ", Some(-12)),
            ("1e3", Some(1000)),
            ("1.20e1", Some(12)),
            ("1_000", Some(1000)),
            ("0.0", Some(0)),
            ("120e-1", Some(12)),
            ("12e-1", None),
            ("1.5", None),
            ("", None),
            (".", None),
            ("eighty", None),
            ("1e999999999", None),
            ("NaN", None),
        ] {
            assert_eq!(integer(&Value::text(text)), number.map(Value::Int), "{text}");
        }
        assert_eq!(integer(&Value::Float(37.0)), Some(Value::Int(37)));
        assert_eq!(integer(&Value::Float(37.5)), None);
    }

    #[test]
    fn mappings_in_texts() {
        let of = |text: &str| mapping(&Value::text(text)).map(|v| v.to_json().to_string());
        assert_eq!(of(r#"{"a": 1}"#).unwrap(), r#"{"a":1}"#);
        assert_eq!(of("{'a': 1}").unwrap(), r#"{"a":1}"#);
        assert_eq!(of("a=1, b='x y' c=\\,").unwrap(), r#"{"a":"1","b":"x y","c":","}"#);
        assert_eq!(
            of("a=1, b").unwrap_err(),
            "unable to evaluate string in the \"key=value\" format as dictionary"
        );
        assert_eq!(of("{a").unwrap_err(), "unable to evaluate string as dictionary");
        assert_eq!(of("a").unwrap_err(), "dictionary requested, could not parse JSON or key=value");
    }
}
