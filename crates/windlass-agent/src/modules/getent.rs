//! `getent`: entries of the system's databases as facts.

use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::user::GetentArgs;
use windlass_protocol::{Json, JsonMap, RunSpec};

/// The module.
pub struct Getent;

impl Module for Getent {
    type Args = GetentArgs;

    fn plan(args: &GetentArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut argv = vec!["getent".to_owned(), args.database.clone()];
        argv.extend(args.key.clone());
        if let Some(service) = &args.service {
            argv.extend(["-s".to_owned(), service.clone()]);
        }
        let colon = ["passwd", "shadow", "group", "gshadow"].contains(&args.database.as_str());
        let split = args.split.clone().or_else(|| colon.then(|| ":".to_owned()));
        let output = sys.query(&RunSpec { argv, ..RunSpec::default() })?;
        let mut entries = JsonMap::new();
        let mut plan = Plan::default();
        match output.code {
            0 => {
                for line in output.out().lines() {
                    let words: Vec<Json> = match &split {
                        Some(split) => line.split(split.as_str()).map(Json::from).collect(),
                        None => line.split_whitespace().map(Json::from).collect(),
                    };
                    let Some((name, rest)) = words.split_first() else { continue };
                    let name = name.as_str().unwrap_or("").to_owned();
                    let rest = Json::Array(rest.to_vec());
                    // Several entries of one name (`ahosts`, `services`) become a list of them.
                    match entries.get_mut(&name) {
                        None => {
                            entries.insert(name, rest);
                        }
                        Some(Json::Array(list)) if list.first().is_some_and(Json::is_array) => {
                            list.push(rest)
                        }
                        Some(first) => *first = Json::Array(vec![first.take(), rest]),
                    }
                }
            }
            2 => {
                let msg = "One or more supplied key could not be found in the database.";
                if args.fail_key {
                    return Err(ModuleError::new(msg));
                }
                plan.msg = Some(msg.into());
                entries.insert(args.key.clone().unwrap_or_default(), Json::Null);
            }
            1 => return Err(ModuleError::new("Missing arguments, or database unknown.")),
            3 => return Err(ModuleError::new("Enumeration not supported on this database.")),
            _ => return Err(ModuleError::new("Unexpected failure!").with("stderr", output.err())),
        }
        let name = format!("getent_{}", args.database);
        plan.set("ansible_facts", Json::Object(JsonMap::from_iter([(name, Json::Object(entries))])));
        Ok(plan)
    }
}
