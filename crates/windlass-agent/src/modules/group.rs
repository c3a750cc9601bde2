//! `group`: groups, by `groupadd`, `groupmod` and `groupdel`.

use crate::module::{Applied, Finish};
use crate::system::accounts::{Group as Account, parse_group};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
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
        if args.local {
            for (name, value) in [("gid_min", args.gid_min), ("gid_max", args.gid_max)] {
                if value.is_some() {
                    return Err(ModuleError::new(format!("'{name}' can not be used with 'local'")));
                }
            }
        }
        let mut plan = Plan::default();
        plan.set("name", args.name.as_str());
        plan.set("state", args.state.as_str());
        let found = found(args, sys)?;
        let program = |name: &str| account_program(name, args.local, sys);
        if let Some(gid) = args.gid.filter(|_| args.local && args.state == AccountState::Present)
            && let Some(other) = u32::try_from(gid).ok().and_then(|gid| sys.group_by_id(gid))
            && other.name != args.name
        {
            let text = format!("GID '{gid}' already exists with group '{}'", other.name);
            return Err(ModuleError::new(text));
        }
        let mut argv: Vec<String> = Vec::new();
        let action = match (args.state, &found) {
            (AccountState::Absent, None) => return Ok(plan),
            (AccountState::Absent, Some(_)) => {
                argv.push(program("groupdel")?);
                if args.force {
                    argv.push("--force".into());
                }
                "remove"
            }
            (AccountState::Present, Some(group)) => {
                let wanted = args.gid.filter(|gid| i64::from(group.gid) != *gid);
                if let Some(gid) = wanted {
                    argv.extend([program("groupmod")?, "-g".into(), gid.to_string()]);
                    if args.non_unique {
                        argv.push("-o".into());
                    }
                }
                "change"
            }
            (AccountState::Present, None) => {
                argv.push(program("groupadd")?);
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

/// The group as it is; of the file alone, if only local ones count.
fn found(args: &GroupArgs, sys: &dyn Observe) -> Result<Option<Account>, ModuleError> {
    if !args.local {
        return Ok(sys.group(&args.name));
    }
    let file = "/etc/group";
    let bytes = sys.read(Path::new(file)).map_err(|_| {
        ModuleError::new(format!(
            "'local: true' specified but unable to find local group file {file} to parse."
        ))
    })?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().rev().filter_map(parse_group).find(|group| group.name == args.name))
}

/// The program that changes accounts; for local ones that of libuser, which asks no directory service.
pub(super) fn account_program(name: &str, local: bool, sys: &dyn Observe) -> Result<String, ModuleError> {
    if !local {
        return Ok(name.to_owned());
    }
    let name = format!("l{name}");
    if sys.find_program(&name).is_none() {
        let path = sys.env("PATH").unwrap_or_default();
        let text = format!(
            "Failed to find required executable \"{name}\" in paths: {path}. 'local: true' needs libuser."
        );
        return Err(ModuleError::new(text));
    }
    Ok(name)
}

fn describe(args: &GroupArgs, sys: &dyn Observe, plan: &mut Plan) {
    if args.state == AccountState::Present
        && let Ok(Some(group)) = found(args, sys)
    {
        plan.set("system", args.system);
        plan.set("gid", group.gid);
    }
}
