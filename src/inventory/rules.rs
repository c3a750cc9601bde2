//! What the configuration says about reading inventories.

use crate::vars::Map;
use fancy_regex::Regex;
use std::borrow::Cow;
use std::sync::Arc;

/// What becomes of names of groups that no template could use as a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupNames {
    /// They stay as they are, with a warning.
    #[default]
    Never,
    /// They stay as they are.
    Ignore,
    /// Such characters become `_`, with a warning.
    Always,
    /// Such characters become `_`.
    Silently,
}

impl GroupNames {
    /// By the word for it in the configuration.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "never" => Self::Never,
            "ignore" => Self::Ignore,
            "always" => Self::Always,
            "silently" => Self::Silently,
            _ => return None,
        })
    }
    /// Whether names are changed.
    #[must_use]
    pub fn replaces(self) -> bool {
        matches!(self, Self::Always | Self::Silently)
    }
}

/// What a pattern that matches nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mismatch {
    /// A warning.
    #[default]
    Warning,
    /// An error.
    Error,
    /// Nothing.
    Ignore,
}

impl Mismatch {
    /// By the word for it in the configuration.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "warning" => Self::Warning,
            "error" => Self::Error,
            "ignore" => Self::Ignore,
            _ => return None,
        })
    }
}

/// How inventories are read, and variables are laid over each other.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Names of groups.
    pub group_names: GroupNames,
    /// What may read a source, in the order in which it is tried, by short names.
    pub enabled: Vec<String>,
    /// Ends of names of files in a folder that are no inventories.
    pub ignored_ends: Vec<String>,
    /// Expressions for such names.
    pub ignored: Vec<Regex>,
    /// It is an error if no source can be read.
    pub one_must_parse: bool,
    /// It is an error if any source cannot be read.
    pub all_must_parse: bool,
    /// A run without any inventory is worth a warning.
    pub warn_unparsed: bool,
    /// What a pattern that matches nothing is.
    pub mismatch: Mismatch,
    /// Plugins that are told nothing else let their expressions see `-e`.
    pub use_extra_vars: bool,
    /// `-e`.
    pub extra_vars: Arc<Map>,
    /// A mapping that is set again is merged with the one that was there (`hash_behaviour = merge`).
    pub merge: bool,
    /// What scripts say on their standard error is shown.
    pub script_stderr: bool,
    /// Facts are in `ansible_facts` alone (`inject_facts_as_vars = false`).
    pub facts_apart: bool,
}

/// The readers that are tried, by their names in the configuration.
pub const ENABLED: &str = "host_list,script,auto,yaml,ini,toml";
/// Ends of names that are no inventories.
pub const IGNORED_ENDS: &str = ".pyc,.pyo,.swp,.bak,~,.rpm,.md,.txt,.rst,.orig,.cfg,.retry";

/// The entries of a setting that is a list.
pub(crate) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            group_names: GroupNames::default(),
            enabled: entries(ENABLED).map(str::to_owned).collect(),
            ignored_ends: entries(IGNORED_ENDS).map(str::to_owned).collect(),
            ignored: Vec::new(),
            one_must_parse: false,
            all_must_parse: false,
            warn_unparsed: true,
            mismatch: Mismatch::default(),
            use_extra_vars: false,
            extra_vars: Arc::default(),
            merge: false,
            script_stderr: false,
            facts_apart: false,
        }
    }
}

impl Rules {
    /// Whether a name in a folder of inventories is that of no inventory.
    pub(super) fn ignores(&self, name: &str) -> bool {
        name.starts_with('.')
            || matches!(name, "group_vars" | "host_vars" | "vars_plugins")
            || self.ignored_ends.iter().any(|end| name.ends_with(end.as_str()))
            || self.ignored.iter().any(|expression| expression.is_match(name).unwrap_or(false))
    }
}

/// The name of a group that can be used in a template: a first digit and everything but letters, digits and `_` become a `_`.
pub(super) fn safe_group(name: &str) -> Cow<'_, str> {
    let valid = |at: usize, c: char| c == '_' || (c.is_alphanumeric() && !(at == 0 && c.is_numeric()));
    if name.chars().enumerate().all(|(at, c)| valid(at, c)) {
        return Cow::Borrowed(name);
    }
    name.chars().enumerate().map(|(at, c)| if valid(at, c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_inventory() {
        let mut rules = Rules::default();
        for name in [".git", "group_vars", "host_vars", "hosts~", "hosts.bak", "README.md", "x.retry"] {
            assert!(rules.ignores(name), "{name}");
        }
        for name in ["hosts", "01-web.yml", "group_vars.yml", "10-cloud.sh"] {
            assert!(!rules.ignores(name), "{name}");
        }
        rules.ignored.push(Regex::new("^old").unwrap());
        rules.ignored_ends = vec![".yml".into()];
        assert!(rules.ignores("older") && rules.ignores("01-web.yml") && !rules.ignores("hosts~"));
    }

    #[test]
    fn names_of_groups() {
        for (written, name) in
            [("web", "web"), ("web-1.x", "web_1_x"), ("1st", "_st"), ("bücher_2", "bücher_2")]
        {
            assert_eq!(safe_group(written), name);
        }
    }
}
