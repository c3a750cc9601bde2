//! Tests (`x is y`), one file per family.

mod compare;
mod files;
mod kinds;
mod protomatter;
mod results;
mod uris;
mod versions;

pub(crate) use versions::loose;

use super::eval::Interp;
use super::eval::val::{Args, R, Val};
use super::plugin::{BUILTIN, Bound, Plugin, Registry, registry};
use super::templar::nearest;
use std::sync::OnceLock;

/// What a test runs.
pub(crate) type Run = fn(&mut Interp<'_>, &mut Bound) -> R<bool>;
/// A test.
pub(crate) type Test = Plugin<Run>;

fn all() -> &'static Registry<Run> {
    static ALL: OnceLock<Registry<Run>> = OnceLock::new();
    ALL.get_or_init(|| {
        registry(
            &[
                (kinds::TESTS, BUILTIN),
                (compare::TESTS, BUILTIN),
                (results::TESTS, BUILTIN),
                (files::TESTS, BUILTIN),
                (uris::TESTS, BUILTIN),
                (versions::TESTS, BUILTIN),
                (protomatter::TESTS, &["ansible._protomatter"]),
            ],
            &[],
        )
    })
}

/// The test of a name.
pub(crate) fn find(name: &str) -> Option<&'static Test> {
    all().get(name).map(|entry| entry.plugin)
}

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    let mut out: Vec<&str> = all().keys().map(String::as_str).collect();
    out.sort_unstable();
    out
}

/// A name like the given one.
pub(crate) fn suggest(name: &str) -> Option<String> {
    nearest(name, all().keys().map(String::as_str))
}

/// Runs a test.
pub(crate) fn run(it: &mut Interp<'_>, test: &Test, value: Val, args: Args) -> R<bool> {
    let mut bound = Bound::new(test.name, test.params, value, args)?;
    (test.run)(it, &mut bound)
}
