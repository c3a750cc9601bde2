//! Values as Python's `pprint` shows them: on one line if they fit, else an entry on each.

use windlass_protocol::Json;
use windlass_protocol::args::python_text;

const WIDTH: usize = 80;

/// A value as text.
#[must_use]
pub fn pretty(value: &Json) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out
}

/// One line, keys in their order.
fn line(value: &Json) -> String {
    match value {
        // Inside of a list a text is quoted.
        Json::String(_) => {
            let list = python_text(&Json::Array(vec![value.clone()]));
            list.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&list).to_owned()
        }
        Json::Array(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let entry = |key: &String| format!("{}: {}", line(&Json::String(key.clone())), line(&map[key]));
            format!("{{{}}}", keys.into_iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => python_text(other),
    }
}

/// Writes a value that begins in that column; `after` more characters follow its last line.
fn write(value: &Json, column: usize, after: usize, out: &mut String) {
    let short = line(value);
    if column + short.chars().count() + after <= WIDTH {
        out.push_str(&short);
        return;
    }
    let gap = format!(",\n{}", " ".repeat(column + 1));
    match value {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&gap);
                }
                let last = index + 1 == items.len();
                write(item, column + 1, if last { after + 1 } else { 1 }, out);
            }
            out.push(']');
        }
        Json::Object(map) if !map.is_empty() => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.iter().enumerate() {
                if index > 0 {
                    out.push_str(&gap);
                }
                let shown = line(&Json::String((*key).clone()));
                out.push_str(&shown);
                out.push_str(": ");
                let last = index + 1 == keys.len();
                let inner = column + 1 + shown.chars().count() + 2;
                write(&map[*key], inner, if last { after + 1 } else { 1 }, out);
            }
            out.push('}');
        }
        _ => out.push_str(&short),
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;
    use serde_json::json;

    #[test]
    fn as_python_shows_it() {
        assert_eq!(pretty(&json!({"b": [1, "x"], "a": null})), "{'a': None, 'b': [1, 'x']}");
        let long = "y".repeat(40);
        let shown = pretty(&json!({"name": long, "list": [long, long]}));
        let wanted = format!("{{'list': ['{long}',\n          '{long}'],\n 'name': '{long}'}}");
        assert_eq!(shown, wanted);
    }
}
