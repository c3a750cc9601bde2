//! Plays.

use super::attrs::Attrs;
use super::role::Role;
use super::task::Node;
use crate::vars::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use windlass_yaml::Span;

/// A play. Values are as written.
#[derive(Debug)]
pub struct Play {
    /// Its name.
    pub name: Option<Value>,
    /// `hosts:`
    pub hosts: Value,
    /// Keywords that tasks inherit.
    pub attrs: Arc<Attrs>,
    /// Keywords of the play alone (`serial`, `strategy`, `gather_facts`, ...).
    pub own: Attrs,
    /// `vars:`
    pub vars: Arc<Map>,
    /// `vars_files:`
    pub vars_files: Vec<Value>,
    /// `vars_prompt:`
    pub vars_prompt: Vec<Value>,
    /// `pre_tasks:`
    pub pre_tasks: Vec<Node>,
    /// The tasks of `roles:`
    pub role_tasks: Vec<Node>,
    /// `tasks:`
    pub tasks: Vec<Node>,
    /// `post_tasks:`
    pub post_tasks: Vec<Node>,
    /// Handlers of the roles, then of the play.
    pub handlers: Vec<Node>,
    /// Roles whose defaults and vars the whole play sees.
    pub roles: Vec<Arc<Role>>,
    /// Folder of the playbook file.
    pub dir: PathBuf,
    /// Where it stands.
    pub span: Span,
}
