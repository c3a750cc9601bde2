//! `service`: by systemd where it runs, else by OpenRC or the scripts in `/etc/init.d`.

use super::{Systemd, sysv};
use crate::module::{Applied, Finish};
use crate::modules::setup::runs_systemd;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use windlass_protocol::modules::systemd::{Scope, ServiceArgs, ServiceState, SystemdArgs};
use windlass_protocol::{Op, RunSpec, What};

/// The module.
pub struct Service;

fn by_systemd(args: &ServiceArgs, sys: &dyn Observe) -> bool {
    match args.r#use.as_str() {
        "systemd" | "ansible.builtin.systemd" | "ansible.builtin.systemd_service" => true,
        "auto" => runs_systemd(sys) || (sys.find_program("systemctl").is_some() && !has_scripts(args, sys)),
        _ => false,
    }
}

fn has_scripts(args: &ServiceArgs, sys: &dyn Observe) -> bool {
    sysv::exists(sys, &args.name)
}

fn translated(args: &ServiceArgs) -> SystemdArgs {
    SystemdArgs {
        name: Some(args.name.clone()),
        state: args.state,
        enabled: args.enabled,
        force: None,
        masked: None,
        daemon_reload: false,
        daemon_reexec: false,
        scope: Scope::System,
        no_block: false,
    }
}

impl Module for Service {
    type Args = ServiceArgs;

    fn plan(args: &ServiceArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if by_systemd(args, sys) {
            return Systemd::plan(&translated(args), cx, sys);
        }
        let openrc = sys.find_program("rc-service").is_some();
        if !openrc && !has_scripts(args, sys) {
            let error = format!("Could not find the requested service {}: host", args.name);
            return Err(ModuleError::new(error));
        }
        let mut plan = Plan::default();
        plan.set("name", args.name.as_str());
        enable(args, sys, openrc, &mut plan)?;
        start(args, sys, openrc, &mut plan)?;
        Ok(plan)
    }

    fn finish(
        args: &ServiceArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        if by_systemd(args, sys) {
            return Systemd::finish(&translated(args), cx, sys, plan, applied);
        }
        Ok(Finish::Done(plan))
    }
}

fn step(plan: &mut Plan, args: &ServiceArgs, action: &str, argv: &[&str]) {
    let failure = format!("Unable to {action} service {}", args.name);
    let run = RunSpec { failure: Some(failure), ..RunSpec::new(argv.iter().copied()) };
    plan.push(What::Unit { unit: args.name.clone(), action: action.to_owned() }, Op::Run(run));
}

fn enable(args: &ServiceArgs, sys: &dyn Observe, openrc: bool, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(wanted) = args.enabled else { return Ok(()) };
    let name = args.name.as_str();
    let action = if wanted { "enable" } else { "disable" };
    plan.set("enabled", wanted);
    if openrc {
        let shown = sys.query(&RunSpec::new(["rc-update", "show", &args.runlevel]))?.out();
        let enabled = shown.lines().any(|l| l.split('|').next().is_some_and(|n| n.trim() == name));
        if enabled != wanted {
            let verb = if wanted { "add" } else { "delete" };
            step(plan, args, action, &["rc-update", verb, name, &args.runlevel]);
        }
    } else if sysv::is_enabled(sys, name) != wanted {
        if sys.find_program("update-rc.d").is_some() {
            if wanted {
                step(plan, args, action, &["update-rc.d", name, "defaults"]);
            }
            step(plan, args, action, &["update-rc.d", name, action]);
        } else if sys.find_program("chkconfig").is_some() {
            step(plan, args, action, &["chkconfig", name, if wanted { "on" } else { "off" }]);
        } else {
            return Err(ModuleError::new(format!(
                "cannot {action} {name}: there is no systemctl, rc-update, update-rc.d or chkconfig"
            )));
        }
    }
    Ok(())
}

fn start(args: &ServiceArgs, sys: &dyn Observe, openrc: bool, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(state) = args.state else { return Ok(()) };
    let name = args.name.as_str();
    let script = format!("/etc/init.d/{name}");
    let program: Vec<&str> = if openrc { vec!["rc-service", name] } else { vec![&script] };
    let running = match &args.pattern {
        Some(pattern) => {
            let all = sys.query(&RunSpec::new(["ps", "-ww", "-e", "-o", "args"]))?.out();
            all.lines().any(|l| l.contains(pattern.as_str()))
        }
        None => {
            let mut argv = program.clone();
            argv.push("status");
            let output = sys
                .query(&RunSpec { argv: argv.iter().map(|a| (*a).into()).collect(), ..RunSpec::default() })?;
            let text = output.out().to_lowercase();
            output.code == 0 && !text.contains("not running") && !text.contains("stopped")
        }
    };
    let verb = match state {
        ServiceState::Started => (!running).then_some("start"),
        ServiceState::Stopped => running.then_some("stop"),
        _ if !running => Some("start"),
        ServiceState::Restarted => Some("restart"),
        ServiceState::Reloaded => Some("reload"),
    };
    plan.set("state", if state == ServiceState::Stopped { "stopped" } else { "started" });
    let Some(verb) = verb else { return Ok(()) };
    let with = |verb: &'static str| -> Vec<String> {
        let words = program.iter().map(|w| (*w).to_owned()).chain([verb.to_owned()]);
        words.chain(args.arguments.split_whitespace().map(str::to_owned)).collect()
    };
    let verbs: &[&'static str] = match (verb, args.sleep) {
        ("restart", Some(_)) => &["stop", "start"],
        (verb, _) => &[verb],
    };
    for (at, verb) in verbs.iter().enumerate() {
        if at > 0 {
            let ms = u64::try_from(args.sleep.unwrap_or(0)).unwrap_or(0) * 1000;
            let what = What::Unit { unit: name.to_owned(), action: "wait".into() };
            plan.push(what, Op::Sleep { ms });
        }
        let argv = with(verb);
        step(plan, args, verb, &argv.iter().map(String::as_str).collect::<Vec<_>>());
    }
    Ok(())
}
