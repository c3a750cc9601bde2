//! Values as JSON text, in Python's layout and with sorted keys, as users' scripts read them.

use crate::vars::Map;
use serde_json::Value as Json;

/// What is shown in the place of values that may not be shown.
pub const CENSORED: &str =
    "the output has been hidden due to the fact that 'no_log: true' was specified for this result";

/// A mapping as JSON; indented by four if `indent`.
#[must_use]
pub fn dump(map: &Map, indent: bool) -> String {
    let mut out = String::new();
    write(&Json::Object(crate::vars::value::map_to_json(map)), indent.then_some(0), &mut out);
    out
}

/// A mapping on one line, with the gaps that an indentation by one leaves.
#[must_use]
pub fn dump_joined(map: &Map) -> String {
    let line = |line: &str| {
        let text = line.trim_start_matches(' ');
        format!("{}{text}", " ".repeat((line.len() - text.len()) / 4))
    };
    dump(map, true).lines().map(line).collect()
}

/// A JSON value in the same layout.
#[must_use]
pub fn dump_json(value: &Json, indent: bool) -> String {
    let mut out = String::new();
    write(value, indent.then_some(0), &mut out);
    out
}

/// A JSON value on one line, with its keys in their order and in ASCII, as a mapping becomes a file's content.
#[must_use]
pub fn dump_line(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            format!("[{}]", items.iter().map(dump_line).collect::<Vec<_>>().join(", "))
        }
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| format!("{}: {}", ascii(key), dump_line(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Json::String(text) => ascii(text),
        other => other.to_string(),
    }
}

/// A text in quotes, what is not ASCII as `\\uXXXX`.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    push_ascii(&Json::from(text).to_string(), &mut out);
    out
}

/// Adds JSON, what is not ASCII as `\\uXXXX`.
pub(super) fn push_ascii(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
}

fn newline(depth: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&"    ".repeat(depth));
}

fn write(value: &Json, depth: Option<usize>, out: &mut String) {
    let inner = depth.map(|d| d + 1);
    let separate = |first: bool, out: &mut String| match inner {
        Some(depth) => {
            if !first {
                out.push(',');
            }
            newline(depth, out);
        }
        None if !first => out.push_str(", "),
        None => {}
    };
    match value {
        Json::Array(items) if items.is_empty() => out.push_str("[]"),
        Json::Object(map) if map.is_empty() => out.push_str("{}"),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index == 0, out);
                write(item, inner, out);
            }
            if let Some(depth) = depth {
                newline(depth, out);
            }
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for (index, key) in keys.into_iter().enumerate() {
                separate(index == 0, out);
                out.push_str(&Json::String(key.clone()).to_string());
                out.push_str(": ");
                write(&map[key], inner, out);
            }
            if let Some(depth) = depth {
                newline(depth, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_line_keeps_the_order_and_is_ascii() {
        let value = json!({"b": [1, 2.5, null, true], "a": "é😀\"\n", "c": {}});
        assert_eq!(
            super::dump_line(&value),
            r#"{"b": [1, 2.5, null, true], "a": "\u00e9\ud83d\ude00\"\n", "c": {}}"#
        );
    }

    #[test]
    fn a_joined_mapping_keeps_gaps() {
        let map = crate::vars::Map::from([(
            "a".into(),
            crate::vars::Value::list(vec![crate::vars::Value::Int(1)]),
        )]);
        assert_eq!(super::dump_joined(&map), r#"{ "a": [  1 ]}"#);
    }

    #[test]
    fn the_layout_is_pythons() {
        let value = json!({"b": [1, {"x": null}], "a": "é\n"});
        assert_eq!(super::dump_json(&value, false), r#"{"a": "é\n", "b": [1, {"x": null}]}"#);
        assert_eq!(
            super::dump_json(&value, true),
            "{\n    \"a\": \"é\\n\",\n    \"b\": [\n        1,\n        {\n            \"x\": null\n        }\n    ]\n}"
        );
    }
}
