//! How long a password lives, by `chage`.

use crate::Plan;
use windlass_protocol::RunSpec;
use windlass_protocol::modules::user::UserArgs;

/// Adds `chage` where the wanted days differ from those in `/etc/shadow`.
pub fn plan(args: &UserArgs, shadow: Option<Vec<String>>, plan: &mut Plan) {
    let fields = shadow.unwrap_or_default();
    let current = |at: usize| fields.get(at).and_then(|t: &String| t.trim().parse::<i64>().ok());
    let mut argv = vec!["chage".to_owned()];
    for (flag, field, wanted) in [
        ("-m", 3, args.password_expire_min),
        ("-M", 4, args.password_expire_max),
        ("-W", 5, args.password_expire_warn),
    ] {
        if let Some(days) = wanted.filter(|days| current(field).unwrap_or(-1) != *days) {
            argv.extend([flag.to_owned(), days.to_string()]);
        }
    }
    if argv.len() > 1 {
        argv.push(args.name.clone());
        super::step(plan, args, "set the password's age of", RunSpec::new(argv));
    }
}
