//! Hosts, groups and how they belong together.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::{IndexMap, IndexSet};
use windlass_yaml::diagnostic::Diagnostic;

use super::LOCALHOST;
use super::error::ModelError;
use super::rules::{Rules, safe_group};
use super::vars::VarsCache;
use crate::secrets::Secrets;
use crate::vars::{Key, Map, Value, merge};

/// A host of the inventory.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The variables that the inventory itself gives it.
    pub vars: Arc<Map>,
    /// The groups that list it.
    pub groups: IndexSet<String>,
}

/// A group of the inventory.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The variables that the inventory itself gives it.
    pub vars: Arc<Map>,
    /// The hosts that it lists.
    pub hosts: IndexSet<String>,
    /// The groups that it lists.
    pub children: IndexSet<String>,
    /// The groups that list it.
    pub parents: IndexSet<String>,
    /// How far it is from `all`, on the longest way.
    pub depth: u32,
    /// Of two groups of the same depth the one with the higher number wins.
    pub priority: i64,
}

/// Hosts, groups and their variables.
#[derive(Debug)]
pub struct Inventory {
    /// The hosts in the order in which they were first named.
    pub hosts: IndexMap<String, Host>,
    /// The groups in the order in which they were first named; `all` and `ungrouped` come first.
    pub groups: IndexMap<String, Group>,
    /// The folders that may hold `group_vars` and `host_vars`.
    pub(super) folders: Vec<PathBuf>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) rules: Rules,
    /// Names of groups that were changed, as they were written.
    pub(super) renamed: IndexSet<String>,
    pub(super) cache: VarsCache,
    pub(super) warnings: Mutex<Vec<Diagnostic>>,
}

impl Inventory {
    /// An inventory with nothing in it but the groups `all` and `ungrouped`.
    pub fn empty(secrets: &Arc<Secrets>) -> Self {
        let mut groups = IndexMap::new();
        let group = |name: &str| Group { name: name.to_owned(), priority: 1, ..Group::default() };
        groups.insert("all".to_owned(), group("all"));
        groups.insert("ungrouped".to_owned(), group("ungrouped"));
        let mut out = Self {
            hosts: IndexMap::new(),
            groups,
            folders: Vec::new(),
            secrets: Arc::clone(secrets),
            rules: Rules::default(),
            renamed: IndexSet::new(),
            cache: VarsCache::default(),
            warnings: Mutex::default(),
        };
        out.link("all", "ungrouped");
        out
    }

    /// A copy of what was read, to go back to when a source turns out to be unreadable half-way.
    pub(super) fn snapshot(&self) -> (IndexMap<String, Host>, IndexMap<String, Group>) {
        (self.hosts.clone(), self.groups.clone())
    }

    /// What the configuration says.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The name that a group gets that is written so.
    pub(super) fn group_name<'n>(&self, written: &'n str) -> Cow<'n, str> {
        if self.rules.group_names.replaces() { safe_group(written) } else { Cow::Borrowed(written) }
    }

    /// Adds a group if it is not there.
    pub fn add_group(&mut self, name: &str) -> Result<(), ModelError> {
        if name.is_empty() {
            return Err(ModelError::EmptyGroup);
        }
        let written = name;
        let name = &*self.group_name(written);
        if name != written {
            self.renamed.insert(written.to_owned());
        }
        if !self.groups.contains_key(name) {
            let group = Group { name: name.to_owned(), priority: 1, ..Group::default() };
            self.groups.insert(name.to_owned(), group);
        }
        Ok(())
    }

    /// Adds a host if it is not there, and lists it in a group (which is made if it does not exist).
    ///
    /// Returns whether anything changed. After hosts were added from outside, call [`Inventory::reconcile`].
    pub fn add_host(&mut self, name: &str, group: Option<&str>) -> Result<bool, ModelError> {
        if name.is_empty() {
            return Err(ModelError::EmptyHost);
        }
        let mut changed = false;
        if !self.hosts.contains_key(name) {
            let host = Host { name: name.to_owned(), ..Host::default() };
            self.hosts.insert(name.to_owned(), host);
            changed = true;
        }
        if let Some(group) = group {
            self.add_group(group)?;
            let group = &*self.group_name(group);
            if let Some(found) = self.groups.get_mut(group) {
                changed |= found.hosts.insert(name.to_owned());
            }
            if let Some(host) = self.hosts.get_mut(name) {
                host.groups.insert(group.to_owned());
            }
        }
        Ok(changed)
    }

    /// Makes a group the child of another; both must exist. Returns whether it was none before.
    pub fn add_child(&mut self, parent: &str, child: &str) -> Result<bool, ModelError> {
        let (parent, child) = (&*self.group_name(parent), &*self.group_name(child));
        for name in [parent, child] {
            if !self.groups.contains_key(name) {
                return Err(ModelError::NoGroup(name.to_owned()));
            }
        }
        if self.groups.get(parent).is_some_and(|group| group.children.contains(child)) {
            return Ok(false);
        }
        if parent == child || self.ancestors(parent).contains(child) {
            return Err(ModelError::Loop { parent: parent.to_owned(), child: child.to_owned() });
        }
        self.link(parent, child);
        Ok(true)
    }

    fn link(&mut self, parent: &str, child: &str) {
        let depth = match self.groups.get_mut(parent) {
            Some(group) => {
                group.children.insert(child.to_owned());
                group.depth
            }
            None => return,
        };
        if let Some(group) = self.groups.get_mut(child) {
            group.parents.insert(parent.to_owned());
        }
        // Push the child, and whatever is below it, down.
        let mut open = vec![(child.to_owned(), depth + 1)];
        while let Some((name, depth)) = open.pop() {
            if let Some(group) = self.groups.get_mut(&name)
                && group.depth < depth
            {
                group.depth = depth;
                open.extend(group.children.iter().map(|child| (child.clone(), depth + 1)));
            }
        }
    }

    /// Sets a variable of a group. `ansible_group_priority` sets the group's priority.
    pub fn set_group_var(&mut self, group: &str, key: Key, value: Value) -> Result<(), ModelError> {
        let merge = self.rules.merge;
        let group = &*self.group_name(group);
        let found = self.groups.get_mut(group).ok_or_else(|| ModelError::NoGroup(group.to_owned()))?;
        if key.as_str() == Some("ansible_group_priority") {
            let number = match &value {
                Value::Str(text) => text.as_str().trim().parse().ok(),
                other => other.as_int(),
            };
            found.priority = number.ok_or_else(|| ModelError::Priority(group.to_owned()))?;
        } else if merge {
            merge::insert(Arc::make_mut(&mut found.vars), key, &value);
        } else {
            Arc::make_mut(&mut found.vars).insert(key, value);
        }
        Ok(())
    }

    /// Sets a variable of a host that exists.
    pub fn set_host_var(&mut self, host: &str, key: Key, value: Value) {
        let merge = self.rules.merge;
        if let Some(found) = self.hosts.get_mut(host) {
            let vars = Arc::make_mut(&mut found.vars);
            if merge {
                merge::insert(vars, key, &value);
            } else {
                vars.insert(key, value);
            }
        }
    }

    /// Takes a host out of a group.
    fn unlist(&mut self, group: &str, host: &str) {
        if let Some(found) = self.groups.get_mut(group) {
            found.hosts.shift_remove(host);
        }
        if let Some(found) = self.hosts.get_mut(host) {
            found.groups.shift_remove(group);
        }
    }

    /// Restores the rules after changes: every group is below `all`, and `ungrouped` lists the hosts of no other group.
    pub fn reconcile(&mut self) {
        let orphans: Vec<String> = self
            .groups
            .values()
            .filter(|group| group.name != "all" && group.parents.is_empty())
            .map(|group| group.name.clone())
            .collect();
        for name in orphans {
            self.link("all", &name);
        }
        let (mut leave, mut join) = (Vec::new(), Vec::new());
        for host in self.hosts.values() {
            let grouped = host.groups.iter().any(|group| group != "all" && group != "ungrouped");
            let listed = host.groups.contains("ungrouped");
            if grouped && listed {
                leave.push(host.name.clone());
            } else if !grouped && !listed {
                join.push(host.name.clone());
            }
        }
        if !leave.is_empty() {
            let gone: HashSet<&String> = leave.iter().collect();
            if let Some(group) = self.groups.get_mut("ungrouped") {
                group.hosts.retain(|host| !gone.contains(host));
            }
            for host in &leave {
                self.unlist("ungrouped", host);
            }
        }
        for host in join {
            if let Some(group) = self.groups.get_mut("ungrouped") {
                group.hosts.insert(host.clone());
            }
            if let Some(found) = self.hosts.get_mut(&host) {
                found.groups.insert("ungrouped".to_owned());
            }
        }
    }

    /// Every group above a group.
    pub(super) fn ancestors(&self, group: &str) -> HashSet<&str> {
        let mut out = HashSet::new();
        let mut open: Vec<&str> = vec![group];
        while let Some(name) = open.pop() {
            let Some(group) = self.groups.get(name) else { continue };
            for parent in &group.parents {
                if out.insert(parent.as_str()) {
                    open.push(parent);
                }
            }
        }
        out
    }

    /// The hosts of a group and of all groups below it, in the order in which Ansible gives them.
    pub fn group_hosts(&self, group: &str) -> Vec<&str> {
        let mut out: IndexSet<&str> = IndexSet::new();
        let mut seen: HashSet<&str> = HashSet::from([group]);
        let mut open: VecDeque<&str> = VecDeque::from([group]);
        while let Some(name) = open.pop_front() {
            let Some(group) = self.groups.get(name) else { continue };
            out.extend(group.hosts.iter().map(String::as_str));
            for child in &group.children {
                if seen.insert(child) {
                    open.push_back(child);
                }
            }
        }
        out.into_iter().collect()
    }

    /// The magic variable `groups`: the hosts of every group.
    pub fn groups_dict(&self) -> IndexMap<String, Vec<String>> {
        let hosts = |name: &str| self.group_hosts(name).into_iter().map(str::to_owned).collect();
        self.groups.keys().map(|name| (name.clone(), hosts(name))).collect()
    }

    /// The groups of a host, direct or not, in the order in which their variables are laid over each other: by depth,
    /// priority and name. `all` comes first.
    pub fn groups_of(&self, host: &str) -> Vec<&Group> {
        let mut names: HashSet<&str> = HashSet::new();
        if let Some(host) = self.hosts.get(host) {
            for group in &host.groups {
                names.insert(group);
                names.extend(self.ancestors(group));
            }
        }
        let mut out: Vec<&Group> = names.into_iter().filter_map(|name| self.groups.get(name)).collect();
        out.sort_by(|a, b| (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name)));
        out
    }

    /// The magic variable `group_names`: sorted, without `all`.
    pub fn group_names(&self, host: &str) -> Vec<&str> {
        let mut out: Vec<&str> = self
            .groups_of(host)
            .into_iter()
            .map(|group| group.name.as_str())
            .filter(|n| *n != "all")
            .collect();
        out.sort_unstable();
        out
    }

    /// The host that a name for this machine means: the one that the inventory has, or the implicit one.
    pub fn localhost(&self, name: &str) -> Option<String> {
        if self.hosts.contains_key(name) {
            return Some(name.to_owned());
        }
        if !LOCALHOST.contains(&name) {
            return None;
        }
        // The first such host of the inventory stands for all of the names.
        let listed = self.hosts.keys().find(|host| LOCALHOST.contains(&host.as_str()));
        Some(listed.cloned().unwrap_or_else(|| name.to_owned()))
    }

    /// Whether a name means this machine and no inventory names it.
    pub fn is_implicit(&self, name: &str) -> bool {
        LOCALHOST.contains(&name) && !self.hosts.contains_key(name)
    }

    /// The warnings that came up since this was last asked.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warning: Diagnostic) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}
