//! Lists as sets.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val};
use std::collections::HashSet;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("union", &["b!"], |it, b| {
        let mut items = it.items(&b.value)?;
        items.extend(it.items(&b.val(0))?);
        Ok(Val::list(distinct(it, items)?))
    }),
    Filter::new("intersect", &["b!"], |it, b| {
        let other = Members::new(it.items(&b.val(0))?);
        let items = it.items(&b.value)?;
        keep(it, items, &other, true)
    }),
    Filter::new("difference", &["b!"], |it, b| {
        let other = Members::new(it.items(&b.val(0))?);
        let items = it.items(&b.value)?;
        keep(it, items, &other, false)
    }),
    Filter::new("symmetric_difference", &["b!"], |it, b| {
        let (one, two) = (it.items(&b.value)?, it.items(&b.val(0))?);
        let (in_one, in_two) = (Members::new(one.clone()), Members::new(two.clone()));
        let mut out = Vec::new();
        for item in one {
            if !in_two.has(it, &item)? {
                out.push(item);
            }
        }
        for item in two {
            if !in_one.has(it, &item)? {
                out.push(item);
            }
        }
        Ok(Val::list(distinct(it, out)?))
    }),
];

/// Members of a list, texts found at once.
pub(super) struct Members {
    texts: HashSet<String>,
    others: Vec<Val>,
}

impl Members {
    pub(super) fn new(items: Vec<Val>) -> Self {
        let mut out = Self { texts: HashSet::new(), others: Vec::new() };
        for item in items {
            out.add(item);
        }
        out
    }
    fn add(&mut self, item: Val) {
        match item.as_str() {
            Some(text) => {
                self.texts.insert(text.to_owned());
            }
            None => self.others.push(item),
        }
    }
    pub(super) fn has(&self, it: &mut Interp<'_>, item: &Val) -> R<bool> {
        if let Some(text) = item.as_str() {
            return Ok(self.texts.contains(text));
        }
        for other in &self.others {
            if it.equal(other, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn distinct(it: &mut Interp<'_>, items: Vec<Val>) -> R<Vec<Val>> {
    let mut seen = Members::new(Vec::new());
    let mut out = Vec::new();
    for item in items {
        if !seen.has(it, &item)? {
            seen.add(item.clone());
            out.push(item);
        }
    }
    Ok(out)
}

fn keep(it: &mut Interp<'_>, items: Vec<Val>, other: &Members, wanted: bool) -> R {
    let mut out = Vec::new();
    for item in items {
        if other.has(it, &item)? == wanted {
            out.push(item);
        }
    }
    Ok(Val::list(distinct(it, out)?))
}
