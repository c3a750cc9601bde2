//! Methods of lists, tuples and mappings; those that change them do so in place.

use super::{arg, need, opt_int};
use crate::template::eval::Interp;
use crate::template::eval::sort::sort;
use crate::template::eval::val::{Args, Dict, Entries, R, Seq, Val, failed};
use crate::vars::Key;
use std::cmp::Ordering;

impl Interp<'_> {
    /// Puts items back into a list.
    fn put_items(&mut self, of: &Val, items: Vec<Val>) {
        self.mark_changed(of);
        if let Val::List(list) = of {
            *list.borrow_mut() = Seq::Own(items);
        }
    }

    /// Makes a mapping one that can be changed.
    fn own_dict(&mut self, of: &Val) -> R<()> {
        let Val::Dict(dict) = of else { return Err(failed("this mapping cannot be changed")) };
        if let Dict::Own(_) = &*dict.borrow() {
            return Ok(());
        }
        let entries = self.entries(of)?;
        self.mark_changed(of);
        *dict.borrow_mut() = Dict::Own(entries);
        Ok(())
    }

    /// Sorts values as Python does.
    pub(crate) fn sort_by_key(&mut self, mut keyed: Vec<(Val, Val)>, reverse: bool) -> R<Vec<Val>> {
        if reverse {
            keyed.reverse();
        }
        let mut sorted = sort(keyed, |(a, _), (b, _)| {
            self.order(a, b, "<").map(|order| order.is_some_and(Ordering::is_lt))
        })?;
        if reverse {
            sorted.reverse();
        }
        Ok(sorted.into_iter().map(|(_, v)| v).collect())
    }
}

pub(super) fn list(it: &mut Interp<'_>, of: &Val, name: &str, args: &Args) -> R {
    let position = |it: &mut Interp<'_>, items: &[Val], wanted: &Val| -> R<Option<usize>> {
        for (i, item) in items.iter().enumerate() {
            if it.equal(item, wanted)? {
                return Ok(Some(i));
            }
        }
        Ok(None)
    };
    if name == "append"
        && let Val::List(list) = of
        && let Seq::Own(items) = &mut *list.borrow_mut()
    {
        items.push(need(args, 0, name)?);
        return Ok(Val::None);
    }
    let mut items = it.items(of)?;
    match name {
        "append" => {
            items.push(need(args, 0, name)?);
            it.put_items(of, items);
        }
        "extend" => {
            let more = need(args, 0, name)?;
            items.extend(it.items(&more)?);
            it.put_items(of, items);
        }
        "insert" => {
            let at = opt_int(args, 0, "index")?.unwrap_or(0);
            let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            items.insert(usize::try_from(at).unwrap_or(0), need(args, 1, name)?);
            it.put_items(of, items);
        }
        "pop" => {
            if items.is_empty() {
                return Err(failed("pop from empty list"));
            }
            let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = opt_int(args, 0, "index")?.unwrap_or(-1);
            let at = if at < 0 { at + len } else { at };
            let at = usize::try_from(at).ok().filter(|at| *at < items.len());
            let Some(at) = at else { return Err(failed("pop index out of range")) };
            let taken = items.remove(at);
            it.put_items(of, items);
            return Ok(taken);
        }
        "remove" => match position(it, &items, &need(args, 0, name)?)? {
            Some(at) => {
                items.remove(at);
                it.put_items(of, items);
            }
            None => return Err(failed("list.remove(x): x not in list")),
        },
        "clear" => it.put_items(of, Vec::new()),
        "reverse" => {
            items.reverse();
            it.put_items(of, items);
        }
        "sort" => {
            let reverse = match arg(args, 9, "reverse") {
                Some(v) => it.truthy(&v)?,
                None => false,
            };
            let keyed = items.into_iter().map(|v| (v.clone(), v)).collect();
            let sorted = it.sort_by_key(keyed, reverse)?;
            it.put_items(of, sorted);
        }
        "copy" => return Ok(Val::list(items)),
        "count" => {
            let wanted = need(args, 0, name)?;
            let mut count = 0_usize;
            for item in &items {
                count += usize::from(it.equal(item, &wanted)?);
            }
            return Ok(Val::from(count));
        }
        _ => {
            let wanted = need(args, 0, name)?;
            return match position(it, &items, &wanted)? {
                Some(at) => Ok(Val::from(at)),
                None => Err(failed(format!("{} is not in list", it.repr(&wanted)?))),
            };
        }
    }
    Ok(Val::None)
}

pub(super) fn dict(it: &mut Interp<'_>, of: &Val, name: &str, args: Args) -> R {
    match name {
        "get" => {
            let key = it.to_key(&need(&args, 0, name)?)?;
            return Ok(it.entry(of, &key)?.unwrap_or_else(|| arg(&args, 1, "default").unwrap_or(Val::None)));
        }
        "keys" => return Ok(Val::list(it.items(of)?)),
        "values" => return Ok(Val::list(it.pairs(of)?.into_iter().map(|(_, v)| v).collect())),
        "items" => {
            let pairs = it.pairs(of)?;
            return Ok(Val::list(
                pairs.into_iter().map(|(k, v)| Val::tuple(vec![Val::from_key(&k), v])).collect(),
            ));
        }
        "copy" => return Ok(Val::dict(it.entries(of)?)),
        "fromkeys" => return from_keys(it, &args),
        _ => {}
    }
    it.own_dict(of)?;
    let Val::Dict(dict) = of else { return Ok(Val::None) };
    match name {
        "update" => {
            let mut new = Entries::new();
            if let Some(other) = args.pos.first() {
                new = to_entries(it, other)?;
            }
            new.extend(args.named.into_iter().map(|(k, v)| (Key::from(&*k), v)));
            with_own(dict, |map| map.extend(new));
            Ok(Val::None)
        }
        "setdefault" => {
            let key = it.to_key(&need(&args, 0, name)?)?;
            let default = arg(&args, 1, "default").unwrap_or(Val::None);
            Ok(with_own(dict, |map| map.entry(key).or_insert(default).clone()).unwrap_or(Val::None))
        }
        "pop" => {
            let wanted = need(&args, 0, name)?;
            let key = it.to_key(&wanted)?;
            match with_own(dict, |map| map.shift_remove(&key)).flatten().or_else(|| arg(&args, 1, "default"))
            {
                Some(taken) => Ok(taken),
                None => Err(failed(it.repr(&wanted)?)),
            }
        }
        "popitem" => match with_own(dict, Entries::pop).flatten() {
            Some((k, v)) => Ok(Val::tuple(vec![Val::from_key(&k), v])),
            None => Err(failed("'popitem(): dictionary is empty'")),
        },
        _ => {
            with_own(dict, Entries::clear);
            Ok(Val::None)
        }
    }
}

fn from_keys(it: &mut Interp<'_>, args: &Args) -> R {
    let value = arg(args, 1, "value").unwrap_or(Val::None);
    let mut out = Entries::new();
    for key in it.items(&need(args, 0, "fromkeys")?)? {
        out.insert(it.to_key(&key)?, value.clone());
    }
    Ok(Val::dict(out))
}

fn with_own<T>(dict: &std::cell::RefCell<Dict>, change: impl FnOnce(&mut Entries) -> T) -> Option<T> {
    match &mut *dict.borrow_mut() {
        Dict::Own(map) => Some(change(map)),
        Dict::Shared(..) => None,
    }
}

/// A mapping, or a list of pairs, as entries.
pub(crate) fn to_entries(it: &mut Interp<'_>, from: &Val) -> R<Entries> {
    if from.is_dict() {
        return it.entries(from);
    }
    let mut out = Entries::new();
    for (i, pair) in it.items(from)?.iter().enumerate() {
        let parts = it.items(pair)?;
        let [key, value] = parts.as_slice() else {
            return Err(failed(format!(
                "dictionary update sequence element #{i} has length {}; 2 is required",
                parts.len()
            )));
        };
        out.insert(it.to_key(key)?, value.clone());
    }
    Ok(out)
}
