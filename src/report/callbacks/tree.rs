//! The callback `tree`: each host's last result in a file of its own.

use super::{Callback, Said};
use crate::report::dump::Dump;
use crate::report::event::{Event, Status};
use crate::report::values;
use crate::secrets::Redactor;
use std::path::PathBuf;
use std::sync::Arc;

/// Writes results to files.
pub struct Tree {
    /// The folder.
    pub folder: PathBuf,
    /// `-v`, counted.
    pub verbosity: u8,
    /// Hides secrets.
    pub redactor: Arc<Redactor>,
}

impl Callback for Tree {
    fn event(&mut self, event: &Event, said: &mut Vec<Said>) {
        let Event::Result(result) = event else { return };
        if result.status == Status::Skipped {
            return;
        }
        let dump = Dump { verbosity: self.verbosity, ..Dump::default() };
        let text = dump.text(&values::all(result, self.verbosity > 2), result.shown && !result.no_log);
        if let Err(error) = std::fs::create_dir_all(&self.folder) {
            let folder = self.folder.display();
            said.push(Said::Warning(format!(
                "Unable to access or create the configured directory '{folder}': {error}"
            )));
        }
        // A name that leads out of the folder names no file in it.
        let host = result.host.replace('/', "_");
        if let Err(error) = std::fs::write(self.folder.join(host), self.redactor.redact(&text).as_bytes()) {
            said.push(Said::Warning(format!("Unable to write to '{}'s file: {error}", result.host)));
        }
    }
}
