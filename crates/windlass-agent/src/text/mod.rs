//! Text as the modules that edit files see it: Python's regular expressions, command lines in words, diffs.

mod bytes;
mod diff;
mod edit;
mod fnmatch;
pub mod pattern;
mod words;

pub use bytes::{decode, encode, native, shown};
pub use diff::{LIMIT, omitted, text_diff};
pub use edit::other_encoding;
pub use edit::{Edit, Writing, lines_of};
pub use fnmatch::Fnmatch;
pub use words::{WordsError, split_words, validation};
