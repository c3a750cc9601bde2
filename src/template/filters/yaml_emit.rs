//! YAML laid out as PyYAML lays it out.

use super::yaml_look::{Look, is_printable};
use crate::template::eval::Interp;
use crate::template::eval::print::float;
use crate::template::eval::val::{R, Val, failed};
use crate::vars::Key;
use serde_json::Value as Json;
use std::fmt::Write;

/// Where long texts are broken.
const WIDTH: usize = 80;

/// How a document is laid out.
pub(crate) struct Layout {
    /// Blanks per level.
    pub(crate) indent: usize,
    /// `Some(true)`: everything in flow style; `None`: collections of scalars alone.
    pub(crate) flow: Option<bool>,
    /// Keys in order of the alphabet.
    pub(crate) sort: bool,
    /// Longest line.
    pub(crate) width: usize,
    /// Characters outside of ASCII stay as they are.
    pub(crate) unicode: bool,
    /// `---` at the top.
    pub(crate) explicit_start: bool,
    /// `...` at the bottom.
    pub(crate) explicit_end: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            indent: 2,
            flow: None,
            sort: true,
            width: WIDTH,
            unicode: true,
            explicit_start: false,
            explicit_end: false,
        }
    }
}

/// A value ready to be written.
enum Node {
    Scalar { text: String, plain_ok: bool, block: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    fn is_leaf(&self) -> bool {
        matches!(self, Self::Scalar { .. })
    }
    fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Map(pairs) => pairs.is_empty(),
            Self::Scalar { .. } => false,
        }
    }
    fn simple(&self) -> bool {
        match self {
            Self::Scalar { .. } => true,
            Self::List(items) => items.iter().all(Self::is_leaf),
            Self::Map(pairs) => pairs.iter().all(|(k, v)| k.is_leaf() && v.is_leaf()),
        }
    }
}

/// Writes a document.
pub(crate) fn dump(it: &mut Interp<'_>, value: &Val, layout: &Layout) -> R<String> {
    let node = node(it, value, layout)?;
    Ok(written(&node, layout))
}

/// Writes plain values. Texts that `block` gives another form are written as blocks, line by line.
pub(crate) fn dump_json(value: &Json, layout: &Layout, block: &dyn Fn(&str) -> Option<String>) -> String {
    written(&plain_node(value, layout, block), layout)
}

fn plain_node(value: &Json, layout: &Layout, block: &dyn Fn(&str) -> Option<String>) -> Node {
    let text_node = |text: &str| match block(text) {
        Some(text) => Node::Scalar { text, plain_ok: false, block: true },
        None => Node::Scalar { plain_ok: is_plain(text), text: text.to_owned(), block: false },
    };
    match value {
        Json::Null => scalar_node("null".to_owned()),
        Json::Bool(b) => scalar_node(b.to_string()),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(fraction) => float_node(fraction),
            None => scalar_node(number.to_string()),
        },
        Json::String(text) => text_node(text),
        Json::Array(items) => Node::List(items.iter().map(|v| plain_node(v, layout, block)).collect()),
        Json::Object(map) => {
            let mut pairs: Vec<(&String, &Json)> = map.iter().collect();
            if layout.sort {
                pairs.sort_by(|a, b| a.0.cmp(b.0));
            }
            Node::Map(pairs.into_iter().map(|(k, v)| (text_node(k), plain_node(v, layout, block))).collect())
        }
    }
}

fn scalar_node(text: String) -> Node {
    Node::Scalar { text, plain_ok: true, block: false }
}

fn float_node(number: f64) -> Node {
    if number.is_nan() {
        return scalar_node(".nan".to_owned());
    }
    if number.is_infinite() {
        return scalar_node(if number > 0.0 { ".inf" } else { "-.inf" }.to_owned());
    }
    let text = float(number);
    // YAML 1.1 wants a point in front of an exponent.
    let no_point = text.contains('e') && !text.contains('.');
    scalar_node(if no_point { text.replacen('e', ".0e", 1) } else { text })
}

/// Whether a text without quotes is a text.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !matches!(text, "=" | "<<")
        && matches!(windlass_yaml::resolve_plain(text), windlass_yaml::Yaml::Str(..))
}

fn written(node: &Node, layout: &Layout) -> String {
    let mut out = Emitter { out: String::new(), column: 0, layout };
    if layout.explicit_start {
        out.put("---");
        if node.is_leaf() || node.is_empty() || flow(node, layout) {
            out.put(" ");
        } else {
            out.newline(0);
        }
    }
    let indent = if node.is_leaf() { layout.indent } else { 0 };
    out.node(node, indent, false, false);
    let mut text = out.out;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if layout.explicit_end {
        text.push_str("...\n");
    }
    text
}

fn flow(node: &Node, layout: &Layout) -> bool {
    match layout.flow {
        Some(flow) => flow,
        None => node.simple(),
    }
}

/// In the order of the keys, unless they are of kinds that Python does not compare.
fn sort(pairs: &mut [(Key, Val)]) {
    if pairs.iter().all(|(k, _)| matches!(k, Key::Str(_))) {
        pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    } else if pairs.iter().all(|(k, _)| matches!(k, Key::Int(_) | Key::Bool(_))) {
        pairs.sort_by_key(|(k, _)| match k {
            Key::Int(i) => *i,
            Key::Bool(b) => i64::from(*b),
            _ => 0,
        });
    }
}

fn node(it: &mut Interp<'_>, value: &Val, layout: &Layout) -> R<Node> {
    let scalar = scalar_node;
    Ok(match value {
        Val::None => scalar("null".to_owned()),
        Val::Omit => return Err(failed("('cannot represent an object', <<Omit>>)")),
        Val::Bool(b) => scalar(b.to_string()),
        Val::Int(i) => scalar(i.to_string()),
        Val::Float(f) => float_node(*f),
        Val::Str(text) => {
            let text = text.as_str().to_owned();
            Node::Scalar { plain_ok: is_plain(&text), text, block: false }
        }
        Val::List(_) | Val::Tuple(_) => {
            let mut out = Vec::new();
            for item in it.items(value)? {
                out.push(it.nested(|it| node(it, &item, layout))?);
            }
            Node::List(out)
        }
        Val::Dict(_) | Val::Dynamic(_) => {
            let mut pairs = it.pairs(value)?;
            if layout.sort {
                sort(&mut pairs);
            }
            let mut out = Vec::new();
            for (key, item) in pairs {
                let key = node(it, &Val::from_key(&key), layout)?;
                out.push((key, it.nested(|it| node(it, &item, layout))?));
            }
            Node::Map(out)
        }
        Val::Undefined(undefined) => return Err(undefined.to_error()),
        Val::Object(object) if matches!(object.type_name(), "date" | "datetime") => scalar(object.print()),
        Val::Object(object) => {
            return Err(failed(format!("('cannot represent an object', {})", object.print())));
        }
    })
}

struct Emitter<'a> {
    out: String,
    column: usize,
    layout: &'a Layout,
}

impl Emitter<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        match text.rfind('\n') {
            Some(at) => self.column = text[at + 1..].chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn newline(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    /// `in_map`: as the value of a key; lists then stand at the key's own indentation.
    fn node(&mut self, node: &Node, indent: usize, in_map: bool, in_list: bool) {
        match node {
            Node::Scalar { text, block: true, .. } if Look::at(text, self.layout.unicode).block => {
                self.block(text, indent);
            }
            Node::Scalar { text, plain_ok, .. } => self.scalar(text, *plain_ok, indent, false, false),
            Node::List(items) if items.is_empty() => self.put("[]"),
            Node::Map(pairs) if pairs.is_empty() => self.put("{}"),
            _ if flow(node, self.layout) => self.flow(node, indent),
            Node::List(items) => {
                // Inside a list the first item stands on the same line.
                let mut first = in_list;
                for item in items {
                    if first || self.out.is_empty() || self.out.ends_with('\n') {
                        first = false;
                        if self.out.ends_with('\n') {
                            self.put(&" ".repeat(indent));
                        }
                    } else {
                        self.newline(indent);
                    }
                    self.put("-");
                    let width = self.layout.indent;
                    // Children stand behind the dash, padded to the step of the layout.
                    let compact = !item.is_leaf() && !item.is_empty() && !flow(item, self.layout);
                    let pad = if compact { width.saturating_sub(1).max(1) } else { 1 };
                    self.put(&" ".repeat(pad));
                    self.node(item, indent + width.max(2), false, true);
                }
                let _ = in_map;
            }
            Node::Map(pairs) => {
                let mut first = in_list;
                for (key, value) in pairs {
                    if first || self.out.is_empty() || self.out.ends_with('\n') {
                        first = false;
                        if self.out.ends_with('\n') {
                            self.put(&" ".repeat(indent));
                        }
                    } else {
                        self.newline(indent);
                    }
                    self.key(key, indent);
                    let block = !value.is_leaf() && !value.is_empty() && !flow(value, self.layout);
                    match value {
                        Node::List(_) if block => {
                            self.newline(indent);
                            self.node(value, indent, true, true);
                        }
                        _ if block => {
                            let inner = indent + self.layout.indent;
                            self.newline(inner);
                            self.node(value, inner, true, true);
                        }
                        _ => {
                            self.put(" ");
                            self.node(value, indent + self.layout.indent, true, false);
                        }
                    }
                }
            }
        }
    }

    fn key(&mut self, key: &Node, indent: usize) {
        if let Node::Scalar { text, plain_ok, .. } = key {
            let simple = text.chars().count() < 128 && !text.contains('\n');
            if simple {
                self.scalar(text, *plain_ok, indent + self.layout.indent, true, false);
                self.put(":");
            } else {
                self.put("? ");
                self.scalar(text, *plain_ok, indent + self.layout.indent, false, false);
                self.newline(indent);
                self.put(":");
            }
        }
    }

    fn flow(&mut self, node: &Node, indent: usize) {
        let indent = indent.max(self.layout.indent);
        match node {
            Node::Scalar { text, plain_ok, .. } => self.scalar(text, *plain_ok, indent, false, true),
            Node::List(items) => {
                self.put("[");
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.put(",");
                    }
                    self.flow_gap(i, indent);
                    self.flow(item, indent + self.layout.indent);
                }
                self.put("]");
            }
            Node::Map(pairs) => {
                self.put("{");
                for (i, (key, value)) in pairs.iter().enumerate() {
                    if i > 0 {
                        self.put(",");
                    }
                    self.flow_gap(i, indent);
                    if let Node::Scalar { text, plain_ok, .. } = key {
                        self.scalar(text, *plain_ok, indent, true, true);
                    }
                    self.put(": ");
                    self.flow(value, indent + self.layout.indent);
                }
                self.put("}");
            }
        }
    }

    fn flow_gap(&mut self, i: usize, indent: usize) {
        if self.column > self.layout.width {
            self.newline(indent);
        } else if i > 0 {
            self.put(" ");
        }
    }

    fn scalar(&mut self, text: &str, plain_ok: bool, indent: usize, key: bool, in_flow: bool) {
        let look = Look::at(text, self.layout.unicode);
        let multiline = look.line_breaks;
        if plain_ok && look.plain(in_flow) && !multiline {
            self.words(text, indent, !key);
        } else if look.single && !(key && multiline) {
            self.single(text, indent, !key);
        } else {
            self.double(text, indent, !key);
        }
    }

    /// A text line by line, behind a bar.
    fn block(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n', '\u{85}', '\u{2028}', '\u{2029}']) {
            let step = self.layout.indent.to_string();
            self.put(&step);
        }
        let body = text.strip_suffix('\n');
        match body {
            None => self.put("-"),
            Some(body) if body.is_empty() || body.ends_with('\n') => self.put("+"),
            Some(_) => {}
        }
        for line in body.unwrap_or(text).split('\n') {
            self.out.push('\n');
            self.column = 0;
            if !line.is_empty() {
                self.put(&" ".repeat(indent));
                self.put(line);
            }
        }
        if body.is_some() {
            self.out.push('\n');
            self.column = 0;
        }
    }

    /// A plain text, broken at blanks where it is too long.
    fn words(&mut self, text: &str, indent: usize, split: bool) {
        let chars: Vec<char> = text.chars().collect();
        let mut start = 0;
        let mut spaces = false;
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            if spaces {
                if c != Some(' ') {
                    if start + 1 == end && self.column > self.layout.width && split {
                        self.newline(indent);
                    } else {
                        let run: String = chars[start..end].iter().collect();
                        self.put(&run);
                    }
                    start = end;
                }
            } else if c.is_none() || c == Some(' ') {
                let run: String = chars[start..end].iter().collect();
                self.put(&run);
                start = end;
            }
            spaces = c == Some(' ');
        }
    }

    fn single(&mut self, text: &str, indent: usize, split: bool) {
        self.put("'");
        let chars: Vec<char> = text.chars().collect();
        let (mut start, mut spaces, mut breaks) = (0, false, false);
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            if spaces {
                if c != Some(' ') {
                    if start + 1 == end
                        && self.column > self.layout.width
                        && split
                        && start != 0
                        && end != chars.len()
                    {
                        self.newline(indent);
                    } else {
                        let run: String = chars[start..end].iter().collect();
                        self.put(&run);
                    }
                    start = end;
                }
            } else if breaks {
                if c != Some('\n') {
                    if chars[start] == '\n' {
                        self.out.push('\n');
                        self.column = 0;
                    }
                    for _ in start..end {
                        self.out.push('\n');
                        self.column = 0;
                    }
                    // The last of these is written together with the indentation.
                    self.out.pop();
                    self.newline(indent);
                    start = end;
                }
            } else if c.is_none() || matches!(c, Some(' ' | '\n' | '\'')) {
                let run: String = chars[start..end].iter().collect();
                self.put(&run);
                start = end;
            }
            if c == Some('\'') {
                self.put("''");
                start = end + 1;
            }
            spaces = c == Some(' ');
            breaks = c == Some('\n');
        }
        self.put("'");
    }

    fn double(&mut self, text: &str, indent: usize, split: bool) {
        self.put("\"");
        let chars: Vec<char> = text.chars().collect();
        let mut start = 0;
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            let escape = c.is_none_or(|c| {
                matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
                    || !((' '..='~').contains(&c) || (self.layout.unicode && is_printable(c)))
            });
            if escape {
                if start < end {
                    let run: String = chars[start..end].iter().collect();
                    self.put(&run);
                    start = end;
                }
                if let Some(c) = c {
                    let code = escape_of(c);
                    self.put(&code);
                    start = end + 1;
                }
            }
            if end > 0
                && end + 1 < chars.len()
                && (c == Some(' ') || start >= end)
                && self.column + end.saturating_sub(start) > self.layout.width
                && split
            {
                if start < end {
                    let run: String = chars[start..end].iter().collect();
                    self.put(&run);
                    start = end;
                }
                self.put("\\");
                self.newline(indent);
                if chars.get(start) == Some(&' ') {
                    self.put("\\");
                }
            }
        }
        self.put("\"");
    }
}

fn escape_of(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c => {
            let code = c as u32;
            let mut out = String::new();
            let _ = match code {
                0..=0xff => write!(out, "\\x{code:02X}"),
                0x100..=0xffff => write!(out, "\\u{code:04X}"),
                _ => write!(out, "\\U{code:08X}"),
            };
            return out;
        }
    };
    format!("\\{short}")
}
