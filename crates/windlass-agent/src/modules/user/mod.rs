//! `user`: users, by `useradd`, `usermod` and `userdel`. Password hashes go through `chpasswd`'s standard input.

mod aging;
mod argv;
mod home;
mod key;
mod local;

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe, system::User as Account};
use std::path::Path;
use windlass_protocol::modules::user::{AccountState, UpdatePassword, UserArgs};
use windlass_protocol::{Json, Op, RunSpec, What};

/// The module.
pub struct User;

fn step(plan: &mut Plan, args: &UserArgs, action: &str, run: RunSpec) {
    let what = What::Account { kind: "user".into(), name: args.name.clone(), action: action.into() };
    plan.push(what, Op::Run(RunSpec { failure: Some(String::new()), ..run }));
}

/// The user's line in `/etc/shadow`, if it may be read.
fn shadow(sys: &dyn Observe, name: &str) -> Option<Vec<String>> {
    let bytes = sys.read(Path::new("/etc/shadow")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find(|l| l.split(':').next() == Some(name))?;
    Some(line.split(':').map(str::to_owned).collect())
}

impl Module for User {
    type Args = UserArgs;

    fn plan(args: &UserArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        plan.set("name", args.name.as_str());
        plan.set("state", args.state.as_str());
        if args.name.starts_with('-') || args.name.contains([':', '\n', '/']) {
            return Err(ModuleError::new(format!("'{}' cannot be a user name", args.name)));
        }
        if args.password.as_ref().is_some_and(|password| password.contains([':', '\n', '\r', '\0'])) {
            return Err(ModuleError::new("the hash of a password cannot have a colon or a line break in it"));
        }
        if args.append && args.groups.is_none() {
            plan.warnings.push("'append' has no effect without 'groups'".into());
        }
        if let Some(password) = &args.password
            && let Some(warning) = suspicious(password)
        {
            plan.warnings.push(warning.into());
        }
        local::check(args)?;
        let found = local::found(args, sys)?;
        match (args.state, &found) {
            (AccountState::Absent, None) => return Ok(plan),
            (AccountState::Absent, Some(_)) => {
                let mut argv = vec![local::program("userdel", args, sys)?];
                argv.extend((args.force && !args.local).then(|| "-f".to_owned()));
                argv.extend(args.remove.then(|| "-r".to_owned()));
                argv.push(args.name.clone());
                step(&mut plan, args, "remove", RunSpec::new(argv));
                plan.set("force", args.force);
                plan.set("remove", args.remove);
                return Ok(plan);
            }
            (AccountState::Present, None) => {
                home::parents(args, sys, &mut plan)?;
                step(&mut plan, args, "add", RunSpec::new(argv::useradd(args, cx.check, sys)?));
                local::others(args, None, cx.check, sys, &mut plan)?;
                password(args, None, true, &mut plan);
                plan.set("system", args.system);
                plan.set("create_home", args.create_home);
            }
            (AccountState::Present, Some(user)) => {
                if let Some(argv) = argv::usermod(args, user, sys)? {
                    step(&mut plan, args, "change", RunSpec::new(argv));
                }
                local::others(args, Some(user), cx.check, sys, &mut plan)?;
                password(args, shadow(sys, &args.name), false, &mut plan);
                plan.set("append", args.append);
                plan.set("move_home", args.move_home);
                home::missing(args, user, sys, &mut plan)?;
            }
        }
        aging::plan(args, shadow(sys, &args.name), &mut plan);
        if args.password.is_some() {
            plan.set("password", "NOT_LOGGING_PASSWORD");
        }
        if args.generate_ssh_key {
            key::plan(args, found.as_ref(), cx, sys, &mut plan)?;
        }
        describe(args, sys, &mut plan);
        Ok(plan)
    }

    fn finish(
        args: &UserArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let account = |run: &RunSpec| {
            let name = run.argv.first().map_or("", String::as_str);
            ["useradd", "usermod", "userdel"].contains(&name.strip_prefix('l').unwrap_or(name))
        };
        let mut outputs =
            plan.changes.iter().zip(&applied.outputs).filter_map(|(change, output)| match &change.op {
                Op::Run(run) if account(run) => output.as_ref(),
                _ => None,
            });
        if let Some(output) = outputs.next() {
            for (key, text) in [("stdout", output.out()), ("stderr", output.err())] {
                if !text.is_empty() {
                    plan.set(key, text);
                }
            }
        }
        describe(args, sys, &mut plan);
        if args.state == AccountState::Present && args.generate_ssh_key {
            key::describe(args, cx, sys, &mut plan)?;
        }
        Ok(Finish::Done(plan))
    }
}

/// Return values that tell what the user is.
fn describe(args: &UserArgs, sys: &dyn Observe, plan: &mut Plan) {
    if args.state != AccountState::Present {
        return;
    }
    let Ok(Some(user)) = local::found(args, sys) else { return };
    plan.set("uid", user.uid);
    plan.set("group", user.gid);
    plan.set("comment", user.gecos);
    plan.set("home", user.home);
    plan.set("shell", user.shell);
    if let Some(groups) = &args.groups {
        plan.set("groups", groups.iter().filter(|g| !g.is_empty()).cloned().collect::<Vec<_>>().join(","));
    }
}

/// Whether a password looks as if it was not hashed.
fn suspicious(password: &str) -> Option<&'static str> {
    if ["*", "!", "*************", "!!", "x"].contains(&password) || password.is_empty() {
        return None;
    }
    let body = password.trim_start_matches('!');
    let crypt = body.starts_with('$') && body[1..].matches('$').count() >= 2;
    let des = body.len() == 13 && body.chars().all(|c| c.is_ascii_alphanumeric() || "./".contains(c));
    if crypt || des || body.starts_with('_') || body.starts_with('*') {
        return None;
    }
    Some("the password is no crypt hash: the user will not be able to log in with it")
}

/// Sets, locks or unlocks the password where it has to be.
fn password(args: &UserArgs, shadow: Option<Vec<String>>, is_new: bool, plan: &mut Plan) {
    let current = shadow.and_then(|fields| fields.get(1).cloned()).unwrap_or_default();
    let set = |plan: &mut Plan, hash: &str| {
        let run = RunSpec {
            stdin: format!("{}:{hash}\n", args.name).into_bytes(),
            secret: true,
            ..RunSpec::new(["chpasswd", "-e"])
        };
        step(plan, args, "set the password of", run);
    };
    let wanted =
        args.password.as_deref().filter(|_| is_new || args.update_password == UpdatePassword::Always);
    if let Some(hash) = wanted {
        let bare = hash.trim_start_matches('!');
        let same = if is_new { false } else { current.trim_start_matches('!') == bare };
        if !same {
            match args.password_lock {
                Some(true) if !hash.starts_with('!') => set(plan, &format!("!{hash}")),
                _ => set(plan, hash),
            }
            return;
        }
    }
    let program = if args.local { "lusermod" } else { "usermod" };
    let lock = |plan: &mut Plan, flag: &str, action: &str| {
        step(plan, args, action, RunSpec::new([program, flag, &args.name]));
    };
    match args.password_lock {
        // A new user without a password is locked as it is.
        Some(true) if !is_new && !current.starts_with('!') => lock(plan, "-L", "lock the password of"),
        Some(false) if !is_new && current.starts_with('!') && current.len() > 1 => {
            lock(plan, "-U", "unlock the password of");
        }
        _ => {}
    }
}

/// Names of the groups that list the user as a member, its primary group not among them.
fn memberships(sys: &dyn Observe, user: &Account) -> Vec<String> {
    let bytes = sys.read(Path::new("/etc/group")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let groups = text.lines().filter_map(crate::system::accounts::parse_group);
    let mut names: Vec<String> =
        groups.filter(|g| g.gid != user.gid && g.members.contains(&user.name)).map(|g| g.name).collect();
    names.sort();
    names.dedup();
    names
}

fn json_text(value: Option<&Json>) -> &str {
    value.and_then(Json::as_str).unwrap_or("")
}
