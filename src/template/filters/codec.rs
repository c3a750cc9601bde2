//! Encodings and identifiers.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};

/// The namespace of `to_uuid` where none is given.
const NAMESPACE: uuid::Uuid = uuid::uuid!("361e6d51-faec-444a-9079-341386da8e2e");

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("b64encode", &["encoding", "urlsafe"], |it, b| {
        let text = b.text(it)?;
        let bytes = encode(&text, &b.str_or(it, 0, "utf-8")?)?;
        let urlsafe = b.flag(it, 1, false)?;
        Ok(Val::from(if urlsafe { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) }))
    }),
    Filter::apart("b64decode", &["encoding", "urlsafe"], b64decode),
    Filter::new("to_uuid", &["namespace"], |it, b| {
        let namespace = match b.str(it, 0)? {
            Some(text) => uuid::Uuid::parse_str(&text).map_err(|_| {
                failed(format!(
                    "Invalid value '{text}' for 'namespace': badly formed hexadecimal UUID string"
                ))
            })?,
            None => NAMESPACE,
        };
        let text = b.text(it)?;
        Ok(Val::from(uuid::Uuid::new_v5(&namespace, text.as_bytes()).to_string()))
    }),
];

/// A text in an encoding that Python knows by these names.
pub(super) fn encode(text: &str, encoding: &str) -> R<Vec<u8>> {
    Ok(match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => text.as_bytes().to_vec(),
        "ascii" | "us-ascii" if text.is_ascii() => text.as_bytes().to_vec(),
        "latin-1" | "latin1" | "iso-8859-1" if text.chars().all(|c| (c as u32) < 256) => {
            text.chars().map(|c| c as u8).collect()
        }
        "utf-16-le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16-be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-16" => [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        "ascii" | "us-ascii" | "latin-1" | "latin1" | "iso-8859-1" => {
            return Err(failed(format!("'{encoding}' codec can't encode characters")));
        }
        _ => return Err(failed(format!("unknown encoding: {encoding}"))),
    })
}

fn b64decode(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let urlsafe = b.flag(it, 1, false)?;
    // As Python does: what is no letter of the alphabet is passed over.
    let letter = |c: &char| {
        c.is_ascii_alphanumeric() || *c == '=' || if urlsafe { "-_".contains(*c) } else { "+/".contains(*c) }
    };
    let (mut letters, mut pads, mut complete) = (String::new(), 0, false);
    for c in b.text(it)?.chars().filter(letter) {
        if c != '=' {
            letters.push(c);
            pads = 0;
            continue;
        }
        pads += 1;
        // What fills the last group ends the text, whatever follows.
        if letters.len() % 4 >= 2 && letters.len() % 4 + pads >= 4 {
            complete = true;
            break;
        }
    }
    match letters.len() % 4 {
        1 => {
            let count = letters.len();
            return Err(failed(format!(
                "Invalid base64-encoded string: number of data characters ({count}) cannot be 1 more than a multiple of 4"
            )));
        }
        2 | 3 if !complete => return Err(failed("Incorrect padding")),
        _ => {}
    }
    let alphabet = if urlsafe { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let decoded = GeneralPurpose::new(alphabet, lenient).decode(&letters);
    let bytes = decoded.map_err(|e| failed(format!("Invalid base64-encoded string: {e}")))?;
    let encoding = b.str_or(it, 0, "utf-8")?.to_ascii_lowercase();
    let units = |pair: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).map(|c| pair([c[0], c[1]])).collect()
    };
    let text = match encoding.as_str() {
        "utf-16-le" => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        "utf-16-be" => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        "utf-16" => String::from_utf16_lossy(
            units(u16::from_le_bytes).strip_prefix(&[0xfeff]).unwrap_or(&units(u16::from_le_bytes)),
        ),
        "latin-1" | "latin1" | "iso-8859-1" => bytes.iter().map(|b| char::from(*b)).collect(),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    };
    Ok(Val::from(text))
}
