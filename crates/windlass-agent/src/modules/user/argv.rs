//! The command lines of `useradd` and `usermod`.

use super::{local, memberships, shadow};
use crate::ModuleError;
use crate::system::{Group, Observe, User as Account, machine::utc};
use std::path::Path;
use windlass_protocol::modules::user::UserArgs;

/// A group by name or number.
fn group(sys: &dyn Observe, name: &str) -> Result<Group, ModuleError> {
    let by_number = || name.parse::<u32>().ok().and_then(|gid| sys.group_by_id(gid));
    sys.group(name).or_else(by_number).ok_or_else(|| ModuleError::new(format!("Group {name} does not exist")))
}

/// Names of the wanted further groups, all of which have to exist.
pub fn wanted_groups(args: &UserArgs, sys: &dyn Observe) -> Result<Option<Vec<String>>, ModuleError> {
    let Some(groups) = &args.groups else { return Ok(None) };
    let mut names: Vec<String> = Vec::new();
    for name in groups.iter().map(|g| g.trim()).filter(|g| !g.is_empty()) {
        let name = group(sys, name)?.name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Some(names))
}

/// When the account ends, as `useradd` wants it: a date, or nothing for never.
fn expiry(args: &UserArgs) -> Option<String> {
    let seconds = args.expires?;
    if seconds < 0.0 {
        return Some(String::new());
    }
    let t = utc(seconds as i64);
    Some(format!("{:04}-{:02}-{:02}", t.year, t.month, t.day))
}

fn add(argv: &mut Vec<String>, flag: &str, value: impl Into<String>) {
    argv.extend([flag.to_owned(), value.into()]);
}

/// For a user that does not exist. In check mode a group may be missing: the task that makes it only said that it would.
pub fn useradd(args: &UserArgs, check: bool, sys: &dyn Observe) -> Result<Vec<String>, ModuleError> {
    let mut argv = vec![local::program("useradd", args, sys)?];
    if let Some(uid) = args.uid {
        add(&mut argv, "-u", uid.to_string());
        if args.non_unique {
            argv.push("-o".into());
        }
    }
    if let Some(seuser) = &args.seuser {
        add(&mut argv, "-Z", seuser);
    }
    if let Some(name) = &args.group {
        if !check {
            group(sys, name)?;
        }
        add(&mut argv, "-g", name);
    } else if sys.group(&args.name).is_some() {
        // A group of that name is there already, and useradd would refuse to make one.
        argv.push(if args.local { "-n" } else { "-N" }.into());
    }
    let groups = if check { args.groups.clone() } else { wanted_groups(args, sys)? };
    if let Some(groups) = groups.filter(|g| !g.is_empty() && !args.local) {
        add(&mut argv, "-G", groups.join(","));
    }
    if let Some(comment) = &args.comment {
        add(&mut argv, "-c", comment);
    }
    if let Some(home) = &args.home {
        add(&mut argv, "-d", home.to_string());
    }
    if let Some(shell) = &args.shell {
        add(&mut argv, "-s", shell.to_string());
    }
    if let Some(date) = expiry(args).filter(|_| !args.local) {
        add(&mut argv, "-e", date);
    }
    if let Some(days) = args.password_expire_account_disable {
        add(&mut argv, "-f", days.to_string());
    }
    if args.create_home {
        // libuser's program does so by itself.
        argv.extend((!args.local).then(|| "-m".to_owned()));
        if let Some(skeleton) = &args.skeleton {
            add(&mut argv, "-k", skeleton);
        }
        if let Some(umask) = &args.umask {
            add(&mut argv, "-K", format!("UMASK={umask}"));
        }
    } else {
        argv.push("-M".into());
    }
    if args.system {
        argv.push("-r".into());
    }
    for (key, value) in [("UID_MIN", args.uid_min), ("UID_MAX", args.uid_max)] {
        if let Some(value) = value {
            add(&mut argv, "-K", format!("{key}={value}"));
        }
    }
    argv.push(args.name.clone());
    Ok(argv)
}

/// For a user that exists; `None` if nothing differs.
pub fn usermod(
    args: &UserArgs,
    user: &Account,
    sys: &dyn Observe,
) -> Result<Option<Vec<String>>, ModuleError> {
    let mut argv = vec![local::program("usermod", args, sys)?];
    if let Some(uid) = args.uid.filter(|uid| i64::from(user.uid) != *uid) {
        add(&mut argv, "-u", uid.to_string());
        if args.non_unique {
            argv.push("-o".into());
        }
    }
    if let Some(name) = &args.group
        && group(sys, name)?.gid != user.gid
    {
        add(&mut argv, "-g", group(sys, name)?.gid.to_string());
    }
    if let Some(groups) = wanted_groups(args, sys)?.filter(|_| !args.local) {
        let current = memberships(sys, user);
        let primary = sys.group_by_id(user.gid).map(|g| g.name);
        let missing = groups.iter().any(|g| !current.contains(g) && Some(g) != primary.as_ref());
        let extra = current.iter().any(|g| !groups.contains(g));
        if args.append {
            if missing {
                argv.push("-a".into());
                add(&mut argv, "-G", groups.join(","));
            }
        } else if missing || extra {
            add(&mut argv, "-G", groups.join(","));
        }
    }
    if let Some(comment) = args.comment.as_ref().filter(|c| **c != user.gecos) {
        add(&mut argv, "-c", comment);
    }
    if let Some(home) =
        args.home.as_ref().filter(|h| h.trim_end_matches('/') != user.home.trim_end_matches('/'))
    {
        add(&mut argv, "-d", home.to_string());
        // Without the old directory there is nothing to move.
        if args.move_home && sys.stat(Path::new(&user.home))?.is_some() {
            argv.push("-m".into());
        }
    }
    if let Some(shell) = args.shell.as_ref().filter(|s| ***s != *user.shell) {
        add(&mut argv, "-s", shell.to_string());
    }
    let fields = shadow(sys, &user.name).unwrap_or_default();
    let field = |at: usize| fields.get(at).map(|t| t.trim().to_owned()).unwrap_or_default();
    if let Some(date) = expiry(args).filter(|_| !args.local) {
        let current = field(7).parse::<i64>().ok().filter(|d| *d >= 0).map(|days| {
            let t = utc(days * 86_400);
            format!("{:04}-{:02}-{:02}", t.year, t.month, t.day)
        });
        if current.unwrap_or_default() != date {
            add(&mut argv, "-e", date);
        }
    }
    if let Some(days) = args.password_expire_account_disable
        && field(6).parse::<i64>().unwrap_or(-1) != days
    {
        add(&mut argv, "-f", days.to_string());
    }
    if argv.len() == 1 {
        return Ok(None);
    }
    argv.push(args.name.clone());
    Ok(Some(argv))
}
