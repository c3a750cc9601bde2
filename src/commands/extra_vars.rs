//! `-e`: `k=v`, JSON, YAML, or `@FILE`.

use crate::playbook::freeform;
use crate::secrets::{Secrets, load_vars_file};
use crate::vars::from_yaml::Reader;
use crate::vars::{Key, Map, Text, Value};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{SourceFile, Span};

/// All of them, later ones over earlier ones.
///
/// # Errors
/// What is wrong with one of them.
pub fn parse(given: &[String], secrets: &Secrets) -> Result<Map, Box<Diagnostic>> {
    let mut all = Map::new();
    for text in given {
        let text = text.trim();
        if let Some(path) = text.strip_prefix('@') {
            let path = std::path::PathBuf::from(crate::engine::connect::expand_home(path));
            let loaded = load_vars_file(&path, secrets).map_err(|e| Box::new(e.to_diagnostic()))?;
            all.extend(loaded.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
            continue;
        }
        let source = SourceFile::new("<extra vars>", text);
        if text.starts_with(['{', '[']) || text.contains(": ") && !text.contains('=') {
            let (node, _) = windlass_yaml::load_one(source).map_err(|e| Box::new(e.to_diagnostic()))?;
            let Some(node) = node else { continue };
            match (Reader { open: secrets, secret: false, trusted: true }).value(&node) {
                Value::Map(map) => all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
                _ => {
                    return Err(Box::new(
                        Diagnostic::error("extra variables are a mapping")
                            .at(&node.span)
                            .hint("write k=v, or {\"k\": \"v\"}"),
                    ));
                }
            }
            continue;
        }
        let span = Span::new(&source, 0, text.len());
        let free = freeform::split(text, false).map_err(|e| Box::new(e.at(&span)))?;
        if !free.raw.is_empty() {
            return Err(Box::new(
                Diagnostic::error(format!("'{}' is no extra variable", free.raw))
                    .at(&span)
                    .hint("write k=v, JSON, YAML, or @FILE"),
            ));
        }
        for (key, value) in free.pairs {
            all.insert(Key::from(key), Value::Str(Text::trusted(value, Some(span.clone()))));
        }
    }
    Ok(all)
}
