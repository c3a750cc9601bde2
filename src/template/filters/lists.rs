//! Lists: taking apart, cutting, mixing.

use super::Filter;
use super::mersenne::Random;
use crate::template::error::TemplateErrorKind;
use crate::template::eval::Interp;
use crate::template::eval::range::Range;
use crate::template::eval::val::{R, Val, failed, undefined};
use crate::template::plugin::Bound;

pub(super) const FILTERS: &[Filter] = &[
    Filter::new("first", &[], |it, b| {
        let first = match b.value.downcast::<Range>() {
            Some(range) => range.at(0).map(Val::Int),
            None => it.items(&b.value)?.into_iter().next(),
        };
        Ok(first.unwrap_or_else(|| undefined("No first item, sequence was empty.")))
    }),
    Filter::new("last", &[], |it, b| {
        let last = match b.value.downcast::<Range>() {
            Some(range) => range.at(-1).map(Val::Int),
            None => it.items(&b.value)?.pop(),
        };
        Ok(last.unwrap_or_else(|| undefined("No last item, sequence was empty.")))
    }),
    Filter::new("length", &[], |it, b| it.len(&b.value).map(Val::from)),
    Filter::new("count", &[], |it, b| it.len(&b.value).map(Val::from)),
    Filter::new("list", &[], |it, b| Ok(Val::list(it.items(&b.value)?))),
    Filter::new("reverse", &[], |it, b| match &b.value {
        Val::Str(text) => Ok(Val::from(text.as_str().chars().rev().collect::<String>())),
        other => {
            let mut items = it.items(other).map_err(|e| match e.kind {
                TemplateErrorKind::Failed => failed(format!("argument must be iterable: {}", e.message)),
                _ => e,
            })?;
            items.reverse();
            Ok(Val::list(items))
        }
    }),
    Filter::new("batch", &["linecount!", "fill_with"], |it, b| {
        let size = b.size(0, 1)?.max(1);
        let fill = b.get(1).cloned();
        let items = it.items(&b.value)?;
        if b.int(0)?.is_some_and(|n| n <= 0) {
            // No row is ever full but the empty one.
            return Ok(Val::list(vec![Val::list(Vec::new()), Val::list(items)]));
        }
        let mut rows: Vec<Vec<Val>> = items.chunks(size).map(<[Val]>::to_vec).collect();
        if let (Some(fill), Some(last)) = (fill, rows.last_mut()) {
            last.resize(size.max(last.len()).min(last.len() + 1_000_000), fill);
        }
        Ok(Val::list(rows.into_iter().map(Val::list).collect()))
    }),
    Filter::new("slice", &["slices!", "fill_with"], |it, b| {
        let items = it.items(&b.value)?;
        if b.int(0)? == Some(0) {
            return Err(failed("integer division or modulo by zero"));
        }
        let count = b.size(0, 1)?.clamp(1, 1_000_000);
        let (each, extra) = (items.len() / count, items.len() % count);
        let mut rest = items.into_iter();
        let mut out = Vec::new();
        for i in 0..count {
            let mut row: Vec<Val> = rest.by_ref().take(each + usize::from(i < extra)).collect();
            if let Some(fill) = b.get(1)
                && i >= extra
            {
                row.push(fill.clone());
            }
            out.push(Val::list(row));
        }
        Ok(Val::list(out))
    }),
    Filter::new("flatten", &["levels", "skip_nulls"], |it, b| {
        let levels = b.int(0)?;
        let skip = b.flag(it, 1, true)?;
        let items = it.items(&b.value)?;
        let mut out = Vec::new();
        flatten(it, items, levels, skip, &mut out)?;
        Ok(Val::list(out))
    }),
    Filter::new("zip", &["*"], |it, b| zip(it, b, None)),
    Filter::new("zip_longest", &["*", "**"], |it, b| {
        let fill = b.named.iter().find(|(n, _)| &**n == "fillvalue").map_or(Val::None, |(_, v)| v.clone());
        zip(it, b, Some(fill))
    }),
    Filter::new("product", &["*", "**"], |it, b| {
        let mut columns = vec![it.items(&b.value)?];
        for other in &b.rest {
            columns.push(it.items(other)?);
        }
        let repeat =
            b.named.iter().find(|(n, _)| &**n == "repeat").and_then(|(_, v)| v.as_int()).unwrap_or(1);
        let once = columns.clone();
        for _ in 1..repeat.clamp(1, 64) {
            columns.extend(once.iter().cloned());
        }
        if columns.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul).is_none_or(|n| n > 1_000_000) {
            return Err(failed("the product of these lists is too large"));
        }
        let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
        for column in &columns {
            rows = rows
                .iter()
                .flat_map(|row| {
                    column.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect())
                })
                .collect();
        }
        Ok(Val::list(rows.into_iter().map(Val::tuple).collect()))
    }),
    Filter::new("permutations", &["r"], |it, b| {
        let items = it.items(&b.value)?;
        let size = b.size(0, items.len())?;
        pick(&items, size, true)
    }),
    Filter::new("combinations", &["r"], |it, b| {
        let items = it.items(&b.value)?;
        if b.get(0).is_none() {
            return Err(failed("combinations() missing required argument 'r' (pos 2)"));
        }
        let size = b.size(0, items.len())?;
        pick(&items, size, false)
    }),
    Filter::new("random", &["start", "step", "seed"], random),
    Filter::new("shuffle", &["seed"], |it, b| {
        let Ok(mut items) = it.items(&b.value) else { return Ok(b.value.clone()) };
        let mut random = seeded(it, b.get(0))?;
        for i in (1..items.len()).rev() {
            items.swap(i, usize::try_from(random.below(i as u64 + 1)).unwrap_or(0));
        }
        Ok(Val::list(items))
    }),
    Filter::new("dictsort", &["case_sensitive", "by", "reverse"], |it, b| {
        let case_sensitive = b.flag(it, 0, false)?;
        let by = b.str_or(it, 1, "key")?;
        let reverse = b.flag(it, 2, false)?;
        if by != "key" && by != "value" {
            return Err(failed("You can only sort by either \"key\" or \"value\""));
        }
        let mut keyed = Vec::new();
        if !b.value.is_dict() {
            return Err(failed(format!("'{}' object has no attribute 'items'", b.value.type_name())));
        }
        for (key, value) in it.pairs(&b.value)? {
            let key = Val::from_key(&key);
            let sort_by = if by == "key" { key.clone() } else { value.clone() };
            keyed.push((super::names::fold(sort_by, case_sensitive), Val::tuple(vec![key, value])));
        }
        Ok(Val::list(it.sort_by_key(keyed, reverse)?))
    }),
];

fn flatten(
    it: &mut Interp<'_>,
    items: Vec<Val>,
    levels: Option<i64>,
    skip: bool,
    out: &mut Vec<Val>,
) -> R<()> {
    for item in items {
        let null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        if skip && null {
            continue;
        }
        if item.is_seq() && levels.is_none_or(|l| l >= 1) {
            let inner = it.items(&item)?;
            it.nested(|it| flatten(it, inner, levels.map(|l| l - 1), skip, out))?;
        } else {
            out.push(item);
        }
    }
    Ok(())
}

fn zip(it: &mut Interp<'_>, b: &mut Bound, fill: Option<Val>) -> R {
    let mut columns = vec![it.items(&b.value)?];
    for other in &b.rest {
        columns.push(it.items(other)?);
    }
    let lengths = columns.iter().map(Vec::len);
    let rows = if fill.is_some() { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let fill = fill.unwrap_or(Val::None);
    Ok(Val::list(
        (0..rows)
            .map(|i| {
                Val::tuple(
                    columns.iter().map(|c| c.get(i).cloned().unwrap_or_else(|| fill.clone())).collect(),
                )
            })
            .collect(),
    ))
}

/// Permutations or combinations of a size, in the order of Python's.
fn pick(items: &[Val], size: usize, ordered: bool) -> R {
    fn go(items: &[Val], size: usize, ordered: bool, row: &mut Vec<usize>, out: &mut Vec<Val>) -> bool {
        if row.len() == size {
            out.push(Val::tuple(row.iter().map(|i| items[*i].clone()).collect()));
            return out.len() <= 1_000_000;
        }
        let from = if ordered { 0 } else { row.last().map_or(0, |l| l + 1) };
        for i in from..items.len() {
            if ordered && row.contains(&i) {
                continue;
            }
            row.push(i);
            let on = go(items, size, ordered, row, out);
            row.pop();
            if !on {
                return false;
            }
        }
        true
    }
    let mut out = Vec::new();
    if size <= items.len() && (size > 200 || !go(items, size, ordered, &mut Vec::new(), &mut out)) {
        return Err(failed("there are too many of these"));
    }
    Ok(Val::list(out))
}

fn seeded(it: &mut Interp<'_>, seed: Option<&Val>) -> R<Random> {
    Ok(match seed {
        None => Random::new(None),
        Some(seed) => match seed.as_int() {
            Some(number) => Random::of_number(number.unsigned_abs()),
            None => Random::new(Some(&it.str(seed)?)),
        },
    })
}

fn random(it: &mut Interp<'_>, b: &mut Bound) -> R {
    // `100 | random(step=10)`: the value is the end; a list gives one of its items.
    let mut random = seeded(it, b.get(2))?;
    if let Some(end) = b.value.as_int() {
        let start = b.int(0)?.unwrap_or(0);
        let step = b.int(1)?.unwrap_or(1);
        if step == 0 {
            return Err(failed("zero step for randrange()"));
        }
        let width = end.saturating_sub(start);
        let (wide, stride) = (i128::from(width), i128::from(step));
        let count = (wide + stride - stride.signum()) / stride;
        let Some(count) = u64::try_from(count).ok().filter(|c| *c > 0) else {
            return Err(failed(format!("empty range for randrange() ({start}, {end}, {width})")));
        };
        let at = i64::try_from(random.below(count)).unwrap_or(0);
        return Ok(Val::Int(start.saturating_add(step.saturating_mul(at))));
    }
    if b.get(0).is_some() || b.get(1).is_some() {
        return Err(failed("start and step can only be used with integer values"));
    }
    if !b.value.is_seq() && !b.value.is_dict() && !matches!(b.value, Val::Str(_)) {
        return Err(failed("random can only be used on sequences and integers"));
    }
    let items = it.items(&b.value)?;
    if items.is_empty() {
        return Err(failed("Cannot choose from an empty sequence"));
    }
    let at = usize::try_from(random.below(items.len() as u64)).unwrap_or(0);
    Ok(items[at].clone())
}
