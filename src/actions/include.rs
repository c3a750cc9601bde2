//! `include_tasks` and `include_role`: says what to include; the strategy loads it.

use super::Cx;
use crate::engine::include::{Entry, IncludeRequest, What};
use crate::engine::loops::{CENSORED, label_of, truthy};
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

/// What stands for the item in the line about the include.
fn label(cx: &Cx<'_>, outcome: &TaskOutcome) -> Option<String> {
    cx.exec.task.loop_.as_ref()?;
    if cx.keywords.no_log {
        return Some(CENSORED.to_owned());
    }
    let name = cx.layers.find("ansible_loop_var").and_then(Value::as_str)?;
    let item = cx.layers.find(name)?;
    // A label that fails makes the task fail; that is told elsewhere.
    Some(cx.exec.label_text(cx.layers, outcome, item).unwrap_or_else(|_| label_of(item)))
}

/// The result of an include: `args` is what is registered of its arguments.
fn request(cx: &Cx<'_>, what: What, args: Map) -> TaskOutcome {
    let mut out = TaskOutcome::default();
    if let What::Tasks(_) = &what {
        let file = cx.args.get("_raw_params").or_else(|| cx.args.get("file"));
        out.values.insert(Key::from("include"), file.cloned().unwrap_or_default());
    }
    out.set("include_args", Value::map(args));
    let label = label(cx, &out);
    let (vars, apply) = (Arc::new(parameters(cx)), cx.args.get("apply").cloned());
    out.include = Some(IncludeRequest { entries: vec![Entry { what, vars, apply, label }] });
    out
}

/// The arguments without these.
fn args_but(cx: &Cx<'_>, left_out: &[&str]) -> Map {
    let stays = |key: &Key| !key.as_str().is_some_and(|k| left_out.contains(&k));
    cx.args.iter().filter(|(k, _)| stays(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

pub(super) fn tasks(cx: &Cx<'_>) -> TaskOutcome {
    let task = &cx.exec.task;
    let Some(name) = cx.text("_raw_params").or_else(|| cx.text("file")) else {
        return TaskOutcome::failure("No file specified for include_tasks");
    };
    let statics = Statics { playbook_dir: cx.exec.shared.playbook_dir.clone(), ..Statics::default() };
    match find_task_file(&name, &task.dir, task.role.as_deref(), "tasks", Some(&statics)) {
        Some(path) => request(cx, What::Tasks(path), args_but(cx, &["_raw_params", "file", "apply"])),
        None => {
            let given = ["file", "_raw_params"].iter().find_map(|n| task.args.get(*n)).and_then(Value::span);
            let problem = missing_file(&name, &task.dir).at(given.unwrap_or(&task.span));
            request(cx, What::Missing { name, problem: Box::new(problem) }, Map::new())
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
    request(cx, What::Role { name, from }, args_but(cx, &["apply"]))
}
