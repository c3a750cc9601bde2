//! Questions to the person at the terminal.

use crate::engine::run::Prompt;
use std::io::{IsTerminal, Write};

/// Asks on the controlling terminal, or reads a line of standard input if that is none.
pub struct TerminalPrompt;

impl Prompt for TerminalPrompt {
    fn ask(&self, text: &str, secret: bool) -> Option<String> {
        let mut err = std::io::stderr();
        let _ = write!(err, "{text}");
        let _ = err.flush();
        let stdin = std::io::stdin();
        if secret && stdin.is_terminal() {
            return rpassword::read_password().ok();
        }
        let mut line = String::new();
        match stdin.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\n', '\r']).to_owned()),
        }
    }
}
