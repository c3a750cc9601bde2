//! Mappings.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{Entries, R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::Key;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("combine", &["*", "**"], combine),
    Filter::new("dict2items", &["key_name", "value_name"], |it, b| {
        if !b.value.is_dict() {
            let name = b.value.type_name();
            return Err(failed(format!("dict2items requires a dictionary, got <class '{name}'> instead.")));
        }
        let (key_name, value_name) = (b.str_or(it, 0, "key")?, b.str_or(it, 1, "value")?);
        let pairs = it.pairs(&b.value)?;
        let items = pairs.into_iter().map(|(key, value)| {
            let mut entry = Entries::new();
            entry.insert(Key::from(key_name.as_str()), Val::from_key(&key));
            entry.insert(Key::from(value_name.as_str()), value);
            Val::dict(entry)
        });
        Ok(Val::list(items.collect()))
    }),
    Filter::new("items2dict", &["key_name", "value_name"], |it, b| {
        if !b.value.is_seq() {
            let name = b.value.type_name();
            return Err(failed(format!("items2dict requires a list, got <class '{name}'> instead.")));
        }
        let (key_name, value_name) = (b.str_or(it, 0, "key")?, b.str_or(it, 1, "value")?);
        let mut out = Entries::new();
        let items = it.items(&b.value)?;
        if items.iter().any(|item| !item.is_dict()) {
            let mut shown = Vec::new();
            for item in &items {
                let text = it.repr(item)?;
                shown.push(match item {
                    Val::Tuple(_) => format!("({})", &text[1..text.len() - 1]),
                    _ => text,
                });
            }
            let shown = shown.join(", ");
            return Err(failed(format!(
                "items2dict requires a list of dictionaries, got [{shown}] instead."
            )));
        }
        for item in items {
            let (key, value) = (it.entry_str(&item, &key_name)?, it.entry_str(&item, &value_name)?);
            let (Some(key), Some(value)) = (key, value) else {
                let got = it.repr(&b.value)?;
                return Err(failed(format!(
                    "items2dict requires each dictionary in the list to contain the keys '{key_name}' and '{value_name}', got {got} instead."
                )));
            };
            let key = it.to_key(&key)?;
            out.insert(key, value);
        }
        Ok(Val::dict(out))
    }),
    Filter::new("items", &[], |it, b| {
        if !b.value.is_dict() {
            return Err(failed("Can only get item pairs from a mapping."));
        }
        let pairs = it.pairs(&b.value)?;
        Ok(Val::list(pairs.into_iter().map(|(k, v)| Val::tuple(vec![Val::from_key(&k), v])).collect()))
    }),
    Filter::new("rekey_on_member", &["key!", "duplicates"], |it, b| {
        let member = b.str_or(it, 0, "")?;
        let duplicates = b.str_or(it, 1, "error")?;
        if duplicates != "error" && duplicates != "overwrite" {
            return Err(failed(format!(
                "duplicates parameter to rekey_on_member has unknown value '{duplicates}'"
            )));
        }
        let items: Vec<Val> = match &b.value {
            dict if dict.is_dict() => it.pairs(dict)?.into_iter().map(|(_, v)| v).collect(),
            list if list.is_seq() => it.items(list)?,
            _ => return Err(failed("Type is not a valid list, set, or dict")),
        };
        let mut out = Entries::new();
        for item in items {
            if !item.is_dict() {
                return Err(failed("List item is not a valid dict"));
            }
            let Some(key) = it.entry_str(&item, &member)? else {
                return Err(failed(format!("Key '{member}' was not found")));
            };
            let name = it.to_key(&key)?;
            if duplicates == "error" && out.contains_key(&name) {
                return Err(failed(format!("Key {} is not unique, cannot convert to dict.", it.repr(&key)?)));
            }
            out.insert(name, item);
        }
        Ok(Val::dict(out))
    }),
];

/// How lists of the same key are merged.
#[derive(Clone, Copy)]
enum Merge {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRp,
    PrependRp,
}

fn combine(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let mut recursive = false;
    let mut merge = Merge::Replace;
    for (name, value) in std::mem::take(&mut b.named) {
        match &*name {
            "recursive" => recursive = it.truthy(&value)?,
            "list_merge" => {
                let text = it.str(&value)?;
                merge = match text.as_str() {
                    "replace" => Merge::Replace,
                    "keep" => Merge::Keep,
                    "append" => Merge::Append,
                    "prepend" => Merge::Prepend,
                    "append_rp" => Merge::AppendRp,
                    "prepend_rp" => Merge::PrependRp,
                    _ => {
                        return Err(failed(
                            "merge_hash: 'list_merge' argument can only be equal to 'replace', 'keep', 'append', 'prepend', 'append_rp' or 'prepend_rp'",
                        ));
                    }
                };
            }
            _ => {
                return Err(failed("'recursive' and 'list_merge' are the only valid keyword arguments"));
            }
        }
    }
    let mut all = vec![b.value.clone()];
    all.append(&mut b.rest);
    let mut maps = Vec::new();
    for item in all {
        item.check()?;
        if item.is_seq() { maps.extend(it.items(&item)?) } else { maps.push(item) }
    }
    // Nothing is no mapping, but it does no harm.
    maps.retain(|m| !m.is_none() && !matches!(m.as_str(), Some("None" | "null")));
    // From the last one on: each is what the result so far goes over.
    let Some(mut out) = maps.pop() else { return Ok(Val::dict(Entries::new())) };
    for under in maps.into_iter().rev() {
        if !under.is_dict() || !out.is_dict() {
            under.check()?;
            out.check()?;
            return Err(failed(format!(
                "failed to combine variables, expected dicts but got a '{}' and a '{}'.",
                under.type_name(),
                out.type_name()
            )));
        }
        // With nothing to merge the other one is the result itself, not a copy of it.
        if it.len(&under)? == 0 {
            continue;
        }
        if it.len(&out)? == 0 {
            out = under;
            continue;
        }
        let (mut into, from) = (it.entries(&under)?, it.entries(&out)?);
        merge_into(it, &mut into, from, recursive, merge)?;
        out = Val::dict(into);
    }
    Ok(out)
}

fn merge_into(
    it: &mut Interp<'_>,
    into: &mut Entries,
    from: Entries,
    recursive: bool,
    merge: Merge,
) -> R<()> {
    for (key, new) in from {
        let Some(old) = into.get(&key).cloned() else {
            into.insert(key, new);
            continue;
        };
        let value = if recursive && old.is_dict() && new.is_dict() {
            let mut inner = it.entries(&old)?;
            let more = it.entries(&new)?;
            it.nested(|it| merge_into(it, &mut inner, more, recursive, merge))?;
            Val::dict(inner)
        } else if matches!(old, Val::List(_)) && matches!(new, Val::List(_)) {
            let (old_items, new_items) = (it.items(&old)?, it.items(&new)?);
            match merge {
                Merge::Replace => new,
                Merge::Keep => old,
                Merge::Append => Val::list(old_items.into_iter().chain(new_items).collect()),
                Merge::Prepend => Val::list(new_items.into_iter().chain(old_items).collect()),
                Merge::AppendRp => {
                    let kept = without(it, old_items, &new_items)?;
                    Val::list(kept.into_iter().chain(new_items).collect())
                }
                Merge::PrependRp => {
                    let kept = without(it, old_items, &new_items)?;
                    Val::list(new_items.into_iter().chain(kept).collect())
                }
            }
        } else {
            new
        };
        into.insert(key, value);
    }
    Ok(())
}

fn without(it: &mut Interp<'_>, items: Vec<Val>, taken: &[Val]) -> R<Vec<Val>> {
    let members = super::sets::Members::new(taken.to_vec());
    let mut out = Vec::new();
    for item in items {
        if !members.has(it, &item)? {
            out.push(item);
        }
    }
    Ok(out)
}
