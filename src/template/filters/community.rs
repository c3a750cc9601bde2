//! Filters of community.general that roles use.

use super::Filter;
use crate::template::eval::Interp;
use crate::template::eval::sort::sort;
use crate::template::eval::val::{Entries, R, Val, failed};
use crate::template::plugin::Bound;
use crate::template::tests::loose;
use crate::vars::{Key, Value};
use std::cmp::Ordering;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("json_query", &["expr!"], |it, b| {
        let query = b.str_or(it, 0, "")?;
        let data = it.lower(&b.value)?.to_json();
        let compiled = jmespath::compile(&query)
            .map_err(|e| failed(format!("JMESPathError in json_query filter plugin:\n{e}")))?;
        let data = jmespath::Variable::from_json(&data.to_string()).map_err(failed)?;
        let found = compiled
            .search(data)
            .map_err(|e| failed(format!("Error in jmespath.search in json_query filter plugin:\n{e}")))?;
        let json = serde_json::to_value(&*found).map_err(|e| failed(e.to_string()))?;
        it.from_value(Value::from(json))
    }),
    Filter::new("dict", &[], |it, b| {
        let entries = crate::template::eval::methods::containers::to_entries(it, &b.value)?;
        Ok(Val::dict(entries))
    }),
    Filter::new("dict_kv", &["key!"], |it, b| {
        let key = it.to_key(&b.val(0))?;
        Ok(Val::dict(Entries::from([(key, b.value.clone())])))
    }),
    Filter::new("counter", &[], |it, b| {
        let mut out = Entries::new();
        for item in it.items(&b.value)? {
            let key = it.to_key(&item)?;
            let count = out.get(&key).and_then(Val::as_int).unwrap_or(0);
            out.insert(key, Val::Int(count + 1));
        }
        Ok(Val::dict(out))
    }),
    Filter::new("groupby_as_dict", &["attribute!"], |it, b| {
        let attribute = b.str_or(it, 0, "")?;
        let mut out = Entries::new();
        for item in it.items(&b.value)? {
            let Some(value) = it.entry_str(&item, &attribute)? else {
                return Err(failed(format!("Attribute not contained in element: {attribute}")));
            };
            let key = it.to_key(&value)?;
            if out.insert(key, item).is_some() {
                return Err(failed("Multiple sequence entries have the same attribute value"));
            }
        }
        Ok(Val::dict(out))
    }),
    Filter::new("version_sort", &["reverse"], |it, b| {
        let reverse = b.flag(it, 0, false)?;
        let mut keyed = Vec::new();
        for item in it.items(&b.value)? {
            keyed.push((it.str(&item)?, item));
        }
        if reverse {
            keyed.reverse();
        }
        let mut sorted = sort(keyed, |(a, _), (b, _)| loose(a, b).map(Ordering::is_lt))
            .map_err(|e| failed(e.to_string()))?;
        if reverse {
            sorted.reverse();
        }
        Ok(Val::list(sorted.into_iter().map(|(_, v)| v).collect()))
    }),
    Filter::new("random_string", &["length", "upper", "lower", "numbers", "special"], |it, b| {
        random_string(it, b)
    }),
    Filter::new("lists_union", &["*", "**"], |it, b| lists(it, b, Set::Union)),
    Filter::new("lists_intersect", &["*", "**"], |it, b| lists(it, b, Set::Intersect)),
    Filter::new("lists_difference", &["*", "**"], |it, b| lists(it, b, Set::Difference)),
    Filter::new("lists_symmetric_difference", &["*", "**"], |it, b| lists(it, b, Set::Symmetric)),
    Filter::new("lists_mergeby", &["*", "**"], mergeby),
    Filter::new("to_time_unit", &["unit", "**"], |it, b| {
        let name = b.str_or(it, 0, "ms")?;
        let unit = unit(&name).ok_or_else(|| {
            failed(format!(
                "to_time_unit() can not convert to the following unit: {name}. Available units (singular or plural): \
                 millisecond, msec, msecond, sec, second, hour, min, minute, day, week, month, year. Available short units: \
                 ms, s, m, h, d, w, mo, y"
            ))
        })?;
        time(it, b, unit)
    }),
    Filter::new("random_mac", &["seed"], random_mac),
    Filter::new("to_milliseconds", &["**"], |it, b| time(it, b, 0.001)),
    Filter::new("to_seconds", &["**"], |it, b| time(it, b, 1.0)),
    Filter::new("to_minutes", &["**"], |it, b| time(it, b, 60.0)),
    Filter::new("to_hours", &["**"], |it, b| time(it, b, 3600.0)),
    Filter::new("to_days", &["**"], |it, b| time(it, b, 86_400.0)),
    Filter::new("to_weeks", &["**"], |it, b| time(it, b, 604_800.0)),
    Filter::new("to_months", &["**"], |it, b| time(it, b, 2_592_000.0)),
    Filter::new("to_years", &["**"], |it, b| time(it, b, 31_536_000.0)),
];

/// The rest of a hardware address that begins so.
fn random_mac(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let prefix = b.text(it)?.to_lowercase();
    let bytes: Vec<&str> = prefix.split(':').collect();
    if bytes.len() > 5 {
        return Err(failed(format!(
            "Invalid value ({prefix}) for random_mac: 5 colon(:) separated items max"
        )));
    }
    let is_byte = |byte: &&str| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(wrong) = bytes.iter().find(|byte| !is_byte(byte)) {
        let wrong = if wrong.is_empty() { "empty item".to_owned() } else { format!("{wrong} not hexa byte") };
        return Err(failed(format!("Invalid value ({prefix}) for random_mac: {wrong}")));
    }
    let seed = b.str(it, 0)?;
    // Ten digits, of which the first is not zero, as with the same seed in the original.
    let (least, most) = (0x10_0000_0000_u64, 0xff_ffff_ffff_u64);
    let number = match &seed {
        Some(seed) => least + super::mersenne::Random::new(Some(seed)).below(most - least + 1),
        None => rand::random_range(least..=most),
    };
    let digits = format!("{number:010x}");
    let mut out = prefix.clone();
    for at in 0..6 - bytes.len() {
        out.push(':');
        out.push_str(&digits[2 * at..2 * at + 2]);
    }
    Ok(Val::from(out))
}

fn random_string(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let length = b.size(0, 8)?;
    let mut letters = String::new();
    for (at, set) in [(1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), (2, "abcdefghijklmnopqrstuvwxyz"), (3, "0123456789")]
    {
        if b.flag(it, at, true)? {
            letters.push_str(set);
        }
    }
    if b.flag(it, 4, true)? {
        letters.push_str("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    }
    let letters: Vec<char> = letters.chars().collect();
    if letters.is_empty() {
        return Err(failed("Available characters cannot be None, please change constraints"));
    }
    Ok(Val::from((0..length).map(|_| letters[rand::random_range(0..letters.len())]).collect::<String>()))
}

#[derive(Clone, Copy)]
enum Set {
    Union,
    Intersect,
    Difference,
    Symmetric,
}

fn lists(it: &mut Interp<'_>, b: &mut Bound, how: Set) -> R {
    let flatten = match b.named.iter().find(|(n, _)| &**n == "flatten") {
        Some((_, v)) => it.truthy(v)?,
        None => false,
    };
    let mut all = if flatten { it.items(&b.value)? } else { vec![b.value.clone()] };
    all.append(&mut b.rest);
    let mut all = all.into_iter();
    let mut out = match all.next() {
        Some(first) => first,
        None => return Ok(Val::list(Vec::new())),
    };
    let name = match how {
        Set::Union => "union",
        Set::Intersect => "intersect",
        Set::Difference => "difference",
        Set::Symmetric => "symmetric_difference",
    };
    for next in all {
        out = it.filter(name, out, crate::template::eval::val::Args::of(vec![next]))?;
    }
    Ok(out)
}

fn mergeby(it: &mut Interp<'_>, b: &mut Bound) -> R {
    let mut all = vec![b.value.clone()];
    all.append(&mut b.rest);
    let Some(index) = all.pop() else { return Err(failed("One or more lists are expected")) };
    let index = it.str(&index)?;
    let mut merged: Vec<(Key, Val)> = Vec::new();
    // A list may hold the lists.
    let mut lists = Vec::new();
    for list in all {
        let items = it.items(&list)?;
        if !items.is_empty() && items.iter().all(Val::is_seq) {
            lists.extend(items);
        } else {
            lists.push(list);
        }
    }
    for list in lists {
        for item in it.items(&list)? {
            let Some(key) = it.entry_str(&item, &index)? else { continue };
            let key = it.to_key(&key)?;
            match merged.iter_mut().find(|(k, _)| *k == key) {
                None => merged.push((key, item)),
                Some((_, old)) => {
                    let args = crate::template::eval::val::Args { pos: vec![item], named: b.named.clone() };
                    let both = it.filter("combine", old.clone(), args)?;
                    *old = both;
                }
            }
        }
    }
    let keyed = merged.into_iter().map(|(k, v)| (Val::from_key(&k), v)).collect();
    Ok(Val::list(it.sort_by_key(keyed, false)?))
}

/// The seconds of a unit, of months of 30 and years of 365 days.
fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "ms" | "msec" | "msecond" | "msecs" | "mseconds" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "mo" | "month" | "months" => 2_592_000.0,
        "y" | "year" | "years" => 31_536_000.0,
        _ => return None,
    })
}

/// `"1h 30m"` as a number of some unit.
fn time(it: &mut Interp<'_>, b: &mut Bound, wanted: f64) -> R {
    let (mut year, mut month) = (365.0, 30.0);
    for (name, value) in &b.named {
        let days = value.as_f64().ok_or_else(|| failed("year and month want numbers"))?;
        match &**name {
            "year" => year = days,
            "month" => month = days,
            other => return Err(failed(format!("to_time_unit() got unknown keyword arguments: {other}"))),
        }
    }
    let text = b.text(it)?;
    if text == "0" {
        return Ok(Val::Int(0));
    }
    let mut seconds = 0.0;
    for word in text.split_whitespace() {
        let at = word.find(|c: char| c.is_alphabetic()).unwrap_or(word.len());
        let (number, name) = word.split_at(at);
        let wrong = || failed(format!("to_time_unit() can not interpret following string: {text}"));
        let number: i32 = number.parse().map_err(|_| wrong())?;
        let size = match unit(name) {
            Some(2_592_000.0) => month * 86_400.0,
            Some(31_536_000.0) => year * 86_400.0,
            Some(size) => size,
            None => return Err(wrong()),
        };
        seconds += f64::from(number) * size;
    }
    let wanted = match wanted {
        2_592_000.0 => month * 86_400.0,
        31_536_000.0 => year * 86_400.0,
        u => u,
    };
    Ok(Val::Float((seconds / wanted * 1e12).round() / 1e12))
}
