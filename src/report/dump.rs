//! The values of a result as text: JSON, YAML, or with the output of programs apart.

use super::json;
use crate::template::{YamlLayout, dump_yaml};
use crate::vars::Map;
use crate::vars::value::map_to_json;
use serde_json::Value as Json;

/// In which way values are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    #[default]
    Json,
    /// YAML, as `result_format = yaml` asks for it.
    Yaml,
    /// YAML, as the callback `community.general.yaml` writes it.
    Readable,
    /// JSON, and the output of programs behind it, as the callback `ansible.posix.debug` writes it.
    Apart,
}

/// How values are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dump {
    /// In which way.
    pub form: Form,
    /// On several lines; `None` leaves it to the result.
    pub pretty: Option<bool>,
    /// `-v`, counted.
    pub verbosity: u8,
}

/// What `Apart` writes behind the other values, in this order.
const APART: &[&str] = &["stdout", "stderr", "msg", "module_stdout", "module_stderr"];

impl Dump {
    /// The text of values. `always`: on several lines unless the configuration says otherwise.
    #[must_use]
    pub fn text(&self, values: &Map, always: bool) -> String {
        match self.form {
            Form::Json => json::dump(values, self.pretty.unwrap_or(always || self.verbosity > 2)),
            Form::Yaml => self.yaml(values),
            Form::Readable => readable(values),
            Form::Apart => self.apart(values),
        }
    }

    /// The JSON of values with each line at the margin, unless it is to be on several lines anyway.
    #[must_use]
    pub fn at_margin(values: &Map, always: bool, verbosity: u8) -> String {
        let text = json::dump(values, true);
        if always || verbosity > 2 {
            text
        } else {
            text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
        }
    }

    /// The text of values on one line, with the gaps that an indentation by one leaves.
    #[must_use]
    pub fn joined(&self, values: &Map) -> String {
        match self.form {
            Form::Json | Form::Apart if self.pretty == Some(false) => json::dump(values, false),
            Form::Json | Form::Apart => json::dump_joined(values),
            Form::Yaml => self.yaml_by(values, 2, 1).replace('\n', ""),
            Form::Readable => readable(values).replace('\n', ""),
        }
    }

    fn yaml(&self, values: &Map) -> String {
        self.yaml_by(values, if self.pretty == Some(false) { 2 } else { 4 }, 4)
    }

    /// `indent` within the values, behind a margin.
    fn yaml_by(&self, values: &Map, indent: usize, margin: usize) -> String {
        let pretty = self.pretty != Some(false);
        let mut values = map_to_json(values);
        if pretty {
            omit_lines(&mut values);
        }
        let layout = YamlLayout { indent, flow: Some(false), ..YamlLayout::default() };
        let block = |text: &str| {
            let breaks = text.contains(['\n', '\u{85}', '\u{2028}', '\u{2029}']);
            breaks.then(|| if pretty { simplified(text) } else { text.to_owned() })
        };
        let text = dump_yaml(&Json::Object(values), &layout, &block);
        let margin = " ".repeat(margin);
        let line =
            |line: &str| if line.trim().is_empty() { line.to_owned() } else { format!("{margin}{line}") };
        let lines: String = text.split_inclusive('\n').map(line).collect();
        format!("\n{lines}")
    }

    fn apart(&self, values: &Map) -> String {
        let mut rest = values.clone();
        let taken: Vec<(&str, Option<crate::vars::Value>)> =
            APART.iter().map(|key| (*key, rest.shift_remove(*key))).collect();
        rest.shift_remove("stdout_lines");
        rest.shift_remove("stderr_lines");
        let mut out = json::dump(&rest, self.pretty.unwrap_or(true));
        for (key, value) in taken {
            let Some(value) = value.map(|value| value.to_json()) else { continue };
            let text = windlass_protocol::args::python_text(&value);
            if !matches!(text.as_str(), "" | "None" | "False" | "0" | "[]" | "{}") {
                out.push_str(&format!("\n\n{}:\n\n{text}\n", key.to_uppercase()));
            }
        }
        out
    }
}

/// Where a text is there, its lines need not be.
fn omit_lines(values: &mut serde_json::Map<String, Json>) {
    for stream in ["stdout", "stderr"] {
        let lines = format!("{stream}_lines");
        if values.contains_key(stream) && values.contains_key(&lines) {
            values.insert(lines, Json::from("<omitted>"));
        }
    }
}

/// A text without what keeps it from being written line by line.
fn simplified(text: &str) -> String {
    let expanded = expand_tabs(text.trim_end());
    let fits = |c: char| {
        matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && c != '\u{feff}'
    };
    without_gaps(expanded.chars().filter(|c| fits(*c)), &['\n', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Blanks in front of line breaks are left out.
fn without_gaps(chars: impl Iterator<Item = char>, breaks: &[char]) -> String {
    let mut out = String::new();
    let mut blanks = 0;
    for c in chars {
        if c == ' ' {
            blanks += 1;
            continue;
        }
        if !breaks.contains(&c) {
            out.extend(std::iter::repeat_n(' ', blanks));
        }
        blanks = 0;
        out.push(c);
    }
    out.extend(std::iter::repeat_n(' ', blanks));
    out
}

/// Tabs as blanks up to the next multiple of eight columns.
fn expand_tabs(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let gap = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', gap));
                column += gap;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            _ => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

fn readable(values: &Map) -> String {
    let mut values = map_to_json(values);
    if values.get("censored").is_some_and(|text| *text == json::CENSORED) {
        let mut text = json::CENSORED.to_owned();
        text.replace_range(..1, "T");
        return json::dump_json(&serde_json::json!({ "censored": text }), false);
    }
    let mut out = String::new();
    for key in ["changed", "skipped"] {
        if let Some(value) = values.remove(key) {
            out.push_str(&format!("{key}={} ", windlass_protocol::args::python_text(&value).to_lowercase()));
        }
    }
    omit_lines(&mut values);
    if !values.is_empty() {
        let layout = YamlLayout { flow: Some(false), width: 1000, ..YamlLayout::default() };
        let breaks = ['\n', '\r', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
        let block = |text: &str| {
            text.contains(breaks).then(|| {
                let fits = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\t' | '\n') || c >= '\u{a0}';
                let kept: String = text.trim_end().chars().filter(|c| fits(*c)).collect();
                without_gaps(expand_tabs(&kept).chars(), &['\n'])
            })
        };
        out.push('\n');
        out.push_str(&dump_yaml(&Json::Object(values), &layout, &block));
    }
    out.split('\n').collect::<Vec<_>>().join("\n  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::Value;
    use serde_json::json;

    fn values(json: Json) -> Map {
        match Value::from(json) {
            Value::Map(map) => (*map).clone(),
            _ => Map::new(),
        }
    }

    fn text(form: Form, pretty: Option<bool>, json: Json) -> String {
        Dump { form, pretty, verbosity: 0 }.text(&values(json), false)
    }

    #[test]
    fn yaml_has_texts_line_by_line() {
        let result = json!({
            "changed": true, "stdout": "a\n b\tc  \nd\n", "stdout_lines": ["a"], "list": ["x", "1", {"k": "v"}], "empty": [],
        });
        assert_eq!(
            text(Form::Yaml, None, result.clone()),
            "\n    changed: true\n    empty: []\n    list:\n    - x\n    - '1'\n    -   k: v\n    stdout: |-\n        a\n         b      c\n        d\n    stdout_lines: <omitted>\n"
        );
        assert_eq!(
            text(Form::Readable, None, result),
            "changed=true \n  empty: []\n  list:\n  - x\n  - '1'\n  - k: v\n  stdout: |-\n    a\n     b      c\n    d\n  stdout_lines: <omitted>"
        );
        // Where nothing is left out, a tab or a blank at a line's end needs quotes.
        assert_eq!(
            text(Form::Yaml, Some(false), json!({"a": "x\ty\nz", "b": "1\n2\n\n"})),
            "\n    a: \"x\\ty\\nz\"\n    b: |+\n      1\n      2\n\n"
        );
    }

    #[test]
    fn what_a_program_said_stands_apart() {
        let result = json!({"rc": 0, "stdout": "a\nb", "stdout_lines": ["a", "b"], "stderr": "", "msg": "x"});
        assert_eq!(
            text(Form::Apart, None, result),
            "{\n    \"rc\": 0\n}\n\nSTDOUT:\n\na\nb\n\n\nMSG:\n\nx\n"
        );
    }

    #[test]
    fn json_is_on_several_lines_if_that_is_asked_for() {
        assert_eq!(text(Form::Json, None, json!({"a": 1})), "{\"a\": 1}");
        assert_eq!(text(Form::Json, Some(true), json!({"a": 1})), "{\n    \"a\": 1\n}");
    }
}
