//! `sysctl`: settings of the kernel, in a file and in effect.

use super::rewrite::Rewrite;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use windlass_protocol::args::parse_bool;
use windlass_protocol::modules::sysctl::SysctlArgs;
use windlass_protocol::modules::user::AccountState;
use windlass_protocol::{FileAttrs, Op, RunSpec, What};

/// The module.
pub struct Sysctl;

/// Name and value of a line, if it is a setting.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    line.split_once('=').map(|(k, v)| (k.trim(), v.trim()))
}

/// The kernel's value. In names a `/` may stand for a `.`.
fn current(sys: &dyn Observe, name: &str) -> Option<String> {
    let path = match name.contains('/') {
        true => name.to_owned(),
        false => name.replace('.', "/"),
    };
    let bytes = sys.read(Path::new(&format!("/proc/sys/{path}"))).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

impl Module for Sysctl {
    type Args = SysctlArgs;

    fn plan(args: &SysctlArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let name = args.name.trim();
        let present = args.state == AccountState::Present;
        let given = args.value.as_deref().unwrap_or("").trim();
        if name.is_empty() {
            return Err(ModuleError::new("name cannot be blank"));
        }
        if name.contains("..") {
            return Err(ModuleError::new(format!(
                "'{name}' cannot be the name of a setting: it has '..' in it"
            )));
        }
        if present && given.is_empty() {
            return Err(ModuleError::new("value cannot be blank"));
        }
        let value = match parse_bool(given).filter(|_| given != "1.0" && given != "0.0") {
            Some(true) => "1",
            Some(false) => "0",
            None => given,
        };
        let named = args.sysctl_file.to_string();
        // What is written is the file behind a link.
        let file = match sys.stat(Path::new(&named))? {
            Some(_) => sys.canonicalize(Path::new(&named))?,
            None => named.clone(),
        };
        let path = Path::new(&file);
        let before = match sys.stat(path)? {
            Some(_) => Some(crate::text::decode(&sys.read(path)?)),
            None => None,
        };
        let lines: Vec<&str> = before.as_deref().unwrap_or("").lines().collect();
        let in_file = lines.iter().rev().find_map(|l| setting(l).filter(|(k, _)| *k == name)).map(|(_, v)| v);
        let in_kernel = current(sys, name);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let in_effect = in_kernel.as_deref().is_some_and(|v| words(v) == words(value));
        let write = match (present, in_file) {
            (true, Some(v)) => v != value,
            (true, None) => true,
            (false, found) => found.is_some(),
        };
        let changed = write || (present && (args.reload || args.sysctl_set) && !in_effect);
        let mut plan = Plan::default();
        if !changed {
            return Ok(plan);
        }
        let what = || What::Setting {
            kind: "kernel setting".into(),
            name: name.to_owned(),
            before: in_kernel.clone(),
            after: present.then(|| value.to_owned()),
        };
        // A setting that the kernel does not have is not written down.
        let ignore = args.ignoreerrors.then_some("-e");
        if args.sysctl_set && present && !in_effect {
            let pair = format!("{name}={value}");
            let argv = ["sysctl"].into_iter().chain(ignore).chain(["-w", &pair]);
            let failure = Some(format!("setting {name} failed"));
            plan.push(what(), Op::Run(RunSpec { failure, ..RunSpec::new(argv) }));
        }
        if write {
            let attrs = match before {
                None => FileAttrs { mode: Some(0o644), ..FileAttrs::default() },
                Some(_) => FileAttrs::default(),
            };
            let after = rewritten(&lines, name, present.then_some(value));
            Rewrite { path: &file, before: before.as_deref(), after: &after, attrs, backup: false }
                .plan(cx, &mut plan);
        }
        if args.reload {
            let argv = ["sysctl"].into_iter().chain(ignore).chain(["-p", &named]);
            let failure = Some("Failed to reload sysctl".to_owned());
            plan.push(what(), Op::Run(RunSpec { failure, ..RunSpec::new(argv) }));
        }
        Ok(plan)
    }
}

/// The lines with the setting changed, added or taken out; a setting is there only once.
fn rewritten(lines: &[&str], name: &str, value: Option<&str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut add = |line: &str| {
        out.push_str(line.trim());
        out.push('\n');
    };
    for line in lines {
        let Some((key, old)) = setting(line) else {
            add(line);
            continue;
        };
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        match value {
            _ if key != name => add(&format!("{key}={old}")),
            Some(value) => add(&format!("{key}={value}")),
            None => {}
        }
    }
    if let Some(value) = value.filter(|_| !seen.contains(&name)) {
        add(&format!("{name}={value}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn a_setting_is_there_once() {
        let lines = ["# c", "a = 1", "b=2", "a=3"];
        assert_eq!(rewritten(&lines, "a", Some("9")), "# c\na=9\nb=2\n");
        assert_eq!(rewritten(&lines, "c", Some("9")), "# c\na=1\nb=2\nc=9\n");
        assert_eq!(rewritten(&lines, "a", None), "# c\nb=2\n");
    }
}
