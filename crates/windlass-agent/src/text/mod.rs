//! Text as the modules that edit files see it: Python's regular expressions, command lines in words, diffs.

mod bytes;
mod diff;
pub mod pattern;
mod words;

pub use bytes::{decode, encode};
pub use diff::text_diff;
pub use words::{WordsError, split_words, validation};
