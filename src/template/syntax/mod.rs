//! Jinja's grammar: text to tokens to a tree.

pub mod ast;
pub mod lexer;
mod parse_expr;
mod parse_stmt;
pub mod walk;

pub use parse_stmt::{parse_expression, parse_template};

/// The delimiters and the whitespace rules of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// Starts a statement.
    pub block_start: String,
    /// Ends a statement.
    pub block_end: String,
    /// Starts a printed expression.
    pub variable_start: String,
    /// Ends a printed expression.
    pub variable_end: String,
    /// Starts a comment.
    pub comment_start: String,
    /// Ends a comment.
    pub comment_end: String,
    /// Starts a statement that is a line of its own.
    pub line_statement: Option<String>,
    /// Starts a comment up to the end of the line.
    pub line_comment: Option<String>,
    /// A newline behind a statement or comment is dropped.
    pub trim_blocks: bool,
    /// Blanks in front of a statement or comment are dropped where it starts its line.
    pub lstrip_blocks: bool,
    /// One newline at the end of the template is kept.
    pub keep_trailing_newline: bool,
    /// Backslashes in string literals of printed expressions stand for themselves, as they do in playbooks.
    pub raw_strings: bool,
    /// What a line end in the template becomes.
    pub newline: &'static str,
}

impl Default for Syntax {
    /// As texts in playbooks are read.
    fn default() -> Self {
        Self {
            block_start: "{%".to_owned(),
            block_end: "%}".to_owned(),
            variable_start: "{{".to_owned(),
            variable_end: "}}".to_owned(),
            comment_start: "{#".to_owned(),
            comment_end: "#}".to_owned(),
            line_statement: None,
            line_comment: None,
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: false,
            raw_strings: true,
            newline: "\n",
        }
    }
}

/// A mistake in the text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// In Jinja's words.
    pub message: String,
    /// Byte offset in the template.
    pub pos: usize,
}

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>, pos: usize) -> Self {
        Self { message: message.into(), pos }
    }
}
