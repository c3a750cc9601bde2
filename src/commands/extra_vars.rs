//! `-e`: `k=v`, JSON, YAML, or `@FILE`.

use crate::playbook::freeform;
use crate::playbook::problems::near_file;
use crate::secrets::{LoadError, Secrets, load_vars_file};
use crate::vars::from_yaml::Reader;
use crate::vars::{Key, Map, Text, Value};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{SourceFile, Span};

/// What is wrong with an option `-e`.
#[derive(Debug)]
pub struct Wrong {
    /// What.
    pub diagnostic: Box<Diagnostic>,
    /// The exit code, Ansible's: 4 for what cannot be read, 5 for what is no mapping, 1 for a missing file.
    pub code: u8,
}

fn wrong(diagnostic: Diagnostic, code: u8) -> Wrong {
    Wrong { diagnostic: Box::new(diagnostic), code }
}

/// A value in which what JSON marks as no template (`{"__ansible_unsafe": "..."}`) is none.
fn without_marks(value: &Value) -> Value {
    match value {
        Value::Map(map) => match map.get("__ansible_unsafe") {
            Some(Value::Str(text)) if map.len() == 1 => Value::Str(text.clone().into_untrusted()),
            _ => Value::map(map.iter().map(|(k, v)| (k.clone(), without_marks(v))).collect()),
        },
        Value::List(items) => Value::list(items.iter().map(without_marks).collect()),
        other => other.clone(),
    }
}

/// All of them, later ones over earlier ones.
///
/// # Errors
/// What is wrong with one of them.
pub fn parse(given: &[String], secrets: &Secrets) -> Result<Map, Wrong> {
    let mut all = Map::new();
    for text in given {
        let text = text.trim();
        if let Some(path) = text.strip_prefix('@') {
            let path = std::path::PathBuf::from(crate::engine::connect::expand_home(path));
            let loaded = load_vars_file(&path, secrets).map_err(|e| {
                let code = match &e {
                    LoadError::NotMapping { .. } => 5,
                    LoadError::Read { .. } => 1,
                    _ => 4,
                };
                let near = near_file(&path).filter(|_| !path.exists());
                let diagnostic = e.to_diagnostic();
                wrong(
                    match near {
                        Some(near) => diagnostic.hint(format!("did you mean `@{near}`?")),
                        None => diagnostic,
                    },
                    code,
                )
            })?;
            all.extend(loaded.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
            continue;
        }
        let source = SourceFile::new("<extra vars>", text);
        if text.starts_with(['{', '[']) || text.contains(": ") && !text.contains('=') {
            let (node, _) = windlass_yaml::load_one(source).map_err(|e| wrong(e.to_diagnostic(), 4))?;
            let Some(node) = node else { continue };
            match (Reader { open: secrets, secret: false, trusted: true }).value(&node) {
                Value::Map(map) => all.extend(map.iter().map(|(k, v)| (k.clone(), without_marks(v)))),
                _ => {
                    let error =
                        Diagnostic::error(format!("extra variables are a mapping, this is {}", node.kind()));
                    return Err(wrong(error.at(&node.span).hint("write k=v, or {\"k\": \"v\"}"), 5));
                }
            }
            continue;
        }
        let span = Span::new(&source, 0, text.len());
        let free = freeform::split(text, false).map_err(|_| {
            let error = Diagnostic::error("a quote or a Jinja brace is not closed").at(&span);
            wrong(error.hint("quote a value with blanks as a whole: -e 'name=\"a b\"'"), 4)
        })?;
        if !free.raw.is_empty() {
            let hint = if std::path::Path::new(&free.raw).is_file() {
                format!("for a file write @{}", free.raw)
            } else {
                "write k=v, JSON, YAML, or @FILE".to_owned()
            };
            let error = Diagnostic::error(format!("'{}' is no extra variable", free.raw)).at(&span);
            return Err(wrong(error.hint(hint), 5));
        }
        for (key, value) in free.pairs {
            all.insert(Key::from(key), Value::Str(Text::trusted(value, Some(span.clone()))));
        }
    }
    Ok(all)
}
