//! Results of tasks.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use crate::template::plugin::Bound;

pub(super) const TESTS: &[Test] = &[
    Test::new("failed", &[], |it, b| is_failed(it, b, "failed")),
    Test::new("failure", &[], |it, b| is_failed(it, b, "failed")),
    Test::new("success", &[], |it, b| is_failed(it, b, "failed").map(|f| !f)),
    Test::new("succeeded", &[], |it, b| is_failed(it, b, "failed").map(|f| !f)),
    Test::new("successful", &[], |it, b| is_failed(it, b, "failed").map(|f| !f)),
    Test::new("reachable", &[], |it, b| key(it, b, "unreachable", "unreachable").map(|f| !f)),
    Test::new("unreachable", &[], |it, b| key(it, b, "unreachable", "unreachable")),
    Test::new("timedout", &[], |it, b| {
        need_dict(b, "timedout")?;
        match it.entry_str(&b.value, "timedout")? {
            Some(value) => it.truthy(&value),
            None => Ok(false),
        }
    }),
    Test::new("changed", &[], changed),
    Test::new("change", &[], changed),
    Test::new("skipped", &[], |it, b| key(it, b, "skipped", "skipped")),
    Test::new("skip", &[], |it, b| key(it, b, "skipped", "skipped")),
    Test::new("started", &[], |it, b| async_flag(it, b, "started")),
    Test::new("finished", &[], |it, b| async_flag(it, b, "finished")),
];

fn need_dict(b: &Bound, test: &str) -> R<()> {
    if b.value.is_dict() {
        return Ok(());
    }
    Err(failed(format!("The '{test}' test expects a dictionary")))
}

fn key(it: &mut Interp<'_>, b: &mut Bound, key: &str, test: &str) -> R<bool> {
    need_dict(b, test)?;
    match it.entry_str(&b.value, key)? {
        Some(value) => it.truthy(&value),
        None => Ok(false),
    }
}

fn is_failed(it: &mut Interp<'_>, b: &mut Bound, test: &str) -> R<bool> {
    key(it, b, "failed", test)
}

fn async_flag(it: &mut Interp<'_>, b: &mut Bound, name: &str) -> R<bool> {
    need_dict(b, name)?;
    match it.entry_str(&b.value, name)? {
        Some(value) => it.truthy(&value),
        // What did not run in the background is both.
        None => Ok(true),
    }
}

fn changed(it: &mut Interp<'_>, b: &mut Bound) -> R<bool> {
    need_dict(b, "changed")?;
    if let Some(value) = it.entry_str(&b.value, "changed")? {
        return it.truthy(&value);
    }
    let Some(results) = it.entry_str(&b.value, "results")? else { return Ok(false) };
    if !matches!(results, Val::List(_)) {
        return Ok(false);
    }
    for result in it.items(&results)? {
        if let Some(value) = it.entry_str(&result, "changed")?
            && it.truthy(&value)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
