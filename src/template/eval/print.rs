//! Python's `str` and `repr`.

use super::Interp;
use super::val::{Dict, R, Val};
use crate::vars::Key;
use std::fmt::Write;

impl Interp<'_> {
    /// As a value is printed inside a text: Python's `str`, but nothing for `none`.
    ///
    /// # Errors
    /// Where it is undefined, or an entry of it fails.
    pub fn print(&mut self, value: &Val, out: &mut String) -> R<()> {
        match value {
            Val::None | Val::Omit => {}
            Val::Undefined(u) if u.blank => {}
            other => {
                let before = std::mem::replace(&mut self.printing, true);
                let written = self.write_str(other, out);
                self.printing = before;
                written?;
            }
        }
        Ok(())
    }

    /// Python's `str(value)`.
    ///
    /// # Errors
    /// Where it is undefined, or an entry of it fails.
    pub fn str(&mut self, value: &Val) -> R<String> {
        let mut out = String::new();
        self.write_str(value, &mut out)?;
        Ok(out)
    }

    /// Python's `repr(value)`.
    ///
    /// # Errors
    /// Where it is undefined, or an entry of it fails.
    pub fn repr(&mut self, value: &Val) -> R<String> {
        let mut out = String::new();
        self.write_repr(value, &mut out)?;
        Ok(out)
    }

    fn write_str(&mut self, value: &Val, out: &mut String) -> R<()> {
        match value {
            Val::Str(text) => {
                out.push_str(text.as_str());
                Ok(())
            }
            Val::Object(object) => {
                out.push_str(&object.print());
                Ok(())
            }
            other => self.write_repr(other, out),
        }
    }

    fn write_repr(&mut self, value: &Val, out: &mut String) -> R<()> {
        match value {
            Val::Undefined(undefined) if undefined.blank => {}
            Val::Undefined(undefined) => return Err(undefined.to_error()),
            Val::None => out.push_str("None"),
            Val::Bool(true) => out.push_str("True"),
            Val::Bool(false) => out.push_str("False"),
            Val::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Val::Float(f) => out.push_str(&float(*f)),
            Val::Str(text) => quote(text.as_str(), out),
            Val::Omit => out.push_str("<<Omit>>"),
            Val::List(_) => {
                let items = self.items(value)?;
                self.write_items(items, out)?;
            }
            Val::Tuple(items) => self.write_items(items.to_vec(), out)?,
            Val::Dict(_) | Val::Dynamic(_) => {
                out.push('{');
                let mut first = true;
                for (key, value) in self.pairs(value)? {
                    if self.printing && matches!(value, Val::Omit) {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push_str(", ");
                    }
                    match key {
                        Key::Str(text) => quote(text.as_str(), out),
                        other => self.write_repr(&Val::from_key(&other), out)?,
                    }
                    out.push_str(": ");
                    self.nested(|it| it.write_repr(&value, out))?;
                }
                out.push('}');
            }
            Val::Object(object) => out.push_str(&object.print()),
        }
        Ok(())
    }

    fn write_items(&mut self, items: Vec<Val>, out: &mut String) -> R<()> {
        out.push('[');
        for (i, item) in items.into_iter().filter(|v| !matches!(v, Val::Omit)).enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            self.nested(|it| it.write_repr(&item, out))?;
        }
        out.push(']');
        Ok(())
    }
}

impl Dict {
    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Shared(map, _) => map.len(),
            Self::Own(map) => map.len(),
        }
    }
}

/// Python's repr of a float.
#[must_use]
pub fn float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    if f == 0.0 {
        return if f.is_sign_negative() { "-0.0".to_owned() } else { "0.0".to_owned() };
    }
    let magnitude = f.abs();
    if (1e-4..1e16).contains(&magnitude) {
        let text = format!("{f}");
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    let text = format!("{f:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Python's repr of a text.
pub fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() || (0x80..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(mark);
}
