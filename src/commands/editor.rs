//! Letting the user change a text in an editor.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use zeroize::Zeroizing;

/// Why an editor did not give a text.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// `EDITOR` cannot be split into words.
    #[error("EDITOR is not a valid command: {0}")]
    Command(String),
    /// It cannot be run.
    #[error("cannot run the editor {editor}: {source}")]
    Run {
        /// The program.
        editor: String,
        /// Why.
        source: io::Error,
    },
    /// It failed.
    #[error("the editor ended with {0}; nothing was changed")]
    Failed(std::process::ExitStatus),
    /// The temporary file cannot be used.
    #[error("cannot use a temporary file: {0}")]
    Temporary(#[from] io::Error),
}

/// Opens a text in the user's editor and gives back what it was left as. The text lies in a file that only the user may
/// read, in a folder that only the user may enter, and is overwritten before both are removed.
pub(crate) fn edit(text: &[u8], like: &Path) -> Result<Zeroizing<Vec<u8>>, EditorError> {
    let command = std::env::var("VISUAL")
        .ok()
        .filter(|text| !text.trim().is_empty())
        .or_else(|| std::env::var("EDITOR").ok().filter(|text| !text.trim().is_empty()))
        .unwrap_or_else(|| "vi".to_owned());
    let words = shlex::split(&command).filter(|words| !words.is_empty());
    let mut words = words.ok_or_else(|| EditorError::Command(command.clone()))?.into_iter();
    let editor = words.next().unwrap_or_default();
    let dir = tempfile::Builder::new().prefix("windlass-edit-").tempdir()?;
    // The name helps the editor to know what it edits.
    let name = like.file_name().map_or_else(|| "secret.yml".into(), |name| name.to_os_string());
    let path = dir.path().join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text)?;
    drop(file);
    let result = (|| {
        let status = Command::new(&editor)
            .args(words)
            .arg(&path)
            .status()
            .map_err(|source| EditorError::Run { editor: editor.clone(), source })?;
        if !status.success() {
            return Err(EditorError::Failed(status));
        }
        Ok(Zeroizing::new(fs::read(&path)?))
    })();
    wipe(dir.path());
    result
}

/// Overwrites every file in the folder: editors leave backups.
fn wipe(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_file()
            && let Ok(mut file) = OpenOptions::new().write(true).open(entry.path())
        {
            let zeros = vec![0u8; usize::try_from(meta.len()).unwrap_or(0).min(1 << 24)];
            let _ = file.write_all(&zeros).and_then(|()| file.sync_all());
        }
    }
}
