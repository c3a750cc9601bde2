//! Python's regular expressions and replacement templates.
//!
//! Patterns are translated where the syntax differs and run by `fancy-regex`, which hands everything without
//! look-around and backreferences to the linear-time engine.

use crate::module::ModuleError;
use fancy_regex::{Captures, Match, Regex, RegexBuilder};

/// Ends a pattern that goes back and forth for ever.
const BACKTRACKS: usize = 2_000_000;

/// Compiles a pattern written for Python's `re`. `flags` are those of the call, such as `m` for MULTILINE.
///
/// # Errors
/// What is wrong with the pattern, as the module's failure.
pub fn compile(pattern: &str, flags: &str) -> Result<Regex, ModuleError> {
    let translated = translate(pattern, flags.contains('m') || sets_lines(pattern));
    let text = if flags.is_empty() { translated } else { format!("(?{flags}){translated}") };
    RegexBuilder::new(&text).backtrack_limit(BACKTRACKS).build().map_err(|error| {
        ModuleError::new(format!("Unable to compile regular expression '{pattern}': {error}"))
    })
}

/// Whether it matches somewhere.
///
/// # Errors
/// A pattern that takes too long: to take that for "no" would have a line added that is there.
pub fn is_match(regex: &Regex, text: &str) -> Result<bool, ModuleError> {
    regex.is_match(text).map_err(gave_up)
}

/// The first match.
///
/// # Errors
/// A pattern that takes too long.
pub fn find<'a>(regex: &Regex, text: &'a str) -> Result<Option<Match<'a>>, ModuleError> {
    regex.find(text).map_err(gave_up)
}

/// A pattern that takes too long, as a failure of the module.
pub fn gave_up(error: fancy_regex::Error) -> ModuleError {
    ModuleError::new(format!("the pattern gave up: {error}"))
}

/// Whether a pattern itself sets the flag for lines, as `(?im)` does.
fn sets_lines(pattern: &str) -> bool {
    let mut in_class = false;
    let mut chars = pattern.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            // What is escaped is a plain sign.
            '\\' => {
                chars.next();
            }
            '[' if !in_class => {
                in_class = true;
                // A bracket that comes first is a plain sign.
                let first = pattern[at + 1..].strip_prefix('^').unwrap_or(&pattern[at + 1..]);
                if first.starts_with(']') {
                    chars.by_ref().find(|(_, c)| *c == ']');
                }
            }
            ']' => in_class = false,
            '(' if !in_class => {
                let flags = pattern[at + 1..].strip_prefix('?').unwrap_or_default();
                if flags.chars().take_while(char::is_ascii_alphabetic).any(|flag| flag == 'm') {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Python's syntax in the words of the engine.
fn translate(pattern: &str, lines: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    let mut class_start = None;
    while at < chars.len() {
        let c = chars[at];
        let next = chars.get(at + 1).copied();
        match (c, class_start) {
            ('\\', _) => {
                match next {
                    Some('Z') => out.push_str("\\z"),
                    // Word boundaries to the engine, plain signs to Python.
                    Some(sign @ ('<' | '>')) => out.push(sign),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                }
                at += 2;
                continue;
            }
            ('[', None) => {
                class_start = Some(at);
                out.push('[');
                if next == Some('^') {
                    out.push('^');
                    at += 1;
                }
                // A bracket that comes first is a plain sign.
                if chars.get(at + 1) == Some(&']') {
                    out.push_str("\\]");
                    at += 1;
                }
            }
            (']', Some(_)) => {
                class_start = None;
                out.push(']');
            }
            // The engine knows nested classes and set operations, Python does not.
            ('[' | '&' | '~', Some(_)) => out.extend(['\\', c]),
            ('-', Some(_)) if next == Some('-') && chars.get(at + 2) != Some(&']') => out.push_str("\\-"),
            ('{', None) => match quantifier(&chars[at..]) {
                Some((text, length)) => {
                    out.push_str(&text);
                    at += length;
                    continue;
                }
                None => out.push_str("\\{"),
            },
            ('}', None) => out.push_str("\\}"),
            // Without the flag for lines it is the end, or the line break at the end.
            ('$', None) if !lines => out.push_str("(?=\\n?\\z)"),
            _ => out.push(c),
        }
        at += 1;
    }
    out
}

/// `{2}`, `{2,}`, `{,3}`, `{2,3}`: its text for the engine and its length. Anything else in braces is plain text.
fn quantifier(chars: &[char]) -> Option<(String, usize)> {
    let end = chars.iter().position(|c| *c == '}')?;
    let body: String = chars[1..end].iter().collect();
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let text = match body.split_once(',') {
        None if !body.is_empty() && digits(&body) => format!("{{{body}}}"),
        Some((low, high)) if digits(low) && digits(high) && !(low.is_empty() && high.is_empty()) => {
            format!("{{{},{high}}}", if low.is_empty() { "0" } else { low })
        }
        _ => return None,
    };
    Some((text, end + 1))
}

/// Characters, and how many of them were taken.
struct Positions<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    at: usize,
}

impl Positions<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        self.at += usize::from(next.is_some());
        next
    }
}

/// A part of a replacement template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A group's number, and where in the template that is.
    Group(usize, usize),
    Named(String),
}

/// A replacement template of Python's `re`: `\1`, `\g<1>`, `\g<name>`, `\n` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads it.
    ///
    /// # Errors
    /// An escape that Python does not know.
    pub fn parse(text: &str) -> Result<Self, ModuleError> {
        let bad = |what: &str, at: usize| ModuleError::new(format!("{what} at position {at}"));
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = Positions { chars: text.chars().peekable(), at: 0 };
        loop {
            let at = chars.at;
            let Some(c) = chars.next() else { break };
            if c != '\\' {
                plain.push(c);
                continue;
            }
            let Some(escaped) = chars.next() else { return Err(bad("bad escape (end of pattern)", at)) };
            let piece = match escaped {
                'g' => {
                    if chars.next() != Some('<') {
                        return Err(bad("missing <", at + 2));
                    }
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('>') => break,
                            Some(c) => name.push(c),
                            None if name.is_empty() => return Err(bad("missing group name", at + 3)),
                            None => return Err(bad("missing >, unterminated name", at + 3)),
                        }
                    }
                    if name.is_empty() {
                        return Err(bad("missing group name", at + 3));
                    }
                    match name.parse() {
                        Ok(number) => Piece::Group(number, at + 3),
                        Err(_) => Piece::Named(name),
                    }
                }
                '0' => {
                    let mut code = 0;
                    for _ in 0..2 {
                        let digit = chars.chars.peek().and_then(|c| c.to_digit(8));
                        let Some(digit) = digit else { break };
                        code = code * 8 + digit;
                        chars.next();
                    }
                    plain.push(char::from_u32(code).unwrap_or('\0'));
                    continue;
                }
                digit if digit.is_ascii_digit() => {
                    let mut number = digit.to_digit(10).unwrap_or(0) as usize;
                    if let Some(second) = chars.chars.peek().and_then(|c| c.to_digit(10)) {
                        number = number * 10 + second as usize;
                        chars.next();
                    }
                    Piece::Group(number, at + 1)
                }
                other => {
                    let plain_sign = match other {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'a' => '\x07',
                        'b' => '\x08',
                        'f' => '\x0c',
                        'v' => '\x0b',
                        '\\' => '\\',
                        letter if letter.is_ascii_alphabetic() => {
                            return Err(bad(&format!("bad escape \\{letter}"), at));
                        }
                        sign => {
                            plain.push('\\');
                            sign
                        }
                    };
                    plain.push(plain_sign);
                    continue;
                }
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Whether the pattern has the groups that it names.
    ///
    /// # Errors
    /// The first that it does not have.
    pub fn check(&self, regex: &Regex) -> Result<(), UnknownGroup> {
        for piece in &self.0 {
            match piece {
                Piece::Group(number, at) if *number >= regex.captures_len() => {
                    return Err(UnknownGroup::Number(*number, *at));
                }
                Piece::Named(name) if !regex.capture_names().flatten().any(|known| known == name) => {
                    return Err(UnknownGroup::Name(name.clone()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Fills it from a match of a pattern that it was checked with; a group that took no part is empty.
    pub fn fill(&self, captures: &Captures<'_>, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(number, _) => out.push_str(captures.get(*number).map_or("", |m| m.as_str())),
                Piece::Named(name) => out.push_str(captures.name(name).map_or("", |m| m.as_str())),
            }
        }
    }
}

/// A group in a template that the pattern does not have, in Python's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownGroup {
    /// By its number, and where that is in the template.
    #[error("invalid group reference {0} at position {1}")]
    Number(usize, usize),
    /// By its name.
    #[error("unknown group name '{0}'")]
    Name(String),
}

impl From<UnknownGroup> for ModuleError {
    fn from(error: UnknownGroup) -> Self {
        Self::new(error.to_string())
    }
}

/// Python's `re.subn`: the new text, and how many were replaced. A match of nothing counts directly behind a match of
/// something, but not where one of nothing was.
///
/// # Errors
/// As [`Template::check`], or a pattern that takes too long on this text.
pub fn substitute(regex: &Regex, template: &Template, text: &str) -> Result<(String, usize), ModuleError> {
    template.check(regex)?;
    let mut out = String::with_capacity(text.len());
    let (mut last, mut count, mut from) = (0, 0, 0);
    while from <= text.len() {
        let Some(captures) = regex.captures_from_pos(text, from).map_err(gave_up)? else { break };
        let Some(whole) = captures.get(0) else { break };
        out.push_str(&text[last..whole.start()]);
        template.fill(&captures, &mut out);
        last = whole.end();
        count += 1;
        let step = text[last..].chars().next().map_or(1, char::len_utf8);
        from = if whole.start() == whole.end() { last + step } else { last };
    }
    out.push_str(&text[last..]);
    Ok((out, count))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn replaced(pattern: &str, template: &str, text: &str) -> String {
        substitute(&compile(pattern, "m").unwrap(), &Template::parse(template).unwrap(), text).unwrap().0
    }

    #[test]
    fn groups_of_a_template_have_to_be_there() {
        let error = |template: &str| {
            let regex = compile("(?P<b>h)", "m").unwrap();
            substitute(&regex, &Template::parse(template).unwrap(), "no match").unwrap_err().msg
        };
        assert_eq!(error(r"x\g<nope>"), "unknown group name 'nope'");
        assert_eq!(error(r"\g<3>"), "invalid group reference 3 at position 3");
        assert_eq!(error(r"é\3"), "invalid group reference 3 at position 2");
        assert_eq!(replaced("(?P<b>h)", r"\g<b>\g<0>", "h"), "hh");
    }

    #[test]
    fn a_pattern_that_gives_up_has_not_said_no() {
        let regex = compile(r"(x+x+)+(?=y)\1", "").unwrap();
        let error = is_match(&regex, &"x".repeat(200)).unwrap_err();
        assert!(error.msg.starts_with("the pattern gave up"), "{}", error.msg);
    }

    #[test]
    fn only_flags_are_flags() {
        for (pattern, lines) in [
            ("(?im)a$", true),
            (r"\(?m$", false),
            (r"[(?m]$", false),
            (r"[](?m]$", false),
            (r"\\(?m)$", true),
        ] {
            assert_eq!(sets_lines(pattern), lines, "{pattern}");
        }
    }

    #[test]
    fn syntax_that_differs_is_translated() {
        for (pattern, text) in [
            ("a{,2}b", "aab"),
            ("^{{ x }}$", "{{ x }}"),
            ("[[]a[]]", "[a]"),
            ("[^[]x", "ax"),
            ("[&~&]+$", "&~"),
            (r"\<a\>\Z", "<a>"),
            (r"(?<!x)foo(?=bar)", "foobar"),
            (r"(a)\1", "aa"),
            (r"(?P<q>['\x22])z(?P=q)", "'z'"),
            (r"^#?\s*PermitRootLogin\s", "# PermitRootLogin yes"),
            (r"\/etc\/", "/etc/"),
        ] {
            assert!(is_match(&compile(pattern, "").unwrap(), text).unwrap(), "{pattern} on {text}");
        }
        assert!(compile("(", "").is_err());
    }

    #[test]
    fn templates_are_filled_as_python_fills_them() {
        assert_eq!(replaced(r"(\w+) (?P<b>\w+)", r"\g<b> \1\t\g<1>x", "one two"), "two one\tonex");
        assert_eq!(replaced("^a$", "b", "a\nca\na"), "b\nca\nb");
        assert_eq!(replaced("(x)?y", r"[\1]", "y xy"), "[] [x]");
        assert!(Template::parse(r"\d").is_err());
        assert_eq!(replaced(".*", "x", "hello"), "xx");
        assert_eq!(replaced("[a-c]*", "-", "ab\n\ncd"), "--\n-\n--d-");
        assert_eq!(replaced("é*", "-", "éaé"), "--a--");
        assert_eq!(replaced("", "-", "éa"), "-é-a-");
        assert_eq!(replaced("a", r"\.", "a"), r"\.");
    }
}
