//! `async_status`: the folder of the jobs is said by the controller.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Value};

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let folder = match cx.exec.async_folder(cx.layers) {
        Ok(folder) => folder,
        Err(error) => return TaskOutcome::of_template(&error),
    };
    let mut args = cx.args.clone();
    args.insert(Key::from("_async_dir"), Value::text(folder));
    cx.remote.module(cx.exec.task.action.spec, &args).await
}
