//! Questions to the person at the terminal.

use crate::engine::run::Prompt;
use crate::report::terminal::Terminal;
use crate::secrets::Redactor;
use crate::transport::{Prompter, Secret};
use std::fmt;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Asks on the terminal, or reads a line of standard input if that is none.
pub struct TerminalPrompt;

impl Prompt for TerminalPrompt {
    fn ask(&self, text: &str, secret: bool) -> Option<String> {
        let stdin = std::io::stdin();
        if secret && stdin.is_terminal() {
            return rpassword::prompt_password(text).ok();
        }
        let mut out = std::io::stdout();
        let _ = write!(out, "{text}");
        let _ = out.flush();
        let mut line = String::new();
        match stdin.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\n', '\r']).to_owned()),
        }
    }

    fn interactive(&self) -> bool {
        std::io::stdin().is_terminal()
    }
}

/// Asks for the passphrases of private keys.
pub struct KeyPrompt {
    /// Hears of what was typed.
    pub redactor: Arc<Redactor>,
    /// Is kept from drawing over the question.
    pub terminal: Arc<Terminal>,
}

impl fmt::Debug for KeyPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPrompt")
    }
}

impl Prompter for KeyPrompt {
    fn passphrase(&self, key: &Path) -> Option<Secret> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let question = format!("Enter passphrase for key '{}': ", key.display());
        let answer = self.terminal.suspended(|| rpassword::prompt_password(question)).ok()?;
        self.redactor.add(&answer);
        Some(Secret::new(answer))
    }
}
