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
        let terms = std::mem::take(&mut call.terms);
        let terms = flatten(it, &terms)?;
        for term in terms {
            if !term.is_dict() {
                return Err(failed("with_dict expects a dict"));
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
    of("together", together),
    of("sequence", sequence),
    of("subelements", subelements),
    of("random_choice", |it, call| {
        let terms = flatten_random(it, &call.terms)?;
        if terms.is_empty() {
            return Ok(terms);
        }
        let at = rand::random_range(0..terms.len());
        Ok(vec![terms[at].clone()])
    }),
];

fn flatten_random(it: &mut Interp<'_>, terms: &[Val]) -> R<Vec<Val>> {
    match terms {
        [only] if only.is_seq() => it.items(only),
        other => Ok(other.to_vec()),
    }
}

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
        let items = if term.is_seq() { it.items(term)? } else { vec![term.clone()] };
        let mut next = Vec::new();
        for row in &rows {
            for item in &items {
                let mut row = row.clone();
                // What is a list itself is laid flat, one level.
                if item.is_seq() {
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
        columns.push(if term.is_seq() { it.items(term)? } else { vec![term.clone()] });
    }
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    Ok((0..longest)
        .map(|i| Val::list(columns.iter().map(|c| c.get(i).cloned().unwrap_or(Val::None)).collect()))
        .collect())
}

fn number(text: &str) -> R<i64> {
    let parsed = if let Some(hex) = text.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if text.len() > 1 && text.starts_with('0') && text.chars().all(|c| c.is_digit(8)) {
        i64::from_str_radix(text, 8)
    } else {
        text.parse()
    };
    parsed.map_err(|_| failed(format!("can't parse {text} as integer")))
}

fn sequence(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    let mut terms = call.texts(it)?;
    if terms.is_empty() {
        terms.push(String::new());
    }
    for term in terms {
        let (mut start, mut end, mut count, mut stride) = (None, None, None, None);
        let mut format = "%d".to_owned();
        let mut set = |key: &str, value: &str| -> R<()> {
            match key {
                "start" => start = Some(number(value)?),
                "end" => end = Some(number(value)?),
                "count" => count = Some(number(value)?),
                "stride" => stride = Some(number(value)?),
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
                s.starts_with("0x")
                    || (!s.is_empty() && s.trim_start_matches('-').chars().all(|c| c.is_ascii_digit()))
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
                    let (key, value) = word.split_once('=').ok_or_else(|| {
                        failed(format!("unknown error parsing with_sequence arguments: {term:?}"))
                    })?;
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
            (None, Some(count)) => {
                start.saturating_add(count.saturating_mul(stride_value)).saturating_sub(stride_value.signum())
            }
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
            let text = percent::format(it, &format, &Val::Int(at))?;
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

fn subelements(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    if !(2..=3).contains(&call.terms.len()) {
        return Err(failed("subelements lookup expects a list of two or three items, "));
    }
    let mut skip = false;
    if let Some(flags) = call.terms.get(2)
        && let Some(value) = it.entry_str(flags, "skip_missing")?
    {
        skip = super::super::filters::to_bool(&value).unwrap_or(false);
    }
    let source = call.terms[0].clone();
    let items: Vec<Val> = if source.is_dict() {
        it.pairs(&source)?.into_iter().map(|(_, v)| v).collect()
    } else {
        it.items(&source)?
    };
    let mut kept = Vec::new();
    for item in items {
        // Results of tasks that were skipped have no such list.
        if let Some(skipped) = it.entry_str(&item, "skipped")?
            && it.truthy(&skipped)?
        {
            continue;
        }
        kept.push(item);
    }
    let args = crate::template::eval::val::Args {
        pos: vec![call.terms[1].clone(), Val::Bool(skip)],
        named: Vec::new(),
    };
    let made = it.filter("subelements", Val::list(kept), args)?;
    it.items(&made)
}
