//! Dynamic includes: files and roles that are chosen while the play runs.

use crate::playbook::load::{Made, Under};
use crate::playbook::load_role::Site;
use crate::playbook::{Attrs, Block, Loader, Node, Problems, RoleFrom, Task, import};
use crate::vars::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// What a host wants to include: one entry for each item of a loop.
#[derive(Debug, Clone, Default)]
pub struct IncludeRequest {
    /// The includes, in order.
    pub entries: Vec<Entry>,
}

/// One file or role to include.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which.
    pub what: What,
    /// `vars:` of the include and the item, rendered where the item matters.
    pub vars: Arc<Map>,
    /// `apply:`
    pub apply: Option<Value>,
    /// Label of the item, for the message.
    pub label: Option<String>,
}

/// A file or a role.
#[derive(Debug, Clone)]
pub enum What {
    /// A file of tasks, found.
    Tasks(PathBuf),
    /// A file of tasks that is not there.
    Missing {
        /// Its name as given.
        name: String,
        /// What to say about it.
        problem: Box<Diagnostic>,
    },
    /// A role.
    Role {
        /// Its name.
        name: String,
        /// Its files.
        from: RoleFrom,
    },
}

impl Entry {
    /// Equal for hosts that include the same thing in the same way.
    #[must_use]
    pub fn key(&self) -> String {
        let vars = Value::Map(Arc::clone(&self.vars)).to_json();
        format!("{:?}|{vars}|{:?}", self.what, self.apply.as_ref().map(Value::to_json))
    }
    /// For the message.
    #[must_use]
    pub fn display(&self) -> String {
        match &self.what {
            What::Tasks(path) => path.display().to_string(),
            What::Missing { name, .. } | What::Role { name, .. } => name.clone(),
        }
    }
}

/// What an include brings in.
#[derive(Debug)]
pub struct Included {
    /// The tasks.
    pub block: Arc<Block>,
    /// Handlers and roles that come with them.
    pub made: Made,
}

/// Loads one include.
///
/// # Errors
/// What is wrong with the file or role.
pub fn load(loader: &Loader, task: &Task, entry: &Entry, playbook_dir: &Path) -> Result<Included, Problems> {
    let mut problems = Problems::default();
    let statics = import::Statics { play_vars: Arc::default(), playbook_dir: playbook_dir.to_owned() };
    let mut made = Made { statics: Some(statics), ..Made::default() };
    let mut apply = Attrs::default();
    let mut apply_vars = None;
    if let Some(Value::Map(map)) = &entry.apply {
        apply = loader.attrs_of_value(map);
        apply_vars = match map.get("vars") {
            Some(Value::Map(vars)) => Some(Arc::clone(vars)),
            _ => None,
        };
    }
    let own = apply.clone();
    let mut include_params = task.include_params.clone();
    if !entry.vars.is_empty() {
        include_params.push(Arc::clone(&entry.vars));
    }
    let mut vars = task.vars.clone();
    // The include's own `vars:` are parameters now.
    vars.extend(apply_vars);
    let mut under = Under {
        attrs: apply.child_of(&task.inherited),
        vars,
        include_params,
        role: task.role.clone(),
        dir: task.dir.clone(),
        handlers: false,
        rescued: false,
        depth: 0,
        role_chain: task.role_chain.clone(),
        dependents: Vec::new(),
    };
    let main = match &entry.what {
        What::Tasks(path) => {
            under.dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
            loader.task_file(path, Some(&task.span), &under, &mut made, &mut problems)
        }
        What::Missing { problem, .. } => {
            problems.refuse((**problem).clone());
            Vec::new()
        }
        What::Role { name, from } => {
            let named = task.args.get("name").or_else(|| task.args.get("role")).and_then(Value::span);
            let span = named.unwrap_or(&task.span);
            let site = Site { own: &own, params: Map::new(), vars: Arc::default(), span };
            let loaded = loader.role(name, from, &site, &under, &mut made, &mut problems);
            made.handlers.extend(loaded.handlers);
            made.roles.extend(loaded.roles);
            loaded.nodes
        }
    };
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(Included { block: Arc::new(Block { main, ..Block::default() }), made })
}

/// The tasks of a block, blocks inside opened: for handlers, which are run one by one.
#[must_use]
pub fn flatten(nodes: &[Node]) -> Vec<Arc<Task>> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Task(task) => out.push(Arc::clone(task)),
            Node::Block(block) => out.extend(flatten(&block.main)),
        }
    }
    out
}
