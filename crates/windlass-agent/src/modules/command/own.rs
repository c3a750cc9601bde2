//! A module that came with the request: a program that reads its arguments from a file and prints its result.

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::change::Content;
use windlass_protocol::modules::command::OwnModuleArgs;
use windlass_protocol::{FileAttrs, Op, RunSpec, What};

/// The module. The program comes as the content `module`, its arguments as the content `arguments`.
pub struct OwnModule;

impl Module for OwnModule {
    type Args = OwnModuleArgs;

    fn plan(args: &OwnModuleArgs, cx: &Context<'_>, _sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        let what = || What::Command { text: args.name.clone() };
        let place = |name: &str| cx.scratch.join(name).to_string_lossy().into_owned();
        let file = args.name.rsplit('/').next().unwrap_or_default();
        let mut files = vec![(place(&format!("module_{file}")), "module", 0o700)];
        if cx.blobs.get("arguments").is_some() {
            files.push((place("arguments"), "arguments", 0o600));
        }
        for (path, content, mode) in &files {
            let write = Op::Write {
                path: path.clone(),
                content: Content::Blob((*content).into()),
                attrs: FileAttrs { mode: Some(*mode), ..FileAttrs::default() },
                backup: false,
                validate: None,
                in_place: false,
            };
            plan.push(what(), write);
        }
        let paths = files.iter().map(|(path, ..)| path.clone());
        let argv = args.interpreter.iter().flatten().cloned().chain(paths).collect();
        plan.push(what(), Op::Run(RunSpec { argv, secret: cx.no_log, ..RunSpec::default() }));
        for (path, ..) in files {
            plan.push(what(), Op::Remove { path, recursive: false });
        }
        Ok(plan)
    }

    fn finish(
        _args: &OwnModuleArgs,
        _cx: &Context<'_>,
        _sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        // What it printed says whether it failed: the controller reads that.
        if let Some(output) = applied.last_output() {
            plan.set("rc", output.code);
            plan.set("stdout", output.out());
            plan.set("stderr", output.err());
        }
        Ok(Finish::Done(plan))
    }
}
