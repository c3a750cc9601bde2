//! What the engine and the transport ask of the person at the terminal.

use crate::engine::run::Prompt;
use crate::report::question;
use crate::secrets::Redactor;
use crate::transport::{Prompter, Secret};
use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

/// Asks on the terminal, or reads a line of standard input if that is none.
pub struct TerminalPrompt;

impl Prompt for TerminalPrompt {
    fn ask(&self, text: &str, secret: bool) -> Option<String> {
        if secret && self.interactive() {
            return question::secret(text).ok();
        }
        question::line(text).ok().flatten()
    }

    fn interactive(&self) -> bool {
        std::io::stdin().is_terminal()
    }
}

/// Asks for the passphrases of private keys.
pub struct KeyPrompt {
    /// Hears of what was typed.
    pub redactor: Arc<Redactor>,
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
        let answer = question::secret(&format!("Enter passphrase for key '{}': ", key.display())).ok()?;
        self.redactor.add(&answer);
        Some(Secret::new(answer))
    }
}
