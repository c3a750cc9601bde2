//! From the text of a scalar to its value.

use crate::node::{Style, Yaml};
use crate::{number, timestamp};

/// The value of a plain (unquoted) scalar by the rules of YAML 1.1.
///
/// `<<` and `=` are special only as keys; elsewhere PyYAML refuses them, here they are strings.
pub fn resolve_plain(text: &str) -> Yaml {
    // The first character decides which rules can match at all, as in PyYAML.
    let first = text.bytes().next().unwrap_or(0);
    let value = match first {
        0 => Some(Yaml::Null),
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        b'-' | b'+' | b'.' | b'0'..=b'9' => {
            let number = number::int(text).or_else(|| number::float(text).map(Yaml::Float));
            number.or_else(|| timestamp::looks_like(text).then(|| Yaml::Timestamp(text.to_owned())))
        }
        _ => None,
    };
    value.unwrap_or_else(|| Yaml::Str(text.to_owned(), Style::Plain))
}

fn word(text: &str) -> Option<Yaml> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Yaml::Null,
        _ => Yaml::Bool(boolean(text)?),
    })
}

fn boolean(text: &str) -> Option<bool> {
    Some(match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true,
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false,
        _ => return None,
    })
}

/// What a core tag makes of a scalar: the suffix behind `tag:yaml.org,2002:`. The error is what the text should
/// have been.
pub(crate) fn tagged(suffix: &str, text: &str, style: Style) -> Result<Yaml, TagError> {
    let want = |what| Err(TagError::Mismatch(what));
    Ok(match suffix {
        "str" | "python/unicode" | "python/str" | "value" | "merge" => Yaml::Str(text.to_owned(), style),
        "null" => Yaml::Null,
        "bool" => match boolean_any_case(text) {
            Some(value) => Yaml::Bool(value),
            None => return want("a boolean"),
        },
        "int" => match number::int(text.trim()) {
            Some(value) => value,
            None => return want("an integer"),
        },
        "float" => match number::forced_float(text) {
            Some(value) => Yaml::Float(value),
            None => return want("a number"),
        },
        "timestamp" => match timestamp::iso_format(text) {
            Some(_) => Yaml::Timestamp(text.to_owned()),
            None => return want("a date"),
        },
        "binary" => match base64(text) {
            Some(bytes) => Yaml::Binary(bytes),
            None => return want("base64 text"),
        },
        "seq" | "omap" | "pairs" => return want("a list"),
        "map" | "set" | "python/dict" => return want("a mapping"),
        _ => return Err(TagError::Unknown),
    })
}

/// Why a tag cannot be applied.
pub(crate) enum TagError {
    /// Nobody knows the tag.
    Unknown,
    /// The value is not what the tag wants.
    Mismatch(&'static str),
}

fn boolean_any_case(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// Base64 with anything outside the alphabet skipped, as Python's `decodebytes` does.
fn base64(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut out = Vec::new();
    let (mut bits, mut count, mut padding) = (0u32, 0u32, 0u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                if count % 4 >= 2 && (count % 4) + padding >= 4 {
                    break;
                }
                continue;
            }
            _ => continue,
        };
        padding = 0;
        bits = (bits << 6) | u32::from(value);
        count += 1;
        if count % 4 == 0 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            bits = 0;
        }
    }
    let rest = count % 4;
    let bytes = (bits << (6 * (4 - rest))).to_be_bytes();
    match (rest, padding) {
        (0, _) => {}
        (2, 2..) => out.push(bytes[1]),
        (3, 1..) => out.extend_from_slice(&bytes[1..3]),
        _ => return None,
    }
    Some(out)
}
