//! `service_facts`: state and enablement of all services.

use crate::modules::setup::runs_systemd;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use serde_json::json;
use std::collections::HashMap;
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
        let bad = [load, active, sub].into_iter().find(|word| BAD.contains(word));
        let state = if *sub == "running" && bad.is_none() { "running" } else { "stopped" };
        let status = bad.unwrap_or(active);
        let value = json!({"name": name, "state": state, "status": status, "source": "systemd"});
        out.insert((*name).to_owned(), value);
    }
    let mut unloaded: Vec<(&str, &str)> = Vec::new();
    let files = query(sys, &["list-unit-files", "--no-pager", "--type", "service", "--all"])?;
    for line in files.lines().filter(|l| l.contains(".service")) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(status)) = (words.next(), words.next()) else { continue };
        match out.get_mut(name).and_then(Json::as_object_mut) {
            // What is wrong with it matters more than what its file says.
            Some(entry) if entry["status"].as_str().is_some_and(|s| BAD.contains(&s)) => {}
            Some(entry) => {
                entry.insert("status".into(), status.into());
            }
            None => unloaded.push((name, status)),
        }
    }
    let names: Vec<&str> =
        unloaded.iter().map(|(name, _)| *name).filter(|name| !name.contains('@')).collect();
    let states = states(sys, &names)?;
    for (name, status) in unloaded {
        let state = states.get(name).map_or("unknown", String::as_str);
        let value = json!({"name": name, "state": state, "status": status, "source": "systemd"});
        out.insert(name.to_owned(), value);
    }
    Ok(())
}

/// States of units that are not loaded, or are other names of loaded ones: all in one question.
fn states(sys: &dyn Observe, names: &[&str]) -> Result<HashMap<String, String>, ModuleError> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let mut words = vec!["show", "--property=ActiveState", "--"];
    words.extend(names);
    let shown = query(sys, &words)?;
    let values = shown.lines().filter_map(|line| line.strip_prefix("ActiveState="));
    Ok(names.iter().map(|name| (*name).to_owned()).zip(values.map(str::to_owned)).collect())
}
