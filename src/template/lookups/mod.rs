//! Lookups, one file per family.

mod files;
mod lists;
mod passwords;
mod programs;
mod random;
mod tables;
mod variables;

pub(crate) use files::glob;

use super::error::{TemplateError, TemplateErrorKind};
use super::eval::Interp;
use super::eval::val::{R, Val};
use super::templar::nearest;
use std::sync::Arc;

/// Arguments of a lookup.
pub(crate) struct Call {
    /// The terms.
    pub(crate) terms: Vec<Val>,
    /// Options by name.
    pub(crate) options: Vec<(Arc<str>, Val)>,
}

impl Call {
    /// An option.
    pub(crate) fn get(&self, name: &str) -> Option<&Val> {
        self.options.iter().find(|(n, v)| &**n == name && !v.is_none()).map(|(_, v)| v)
    }
    /// An option as a text.
    pub(crate) fn str(&self, it: &mut Interp<'_>, name: &str) -> R<Option<String>> {
        self.get(name).map(|v| it.str(v)).transpose()
    }
    /// An option as a truth value.
    pub(crate) fn flag(&self, it: &mut Interp<'_>, name: &str, default: bool) -> R<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(v) => match super::filters::to_bool(v) {
                Some(b) => Ok(b),
                None => it.truthy(v),
            },
        }
    }
    /// The terms as texts, lists among them taken apart.
    pub(crate) fn texts(&self, it: &mut Interp<'_>) -> R<Vec<String>> {
        let mut out = Vec::new();
        for term in &self.terms {
            if term.is_seq() {
                for item in it.items(term)? {
                    out.push(it.str(&item)?);
                }
            } else {
                out.push(it.str(term)?);
            }
        }
        Ok(out)
    }
}

/// What a lookup runs.
pub(crate) type Run = fn(&mut Interp<'_>, &mut Call) -> R<Vec<Val>>;

/// A lookup.
pub(crate) struct Lookup {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
}

const fn of(name: &'static str, run: Run) -> Lookup {
    Lookup { name, run }
}

const FAMILIES: &[&[Lookup]] = &[
    lists::LOOKUPS,
    variables::LOOKUPS,
    files::LOOKUPS,
    tables::LOOKUPS,
    programs::LOOKUPS,
    passwords::LOOKUPS,
    random::LOOKUPS,
];

/// The lookup of a name, short or in full.
pub(crate) fn find(name: &str) -> Option<&'static Lookup> {
    let short = name
        .strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name);
    FAMILIES.iter().flat_map(|f| f.iter()).find(|l| l.name == short)
}

/// All names, short.
pub(crate) fn names() -> Vec<&'static str> {
    let mut out: Vec<&str> = FAMILIES.iter().flat_map(|f| f.iter()).map(|l| l.name).collect();
    out.sort_unstable();
    out
}

/// A name like the given one.
pub(crate) fn suggest(name: &str) -> Option<String> {
    nearest(name, FAMILIES.iter().flat_map(|f| f.iter()).map(|l| l.name))
}

/// Runs a lookup.
pub(crate) fn run(
    it: &mut Interp<'_>,
    name: &str,
    terms: Vec<Val>,
    options: Vec<(Arc<str>, Val)>,
) -> R<Vec<Val>> {
    let Some(lookup) = find(name) else {
        return Err(TemplateError {
            kind: TemplateErrorKind::UnknownName,
            message: format!("The lookup plugin '{name}' was not found."),
            span: None,
            hint: suggest(name).map(|s| format!("did you mean '{s}'?")),
        });
    };
    let mut call =
        Call { terms: Vec::with_capacity(terms.len()), options: Vec::with_capacity(options.len()) };
    for term in terms {
        // `first_found` and `items` may be given what is not there; they say so themselves.
        call.terms.push(literal(it, term)?);
    }
    for (name, value) in options {
        // The default of `env` may be what is not there.
        let value = match value {
            Val::Undefined(_) if lookup.name == "env" && &*name == "default" => value,
            value => literal(it, value)?.defined()?,
        };
        call.options.push((name, value));
    }
    (lookup.run)(it, &mut call).map_err(|e| {
        if e.kind != TemplateErrorKind::Failed || super::templar::blamed(&e.message) {
            return e;
        }
        let message = format!("The lookup plugin '{}' failed: {}", lookup.name, e.message);
        TemplateError { message, ..e }
    })
}

/// A literal of a template may itself be a template here.
fn literal(it: &mut Interp<'_>, value: Val) -> R {
    match &value {
        Val::Str(text) if text.is_template() => it.render_text(&text.clone())?.defined(),
        Val::Undefined(_) => value.defined(),
        Val::List(_) if !it.is_variable(&value) => {
            let mut out = Vec::new();
            for item in it.items(&value)? {
                let text = matches!(&item, Val::Str(text) if text.is_template());
                out.push(if text { literal(it, item)? } else { item });
            }
            Ok(Val::list(out))
        }
        _ => Ok(value),
    }
}

/// What `lookup()` and `query()` give for what was found: `query` a list, `lookup` texts joined by commas, or the only item.
pub(crate) fn result(it: &mut Interp<'_>, found: Vec<Val>, as_list: bool) -> R {
    if as_list {
        return Ok(Val::list(found));
    }
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    if found.is_empty() {
        return Ok(Val::list(found));
    }
    if found.iter().all(|v| matches!(v, Val::Str(_))) {
        let mut parts = Vec::new();
        for item in &found {
            parts.push(it.str(item)?);
        }
        let from: Vec<&Val> = found.iter().collect();
        return Ok(it.derived(&from, parts.join(",")));
    }
    Ok(Val::list(found))
}

/// One level of nesting less.
pub(crate) fn flatten(it: &mut Interp<'_>, terms: &[Val]) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in terms {
        if term.is_seq() {
            out.extend(it.items(term)?);
        } else {
            out.push(term.clone());
        }
    }
    Ok(out)
}
