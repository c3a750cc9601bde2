//! Filters of community.general that choose and rename the keys of mappings in a list.

use super::{Filter, compile_regex};
use crate::template::eval::Interp;
use crate::template::eval::val::{Entries, R, Val, failed};
use crate::template::plugin::Bound;
use crate::vars::Key;
use std::sync::Arc;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("keep_keys", &["target", "matching_parameter"], |it, b| chosen(it, b, true)),
    Filter::new("remove_keys", &["target", "matching_parameter"], |it, b| chosen(it, b, false)),
    Filter::new("replace_keys", &["target", "matching_parameter"], renamed),
];

/// What a key is held against.
enum Pattern {
    Equal(String),
    Start(String),
    End(String),
    Regex(Arc<fancy_regex::Regex>),
}

impl Pattern {
    fn new(way: &str, text: String) -> R<Self> {
        Ok(match way {
            "equal" => Self::Equal(text),
            "starts_with" => Self::Start(text),
            "ends_with" => Self::End(text),
            // As Python's `match`: from the beginning on.
            _ => Self::Regex(compile_regex(&format!("^(?:{text})"), false, false, false)?),
        })
    }

    fn fits(&self, key: &Key) -> R<bool> {
        let Some(key) = key.as_str() else { return Ok(false) };
        Ok(match self {
            Self::Equal(text) => key == text,
            Self::Start(text) => key.starts_with(text.as_str()),
            Self::End(text) => key.ends_with(text.as_str()),
            Self::Regex(regex) => regex.is_match(key).map_err(|e| failed(e.to_string()))?,
        })
    }
}

/// How keys are compared.
fn way(it: &mut Interp<'_>, b: &Bound) -> R<String> {
    let way = b.str_or(it, 1, "equal")?;
    if ["equal", "starts_with", "ends_with", "regex"].contains(&way.as_str()) {
        return Ok(way);
    }
    Err(failed(format!(
        "matching_parameter must be one of 'equal', 'starts_with', 'ends_with' and 'regex', and it is '{way}'"
    )))
}

/// The mappings of the list, each as its entries.
fn mappings(it: &mut Interp<'_>, b: &Bound) -> R<Vec<Vec<(Key, Val)>>> {
    if !b.value.is_seq() {
        return Err(failed(format!("First argument must be a list. It is {}.", b.value.type_name())));
    }
    let items = it.items(&b.value)?;
    if let Some(other) = items.iter().find(|item| !item.is_dict()) {
        return Err(failed(format!(
            "Elements of the list must be dictionaries, and one is {}.",
            other.type_name()
        )));
    }
    items.iter().map(|item| it.pairs(item)).collect()
}

/// `target` as the texts in it.
fn targets(it: &mut Interp<'_>, b: &Bound, way: &str) -> R<Vec<Pattern>> {
    let target = b.val(0);
    let texts = match &target {
        Val::Str(_) => vec![target.clone()],
        list if list.is_seq() => it.items(list)?,
        other => {
            return Err(failed(format!(
                "The target must be a string or a list. target is {}.",
                other.type_name()
            )));
        }
    };
    if texts.is_empty() {
        return Err(failed("The target can't be empty."));
    }
    if way == "regex" && texts.len() > 1 {
        return Err(failed("Single item is required in the target list if matching_parameter=regex."));
    }
    let one = |text: &Val| match text.as_str() {
        Some(text) => Pattern::new(way, text.to_owned()),
        None => Err(failed(format!("The target items must be strings, and one is {}", text.type_name()))),
    };
    texts.iter().map(one).collect()
}

fn chosen(it: &mut Interp<'_>, b: &mut Bound, keep: bool) -> R {
    let way = way(it, b)?;
    let (mappings, patterns) = (mappings(it, b)?, targets(it, b, &way)?);
    let mut out = Vec::with_capacity(mappings.len());
    for pairs in mappings {
        let mut entries = Entries::new();
        for (key, value) in pairs {
            let mut fits = false;
            for pattern in &patterns {
                fits |= pattern.fits(&key)?;
            }
            if fits == keep {
                entries.insert(key, value);
            }
        }
        out.push(Val::dict(entries));
    }
    Ok(Val::list(out))
}

fn renamed(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let way = way(it, b)?;
    let mappings = mappings(it, b)?;
    let target = b.val(0);
    if !target.is_seq() {
        return Err(failed(format!("The target must be a list. target is {}.", target.type_name())));
    }
    let mut names = Vec::new();
    for item in it.items(&target)? {
        let pair = (it.entry_str(&item, "before")?, it.entry_str(&item, "after")?);
        let (Some(Val::Str(before)), Some(Val::Str(after))) = pair else {
            return Err(failed(
                "Each item of the target must be a dictionary with the strings 'before' and 'after'.",
            ));
        };
        names.push((Pattern::new(&way, before.as_str().to_owned())?, Key::from(after.as_str())));
    }
    if names.is_empty() {
        return Err(failed("The target can't be empty."));
    }
    let mut out = Vec::with_capacity(mappings.len());
    for pairs in mappings {
        let mut entries = Entries::new();
        for (key, value) in pairs {
            let mut new = key.clone();
            for (pattern, after) in &names {
                if pattern.fits(&key)? {
                    new = after.clone();
                    break;
                }
            }
            entries.insert(new, value);
        }
        out.push(Val::dict(entries));
    }
    Ok(Val::list(out))
}
