//! Lines that are known by how they begin: a hash for each line of a large secret, whatever its length.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

/// So many bytes make a beginning.
pub(super) const WINDOW: usize = 16;

/// Beginnings of lines, and how long the longest line is that begins so.
#[derive(Debug, Clone)]
pub(super) struct Beginnings {
    lines: HashMap<u64, usize>,
    /// Of the rolling hash, another one in each run; and its power that the byte that leaves the window has.
    base: u64,
    top: u64,
}

impl Default for Beginnings {
    fn default() -> Self {
        let base = std::hash::RandomState::new().hash_one(WINDOW) | 1;
        let top = (1..WINDOW).fold(1u64, |power, _| power.wrapping_mul(base));
        Self { lines: HashMap::new(), base, top }
    }
}

impl Beginnings {
    fn step(&self, hash: u64, byte: u8) -> u64 {
        hash.wrapping_mul(self.base).wrapping_add(u64::from(byte) + 1)
    }

    /// Adds a line that is at least as long as a beginning; whether that is new.
    pub(super) fn add(&mut self, line: &str) -> bool {
        let Some(window) = line.as_bytes().get(..WINDOW) else { return false };
        let hash = window.iter().fold(0, |hash, byte| self.step(hash, *byte));
        let longest = self.lines.entry(hash).or_default();
        let new = *longest < line.len();
        *longest = line.len().max(*longest);
        new
    }

    /// Where in a text such lines are, in order; never beyond the end of a line of the text.
    pub(super) fn find(&self, text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        if self.lines.is_empty() || bytes.len() < WINDOW {
            return found;
        }
        let mut hash = 0u64;
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if at >= WINDOW {
                let gone = (u64::from(bytes[at - WINDOW]) + 1).wrapping_mul(self.top);
                hash = self.step(hash.wrapping_sub(gone), *byte);
            } else {
                hash = self.step(hash, *byte);
            }
            let Some(start) = (at + 1).checked_sub(WINDOW).filter(|start| *start >= from) else { continue };
            let Some(length) = self.lines.get(&hash).filter(|_| text.is_char_boundary(start)) else {
                continue;
            };
            let end = end_of(text, start, *length);
            found.push((start, end));
            from = end;
        }
        found
    }
}

/// Where a line of that length ends in a text, in which a byte of it may be escaped.
fn end_of(text: &str, start: usize, length: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    for _ in 0..length {
        match bytes.get(at) {
            None | Some(b'\n') => break,
            Some(b'\\') if bytes.get(at + 1) == Some(&b'u') => at += 6,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
    let mut at = at.min(bytes.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &[&str]) -> Beginnings {
        let mut out = Beginnings::default();
        for line in lines {
            out.add(line);
        }
        out
    }

    #[test]
    fn whole_lines_anywhere() {
        let known = with(&["a line of some length", "schöne Zeile mit Umlauten äöü"]);
        assert_eq!(known.find("a line of some length"), [(0, 21)]);
        assert_eq!(known.find("xx a line of some length yy"), [(3, 24)]);
        assert_eq!(known.find("a line of some l\nength"), [(0, 16)]);
        let text = "é schöne Zeile mit Umlauten äöü é";
        let found = known.find(text);
        assert_eq!(
            found.iter().map(|(a, b)| &text[*a..*b]).collect::<Vec<_>>(),
            ["schöne Zeile mit Umlauten äöü"]
        );
        assert!(known.find("a line of").is_empty());
        assert!(Beginnings::default().find("a line of some length").is_empty());
    }

    #[test]
    fn escaped_ones() {
        let known = with(&["0123456789abcdef \"quoted\" end"]);
        let text = r#"{"k": "0123456789abcdef \"quoted\" end", "n": 1}"#;
        let (start, end) = known.find(text)[0];
        assert_eq!(&text[start..end], r#"0123456789abcdef \"quoted\" end"#);
    }
}
