//! Lookups that read files of the controller.

use super::{Call, Lookup, of};
use crate::template::context::{FileOptions, Overlay, TemplateContext};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::eval::source::Source;
use crate::template::eval::val::{R, Val, failed};
use crate::template::eval::{Env, Interp, with_line_ends};
use crate::template::templar::blamed;
use crate::template::{filters, header};
use crate::vars::{Key, Map, Value};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use windlass_agent::text::Fnmatch;
use windlass_yaml::SourceFile;

pub(super) const LOOKUPS: &[Lookup] = &[
    of("file", file),
    of("unvault", |it, call| {
        let mut out = Vec::new();
        for term in call.texts(it)? {
            if find(it, "files", &term).is_none() {
                return Err(failed(format!("Unable to find file matching \"{term}\"")));
            }
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
    read_encoded(it, kind, name, what, "utf-8")
}

/// The same for a file in another encoding.
pub(super) fn read_encoded(it: &mut Interp<'_>, kind: &str, name: &str, what: &str, encoding: &str) -> R {
    let found = find(it, kind, name);
    if let Some(path) = found.as_ref().filter(|p| p.is_dir()) {
        let path = path.display().to_string();
        let path = path.trim_end_matches('/');
        return Err(failed(format!(
            "Unable to access the {what} '{name}': An error occurred while trying to read the file '{path}': [Errno 21] Is a directory: '{path}'"
        )));
    }
    let Some(path) = found else {
        return Err(failed(format!(
            "Unable to access the {what} '{name}': File not found. Use -vvvvv to see paths searched."
        )));
    };
    let secret = std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"$ANSIBLE_VAULT;"));
    let bytes = it.shared.read_bytes(&path)?;
    let text = crate::vars::Text::plain(decode(bytes, encoding, &path)?);
    it.secret_seen |= secret;
    if secret {
        it.learn(text.as_str());
    }
    Ok(Val::Str(if secret { text.into_secret() } else { text }))
}

/// Text of bytes in one of the encodings that are in use, by Python's names for them.
fn decode(bytes: Vec<u8>, encoding: &str, path: &Path) -> R<String> {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().map(|text| text.trim_start_matches('\u{feff}').to_owned())
    };
    let name = encoding.to_ascii_lowercase().replace(['_', ' '], "-");
    let text = match name.as_str() {
        "utf-8" | "utf8" | "u8" => String::from_utf8(bytes).ok(),
        "utf-8-sig" => {
            String::from_utf8(bytes).ok().map(|text| text.trim_start_matches('\u{feff}').to_owned())
        }
        "ascii" | "us-ascii" => String::from_utf8(bytes).ok().filter(|text| text.is_ascii()),
        "latin-1" | "latin1" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" => {
            Some(bytes.iter().map(|b| char::from(*b)).collect())
        }
        "utf-16" if bytes.starts_with(&[0xfe, 0xff]) => wide(u16::from_be_bytes),
        "utf-16" | "utf-16-le" | "utf-16le" => wide(u16::from_le_bytes),
        "utf-16-be" | "utf-16be" => wide(u16::from_be_bytes),
        _ => return Err(failed(format!("unknown encoding: {encoding}"))),
    };
    text.ok_or_else(|| failed(format!("{} is not valid {}", path.display(), encoding.to_uppercase())))
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
    let wanted = Fnmatch::new(pattern);
    let Ok(entries) = std::fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| (pattern.starts_with('.') || !name.starts_with('.')) && wanted.matches(name))
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
        } else if matches!(term.clone().defined()?, Val::Str(_)) {
            candidates.push(it.str(&term)?);
        } else {
            return Err(failed(format!(
                "Invalid term supplied. A string, dict or list is required, not '{}').",
                term.type_name()
            )));
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
    let opening =
        [&options.syntax.block_start, &options.syntax.variable_start, &options.syntax.comment_start];
    if opening[0] == opening[1] || opening[1] == opening[2] || opening[0] == opening[2] {
        return Err(failed("Block, variable and comment start strings must be different."));
    }
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
        let text = it.shared.read_text(&path)?;
        let file = SourceFile::new(path.clone(), text);
        let (start, syntax) = header::apply(&file, &options.syntax)?;
        let template = it.shared.compile_file(&file, start, &syntax).map_err(|e| {
            TemplateError::new(TemplateErrorKind::Syntax, format!("Syntax error in template: {}", e.message))
                .at(Some(&windlass_yaml::Span::new(&file, e.pos, e.pos + 1)))
        })?;
        let front = front.clone();
        let mut own = crate::template::about::variables(&path, &path.display().to_string(), None);
        if it.cx.scope.get("ansible_managed").is_none() {
            own.insert(Key::from("ansible_managed"), Value::text(it.shared.settings.managed.clone()));
        }
        own.extend(front);
        let front = own;
        let scope = Overlay { front: &front, behind: it.cx.scope };
        let mut inner = Interp::new(it.shared, TemplateContext { scope: &scope, search: it.cx.search });
        inner.syntax = Arc::new(syntax);
        inner.folder = path.parent().map(Path::to_owned);
        let source =
            Source { text: Arc::from(file.text.as_str()), span: None, file: Some(Arc::clone(&file)) };
        let value = {
            let run = |inner: &mut Interp<'_>| inner.run(&template, Rc::new(source), Env::root(false));
            inner.nested(run).map_err(|e| match e.kind {
                // The template's fault, not the lookup's.
                TemplateErrorKind::Failed
                    if !blamed(&e.message) && !e.message.starts_with("Error rendering") =>
                {
                    TemplateError {
                        kind: TemplateErrorKind::Rendering,
                        message: format!("Error rendering template: {}", e.message),
                        ..e
                    }
                }
                _ => e,
            })?
        };
        it.secret_seen |= inner.secret_seen;
        let value = match value {
            Val::Undefined(_) => value.defined()?,
            other => other,
        };
        out.push(with_line_ends(value, &file.text[start..], "\n"));
    }
    Ok(out)
}
