//! Comparisons, sets and patterns.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::filters;
use crate::template::plugin::Bound;
use crate::template::syntax::ast::Comparison;

macro_rules! comparison {
    ($name:literal, $op:ident) => {
        Test::new($name, &["other!"], |it, b| it.compare(Comparison::$op, &b.value, &b.val(0)))
    };
}

pub(super) const TESTS: &[Test] = &[
    comparison!("eq", Eq),
    comparison!("equalto", Eq),
    comparison!("==", Eq),
    comparison!("ne", Ne),
    comparison!("!=", Ne),
    comparison!("lt", Lt),
    comparison!("lessthan", Lt),
    comparison!("<", Lt),
    comparison!("le", Le),
    comparison!("<=", Le),
    comparison!("gt", Gt),
    comparison!("greaterthan", Gt),
    comparison!(">", Gt),
    comparison!("ge", Ge),
    comparison!(">=", Ge),
    comparison!("in", In),
    Test::new("contains", &["value!"], |it, b| it.contains(&b.value, &b.val(0))),
    Test::new("any", &[], |it, b| {
        for item in it.items(&b.value)? {
            if it.truthy(&item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }),
    Test::new("all", &[], |it, b| {
        for item in it.items(&b.value)? {
            if !it.truthy(&item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }),
    Test::new("subset", &["b!"], |it, b| within(it, &b.value, &b.val(0))),
    Test::new("issubset", &["b!"], |it, b| within(it, &b.value, &b.val(0))),
    Test::new("superset", &["b!"], |it, b| within(it, &b.val(0), &b.value)),
    Test::new("issuperset", &["b!"], |it, b| within(it, &b.val(0), &b.value)),
    Test::new("match", &["pattern", "ignorecase", "multiline"], |it, b| pattern(it, b, "match")),
    Test::new("search", &["pattern", "ignorecase", "multiline"], |it, b| pattern(it, b, "search")),
    Test::new("regex", &["pattern", "ignorecase", "multiline", "match_type"], |it, b| {
        let how = b.str_or(it, 3, "search")?;
        if !matches!(how.as_str(), "match" | "search" | "fullmatch") {
            return Err(failed("'str' object is not callable"));
        }
        pattern(it, b, &how)
    }),
];

fn within(it: &mut Interp<'_>, small: &Val, large: &Val) -> R<bool> {
    let (large, small) = (it.items(large)?, it.items(small)?);
    if let Some(item) = large.iter().chain(&small).find(|i| matches!(i, Val::List(_)) || i.is_dict()) {
        return Err(failed(format!("unhashable type: '{}'", item.type_name())));
    }
    let large = Val::list(large);
    for item in small {
        if !it.contains(&large, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn pattern(it: &mut Interp<'_>, b: &mut Bound, how: &str) -> R<bool> {
    let text = b.text(it)?;
    let pattern = b.str_or(it, 0, "")?;
    let ignore_case = b.flag(it, 1, false)?;
    let multiline = b.flag(it, 2, false)?;
    // Mistakes are told of the pattern as it was written.
    filters::compile_regex(&pattern, ignore_case, multiline, false)?;
    let pattern = match how {
        "match" => format!(r"\A(?:{pattern})"),
        "fullmatch" => format!(r"\A(?:{pattern})\Z"),
        _ => pattern,
    };
    let regex = filters::compile_regex(&pattern, ignore_case, multiline, false)?;
    regex.is_match(&text).map_err(|e| failed(e.to_string()))
}
