//! Which of the named packages need something done.

use super::dpkg::{Status, compare};
use super::{options, simulate};
use crate::system::Observe;
use crate::text::Fnmatch;
use crate::{Context, ModuleError, Plan};
use std::cmp::Ordering;
use std::path::Path;
use windlass_protocol::modules::apt::{AptArgs, PackageState};
use windlass_protocol::{Op, RunSpec, What};

/// `name`, `=` or `>=`, version.
fn split(spec: &str) -> (&str, Option<(bool, &str)>) {
    match spec.split_once('=') {
        None => (spec, None),
        Some((name, version)) => match name.strip_suffix('>') {
            Some(name) => (name, Some((true, version))),
            None => (name, Some((false, version))),
        },
    }
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '[', ']', '!'])
}

fn version_fits(pattern: &str, version: &str) -> bool {
    Fnmatch::new(pattern).matches(version)
}

/// Replaces patterns by the names that match.
fn expand(specs: &[String], sys: &dyn Observe) -> Result<Vec<String>, ModuleError> {
    let mut known: Option<Vec<String>> = None;
    let mut out = Vec::new();
    for spec in specs {
        let (name, _) = split(spec);
        if !is_pattern(name) {
            out.push(spec.clone());
            continue;
        }
        if known.is_none() {
            let text = sys.query(&RunSpec::new(["apt-cache", "pkgnames"]))?.out();
            let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
            names.sort();
            known = Some(names);
        }
        let none = || ModuleError::new(format!("No package(s) matching '{name}' available"));
        let pattern = Fnmatch::new(name);
        let found: Vec<String> = known.iter().flatten().filter(|n| pattern.matches(n)).cloned().collect();
        if found.is_empty() {
            return Err(none());
        }
        out.extend(found);
    }
    Ok(out)
}

/// Plans to install what is not as it should be.
pub fn installation(
    args: &AptArgs,
    specs: &[String],
    cx: &Context<'_>,
    sys: &dyn Observe,
    plan: Plan,
) -> Result<Plan, ModuleError> {
    let status = Status::read(sys);
    let specs = expand(specs, sys)?;
    let latest = args.state == PackageState::Latest;
    let mut wanted: Vec<String> = Vec::new();
    for spec in &specs {
        let (name, version) = split(spec);
        let installed = status.get(name).filter(|p| p.installed);
        let fits = match (installed, version) {
            (None, _) if args.only_upgrade => true,
            (None, _) => false,
            (Some(_), None) => !latest,
            (Some(p), Some((true, version))) => compare(&p.version, version) != Ordering::Less && !latest,
            (Some(p), Some((false, version))) => version_fits(version, &p.version),
        };
        if !fits {
            wanted.push(match version {
                Some((true, least)) => at_least(name, least, sys)?,
                _ => spec.clone(),
            });
        }
    }
    let mut plan = plan;
    if !wanted.is_empty() {
        let mut words = options(args);
        if let Some(release) = args.default_release.as_deref() {
            words.extend(["-t", release]);
        }
        words.push("install");
        words.extend(wanted.iter().map(String::as_str));
        plan = simulate(args, &words, &wanted, cx, sys, plan)?;
    }
    keep(&specs, sys, &mut plan);
    Ok(plan)
}

/// The package with its candidate version, which has to be new enough.
fn at_least(name: &str, least: &str, sys: &dyn Observe) -> Result<String, ModuleError> {
    let mut run = RunSpec::new(["apt-cache", "policy", name]);
    run.env = vec![("LC_ALL".into(), "C".into())];
    let text = sys.query(&run)?.out();
    let candidate = text.lines().find_map(|l| l.trim().strip_prefix("Candidate:")).map(str::trim);
    match candidate {
        None => Err(ModuleError::new(format!("No package matching '{name}' is available"))),
        Some(version) if version != "(none)" && compare(version, least) != Ordering::Less => {
            Ok(format!("{name}={version}"))
        }
        Some(_) => Err(ModuleError::new(format!("no available installation candidate for {name}>={least}"))),
    }
}

/// Marks named packages as wanted for their own sake, so that no later clean-up removes them. Does not count as a change.
fn keep(specs: &[String], sys: &dyn Observe, plan: &mut Plan) {
    let bytes = sys.read(Path::new("/var/lib/apt/extended_states")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let automatic: Vec<&str> = text
        .split("\n\n")
        .filter(|p| p.lines().any(|l| l == "Auto-Installed: 1"))
        .filter_map(|p| p.lines().find_map(|l| l.strip_prefix("Package: ")))
        .collect();
    let names = specs.iter().map(|s| split(s).0);
    let named: Vec<&str> = names.filter(|n| automatic.contains(&n.split(':').next().unwrap_or(n))).collect();
    if named.is_empty() {
        return;
    }
    plan.changed = Some(plan.is_change());
    let what = What::Setting {
        kind: "package mark".into(),
        name: named.join(" "),
        before: Some("auto".into()),
        after: Some("manual".into()),
    };
    let argv = ["apt-mark", "manual"].iter().copied().chain(named);
    plan.push(what, Op::Run(RunSpec { ok_codes: Vec::new(), ..RunSpec::new(argv) }));
}

/// Plans to remove what is there.
pub fn removal(
    args: &AptArgs,
    specs: &[String],
    cx: &Context<'_>,
    sys: &dyn Observe,
    plan: Plan,
) -> Result<Plan, ModuleError> {
    let status = Status::read(sys);
    let mut present: Vec<String> = Vec::new();
    for spec in specs {
        let (name, version) = split(spec);
        let matching: Vec<&super::dpkg::Package> = match is_pattern(name) {
            true => {
                let pattern = Fnmatch::new(name);
                status.all().filter(|p| pattern.matches(&p.name)).collect()
            }
            false => status.get(name).into_iter().collect(),
        };
        for package in matching {
            let version_is = version.is_none_or(|(_, v)| version_fits(v, &package.version));
            if (package.installed && version_is) || (package.config_files && args.purge) {
                present.push(if is_pattern(name) { package.name.clone() } else { name.to_owned() });
            }
        }
    }
    if present.is_empty() {
        return Ok(plan);
    }
    let mut words = vec!["-q"];
    words.extend(args.purge.then_some("--purge"));
    words.extend(args.force.then_some("--force-yes"));
    words.extend(args.autoremove.then_some("--auto-remove"));
    words.extend(args.allow_change_held_packages.then_some("--allow-change-held-packages"));
    words.push("remove");
    words.extend(present.iter().map(String::as_str));
    simulate(args, &words, &present, cx, sys, plan)
}
