//! `copy`, `unarchive` and `assemble`: contents of the controller for the target.

use super::Cx;
use super::content::{Content, asking, send};
use super::copy_tree::tree;
use super::template::mode_of;
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Map, Value};
use std::path::Path;
use windlass_agent::text::{native, shown};

/// The arguments for the target's side: what only the controller needs is left out.
pub(super) fn remote_args(cx: &Cx<'_>) -> Map {
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
        (Some(_), Some(_)) => {
            let mut out = TaskOutcome::failure("src and content are mutually exclusive");
            out.argument = Some("content".to_owned());
            out.hint = Some("give one of them".to_owned());
            out
        }
        (None, None) => TaskOutcome::failure("src (or content) is required"),
        (Some(content), None) => {
            let text = match content {
                Value::Map(_) | Value::List(_) => crate::report::json::dump_line(&content.to_json()),
                other => crate::vars::value::scalar_text(other).unwrap_or_default(),
            };
            if cx.text("dest").is_some_and(|d| d.ends_with('/')) {
                return TaskOutcome::failure("can not use content with a dir as dest");
            }
            send(cx, remote_args(cx), Content::of(text.into_bytes()), Path::new("")).await
        }
        (None, Some(_)) if cx.flag("remote_src", false) => {
            cx.remote.module(cx.exec.task.action.spec, &cx.args).await
        }
        (None, Some(src)) => {
            let Some(path) = cx.exec.search.find("files", &src) else {
                return super::not_found(cx, "files", &src);
            };
            if path.is_dir() { tree(cx, &path, src.ends_with('/')).await } else { file(cx, &path).await }
        }
    }
}

fn with_mode(mut args: Map, path: &Path) -> Map {
    if args.get("mode").and_then(Value::as_str) == Some("preserve") {
        args.insert(Key::from("mode"), Value::text(mode_of(path)));
    }
    args
}

async fn file(cx: &Cx<'_>, path: &Path) -> TaskOutcome {
    let content = match Content::of_file(cx, path) {
        Ok(content) => content,
        Err(outcome) => return *outcome,
    };
    let mut args = with_mode(remote_args(cx), path);
    let name = path.file_name().map(|n| shown(Path::new(n))).unwrap_or_default();
    args.insert(Key::from("_original_basename"), Value::text(name));
    let mut out = send(cx, args, content, path).await;
    if out.changed && !cx.keywords.check {
        out.set("src", path.display().to_string());
    }
    out
}

/// Sends an archive along, unless it is on the target already, or what it would make is.
pub(super) async fn unarchive(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    let src = cx.text("src").unwrap_or_default();
    if cx.flag("remote_src", false) || !cx.flag("copy", true) || src.contains("://") {
        return cx.remote.module(spec, &cx.args).await;
    }
    let Some(path) = cx.exec.search.find("files", &src) else {
        return super::not_found(cx, "files", &src);
    };
    let content = match Content::of_file(cx, &path) {
        Ok(content) => content,
        Err(outcome) => return *outcome,
    };
    let mut checked = match crate::engine::delegate::check(spec, &cx.args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let outcome = if cx.text("creates").is_some() {
        checked.insert("_ask".into(), true.into());
        asking(cx, spec, checked, "content", content).await
    } else {
        cx.remote.request(spec.name, checked, vec![("content".to_owned(), content.source)], None).await
    };
    match outcome {
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
        return super::not_found(cx, "files", &src);
    };
    let pattern = match cx.text("regexp").map(|p| fancy_regex::Regex::new(&p)) {
        None => None,
        Some(Ok(pattern)) => Some(pattern),
        Some(Err(error)) => return TaskOutcome::failure(format!("Invalid Regexp: {error}")),
    };
    let delimiter = cx.text("delimiter").map(|d| d.replace("\\n", "\n"));
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .map(|entries| entries.flatten().map(|e| shown(Path::new(&e.file_name()))).collect())
        .unwrap_or_default();
    names.sort();
    let mut joined: Vec<u8> = Vec::new();
    let mut needs_newline = false;
    for name in names {
        let path = dir.join(native(Path::new(&name)));
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
    send(cx, args, Content::of(joined), &dir).await
}
