//! Before and after of a file.

use windlass_protocol::{Diff, DiffSide};

/// Larger contents are not shown.
pub const LIMIT: usize = 104_448;

/// In place of the diff of a content that is too large for one.
#[must_use]
pub fn omitted(path: &str) -> Diff {
    Diff::Omitted { path: path.to_owned(), reason: format!("source file size is greater than {LIMIT}") }
}

/// The diff of two contents with their headers. Binary and very large ones are left out, and it says so.
#[must_use]
pub fn text_diff(headers: (&str, &str), before: &[u8], after: &[u8]) -> Diff {
    let sides = [("destination", before), ("source", after)];
    if sides.iter().any(|(_, bytes)| bytes.len() > LIMIT) {
        return omitted(headers.1);
    }
    let binary: Vec<String> = sides
        .iter()
        .filter(|(_, bytes)| bytes.contains(&0))
        .map(|(side, _)| format!("{side} file appears to be binary"))
        .collect();
    if !binary.is_empty() {
        return Diff::Omitted { path: headers.1.to_owned(), reason: binary.join("\n") };
    }
    let side = |header: &str, bytes: &[u8]| DiffSide {
        header: header.to_owned(),
        text: String::from_utf8_lossy(bytes).into_owned(),
    };
    Diff::Text { before: side(headers.0, before), after: side(headers.1, after) }
}
