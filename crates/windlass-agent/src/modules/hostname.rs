//! `hostname`: the name that the kernel has now, and the one in `/etc/hostname` for the next boot.

use super::rewrite::{Rewrite, text_diff};
use super::setup::runs_systemd;
use crate::paths::followed;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use serde_json::json;
use std::path::Path;
use windlass_protocol::modules::hostname::HostnameArgs;
use windlass_protocol::{FileAttrs, Op, RunSpec, What};

/// The module.
pub struct Hostname;

/// The file for the next boot, and how the name stands in it.
fn file(args: &HostnameArgs, sys: &dyn Observe) -> (&'static str, String) {
    let openrc = match args.r#use.as_deref() {
        Some(name) => name == "openrc",
        None => sys.stat(Path::new("/etc/conf.d/hostname")).is_ok_and(|m| m.is_some()),
    };
    match openrc {
        true => ("/etc/conf.d/hostname", format!("hostname=\"{}\"\n", args.name)),
        false => ("/etc/hostname", format!("{}\n", args.name)),
    }
}

impl Module for Hostname {
    type Args = HostnameArgs;

    fn plan(args: &HostnameArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let name = args.name.as_str();
        if name.len() > 64 {
            return Err(ModuleError::new("name cannot be longer than 64 characters, try a shorter name"));
        }
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(ModuleError::new(format!("'{name}' cannot be a host name")));
        }
        let mut plan = Plan::default();
        plan.set("name", name);
        let current = sys.hostname();
        let (path, text) = file(args, sys);
        let before = sys.read(Path::new(path)).ok().map(|bytes| crate::text::decode(&bytes));
        let permanent = before.as_deref().map(|t| {
            let line = t.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or("");
            line.trim_start_matches("hostname=").trim_matches('"').to_owned()
        });
        if permanent.as_deref() != Some(name) {
            let attrs = match before {
                None => FileAttrs { mode: Some(0o644), ..FileAttrs::default() },
                Some(_) => FileAttrs::default(),
            };
            let quiet = Context { diff: false, ..copy(cx) };
            // A link stays one: what it leads to is written.
            let path = &followed(path, sys);
            Rewrite { path, before: before.as_deref(), after: &text, attrs, backup: false }
                .plan(&quiet, &mut plan);
        }
        if current != name {
            let argv: Vec<&str> = match sys.find_program("hostname") {
                Some(_) => vec!["hostname", name],
                None if sys.find_program("hostnamectl").is_some() => {
                    vec!["hostnamectl", "--transient", "set-hostname", name]
                }
                None => vec!["sysctl", "-w", "kernel.hostname"],
            };
            let argv: Vec<String> = match argv.first() {
                Some(&"sysctl") => vec!["sysctl".into(), "-w".into(), format!("kernel.hostname={name}")],
                _ => argv.into_iter().map(str::to_owned).collect(),
            };
            let what = What::Setting {
                kind: "host name".into(),
                name: "kernel".into(),
                before: Some(current.clone()),
                after: Some(name.into()),
            };
            plan.push(what, Op::Run(RunSpec::new(argv)));
        }
        if !plan.changes.is_empty() && shows_pretty_names(args, sys) {
            let what = What::Setting {
                kind: "pretty host name".into(),
                name: "hostname".into(),
                before: None,
                after: Some(name.into()),
            };
            let argv = ["hostnamectl", "--pretty", "set-hostname", name];
            // The name itself is set whether this works or not.
            plan.push(what, Op::Run(RunSpec { ok_codes: Vec::new(), ..RunSpec::new(argv) }));
        }
        if !plan.changes.is_empty() {
            let old = permanent.filter(|p| p != name).unwrap_or(current);
            text_diff(cx, &mut plan, "", &format!("hostname = {old}\n"), &format!("hostname = {name}\n"));
        }
        let (short, domain) = name.split_once('.').unwrap_or((name, ""));
        plan.set(
            "ansible_facts",
            json!({
                "ansible_hostname": short, "ansible_nodename": name, "ansible_fqdn": name,
                "ansible_domain": domain,
            }),
        );
        Ok(plan)
    }
}

/// Whether systemd keeps a name for people beside the host's name.
fn shows_pretty_names(args: &HostnameArgs, sys: &dyn Observe) -> bool {
    matches!(args.r#use.as_deref(), None | Some("systemd"))
        && runs_systemd(sys)
        && sys.find_program("hostnamectl").is_some()
}

fn copy<'a>(cx: &Context<'a>) -> Context<'a> {
    Context {
        check: cx.check,
        diff: cx.diff,
        no_log: cx.no_log,
        environment: cx.environment,
        blobs: cx.blobs,
        scratch: cx.scratch,
    }
}
