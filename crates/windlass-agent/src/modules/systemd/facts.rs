//! `service_facts`: state and enablement of all services.

use crate::modules::setup::runs_systemd;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use serde_json::json;
use std::path::Path;
use windlass_protocol::modules::systemd::ServiceFactsArgs;
use windlass_protocol::{Json, JsonMap, RunSpec};

/// The module.
pub struct ServiceFacts;

impl Module for ServiceFacts {
    type Args = ServiceFactsArgs;

    fn plan(_args: &ServiceFactsArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut services = JsonMap::new();
        scripts(sys, &mut services);
        if runs_systemd(sys) {
            units(sys, &mut services)?;
        }
        let mut plan = Plan::default();
        if services.is_empty() {
            plan.skipped = true;
            plan.msg = Some("Failed to find any services. This can be due to privileges or some other configuration issue.".into());
        } else {
            plan.set("ansible_facts", json!({"services": services}));
        }
        Ok(plan)
    }
}

fn scripts(sys: &dyn Observe, out: &mut JsonMap) {
    if sys.find_program("service").is_none() || sys.find_program("chkconfig").is_some() {
        return;
    }
    let run = RunSpec { argv: vec!["service".into(), "--status-all".into()], ..RunSpec::default() };
    let Ok(output) = sys.query(&run) else { return };
    for line in output.out().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["[", sign, "]", name] = words.as_slice() {
            let state = if *sign == "+" { "running" } else { "stopped" };
            out.insert((*name).to_owned(), json!({"name": name, "state": state, "source": "sysv"}));
        }
    }
}

fn query(sys: &dyn Observe, words: &[&str]) -> Result<String, ModuleError> {
    let mut run = RunSpec::new(["systemctl"].iter().chain(words).copied());
    run.env = vec![("LC_ALL".into(), "C".into())];
    Ok(sys.query(&run)?.out())
}

fn units(sys: &dyn Observe, out: &mut JsonMap) -> Result<(), ModuleError> {
    const BAD: &[&str] = &["not-found", "masked", "failed"];
    let listed = query(sys, &["list-units", "--no-pager", "--type", "service", "--all", "--plain"])?;
    for line in listed.lines().filter(|l| l.contains(".service")) {
        let words: Vec<&str> = line.split_whitespace().filter(|w| *w != "●" && *w != "*").collect();
        let [name, load, active, sub, ..] = words.as_slice() else { continue };
        let mut state = if *sub == "running" { "running" } else { "stopped" };
        let mut status = Json::from("unknown");
        if let Some(bad) = [load, active, sub].into_iter().find(|w| BAD.contains(w)) {
            state = "stopped";
            if *bad != "failed" || *load == "not-found" {
                status = (*bad).into();
            } else {
                status = "failed".into();
            }
        }
        if *load == "not-found" {
            status = "not-found".into();
        }
        let value = json!({"name": name, "state": state, "status": status, "source": "systemd"});
        out.insert((*name).to_owned(), value);
    }
    let files = query(sys, &["list-unit-files", "--no-pager", "--type", "service", "--all"])?;
    for line in files.lines().filter(|l| l.contains(".service")) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(status)) = (words.next(), words.next()) else { continue };
        if let Some(entry) = out.get_mut(name).and_then(Json::as_object_mut) {
            entry.insert("status".into(), status.into());
            continue;
        }
        let state = if name.contains('@') { "unknown".to_owned() } else { single_state(sys, name)? };
        let value = json!({"name": name, "state": state, "status": status, "source": "systemd"});
        out.insert(name.to_owned(), value);
    }
    Ok(())
}

/// State of a unit that is not loaded.
fn single_state(sys: &dyn Observe, name: &str) -> Result<String, ModuleError> {
    // A link or file alone is inactive; asking systemd for each of hundreds would take seconds.
    let exists =
        ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system", "/run/systemd/system"]
            .iter()
            .any(|folder| sys.lstat(Path::new(&format!("{folder}/{name}"))).is_ok_and(|m| m.is_some()));
    if exists {
        return Ok("inactive".into());
    }
    let shown = query(sys, &["show", name, "--property=ActiveState"])?;
    Ok(shown.trim().strip_prefix("ActiveState=").unwrap_or("unknown").to_owned())
}
