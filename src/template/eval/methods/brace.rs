//! `'{}'.format(x)`

use super::percent::real;
use super::text::pad_to;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use std::sync::Arc;

/// Python's `str.format`.
///
/// # Errors
/// As Python does.
pub fn format(it: &mut Interp<'_>, template: &str, pos: &[Val], named: &[(Arc<str>, Val)]) -> R<String> {
    let mut auto = Numbering::default();
    expand(it, template, pos, named, &mut auto, 2)
}

/// How fields without a name are counted.
#[derive(Default)]
struct Numbering {
    count: usize,
    manual: Option<bool>,
}

fn expand(
    it: &mut Interp<'_>,
    template: &str,
    pos: &[Val],
    named: &[(Arc<str>, Val)],
    auto: &mut Numbering,
    depth: u8,
) -> R<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let mark = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(mark) {
            out.push_str(mark);
            rest = &rest[1..];
            continue;
        }
        if mark == "}" {
            return Err(failed("Single '}' encountered in format string"));
        }
        let end = closing(rest).ok_or_else(|| failed("Single '{' encountered in format string"))?;
        let field = &rest[..end];
        rest = &rest[end + 1..];
        let (target, spec) = field.split_once(':').unwrap_or((field, ""));
        let (target, conversion) = target.split_once('!').unwrap_or((target, ""));
        let value = find(it, target, pos, named, auto)?;
        let value = match conversion {
            "" => value,
            "s" => Val::str(it.str(&value)?),
            "a" => Val::str(ascii(&it.repr(&value)?)),
            _ => Val::str(it.repr(&value)?),
        };
        let spec = if spec.contains('{') && depth > 0 {
            expand(it, spec, pos, named, auto, depth - 1)?
        } else {
            spec.to_owned()
        };
        out.push_str(&apply(it, &value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

/// Python's `ascii` of a text that is quoted already.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let code = c as u32;
        match code {
            0..0x80 => out.push(c),
            0x80..0x100 => out.push_str(&format!("\\x{code:02x}")),
            0x100..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn find(
    it: &mut Interp<'_>,
    target: &str,
    pos: &[Val],
    named: &[(Arc<str>, Val)],
    auto: &mut Numbering,
) -> R {
    let end = target.find(['.', '[']).unwrap_or(target.len());
    let (first, mut rest) = target.split_at(end);
    let index: Option<usize> = if first.is_empty() {
        auto.count += 1;
        Some(auto.count - 1)
    } else {
        first.parse().ok()
    };
    if index.is_some() {
        let manual = !first.is_empty();
        match auto.manual {
            Some(true) if !manual => {
                return Err(failed(
                    "cannot switch from manual field specification to automatic field numbering",
                ));
            }
            Some(false) if manual => {
                return Err(failed(
                    "cannot switch from automatic field numbering to manual field specification",
                ));
            }
            _ => auto.manual = Some(manual),
        }
    }
    let found = match index {
        Some(index) => pos.get(index).cloned().ok_or_else(|| {
            failed(format!("Replacement index {index} out of range for positional args tuple"))
        }),
        None => named
            .iter()
            .find(|(n, _)| &**n == first)
            .map(|(_, v)| v.clone())
            .ok_or_else(|| failed(format!("'{first}'"))),
    };
    let mut value = found?.defined()?;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let name = &tail[..end];
            let missing = || failed(format!("'{}' object has no attribute '{name}'", value.type_name()));
            // Entries of a mapping are no attributes here.
            if value.is_dict() {
                return Err(missing());
            }
            value = match it.attr(&value, name)? {
                Val::Undefined(_) => return Err(missing()),
                found => found,
            };
            rest = &tail[end..];
        } else {
            let inner = &rest[1..];
            let end = inner.find(']').ok_or_else(|| failed("expected '}' before end of string"))?;
            let key = inner[..end].parse().map_or_else(|_| Val::from(&inner[..end]), Val::Int);
            value = match it.item(&value, &key)? {
                Val::Undefined(_) => return Err(failed(it.repr(&key)?)),
                found => found,
            };
            rest = inner.get(end + 1..).unwrap_or_default();
        }
    }
    Ok(value)
}

/// Python's `format(value, spec)`.
fn apply(it: &mut Interp<'_>, value: &Val, spec: &str) -> R<String> {
    if spec.is_empty() {
        return it.str(value);
    }
    let chars: Vec<char> = spec.chars().collect();
    let mut at = 0;
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
    let (mut fill, mut align) = (' ', None);
    if is_align(chars.get(1)) {
        fill = chars[0];
        align = Some(chars[1]);
        at = 2;
    } else if is_align(chars.first()) {
        align = Some(chars[0]);
        at = 1;
    }
    let mut sign = '-';
    if let Some(c) = chars.get(at).filter(|c| "+- ".contains(**c)) {
        sign = *c;
        at += 1;
    }
    let alternate = chars.get(at) == Some(&'#');
    at += usize::from(alternate);
    if chars.get(at) == Some(&'0') {
        if align.is_none() {
            fill = '0';
            align = Some('=');
        }
        at += 1;
    }
    let number = |at: &mut usize| -> Option<usize> {
        let from = *at;
        while chars.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        chars[from..*at].iter().collect::<String>().parse().ok().map(|n: usize| n.min(1_000_000))
    };
    let width = number(&mut at).unwrap_or(0);
    let mut group = None;
    if let Some(c) = chars.get(at).filter(|c| ",_".contains(**c)) {
        group = Some(*c);
        at += 1;
    }
    let mut precision = None;
    if chars.get(at) == Some(&'.') {
        at += 1;
        precision = number(&mut at).map(|n| n.min(1000));
    }
    let kind = chars.get(at).copied();
    if chars.len() > at + 1 {
        return Err(failed("Invalid format specifier"));
    }
    let numeric =
        matches!(value, Val::Int(_) | Val::Float(_)) || (matches!(value, Val::Bool(_)) && kind != Some('s'));
    if !numeric && !matches!(value, Val::Str(_)) {
        let kind = value.type_name();
        return Err(failed(format!("unsupported format string passed to {kind}.__format__")));
    }
    if !numeric {
        if kind.is_some_and(|k| k != 's') {
            let name = value.type_name();
            return Err(failed(format!(
                "Unknown format code '{}' for object of type '{name}'",
                kind.unwrap_or('s')
            )));
        }
        let mut text = it.str(value)?;
        if let Some(n) = precision {
            text = text.chars().take(n).collect();
        }
        return Ok(aligned(&text, width, fill, align.unwrap_or('<')));
    }
    let (negative, base, mut digits) = digits(value, kind, precision, alternate)?;
    let mut prefix = match (negative, sign) {
        (true, _) => "-".to_owned(),
        (false, '-') => String::new(),
        (false, sign) => sign.to_string(),
    };
    prefix.push_str(base);
    // Filled between the sign and the digits; zeros are digits themselves, with marks between them.
    let inside = align == Some('=');
    if let Some(mark) = group {
        let size = if matches!(kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 };
        let least = if inside && fill == '0' { width.saturating_sub(prefix.len()) } else { 0 };
        digits = grouped(&digits, mark, size, least);
    }
    if inside {
        let missing = width.saturating_sub(prefix.len() + digits.chars().count());
        return Ok(format!("{prefix}{}{digits}", fill.to_string().repeat(missing)));
    }
    Ok(aligned(&format!("{prefix}{digits}"), width, fill, align.unwrap_or('>')))
}

/// Whether a number is negative, the mark of its base, and its digits.
fn digits(
    value: &Val,
    kind: Option<char>,
    precision: Option<usize>,
    alternate: bool,
) -> R<(bool, &'static str, String)> {
    if let (Val::Int(_) | Val::Bool(_), None | Some('d' | 'n' | 'x' | 'X' | 'o' | 'b' | 'c')) = (value, kind)
    {
        let i = value.as_int().unwrap_or_default();
        let n = i.unsigned_abs();
        let (mark, text) = match kind {
            Some('x') => ("0x", format!("{n:x}")),
            Some('X') => ("0X", format!("{n:X}")),
            Some('o') => ("0o", format!("{n:o}")),
            Some('b') => ("0b", format!("{n:b}")),
            Some('c') => ("", u32::try_from(n).ok().and_then(char::from_u32).unwrap_or('?').to_string()),
            _ => ("", n.to_string()),
        };
        return Ok((i < 0, if alternate { mark } else { "" }, text));
    }
    let f = value.as_f64().unwrap_or_default();
    let text = match kind {
        Some('%') => format!("{}%", real(f.abs() * 100.0, 'f', precision.unwrap_or(6), false)),
        Some(k @ ('f' | 'F' | 'e' | 'E' | 'g' | 'G')) => {
            let text = real(f.abs(), k.to_ascii_lowercase(), precision.unwrap_or(6), alternate);
            if k.is_ascii_uppercase() { text.to_uppercase() } else { text }
        }
        None => match precision {
            Some(p) => {
                let text = real(f.abs(), 'g', p, false);
                if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
            }
            None => crate::template::eval::print::float(f.abs()),
        },
        Some(other) => {
            let name = value.type_name();
            return Err(failed(format!("Unknown format code '{other}' for object of type '{name}'")));
        }
    };
    Ok((f.is_sign_negative(), "", text))
}

/// Digits with a mark after every few of them, and zeros in front up to a width.
fn grouped(digits: &str, mark: char, size: usize, least: usize) -> String {
    let (whole, tail) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut backwards = String::new();
    for (count, c) in whole.chars().rev().chain(std::iter::repeat('0')).enumerate() {
        if count >= whole.len() && backwards.len() + tail.len() >= least {
            break;
        }
        if count > 0 && count % size == 0 {
            backwards.push(mark);
        }
        backwards.push(c);
    }
    backwards.chars().rev().chain(tail.chars()).collect()
}

fn aligned(text: &str, width: usize, fill: char, align: char) -> String {
    match align {
        '<' => pad_to(text, width, fill, "ljust"),
        '>' => pad_to(text, width, fill, "rjust"),
        _ => {
            let missing = width.saturating_sub(text.chars().count());
            let left = missing / 2;
            let repeat = |n: usize| fill.to_string().repeat(n);
            format!("{}{text}{}", repeat(left), repeat(missing - left))
        }
    }
}
