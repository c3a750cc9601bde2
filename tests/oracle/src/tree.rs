//! Pictures of trees, to compare two of them.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Whether modification times are in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// They are not.
    No,
    /// They are, but for those of the last hour: what a test makes itself has no time of its own.
    BeforeNow,
}

/// A line for everything in a tree that `wanted` lets in by its path: kind, mode, owner and content, and which names
/// are the same file. The tree's own path is `{root}` wherever it stands.
///
/// # Errors
/// If something cannot be read.
pub fn picture(root: &Path, times: Times, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let mut out = Vec::new();
    let mut first: BTreeMap<u64, String> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        let name = entry.path().strip_prefix(root).unwrap_or(entry.path()).display().to_string();
        if !wanted(&name) {
            continue;
        }
        let meta = entry.metadata()?;
        let mut what = if meta.is_symlink() {
            format!("-> {}", std::fs::read_link(entry.path())?.display())
        } else if meta.is_dir() {
            "/".to_owned()
        } else if meta.is_file() {
            String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned()
        } else {
            "(special)".to_owned()
        };
        if !meta.is_dir() && meta.nlink() > 1 {
            let same = first.entry(meta.ino()).or_insert_with(|| name.clone());
            what.push_str(&format!(" = {same}"));
        }
        let mode = if meta.is_symlink() { 0 } else { meta.mode() & 0o7777 };
        let mut line = format!("{name} {mode:o} {}:{} {what:?}", meta.uid(), meta.gid());
        if times == Times::BeforeNow {
            let old = meta.modified()?.elapsed().is_ok_and(|age| age > Duration::from_secs(3600));
            line.push_str(&if old { format!(" {}", meta.mtime()) } else { " now".to_owned() });
        }
        out.push(line.replace(&root.display().to_string(), "{root}"));
    }
    Ok(out)
}
