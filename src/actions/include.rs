//! `include_tasks` and `include_role`: says what to include; the strategy loads it.

use super::Cx;
use crate::engine::include::{Entry, IncludeRequest, What};
use crate::engine::loops::truthy;
use crate::engine::result::TaskOutcome;
use crate::playbook::import::{Statics, find_task_file, missing_file};
use crate::playbook::{Loop, RoleFrom};
use crate::vars::{Key, Map, Value};
use std::sync::Arc;

/// The include's own `vars:` and, in a loop, its item: what the included tasks see as parameters.
fn parameters(cx: &Cx<'_>) -> Map {
    let task = &cx.exec.task;
    let mut vars = Map::new();
    if task.vars.len() > task_outer(cx)
        && let Some(own) = task.vars.last()
    {
        vars.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    if let Some(Loop { .. }) = &task.loop_ {
        let mut keep = |name: &str| {
            if let Some(value) = cx.layers.find(name) {
                vars.insert(Key::from(name), value.clone());
            }
        };
        for name in ["ansible_loop_var", "ansible_index_var", "ansible_loop"] {
            keep(name);
        }
        for pointer in ["ansible_loop_var", "ansible_index_var"] {
            if let Some(name) = cx.layers.find(pointer).and_then(Value::as_str).map(str::to_owned) {
                keep(&name);
            }
        }
    }
    vars
}

/// How many layers of `vars:` the task has from around it.
fn task_outer(cx: &Cx<'_>) -> usize {
    cx.exec.task.outer_vars
}

fn label(cx: &Cx<'_>) -> Option<String> {
    cx.exec.task.loop_.as_ref()?;
    let name = cx.layers.find("ansible_loop_var").and_then(Value::as_str)?;
    cx.layers.find(name).map(crate::engine::loops::label_of)
}

fn request(cx: &Cx<'_>, what: What) -> TaskOutcome {
    let entry = Entry {
        what,
        vars: Arc::new(parameters(cx)),
        apply: cx.args.get("apply").cloned(),
        label: label(cx),
    };
    TaskOutcome { include: Some(IncludeRequest { entries: vec![entry] }), ..TaskOutcome::default() }
}

pub(super) fn tasks(cx: &Cx<'_>) -> TaskOutcome {
    let task = &cx.exec.task;
    let Some(name) = cx.text("_raw_params").or_else(|| cx.text("file")) else {
        return TaskOutcome::failure("No file specified for include_tasks");
    };
    let statics = Statics { playbook_dir: cx.exec.shared.playbook_dir.clone(), ..Statics::default() };
    match find_task_file(&name, &task.dir, task.role.as_deref(), "tasks", Some(&statics)) {
        Some(path) => request(cx, What::Tasks(path)),
        None => {
            let problem = missing_file(&name, &task.dir);
            let mut out = TaskOutcome::failure(problem.message.clone());
            out.hint = problem.hint;
            out.argument = Some(if cx.args.contains_key("file") { "file" } else { "_raw_params" }.to_owned());
            out.set("reason", Value::text(problem.message));
            out
        }
    }
}

pub(super) fn role(cx: &Cx<'_>) -> TaskOutcome {
    let Some(name) = cx.text("name").or_else(|| cx.text("role")) else {
        return TaskOutcome::failure("'name' is a required field for include_role.");
    };
    let flag = |key: &str, default: bool| cx.args.get(key).and_then(truthy).unwrap_or(default);
    let from = RoleFrom {
        tasks: cx.text("tasks_from"),
        vars: cx.text("vars_from"),
        defaults: cx.text("defaults_from"),
        handlers: cx.text("handlers_from"),
        allow_duplicates: Some(flag("allow_duplicates", true)),
        public: flag("public", false),
        validate: flag("rolespec_validate", true),
    };
    request(cx, What::Role { name, from })
}
