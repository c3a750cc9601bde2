//! Where the text of a running template stands.

use std::sync::Arc;
use windlass_yaml::{SourceFile, Span};

/// The text of a running template and where it was written.
#[derive(Debug)]
pub struct Source {
    /// The text.
    pub text: Arc<str>,
    /// The scalar in a YAML file, or nothing for texts from nowhere.
    pub span: Option<Span>,
    /// The template file.
    pub file: Option<Arc<SourceFile>>,
}

impl Source {
    /// The line of a byte offset, within the text.
    #[must_use]
    pub fn line(&self, pos: u32) -> usize {
        self.text.get(..pos as usize).map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// The place of a byte offset.
    #[must_use]
    pub fn span(&self, pos: u32) -> Option<Span> {
        let pos = pos as usize;
        if let Some(file) = &self.file {
            let rest = file.text.get(pos..).unwrap_or_default();
            let len = rest.find(|c: char| c.is_whitespace() || "|}%),]".contains(c)).unwrap_or(rest.len());
            return Some(Span::new(file, pos, pos + len.max(1)));
        }
        self.span.as_ref().map(|span| locate(span, &self.text, pos))
    }
}

/// The place of an offset of a scalar's text inside the file that it was written in. Quoting and folding change the
/// text, so a line of it is searched for; failing that the whole scalar is the place.
#[must_use]
pub fn locate(span: &Span, text: &str, pos: usize) -> Span {
    let written = span.text();
    let len = text
        .get(pos..)
        .map_or(1, |rest| {
            rest.find(|c: char| c.is_whitespace() || "|}%),]".contains(c)).unwrap_or(rest.len())
        })
        .max(1);
    if let Some(at) = written.find(text) {
        return span.slice(at + pos, len);
    }
    let Some(before) = text.get(..pos) else { return span.clone() };
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].split('\n').next().unwrap_or_default();
    let column = pos - line_start;
    if !line.trim().is_empty()
        && let Some(at) = written.find(line)
    {
        return span.slice(at + column, len);
    }
    // Folded: the words around the place may still stand there as they are.
    if let Some(word) = text.get(pos..pos + len)
        && word.len() > 2
        && written.matches(word).count() == 1
        && let Some(at) = written.find(word)
    {
        return span.slice(at, len);
    }
    span.clone()
}
