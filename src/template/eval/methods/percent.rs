//! `'%s' % x`

use crate::template::eval::Interp;
use crate::template::eval::print;
use crate::template::eval::val::{R, Val, failed};

/// Widest field that is made.
const MAX_WIDTH: usize = 1_000_000;

/// Python's `format % values`.
///
/// # Errors
/// As Python does.
pub fn format(it: &mut Interp<'_>, template: &str, values: &Val) -> R<String> {
    let list: Vec<Val> = match values {
        Val::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    let mut given = list.into_iter();
    let mut used_mapping = false;
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut value = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            let name: String = chars.by_ref().take_while(|c| *c != ')').collect();
            used_mapping = true;
            value = Some(match it.entry_str(values, &name)? {
                Some(value) => value,
                None if values.is_dict() => return Err(failed(format!("'{name}'"))),
                None => return Err(failed("format requires a mapping")),
            });
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+ 0#".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.sign = Some('+'),
                ' ' => spec.sign = spec.sign.or(Some(' ')),
                '0' => spec.zero = true,
                _ => spec.alternate = true,
            }
        }
        let mut number = |given: &mut std::vec::IntoIter<Val>| -> R<Option<usize>> {
            if chars.next_if_eq(&'*').is_some() {
                let width = given.next().and_then(|v| v.as_int()).ok_or_else(|| failed("* wants int"))?;
                return Ok(Some(usize::try_from(width.max(0)).unwrap_or(0).min(MAX_WIDTH)));
            }
            let mut digits = String::new();
            while let Some(d) = chars.next_if(char::is_ascii_digit) {
                digits.push(d);
            }
            Ok(if digits.is_empty() {
                None
            } else {
                Some(digits.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH))
            })
        };
        spec.width = number(&mut given)?.unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            let mut number = |given: &mut std::vec::IntoIter<Val>| -> usize {
                if chars.next_if_eq(&'*').is_some() {
                    return given.next().and_then(|v| v.as_int()).map_or(0, |i| i.clamp(0, 1000) as usize);
                }
                let mut digits = String::new();
                while let Some(d) = chars.next_if(char::is_ascii_digit) {
                    digits.push(d);
                }
                digits.parse().unwrap_or(0).min(1000)
            };
            spec.precision = Some(number(&mut given));
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let Some(kind) = chars.next() else { return Err(failed("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => given.next().ok_or_else(|| failed("not enough arguments for format string"))?,
        };
        one(it, kind, &spec, &value, &mut out)?;
    }
    let leftover = given.next().is_some();
    if leftover && !used_mapping && !values.is_dict() {
        return Err(failed("not all arguments converted during string formatting"));
    }
    Ok(out)
}

#[derive(Default)]
struct Spec {
    left: bool,
    zero: bool,
    alternate: bool,
    sign: Option<char>,
    width: usize,
    precision: Option<usize>,
}

fn one(it: &mut Interp<'_>, kind: char, spec: &Spec, value: &Val, out: &mut String) -> R<()> {
    match kind {
        's' | 'r' | 'a' => value.known()?,
        _ => value.check()?,
    }
    let mut numeric = true;
    let mut negative = false;
    let mut base = "";
    let body = match kind {
        's' | 'r' | 'a' => {
            numeric = false;
            let text = match kind {
                's' => it.str(value)?,
                'a' => super::brace::ascii(&it.repr(value)?),
                _ => it.repr(value)?,
            };
            match spec.precision {
                Some(n) => text.chars().take(n).collect(),
                None => text,
            }
        }
        'c' => {
            numeric = false;
            match value {
                Val::Int(i) => u32::try_from(*i).ok().and_then(char::from_u32).unwrap_or('?').to_string(),
                Val::Str(text) if text.as_str().chars().count() == 1 => text.as_str().to_owned(),
                _ => return Err(failed("%c requires int or char")),
            }
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let whole = match value {
                Val::Float(f) if "diu".contains(kind) => *f as i64,
                other => other.as_int().ok_or_else(|| {
                    let wants = if "diu".contains(kind) { "a real number" } else { "an integer" };
                    failed(format!("%{kind} format: {wants} is required, not {}", other.type_name()))
                })?,
            };
            negative = whole < 0;
            let n = whole.unsigned_abs();
            let digits = match kind {
                'x' => format!("{n:x}"),
                'X' => format!("{n:X}"),
                'o' => format!("{n:o}"),
                _ => n.to_string(),
            };
            base = match (spec.alternate, kind) {
                (true, 'x') => "0x",
                (true, 'X') => "0X",
                (true, 'o') => "0o",
                _ => "",
            };
            format!("{digits:0>width$}", width = spec.precision.unwrap_or(0))
        }
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
            let f = value
                .as_f64()
                .ok_or_else(|| failed(format!("must be real number, not {}", value.type_name())))?;
            negative = f.is_sign_negative();
            let text = real(f.abs(), kind.to_ascii_lowercase(), spec.precision.unwrap_or(6), spec.alternate);
            if kind.is_ascii_uppercase() { text.to_uppercase() } else { text }
        }
        other => {
            return Err(failed(format!("unsupported format character '{other}' (0x{:x})", other as u32)));
        }
    };
    let mut sign = match (numeric && negative, numeric, spec.sign) {
        (true, ..) => "-".to_owned(),
        (false, true, Some(sign)) => sign.to_string(),
        _ => String::new(),
    };
    sign.push_str(base);
    let missing = spec.width.saturating_sub(body.chars().count() + sign.len());
    if spec.left {
        out.push_str(&format!("{sign}{body}{}", " ".repeat(missing)));
    } else if spec.zero && numeric {
        out.push_str(&format!("{sign}{}{body}", "0".repeat(missing)));
    } else {
        out.push_str(&format!("{}{sign}{body}", " ".repeat(missing)));
    }
    Ok(())
}

/// A number as `%f`, `%e` or `%g` print it.
#[must_use]
pub fn real(f: f64, kind: char, precision: usize, alternate: bool) -> String {
    if !f.is_finite() {
        return print::float(f);
    }
    let exponent_form = |precision: usize| {
        let text = format!("{f:.precision$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |d| ('-', d));
        (format!("{mantissa}e{sign}{digits:0>2}"), exponent.parse::<i32>().unwrap_or(0))
    };
    match kind {
        'f' => format!("{f:.precision$}"),
        'e' => exponent_form(precision).0,
        _ => {
            let precision = precision.max(1);
            let (text, exponent) = exponent_form(precision - 1);
            let strip = |text: &str| {
                if alternate || !text.contains('.') {
                    return text.to_owned();
                }
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            };
            if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
                let (mantissa, tail) = text.split_once('e').unwrap_or((&text, "+00"));
                return format!("{}e{tail}", strip(mantissa));
            }
            let digits = usize::try_from(i32::try_from(precision).unwrap_or(6) - 1 - exponent).unwrap_or(0);
            strip(&format!("{f:.digits$}"))
        }
    }
}
