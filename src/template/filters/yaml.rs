//! YAML in and out.

use super::Filter;
use super::yaml_emit::{Layout, dump};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::Value;
use crate::vars::from_yaml::{OpenNothing, Reader};
use windlass_yaml::SourceFile;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("to_yaml", &["**"], |it, b| write(it, b, Layout::default())),
    Filter::new("to_nice_yaml", &["indent", "**"], |it, b| {
        let indent = b.size(0, 4)?.clamp(2, 9);
        write(it, b, Layout { indent, flow: Some(false), ..Layout::default() })
    }),
    Filter::apart("from_yaml", &[], |it, b| {
        let Some(text) = b.value.as_str() else { return Ok(b.value.clone()) };
        let mut documents = read(text)?;
        match documents.len() {
            0 => Ok(Val::None),
            1 => it.from_value(documents.remove(0)),
            _ => Err(failed("expected a single document in the stream")),
        }
    }),
    Filter::apart("from_yaml_all", &[], |it, b| {
        if b.value.is_none() {
            return Ok(Val::list(Vec::new()));
        }
        let Some(text) = b.value.as_str() else { return Ok(b.value.clone()) };
        let documents = read(text)?;
        let mut out = Vec::with_capacity(documents.len());
        for document in documents {
            out.push(it.from_value(document)?);
        }
        Ok(Val::list(out))
    }),
];

/// The documents of a text. What is read here never is a template.
fn read(text: &str) -> R<Vec<Value>> {
    let file = SourceFile::new("<unknown>", text);
    let loaded = windlass_yaml::load(file).map_err(|e| failed(e.to_string()))?;
    let reader = Reader { open: &OpenNothing, secret: false, trusted: false };
    Ok(loaded.docs.iter().map(|node| reader.value(node)).collect())
}

fn write(it: &mut Interp<'_>, b: &mut Bound, mut layout: Layout) -> R {
    for (name, value) in std::mem::take(&mut b.named) {
        match &*name {
            "indent" => {
                layout.indent = value.as_int().and_then(|i| usize::try_from(i).ok()).unwrap_or(2).clamp(2, 9)
            }
            "width" => {
                layout.width = match value.as_f64() {
                    Some(w) if w.is_finite() && w > 4.0 => w as usize,
                    Some(_) => usize::MAX / 2,
                    None => layout.width,
                }
            }
            "default_flow_style" => {
                layout.flow = if value.is_none() { None } else { Some(it.truthy(&value)?) }
            }
            "sort_keys" => layout.sort = it.truthy(&value)?,
            "allow_unicode" => {
                return Err(failed("yaml.dump() got multiple values for keyword argument 'allow_unicode'"));
            }
            "explicit_start" => layout.explicit_start = it.truthy(&value)?,
            "explicit_end" => layout.explicit_end = it.truthy(&value)?,
            "line_break" | "version" | "canonical" | "default_style" | "encoding" | "tags"
            | "dump_vault_tags" | "vault_behavior" => {}
            other => return Err(failed(format!("dump_all() got an unexpected keyword argument '{other}'"))),
        }
    }
    Ok(Val::from(dump(it, &b.value, &layout)?))
}
