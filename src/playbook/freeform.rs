//! `module: text`: the text split into `k=v` arguments.

use windlass_yaml::Span;

/// A free-form text, split.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FreeForm {
    /// `k=v` pairs in order, quotes taken off.
    pub pairs: Vec<(String, String)>,
    /// What is no `k=v`, joined by blanks.
    pub raw: String,
}

/// Arguments that are taken out of the text of `command` and its like; anything else with `=` is part of the command.
const COMMAND_ARGS: &[&str] =
    &["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// Splits a text. With `raw` set it is a command: only [`COMMAND_ARGS`] are taken out, and quotes stay.
///
/// # Errors
/// If quotes or Jinja braces are not balanced.
pub fn split(text: &str, raw: bool) -> Result<FreeForm, Unbalanced> {
    let mut out = FreeForm::default();
    let mut rest: Vec<String> = Vec::new();
    for token in tokens(text)? {
        let pair = split_pair(&token).filter(|(k, _)| {
            let template = !raw && k.contains("{{");
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
            let name = !k.is_empty() && (template || k.chars().all(plain));
            name && !k.ends_with('\\') && (!raw || COMMAND_ARGS.contains(k))
        });
        match pair {
            Some((key, value)) => out.pairs.push((key.to_owned(), unescape(unquote(value)))),
            None if raw => rest.push(token),
            None => rest.push(token.replace("\\=", "=")),
        }
    }
    out.raw = if raw && out.pairs.is_empty() { as_written(text).to_owned() } else { join(&rest) };
    Ok(out)
}

/// Splits at the first `=` that is not inside Jinja braces.
fn split_pair(token: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + token[from..].find('=')?;
        let open = token[..at].matches("{{").count();
        if open == token[..at].matches("}}").count() {
            return Some((&token[..at], &token[at + 1..]));
        }
        from = at + 1;
    }
}

/// A command without blanks around it; the line breaks at its end stay.
fn as_written(text: &str) -> &str {
    text.trim_start().trim_end_matches([' ', '\t'])
}

/// Quotes or Jinja braces are not balanced.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the quotes or Jinja braces in the arguments are not balanced")]
pub struct Unbalanced;

impl Unbalanced {
    /// As a diagnostic at a place.
    #[must_use]
    pub fn at(&self, span: &Span) -> windlass_yaml::diagnostic::Diagnostic {
        windlass_yaml::diagnostic::Diagnostic::error(self.to_string())
            .at(span)
            .hint("quote a text with blanks as a whole: `name=\"a b\"`, or write the arguments as a mapping")
    }
}

fn join(tokens: &[String]) -> String {
    let mut out = String::new();
    for token in tokens {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push(' ');
        }
        out.push_str(token);
    }
    out.trim().to_owned()
}

/// Splits at blanks that are neither quoted nor inside Jinja delimiters. A line break inside stays with the token before it.
fn tokens(text: &str) -> Result<Vec<String>, Unbalanced> {
    let mut tokens = Vec::new();
    let mut current = String::new();
    let mut quote: Option<char> = None;
    let mut depth = 0usize;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(q) = quote {
            current.push(c);
            if c == '\\' && q == '"' {
                if let Some(next) = chars.next() {
                    current.push(next);
                }
            } else if c == q {
                quote = None;
            }
            continue;
        }
        match c {
            '{' if matches!(chars.peek(), Some('{' | '%' | '#')) => {
                depth += 1;
                current.push(c);
                current.extend(chars.next());
            }
            '}' | '%' | '#' if depth > 0 && chars.peek() == Some(&'}') => {
                depth -= 1;
                current.push(c);
                current.extend(chars.next());
            }
            '\'' | '"' if depth == 0 => {
                quote = Some(c);
                current.push(c);
            }
            '\\' => {
                current.push(c);
                if let Some(next) = chars.next() {
                    current.push(next);
                }
            }
            ' ' | '\t' if depth == 0 => {
                if !current.is_empty() {
                    tokens.push(std::mem::take(&mut current));
                }
            }
            '\n' if depth == 0 => {
                current.push(c);
                tokens.push(std::mem::take(&mut current));
            }
            c => current.push(c),
        }
    }
    if quote.is_some() || depth > 0 {
        return Err(Unbalanced);
    }
    if !current.is_empty() {
        tokens.push(current);
    }
    Ok(tokens)
}

fn unquote(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote) && !text.ends_with("\\\"") {
            return &text[1..text.len() - 1];
        }
    }
    text
}

/// Escapes inside a value, as Python has them in its texts: `\n`, `\"`, `\x41`, `\u00e4`, `\101` and the like.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match escaped(after) {
            Some((sign, length)) => {
                out.push(sign);
                rest = &after[length..];
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The sign that follows a backslash stands for, and how much of the text it takes.
fn escaped(after: &str) -> Option<(char, usize)> {
    let first = after.chars().next()?;
    let plain = match first {
        '\\' | '\'' | '"' => first,
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '0'..='7' => {
            let length = after.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            let code = u32::from_str_radix(&after[..length], 8).ok()?;
            return char::from_u32(code).map(|sign| (sign, length));
        }
        'x' | 'u' | 'U' => {
            let length = match first {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits = after.get(1..=length).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            let code = u32::from_str_radix(digits, 16).ok()?;
            return char::from_u32(code).map(|sign| (sign, length + 1));
        }
        _ => return None,
    };
    Some((plain, 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        split(text, false).unwrap().pairs
    }

    #[test]
    fn pairs_with_quotes_and_templates() {
        let own =
            |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
        assert_eq!(pairs("src=a dest=/b"), own(&[("src", "a"), ("dest", "/b")]));
        assert_eq!(pairs("msg=\"a b\" x='c d'"), own(&[("msg", "a b"), ("x", "c d")]));
        assert_eq!(
            pairs("msg={{ a | default('x y') }} b=1"),
            own(&[("msg", "{{ a | default('x y') }}"), ("b", "1")])
        );
        assert_eq!(pairs("{{ a + '=' }}={{ b }}"), own(&[("{{ a + '=' }}", "{{ b }}")]));
        assert!(split("msg='a", false).is_err());
        assert_eq!(pairs(r"a='\b\\b\x41\u00e4\101\q\xz'"), own(&[("a", "\u{8}\\bA\u{e4}A\\q\\xz")]));
    }

    #[test]
    fn a_command_keeps_its_own_equal_signs() {
        let free = split("FOO=bar env x=1 creates=/tmp/x", true).unwrap();
        assert_eq!(free.raw, "FOO=bar env x=1");
        assert_eq!(free.pairs, [("creates".to_owned(), "/tmp/x".to_owned())]);
        assert_eq!(split("echo  'a  b'", true).unwrap().raw, "echo  'a  b'");
    }
}
