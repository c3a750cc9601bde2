//! The variables of a run: what the inventory, the hosts and the command line say, and how they are layered for a task.

use super::fact_cache::FactCache;
use super::scope::Layers;
use super::{Dynamic, Key, Map, Value, merge};
use crate::inventory::{Inventory, InventoryError, ModelError};
use crate::playbook::{Role, Task};
use crate::template::{Templar, TemplateContext, TemplateError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use windlass_yaml::diagnostic::Diagnostic;

/// What a run learned of a host.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// `ansible_facts`: without the `ansible_` in front.
    pub facts: Arc<Map>,
    /// The same as variables, with `ansible_` in front; and what `set_fact` made cacheable.
    pub injected: Arc<Map>,
    /// `include_vars`.
    pub included: Arc<Map>,
    /// `set_fact` and `register`.
    pub set: Arc<Map>,
    /// `gather_facts` ran for it.
    pub gathered: bool,
}

/// What a play adds to the variables of its tasks.
#[derive(Debug, Default, Clone)]
pub struct PlayVars {
    /// `vars:`, then prompts.
    pub vars: Arc<Map>,
    /// `vars_files:`, for each host that has its own, by host name.
    pub files: HashMap<String, Arc<Map>>,
    /// Roles whose defaults and vars the whole play sees.
    pub roles: Vec<Arc<Role>>,
    /// Magic variables of the play and its batch.
    pub magic: Arc<Map>,
}

/// Reads the inventory's sources again.
pub type Reload = Box<dyn Fn() -> Result<Inventory, InventoryError> + Send + Sync>;

/// What a task makes of the inventory. Whether anything changed.
pub type Addition = Box<dyn Fn(&mut Inventory) -> Result<bool, ModelError> + Send + Sync>;

/// All variables of a run.
pub struct Store {
    inventory: RwLock<Inventory>,
    /// Mappings of the same name are merged.
    merge: bool,
    /// Facts are in `ansible_facts` alone.
    facts_apart: bool,
    /// What tasks added to the inventory: it is added again when the sources were read again.
    additions: Mutex<Vec<Addition>>,
    hosts: RwLock<HashMap<String, HostFacts>>,
    /// Layers of the inventory and magic variables, by host; emptied when the inventory changes.
    cache: RwLock<HashMap<String, Arc<HostBase>>>,
    groups: RwLock<Option<Value>>,
    /// `-e`.
    pub extra: Arc<Map>,
    /// Magic variables of the run (options, versions).
    pub options: Arc<Map>,
    /// Renders.
    pub templar: Arc<Templar>,
    problems: Mutex<Vec<Diagnostic>>,
    /// Where facts are kept between runs.
    fact_cache: OnceLock<FactCache>,
    reload: Option<Reload>,
    /// Folder of the playbook, for its `group_vars` and `host_vars`.
    pub playbook_dir: PathBuf,
    me: Weak<Store>,
}

#[derive(Debug)]
struct HostBase {
    layers: Vec<Arc<Map>>,
    magic: Arc<Map>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// A store over an inventory.
    #[must_use]
    pub fn new(
        inventory: Inventory,
        extra: Arc<Map>,
        options: Arc<Map>,
        templar: Arc<Templar>,
        playbook_dir: PathBuf,
        reload: Option<Reload>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            merge: inventory.rules().merge,
            facts_apart: inventory.rules().facts_apart,
            inventory: RwLock::new(inventory),
            additions: Mutex::default(),
            hosts: RwLock::default(),
            cache: RwLock::default(),
            groups: RwLock::default(),
            problems: Mutex::default(),
            fact_cache: OnceLock::new(),
            reload,
            extra,
            options,
            templar,
            playbook_dir,
            me: me.clone(),
        })
    }

    /// The inventory as it is now.
    pub fn inventory(&self) -> RwLockReadGuard<'_, Inventory> {
        self.inventory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the inventory (`add_host`, `group_by`), also to what it is after it was read again.
    ///
    /// # Errors
    /// If a name in it is none.
    pub fn add(&self, addition: Addition) -> Result<bool, ModelError> {
        let changed = self.change_inventory(&addition)?;
        self.additions.lock().unwrap_or_else(PoisonError::into_inner).push(addition);
        Ok(changed)
    }

    /// Changes the inventory.
    fn change_inventory<T>(&self, change: impl FnOnce(&mut Inventory) -> T) -> T {
        let result = change(&mut self.inventory.write().unwrap_or_else(PoisonError::into_inner));
        self.cache.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = None;
        result
    }

    /// What is known of a host.
    #[must_use]
    pub fn facts(&self, host: &str) -> HostFacts {
        let known = || self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        match known() {
            Some(facts) => facts,
            None if self.fact_cache.get().is_none() => HostFacts::default(),
            None => {
                self.change_host(host, |_| {});
                known().unwrap_or_default()
            }
        }
    }

    /// From now on facts are kept there between runs.
    pub fn keep_facts(&self, cache: FactCache) {
        // There is one for a run.
        let _ = self.fact_cache.set(cache);
    }

    /// What an earlier run learned of a host.
    fn remembered(&self, host: &str) -> HostFacts {
        let Some(cache) = self.fact_cache.get() else { return HostFacts::default() };
        let kept = cache.read(host);
        let mut facts = Map::new();
        add_bare(&mut facts, &kept.facts);
        HostFacts {
            facts: Arc::new(facts),
            injected: Arc::new(kept.facts),
            gathered: kept.gathered,
            ..HostFacts::default()
        }
    }

    /// Keeps the facts of a host for later runs.
    fn remember(&self, host: &str) {
        let Some(cache) = self.fact_cache.get() else { return };
        let known = self.facts(host);
        if let Err(error) = cache.write(host, &known.injected, known.gathered) {
            let text = format!("the facts of {host} cannot be kept: {error}");
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(Diagnostic::warning(text));
        }
    }

    /// Forgets what earlier runs learned of the hosts (`--flush-cache`).
    pub fn flush_cache(&self) {
        let Some(cache) = self.fact_cache.get() else { return };
        self.inventory().hosts.keys().for_each(|host| cache.forget(host));
        cache.forget("localhost");
    }

    fn change_host(&self, host: &str, change: impl FnOnce(&mut HostFacts)) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        match hosts.get_mut(host) {
            Some(facts) => change(facts),
            None => change(hosts.entry(host.to_owned()).or_insert_with(|| self.remembered(host))),
        }
    }

    /// Sets a variable of a host (`register`, `set_fact`).
    pub fn set(&self, host: &str, name: &str, value: Value) {
        self.change_host(host, |h| {
            Arc::make_mut(&mut h.set).insert(Key::from(name), value);
        });
    }

    /// Sets a variable of a host so that a fact cache may keep it.
    pub fn set_cacheable(&self, host: &str, name: &str, value: Value) {
        self.change_host(host, |h| {
            Arc::make_mut(&mut h.injected).insert(Key::from(name), value.clone());
            Arc::make_mut(&mut h.facts).insert(Key::from(name), value);
        });
        self.remember(host);
    }

    /// Sets variables of a host (`include_vars`).
    pub fn include(&self, host: &str, vars: &Map) {
        self.change_host(host, |h| {
            let included = Arc::make_mut(&mut h.included);
            for (name, value) in vars {
                if self.merge {
                    merge::insert(included, name.clone(), value);
                } else {
                    included.insert(name.clone(), value.clone());
                }
            }
        });
    }

    /// Adds facts, named with or without `ansible_` in front.
    pub fn add_facts(&self, host: &str, facts: &Map) {
        self.change_host(host, |h| {
            add_bare(Arc::make_mut(&mut h.facts), facts);
            let injected = Arc::make_mut(&mut h.injected);
            injected.extend(facts.iter().map(|(k, v)| (Key::from(k.to_string()), v.clone())));
        });
        self.remember(host);
    }

    /// Remembers that a host's facts were gathered.
    pub fn set_gathered(&self, host: &str) {
        self.change_host(host, |h| h.gathered = true);
        self.remember(host);
    }

    /// Forgets the facts of a host (`meta: clear_facts`).
    pub fn clear_facts(&self, host: &str) {
        self.change_host(host, |h| {
            h.facts = Arc::default();
            h.injected = Arc::default();
            h.gathered = false;
        });
        if let Some(cache) = self.fact_cache.get() {
            cache.forget(host);
        }
    }

    fn base(&self, host: &str) -> Arc<HostBase> {
        if let Some(base) = self.cache.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            return Arc::clone(base);
        }
        let groups = self.groups_value();
        let inventory = self.inventory();
        let layers = match inventory.host_vars_layers(host, Some(&self.playbook_dir)) {
            Ok(layers) => layers,
            Err(error) => {
                self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_diagnostic());
                Vec::new()
            }
        };
        let mut magic = Map::new();
        let mut set = |name: &str, value: Value| {
            magic.insert(Key::from(name), value);
        };
        set("inventory_hostname", Value::text(host));
        let short = host.split('.').next().unwrap_or(host);
        set(
            "inventory_hostname_short",
            Value::text(if host.parse::<std::net::IpAddr>().is_ok() { host } else { short }),
        );
        let names =
            inventory.group_names(host).into_iter().filter(|g| *g != "all").map(Value::from).collect();
        set("group_names", Value::list(names));
        set("groups", groups);
        drop(inventory);
        let base = Arc::new(HostBase {
            layers: layers.into_iter().map(|(_, map)| map).collect(),
            magic: Arc::new(magic),
        });
        self.cache.write().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), Arc::clone(&base));
        base
    }

    fn groups_value(&self) -> Value {
        if let Some(value) = &*self.groups.read().unwrap_or_else(PoisonError::into_inner) {
            return value.clone();
        }
        let map: Map = self
            .inventory()
            .groups_dict()
            .into_iter()
            .map(|(name, hosts)| (Key::from(name), Value::list(hosts.into_iter().map(Value::from).collect())))
            .collect();
        let value = Value::map(map);
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        value
    }

    fn hostvars(&self) -> Value {
        Value::Dynamic(Arc::new(HostVars { store: self.me.clone() }))
    }

    /// The variables of a host outside of any play: what `hostvars` shows.
    #[must_use]
    pub fn host_layers(&self, host: &str) -> Layers {
        self.layers(host, None, None)
    }

    /// The variables at a task.
    #[must_use]
    pub fn task_layers(&self, host: &str, play: &PlayVars, task: &Task) -> Layers {
        self.layers(host, Some(play), Some(task))
    }

    /// The variables at the head of a play.
    #[must_use]
    pub fn play_layers(&self, host: &str, play: &PlayVars) -> Layers {
        self.layers(host, Some(play), None)
    }

    fn layers(&self, host: &str, play: Option<&PlayVars>, task: Option<&Task>) -> Layers {
        let base = self.base(host);
        let facts = self.facts(host);
        let mut out = Layers::default();
        if let Some(play) = play {
            play.roles.iter().filter(|r| r.public).for_each(|r| out.push(&r.defaults));
        }
        if let Some(task) = task {
            task.role_chain.iter().for_each(|r| out.push(&r.defaults));
            if let Some(role) = &task.role {
                role_layers(role, &mut out, &|r| &r.defaults);
            }
        }
        base.layers.iter().for_each(|l| out.push(l));
        if self.facts_apart {
            let local = facts.facts.get("ansible_local").cloned();
            out.push_owned(local.map(|local| (Key::from("ansible_local"), local)).into_iter().collect());
        } else {
            out.push(&facts.injected);
        }
        let mut fact_map = Map::new();
        fact_map.insert(Key::from("ansible_facts"), Value::Map(Arc::clone(&facts.facts)));
        out.push_owned(fact_map);
        if let Some(play) = play {
            out.push(&play.vars);
            if let Some(files) = play.files.get(host).or_else(|| play.files.get("")) {
                out.push(files);
            }
            play.roles.iter().filter(|r| r.public).for_each(|r| out.push(&r.vars));
        }
        if let Some(task) = task {
            for role in &task.role_chain {
                out.push(&role.vars);
                out.push(&role.own_vars);
            }
            if let Some(role) = &task.role {
                role.dependents.iter().for_each(|d| out.push(&d.vars));
                role_layers(role, &mut out, &|r| &r.vars);
                out.push(&role.own_vars);
            }
            task.vars.iter().for_each(|l| out.push(l));
        }
        out.push(&facts.included);
        out.push(&facts.set);
        if let Some(task) = task {
            task.role_chain.iter().for_each(|r| out.push(&r.params));
            if let Some(role) = &task.role {
                role.dependents.iter().for_each(|d| out.push(&d.params));
                out.push(&role.params);
            }
            task.include_params.iter().for_each(|l| out.push(l));
        }
        out.push(&self.extra);
        out.push(&self.options);
        out.push(&base.magic);
        let mut magic = Map::new();
        magic.insert(Key::from("hostvars"), self.hostvars());
        magic.insert(Key::from("playbook_dir"), Value::text(self.playbook_dir.to_string_lossy()));
        if let Some(play) = play {
            out.push(&play.magic);
        }
        if let Some(role) = task.and_then(|t| t.role.as_ref()) {
            let parents = role.parents.iter().rev();
            magic.insert(Key::from("role_name"), Value::text(role.short_name()));
            if let Some(collection) = role.collection() {
                magic.insert(Key::from("ansible_collection_name"), Value::text(collection));
            }
            magic.insert(Key::from("ansible_role_name"), Value::text(role.name.as_str()));
            magic.insert(Key::from("role_path"), Value::text(role.path.to_string_lossy()));
            let names: Vec<Value> = parents.clone().map(|r| Value::text(r.name.as_str())).collect();
            if !names.is_empty() {
                magic.insert(Key::from("ansible_parent_role_names"), Value::list(names));
                let paths = parents.map(|r| Value::text(r.path.to_string_lossy())).collect();
                magic.insert(Key::from("ansible_parent_role_paths"), Value::list(paths));
            }
        }
        out.push_owned(magic);
        if self.merge {
            out.merge();
        }
        out
    }
}

/// Adds facts to `ansible_facts`, which names them without `ansible_` in front.
pub fn add_bare(known: &mut Map, facts: &Map) {
    for (key, value) in facts {
        let name = key.to_string();
        let bare = name.strip_prefix("ansible_").filter(|_| name != "ansible_local");
        known.insert(Key::from(bare.unwrap_or(&name)), value.clone());
    }
}

/// The role's dependencies, then itself.
fn role_layers<'a>(role: &'a Arc<Role>, out: &mut Layers, layer: &impl Fn(&'a Role) -> &'a Arc<Map>) {
    for dependency in &role.dependencies {
        out.push(layer(dependency));
    }
    out.push(layer(role));
}

/// `hostvars`.
#[derive(Debug)]
struct HostVars {
    store: Weak<Store>,
}

impl Dynamic for HostVars {
    fn get(&self, key: &str) -> Result<Option<Value>, TemplateError> {
        let Some(store) = self.store.upgrade() else { return Ok(None) };
        Ok(store.has_host(key).then(|| store.view(key)))
    }
    fn keys(&self) -> Vec<Key> {
        let Some(store) = self.store.upgrade() else { return Vec::new() };
        store.inventory().hosts.keys().map(|h| Key::from(h.as_str())).collect()
    }
}

/// One host of `hostvars`.
#[derive(Debug)]
struct HostView {
    store: Weak<Store>,
    host: String,
}

impl Dynamic for HostView {
    fn get(&self, key: &str) -> Result<Option<Value>, TemplateError> {
        let Some(store) = self.store.upgrade() else { return Ok(None) };
        let layers = store.host_layers(&self.host);
        let Some(value) = layers.find(key) else { return Ok(None) };
        store.templar.render(value, &TemplateContext::new(&layers, crate::vars::scope::nowhere())).map(Some)
    }
    fn keys(&self) -> Vec<Key> {
        let Some(store) = self.store.upgrade() else { return Vec::new() };
        let mut names = crate::template::Scope::names(&store.host_layers(&self.host));
        // A host does not have all hosts in it again.
        names.retain(|name| name.as_str() != Some("hostvars"));
        names
    }
}

impl Store {
    /// `hostvars` and `groups`, for what is rendered outside of hosts.
    #[must_use]
    pub fn global_magic(&self) -> Map {
        [
            (Key::from("hostvars"), self.hostvars()),
            (Key::from("groups"), self.groups_value()),
            (Key::from("playbook_dir"), Value::text(self.playbook_dir.to_string_lossy())),
        ]
        .into_iter()
        .collect()
    }

    /// One host's variables as `hostvars` has them.
    #[must_use]
    pub fn view(&self, host: &str) -> Value {
        Value::Dynamic(Arc::new(HostView { store: self.me.clone(), host: host.to_owned() }))
    }

    /// Whether a host is the localhost that no inventory names.
    #[must_use]
    pub fn is_implicit(&self, host: &str) -> bool {
        self.inventory().is_implicit(host)
    }

    /// Reads the inventory's sources again.
    ///
    /// # Errors
    /// What is wrong with them; the inventory stays as it was.
    pub fn refresh_inventory(&self) -> Result<(), InventoryError> {
        let Some(reload) = &self.reload else { return Ok(()) };
        let fresh = reload()?;
        let additions = self.additions.lock().unwrap_or_else(PoisonError::into_inner);
        self.change_inventory(|inventory| {
            *inventory = fresh;
            for add in additions.iter() {
                // It could be added before, so nothing in it is wrong.
                let _ = add(inventory);
            }
        });
        Ok(())
    }

    /// Whether the inventory has a host, or it is the implicit localhost.
    #[must_use]
    pub fn has_host(&self, name: &str) -> bool {
        let inventory = self.inventory();
        inventory.hosts.contains_key(name) || inventory.is_implicit(name)
    }

    /// What was wrong with files of variables that were read since this was last asked, and warnings about them.
    #[must_use]
    pub fn take_problems(&self) -> Vec<Diagnostic> {
        let mut problems = std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner));
        problems.extend(self.inventory().take_warnings());
        problems
    }

    /// Reads the files of variables of hosts, so that what is wrong with them is known before a host is touched.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read_host_files(&self, hosts: &[String]) -> Result<(), Vec<Diagnostic>> {
        for host in hosts {
            self.base(host);
        }
        let problems = self.take_problems();
        if problems.iter().any(|p| p.level == windlass_yaml::diagnostic::Level::Error) {
            Err(problems)
        } else {
            Ok(())
        }
    }
}
