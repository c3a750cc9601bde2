//! Lookups that make lists of lists.

use super::{Call, Lookup, flatten, of};
use crate::template::eval::Interp;
use crate::template::eval::methods::percent;
use crate::template::eval::val::{Entries, R, Val, failed};
use crate::vars::Key;

pub(super) const LOOKUPS: &[Lookup] = &[
    of("list", |_, call| Ok(std::mem::take(&mut call.terms))),
    of("items", |it, call| flatten(it, &call.terms)),
    of("flattened", |it, call| {
        let mut out = Vec::new();
        deep(it, &call.terms, &mut out)?;
        Ok(out)
    }),
    of("indexed_items", |it, call| {
        let items = flatten(it, &call.terms)?;
        Ok(items.into_iter().enumerate().map(|(i, v)| Val::tuple(vec![Val::from(i), v])).collect())
    }),
    of("dict", |it, call| {
        let mut out = Vec::new();
        for term in std::mem::take(&mut call.terms) {
            if !term.is_dict() {
                let (shown, kind) = (it.str(&term)?, term.type_name());
                return Err(failed(format!(
                    "the 'dict' lookup plugin expects a dictionary, got '{shown}' of type <class '{kind}'>)"
                )));
            }
            for (key, value) in it.pairs(&term)? {
                let mut entry = Entries::new();
                entry.insert(Key::from("key"), Val::from_key(&key));
                entry.insert(Key::from("value"), value);
                out.push(Val::dict(entry));
            }
        }
        Ok(out)
    }),
    of("nested", nested),
    of("cartesian", nested),
    of("community.general.cartesian", nested),
    of("together", together),
    of("sequence", sequence),
    of("subelements", subelements),
    of("random_choice", |_, call| {
        let terms = std::mem::take(&mut call.terms);
        if terms.is_empty() {
            return Ok(terms);
        }
        let at = rand::random_range(0..terms.len());
        Ok(vec![terms[at].clone()])
    }),
];

fn deep(it: &mut Interp<'_>, terms: &[Val], out: &mut Vec<Val>) -> R<()> {
    for term in terms {
        match term {
            Val::None => {}
            term if term.is_seq() => {
                let items = it.items(term)?;
                it.nested(|it| deep(it, &items, out))?;
            }
            term => out.push(term.clone()),
        }
    }
    Ok(())
}

fn nested(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    if call.terms.is_empty() {
        return Err(failed("with_nested requires at least one element in the nested list"));
    }
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for term in &call.terms {
        let items = it.items(term)?;
        let mut next = Vec::new();
        for row in &rows {
            for item in &items {
                let mut row = row.clone();
                // What is a list itself is laid flat, one level; alone also a text.
                if item.is_seq() || (call.terms.len() == 1 && matches!(item, Val::Str(_))) {
                    row.extend(it.items(item)?)
                } else {
                    row.push(item.clone())
                }
                next.push(row);
            }
        }
        rows = next;
        if rows.len() > 1_000_000 {
            return Err(failed("the product of these lists is too large"));
        }
    }
    Ok(rows.into_iter().map(Val::list).collect())
}

fn together(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    if call.terms.is_empty() {
        return Err(failed("with_together requires at least one element in each list"));
    }
    let mut columns = Vec::new();
    for term in &call.terms {
        let items = it.items(term)?;
        columns.push(items);
    }
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = Vec::with_capacity(longest);
    for i in 0..longest {
        let row: Vec<Val> = columns.iter().map(|c| c.get(i).cloned().unwrap_or(Val::None)).collect();
        out.push(Val::list(flatten(it, &row)?));
    }
    Ok(out)
}

fn number(key: &str, text: &str) -> R<i64> {
    text.trim().parse().map_err(|_| {
        failed(format!(
            "Config '{key}' for 'sequence' lookup plugin from 'Direct' has an invalid value: Invalid value provided for 'integer': '{text}'"
        ))
    })
}

fn sequence(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    if let Some(other) = call.terms.iter().find(|t| !matches!(t, Val::Str(_)) && !t.is_seq()) {
        let shown = it.str(other)?;
        return Err(failed(format!(
            "unknown error parsing with_sequence arguments: {shown}. Error was: expected string or bytes-like object, got '{}'",
            other.type_name()
        )));
    }
    let mut terms = call.texts(it)?;
    if terms.is_empty() && !call.options.is_empty() {
        terms.push(String::new());
    }
    for term in terms {
        let (mut start, mut end, mut count, mut stride) = (None, None, None, None);
        let mut format = "%d".to_owned();
        let mut set = |key: &str, value: &str| -> R<()> {
            match key {
                "start" => start = Some(number(key, value)?),
                "end" => end = Some(number(key, value)?),
                "count" => count = Some(number(key, value)?),
                "stride" => stride = Some(number(key, value)?),
                "format" => format = value.to_owned(),
                other => return Err(failed(format!("unrecognized arguments to with_sequence: ['{other}']"))),
            }
            Ok(())
        };
        for (key, value) in &call.options {
            let value = it.str(value)?;
            set(key, &value)?;
        }
        if !term.is_empty() {
            let (range, pattern) = term.split_once(':').map_or((term.as_str(), None), |(r, p)| (r, Some(p)));
            let (range, step) = range.split_once('/').map_or((range, None), |(r, s)| (r, Some(s)));
            let is_number = |s: &str| {
                let digits = s.strip_prefix("0x").unwrap_or(s);
                !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())
            };
            let shortcut = match range.split_once('-') {
                Some((a, b)) if is_number(a) && is_number(b) => Some((Some(a), b)),
                _ if is_number(range) => Some((None, range)),
                _ => None,
            };
            if let Some((from, to)) = shortcut {
                if let Some(from) = from {
                    set("start", from)?;
                }
                set("end", to)?;
                if let Some(step) = step {
                    set("stride", step)?;
                }
                if let Some(pattern) = pattern {
                    set("format", pattern)?;
                }
            } else {
                for word in
                    shlex::split(&term).ok_or_else(|| failed("error parsing with_sequence arguments"))?
                {
                    // A word that is no pair has this name in Ansible.
                    let (key, value) = word.split_once('=').unwrap_or(("_raw_params", &word));
                    set(key, value)?;
                }
            }
        }
        let start = start.unwrap_or(1);
        let stride_value = stride.unwrap_or(1);
        let end = match (end, count) {
            (None, None) => return Err(failed("must specify count or end in with_sequence")),
            (Some(_), Some(_)) => return Err(failed("can't specify both count and end in with_sequence")),
            (Some(end), None) => end,
            (None, Some(0)) => continue,
            (None, Some(count)) => start.saturating_add(count.saturating_mul(stride_value)).saturating_sub(1),
        };
        let stride = match stride {
            Some(0) => continue,
            Some(stride) => stride,
            None => 1,
        };
        if stride > 0 && end < start {
            return Err(failed("to count backwards make stride negative"));
        }
        if stride < 0 && end > start {
            return Err(failed("to count forward don't make stride negative"));
        }
        if !format.contains('%') {
            return Err(failed(format!("bad formatting string: {format}")));
        }
        let mut at = start;
        while (stride > 0 && at <= end) || (stride < 0 && at >= end) {
            let text = percent::format(it, &format, &Val::Int(at))
                .map_err(|_| failed(format!("bad formatting string: {format}")))?;
            out.push(Val::from(text));
            if out.len() > 10_000_000 {
                return Err(failed("the sequence is too long"));
            }
            let Some(next) = at.checked_add(stride) else { break };
            at = next;
        }
    }
    Ok(out)
}

const WANTED: &str = "subelements lookup expects a list of two or three items,";

/// Each item of a list inside each mapping, with the mapping; the mapping lacks the list then.
fn subelements(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let [source, path, flags @ ..] = call.terms.as_slice() else { return Err(failed(WANTED)) };
    if flags.len() > 1 {
        return Err(failed(WANTED));
    }
    let Some(path) = path.as_str().filter(|_| source.is_dict() || source.is_seq()) else {
        return Err(failed(format!(
            "{WANTED} first a dict or a list, second a string pointing to the subkey"
        )));
    };
    let mut skip = false;
    if let [flags] = flags {
        if !flags.is_dict() {
            return Err(failed(format!(
                "{WANTED} the optional third item must be a dict with flags skip_missing"
            )));
        }
        if let Some(value) = it.entry_str(flags, "skip_missing")? {
            skip = super::super::filters::to_bool(&value).unwrap_or(false);
        }
    }
    // The results of a task that was skipped as a whole.
    if source.is_dict()
        && let Some(skipped) = it.entry_str(source, "skipped")?
        && it.truthy(&skipped)?
    {
        return Ok(Vec::new());
    }
    let source = source.clone();
    let items: Vec<Val> = if source.is_dict() {
        it.pairs(&source)?.into_iter().map(|(_, v)| v).collect()
    } else {
        it.items(&source)?
    };
    let keys: Vec<&str> = path.split('.').collect();
    let mut out = Vec::new();
    for item in items {
        if !item.is_dict() {
            let shown = it.str(&item)?;
            return Err(failed(format!("subelements lookup expects a dictionary, got '{shown}'")));
        }
        // Results of tasks that were skipped have no such list.
        if let Some(skipped) = it.entry_str(&item, "skipped")?
            && it.truthy(&skipped)?
        {
            continue;
        }
        let Some((rest, list)) = take(it, &item, &keys, skip)? else { continue };
        for sub in it.items(&list)? {
            out.push(Val::tuple(vec![rest.clone(), sub]));
        }
    }
    Ok(out)
}

/// A mapping without the list at the end of a path, and that list.
fn take(it: &mut Interp<'_>, item: &Val, keys: &[&str], skip: bool) -> R<Option<(Val, Val)>> {
    let Some((key, more)) = keys.split_first() else { return Ok(None) };
    let Some(found) = it.entry_str(item, key)? else {
        if skip {
            return Ok(None);
        }
        let shown = it.str(item)?;
        return Err(failed(format!("could not find '{key}' key in iterated item '{shown}'")));
    };
    let mut rest = it.entries(item)?;
    if more.is_empty() {
        if !matches!(found, Val::List(_)) {
            let shown = it.str(&found)?;
            return Err(failed(format!("the key {key} should point to a list, got '{shown}'")));
        }
        rest.shift_remove(*key);
        return Ok(Some((Val::dict(rest), found)));
    }
    if !found.is_dict() {
        if skip {
            return Ok(None);
        }
        let shown = it.str(&found)?;
        return Err(failed(format!("the key {key} should point to a dictionary, got '{shown}'")));
    }
    Ok(it.nested(|it| take(it, &found, more, skip))?.map(|(inner, list)| {
        rest.insert(Key::from(*key), inner);
        (Val::dict(rest), list)
    }))
}
