//! Blocks and tasks.

use super::attrs::Attrs;
use super::role::Role;
use crate::actions::ActionRef;
use crate::vars::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use windlass_yaml::Span;

/// A task or a block.
#[derive(Debug, Clone)]
pub enum Node {
    /// A task.
    Task(Arc<Task>),
    /// A block.
    Block(Arc<Block>),
}

/// Part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `block:`
    Main,
    /// `rescue:`
    Rescue,
    /// `always:`
    Always,
}

/// A block: an explicit one, or the tasks of a file or role that belong together.
#[derive(Debug, Default)]
pub struct Block {
    /// Its name as written.
    pub name: Option<Value>,
    /// `block:`
    pub main: Vec<Node>,
    /// `rescue:`
    pub rescue: Vec<Node>,
    /// `always:`
    pub always: Vec<Node>,
    /// The role that it is the root of: at its end the role counts as run.
    pub role_root: Option<Arc<Role>>,
}

impl Block {
    /// The nodes of a part.
    #[must_use]
    pub fn section(&self, section: Section) -> &[Node] {
        match section {
            Section::Main => &self.main,
            Section::Rescue => &self.rescue,
            Section::Always => &self.always,
        }
    }
}

/// `loop:` or `with_*`.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The lookup of `with_*`; `None` for `loop:`.
    pub lookup: Option<String>,
    /// What is looped over, as written.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// `loop_control:`
#[derive(Debug, Clone, Default)]
pub struct LoopControl {
    /// Name of the item; `item` if none.
    pub loop_var: Option<Value>,
    /// Name of the index.
    pub index_var: Option<Value>,
    /// What to print for an item.
    pub label: Option<Value>,
    /// Seconds between items.
    pub pause: Option<Value>,
    /// Whether `ansible_loop` is made.
    pub extended: Option<Value>,
    /// Whether `ansible_loop.allitems` is made.
    pub extended_allitems: Option<Value>,
    /// Ends the loop after an item.
    pub break_when: Vec<Value>,
}

/// A task or handler.
#[derive(Debug, Clone)]
pub struct Task {
    /// Unique in this process.
    pub id: u64,
    /// Its name as written.
    pub name: Option<Value>,
    /// What it calls.
    pub action: ActionRef,
    /// The name by which it is called.
    pub action_written: String,
    /// The template that names the action, where it is one; [`Self::action`] then only stands in its place.
    pub action_template: Option<Value>,
    /// Arguments as written.
    pub args: Arc<Map>,
    /// `args: "{{ ... }}"`: a template that gives further arguments.
    pub args_template: Option<Value>,
    /// Keywords, with what was inherited.
    pub attrs: Arc<Attrs>,
    /// What the task inherited: children of a dynamic include inherit from here.
    pub inherited: Arc<Attrs>,
    /// `vars:` of the blocks around it, outermost first, then its own.
    pub vars: Vec<Arc<Map>>,
    /// How many of [`Self::vars`] come from around it.
    pub outer_vars: usize,
    /// `vars:` of the dynamic includes around it, outermost first.
    pub include_params: Vec<Arc<Map>>,
    /// Its loop.
    pub loop_: Option<Loop>,
    /// Its loop control.
    pub loop_control: LoopControl,
    /// `register:`
    pub register: Option<String>,
    /// `until:`
    pub until: Vec<Value>,
    /// `retries:`
    pub retries: Option<Value>,
    /// `delay:`
    pub delay: Option<Value>,
    /// `changed_when:`
    pub changed_when: Vec<Value>,
    /// `failed_when:`
    pub failed_when: Vec<Value>,
    /// `async:`
    pub async_seconds: Option<Value>,
    /// `poll:`
    pub poll: Option<Value>,
    /// `listen:` of a handler.
    pub listen: Vec<Value>,
    /// The role that it belongs to.
    pub role: Option<Arc<Role>>,
    /// Folder of the file that it stands in, for relative names.
    pub dir: PathBuf,
    /// Where it stands.
    pub span: Span,
    /// Made by the engine (facts, flushes): not listed.
    pub implicit: bool,
    /// Roles whose defaults and vars it sees though it does not belong to them (dependents), outermost first.
    pub role_chain: Vec<Arc<Role>>,
}

impl Task {
    /// A fresh number for [`Task::id`].
    #[must_use]
    pub fn next_id() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
    /// Its name as it is written, its role's in front.
    #[must_use]
    pub fn listed_name(&self) -> String {
        let name = self.name.as_ref().and_then(Value::as_str).unwrap_or(&self.action_written);
        match &self.role {
            Some(role) => format!("{} : {name}", role.display_name()),
            None => name.to_owned(),
        }
    }
    /// The tags that it has in effect, templates not rendered.
    pub fn tags(&self) -> impl Iterator<Item = &Value> {
        self.attrs.list("tags").iter()
    }
}
