//! Files and places in them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What stands in the place of a hidden piece of a text.
const MASK: &str = "********";

/// One file (or other text) that nodes point into.
#[derive(Debug)]
pub struct SourceFile {
    /// The path as it is shown to the user; not necessarily a path that exists.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
    /// Pieces that no excerpt shows.
    hidden: RwLock<Vec<Range<usize>>>,
}

/// What is hidden is no part of what a file is.
impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.text == other.text
    }
}

impl Eq for SourceFile {}

/// A piece of a file as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, with what is hidden masked.
    pub text: String,
    /// Where it begins in the file.
    start: usize,
    /// What was masked: where in the file, and where in the text the mask stands.
    masks: Vec<(Range<usize>, usize)>,
}

impl Excerpt {
    /// Where a place of the file is in the text. A place in what is hidden is at its mask: before it, or, for the end of a
    /// piece, behind it.
    #[must_use]
    pub fn place(&self, at: usize, is_end: bool) -> usize {
        let mut shift = (self.start, 0);
        for (range, mask) in &self.masks {
            if at <= range.start {
                break;
            }
            if at < range.end {
                return if is_end { mask + MASK.len() } else { *mask };
            }
            shift = (range.end, mask + MASK.len());
        }
        (shift.1 + at.saturating_sub(shift.0)).min(self.text.len())
    }
}

impl SourceFile {
    /// Wraps a text under the name it is to be reported by.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), hidden: RwLock::default() })
    }

    /// Lets no excerpt show a piece: it is a secret that was written into the file.
    pub fn hide(&self, piece: Range<usize>) {
        let piece = floor_char(&self.text, piece.start)..floor_char(&self.text, piece.end);
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        if !piece.is_empty() && !hidden.contains(&piece) {
            hidden.push(piece);
        }
    }

    /// A piece as it may be shown. Lines that lie in what is hidden are masked each, so that there are as many as in the file.
    #[must_use]
    pub fn excerpt(&self, piece: Range<usize>) -> Excerpt {
        let (start, end) = (floor_char(&self.text, piece.start), floor_char(&self.text, piece.end));
        let mut out = Excerpt { text: String::new(), start, masks: Vec::new() };
        let mut done = start;
        for range in self.hidden_lines(start, end) {
            match out.masks.last_mut().filter(|(last, _)| range.start < last.end) {
                // One mask for what overlaps.
                Some((last, _)) => last.end = last.end.max(range.end),
                None => {
                    out.text.push_str(&self.text[done..range.start]);
                    out.masks.push((range.clone(), out.text.len()));
                    out.text.push_str(MASK);
                }
            }
            done = done.max(range.end);
        }
        out.text.push_str(self.text.get(done..end).unwrap_or_default());
        out
    }

    /// What is hidden between two places, line by line and in order.
    fn hidden_lines(&self, start: usize, end: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for range in self.hidden.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let (from, to) = (range.start.max(start), range.end.min(end));
            let mut at = from;
            for line in self.text.get(from..to).unwrap_or_default().split_inclusive('\n') {
                let text = line.trim_end();
                let indent = text.len() - text.trim_start().len();
                if indent < text.len() {
                    found.push(at + indent..at + text.len());
                }
                at += line.len();
            }
        }
        found.sort_unstable_by_key(|range: &Range<usize>| (range.start, std::cmp::Reverse(range.end)));
        found
    }

    /// Reads a file; bytes that are no UTF-8 are an error, as they are for Ansible.
    pub fn read(path: impl AsRef<Path>) -> std::io::Result<Arc<Self>> {
        let path = path.as_ref();
        Ok(Self::new(path, std::fs::read_to_string(path)?))
    }

    /// A line as it may be shown, without its end, counted from 1.
    #[must_use]
    pub fn shown_line(&self, line: u32) -> Option<String> {
        self.line_range(line).map(|range| self.excerpt(range).text)
    }

    /// The line's text without its end, counted from 1.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.text.get(self.line_range(line)?)
    }

    fn line_range(&self, line: u32) -> Option<Range<usize>> {
        let before = (line as usize).checked_sub(1)?;
        let start = match before {
            0 => 0,
            _ => self.text.match_indices('\n').nth(before - 1)?.0 + 1,
        };
        let text = self.text[start..].split('\n').next()?;
        Some(start..start + text.strip_suffix('\r').unwrap_or(text).len())
    }
}

/// A piece of a [`SourceFile`].
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file it lies in.
    pub file: Arc<SourceFile>,
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset behind the last character.
    pub end: usize,
    /// Line of the first character, counted from 1.
    pub line: u32,
    /// Column of the first character, counted from 1, in characters.
    pub column: u32,
}

impl Span {
    /// The span of a byte range; line and column are counted from the text. Offsets beyond the text, or inside a
    /// character, are moved back to the nearest place that exists.
    pub fn new(file: &Arc<SourceFile>, start: usize, end: usize) -> Self {
        let text = &file.text;
        let start = floor_char(text, start);
        let end = floor_char(text, end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Self {
            file: Arc::clone(file),
            start,
            end,
            line: to_u32(before.matches('\n').count() + 1),
            column: to_u32(text[line_start..start].chars().count() + 1),
        }
    }

    /// The span of a whole line (counted from 1), without leading blanks.
    pub fn of_line(file: &Arc<SourceFile>, line: u32) -> Self {
        let mut at = 0;
        for (number, text) in (1u32..).zip(file.text.split('\n')) {
            if number == line {
                let indent = text.len() - text.trim_start().len();
                return Self::new(file, at + indent, at + text.trim_end().len());
            }
            at += text.len() + 1;
        }
        Self::new(file, file.text.len(), file.text.len())
    }

    /// A span of the same file that starts `from` bytes into this one and is `len` bytes long. Meant for pointing
    /// into a scalar whose text stands in the file as it is.
    pub fn slice(&self, from: usize, len: usize) -> Self {
        Self::new(&self.file, self.start + from, self.start + from + len)
    }

    /// The text that is covered.
    pub fn text(&self) -> &str {
        self.file.text.get(self.start..self.end).unwrap_or_default()
    }

    /// The path of the file, as shown to the user.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.path.display(), self.line, self.column)
    }
}

impl fmt::Debug for Span {
    /// Leaves the file's text out: a tree of nodes would print it once per node.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({self}, {}..{})", self.start, self.end)
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_in_no_excerpt() {
        let file = SourceFile::new("a.yml", "a: 1\npassword: hunter2 # why\nkey: |\n  one\n\n  two\nb: 2\n");
        let at = |text: &str| file.text.find(text).unwrap_or_default();
        assert_eq!(file.shown_line(2).as_deref(), Some("password: hunter2 # why"));
        file.hide(at("hunter2")..at(" # why"));
        file.hide(at("|")..at("b: 2"));
        assert_eq!(file.shown_line(1).as_deref(), Some("a: 1"));
        assert_eq!(file.shown_line(2).as_deref(), Some("password: ******** # why"));
        assert_eq!(file.shown_line(9), None);
        let all = file.excerpt(0..file.text.len());
        assert_eq!(
            all.text,
            "a: 1\npassword: ******** # why\nkey: ********\n  ********\n\n  ********\nb: 2\n"
        );
        assert_eq!(all.place(at("password"), false), 5);
        assert_eq!(&all.text[all.place(at("unter2"), false)..all.place(at("nter2"), true)], MASK);
        assert!(all.text[all.place(at("# why"), false)..].starts_with("# why"));
        assert!(all.text[all.place(at("b: 2"), false)..].starts_with("b: 2"));
        let from = at("# why");
        assert_eq!(file.excerpt(from..at("key")).text, "# why\n", "what is before it does not matter");
    }
}
