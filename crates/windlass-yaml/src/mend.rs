//! Quoted values whose next lines are not indented.
//!
//! PyYAML lets the lines of a quoted value begin in any column, and real files make use of that; the parser underneath
//! wants them indented. Blanks at the beginning of such a line do not belong to the value, so it can be indented for the
//! parser, as long as every place it reports is counted back.

/// A text for the parser that is longer than the file's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mended {
    pub(crate) text: String,
    /// Where blanks were put in (offset in the mended text) and how many, in order.
    inserted: Vec<(usize, usize)>,
}

impl Mended {
    /// The text with the quoted value that covers `at` (the beginning of a line that is not indented) indented. `None` when
    /// there is no such value.
    pub(crate) fn new(original: &str, previous: Option<&Self>, at: usize) -> Option<Self> {
        let text = previous.map_or(original, |mended| mended.text.as_str());
        let (open, close) = enclosing_quote(text, at)?;
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
        let count = open - line_start(open) + 1;
        let mut out = String::with_capacity(text.len() + 64);
        let mut inserted: Vec<(usize, usize)> = Vec::new();
        let mut done = line_start(at);
        out.push_str(&text[..done]);
        while done <= close {
            let end = text[done..].find('\n').map_or(text.len(), |i| done + i + 1);
            let line = &text[done..end];
            // The end of the document may not stand in a value, wherever it begins.
            let marker = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
            if marker.is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty()) {
                return None;
            }
            if !line.trim().is_empty() {
                inserted.push((out.len(), count));
                out.push_str(&" ".repeat(count));
            }
            out.push_str(line);
            done = end;
            if end == text.len() {
                break;
            }
        }
        let shift = out.len() - done;
        out.push_str(&text[done..]);
        // What was put in before lies in front of or behind the value, never inside it.
        let first = inserted.first().map_or(0, |(at, _)| *at);
        let earlier = previous.map(|mended| mended.inserted.as_slice()).unwrap_or_default();
        let mut all: Vec<(usize, usize)> = Vec::with_capacity(earlier.len() + inserted.len());
        all.extend(earlier.iter().filter(|(at, _)| *at < first));
        all.extend(&inserted);
        all.extend(earlier.iter().filter(|(at, _)| *at >= first).map(|(at, count)| (at + shift, *count)));
        Some(Self { text: out, inserted: all })
    }

    /// The text with a blank in front of the comment that begins at `at`: behind a quote or a bracket PyYAML wants none. `None` when
    /// there is no comment.
    pub(crate) fn separated(original: &str, previous: Option<&Self>, at: usize) -> Option<Self> {
        let mut out =
            previous.cloned().unwrap_or_else(|| Self { text: original.to_owned(), inserted: Vec::new() });
        if !out.text.get(at..)?.starts_with('#') {
            return None;
        }
        out.text.insert(at, ' ');
        let place = out.inserted.partition_point(|(before, _)| *before < at);
        out.inserted[place..].iter_mut().for_each(|(later, _)| *later += 1);
        out.inserted.insert(place, (at, 1));
        Some(out)
    }

    /// The offset in the file that belongs to one in the mended text.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let upto = self.inserted.partition_point(|(at, _)| *at < offset);
        let before: usize = self.inserted[..upto].iter().map(|(_, count)| count).sum();
        // Inside of what was put in: the beginning of the line.
        let over = match self.inserted[..upto].last() {
            Some((at, count)) if offset < at + count => at + count - offset,
            _ => 0,
        };
        offset + over - before
    }

    /// How many columns to the right a place of the mended text lies, beside its place in the file.
    pub(crate) fn column_shift(&self, offset: usize) -> usize {
        let upto = self.inserted.partition_point(|(at, _)| *at <= offset);
        match self.inserted[..upto].last() {
            Some((at, count)) if !self.text[*at..offset.max(*at)].contains('\n') => (*count).min(offset - at),
            _ => 0,
        }
    }
}

/// The quoted value that began before `at` and goes on behind it: its quote, and where it closes.
fn enclosing_quote(text: &str, at: usize) -> Option<(usize, usize)> {
    let mut end = text[..at].rfind('\n')?;
    loop {
        let start = text[..end].rfind('\n').map_or(0, |i| i + 1);
        let line = &text[start..end];
        for (i, c) in line.char_indices() {
            if !matches!(c, '"' | '\'') {
                continue;
            }
            // A value begins behind `: ` or `- `, or is all of its line.
            let before = line[..i].trim_end_matches([' ', '\t']);
            let begins = before.is_empty() || (before.len() < i && before.ends_with([':', '-', '?']));
            if begins
                && let Some(close) = closing(text, start + i)
                && close > at
            {
                return Some((start + i, close));
            }
        }
        end = start.checked_sub(1)?;
    }
}

/// Where the quote at an offset is closed.
fn closing(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[open];
    let mut i = open + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if quote == b'"' => i += 1,
            b if b == quote => {
                if quote == b'\'' && bytes.get(i + 1) == Some(&b'\'') {
                    i += 1;
                } else {
                    return Some(i);
                }
            }
            _ => {}
        }
        i += 1;
    }
    None
}

/// Whether a value holds what looks like entries of a mapping: then its quote was likely meant to be closed before.
pub(crate) fn swallows_keys(text: &str, at: usize) -> bool {
    let Some((_, close)) = enclosing_quote(text, at) else { return true };
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    text[start..close].lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("- ").unwrap_or(line);
        line.split_once(':').is_some_and(|(key, rest)| {
            let word =
                !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
            word && (rest.is_empty() || rest.starts_with(' '))
        })
    })
}
