//! `gather_facts`, `service` and `package`.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Value};

pub(super) async fn gather(cx: &Cx<'_>) -> TaskOutcome {
    let Some(setup) = super::resolve("ansible.builtin.setup") else {
        return TaskOutcome::failure("the agent has no module setup");
    };
    let mut args = cx.args.clone();
    args.shift_remove("parallel");
    cx.remote.module(setup.spec, &args).await
}

/// `service`: the agent knows which manager its host has.
pub(super) async fn service(cx: &Cx<'_>) -> TaskOutcome {
    cx.remote.module(cx.exec.task.action.spec, &cx.args).await
}

/// `package` is the host's own package manager.
pub(super) async fn package(cx: &Cx<'_>) -> TaskOutcome {
    let mut args = cx.args.clone();
    let chosen = match args.shift_remove(&Key::from("use")) {
        Some(Value::Str(text)) if text.as_str() != "auto" => text.as_str().to_owned(),
        _ => cx.layers.find("ansible_pkg_mgr").and_then(Value::as_str).unwrap_or("apt").to_owned(),
    };
    let name = chosen.rsplit('.').next().unwrap_or(&chosen).to_owned();
    match super::resolve(&name) {
        Some(action) if name == "apt" => match cx.exec.with_defaults_of(action.spec.name, &args, cx.layers) {
            Ok(args) => cx.remote.module(action.spec, &args).await,
            Err(error) => TaskOutcome::of_template(&error),
        },
        _ => TaskOutcome::failure(format!("the package manager '{chosen}' is not supported; apt is")),
    }
}
