//! What a command talks to.

use std::io::{self, Read, Write};
use std::sync::Arc;

use windlass_yaml::diagnostic::{Diagnostic, render};

use crate::secrets::{Ask, Redactor};

/// The streams of a command. Commands write through it and nowhere else, so that tests can listen and secrets are masked
/// in messages.
pub struct Console<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output: the result.
    pub out: &'a mut dyn Write,
    /// Standard error: messages.
    pub err: &'a mut dyn Write,
    /// Whether messages may be coloured.
    pub color: bool,
    /// Whether standard output is a terminal.
    pub interactive: bool,
    /// Asks for passwords.
    pub ask: Arc<dyn Ask>,
    /// Masks secrets in messages.
    pub redactor: Arc<Redactor>,
}

impl Console<'_> {
    /// Shows an error or a warning.
    pub fn report(&mut self, diagnostic: &Diagnostic) {
        let text = render(diagnostic, self.color);
        // There is nowhere to complain about a closed standard error.
        let _ = writeln!(self.err, "{}", self.redactor.redact(&text));
    }

    /// Says something on standard error.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{}", self.redactor.redact(text));
    }

    /// Writes the result.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}
