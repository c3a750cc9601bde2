//! Files and places in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file (or other text) that nodes point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as it is shown to the user; not necessarily a path that exists.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Wraps a text under the name it is to be reported by.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Reads a file; bytes that are no UTF-8 are an error, as they are for Ansible.
    pub fn read(path: impl AsRef<Path>) -> std::io::Result<Arc<Self>> {
        let path = path.as_ref();
        Ok(Self::new(path, std::fs::read_to_string(path)?))
    }

    /// The line's text without its end, counted from 1.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.text.split('\n').nth((line as usize).checked_sub(1)?).map(|l| l.strip_suffix('\r').unwrap_or(l))
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
