//! An archive of the version that is checked out.

use super::command::{Git, hinted};
use crate::module::{ModuleError, Plan};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::{FileAttrs, Op, What};

/// Adds the step that writes the archive, unless it is there as it should be.
pub(super) fn step(git: &Git<'_>, plan: &mut Plan, path: &str) -> Result<(), ModuleError> {
    let extension = Path::new(path).extension().map(|e| e.to_string_lossy().into_owned());
    let format = match extension.as_deref() {
        Some("zip") => "zip",
        Some("gz") => "tar.gz",
        Some("tar") => "tar",
        Some("tgz") => "tgz",
        _ => {
            let msg = format!("Unable to get file extension from archive file name : {path}");
            let details = "Please specify archive as filename with extension. File extension can be one of \
                           ['tar', 'tar.gz', 'zip', 'tgz']";
            return Err(ModuleError::new(msg).with("details", details));
        }
    };
    let prefix = git.args.archive_prefix.as_ref().map(|prefix| format!("--prefix={prefix}"));
    let mut words = vec!["archive", "--format", format];
    words.extend(prefix.as_deref());
    words.push(&git.args.version);
    // The archive comes on standard output, to be compared before anything is written.
    let output = git.ask(&words)?;
    if output.code != 0 {
        let details = hinted(output.err().trim().to_owned());
        return Err(ModuleError::new("Failed to perform archive operation").with("details", details));
    }
    let target = Path::new(path);
    let before = match git.sys.stat(target)? {
        Some(_) => Some(git.sys.read(target)?),
        None => None,
    };
    if before.as_ref() == Some(&output.stdout) {
        return Ok(());
    }
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let what = What::FileWritten {
        path: path.to_owned(),
        before: before.as_deref().map(hash),
        after: hash(&output.stdout),
    };
    let op = Op::Write {
        path: path.to_owned(),
        content: Content::Bytes(output.stdout),
        attrs: FileAttrs::default(),
        backup: false,
        validate: None,
        in_place: false,
    };
    plan.push(what, op);
    plan.changed = Some(true);
    Ok(())
}
