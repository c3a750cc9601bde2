//! Text to tokens, by Jinja's rules for whitespace.

use super::{Syntax, SyntaxError};

/// A token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Tok,
    /// Byte offset in the template.
    pub pos: usize,
}

/// Kinds of tokens.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Tok {
    Data(String),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(String),
    Str(String),
    Int(i64),
    Float(f64),
    Op(&'static str),
    Eof,
}

impl Tok {
    /// As Jinja's messages name it.
    pub fn describe(&self) -> String {
        match self {
            Self::Data(_) => "template data / text".to_owned(),
            Self::VariableBegin => "begin of print statement".to_owned(),
            Self::VariableEnd => "end of print statement".to_owned(),
            Self::BlockBegin => "begin of statement block".to_owned(),
            Self::BlockEnd => "end of statement block".to_owned(),
            Self::Name(name) => name.clone(),
            Self::Str(text) => text.clone(),
            Self::Int(i) => i.to_string(),
            Self::Float(f) => f.to_string(),
            Self::Op(op) => (*op).to_owned(),
            Self::Eof => "end of template".to_owned(),
        }
    }
}

const OPERATORS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";", "\u{0}",
];

/// Cuts a template that begins at `start`.
///
/// # Errors
/// What is not Jinja.
pub fn tokenize(source: &str, start: usize, syntax: &Syntax) -> Result<Vec<Token>, SyntaxError> {
    if !source.contains('\r') {
        return cut(source, start, syntax);
    }
    let normalized = source.replace("\r\n", "\n").replace('\r', "\n");
    // Places are those in the text as it was written: the ends of lines that got shorter.
    let shorter: Vec<usize> =
        source.match_indices("\r\n").enumerate().map(|(before, (at, _))| at - before).collect();
    let written = |pos: usize| pos + shorter.partition_point(|end| *end < pos);
    let start = start - source[..start].matches("\r\n").count();
    match cut(&normalized, start, syntax) {
        Ok(mut tokens) => {
            tokens.iter_mut().for_each(|token| token.pos = written(token.pos));
            Ok(tokens)
        }
        Err(error) => Err(SyntaxError { pos: written(error.pos), ..error }),
    }
}

fn cut(source: &str, start: usize, syntax: &Syntax) -> Result<Vec<Token>, SyntaxError> {
    let source = match source.strip_suffix('\n') {
        Some(cut) if !syntax.keep_trailing_newline && cut.len() >= start => cut,
        _ => source,
    };
    Lexer { source, syntax, at: start, out: Vec::new() }.run()
}

/// Cuts a bare expression.
///
/// # Errors
/// What is not Jinja.
pub fn tokenize_expression(source: &str, syntax: &Syntax) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { source, syntax, at: 0, out: Vec::new() };
    lexer.code(&[], false)?;
    lexer.push(Tok::Eof, source.len());
    Ok(lexer.out)
}

struct Lexer<'a> {
    source: &'a str,
    syntax: &'a Syntax,
    at: usize,
    out: Vec<Token>,
}

#[derive(Clone, Copy, PartialEq)]
enum Opening {
    Block,
    Variable,
    Comment,
    LineStatement,
    LineComment,
}

impl<'a> Lexer<'a> {
    fn push(&mut self, kind: Tok, pos: usize) {
        self.out.push(Token { kind, pos });
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn data(&mut self, text: &str, pos: usize) {
        if !text.is_empty() {
            let text = if self.syntax.newline == "\n" {
                text.to_owned()
            } else {
                text.replace('\n', self.syntax.newline)
            };
            self.push(Tok::Data(text), pos);
        }
    }

    fn run(mut self) -> Result<Vec<Token>, SyntaxError> {
        loop {
            let from = self.at;
            let Some((found, opening, length)) = self.next_opening(from) else {
                let rest = self.rest();
                self.data(rest, from);
                self.push(Tok::Eof, self.source.len());
                return Ok(self.out);
            };
            let mut text = &self.source[from..found];
            let after = found + length;
            let sign = self.source[after..].chars().next();
            let mut inner = after;
            match sign {
                Some('-') => {
                    text = text.trim_end();
                    inner += 1;
                }
                Some('+') => inner += 1,
                _ if matches!(opening, Opening::Block | Opening::Comment) && self.syntax.lstrip_blocks => {
                    let line = self.source[..found].rfind('\n').map_or(0, |i| i + 1);
                    // Only where nothing but blanks stands before it, also in what was already cut off.
                    let blank_from = line.max(from);
                    let at_line_start = line >= from
                        || self.source[line..from].ends_with('\n')
                        || self.source[line..from].chars().all(char::is_whitespace);
                    if at_line_start && self.source[blank_from..found].chars().all(char::is_whitespace) {
                        text = &self.source[from..blank_from];
                    }
                }
                _ => {}
            }
            let text = match opening {
                Opening::LineComment => text.trim_end_matches([' ', '\t']),
                _ => text,
            };
            self.data(text, from);
            self.at = inner;
            match opening {
                Opening::Comment => self.comment(found)?,
                Opening::LineComment => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                Opening::Variable => {
                    self.push(Tok::VariableBegin, found);
                    let end = self.syntax.variable_end.clone();
                    self.code(&[end.as_str()], true)?;
                }
                Opening::LineStatement => {
                    self.push(Tok::BlockBegin, found);
                    self.code(&["\n"], false)?;
                }
                Opening::Block if self.raw_block(found)? => {}
                Opening::Block => {
                    self.push(Tok::BlockBegin, found);
                    let end = self.syntax.block_end.clone();
                    self.code(&[end.as_str()], false)?;
                }
            }
        }
    }

    /// The nearest delimiter; the longest of those that start at the same place.
    fn next_opening(&self, from: usize) -> Option<(usize, Opening, usize)> {
        let rest = &self.source[from..];
        let mut best: Option<(usize, Opening, usize)> = None;
        let mut offer = |at: usize, opening: Opening, len: usize| {
            let better = best.is_none_or(|(b, _, l)| at < b || (at == b && len > l));
            if better {
                best = Some((at, opening, len));
            }
        };
        for (mark, opening) in [
            (&self.syntax.block_start, Opening::Block),
            (&self.syntax.variable_start, Opening::Variable),
            (&self.syntax.comment_start, Opening::Comment),
        ] {
            if let Some(at) = rest.find(mark.as_str()) {
                offer(from + at, opening, mark.len());
            }
        }
        for (mark, opening) in [
            (&self.syntax.line_statement, Opening::LineStatement),
            (&self.syntax.line_comment, Opening::LineComment),
        ] {
            let Some(mark) = mark.as_deref().filter(|m| !m.is_empty()) else { continue };
            let mut search = from;
            while let Some(at) = self.source[search..].find(mark).map(|i| search + i) {
                let line = self.source[..at].rfind('\n').map_or(0, |i| i + 1);
                let blanks_only = self.source[line..at].chars().all(char::is_whitespace);
                if opening == Opening::LineComment || blanks_only {
                    let start = if opening == Opening::LineStatement { line.max(from) } else { at };
                    offer(start, opening, at + mark.len() - start);
                    break;
                }
                search = at + mark.len();
            }
        }
        best
    }

    fn comment(&mut self, start: usize) -> Result<(), SyntaxError> {
        let Some(end) = self.rest().find(self.syntax.comment_end.as_str()) else {
            return Err(SyntaxError::new("Missing end of comment tag", start));
        };
        let inner = &self.rest()[..end];
        let sign = inner.chars().next_back();
        self.at += end + self.syntax.comment_end.len();
        self.after_block(sign);
        Ok(())
    }

    /// What the end of a statement or comment takes with it.
    fn after_block(&mut self, sign: Option<char>) {
        if sign == Some('-') {
            self.at += self.rest().len() - self.rest().trim_start().len();
        } else if sign != Some('+') && self.syntax.trim_blocks && self.rest().starts_with('\n') {
            self.at += 1;
        }
    }

    /// `{% raw %}`: true if there was one.
    fn raw_block(&mut self, start: usize) -> Result<bool, SyntaxError> {
        let Some(rest) = self.rest().trim_start().strip_prefix("raw") else { return Ok(false) };
        let rest = rest.trim_start();
        let (sign, rest) = match rest.strip_prefix('-') {
            Some(rest) => (Some('-'), rest),
            None => match rest.strip_prefix('+') {
                Some(rest) => (Some('+'), rest),
                None => (None, rest),
            },
        };
        let Some(body) = rest.strip_prefix(self.syntax.block_end.as_str()) else { return Ok(false) };
        self.at = self.source.len() - body.len();
        // A newline behind it belongs to the text, also where blocks are trimmed.
        if sign == Some('-') {
            self.after_block(sign);
        }
        let from = self.at;
        let mut search = from;
        while let Some(at) = self.source[search..].find(self.syntax.block_start.as_str()).map(|i| search + i)
        {
            let mut inner = &self.source[at + self.syntax.block_start.len()..];
            let trim = inner.starts_with('-');
            let keep = inner.starts_with('+');
            if trim || keep {
                inner = &inner[1..];
            }
            if let Some(rest) = inner.trim_start().strip_prefix("endraw") {
                let rest = rest.trim_start();
                let (sign, rest) = match rest.strip_prefix('-') {
                    Some(rest) => (Some('-'), rest),
                    None => match rest.strip_prefix('+') {
                        Some(rest) => (Some('+'), rest),
                        None => (None, rest),
                    },
                };
                if let Some(rest) = rest.strip_prefix(self.syntax.block_end.as_str()) {
                    let mut text = &self.source[from..at];
                    if trim {
                        text = text.trim_end();
                    } else if !keep && self.syntax.lstrip_blocks {
                        let line = text.rfind('\n').map_or(0, |i| i + 1);
                        if text[line..].chars().all(char::is_whitespace) && (line > 0 || text.is_empty()) {
                            text = &text[..line];
                        }
                    }
                    self.data(text, from);
                    self.at = self.source.len() - rest.len();
                    self.after_block(sign);
                    return Ok(true);
                }
            }
            search = at + self.syntax.block_start.len();
        }
        Err(SyntaxError::new("Missing end of raw directive", start))
    }

    /// The tokens of an expression or statement up to one of `ends`.
    fn code(&mut self, ends: &[&str], printed: bool) -> Result<(), SyntaxError> {
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            if open.is_empty() {
                let rest = self.rest();
                for end in ends {
                    let (sign, len) = if rest.starts_with(end) {
                        (None, end.len())
                    } else {
                        match rest.chars().next() {
                            Some(c @ ('-' | '+')) if *end != "\n" && rest[1..].starts_with(end) => {
                                (Some(c), end.len() + 1)
                            }
                            _ => continue,
                        }
                    };
                    // `+}}` is not a thing: the plus is an operator there.
                    if printed && sign == Some('+') {
                        continue;
                    }
                    let pos = self.at;
                    self.at += len;
                    if printed {
                        self.push(Tok::VariableEnd, pos);
                        if sign == Some('-') {
                            self.after_block(sign);
                        }
                    } else {
                        self.push(Tok::BlockEnd, pos);
                        if *end != "\n" {
                            self.after_block(sign);
                        }
                    }
                    return Ok(());
                }
            }
            let Some(c) = self.rest().chars().next() else {
                if ends == ["\n"] {
                    self.push(Tok::BlockEnd, self.at);
                }
                return Ok(());
            };
            let pos = self.at;
            if c.is_whitespace() {
                self.at += c.len_utf8();
            } else if c.is_ascii_digit() {
                self.number()?;
            } else if c == '_' || c.is_alphabetic() {
                let len =
                    self.rest().find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest().len());
                self.push(Tok::Name(self.rest()[..len].to_owned()), pos);
                self.at += len;
            } else if c == '"' || c == '\'' {
                self.string(c, printed)?;
            } else if let Some(op) =
                OPERATORS.iter().find(|op| self.rest().starts_with(**op) && **op != "\u{0}")
            {
                self.at += op.len();
                match *op {
                    "(" => open.push(")"),
                    "[" => open.push("]"),
                    "{" => open.push("}"),
                    ")" | "]" | "}" => match open.pop() {
                        None => return Err(SyntaxError::new(format!("unexpected '{op}'"), pos)),
                        Some(expected) if expected != *op => {
                            let message = format!("unexpected '{op}', expected '{expected}'");
                            return Err(SyntaxError::new(message, pos));
                        }
                        Some(_) => {}
                    },
                    _ => {}
                }
                self.push(Tok::Op(op), pos);
            } else {
                return Err(SyntaxError::new(format!("unexpected char {} at {pos}", quoted(c)), pos));
            }
        }
    }

    fn string(&mut self, quote: char, printed: bool) -> Result<(), SyntaxError> {
        let pos = self.at;
        let body = &self.rest()[1..];
        let mut escaped = false;
        for (i, c) in body.char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                let raw = &body[..i];
                self.at += i + 2;
                let text = if printed && self.syntax.raw_strings { raw.to_owned() } else { unescape(raw) };
                self.push(Tok::Str(text), pos);
                return Ok(());
            }
        }
        Err(SyntaxError::new(format!("unexpected char {} at {pos}", quoted(quote)), pos))
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let pos = self.at;
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if bytes[0] == b'0' && bytes.len() > 2 {
            let radix = match bytes[1] {
                b'x' | b'X' => 16,
                b'o' | b'O' => 8,
                b'b' | b'B' => 2,
                _ => 0,
            };
            if radix > 0 {
                let len = rest[2..].find(|c: char| c != '_' && !c.is_digit(radix)).unwrap_or(rest.len() - 2);
                let digits = rest[2..2 + len].replace('_', "");
                if let Ok(i) = i64::from_str_radix(&digits, radix) {
                    self.at += 2 + len;
                    self.push(Tok::Int(i), pos);
                    return Ok(());
                }
            }
        }
        let digits = |from: usize| -> usize {
            let tail = &rest[from..];
            let mut len = 0;
            for (i, c) in tail.char_indices() {
                let joins = c == '_' && i > 0 && tail[i + 1..].starts_with(|c: char| c.is_ascii_digit());
                if !c.is_ascii_digit() && !joins {
                    break;
                }
                len = i + 1;
            }
            len
        };
        let mut len = digits(0);
        let mut float = false;
        // `a.0.1` are two indices.
        let index = self.source[..pos].ends_with('.');
        if !index {
            if rest[len..].starts_with('.') && rest[len + 1..].starts_with(|c: char| c.is_ascii_digit()) {
                len += 1 + digits(len + 1);
                float = true;
            }
            if rest[len..].starts_with(['e', 'E']) {
                let sign = usize::from(rest[len + 1..].starts_with(['+', '-']));
                if rest[len + 1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                    len += 1 + sign + digits(len + 1 + sign);
                    float = true;
                }
            }
        }
        let text = rest[..len].replace('_', "");
        self.at += len;
        let token = match (float, text.parse::<i64>()) {
            (false, Ok(i)) => Tok::Int(i),
            _ => Tok::Float(text.parse().unwrap_or(f64::INFINITY)),
        };
        self.push(token, pos);
        Ok(())
    }
}

fn quoted(c: char) -> String {
    if c == '\'' { format!("\"{c}\"") } else { format!("'{c}'") }
}

/// Python's escapes in a literal.
fn unescape(raw: &str) -> String {
    if !raw.contains('\\') {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some((i, escape)) = chars.next() else {
            out.push('\\');
            break;
        };
        let mut code = |digits: usize,
                        from: usize,
                        radix: u32,
                        chars: &mut std::iter::Peekable<std::str::CharIndices>| {
            let text: String = raw[from..].chars().take(digits).take_while(|c| c.is_digit(radix)).collect();
            let decoded = u32::from_str_radix(&text, radix).ok().and_then(char::from_u32);
            if let Some(c) = decoded {
                for _ in 0..text.chars().count() {
                    chars.next();
                }
                out.push(c);
            }
            decoded.is_some()
        };
        match escape {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(escape),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            'x' | 'u' | 'U' => {
                let digits = match escape {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                if !code(digits, i + 1, 16, &mut chars) {
                    out.push('\\');
                    out.push(escape);
                }
            }
            '0'..='7' => {
                let text: String = raw[i..].chars().take(3).take_while(|c| c.is_digit(8)).collect();
                for _ in 1..text.len() {
                    chars.next();
                }
                out.push(u32::from_str_radix(&text, 8).ok().and_then(char::from_u32).unwrap_or('?'));
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out
}
