//! Python literals: how Ansible reads the values in INI inventories.

use crate::vars::{Key, Map, Value};

/// How deep a literal may nest.
const MAX_DEPTH: usize = 64;

/// The value of a Python literal, or `None` when the text is none (it is a string then). Strings are made by `text`.
pub(crate) fn parse(source: &str, text: &dyn Fn(String) -> Value) -> Option<Value> {
    let mut parser = Parser { rest: source.trim_start_matches([' ', '\t']), text };
    // Most values are words; those are no literals and need no parser.
    if parser.rest.is_empty() {
        return None;
    }
    parser.skip(false);
    let value = parser.tuple(0, false)?;
    parser.skip(true);
    parser.rest.is_empty().then(|| value.into_value(text))
}

struct Parser<'a> {
    rest: &'a str,
    text: &'a dyn Fn(String) -> Value,
}

/// A literal; texts stay apart from values so that they can be keys.
enum Item {
    Text(String),
    Value(Value),
}

impl Item {
    fn into_value(self, text: &dyn Fn(String) -> Value) -> Value {
        match self {
            Self::Text(string) => text(string),
            Self::Value(value) => value,
        }
    }
}

impl Parser<'_> {
    /// Skips blanks and comments; line ends only inside brackets or at the end.
    fn skip(&mut self, lines: bool) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
            if self.rest.starts_with('#') {
                self.rest = self.rest.find('\n').map_or("", |at| &self.rest[at..]);
            }
            match self.rest.strip_prefix('\n') {
                Some(rest) if lines => self.rest = rest,
                _ => return,
            }
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// One item, or several with commas between them, which make a tuple.
    fn tuple(&mut self, depth: usize, lines: bool) -> Option<Item> {
        let first = self.item(depth)?;
        self.skip(lines);
        if !self.rest.starts_with(',') {
            return Some(first);
        }
        let mut items = vec![first.into_value(self.text)];
        while self.eat(",") {
            self.skip(lines);
            if self.rest.is_empty() || self.rest.starts_with(')') {
                break;
            }
            items.push(self.item(depth)?.into_value(self.text));
            self.skip(lines);
        }
        Some(Item::Value(Value::list(items)))
    }

    fn item(&mut self, depth: usize) -> Option<Item> {
        if depth > MAX_DEPTH {
            return None;
        }
        let first = self.rest.chars().next()?;
        match first {
            '[' => self.list(depth, "[", "]"),
            '(' => self.parenthesis(depth),
            '{' => self.braces(depth),
            '\'' | '"' => self.string(),
            '+' | '-' => self.signed(),
            '0'..='9' | '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Item::Text("...".to_owned()))
            }
            '0'..='9' | '.' => self.number().map(Item::Value),
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            _ => None,
        }
    }

    fn word(&mut self) -> Option<Item> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "set" => {
                self.rest = rest;
                self.skip(false);
                if !self.eat("(") {
                    return None;
                }
                self.skip(true);
                return self.eat(")").then(|| Item::Value(Value::list(Vec::new())));
            }
            _ if rest.starts_with(['\'', '"']) && is_prefix(word) => return self.string(),
            _ => return None,
        };
        self.rest = rest;
        Some(Item::Value(value))
    }

    fn list(&mut self, depth: usize, open: &str, close: &str) -> Option<Item> {
        self.eat(open);
        let mut items = Vec::new();
        loop {
            self.skip(true);
            if self.eat(close) {
                return Some(Item::Value(Value::list(items)));
            }
            items.push(self.item(depth + 1)?.into_value(self.text));
            self.skip(true);
            if !self.eat(",") && !self.rest.starts_with(close) {
                return None;
            }
        }
    }

    fn parenthesis(&mut self, depth: usize) -> Option<Item> {
        self.eat("(");
        self.skip(true);
        if self.eat(")") {
            return Some(Item::Value(Value::list(Vec::new())));
        }
        let inner = self.tuple(depth + 1, true)?;
        self.skip(true);
        self.eat(")").then_some(inner)
    }

    /// A dictionary or a set.
    fn braces(&mut self, depth: usize) -> Option<Item> {
        self.eat("{");
        self.skip(true);
        if self.eat("}") {
            return Some(Item::Value(Value::map(Map::new())));
        }
        let first = self.item(depth + 1)?;
        self.skip(true);
        if !self.rest.starts_with(':') {
            let mut items = vec![first.into_value(self.text)];
            while self.eat(",") {
                self.skip(true);
                if self.rest.starts_with('}') {
                    break;
                }
                items.push(self.item(depth + 1)?.into_value(self.text));
                self.skip(true);
            }
            return self.eat("}").then(|| Item::Value(Value::list(items)));
        }
        let mut map = Map::new();
        let mut next = first;
        loop {
            self.skip(true);
            if !self.eat(":") {
                return None;
            }
            self.skip(true);
            let value = self.item(depth + 1)?.into_value(self.text);
            map.insert(key(next)?, value);
            self.skip(true);
            let comma = self.eat(",");
            self.skip(true);
            if self.eat("}") {
                return Some(Item::Value(Value::map(map)));
            }
            if !comma {
                return None;
            }
            next = self.item(depth + 1)?;
        }
    }

    fn signed(&mut self) -> Option<Item> {
        let mut negative = false;
        loop {
            if self.eat("-") {
                negative = !negative;
            } else if !self.eat("+") {
                break;
            }
            self.skip(false);
        }
        let value = self.number()?;
        Some(Item::Value(match value {
            Value::Int(i) if negative => Value::Int(i.checked_neg()?),
            Value::Float(f) if negative => Value::Float(-f),
            other => other,
        }))
    }

    fn number(&mut self) -> Option<Value> {
        let bytes = self.rest.as_bytes();
        let radix = match bytes {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'o' | b'O', ..] => 8,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 10,
        };
        if radix != 10 {
            let end = bytes[2..]
                .iter()
                .position(|b| !b.is_ascii_alphanumeric() && *b != b'_')
                .map_or(bytes.len(), |n| n + 2);
            let digits = underscores(self.rest[2..end].strip_prefix('_').unwrap_or(&self.rest[2..end]))?;
            self.rest = &self.rest[end..];
            return i64::from_str_radix(&digits, radix).ok().map(Value::Int);
        }
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            let exponent_sign =
                matches!(byte, b'+' | b'-') && matches!(bytes[end.saturating_sub(1)], b'e' | b'E') && end > 0;
            if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent_sign {
                end += 1;
            } else {
                break;
            }
        }
        let digits = underscores(&self.rest[..end])?;
        self.rest = &self.rest[end..];
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            // `0644` is an error in Python; any number of zeros is not.
            let zeros = digits.bytes().all(|b| b == b'0');
            if digits.len() > 1 && digits.starts_with('0') && !zeros {
                return None;
            }
            return digits.parse().ok().map(Value::Int);
        }
        let float =
            digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        (float && digits.contains(|c: char| c.is_ascii_digit()))
            .then(|| digits.parse().ok().map(Value::Float))?
    }

    /// One or several strings beside each other.
    fn string(&mut self) -> Option<Item> {
        let mut out = String::new();
        loop {
            let end = self.rest.find(['\'', '"']).filter(|at| is_prefix(&self.rest[..*at]))?;
            let prefix = self.rest[..end].to_ascii_lowercase();
            self.rest = &self.rest[end..];
            let quote = if self.rest.starts_with("'''") || self.rest.starts_with("\"\"\"") {
                &self.rest[..3]
            } else {
                &self.rest[..1]
            };
            self.rest = &self.rest[quote.len()..];
            self.string_body(quote, prefix.contains('r'), &mut out)?;
            self.skip(false);
            let another = self.rest.find(['\'', '"']).is_some_and(|at| is_prefix(&self.rest[..at]));
            if !another {
                return Some(Item::Text(out));
            }
        }
    }

    fn string_body(&mut self, quote: &str, raw: bool, out: &mut String) -> Option<()> {
        loop {
            if self.eat(quote) {
                return Some(());
            }
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '\n' if quote.len() == 1 => return None,
                '\\' if raw => {
                    out.push('\\');
                    let next = self.rest.chars().next()?;
                    out.push(next);
                    self.rest = &self.rest[next.len_utf8()..];
                }
                '\\' => self.escape(out)?,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        let simple = match c {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => c,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?
            }
            'N' => return None,
            other => {
                out.push('\\');
                other
            }
        };
        out.push(simple);
        Some(())
    }

    fn code(&mut self, len: usize) -> Option<char> {
        let digits = self.rest.get(..len)?;
        self.rest = &self.rest[len..];
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    }
}

fn key(item: Item) -> Option<Key> {
    Some(match item {
        Item::Text(text) => Key::from(text),
        Item::Value(Value::Int(i)) => Key::Int(i),
        Item::Value(Value::Bool(b)) => Key::Bool(b),
        Item::Value(Value::Null) => Key::Null,
        Item::Value(Value::Float(f)) => Key::from(f.to_string()),
        Item::Value(_) => return None,
    })
}

fn is_prefix(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "" | "r" | "u" | "b" | "br" | "rb")
}

/// The digits without underscores, which may only stand between digits.
fn underscores(text: &str) -> Option<String> {
    if text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    if text.contains("_.") || text.contains("._") {
        return None;
    }
    Some(text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn json(text: &str) -> Option<String> {
        parse(text, &|s| Value::text(s)).map(|value| value.to_json().to_string())
    }

    #[test]
    fn literals_as_python_reads_them() {
        for (text, expected) in [
            ("5", "5"),
            (" 5 # comment", "5"),
            ("-5", "-5"),
            ("+ 5", "5"),
            ("00", "0"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("True", "true"),
            ("None", "null"),
            ("'a'", "\"a\""),
            ("\"a\" 'b'", "\"ab\""),
            (r"'\x41\t\u00e9\q'", r#""A\té\\q""#),
            (r"r'\n'", r#""\\n""#),
            ("b'x'", "\"x\""),
            ("u'x'", "\"x\""),
            ("'''a'b'''", "\"a'b\""),
            ("[1, 'a', [2,],]", "[1,\"a\",[2]]"),
            ("(1, 2)", "[1,2]"),
            ("(1)", "1"),
            ("1, 2", "[1,2]"),
            ("()", "[]"),
            ("{'a': 1, 'b': {'c': [True]}}", "{\"a\":1,\"b\":{\"c\":[true]}}"),
            ("{1: 2}", "{\"1\":2}"),
            ("{}", "{}"),
            ("{1, 2}", "[1,2]"),
            ("...", "\"...\""),
        ] {
            assert_eq!(json(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "a",
            "0644",
            "true",
            "yes",
            "[a]",
            "1.2.3",
            "'a",
            "[1",
            "{'a'}x",
            "1 2",
            "foo()",
            "a.b",
            "1_",
            "09",
            "/path",
            "{{ x }}",
            "-",
            "\"",
            "{'a': 1",
            "1__0",
            "{[1]: 2}",
            "5 x",
            "10.0.0.1",
            "99999999999999999999999",
        ] {
            assert_eq!(json(text), None, "{text}");
        }
    }
}
