//! `local: true`: only what the files in `/etc` have counts, and libuser's programs change them, which ask no directory service.

use super::argv::wanted_groups;
use super::{memberships, shadow, step};
use crate::modules::group::account_program;
use crate::system::accounts::parse_user;
use crate::system::{Observe, User as Account};
use crate::{ModuleError, Plan};
use std::path::Path;
use windlass_protocol::RunSpec;
use windlass_protocol::modules::user::UserArgs;

/// Refuses what libuser's programs do not have.
pub fn check(args: &UserArgs) -> Result<(), ModuleError> {
    let given = [
        ("umask", args.umask.is_some()),
        ("uid_min", args.uid_min.is_some()),
        ("uid_max", args.uid_max.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given && args.local) {
        Some((name, _)) => Err(ModuleError::new(format!("'{name}' can not be used with 'local'"))),
        None => Ok(()),
    }
}

/// The user as it is.
pub fn found(args: &UserArgs, sys: &dyn Observe) -> Result<Option<Account>, ModuleError> {
    if !args.local {
        return Ok(sys.user(&args.name));
    }
    let file = "/etc/passwd";
    let bytes = sys.read(Path::new(file)).map_err(|_| {
        let text = format!("'local: true' specified but unable to find local account file {file} to parse.");
        ModuleError::new(text)
    })?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().rev().filter_map(parse_user).find(|user| user.name == args.name))
}

/// `useradd`, or libuser's.
pub fn program(name: &str, args: &UserArgs, sys: &dyn Observe) -> Result<String, ModuleError> {
    account_program(name, args.local, sys)
}

/// What libuser has other programs for: the end of the account, and the further groups.
pub fn others(
    args: &UserArgs,
    user: Option<&Account>,
    check: bool,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    if !args.local {
        return Ok(());
    }
    if let Some(seconds) = args.expires {
        let days = if seconds < 0.0 { -1 } else { (seconds / 86_400.0).floor() as i64 };
        let fields = shadow(sys, &args.name).unwrap_or_default();
        let current = fields.get(7).and_then(|days| days.trim().parse().ok()).unwrap_or(-1);
        if days != current {
            let run = RunSpec::new([&program("chage", args, sys)?, "-E", &days.to_string(), &args.name]);
            step(plan, args, "set the end of", run);
        }
    }
    let wanted = if check && user.is_none() { args.groups.clone() } else { wanted_groups(args, sys)? };
    let Some(wanted) = wanted else { return Ok(()) };
    let current = user.map(|user| memberships(sys, user)).unwrap_or_default();
    let primary = user.and_then(|user| sys.group_by_id(user.gid)).map(|group| group.name);
    let missing = wanted.iter().filter(|name| !current.contains(name) && Some(*name) != primary.as_ref());
    let surplus = current.iter().filter(|name| !args.append && !wanted.contains(name));
    let changes = missing.map(|name| ("-M", "add to a group", name));
    for (flag, action, group) in changes.chain(surplus.map(|name| ("-m", "take out of a group", name))) {
        let run = RunSpec::new([&program("groupmod", args, sys)?, flag, &args.name, group]);
        step(plan, args, action, run);
    }
    Ok(())
}
