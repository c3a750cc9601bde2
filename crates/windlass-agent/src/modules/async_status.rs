//! `async_status`: what came of a job.

use crate::server::job::DIFFS;
use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use std::path::PathBuf;
use windlass_protocol::modules::async_status::{AsyncMode, AsyncStatusArgs};
use windlass_protocol::{FileKind, Json, JsonMap, Op, What};

/// The module.
pub struct AsyncStatus;

impl Module for AsyncStatus {
    type Args = AsyncStatusArgs;

    fn plan(args: &AsyncStatusArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let folder =
            args.folder.as_ref().map_or_else(|| "~/.ansible_async".to_owned(), |path| path.to_string());
        let path = PathBuf::from(crate::expand::expand(&folder, sys)).join(&args.jid);
        let shown = path.to_string_lossy().into_owned();
        let mut values = JsonMap::new();
        values.insert("started".into(), (args.mode == AsyncMode::Status).into());
        values.insert("finished".into(), false.into());
        values.insert("stdout".into(), "".into());
        values.insert("stderr".into(), "".into());
        values.insert("ansible_job_id".into(), args.jid.as_str().into());
        let name = if args.mode == AsyncMode::Cleanup { "erased" } else { "results_file" };
        values.insert(name.into(), shown.as_str().into());
        // The number is one name in the folder: it must not lead elsewhere.
        let stray = args.jid.contains('/') || matches!(args.jid.as_str(), "" | "." | "..");
        if stray || sys.stat(&path)?.is_none() {
            let mut error =
                ModuleError { msg: "could not find job".to_owned(), values, ..ModuleError::default() };
            error = error.with("started", true).with("finished", true);
            return Err(error);
        }
        let mut plan = Plan { values, changed: Some(false), ..Plan::default() };
        if args.mode == AsyncMode::Cleanup {
            let what = What::PathRemoved { path: shown.clone(), kind: FileKind::File };
            plan.push(what, Op::Remove { path: shown, recursive: false });
            return Ok(plan);
        }
        let Ok(Json::Object(found)) = serde_json::from_slice(&sys.read(&path)?) else {
            // It is being written: so it runs.
            return Ok(plan);
        };
        read(found, plan)
    }
}

/// Makes what the job wrote down the result of the task.
fn read(mut found: JsonMap, mut plan: Plan) -> Result<Plan, ModuleError> {
    // Once there is a result, it has no word of this.
    let over = !found.contains_key("started");
    let mut take = |name: &str| found.shift_remove(name);
    let flag = |value: Option<Json>| value.is_some_and(|value| value == Json::Bool(true));
    let (changed, failed, skipped) = (flag(take("changed")), flag(take("failed")), flag(take("skipped")));
    let msg = take("msg");
    if let Some(Json::Array(warnings)) = take("warnings") {
        plan.warnings = warnings.iter().filter_map(Json::as_str).map(str::to_owned).collect();
    }
    plan.diff = take(DIFFS).and_then(|diffs| serde_json::from_value(diffs).ok()).unwrap_or_default();
    // The number is that of the file, whatever is in it.
    let jid = plan.values.get("ansible_job_id").cloned();
    plan.values.extend(found);
    plan.values.extend(jid.map(|jid| ("ansible_job_id".to_owned(), jid)));
    if over {
        plan.values.insert("finished".into(), true.into());
    }
    let msg = msg.map(|msg| msg.as_str().map_or_else(|| msg.to_string(), str::to_owned));
    if failed {
        return Err(ModuleError {
            msg: msg.unwrap_or_default(),
            values: plan.values,
            changed,
            ..ModuleError::default()
        });
    }
    plan.msg = msg;
    plan.changed = Some(changed);
    plan.skipped = skipped;
    Ok(plan)
}
