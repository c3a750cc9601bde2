//! The body of a request, from what an operator writes.

use crate::module::{Context, ModuleError};
use crate::system::Observe;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use windlass_protocol::args::{python_text, scalar_text};
use windlass_protocol::modules::uri::{BodyFormat, UriArgs};
use windlass_protocol::{Json, JsonMap};

/// What is sent.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Option<Vec<u8>>,
    /// A file on the target.
    pub(super) file: Option<String>,
    pub(super) content_type: Option<String>,
    /// The content type is what the body says, whatever the headers say.
    pub(super) forced: bool,
}

pub(super) fn write(args: &UriArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Body, ModuleError> {
    let kind = match args.body_format {
        BodyFormat::Json => Some("application/json"),
        BodyFormat::Form => Some("application/x-www-form-urlencoded"),
        _ => None,
    };
    let mut body = Body { content_type: kind.map(str::to_owned), ..Body::default() };
    if let Some(src) = &args.src {
        match cx.blobs.get("content") {
            Some(blob) => body.bytes = Some(blob.bytes()?),
            None => {
                if !sys.access(Path::new(&**src), 4) {
                    let msg = format!("Unable to open source file {}", &**src);
                    return Err(ModuleError::new(msg).with("elapsed", 0));
                }
                body.file = Some(src.0.clone());
            }
        }
        return Ok(body);
    }
    let value = args.body.as_ref().filter(|value| !value.is_null());
    body.bytes = match (args.body_format, value) {
        (_, Some(Json::String(text))) if args.body_format != BodyFormat::Multipart => {
            Some(text.clone().into_bytes())
        }
        (BodyFormat::Json, Some(value)) => Some(python_json(value).into_bytes()),
        // Nothing as JSON is a word of its own.
        (BodyFormat::Json, None) => Some(b"null".to_vec()),
        (BodyFormat::Form, Some(value)) => Some(form(value)?.into_bytes()),
        (BodyFormat::Multipart, value) => {
            let Some(Json::Object(fields)) = value else {
                let msg = "failed to parse body as form-multipart: Mapping is required, cannot be type ";
                return Err(ModuleError::new(format!("{msg}{}", kind_of(value))));
            };
            let (boundary, bytes) = multipart(fields, cx, sys)?;
            body.content_type = Some(format!("multipart/form-data; boundary=\"{boundary}\""));
            body.forced = true;
            Some(bytes)
        }
        (BodyFormat::Raw, Some(value)) => Some(python_text(value).into_bytes()),
        (_, None) => None,
    };
    Ok(body)
}

fn kind_of(value: Option<&Json>) -> &'static str {
    match value {
        None | Some(Json::Null) => "NoneType",
        Some(Json::Bool(_)) => "bool",
        Some(Json::Number(_)) => "int",
        Some(Json::String(_)) => "str",
        Some(Json::Array(_)) => "list",
        Some(Json::Object(_)) => "dict",
    }
}

/// JSON with blanks after commas and colons, and everything beyond ASCII escaped.
fn python_json(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let text = |(key, value): (&String, &Json)| {
                format!("{}: {}", python_json(&Json::String(key.clone())), python_json(value))
            };
            format!("{{{}}}", map.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Json::String(_) => {
            let mut out = String::new();
            for c in value.to_string().chars() {
                if c.is_ascii() && c != '\x7f' {
                    out.push(c);
                } else {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
            out
        }
        other => other.to_string(),
    }
}

/// `a=1&a=2&b=x+y`.
fn form(value: &Json) -> Result<String, ModuleError> {
    let mut pairs: Vec<(String, &Json)> = Vec::new();
    match value {
        Json::Object(map) => pairs.extend(map.iter().map(|(key, value)| (key.clone(), value))),
        Json::Array(items) => {
            for item in items {
                let pair = item.as_array().filter(|pair| pair.len() == 2).ok_or_else(|| {
                    ModuleError::new(
                        "failed to parse body as form_urlencoded: a list has to hold pairs of name and value",
                    )
                    .with("elapsed", 0)
                })?;
                pairs.push((python_text(&pair[0]), &pair[1]));
            }
        }
        // A number and the like is sent as it is written.
        other => return Ok(python_text(other)),
    }
    let mut out: Vec<String> = Vec::new();
    for (key, value) in pairs {
        let values: Vec<String> = match value {
            Json::Null => Vec::new(),
            Json::Array(items) => items.iter().filter(|v| !v.is_null()).map(python_text).collect(),
            Json::Object(map) => map.keys().cloned().collect(),
            other => vec![scalar_text(other).unwrap_or_default()],
        };
        out.extend(values.iter().map(|value| format!("{}={}", quote(&key), quote(value))));
    }
    Ok(out.join("&"))
}

fn quote(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// One part of an upload.
struct Part {
    headers: Vec<String>,
    content: Vec<u8>,
}

fn multipart(
    fields: &JsonMap,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<(String, Vec<u8>), ModuleError> {
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    let parts =
        names.iter().map(|name| part(name, &fields[*name], cx, sys)).collect::<Result<Vec<_>, _>>()?;
    let mut seed = blake3::Hasher::new();
    for part in &parts {
        seed.update(&part.content);
    }
    // A line of the body that is the same by chance is beyond all odds.
    let number =
        seed.finalize().as_bytes().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let boundary = format!("==============={:019}==", number >> 1);
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n{}\r\n\r\n", part.headers.join("\r\n")).as_bytes());
        out.extend_from_slice(&part.content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((boundary, out))
}

fn part(name: &str, value: &Json, cx: &Context<'_>, sys: &dyn Observe) -> Result<Part, ModuleError> {
    let failed = |text: String| ModuleError::new(format!("failed to parse body as form-multipart: {text}"));
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ");
    let text_of = |map: &JsonMap, key: &str| map.get(key).filter(|v| !v.is_null()).map(python_text);
    let disposition = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    let map = match value {
        Json::String(text) => {
            let headers = vec!["Content-Type: text/plain".into(), disposition];
            return Ok(Part { headers, content: text.clone().into_bytes() });
        }
        Json::Object(map) => map,
        other => {
            return Err(failed(format!(
                "value must be a string, or mapping, cannot be type {}",
                kind_of(Some(other))
            )));
        }
    };
    let filename = text_of(map, "filename").filter(|f| !f.is_empty());
    let content = text_of(map, "content").filter(|c| !c.is_empty());
    let mime = text_of(map, "mime_type").filter(|m| !m.is_empty());
    let mime = mime.unwrap_or_else(|| mime_of(filename.as_deref().unwrap_or_default()).to_owned());
    if mime.contains(['\r', '\n']) {
        return Err(failed("mime_type has a line break".into()));
    }
    let base = filename.as_deref().map(|f| f.rsplit('/').next().unwrap_or(f).to_owned());
    let disposition = match &base {
        Some(base) => format!("{disposition}; filename=\"{}\"", quoted(base)),
        None => disposition,
    };
    let mut headers = vec![format!("Content-Type: {mime}")];
    let content = match (content, filename) {
        (Some(content), _) => content.into_bytes(),
        (None, None) => return Err(failed("at least one of filename or content must be provided".into())),
        (None, Some(filename)) => {
            let bytes = match cx.blobs.get(&filename) {
                Some(blob) => blob.bytes()?,
                None => sys.read(Path::new(&filename)).map_err(|e| failed(format!("{filename}: {e}")))?,
            };
            match text_of(map, "multipart_encoding").as_deref().unwrap_or("base64") {
                "base64" => {
                    headers.insert(0, "Content-Transfer-Encoding: base64".into());
                    base64_lines(&bytes)
                }
                "7or8bit" => {
                    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
                    headers.insert(0, format!("Content-Transfer-Encoding: {encoding}"));
                    network_lines(&bytes)
                }
                _ => return Err(failed("multipart_encoding must be one of base64, 7or8bit.".into())),
            }
        }
    };
    headers.push(disposition);
    Ok(Part { headers, content })
}

/// Lines of 76 characters.
fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

/// Text as it travels in messages: each line ends with CR and LF.
fn network_lines(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> =
        bytes.split(|byte| *byte == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect();
    lines.join(&b"\r\n"[..])
}

/// The kind of a file by the end of its name.
fn mime_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
        Some("txt" | "text" | "c" | "h" | "pl" | "ksh" | "bat") => "text/plain",
        Some("html" | "htm") => "text/html",
        Some("css") => "text/css",
        Some("csv") => "text/csv",
        Some("xml") => "text/xml",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("tar") => "application/x-tar",
        Some("py") => "text/x-python",
        Some("sh") => "application/x-sh",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn forms() {
        let value = json!({"a": 1, "b": ["x y", null, "&"], "c": null, "d": true, "ü": "é"});
        assert_eq!(form(&value).unwrap(), "a=1&b=x+y&b=%26&d=True&%C3%BC=%C3%A9");
        assert_eq!(form(&json!([["a", "b"], ["a", ["c", "d"]]])).unwrap(), "a=b&a=c&a=d");
        assert!(form(&json!([["a"]])).is_err());
    }

    #[test]
    fn json_as_python_writes_it() {
        assert_eq!(
            python_json(&json!({"a": [1, null, true], "ü": "\n𝄞"})),
            r#"{"a": [1, null, true], "\u00fc": "\n\ud834\udd1e"}"#
        );
    }
}
