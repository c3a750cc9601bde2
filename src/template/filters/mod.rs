//! Filters, one file per family.

mod names;
mod regex;
pub(crate) mod time;
mod units;

pub(crate) use regex::compile as compile_regex;
pub(crate) use units::to_bool;

use super::eval::Interp;
use super::eval::val::{Args, R, Val};
use super::plugin::{BUILTIN, Bound, Plugin, Registry, registry};
use super::templar::nearest;
use std::sync::OnceLock;

/// What a filter runs.
pub(crate) type Run = fn(&mut Interp<'_>, &mut Bound) -> R;
/// A filter.
pub(crate) type Filter = Plugin<Run>;

fn all() -> &'static Registry<Run> {
    static ALL: OnceLock<Registry<Run>> = OnceLock::new();
    ALL.get_or_init(|| {
        registry(&[
            (names::FILTERS, BUILTIN),
            (units::FILTERS, BUILTIN),
            (regex::FILTERS, BUILTIN),
            (time::FILTERS, BUILTIN),
        ])
    })
}

/// The filter of a name.
pub(crate) fn find(name: &str) -> Option<&'static Filter> {
    all().get(name).copied()
}

/// A name like the given one.
pub(crate) fn suggest(name: &str) -> Option<String> {
    nearest(name, all().keys().map(String::as_str))
}

/// Runs a filter.
pub(crate) fn run(it: &mut Interp<'_>, filter: &Filter, value: Val, args: Args) -> R {
    let mut bound = Bound::new(filter.name, filter.params, value, args)?;
    (filter.run)(it, &mut bound)
}
