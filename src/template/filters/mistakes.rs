//! What is wrong with a regular expression, in Python's words.

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Item,
    Repeat,
}

/// A mistake, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at position {at}")]
pub(super) struct Mistake {
    kind: Kind,
    at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Kind {
    #[error("bad escape (end of pattern)")]
    EscapeAtEnd,
    #[error("bad escape \\{0}")]
    Escape(char),
    #[error("unterminated character set")]
    OpenSet,
    #[error("bad character range {0}-{1}")]
    Range(char, char),
    #[error("unbalanced parenthesis")]
    Unbalanced,
    #[error("missing ), unterminated subpattern")]
    OpenGroup,
    #[error("unexpected end of pattern")]
    EndInGroup,
    #[error("missing >, unterminated name")]
    OpenName,
    #[error("bad character in group name '{0}'")]
    Name(String),
    #[error("unknown extension ?{0}")]
    Extension(char),
    #[error("min repeat greater than max repeat")]
    Bounds,
    #[error("nothing to repeat")]
    NothingToRepeat,
    #[error("multiple repeat")]
    RepeatOfRepeat,
}

impl Kind {
    fn at(self, at: usize) -> Mistake {
        Mistake { kind: self, at }
    }
}

/// The first mistake that Python would complain about.
pub(super) fn find(pattern: &str) -> Option<Mistake> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut before = Before::Nothing;
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        match c {
            '\\' => {
                let Some(&escaped) = chars.get(at) else {
                    return Some(Kind::EscapeAtEnd.at(start));
                };
                if escaped.is_ascii_alphabetic() && !"AbBdDsSwWZaftnrvxuUN".contains(escaped) {
                    return Some(Kind::Escape(escaped).at(start));
                }
                at += 1;
                before = Before::Item;
            }
            '[' => match set(&chars, start) {
                Ok(end) => {
                    at = end;
                    before = Before::Item;
                }
                Err(mistake) => return Some(mistake),
            },
            '(' => {
                if chars.get(at) == Some(&'?') {
                    match group(&chars, at) {
                        Ok(end) => at = end,
                        Err(mistake) => return Some(mistake),
                    }
                }
                open.push(start);
                before = Before::Nothing;
            }
            ')' => {
                if open.pop().is_none() {
                    return Some(Kind::Unbalanced.at(start));
                }
                before = Before::Item;
            }
            '|' | '^' => before = Before::Nothing,
            // Python takes a place for an item that cannot be repeated.
            '$' => before = Before::Nothing,
            '*' | '+' | '?' | '{' => {
                if c == '{' {
                    let Some((end, low, high)) = counts(&chars, at) else {
                        before = Before::Item;
                        continue;
                    };
                    if matches!((low, high), (Some(low), Some(high)) if low > high) {
                        return Some(Kind::Bounds.at(at));
                    }
                    at = end;
                }
                match before {
                    Before::Nothing => return Some(Kind::NothingToRepeat.at(start)),
                    Before::Repeat => return Some(Kind::RepeatOfRepeat.at(start)),
                    Before::Item => before = Before::Repeat,
                }
                // One question mark makes it short, a plus sign keeps what it took.
                if matches!(chars.get(at), Some('?' | '+')) {
                    at += 1;
                }
            }
            _ => before = Before::Item,
        }
    }
    open.last().map(|start| Kind::OpenGroup.at(*start))
}

/// Where the set of characters that begins at `start` ends.
fn set(chars: &[char], start: usize) -> Result<usize, Mistake> {
    let mut at = start + 1;
    if chars.get(at) == Some(&'^') {
        at += 1;
    }
    let first = at;
    loop {
        match chars.get(at) {
            None => return Err(Kind::OpenSet.at(start)),
            Some(']') if at > first => return Ok(at + 1),
            Some('\\') if at + 1 == chars.len() => {
                return Err(Kind::EscapeAtEnd.at(at));
            }
            Some('\\') => at += 2,
            Some(&low) => {
                if chars.get(at + 1) == Some(&'-')
                    && let Some(&high) = chars.get(at + 2)
                    && !matches!(high, ']' | '\\')
                {
                    if high < low {
                        return Err(Kind::Range(low, high).at(at));
                    }
                    at += 2;
                }
                at += 1;
            }
        }
    }
}

/// Where what stands behind `(?` ends and the group's own pattern begins.
fn group(chars: &[char], at: usize) -> Result<usize, Mistake> {
    let Some(kind) = chars.get(at + 1) else {
        return Err(Kind::EndInGroup.at(at + 1));
    };
    if *kind == 'P' && chars.get(at + 2) == Some(&'<') {
        let name: String = chars[at + 3..].iter().take_while(|c| **c != '>').collect();
        let end = at + 3 + name.chars().count();
        if end >= chars.len() {
            return Err(Kind::OpenName.at(at + 3));
        }
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(Kind::Name(name).at(at + 3));
        }
        return Ok(end + 1);
    }
    if ":=!<>#P(aiLmsux-".contains(*kind) {
        return Ok(at + 2);
    }
    Err(Kind::Extension(*kind).at(at))
}

/// The bounds of `{2,3}`, and where it ends; nothing if these braces are ordinary characters.
fn counts(chars: &[char], at: usize) -> Option<(usize, Option<u64>, Option<u64>)> {
    let inner: String = chars[at..].iter().take_while(|c| **c != '}').collect();
    let end = at + inner.chars().count();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, &inner));
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let counts = end < chars.len() && number(low) && number(high) && !inner.is_empty();
    counts.then(|| (end + 1, low.parse().ok(), high.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn mistakes_as_python_tells_them() {
        for (pattern, message) in [
            ("*", "nothing to repeat at position 0"),
            ("a|*", "nothing to repeat at position 2"),
            ("(?:*)", "nothing to repeat at position 3"),
            ("(*)", "nothing to repeat at position 1"),
            ("(?P<n>x", "missing ), unterminated subpattern at position 0"),
            ("((a", "missing ), unterminated subpattern at position 1"),
            ("(?P<n", "missing >, unterminated name at position 4"),
            ("(?z)", "unknown extension ?z at position 1"),
            ("[b-a]", "bad character range b-a at position 1"),
            ("x{2,1}", "min repeat greater than max repeat at position 2"),
            ("\\q", "bad escape \\q at position 0"),
            ("x{3}{2}", "multiple repeat at position 4"),
            ("x???", "multiple repeat at position 3"),
            ("x\\", "bad escape (end of pattern) at position 1"),
            ("(?P<1a>x)", "bad character in group name '1a' at position 4"),
            ("[]", "unterminated character set at position 0"),
            ("[^", "unterminated character set at position 0"),
            (")", "unbalanced parenthesis at position 0"),
            ("(a|b))", "unbalanced parenthesis at position 5"),
            ("a{1}*", "multiple repeat at position 4"),
            ("^*", "nothing to repeat at position 1"),
        ] {
            assert_eq!(
                find(pattern).map(|mistake| mistake.to_string()).as_deref(),
                Some(message),
                "{pattern}"
            );
        }
        for pattern in
            ["a*?b+?c??", "x{2}?y{,3}z{a}", "[]a]", "[^]]", "(?i)a", "(?P<n>a)(?P=n)", "a{", "[a-]", "[\\w-]"]
        {
            assert_eq!(find(pattern), None, "{pattern}");
        }
    }
}
