//! Lookups that read files of the controller.

use super::{Call, Lookup, of};
use crate::template::context::{FileOptions, Overlay, TemplateContext};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::eval::source::Source;
use crate::template::eval::val::{R, Val, failed};
use crate::template::eval::{Env, Interp};
use crate::template::{filters, header};
use crate::vars::{Key, Map, Value};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use windlass_yaml::SourceFile;

pub(super) const LOOKUPS: &[Lookup] = &[
    of("file", file),
    of("unvault", |it, call| {
        let mut out = Vec::new();
        for term in call.texts(it)? {
            out.push(read(it, "files", &term, "file")?);
        }
        Ok(out)
    }),
    of("fileglob", fileglob),
    of("first_found", first_found),
    of("template", template),
];

/// Where a file is, by the rules for its kind.
pub(super) fn find(it: &Interp<'_>, kind: &str, name: &str) -> Option<PathBuf> {
    let name = filters::expand_user(name);
    it.cx.search.find(kind, &name)
}

/// A file's text, kept out of sight if it was encrypted.
pub(super) fn read(it: &mut Interp<'_>, kind: &str, name: &str, what: &str) -> R {
    let Some(path) = find(it, kind, name).filter(|p| p.is_file()) else {
        return Err(failed(format!(
            "Unable to access the {what} '{name}': File not found. Use -vvvvv to see paths searched."
        )));
    };
    let secret = std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"$ANSIBLE_VAULT;"));
    let text = crate::vars::Text::plain(it.shared.read_text(&path).map_err(failed)?);
    it.secret_seen |= secret;
    Ok(Val::Str(if secret { text.into_secret() } else { text }))
}

fn file(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let rstrip = call.flag(it, "rstrip", true)?;
    let lstrip = call.flag(it, "lstrip", false)?;
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let found = read(it, "files", &term, "file")?;
        let text = found.as_str().unwrap_or_default();
        let mut cut = text;
        if lstrip {
            cut = cut.trim_start();
        }
        if rstrip {
            cut = cut.trim_end();
        }
        out.push(it.derived(&[&found], cut.to_owned()));
    }
    Ok(out)
}

/// The files that match a pattern, in order of the alphabet.
pub(crate) fn glob(pattern: &str) -> Vec<String> {
    let path = Path::new(pattern);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let dirs = if has_magic(&dir.to_string_lossy()) {
        glob_any(&dir.to_string_lossy()).into_iter().map(PathBuf::from).filter(|p| p.is_dir()).collect()
    } else {
        vec![dir.to_owned()]
    };
    let mut out = Vec::new();
    for dir in dirs {
        out.extend(matches_in(&dir, &name.to_string_lossy()).into_iter().filter(|p| p.is_file()));
    }
    out.sort();
    out.into_iter().map(|p| p.display().to_string()).collect()
}

fn has_magic(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn glob_any(pattern: &str) -> Vec<String> {
    let path = Path::new(pattern);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return vec![pattern.to_owned()] };
    let dirs = if has_magic(&dir.to_string_lossy()) {
        glob_any(&dir.to_string_lossy())
    } else {
        vec![dir.display().to_string()]
    };
    dirs.iter()
        .flat_map(|dir| matches_in(Path::new(dir), &name.to_string_lossy()))
        .map(|p| p.display().to_string())
        .collect()
}

fn matches_in(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    if !has_magic(pattern) {
        let path = dir.join(pattern);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let Ok(glob) = globset::GlobBuilder::new(pattern).literal_separator(true).build() else {
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let Ok(entries) = std::fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| (pattern.starts_with('.') || !name.starts_with('.')) && matcher.is_match(name))
        .map(|name| dir.join(name))
        .collect()
}

fn fileglob(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out: Vec<String> = Vec::new();
    for term in call.texts(it)? {
        let term = filters::expand_user(&term);
        if Path::new(&term).is_absolute() {
            out.extend(glob(&term));
            continue;
        }
        for root in &it.cx.search.roots {
            let mut found = glob(&root.join("files").join(&term).display().to_string());
            if found.is_empty() {
                found = glob(&root.join(&term).display().to_string());
            }
            if !found.is_empty() {
                out.extend(found);
                break;
            }
        }
    }
    Ok(out.into_iter().map(Val::from).collect())
}

fn first_found(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut candidates: Vec<String> = Vec::new();
    let mut skip = call.flag(it, "skip", false)?;
    let mut terms = Vec::new();
    for term in &call.terms {
        if term.is_seq() { terms.extend(it.items(term)?) } else { terms.push(term.clone()) }
    }
    let split = |it: &mut Interp<'_>, value: Option<Val>| -> R<Vec<String>> {
        match value {
            None | Some(Val::None) => Ok(Vec::new()),
            Some(Val::Str(text)) => Ok(text
                .as_str()
                .split([',', ';', ':'])
                .map(|p| p.trim().to_owned())
                .filter(|p| !p.is_empty())
                .collect()),
            Some(list) => {
                let mut out = Vec::new();
                for item in it.items(&list)? {
                    out.push(it.str(&item)?);
                }
                Ok(out)
            }
        }
    };
    let combine = |files: Vec<String>, paths: Vec<String>, out: &mut Vec<String>| {
        if paths.is_empty() {
            out.extend(files);
        } else if files.is_empty() {
            out.extend(paths);
        } else {
            for path in &paths {
                for file in &files {
                    out.push(Path::new(path).join(file).display().to_string());
                }
            }
        }
    };
    let files = split(it, call.get("files").cloned())?;
    let paths = split(it, call.get("paths").cloned())?;
    if !files.is_empty() || !paths.is_empty() {
        let mut files = files;
        for term in &terms {
            if !term.is_dict() {
                files.push(it.str(term)?);
            }
        }
        combine(files, paths, &mut candidates);
        terms.retain(Val::is_dict);
    }
    for term in terms {
        if term.is_dict() {
            let (files, paths) = (it.entry_str(&term, "files")?, it.entry_str(&term, "paths")?);
            if let Some(flag) = it.entry_str(&term, "skip")? {
                skip |= filters::to_bool(&flag).unwrap_or(false);
            }
            let (files, paths) = (split(it, files)?, split(it, paths)?);
            combine(files, paths, &mut candidates);
        } else {
            candidates.push(it.str(&term)?);
        }
    }
    // Which folder is searched depends on who asks: files, or templates and tasks.
    for name in &candidates {
        for kind in ["files", "templates", "vars", "tasks"] {
            if let Some(path) = find(it, kind, name) {
                return Ok(vec![Val::from(path.display().to_string())]);
            }
        }
    }
    if skip {
        return Ok(Vec::new());
    }
    Err(failed("No file was found when using first_found."))
}

fn template(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut options = FileOptions::default();
    options.syntax.keep_trailing_newline = true;
    for (name, slot) in [
        ("variable_start_string", &mut options.syntax.variable_start),
        ("variable_end_string", &mut options.syntax.variable_end),
        ("comment_start_string", &mut options.syntax.comment_start),
        ("comment_end_string", &mut options.syntax.comment_end),
    ] {
        if let Some(text) = call.str(it, name)? {
            *slot = text;
        }
    }
    options.syntax.trim_blocks = call.flag(it, "trim_blocks", true)?;
    options.syntax.lstrip_blocks = call.flag(it, "lstrip_blocks", false)?;
    let mut front = Map::new();
    if let Some(vars) = call.get("template_vars").cloned() {
        for (key, value) in it.pairs(&vars)? {
            let value = it.lower(&value)?;
            front.insert(key, value);
        }
    }
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let Some(path) = find(it, "templates", &term).filter(|p| p.is_file()) else {
            return Err(failed(format!("the template file {term} could not be found for the lookup")));
        };
        let text = it.shared.read_text(&path).map_err(failed)?;
        let file = SourceFile::new(path.clone(), text);
        let (file, syntax) = header::apply(&file, &options.syntax)?;
        let template = it.shared.compile_file(&file, &syntax).map_err(|e| {
            TemplateError::new(TemplateErrorKind::Syntax, format!("Syntax error in template: {}", e.message))
                .at(Some(&windlass_yaml::Span::new(&file, e.pos, e.pos + 1)))
        })?;
        let mut front = front.clone();
        front.insert(Key::from("template_path"), Value::text(path.display().to_string()));
        front.insert(Key::from("template_fullpath"), Value::text(path.display().to_string()));
        if it.cx.scope.get("ansible_managed").is_none() {
            front.insert(Key::from("ansible_managed"), Value::text(it.shared.settings.managed.clone()));
        }
        let scope = Overlay { front: &front, behind: it.cx.scope };
        let mut inner = Interp::new(it.shared, TemplateContext { scope: &scope, search: it.cx.search });
        inner.syntax = Arc::new(syntax);
        let source =
            Source { text: Arc::from(file.text.as_str()), span: None, file: Some(Arc::clone(&file)) };
        let value = inner.nested(|inner| inner.run(&template, Rc::new(source), Env::root(false)))?;
        let mut text = String::new();
        inner.print(&value, &mut text)?;
        let secret = inner.secret_seen && matches!(&value, Val::Str(t) if t.is_secret());
        it.secret_seen |= inner.secret_seen;
        let text = crate::vars::Text::plain(text);
        out.push(Val::Str(if secret { text.into_secret() } else { text }));
    }
    Ok(out)
}
