//! Patterns for names, by the rules of Python's `fnmatch`: `*`, `?`, `[...]`, `[!...]`, and nothing that is special about
//! slashes, dots or two stars.

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Any signs, also none.
    Any,
    /// One sign.
    One,
    Sign(char),
    /// One of these ranges, or none of them.
    Set(bool, Vec<(char, char)>),
}

impl Piece {
    fn fits(&self, sign: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Sign(wanted) => *wanted == sign,
            Self::Set(without, ranges) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&sign)) != *without
            }
        }
    }
}

/// A pattern. There is none that is wrong: a bracket that is not closed is a plain sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fnmatch(Vec<Piece>);

impl Fnmatch {
    /// Reads it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let signs: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < signs.len() {
            let sign = signs[at];
            at += 1;
            pieces.push(match sign {
                // Several are as good as one.
                '*' if pieces.last() == Some(&Piece::Any) => continue,
                '*' => Piece::Any,
                '?' => Piece::One,
                '[' => match set(&signs[at..]) {
                    Some((set, length)) => {
                        at += length;
                        set
                    }
                    None => Piece::Sign('['),
                },
                sign => Piece::Sign(sign),
            });
        }
        Self(pieces)
    }

    /// Whether the whole name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut piece, mut sign) = (0, 0);
        // Where to go on if what follows the last star does not fit: one sign more is the star's.
        let mut again = None;
        loop {
            match self.0.get(piece) {
                Some(Piece::Any) => {
                    piece += 1;
                    again = Some((piece, sign));
                    continue;
                }
                Some(wanted) if name.get(sign).is_some_and(|sign| wanted.fits(*sign)) => {
                    (piece, sign) = (piece + 1, sign + 1);
                    continue;
                }
                None if sign == name.len() => return true,
                _ => {}
            }
            match again {
                Some((after, from)) if from < name.len() => {
                    again = Some((after, from + 1));
                    (piece, sign) = (after, from + 1);
                }
                _ => return false,
            }
        }
    }
}

/// What follows a bracket up to the one that closes it, and its length.
fn set(signs: &[char]) -> Option<(Piece, usize)> {
    let without = signs.first() == Some(&'!');
    let start = usize::from(without);
    // A bracket that comes first is one of the signs.
    let end = start + 1 + signs.get(start + 1..)?.iter().position(|sign| *sign == ']')?;
    let body = &signs[start..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < body.len() {
        match body[at..] {
            [low, '-', high, ..] => {
                ranges.push((low, high));
                at += 3;
            }
            [sign, ..] => {
                ranges.push((sign, sign));
                at += 1;
            }
            [] => break,
        }
    }
    Some((Piece::Set(without, ranges), end + 1))
}

#[cfg(test)]
mod tests {
    use super::Fnmatch;

    #[test]
    fn patterns_are_those_of_fnmatch() {
        for (pattern, yes, no) in [
            ("*", "", None),
            ("*.conf", ".conf", Some("x.con")),
            ("a**b", "a/x/b", Some("ab.")),
            ("a?c", "abc", Some("ac")),
            ("[a-c]x", "bx", Some("dx")),
            ("[!a-c]x", "dx", Some("bx")),
            ("[]a]", "]", Some("b")),
            ("[!]a]", "b", Some("]")),
            ("[a-]", "-", Some("b")),
            ("[z-a]x", "[z-a]x", None),
            ("[ab", "[ab", Some("a")),
            ("[]", "[]", Some("")),
            ("*a*b*c", "xaybzabc", Some("xaybzab")),
            ("gr*n", "gr\u{fc}n", Some("gr")),
        ] {
            let pattern_is = Fnmatch::new(pattern);
            assert_eq!(pattern_is.matches(yes), pattern != "[z-a]x", "{pattern} on {yes}");
            assert!(no.is_none_or(|no| !pattern_is.matches(no)), "{pattern} on {no:?}");
        }
    }
}
