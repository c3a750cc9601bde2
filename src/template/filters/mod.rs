//! Filters, one file per family.

mod codec;
mod community;
mod crypt;
mod dicts;
mod ipaddr;
mod json;
mod json_read;
mod keys;
mod lists;
mod maths;
mod mersenne;
mod mistakes;
mod names;
mod net;
mod paths;
mod protomatter;
mod regex;
mod set_order;
mod sets;
mod texts;
pub(crate) mod time;
mod units;
mod yaml;
pub(super) mod yaml_emit;
mod yaml_look;

pub(crate) use crypt::make_password_hash;
pub(crate) use mersenne::Random;
pub(crate) use paths::{expand_user, path};
pub(crate) use protomatter::tags;
pub(crate) use regex::compile as compile_regex;
pub(crate) use units::{size_of, to_bool};

use super::eval::Interp;
use super::eval::val::{Args, R, Val};
use super::plugin::{BUILTIN, Bound, Entry, Plugin, Registry, registry};
use super::templar::nearest;
use std::sync::OnceLock;

/// What a filter runs.
pub(crate) type Run = fn(&mut Interp<'_>, &mut Bound) -> R;
/// A filter.
pub(crate) type Filter = Plugin<Run>;

/// Families of filters, and the collections they belong to. The first one is theirs, the others send callers on to it.
const FAMILIES: &[(&[Filter], &[&str])] = &[
    (names::FILTERS, BUILTIN),
    (texts::FILTERS, BUILTIN),
    (lists::FILTERS, BUILTIN),
    (sets::FILTERS, BUILTIN),
    (dicts::FILTERS, BUILTIN),
    (maths::FILTERS, BUILTIN),
    (units::FILTERS, BUILTIN),
    (json::FILTERS, BUILTIN),
    (yaml::FILTERS, BUILTIN),
    (codec::FILTERS, BUILTIN),
    (crypt::FILTERS, BUILTIN),
    (paths::FILTERS, BUILTIN),
    (regex::FILTERS, BUILTIN),
    (time::FILTERS, BUILTIN),
    (community::FILTERS, &["community.general"]),
    (keys::FILTERS, &["community.general"]),
    (ipaddr::FILTERS, &["ansible.utils", "ansible.netcommon"]),
    (protomatter::FILTERS, &["ansible._protomatter"]),
    (net::FILTERS, &["ansible.utils", "ansible.netcommon"]),
];

/// Filters of other collections that Ansible itself knows without the collection's name.
const REDIRECTED: &[&str] = &["json_query", "vlan_parser"];

fn all() -> &'static Registry<Run> {
    static ALL: OnceLock<Registry<Run>> = OnceLock::new();
    ALL.get_or_init(|| registry(FAMILIES, REDIRECTED))
}

/// The filter of a name, and the collection that it belongs to.
pub(crate) fn find(name: &str) -> Option<Entry<Run>> {
    all().get(name).copied()
}

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    let mut out: Vec<&str> = all().keys().map(String::as_str).collect();
    out.sort_unstable();
    out
}

/// A name like the given one.
pub(crate) fn suggest(name: &str) -> Option<String> {
    // The same name in a collection comes before names that are like it.
    let full = FAMILIES.iter().find(|(family, _)| family.iter().any(|f| f.name == name));
    match full.and_then(|(_, collections)| collections.first()) {
        Some(collection) => Some(format!("{collection}.{name}")),
        None => nearest(name, all().keys().map(String::as_str)),
    }
}

/// Runs a filter.
pub(crate) fn run(it: &mut Interp<'_>, filter: &Filter, value: Val, args: Args) -> R {
    let mut bound = Bound::new(filter.name, filter.params, value, args)?;
    (filter.run)(it, &mut bound)
}

/// Letters chosen at random; with a seed, always the same.
pub(crate) fn choose_letters(letters: &[char], count: usize, seed: Option<&str>) -> String {
    let mut random = mersenne::Random::new(seed);
    (0..count).map(|_| letters[usize::try_from(random.below(letters.len() as u64)).unwrap_or(0)]).collect()
}
