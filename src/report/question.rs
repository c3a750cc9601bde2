//! Questions to the person at the terminal. Nothing is drawn over them, and what is typed in answer to a secret one never shows.

use super::terminal::Terminal;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What draws on the terminal now.
static DRAWING: Mutex<Option<Weak<Terminal>>> = Mutex::new(None);

/// From now on this one is kept quiet while a question is open.
pub fn drawn_by(terminal: &Arc<Terminal>) {
    *DRAWING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(terminal));
}

fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
    match drawing {
        Some(terminal) => terminal.suspended(work),
        None => work(),
    }
}

/// Asks on the controlling terminal, without echo.
///
/// # Errors
/// If there is no terminal, or it cannot be read.
pub fn secret(prompt: &str) -> io::Result<String> {
    undisturbed(|| {
        // Before the prompt appears: who answers at once is not shown either.
        let _quiet = Quiet::begin();
        rpassword::prompt_password(prompt)
    })
}

/// Asks on standard output, for a line of standard input. `None`: it has ended.
///
/// # Errors
/// If it cannot be read.
pub fn line(prompt: &str) -> io::Result<Option<String>> {
    undisturbed(|| {
        let mut out = io::stdout();
        let _ = write!(out, "{prompt}");
        let _ = out.flush();
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
    })
}

/// Asks on the controlling terminal, with echo.
///
/// # Errors
/// If there is no terminal, or it cannot be read.
pub fn visible(prompt: &str) -> io::Result<String> {
    use std::io::{BufRead, BufReader};
    undisturbed(|| {
        let mut terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        terminal.write_all(prompt.as_bytes())?;
        let mut line = String::new();
        BufReader::new(terminal).read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    })
}

/// The terminal without echo, for as long as this lives.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn begin() -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO;
        tcsetattr(&terminal, OptionalActions::Now, &quiet).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
