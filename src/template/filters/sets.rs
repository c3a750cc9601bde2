//! Lists as sets.

use super::{Filter, set_order};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use std::collections::HashSet;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("union", &["b!"], |it, b| {
        let (one, two) = (it.items(&b.value)?, it.items(&b.val(0))?);
        if let Some(ordered) = set_order::union(&one, &two) {
            return Ok(Val::list(ordered));
        }
        let items = one.into_iter().chain(two).collect();
        Ok(Val::list(distinct(it, items)?))
    }),
    Filter::new("intersect", &["b!"], |it, b| {
        let (items, other) = (it.items(&b.value)?, others(it, &b.val(0))?);
        if let Some(ordered) = set_order::intersection(&items, &other) {
            return Ok(Val::list(ordered));
        }
        keep(it, items, &Members::new(other), true)
    }),
    Filter::new("difference", &["b!"], |it, b| {
        let (items, other) = (it.items(&b.value)?, others(it, &b.val(0))?);
        if let Some(ordered) = set_order::difference(&items, &other) {
            return Ok(Val::list(ordered));
        }
        keep(it, items, &Members::new(other), false)
    }),
    Filter::new("symmetric_difference", &["b!"], |it, b| {
        let (one, two) = (it.items(&b.value)?, it.items(&b.val(0))?);
        if let Some(ordered) = set_order::symmetric_difference(&one, &two) {
            return Ok(Val::list(ordered));
        }
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

fn others(it: &mut Interp<'_>, other: &Val) -> R<Vec<Val>> {
    if matches!(other, Val::Int(_) | Val::Float(_) | Val::Bool(_) | Val::None) {
        return Err(failed(format!("argument of type '{}' is not iterable", other.type_name())));
    }
    it.items(other)
}

/// A value that is found at once. A whole number and a fraction beyond 2^53 are never equal here.
#[derive(PartialEq, Eq, Hash)]
enum Plain {
    None,
    Text(String),
    Whole(i64),
    Real(u64),
}

impl Plain {
    fn of(value: &Val) -> Option<Self> {
        Some(match value {
            Val::None => Self::None,
            Val::Str(text) => Self::Text(text.as_str().to_owned()),
            // Where floats hold every whole number, one that is whole is equal to that.
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Self::Whole(*f as i64),
            Val::Float(f) if f.is_nan() => return None,
            Val::Float(f) => Self::Real(f.to_bits()),
            other => Self::Whole(other.as_int()?),
        })
    }
}

/// Members of a list; texts and numbers are found at once.
pub(super) struct Members {
    plain: HashSet<Plain>,
    others: Vec<Val>,
}

impl Members {
    pub(super) fn new(items: Vec<Val>) -> Self {
        let mut out = Self { plain: HashSet::new(), others: Vec::new() };
        for item in items {
            out.add(item);
        }
        out
    }
    pub(super) fn add(&mut self, item: Val) {
        match Plain::of(&item) {
            Some(plain) => {
                self.plain.insert(plain);
            }
            None => self.others.push(item),
        }
    }
    pub(super) fn has(&self, it: &mut Interp<'_>, item: &Val) -> R<bool> {
        if let Some(plain) = Plain::of(item) {
            return Ok(self.plain.contains(&plain));
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
