//! `include_vars`.

use super::{Cx, text_list};
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Map, Value, merge};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

pub(super) fn run(cx: &Cx<'_>) -> TaskOutcome {
    let mut vars = Map::new();
    let mut used = Vec::new();
    let result = match cx.text("dir") {
        Some(dir) => folder(cx, &dir, &mut vars, &mut used),
        None => match cx.text("file").or_else(|| cx.text("_raw_params")) {
            Some(file) => single(cx, &file, &mut vars, &mut used),
            None if cx.args.contains_key("file") => Err(IncludeVarsError::NoFile),
            None => Err(IncludeVarsError::NoSource),
        },
    };
    if let Err(error) = result {
        let message = error.to_string();
        let file = cx.text("file").or_else(|| cx.text("_raw_params")).filter(|_| cx.text("dir").is_none());
        let mut out = match file.filter(|file| cx.exec.search.find("vars", file).is_none()) {
            Some(file) => super::missing(cx, "vars", &file, message.clone()),
            None => TaskOutcome::failure(message.clone()),
        };
        out.set("message", message);
        out.set("ansible_included_var_files", Value::list(used));
        return out;
    }
    // Variables are templates still: they are rendered where they are used.
    let mut vars = match cx.text("name") {
        Some(name) => [(Key::from(name), Value::map(vars))].into_iter().collect(),
        None => vars,
    };
    if cx.text("hash_behaviour").as_deref() == Some("merge") {
        for (key, value) in &mut vars {
            if let Some(below) = key.as_str().and_then(|name| cx.layers.find(name)) {
                *value = merge::over(below, value);
            }
        }
    }
    let vars = Arc::new(vars);
    let mut out = TaskOutcome { included_vars: Some(Arc::clone(&vars)), ..TaskOutcome::default() };
    out.set("ansible_facts", Value::Map(vars));
    out.set("ansible_included_var_files", Value::list(used));
    out
}

/// Why variables cannot be included.
#[derive(Debug, thiserror::Error)]
enum IncludeVarsError {
    #[error("one of 'file' and 'dir' is needed")]
    NoSource,
    #[error("Could not find file: its name is empty")]
    NoFile,
    #[error("Could not find or access '{file}'; searched in: {}", places.join(", "))]
    NotFound { file: String, places: Vec<String> },
    #[error("{} does not have a valid extension: {}", path.display(), allowed.join(", "))]
    Extension { path: PathBuf, allowed: Vec<String> },
    #[error("{} is not a directory", .0.display())]
    NotFolder(PathBuf),
    #[error("{0} directory does not exist")]
    NoFolder(String),
    /// A regular expression of this option is none.
    #[error("{option}: {source}")]
    Expression { option: &'static str, source: fancy_regex::Error },
    /// What is wrong with a file that was found.
    #[error("{}{}", .0.message, .0.span.as_ref().map(|span| format!(" ({span})")).unwrap_or_default())]
    File(Box<Diagnostic>),
}

fn expression(option: &'static str, pattern: &str) -> Result<fancy_regex::Regex, IncludeVarsError> {
    fancy_regex::Regex::new(pattern).map_err(|source| IncludeVarsError::Expression { option, source })
}

fn load(cx: &Cx<'_>, path: &Path, vars: &mut Map, used: &mut Vec<Value>) -> Result<(), IncludeVarsError> {
    let (map, _) = cx.exec.shared.loader.vars_file_result(path).map_err(IncludeVarsError::File)?;
    vars.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
    used.push(Value::text(path.to_string_lossy()));
    Ok(())
}

fn single(cx: &Cx<'_>, file: &str, vars: &mut Map, used: &mut Vec<Value>) -> Result<(), IncludeVarsError> {
    let path = cx.exec.search.find("vars", file).ok_or_else(|| {
        let places: Vec<String> =
            cx.exec.search.candidates("vars", file).iter().map(|p| p.display().to_string()).collect();
        IncludeVarsError::NotFound { file: file.to_owned(), places }
    })?;
    let allowed = match cx.args.get("extensions") {
        Some(value) => text_list(Some(value)),
        None => ["json", "yaml", "yml"].map(str::to_owned).to_vec(),
    };
    let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    if !extension.is_empty() && !allowed.iter().any(|a| a.trim_start_matches('.') == extension) {
        return Err(IncludeVarsError::Extension { path, allowed });
    }
    load(cx, &path, vars, used)
}

fn folder(cx: &Cx<'_>, dir: &str, vars: &mut Map, used: &mut Vec<Value>) -> Result<(), IncludeVarsError> {
    let root = match cx.exec.search.find("vars", dir) {
        Some(root) if root.is_dir() => root,
        Some(root) => return Err(IncludeVarsError::NotFolder(root)),
        None => return Err(IncludeVarsError::NoFolder(dir.to_owned())),
    };
    let depth = cx.args.get("depth").and_then(crate::engine::keywords::whole).unwrap_or(0);
    let matching = match cx.text("files_matching") {
        Some(pattern) => Some(expression("files_matching", &pattern)?),
        None => None,
    };
    let ignored: Vec<fancy_regex::Regex> = text_list(cx.args.get("ignore_files"))
        .iter()
        .map(|pattern| expression("ignore_files", pattern))
        .collect::<Result<_, _>>()?;
    let extensions = match cx.args.get("extensions") {
        Some(value) => text_list(Some(value)),
        None => ["json", "yaml", "yml"].map(str::to_owned).to_vec(),
    };
    let unknown_is_fine = cx.flag("ignore_unknown_extensions", false);
    let mut walk = walkdir::WalkDir::new(&root).follow_links(true).sort_by_file_name().min_depth(1);
    if depth > 0 {
        walk = walk.max_depth(depth as usize);
    }
    let mut files: Vec<PathBuf> =
        walk.into_iter().flatten().map(walkdir::DirEntry::into_path).filter(|p| p.is_file()).collect();
    files.sort();
    for path in files {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if matching.as_ref().is_some_and(|m| !m.is_match(&name).unwrap_or(false)) {
            continue;
        }
        if ignored.iter().any(|i| i.is_match(&name).unwrap_or(false)) || name.starts_with('.') {
            continue;
        }
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        if !extensions.iter().any(|a| a.trim_start_matches('.') == extension) {
            if unknown_is_fine || matching.is_some() {
                continue;
            }
            return Err(IncludeVarsError::Extension { path, allowed: extensions });
        }
        load(cx, &path, vars, used)?;
    }
    Ok(())
}
