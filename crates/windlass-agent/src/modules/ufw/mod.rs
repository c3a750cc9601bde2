//! `ufw`: the firewall. Whether a rule changes anything is what `ufw --dry-run` makes of it.

mod rule;
mod tuples;

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use regex::Regex;
use windlass_protocol::modules::ufw::{UfwArgs, UfwState};
use windlass_protocol::{Json, Op, RunSpec, What};

/// The module.
pub struct Ufw;

fn ufw<S: AsRef<str>>(words: &[S]) -> RunSpec {
    let argv = std::iter::once("ufw".to_owned()).chain(words.iter().map(|w| w.as_ref().to_owned()));
    let env = vec![("LANG".into(), "C.UTF-8".into()), ("LC_ALL".into(), "C.UTF-8".into())];
    RunSpec { env, ..RunSpec::new(argv) }
}

/// Runs ufw to look; a failure is the module's.
fn query<S: AsRef<str>>(sys: &dyn Observe, words: &[S]) -> Result<String, ModuleError> {
    let run = ufw(words);
    let output = sys.query(&run)?;
    if output.code != 0 {
        let said = [output.err(), output.out()].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
        return Err(ModuleError::new(said).with("commands", vec![run.argv.join(" ")]));
    }
    Ok(output.out())
}

impl Module for Ufw {
    type Args = UfwArgs;

    fn plan(args: &UfwArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if sys.find_program("ufw").is_none() {
            return Err(ModuleError::new("Failed to find required executable \"ufw\""));
        }
        let state = query(sys, &["status", "verbose"])?;
        let mut commands: Vec<Vec<String>> = Vec::new();
        let mut skipped: Vec<Vec<String>> = Vec::new();
        let mut put = |needed: bool, words: Vec<String>| {
            if needed { commands.push(words) } else { skipped.push(words) }
        };
        if let Some(wanted) = args.state {
            let active = state.contains(" active");
            let (verb, needed) = match wanted {
                UfwState::Enabled => ("enable", !active),
                UfwState::Disabled => ("disable", active),
                UfwState::Reloaded => ("reload", true),
                UfwState::Reset => ("reset", true),
            };
            put(needed, vec!["-f".into(), verb.into()]);
        }
        if let Some(policy) = &args.default {
            let direction = args.direction.as_deref();
            if !matches!(direction, None | Some("incoming" | "outgoing" | "routed")) {
                return Err(ModuleError::new(
                    "For default, direction must be one of \"outgoing\", \"incoming\" and \"routed\", or direction must not be specified.",
                ));
            }
            let words = ["default", policy].into_iter().chain(direction).map(str::to_owned).collect();
            put(default_differs(&state, policy, direction.unwrap_or("incoming"), sys), words);
        }
        if let Some(action) = &args.rule {
            let words = rule::words(args, action, sys)?;
            let before = tuples::current(sys);
            let dry: Vec<String> = std::iter::once("--dry-run".to_owned()).chain(words.clone()).collect();
            let output = query(sys, &dry)?;
            put(tuples::differ(&before, &output), words);
        }
        if let Some(level) = &args.logging {
            put(logging_differs(&state, level), vec!["logging".into(), level.clone()]);
        }
        let mut plan = Plan::default();
        let line = |words: &Vec<String>| format!("ufw {}", words.join(" "));
        let all: Vec<Json> = commands.iter().chain(&skipped).map(|w| Json::from(line(w))).collect();
        plan.set("commands", Json::Array(all));
        if !cx.check {
            plan.msg = Some(state.trim_end().to_owned());
        }
        for words in &commands {
            let what = What::Setting {
                kind: "firewall".into(),
                name: "ufw".into(),
                before: None,
                after: Some(words.join(" ")),
            };
            plan.push(what, Op::Run(ufw(words)));
        }
        Ok(plan)
    }

    fn finish(
        _args: &UfwArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        _applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        if plan.is_change() {
            plan.msg = Some(query(sys, &["status", "verbose"])?.trim_end().to_owned());
        }
        Ok(Finish::Done(plan))
    }
}

/// Whether the default of a direction is another one. An inactive firewall does not show its defaults: they are in a file.
fn default_differs(state: &str, wanted: &str, direction: &str, sys: &dyn Observe) -> bool {
    let shown = Regex::new(
        r"Default: (deny|allow|reject) \(incoming\), (deny|allow|reject) \(outgoing\), (deny|allow|reject|disabled) \(routed\)",
    );
    let group = match direction {
        "outgoing" => 2,
        "routed" => 3,
        _ => 1,
    };
    if let Some(found) = shown.ok().and_then(|r| r.captures(state).map(|c| c[group].to_owned())) {
        return found != wanted;
    }
    let key = match direction {
        "outgoing" => "DEFAULT_OUTPUT_POLICY",
        "routed" => "DEFAULT_FORWARD_POLICY",
        _ => "DEFAULT_INPUT_POLICY",
    };
    let bytes = sys.read(std::path::Path::new("/etc/default/ufw")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let value = text.lines().find_map(|l| l.trim().strip_prefix(key)?.trim_start().strip_prefix('='));
    let policy = match wanted {
        "allow" => "ACCEPT",
        "deny" => "DROP",
        _ => "REJECT",
    };
    value.is_none_or(|v| v.trim().trim_matches('"') != policy)
}

fn logging_differs(state: &str, wanted: &str) -> bool {
    let shown = Regex::new(r"Logging: (on|off)(?: \(([a-z]+)\))?").ok();
    let Some(found) = shown
        .and_then(|r| r.captures(state).map(|c| (c[1].to_owned(), c.get(2).map(|l| l.as_str().to_owned()))))
    else {
        return true;
    };
    match (wanted, found.0.as_str(), found.1.as_deref()) {
        ("off", current, _) => current != "off",
        (_, "off", _) => true,
        ("on", ..) => false,
        (level, _, current) => current != Some(level),
    }
}

#[cfg(test)]
mod tests {
    use super::logging_differs;

    #[test]
    fn logging_levels() {
        for (state, wanted, differs) in [
            ("Logging: on (low)", "on", false),
            ("Logging: on (low)", "low", false),
            ("Logging: on (low)", "high", true),
            ("Logging: on (low)", "off", true),
            ("Logging: off", "off", false),
            ("Logging: off", "on", true),
            ("Status: inactive", "on", true),
        ] {
            assert_eq!(logging_differs(state, wanted), differs, "{state} {wanted}");
        }
    }
}
