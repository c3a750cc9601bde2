//! How filters and tests are registered, found and given their arguments.

use super::eval::Interp;
use super::eval::val::{Args, R, Val, failed};
use std::collections::HashMap;
use std::sync::Arc;

/// A filter or test.
///
/// `params` names what comes behind the value: a `!` at the end means it has to be given, `*` takes what is left by
/// position, `**` what is left by name.
pub struct Plugin<F: 'static> {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [&'static str],
    pub(crate) takes_undefined: bool,
    /// What it gives of a secret text are parts of it.
    pub(crate) takes_apart: bool,
    pub(crate) run: F,
}

impl<F> Plugin<F> {
    pub(crate) const fn new(name: &'static str, params: &'static [&'static str], run: F) -> Self {
        Self { name, params, takes_undefined: false, takes_apart: false, run }
    }
    pub(crate) const fn lenient(name: &'static str, params: &'static [&'static str], run: F) -> Self {
        Self { name, params, takes_undefined: true, takes_apart: false, run }
    }
    pub(crate) const fn apart(name: &'static str, params: &'static [&'static str], run: F) -> Self {
        Self { name, params, takes_undefined: false, takes_apart: true, run }
    }
}

/// Arguments in the order of the parameters.
pub struct Bound {
    /// What is filtered or tested.
    pub(crate) value: Val,
    slots: Vec<Option<Val>>,
    pub(crate) rest: Vec<Val>,
    pub(crate) named: Vec<(Arc<str>, Val)>,
}

impl Bound {
    /// Sorts arguments into parameters.
    pub(crate) fn new(name: &str, params: &[&str], value: Val, args: Args) -> R<Self> {
        let mut slots = Vec::with_capacity(params.len());
        let mut rest = Vec::new();
        let mut named = args.named;
        let given = args.pos.len();
        let mut pos = args.pos.into_iter();
        let mut takes_rest = false;
        let mut takes_named = false;
        for param in params {
            if *param == "*" {
                takes_rest = true;
                rest = pos.by_ref().collect();
                continue;
            }
            if *param == "**" {
                takes_named = true;
                continue;
            }
            let (param, needed) = param.strip_suffix('!').map_or((*param, false), |p| (p, true));
            let mut found = if takes_rest { None } else { pos.next() };
            if let Some(at) = named.iter().position(|(n, _)| &**n == param) {
                let (_, value) = named.remove(at);
                if found.is_some() {
                    return Err(failed(format!("{name}() got multiple values for argument '{param}'")));
                }
                found = Some(value);
            }
            if needed && found.is_none() {
                return Err(failed(format!("{name}() missing 1 required positional argument: '{param}'")));
            }
            slots.push(found);
        }
        if pos.next().is_some() {
            let (takes, given) = (params.len() + 1, given + 1);
            let plural = if takes == 1 { "" } else { "s" };
            return Err(failed(format!(
                "{name}() takes {takes} positional argument{plural} but {given} were given"
            )));
        }
        if let Some((extra, _)) = named.first()
            && !takes_named
        {
            return Err(failed(format!("{name}() got an unexpected keyword argument '{extra}'")));
        }
        Ok(Self { value, slots, rest, named })
    }

    /// An argument; `none` counts as not given.
    pub(crate) fn get(&self, at: usize) -> Option<&Val> {
        self.slots.get(at)?.as_ref().filter(|v| !v.is_none())
    }
    /// An argument, also where it is `none`.
    pub(crate) fn raw(&self, at: usize) -> Option<&Val> {
        self.slots.get(at)?.as_ref()
    }
    /// An argument as a value of its own; `none` where it was not given.
    pub(crate) fn val(&self, at: usize) -> Val {
        self.slots.get(at).cloned().flatten().unwrap_or(Val::None)
    }
    /// An argument as a text.
    pub(crate) fn str(&self, it: &mut Interp<'_>, at: usize) -> R<Option<String>> {
        self.get(at).map(|v| it.str(v)).transpose()
    }
    /// An argument as a text, or a default.
    pub(crate) fn str_or(&self, it: &mut Interp<'_>, at: usize, default: &str) -> R<String> {
        Ok(self.str(it, at)?.unwrap_or_else(|| default.to_owned()))
    }
    /// An argument as a truth value.
    pub(crate) fn flag(&self, it: &mut Interp<'_>, at: usize, default: bool) -> R<bool> {
        match self.raw(at) {
            Some(v) => it.truthy(v),
            None => Ok(default),
        }
    }
    /// An argument as a whole number.
    pub(crate) fn int(&self, at: usize) -> R<Option<i64>> {
        match self.get(at) {
            None => Ok(None),
            Some(Val::Float(f)) => Ok(Some(*f as i64)),
            Some(v) => match v.as_int().or_else(|| v.as_str().and_then(|s| s.trim().parse().ok())) {
                Some(i) => Ok(Some(i)),
                None => {
                    Err(failed(format!("'{}' object cannot be interpreted as an integer", v.type_name())))
                }
            },
        }
    }
    /// A whole number that may not be negative and is not huge.
    pub(crate) fn size(&self, at: usize, default: usize) -> R<usize> {
        Ok(self.int(at)?.map_or(default, |i| usize::try_from(i.clamp(0, 1_000_000)).unwrap_or(0)))
    }
    /// The value as a text.
    pub(crate) fn text(&self, it: &mut Interp<'_>) -> R<String> {
        it.str(&self.value)
    }
}

/// Plugins by name, short and in full.
pub(crate) type Registry<F> = HashMap<String, Entry<F>>;

/// A plugin and the collection that it belongs to.
pub(crate) struct Entry<F: 'static> {
    pub(crate) plugin: &'static Plugin<F>,
    pub(crate) collection: &'static str,
}

impl<F> Clone for Entry<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Entry<F> {}

/// Fills a registry: each family with the collections whose full names it answers to.
/// Plugins of collections other than Ansible's own have a short name only where they are `redirected`.
pub(crate) fn registry<F>(
    families: &[(&'static [Plugin<F>], &'static [&'static str])],
    redirected: &[&str],
) -> Registry<F> {
    let mut out = Registry::new();
    for (family, collections) in families {
        let collection = collections.first().copied().unwrap_or("ansible.builtin");
        for plugin in *family {
            let entry = Entry { plugin, collection };
            if collections == &BUILTIN || redirected.contains(&plugin.name) {
                out.entry(plugin.name.to_owned()).or_insert(entry);
            }
            for collection in *collections {
                out.insert(format!("{collection}.{}", plugin.name), entry);
            }
        }
    }
    out
}

/// Collections whose plugins come with Ansible itself.
pub(crate) const BUILTIN: &[&str] = &["ansible.builtin", "ansible.legacy"];
