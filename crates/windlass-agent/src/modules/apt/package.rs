//! `package`: by apt where it is, else by another package manager in its plainest use.

use super::{Apt, other};
use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::apt::{AptArgs, PackageArgs};
use windlass_protocol::{Json, JsonMap, ModuleArgs, args::normalize};

/// The module.
pub struct Package;

fn uses_apt(args: &PackageArgs, sys: &dyn Observe) -> bool {
    match args.r#use.rsplit('.').next().unwrap_or("") {
        "apt" => true,
        "auto" => sys.find_program("apt-get").is_some(),
        _ => false,
    }
}

/// The arguments for `apt`.
fn translated(args: &PackageArgs) -> Result<AptArgs, ModuleError> {
    let mut map = JsonMap::new();
    map.insert("name".into(), args.name.clone());
    let state = match args.state.as_str() {
        "installed" => "present",
        "removed" => "absent",
        other => other,
    };
    map.insert("state".into(), state.into());
    let flags = [
        ("update_cache", args.update_cache.map(Json::from)),
        ("cache_valid_time", args.cache_valid_time.map(Json::from)),
        ("install_recommends", args.install_recommends.map(Json::from)),
        ("lock_timeout", args.lock_timeout.map(Json::from)),
        ("purge", args.purge.map(Json::from)),
        ("autoremove", args.autoremove.map(Json::from)),
    ];
    map.extend(flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let errors = |errors: Vec<windlass_protocol::args::ArgError>| {
        ModuleError::new(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    let map = normalize(&AptArgs::SPEC, &map).map_err(errors)?;
    serde_json::from_value(Json::Object(map)).map_err(|error| ModuleError::new(error.to_string()))
}

impl Module for Package {
    type Args = PackageArgs;

    fn plan(args: &PackageArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if uses_apt(args, sys) {
            return Apt::plan(&translated(args)?, cx, sys);
        }
        other::plan(args, sys)
    }

    fn finish(
        args: &PackageArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        if uses_apt(args, sys) {
            return Apt::finish(&translated(args)?, cx, sys, plan, applied);
        }
        Ok(Finish::Done(plan))
    }
}
