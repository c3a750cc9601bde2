//! `group`: groups, by `groupadd`, `groupmod` and `groupdel`.

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::user::{AccountState, GroupArgs};
use windlass_protocol::{Op, RunSpec, What};

/// The module.
pub struct Group;

impl Module for Group {
    type Args = GroupArgs;

    fn plan(args: &GroupArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if args.force && args.local {
            return Err(ModuleError::new(
                "force is not a valid option for local, force=True and local=True are mutually exclusive",
            ));
        }
        let mut plan = Plan::default();
        plan.set("name", args.name.as_str());
        plan.set("state", args.state.as_str());
        let found = sys.group(&args.name);
        let local = |program: &str| match args.local && sys.find_program(&format!("l{program}")).is_some() {
            true => format!("l{program}"),
            false => program.to_owned(),
        };
        let mut argv: Vec<String> = Vec::new();
        let action = match (args.state, &found) {
            (AccountState::Absent, None) => return Ok(plan),
            (AccountState::Absent, Some(_)) => {
                argv.push(local("groupdel"));
                if args.force {
                    argv.push("--force".into());
                }
                "remove"
            }
            (AccountState::Present, Some(group)) => {
                let wanted = args.gid.filter(|gid| i64::from(group.gid) != *gid);
                if let Some(gid) = wanted {
                    argv.extend([local("groupmod"), "-g".into(), gid.to_string()]);
                    if args.non_unique {
                        argv.push("-o".into());
                    }
                }
                "change"
            }
            (AccountState::Present, None) => {
                argv.push(local("groupadd"));
                if let Some(gid) = args.gid {
                    argv.extend(["-g".into(), gid.to_string()]);
                    if args.non_unique {
                        argv.push("-o".into());
                    }
                }
                if args.system {
                    argv.push("-r".into());
                }
                for (key, value) in [("GID_MIN", args.gid_min), ("GID_MAX", args.gid_max)] {
                    if let Some(value) = value {
                        argv.extend(["-K".into(), format!("{key}={value}")]);
                    }
                }
                "add"
            }
        };
        if !argv.is_empty() {
            argv.push(args.name.clone());
            let what = What::Account { kind: "group".into(), name: args.name.clone(), action: action.into() };
            let run = RunSpec { failure: Some(String::new()), ..RunSpec::new(argv) };
            plan.push(what, Op::Run(run));
        }
        describe(args, sys, &mut plan);
        Ok(plan)
    }

    fn finish(
        args: &GroupArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        describe(args, sys, &mut plan);
        if let Some(output) = applied.last_output() {
            for (key, text) in [("stdout", output.out()), ("stderr", output.err())] {
                if !text.is_empty() {
                    plan.set(key, text);
                }
            }
        }
        Ok(Finish::Done(plan))
    }
}

fn describe(args: &GroupArgs, sys: &dyn Observe, plan: &mut Plan) {
    if args.state == AccountState::Present
        && let Some(group) = sys.group(&args.name)
    {
        plan.set("system", args.system);
        plan.set("gid", group.gid);
    }
}
