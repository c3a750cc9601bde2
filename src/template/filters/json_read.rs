//! JSON as Python reads it: with `NaN` and `Infinity`, and with Python's words for what is wrong.

use crate::vars::{Key, Map, Value};

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 128;

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// There is a mistake at this place.
    #[error("{mistake}: line {line} column {column} (char {at})")]
    At { mistake: Mistake, line: usize, column: usize, at: usize },
    /// Lists and objects are nested too deep.
    #[error("maximum recursion depth exceeded while decoding a JSON document")]
    Depth,
}

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mistake {
    #[error("Extra data")]
    Extra,
    #[error("Expecting value")]
    Value,
    #[error("Expecting ',' delimiter")]
    Comma,
    #[error("Expecting ':' delimiter")]
    Colon,
    #[error("Expecting property name enclosed in double quotes")]
    Name,
    #[error("Unterminated string starting at")]
    Unterminated,
    #[error("Invalid control character at")]
    Control,
    #[error("Invalid \\escape")]
    Escape,
    #[error("Invalid \\uXXXX escape")]
    Unit,
}

/// Reads one value.
///
/// # Errors
/// What is wrong and where, as Python says it.
pub(super) fn read(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    let value = reader.value(0)?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.error(Mistake::Extra, reader.at));
    }
    Ok(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, mistake: Mistake, at: usize) -> JsonError {
        let before = &self.text[..at.min(self.text.len())];
        JsonError::At {
            mistake,
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            at: before.chars().count(),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        match self.peek() {
            Some(b'"') => self.string().map(Value::text),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            _ => {
                for (word, value) in [
                    ("null", Value::Null),
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("NaN", Value::Float(f64::NAN)),
                    ("Infinity", Value::Float(f64::INFINITY)),
                    ("-Infinity", Value::Float(f64::NEG_INFINITY)),
                ] {
                    if self.rest().starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                self.number()
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = start + usize::from(self.peek() == Some(b'-'));
        end = match bytes.get(end) {
            // A leading zero stands alone.
            Some(b'0') => end + 1,
            Some(b'1'..=b'9') => digits(end),
            _ => return Err(self.error(Mistake::Value, start)),
        };
        let whole = end;
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
            }
        }
        self.at = end;
        let text = &self.text[start..end];
        if end == whole
            && let Ok(number) = text.parse()
        {
            return Ok(Value::Int(number));
        }
        text.parse().map(Value::Float).map_err(|_| self.error(Mistake::Value, start))
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.error(Mistake::Comma, self.at)),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut map = Map::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map(map));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error(Mistake::Name, self.at));
            }
            let key = Key::from(self.string()?);
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.error(Mistake::Colon, self.at));
            }
            self.at += 1;
            self.blanks();
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::map(map));
                }
                _ => return Err(self.error(Mistake::Comma, self.at)),
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(self.error(Mistake::Unterminated, start));
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape(start)?),
                c if (c as u32) < 0x20 => {
                    return Err(self.error(Mistake::Control, self.at - 1));
                }
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<char, JsonError> {
        let at = self.at - 1;
        let Some(c) = self.rest().chars().next() else {
            return Err(self.error(Mistake::Unterminated, start));
        };
        self.at += c.len_utf8();
        Ok(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                if (0xd800..0xdc00).contains(&unit) && self.rest().starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = back;
                }
                // Half of a pair cannot be in a text here.
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.error(Mistake::Escape, at)),
        })
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let hex = self.rest().get(..4).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(unit) = hex.and_then(|h| u32::from_str_radix(h, 16).ok()) else {
            return Err(self.error(Mistake::Unit, self.at));
        };
        self.at += 4;
        Ok(unit)
    }
}
