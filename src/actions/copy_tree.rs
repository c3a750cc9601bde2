//! `copy` of a folder: many entries in one request, and of the files only those that the target lacks.

use super::Cx;
use super::content::{Content, copy_spec, hash_file, hide, needs, with_tree};
use super::copy::remote_args;
use super::template::mode_of;
use crate::engine::delegate;
use crate::engine::result::TaskOutcome;
use crate::transport::Source;
use crate::vars::{Key, Value};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_agent::text::shown;
use windlass_protocol::modules::copy::{TreeEntry, TreeKind};
use windlass_protocol::{Diff, JsonMap, Outcome};

/// How many entries go into one request: a frame has a limit, and a plan is held in memory.
const ENTRIES: usize = 5000;
/// Up to this many bytes of files go with the first request of their entries, without asking.
const AT_ONCE: u64 = 256 << 10;
/// How often contents are sent again, where the files change meanwhile.
const ROUNDS: usize = 4;

/// Copies a folder, or what is in it.
pub(super) async fn tree(cx: &Cx<'_>, root: &Path, contents_only: bool) -> TaskOutcome {
    let dest = cx.text("dest").unwrap_or_default();
    let mut base = PathBuf::from(&dest);
    if !contents_only && let Some(name) = root.file_name() {
        base.push(name);
    }
    let Some(spec) = copy_spec() else { return TaskOutcome::failure("the agent has no module copy") };
    let mut args = remote_args(cx);
    args.insert(Key::from("dest"), Value::text(shown(&base)));
    let checked = match delegate::check(spec, &args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let found = match Found::below(cx, root).await {
        Ok(found) => found,
        Err(outcome) => return *outcome,
    };
    let mut out = TaskOutcome::default();
    let mut diffs = Vec::new();
    for entries in found.entries.chunks(ENTRIES) {
        let mut outcome = match batch(cx, spec.name, &checked, entries, &found.contents).await {
            Ok(outcome) => outcome,
            Err(outcome) => return *outcome,
        };
        if outcome.failed {
            outcome.changed |= out.changed;
            return TaskOutcome::from_agent(outcome);
        }
        out.changed |= outcome.changed;
        out.warnings.append(&mut outcome.warnings);
        for mut diff in outcome.diff {
            if let Diff::Text { after, .. } = &mut diff {
                let secret = match Path::new(&after.header).strip_prefix(&base) {
                    Ok(relative) => {
                        let secret = found.secret.contains(&*relative.to_string_lossy());
                        after.header = root.join(relative).display().to_string();
                        secret
                    }
                    // The target has another name for the folder (`~`, `$VAR`, a link): it may be any of them.
                    Err(_) => !found.secret.is_empty(),
                };
                if secret {
                    hide(&mut diff);
                }
            }
            diffs.push(diff);
        }
    }
    out.diff = Arc::new(diffs);
    out.set("dest", format!("{}/", dest.trim_end_matches('/')));
    out.set("src", root.to_string_lossy().into_owned());
    out
}

/// Some entries: what the target lacks of their contents is sent when it says so.
async fn batch(
    cx: &Cx<'_>,
    module: &str,
    args: &JsonMap,
    entries: &[TreeEntry],
    contents: &HashMap<String, Source>,
) -> Result<Outcome, Box<TaskOutcome>> {
    let args = with_tree(args.clone(), entries);
    let all: u64 = entries.iter().filter_map(|entry| entry.size).sum();
    let files = entries.iter().filter(|entry| entry.kind == TreeKind::File).map(|entry| entry.path.clone());
    let mut wanted: Vec<String> = if all <= AT_ONCE { files.collect() } else { Vec::new() };
    for _ in 0..ROUNDS {
        // The target asks by name: what is not of this batch it does not get.
        let blobs = wanted.iter().filter_map(|name| Some((name.clone(), contents.get(name)?.clone())));
        let outcome = cx.remote.request(module, args.clone(), blobs.collect(), None).await;
        let outcome = outcome.map_err(|error| Box::new(error.into()))?;
        match needs(&outcome).filter(|_| !outcome.failed) {
            None => return Ok(outcome),
            Some(more) => wanted.extend(more),
        }
        wanted.sort_unstable();
        wanted.dedup();
    }
    let text = "the folder changed again and again while it was copied";
    Err(Box::new(TaskOutcome::failure(text)))
}

/// What is below a folder.
#[derive(Default)]
struct Found {
    entries: Vec<TreeEntry>,
    contents: HashMap<String, Source>,
    /// Files that are encrypted here.
    secret: HashSet<String>,
}

impl Found {
    async fn below(cx: &Cx<'_>, root: &Path) -> Result<Self, Box<TaskOutcome>> {
        let follow = cx.flag("local_follow", true);
        let mut found = Self::default();
        for entry in walkdir::WalkDir::new(root).follow_links(follow).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                Box::new(TaskOutcome::failure(format!("cannot read {}: {error}", root.display())))
            })?;
            let Ok(relative) = entry.path().strip_prefix(root) else { continue };
            let path = shown(relative);
            let mut new = TreeEntry {
                path,
                kind: TreeKind::Directory,
                target: None,
                mode: None,
                hash: None,
                size: None,
            };
            if entry.file_type().is_dir() {
                new.mode = Some(mode_of(entry.path()));
            } else if entry.file_type().is_symlink() {
                let Ok(target) = std::fs::read_link(entry.path()) else { continue };
                new.kind = TreeKind::Link;
                new.target = Some(shown(&target));
            } else {
                let content = Content::of_file(cx, entry.path())?;
                new.kind = TreeKind::File;
                new.mode = Some(mode_of(entry.path()));
                if let Source::Bytes(bytes) = &content.source {
                    new.hash = Some(blake3::hash(bytes).to_hex().to_string());
                    new.size = Some(content.size);
                }
                if content.secret {
                    found.secret.insert(new.path.clone());
                }
                found.contents.insert(new.path.clone(), content.source);
            }
            found.entries.push(new);
        }
        let read = tokio::task::spawn_blocking(move || found.with_hashes()).await;
        read.unwrap_or_else(|error| Err(Box::new(TaskOutcome::failure(error.to_string()))))
    }

    /// Reads the files.
    fn with_hashes(mut self) -> Result<Self, Box<TaskOutcome>> {
        for entry in self.entries.iter_mut().filter(|entry| entry.kind == TreeKind::File) {
            if let Some(Source::File(path)) = self.contents.get(&entry.path) {
                let (hash, size) = hash_file(path).map_err(|error| {
                    Box::new(TaskOutcome::failure(format!("cannot read {}: {error}", path.display())))
                })?;
                entry.hash = Some(hash);
                entry.size = Some(size);
            }
        }
        Ok(self)
    }
}
