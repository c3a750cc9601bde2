//! Filters that run other filters and tests over lists, and those around undefined values.

use super::Filter;
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::eval::val::{Args, R, Val, failed, undefined};
use crate::template::eval::{Interp, methods};
use crate::template::plugin::Bound;
use std::rc::Rc;

pub(super) const FILTERS: &[Filter] = &[
    Filter::lenient("default", &["default_value", "boolean"], default),
    Filter::lenient("d", &["default_value", "boolean"], default),
    Filter::lenient("mandatory", &["msg"], mandatory),
    Filter::lenient("type_debug", &[], |_, b| Ok(Val::from(b.value.type_name()))),
    Filter::new("map", &["*", "**"], map),
    Filter::new("select", &["*", "**"], |it, b| choose(it, b, false, true)),
    Filter::new("reject", &["*", "**"], |it, b| choose(it, b, false, false)),
    Filter::new("selectattr", &["*", "**"], |it, b| choose(it, b, true, true)),
    Filter::new("rejectattr", &["*", "**"], |it, b| choose(it, b, true, false)),
    Filter::new("attr", &["name!"], |it, b| {
        let name = b.str_or(it, 0, "")?;
        // Of a mapping these are its methods, never its entries.
        if b.value.is_dict() && !methods::exists(&b.value, &name) {
            return Ok(undefined(format!("object of type 'dict' has no attribute '{name}'")));
        }
        it.attr(&b.value, &name)
    }),
    Filter::new("extract", &["container!", "morekeys"], extract),
    // Of what is not chosen nothing is asked.
    Filter::lenient("ternary", &["true_val!", "false_val!", "none_val"], |it, b| {
        if let Val::Undefined(_) = b.value {
            return Ok(b.value.clone());
        }
        if b.value.is_none() && b.get(2).is_some() {
            return Ok(b.val(2));
        }
        let truth = it.truthy(&b.value)?;
        Ok(b.val(usize::from(!truth)))
    }),
    Filter::new("groupby", &["attribute!", "default", "case_sensitive"], groupby),
    Filter::new("sort", &["reverse", "case_sensitive", "attribute"], sort),
    Filter::new("unique", &["case_sensitive", "attribute"], unique),
    Filter::new("sum", &["attribute", "start"], sum),
    Filter::new("min", &["case_sensitive", "attribute"], |it, b| extreme(it, b, false)),
    Filter::new("max", &["case_sensitive", "attribute"], |it, b| extreme(it, b, true)),
    Filter::new("join", &["d", "attribute"], join),
    Filter::new("subelements", &["subelements!", "skip_missing"], subelements),
];

fn default(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let fallback = |b: &Bound| b.raw(0).cloned().unwrap_or_else(|| Val::from(""));
    if matches!(&b.value, Val::Undefined(undefined) if !undefined.blank) {
        return Ok(fallback(b));
    }
    if b.flag(it, 1, false)? && !it.truthy(&b.value)? {
        return Ok(fallback(b));
    }
    Ok(b.value.clone())
}

fn mandatory(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let Val::Undefined(undefined) = &b.value else { return Ok(b.value.clone()) };
    let message = match b.str(it, 0)? {
        Some(message) => message,
        None => match &undefined.name {
            Some(name) => format!("Mandatory variable '{name}' not defined."),
            // `object of type 'dict' has no attribute 'x'`
            None => match undefined.error.message.rsplit_once(" attribute '") {
                Some((_, name)) => format!("Mandatory variable '{name} not defined."),
                None => "Mandatory variable not defined.".to_owned(),
            },
        },
    };
    Err(failed(message))
}

/// Follows `a.b.0` from a value.
pub(crate) fn attribute(it: &mut Interp<'_>, of: &Val, path: &Val, fallback: Option<&Val>) -> R {
    let keys: Vec<Val> = match path {
        Val::Str(text) => {
            text.as_str().split('.').map(|p| p.parse().map_or_else(|_| Val::from(p), Val::Int)).collect()
        }
        other => vec![other.clone()],
    };
    let mut value = of.clone();
    for key in &keys {
        let found = it.item(&value, key)?;
        value = match (found, fallback) {
            (Val::Undefined(_), Some(fallback)) => fallback.clone(),
            (found, _) => found,
        };
    }
    Ok(value)
}

fn map(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let items = it.items(&b.value)?;
    let mut args = Args { pos: std::mem::take(&mut b.rest), named: std::mem::take(&mut b.named) };
    let mut out = Vec::with_capacity(items.len());
    if args.pos.is_empty()
        && let Some(path) = args.take("attribute")
    {
        let fallback = args.take("default");
        if let Some((extra, _)) = args.named.first() {
            return Err(failed(format!("Unexpected keyword argument '{extra}'")));
        }
        for item in &items {
            out.push(attribute(it, item, &path, fallback.as_ref())?);
        }
        return Ok(Val::list(out));
    }
    if args.pos.is_empty() {
        return Err(failed("map requires a filter argument"));
    }
    let name = args.pos.remove(0);
    let name = it.str(&name)?;
    for item in items {
        let args = Args { pos: args.pos.clone(), named: args.named.clone() };
        out.push(it.filter(&name, item, args)?);
    }
    Ok(Val::list(out))
}

fn choose(it: &mut Interp<'_>, b: &mut Bound, by_attribute: bool, keep: bool) -> R {
    let items = it.items(&b.value)?;
    let mut pos = std::mem::take(&mut b.rest);
    let path = if by_attribute {
        if pos.is_empty() {
            return Err(failed("Missing parameter for attribute name"));
        }
        Some(pos.remove(0))
    } else {
        None
    };
    let test = if pos.is_empty() {
        None
    } else {
        let name = pos.remove(0);
        Some(it.str(&name)?)
    };
    let mut out = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => attribute(it, &item, path, None)?,
            None => item.clone(),
        };
        let hit = match &test {
            Some(test) => it.test(test, subject, Args { pos: pos.clone(), named: b.named.clone() })?,
            None => it.truthy(&subject)?,
        };
        if hit == keep {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

fn extract(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let mut keys = vec![b.value.clone()];
    match b.get(1) {
        None => {}
        Some(more @ Val::List(_)) => {
            let more = more.clone();
            keys.extend(it.items(&more)?);
        }
        Some(one) => keys.push(one.clone()),
    }
    let mut value = b.val(0);
    for key in &keys {
        value = it.item(&value, key)?;
    }
    Ok(value)
}

/// A value as sorting sees it: texts without regard to case, unless asked for.
pub(super) fn fold(value: Val, case_sensitive: bool) -> Val {
    match &value {
        Val::Str(text) if !case_sensitive => Val::from(text.as_str().to_lowercase()),
        _ => value,
    }
}

fn groupby(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let path = b.val(0);
    let fallback = b.raw(1).cloned();
    let case_sensitive = b.flag(it, 2, false)?;
    let mut keyed = Vec::new();
    for item in it.items(&b.value)? {
        let key = attribute(it, &item, &path, fallback.as_ref())?.defined()?;
        keyed.push((fold(key.clone(), case_sensitive), Val::tuple(vec![key, item])));
    }
    let sorted = it.sort_by_key(keyed, false)?;
    let mut groups: Vec<(Val, Vec<Val>)> = Vec::new();
    for pair in sorted {
        let Val::Tuple(parts) = pair else { continue };
        let (key, item) = (parts[0].clone(), parts[1].clone());
        if let Some((last, members)) = groups.last_mut() {
            let (a, b) = (fold(last.clone(), case_sensitive), fold(key.clone(), case_sensitive));
            if it.equal(&a, &b)? {
                members.push(item);
                continue;
            }
        }
        groups.push((key, vec![item]));
    }
    Ok(Val::list(
        groups.into_iter().map(|(key, members)| Val::tuple(vec![key, Val::list(members)])).collect(),
    ))
}

fn sort(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let reverse = b.flag(it, 0, false)?;
    let case_sensitive = b.flag(it, 1, false)?;
    let paths: Vec<Val> = match b.get(2) {
        None => Vec::new(),
        Some(Val::Str(text)) => text.as_str().split(',').map(|p| Val::from(p.trim())).collect(),
        Some(other) => vec![other.clone()],
    };
    let mut keyed = Vec::new();
    for item in it.items(&b.value)? {
        let key = match paths.as_slice() {
            [] => fold(item.clone().defined()?, case_sensitive),
            [path] => fold(attribute(it, &item, path, None)?.defined()?, case_sensitive),
            several => {
                let mut parts = Vec::new();
                for path in several {
                    parts.push(fold(attribute(it, &item, path, None)?.defined()?, case_sensitive));
                }
                Val::list(parts)
            }
        };
        keyed.push((key, item));
    }
    Ok(Val::list(it.sort_by_key(keyed, reverse)?))
}

fn unique(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let mut case_sensitive = b.flag(it, 0, false)?;
    let path = b.get(1).cloned();
    let items = it.items(&b.value)?;
    let mut keys = Vec::with_capacity(items.len());
    for item in &items {
        let key = match &path {
            Some(path) => attribute(it, item, path, None)?,
            None => item.clone(),
        };
        keys.push(key.defined()?);
    }
    // Where Jinja's own filter fails Ansible compares by itself, and heeds case.
    if let Some(kind) = keys.iter().find_map(unhashable) {
        if path.is_some() || (b.get(0).is_some() && !case_sensitive) {
            return Err(failed(format!(
                "Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does not support the parameters supplied: unhashable type: '{kind}'"
            )));
        }
        case_sensitive = true;
    }
    let mut seen = super::sets::Members::new(Vec::new());
    let mut out = Vec::new();
    for (item, key) in items.into_iter().zip(keys) {
        let key = fold(key, case_sensitive);
        if !seen.has(it, &key)? {
            seen.add(key);
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

/// The type for which Python cannot make a hash of a value.
fn unhashable(value: &Val) -> Option<&'static str> {
    match value {
        Val::List(_) => Some("list"),
        Val::Dict(_) | Val::Dynamic(_) => Some("dict"),
        Val::Tuple(items) => items.iter().find_map(unhashable),
        _ => None,
    }
}

fn sum(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let path = b.get(0).cloned();
    if let Some(Val::Str(_)) = b.raw(1) {
        return Err(failed("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    let mut total = b.raw(1).cloned().unwrap_or(Val::Int(0));
    for item in it.items(&b.value)? {
        let item = match &path {
            Some(path) => attribute(it, &item, path, None)?.defined()?,
            None => item.defined()?,
        };
        total = it.binary(crate::template::syntax::ast::Binary::Add, &total, &item)?;
    }
    Ok(total)
}

fn extreme(it: &mut Interp<'_>, b: &mut Bound, largest: bool) -> R {
    let case_sensitive = b.flag(it, 0, false)?;
    let path = b.get(1).cloned();
    let mut best: Option<(Val, Val)> = None;
    for item in it.items(&b.value)? {
        let key = match &path {
            Some(path) => attribute(it, &item, path, None)?,
            None => item.clone(),
        };
        let key = fold(key.defined()?, case_sensitive);
        let better = match &best {
            None => true,
            Some((best, _)) => {
                let order = it.order(&key, best, if largest { ">" } else { "<" })?;
                order.is_some_and(|o| if largest { o.is_gt() } else { o.is_lt() })
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| undefined("No aggregated item, sequence was empty."), |(_, item)| item))
}

fn join(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let sep = b.str_or(it, 0, "")?;
    let path = b.get(1).cloned();
    let mut parts = Vec::new();
    for item in it.items(&b.value)? {
        let item = match &path {
            Some(path) => attribute(it, &item, path, None)?,
            None => item,
        };
        if matches!(item, Val::Omit) {
            continue;
        }
        item.known()?;
        parts.push(it.str(&item)?);
    }
    Ok(Val::from(parts.join(&sep)))
}

fn subelements(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let skip_missing = b.flag(it, 1, false)?;
    let path = match b.val(0) {
        Val::Str(text) => text.as_str().split('.').map(Val::from).collect(),
        list @ Val::List(_) => it.items(&list)?,
        _ => return Err(failed("subelements must be a list or a string")),
    };
    let items = match &b.value {
        dict if dict.is_dict() => it.pairs(dict)?.into_iter().map(|(_, v)| v).collect(),
        list if list.is_seq() => it.items(list)?,
        other => {
            let name = other.type_name();
            return Err(failed(format!("obj must be a list of dicts or a nested dict, not {name}")));
        }
    };
    let mut out = Vec::new();
    for item in items {
        let mut value = item.clone();
        let mut missing = false;
        for key in &path {
            if !value.is_dict() {
                let message = format!(
                    "the key {} should point to a dictionary, got '{}'",
                    it.str(key)?,
                    it.str(&value)?
                );
                return Err(failed(message));
            }
            let wanted = it.to_key(key)?;
            match it.entry(&value, &wanted)? {
                Some(found) => value = found,
                None if skip_missing => {
                    missing = true;
                    break;
                }
                None => {
                    let shown = it.repr(&item)?;
                    return Err(TemplateError::new(
                        TemplateErrorKind::Failed,
                        format!("could not find {} key in iterated item {shown}", it.repr(key)?),
                    ));
                }
            }
        }
        if missing {
            continue;
        }
        if !value.is_seq() {
            let key = path.last().map(|k| it.str(k)).transpose()?.unwrap_or_default();
            let shown = it.repr(&value)?;
            return Err(failed(format!("the key '{key}' should point to a list, got {shown}")));
        }
        for sub in it.items(&value)? {
            out.push(Val::Tuple(Rc::new(vec![item.clone(), sub])));
        }
    }
    Ok(Val::list(out))
}
