//! `systemd_service`, `service` and `service_facts`.

mod facts;
mod service;
mod show;
mod sysv;

pub use facts::ServiceFacts;
pub use service::Service;

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use windlass_protocol::modules::systemd::{Scope, ServiceState, SystemdArgs};
use windlass_protocol::{Json, JsonMap, Op, RunSpec, What};

/// The module `systemd_service`.
pub struct Systemd;

/// `systemctl` as this task has to call it.
struct Systemctl<'a> {
    args: &'a SystemdArgs,
    sys: &'a dyn Observe,
    program: String,
}

impl<'a> Systemctl<'a> {
    fn new(args: &'a SystemdArgs, sys: &'a dyn Observe) -> Result<Self, ModuleError> {
        let missing = || {
            ModuleError::new(
                "Failed to find required executable \"systemctl\": the host does not run systemd",
            )
        };
        Ok(Self { args, sys, program: sys.find_program("systemctl").ok_or_else(missing)? })
    }

    fn run(&self, words: &[&str]) -> RunSpec {
        let mut argv = vec![self.program.clone()];
        if self.args.scope != Scope::System {
            argv.push(format!("--{}", self.args.scope.as_str()));
        }
        if self.args.no_block {
            argv.push("--no-block".into());
        }
        if self.args.force == Some(true) {
            argv.push("--force".into());
        }
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        let mut env = vec![("LC_ALL".to_owned(), "C".to_owned())];
        if self.sys.env("XDG_RUNTIME_DIR").is_none() {
            env.push(("XDG_RUNTIME_DIR".into(), format!("/run/user/{}", self.sys.euid())));
        }
        RunSpec { argv, env, ..RunSpec::default() }
    }

    fn query(&self, words: &[&str]) -> Result<(i32, String, String), ModuleError> {
        let output = self.sys.query(&self.run(words))?;
        Ok((output.code, output.out(), output.err()))
    }
}

/// Whether systemd is not there to talk to, on purpose.
fn is_offline(sys: &dyn Observe) -> bool {
    if sys.env("SYSTEMD_OFFLINE").as_deref() == Some("1") {
        return true;
    }
    let at = |path: &str| sys.stat(Path::new(path)).ok().flatten().map(|m| (m.ino, m.dev));
    match (at("/"), at("/proc/1/root/.")) {
        (Some(root), Some(first)) => root != first,
        _ => false,
    }
}

fn ignored(text: &str) -> bool {
    text.contains("=") && text.contains("ignoring request") || text.contains("ignoring command")
}

impl Module for Systemd {
    type Args = SystemdArgs;

    fn plan(args: &SystemdArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let ctl = Systemctl::new(args, sys)?;
        if let Some(unit) = args.name.as_deref()
            && let Some(c) = unit.chars().find(|c| "*?[".contains(*c))
        {
            return Err(ModuleError::new(format!(
                "This module does not currently support using glob patterns, found '{c}' in service name: {unit}"
            )));
        }
        let mut plan = Plan::default();
        plan.set("name", args.name.clone().map_or(Json::Null, Json::String));
        plan.set("status", Json::Object(JsonMap::new()));
        // What a new unit is can only be seen after the reload.
        for (wanted, verb) in [(args.daemon_reload, "daemon-reload"), (args.daemon_reexec, "daemon-reexec")] {
            if wanted {
                let what = What::Unit { unit: "systemd".into(), action: verb.into() };
                plan.push(what, Op::Run(ctl.run(&[verb])));
                plan.changed = Some(false);
            }
        }
        if plan.changes.is_empty() || cx.check {
            let reloads = std::mem::take(&mut plan.changes);
            let mut unit = unit_plan(args, &ctl)?;
            unit.changed = Some(!unit.changes.is_empty());
            unit.changes.splice(0..0, reloads);
            return Ok(unit);
        }
        Ok(plan)
    }

    fn finish(
        args: &SystemdArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        if applied.round > 0 || !(args.daemon_reload || args.daemon_reexec) {
            return Ok(Finish::Done(plan));
        }
        let mut warnings = Vec::new();
        for (change, output) in plan.changes.iter().zip(&applied.outputs) {
            let (What::Unit { action, .. }, Some(output)) = (&change.what, output) else { continue };
            if output.code == 0 {
                continue;
            }
            let (code, said) = (output.code, output.err());
            if !is_offline(sys) {
                return Err(ModuleError::new(format!("failure {code} during {action}: {said}")));
            }
            warnings.push(format!("{action} failed, but there is no running systemd: {}", said.trim()));
        }
        let mut next = unit_plan(args, &Systemctl::new(args, sys)?)?;
        next.warnings.splice(0..0, warnings);
        Ok(Finish::More(plan, next))
    }
}

/// What is to do with the unit.
fn unit_plan(args: &SystemdArgs, ctl: &Systemctl<'_>) -> Result<Plan, ModuleError> {
    let mut plan = Plan::default();
    let Some(unit) = args.name.as_deref().filter(|n| !n.is_empty()) else {
        plan.set("name", Json::Null);
        plan.set("status", Json::Object(JsonMap::new()));
        return Ok(plan);
    };
    let (status, is_systemd) = look(ctl, unit)?;
    let is_script = sysv::exists(ctl.sys, unit);
    if is_script && !is_systemd {
        plan.warnings.push(format!("{unit} is an init script, but systemd manages the host"));
    }
    let found = is_systemd || is_script;
    let must_exist = || match found {
        true => Ok(()),
        false => Err(ModuleError::new(format!("Could not find the requested service {unit}: host"))),
    };
    plan.set("name", unit);
    if let Some(wanted) = args.masked {
        let (_, out, _) = ctl.query(&["is-enabled", unit])?;
        if (out.trim() == "masked") != wanted {
            let verb = if wanted { "mask" } else { "unmask" };
            let failure = match found {
                true => format!("Failed to {verb} the service ({unit})"),
                false => format!("Could not find the requested service {unit}: host"),
            };
            act(&mut plan, ctl, unit, verb, failure);
        }
    }
    if let Some(wanted) = args.enabled {
        must_exist()?;
        let (code, out, _) = ctl.query(&["is-enabled", unit, "-l"])?;
        let enabled = match code {
            0 => !["enabled-runtime", "indirect", "alias"].contains(&out.trim_end()),
            1 => {
                args.scope == Scope::System
                    && is_script
                    && !out.trim().ends_with("disabled")
                    && sysv::is_enabled(ctl.sys, unit)
            }
            _ => false,
        };
        if enabled != wanted {
            let verb = if wanted { "enable" } else { "disable" };
            act(&mut plan, ctl, unit, verb, format!("Unable to {verb} service {unit}"));
        }
        plan.set("enabled", wanted);
    }
    if let Some(state) = args.state {
        must_exist()?;
        let active = status.get("ActiveState").and_then(Json::as_str);
        let running = matches!(active, Some("active" | "activating"));
        let verb = match state {
            ServiceState::Started => (!running).then_some("start"),
            ServiceState::Stopped => (running || active == Some("deactivating")).then_some("stop"),
            _ if !running => Some("start"),
            ServiceState::Restarted => Some("restart"),
            ServiceState::Reloaded => Some("reload"),
        };
        let shown = match state {
            ServiceState::Restarted | ServiceState::Reloaded if active.is_some() => "started",
            _ => state.as_str(),
        };
        plan.set("state", shown);
        match (active, verb) {
            (Some(_), Some(verb)) => {
                act(&mut plan, ctl, unit, verb, format!("Unable to {verb} service {unit}"));
            }
            (Some(_), None) => {}
            (None, _) if is_offline(ctl.sys) => {
                plan.warnings.push("there is no running systemd to start or stop services with".into());
            }
            (None, _) => {
                let error = ModuleError::new("Service is in unknown state");
                return Err(error.with("status", Json::Object(status)));
            }
        }
    }
    plan.set("status", Json::Object(status));
    Ok(plan)
}

fn act(plan: &mut Plan, ctl: &Systemctl<'_>, unit: &str, verb: &str, failure: String) {
    let run = RunSpec { ok_codes: vec![0], failure: Some(failure), ..ctl.run(&[verb, unit]) };
    plan.push(What::Unit { unit: unit.to_owned(), action: verb.to_owned() }, Op::Run(run));
}

/// The unit's properties, and whether systemd knows it.
fn look(ctl: &Systemctl<'_>, unit: &str) -> Result<(JsonMap, bool), ModuleError> {
    let (code, out, err) = ctl.query(&["show", unit])?;
    if code == 0 && !ignored(&out) && !ignored(&err) {
        let status = show::parse(&out);
        let load = status.get("LoadState").and_then(Json::as_str).unwrap_or("");
        let known = !load.is_empty() && load != "not-found";
        if let Some(error) = status.get("LoadError").and_then(Json::as_str)
            && known
            && load != "masked"
            && !error.trim_matches(['"', ' ']).is_empty()
        {
            return Err(ModuleError::new(format!("Error loading unit file '{unit}': {error}")));
        }
        return Ok((status, known));
    }
    if code == 1 && err.contains("Failed to parse bus message") {
        let mut status = show::parse(&out);
        let (base, at, _) = match unit.split_once('@') {
            Some((base, rest)) => (base, "@", rest),
            None => (unit, "", ""),
        };
        let pattern = format!("{base}{at}");
        let (_, listed, _) = ctl.query(&["list-unit-files", &format!("{pattern}*")])?;
        let (_, active, _) = ctl.query(&["is-active", unit])?;
        status.insert("ActiveState".into(), active.trim_end().into());
        return Ok((status, listed.contains(&pattern)));
    }
    // Nobody to talk to (a chroot): the files tell what there is.
    const STATES: &[&str] = &[
        "enabled",
        "enabled-runtime",
        "linked",
        "linked-runtime",
        "masked",
        "masked-runtime",
        "static",
        "indirect",
        "disabled",
        "generated",
        "transient",
    ];
    let (_, state, _) = ctl.query(&["is-enabled", unit])?;
    if STATES.contains(&state.trim()) {
        return Ok((JsonMap::new(), true));
    }
    let (code, _, _) = ctl.query(&["list-unit-files", unit])?;
    if code == 0 {
        return Ok((JsonMap::new(), true));
    }
    if is_offline(ctl.sys) {
        return Ok((JsonMap::new(), false));
    }
    Err(ModuleError::new(format!("systemctl does not answer: {}", err.trim())).with("stderr", err))
}
