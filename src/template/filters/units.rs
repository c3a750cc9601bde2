//! Conversions: booleans, numbers, sizes.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::methods::percent::real;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("bool", &[], |_, b| match to_bool(&b.value) {
        Some(found) => Ok(Val::Bool(found)),
        // What is none of the known words counts as false.
        None => Ok(Val::Bool(false)),
    }),
    Filter::new("int", &["default", "base"], int),
    Filter::new("float", &["default"], float),
    Filter::new("human_readable", &["isbits", "unit"], human_readable),
    Filter::new("human_to_bytes", &["default_unit", "isbits"], human_to_bytes),
    Filter::new("filesizeformat", &["binary"], filesizeformat),
];

/// A value as Ansible's `bool` filter reads it.
pub(crate) fn to_bool(value: &Val) -> Option<bool> {
    match value {
        Val::Bool(b) => Some(*b),
        Val::Int(1) => Some(true),
        Val::Int(0) => Some(false),
        Val::Float(1.0) => Some(true),
        Val::Float(0.0) => Some(false),
        Val::Str(text) => match text.as_str().trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn int(_it: &mut Interp<'_>, b: &mut Bound) -> R {
    let fallback = b.raw(0).cloned().unwrap_or(Val::Int(0));
    let base = u32::try_from(b.int(1)?.unwrap_or(10)).unwrap_or(10);
    Ok(match &b.value {
        Val::Int(i) => Val::Int(*i),
        Val::Bool(x) => Val::Int(i64::from(*x)),
        Val::Float(f) if f.is_finite() => Val::Int(*f as i64),
        Val::Str(text) => {
            let Some(text) = ungrouped(text.as_str().trim()) else { return Ok(fallback) };
            let (sign, digits) = match text.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, text.strip_prefix('+').unwrap_or(&text)),
            };
            let lower = digits.to_ascii_lowercase();
            let digits = match base {
                16 => lower.strip_prefix("0x").unwrap_or(&lower),
                8 => lower.strip_prefix("0o").unwrap_or(&lower),
                2 => lower.strip_prefix("0b").unwrap_or(&lower),
                _ => &lower,
            };
            let whole = if (2..=36).contains(&base) && !digits.starts_with(['+', '-']) {
                i64::from_str_radix(digits, base).ok()
            } else if base == 0 {
                digits.parse().ok()
            } else {
                None
            };
            match whole {
                Some(i) => Val::Int(sign * i),
                None => match text.parse::<f64>() {
                    Ok(f)
                        if f.is_finite()
                            && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) =>
                    {
                        Val::Int(f as i64)
                    }
                    _ => fallback,
                },
            }
        }
        other => {
            other.check()?;
            fallback
        }
    })
}

/// A number without the underscores that may stand between its digits.
fn ungrouped(text: &str) -> Option<String> {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit() || "xXoO".contains(c));
    let good = text
        .match_indices('_')
        .all(|(at, _)| digit(text[..at].chars().next_back()) && digit(text[at + 1..].chars().next()));
    good.then(|| text.replace('_', ""))
}

fn float(_it: &mut Interp<'_>, b: &mut Bound) -> R {
    let fallback = b.raw(0).cloned().unwrap_or(Val::Float(0.0));
    Ok(match &b.value {
        Val::Str(text) => match ungrouped(text.as_str().trim()).map(|text| text.parse::<f64>()) {
            Some(Ok(f)) => Val::Float(f),
            _ => fallback,
        },
        other => other.as_f64().map_or(fallback, Val::Float),
    })
}

const RANGES: [(char, f64); 9] = [
    ('Y', 1_208_925_819_614_629_174_706_176.0),
    ('Z', 1_180_591_620_717_411_303_424.0),
    ('E', 1_152_921_504_606_846_976.0),
    ('P', 1_125_899_906_842_624.0),
    ('T', 1_099_511_627_776.0),
    ('G', 1_073_741_824.0),
    ('M', 1_048_576.0),
    ('K', 1024.0),
    ('B', 1.0),
];

/// What stands in front of `byte` in the unit's name.
const UNIT_NAMES: [&str; 9] = ["yotta", "zetta", "exa", "peta", "tera", "giga", "mega", "kilo", ""];

fn number(value: &Val, what: &str) -> R<f64> {
    if let Some(f) = value.as_f64() {
        return Ok(f);
    }
    value.check()?;
    let text = value.as_str().and_then(|t| t.trim().parse().ok());
    text.ok_or_else(|| {
        failed(format!(
            "{what}() failed on bad input: '>=' not supported between instances of '{}' and 'int'",
            value.type_name()
        ))
    })
}

fn human_readable(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let size = number(&b.value, "human_readable")?;
    let bits = b.flag(it, 0, false)?;
    let unit = b.str(it, 1)?.map(|u| u.to_ascii_uppercase());
    let base = if bits { "bits" } else { "Bytes" };
    let (mut suffix, mut limit) = ('B', 1.0);
    for (letter, range) in RANGES {
        suffix = letter;
        limit = range;
        let asked = unit.as_ref().is_some_and(|u| u.starts_with(letter));
        if (unit.is_none() && size >= range) || asked {
            break;
        }
    }
    let suffix = if limit == 1.0 {
        base.to_owned()
    } else if bits {
        format!("{suffix}b")
    } else {
        format!("{suffix}B")
    };
    Ok(Val::from(format!("{} {suffix}", real(size / limit, 'f', 2, false))))
}

fn human_to_bytes(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let text = b.text(it)?;
    let default_unit = b.str(it, 0)?;
    let bits = b.flag(it, 1, false)?;
    to_bytes(&text, default_unit, bits)
        .map(Val::Int)
        .map_err(|why| failed(format!("human_to_bytes() can't interpret the input: human_to_bytes() {why}")))
}

/// A size in bytes or bits, written with or without a unit.
pub(crate) fn size_of(text: &str, bits: bool) -> Option<i64> {
    to_bytes(text, None, bits).ok()
}

/// Why a text is no size.
#[derive(Debug, thiserror::Error)]
enum SizeError {
    #[error("can't interpret following string: {0}")]
    Form(String),
    #[error("can't interpret following number: {digits} (original input string: {text})")]
    Number { digits: String, text: String },
    #[error("failed to convert {text} (unit = {unit}). The suffix must be one of Y, Z, E, P, T, G, M, K, B")]
    Unit { text: String, unit: String },
    /// The unit begins as one does, and goes on otherwise.
    #[error("failed to convert {text}. Value is not a valid string (expect {short} or {letter})")]
    Word { text: String, short: String, letter: char },
}

fn to_bytes(text: &str, default_unit: Option<String>, bits: bool) -> Result<i64, SizeError> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (digits, rest) = trimmed.split_at(end);
    let rest = rest.trim();
    if digits.is_empty() || !rest.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(SizeError::Form(text.to_owned()));
    }
    let wrong = |_| SizeError::Number { digits: digits.to_owned(), text: text.to_owned() };
    let number: f64 = digits.parse().map_err(wrong)?;
    let unit = if rest.is_empty() { default_unit.unwrap_or_default() } else { rest.to_owned() };
    let Some(letter) = unit.chars().next().map(|c| c.to_ascii_uppercase()) else {
        return Ok(number.round() as i64);
    };
    let range = RANGES.iter().zip(UNIT_NAMES).find(|((l, _), _)| *l == letter);
    let Some(((_, limit), prefix)) = range else {
        return Err(SizeError::Unit { text: text.to_owned(), unit });
    };
    let (class, word) = if bits { ('b', "bit") } else { ('B', "byte") };
    let short = if letter == 'B' { class.to_string() } else { format!("{letter}{class}") };
    if unit.len() > 1 && unit != short && unit.to_ascii_lowercase() != format!("{prefix}{word}") {
        return Err(SizeError::Word { text: text.to_owned(), short, letter });
    }
    Ok((number * limit).round_ties_even() as i64)
}

fn filesizeformat(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let size = number(&b.value, "filesizeformat")?;
    let binary = b.flag(it, 0, false)?;
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let names: [&str; 8] = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if size == 1.0 {
        return Ok(Val::from("1 Byte"));
    }
    if size < base {
        return Ok(Val::from(format!("{} Bytes", size as i64)));
    }
    for (i, name) in (2..).zip(names) {
        let unit = base.powi(i);
        if size < unit || name.starts_with('Y') {
            return Ok(Val::from(format!("{:.1} {name}", base * size / unit)));
        }
    }
    Ok(Val::from(""))
}
