//! Values as YAML in block style.

use windlass_protocol::Json;
use windlass_yaml::{Yaml, resolve_plain};

/// The text of a value, as a document.
pub(crate) fn write(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Json::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
    out
}

fn block(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) => {
            for (number, (key, value)) in map.iter().enumerate() {
                // The first entry of a mapping in a list stands behind the dash.
                if number > 0 || !out.ends_with("- ") {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str(&text(key));
                out.push(':');
                entry(value, indent, out);
            }
        }
        Json::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                if number > 0 || !out.ends_with("- ") {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str("- ");
                match item {
                    Json::Object(map) if !map.is_empty() => block(item, indent + 2, out),
                    Json::Array(inner) if !inner.is_empty() => block(item, indent + 2, out),
                    other => {
                        out.push_str(&scalar(other));
                        out.push('\n');
                    }
                }
            }
        }
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

/// What stands behind a key's colon.
fn entry(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        // As PyYAML does it, a list is not indented below its key.
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        other => {
            out.push(' ');
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn scalar(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(b) => b.to_string(),
        Json::Number(number) => float_text(number.to_string()),
        Json::String(string) => text(string),
        Json::Array(_) => "[]".into(),
        Json::Object(_) => "{}".into(),
    }
}

/// YAML 1.1 wants a point in a number with an exponent, and a sign behind the `e`.
fn float_text(text: String) -> String {
    match text.split_once('e') {
        None => text,
        Some((head, power)) => {
            let point = if head.contains('.') { "" } else { ".0" };
            let sign = if power.starts_with(['-', '+']) { "" } else { "+" };
            format!("{head}{point}e{sign}{power}")
        }
    }
}

fn text(text: &str) -> String {
    let plain = !text.is_empty()
        && matches!(resolve_plain(text), Yaml::Str(..))
        && text != "="
        && text != "<<"
        && !text.starts_with(|c: char| "-?:,[]{}#&*!|>'\"%@` \t".contains(c) && !starts_word(text))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.contains(|c: char| {
            c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        });
    if plain {
        return text.to_owned();
    }
    if text.contains(|c: char| c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
    {
        return double_quoted(text);
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// `-x`, `?x` and `:x` are plain; followed by a blank they are not.
fn starts_word(text: &str) -> bool {
    let mut chars = text.chars();
    matches!(chars.next(), Some('-' | '?' | ':')) && chars.next().is_some_and(|c| !c.is_whitespace())
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use windlass_yaml::{SourceFile, load_one};

    #[test]
    fn layout() {
        let value = json!({"a": {"b": [1, {"c": "yes", "d": null}, ["x"]], "e": {}, "f": []}, "g": "x: y", "h": "it's", "i": "a\nb",
            "j": "0644", "k": "-x", "l": "- x", "m": "", "n": 1.5, "o": true});
        let expected = "\
a:
  b:
  - 1
  - c: 'yes'
    d: null
  - - x
  e: {}
  f: []
g: 'x: y'
h: it's
i: \"a\\nb\"
j: '0644'
k: -x
l: '- x'
m: ''
n: 1.5
o: true
";
        let got = write(&value);
        assert_eq!(got, expected, "\n{got}");
    }

    proptest! {
        #[test]
        fn strings_come_back(texts in prop::collection::vec("[\\PC\\n\\t:#'\"\\-{}\\[\\]&*!|>%@` 0-9a-z]{0,12}", 1..4)) {
            let value = json!({"k": texts, "j": {texts[0].as_str(): texts[0]}});
            let text = write(&value);
            let (node, _) = load_one(SourceFile::new("x", text.as_str())).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            let node = node.unwrap();
            let items = node.as_map().unwrap().get("k").unwrap().as_seq().unwrap();
            let back: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or("?")).collect();
            prop_assert_eq!(back, texts.iter().map(String::as_str).collect::<Vec<_>>(), "{}", text);
            let inner = node.as_map().unwrap().get("j").unwrap().as_map().unwrap();
            prop_assert_eq!(inner.iter().next().and_then(|(k, _)| k.as_str()), Some(texts[0].as_str()), "{}", text);
        }
    }
}
