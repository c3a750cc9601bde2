//! Roles.

use super::task::Node;
use crate::vars::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A role as it is used at one place.
#[derive(Debug)]
pub struct Role {
    /// Name as written (a path's last part, or a name in a collection).
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `defaults/`.
    pub defaults: Arc<Map>,
    /// `vars/`. The play sees them where the role is public.
    pub vars: Arc<Map>,
    /// `vars:` where it is used in `roles:` or `dependencies:`, for its own tasks alone.
    pub own_vars: Arc<Map>,
    /// Further keys where it is used in `roles:` or `dependencies:`.
    pub params: Arc<Map>,
    /// What it sees of the roles that depend on it, outermost first.
    pub dependents: Vec<Arc<Dependent>>,
    /// The roles that depend on it or include it, outermost first.
    pub parents: Vec<Arc<Role>>,
    /// The roles that it depends on.
    pub dependencies: Vec<Arc<Role>>,
    /// It may run several times on a host.
    pub allow_duplicates: bool,
    /// Equal for uses that count as the same: the folder, parameters, variables, tags and conditions.
    pub identity: String,
    /// The play sees its defaults and vars.
    pub public: bool,
}

/// What a dependency sees of a role that depends on it.
#[derive(Debug)]
pub struct Dependent {
    /// `vars/`, then `vars:` where it is used.
    pub vars: Arc<Map>,
    /// Further keys where it is used.
    pub params: Arc<Map>,
}

impl Role {
    /// The handlers' and tasks' name in front of theirs.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.name
    }

    /// The collection that it comes from.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        let (collection, _) = self.name.rsplit_once('.')?;
        self.path.iter().any(|part| part == "ansible_collections").then_some(collection)
    }

    /// Its name without that of its collection.
    #[must_use]
    pub fn short_name(&self) -> &str {
        match self.collection() {
            Some(collection) => &self.name[collection.len() + 1..],
            None => &self.name,
        }
    }
}

/// Other files than `main` of a role, and how it is included.
#[derive(Debug, Clone, Default)]
pub struct RoleFrom {
    /// `tasks_from`.
    pub tasks: Option<String>,
    /// `vars_from`.
    pub vars: Option<String>,
    /// `defaults_from`.
    pub defaults: Option<String>,
    /// `handlers_from`.
    pub handlers: Option<String>,
    /// `allow_duplicates` of the include.
    pub allow_duplicates: Option<bool>,
    /// `public` of the include.
    pub public: bool,
    /// `rolespec_validate`.
    pub validate: bool,
}

/// What loading a role gives.
#[derive(Debug, Default)]
pub struct LoadedRole {
    /// The role.
    pub role: Option<Arc<Role>>,
    /// Its tasks, those of its dependencies before them.
    pub nodes: Vec<Node>,
    /// Its handlers, those of its dependencies before them.
    pub handlers: Vec<Node>,
    /// It and its dependencies, dependencies first.
    pub roles: Vec<Arc<Role>>,
}

/// What identifies a use of a role.
#[must_use]
pub fn identity(
    path: &std::path::Path,
    params: &Map,
    vars: &Map,
    attrs: &super::Attrs,
    from: &RoleFrom,
) -> String {
    let json = |map: &Map| Value::map(map.clone()).to_json().to_string();
    let own = |name: &str| attrs.get(name).map(|v| v.to_json().to_string()).unwrap_or_default();
    format!(
        "{}|{}|{}|{}|{}|{:?}{:?}{:?}{:?}",
        path.display(),
        json(params),
        json(vars),
        own("tags"),
        own("when"),
        from.tasks,
        from.vars,
        from.defaults,
        from.handlers
    )
}
