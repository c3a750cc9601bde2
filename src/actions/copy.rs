//! `copy`, `unarchive` and `assemble`: contents of the controller for the target.

use super::Cx;
use super::template::{mode_of, send};
use crate::engine::result::TaskOutcome;
use crate::transport::Source;
use crate::vars::{Key, Map, Value};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arguments for the target's side: what only the controller needs is left out.
fn remote_args(cx: &Cx<'_>) -> Map {
    let mut args = cx.args.clone();
    for own in ["src", "content", "decrypt", "local_follow"] {
        args.shift_remove(own);
    }
    args
}

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    if cx.args.get("dest").is_none_or(|d| matches!(d, Value::Null)) {
        return TaskOutcome::failure("dest is required");
    }
    let content = cx.args.get("content").filter(|c| !matches!(c, Value::Null));
    let src = cx.text("src");
    match (content, src) {
        (Some(_), Some(_)) => TaskOutcome::failure("src and content are mutually exclusive"),
        (None, None) => TaskOutcome::failure("src (or content) is required"),
        (Some(content), None) => {
            let text = match content {
                Value::Map(_) | Value::List(_) => content.to_json().to_string(),
                other => crate::vars::value::scalar_text(other).unwrap_or_default(),
            };
            if cx.text("dest").is_some_and(|d| d.ends_with('/')) {
                return TaskOutcome::failure("can not use content with a dir as dest");
            }
            send(
                cx,
                remote_args(cx),
                Source::Bytes(text.into_bytes().into()),
                Path::new("dynamically generated"),
            )
            .await
        }
        (None, Some(_)) if cx.flag("remote_src", false) => {
            cx.remote.module(cx.exec.task.action.spec, &cx.args).await
        }
        (None, Some(src)) => {
            let Some(path) = cx.exec.search.find("files", &src) else {
                let places: Vec<String> = cx
                    .exec
                    .search
                    .candidates("files", &src)
                    .iter()
                    .map(|p| format!("\n\t{}", p.display()))
                    .collect();
                return TaskOutcome::failure(format!(
                    "Could not find or access '{src}'\nSearched in:{} on the controller.\nIf you are using a module and expect the file to exist on the remote, see the remote_src option",
                    places.concat()
                ));
            };
            if path.is_dir() { tree(cx, &path, src.ends_with('/')).await } else { file(cx, &path).await }
        }
    }
}

/// The content of a file of the controller, decrypted if it is encrypted and that is not declined.
fn source(cx: &Cx<'_>, path: &Path) -> Result<Source, TaskOutcome> {
    let wrong = |reason: String| TaskOutcome::failure(format!("cannot read {}: {reason}", path.display()));
    let mut head = [0u8; 64];
    let read = std::fs::File::open(path).and_then(|mut f| std::io::Read::read(&mut f, &mut head));
    let read = read.map_err(|e| wrong(e.to_string()))?;
    if cx.flag("decrypt", true) && head[..read].starts_with(b"$ANSIBLE_VAULT;") {
        let bytes = cx.exec.shared.loader.read_bytes(path).map_err(wrong)?;
        return Ok(Source::Bytes(bytes.into()));
    }
    Ok(Source::File(path.to_owned()))
}

fn with_mode(mut args: Map, path: &Path) -> Map {
    if args.get("mode").and_then(Value::as_str) == Some("preserve") {
        args.insert(Key::from("mode"), Value::text(mode_of(path)));
    }
    args
}

async fn file(cx: &Cx<'_>, path: &Path) -> TaskOutcome {
    let content = match source(cx, path) {
        Ok(content) => content,
        Err(outcome) => return outcome,
    };
    let mut args = with_mode(remote_args(cx), path);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    args.insert(Key::from("_original_basename"), Value::text(name));
    send(cx, args, content, path).await
}

/// A folder: its files travel without waiting for one another.
async fn tree(cx: &Cx<'_>, root: &Path, contents_only: bool) -> TaskOutcome {
    let dest = cx.text("dest").unwrap_or_default();
    let mut base = PathBuf::from(&dest);
    if !contents_only && let Some(name) = root.file_name() {
        base.push(name);
    }
    let follow = cx.flag("local_follow", true);
    let Some(file_spec) = super::resolve("ansible.builtin.file") else {
        return TaskOutcome::failure("the agent has no module file");
    };
    let mut folders = Vec::new();
    let mut files = Vec::new();
    let mut links = Vec::new();
    for entry in walkdir::WalkDir::new(root).follow_links(follow).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return TaskOutcome::failure(format!("cannot read {}: {error}", root.display())),
        };
        let Ok(relative) = entry.path().strip_prefix(root) else { continue };
        let target = if relative.as_os_str().is_empty() { base.clone() } else { base.join(relative) };
        if entry.file_type().is_dir() {
            folders.push((entry.path().to_owned(), target));
        } else if entry.file_type().is_symlink() {
            links.push((entry.path().to_owned(), target));
        } else {
            files.push((entry.path().to_owned(), target));
        }
    }
    let mut changed = false;
    let mut diffs = Vec::new();
    let ownership = |mode: Option<Value>| -> Map {
        let mut args = Map::new();
        for key in ["owner", "group", "seuser", "serole", "setype", "selevel", "attributes"] {
            if let Some(value) = cx.args.get(key) {
                args.insert(Key::from(key), value.clone());
            }
        }
        if let Some(mode) = mode {
            args.insert(Key::from("mode"), mode);
        }
        args
    };
    for (path, target) in folders {
        let mode = cx
            .args
            .get("directory_mode")
            .cloned()
            .map(|m| if m.as_str() == Some("preserve") { Value::text(mode_of(&path)) } else { m });
        let mut args = ownership(mode);
        args.insert(Key::from("path"), Value::text(target.to_string_lossy()));
        args.insert(Key::from("state"), Value::text("directory"));
        let outcome = cx.remote.module(file_spec.spec, &args).await;
        if outcome.failed || outcome.unreachable {
            return outcome;
        }
        changed |= outcome.changed;
    }
    let mut pending = FuturesOrdered::new();
    for (path, target) in &files {
        pending.push_back(async move {
            let content = source(cx, path)?;
            let mut args = with_mode(remote_args(cx), path);
            args.insert(Key::from("dest"), Value::text(target.to_string_lossy()));
            Ok::<_, TaskOutcome>(send(cx, args, content, path).await)
        });
    }
    while let Some(outcome) = pending.next().await {
        let outcome = match outcome {
            Ok(outcome) | Err(outcome) => outcome,
        };
        if outcome.failed || outcome.unreachable {
            return outcome;
        }
        changed |= outcome.changed;
        diffs.extend(outcome.diff.iter().cloned());
    }
    for (path, target) in links {
        let Ok(to) = std::fs::read_link(&path) else { continue };
        let mut args = ownership(None);
        args.insert(Key::from("path"), Value::text(target.to_string_lossy()));
        args.insert(Key::from("src"), Value::text(to.to_string_lossy()));
        args.insert(Key::from("state"), Value::text("link"));
        args.insert(Key::from("force"), Value::Bool(true));
        let outcome = cx.remote.module(file_spec.spec, &args).await;
        if outcome.failed || outcome.unreachable {
            return outcome;
        }
        changed |= outcome.changed;
    }
    let mut out = TaskOutcome { changed, diff: Arc::new(diffs), ..TaskOutcome::default() };
    out.set("dest", dest);
    out.set("src", root.to_string_lossy().into_owned());
    out
}

/// Sends an archive along, unless it is on the target already.
pub(super) async fn unarchive(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    let src = cx.text("src").unwrap_or_default();
    if cx.flag("remote_src", false) || !cx.flag("copy", true) || src.contains("://") {
        return cx.remote.module(spec, &cx.args).await;
    }
    let Some(path) = cx.exec.search.find("files", &src) else {
        return TaskOutcome::failure(format!("Could not find or access '{src}' on the controller"));
    };
    let content = match source(cx, &path) {
        Ok(content) => content,
        Err(outcome) => return outcome,
    };
    let checked = match crate::engine::delegate::check(spec, &cx.args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    match cx.remote.request(spec.name, checked, vec![("content".to_owned(), content)], None).await {
        Ok(outcome) => TaskOutcome::from_agent(outcome),
        Err(error) => error.into(),
    }
}

/// Joins fragments: on the target, or those of the controller.
pub(super) async fn assemble(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    if cx.flag("remote_src", true) {
        return cx.remote.module(spec, &cx.args).await;
    }
    let src = cx.text("src").unwrap_or_default();
    let Some(dir) = cx.exec.search.find("files", &src).filter(|p| p.is_dir()) else {
        return TaskOutcome::failure(format!("Could not find or access '{src}' on the controller"));
    };
    let pattern = match cx.text("regexp").map(|p| fancy_regex::Regex::new(&p)) {
        None => None,
        Some(Ok(pattern)) => Some(pattern),
        Some(Err(error)) => return TaskOutcome::failure(format!("Invalid Regexp: {error}")),
    };
    let delimiter = cx.text("delimiter").map(|d| d.replace("\\n", "\n"));
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    let mut joined: Vec<u8> = Vec::new();
    let mut needs_newline = false;
    for name in names {
        let path = dir.join(&name);
        let hidden = cx.flag("ignore_hidden", false) && name.starts_with('.');
        if !path.is_file() || hidden || pattern.as_ref().is_some_and(|p| !p.is_match(&name).unwrap_or(false))
        {
            continue;
        }
        let Ok(content) = std::fs::read(&path) else {
            return TaskOutcome::failure(format!("cannot read {}", path.display()));
        };
        if needs_newline {
            joined.push(b'\n');
        }
        if let Some(delimiter) = delimiter.as_ref().filter(|_| !joined.is_empty()) {
            joined.extend_from_slice(delimiter.as_bytes());
            if !delimiter.ends_with('\n') {
                joined.push(b'\n');
            }
        }
        needs_newline = !content.ends_with(b"\n");
        joined.extend(content);
    }
    let mut args = remote_args(cx);
    for own in ["delimiter", "regexp", "ignore_hidden", "remote_src"] {
        args.shift_remove(own);
    }
    send(cx, args, Source::Bytes(joined.into()), &dir).await
}
