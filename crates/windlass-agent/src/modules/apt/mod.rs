//! `apt`: Debian packages, by dpkg's status file and `apt-get`. What has to be done is what `apt-get --simulate` says.

mod deb;
mod dpkg;
mod facts;
mod other;
mod package;
mod simulation;
mod spec;

pub use facts::PackageFacts;
pub use package::Package;

use crate::module::{Applied, Finish};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::apt::{AptArgs, PackageState, Upgrade};
use windlass_protocol::{Change, Diff, FileAttrs, Op, RunSpec, What};

/// The module.
pub struct Apt;

const LISTS: &str = "package lists";
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// `apt-get` with the options of the task.
fn apt_get(args: &AptArgs, words: &[&str], simulate: bool) -> RunSpec {
    let mut argv = vec!["apt-get".to_owned(), "-y".into()];
    for option in args.dpkg_options.split(',').map(str::trim).filter(|o| !o.is_empty()) {
        argv.extend(["-o".into(), format!("Dpkg::Options::=--{option}")]);
    }
    argv.extend(["-o".into(), format!("DPkg::Lock::Timeout={}", args.lock_timeout)]);
    if simulate {
        argv.push("--simulate".into());
    }
    argv.extend(words.iter().map(|w| (*w).to_owned()));
    let env = [
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBIAN_PRIORITY", "critical"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("LC_MESSAGES", "C.UTF-8"),
    ];
    let env = env.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
    RunSpec { argv, env, ..RunSpec::default() }
}

/// Options of `install` and the upgrades.
fn options(args: &AptArgs) -> Vec<&'static str> {
    let flags = [
        (args.force, "--force-yes"),
        (args.fail_on_autoremove, "--no-remove"),
        (args.autoremove, "--auto-remove"),
        (args.allow_unauthenticated, "--allow-unauthenticated"),
        (args.allow_downgrade, "--allow-downgrades"),
        (args.allow_change_held_packages, "--allow-change-held-packages"),
        (args.only_upgrade, "--only-upgrade"),
        (args.state == PackageState::Fixed, "--fix-broken"),
        (args.install_recommends == Some(false), "--no-install-recommends"),
        (args.install_recommends == Some(true), "--install-recommends"),
    ];
    flags.into_iter().filter(|(on, _)| *on).map(|(_, flag)| flag).collect()
}

/// When the package lists were last refreshed, in seconds since the epoch.
fn lists_time(sys: &dyn Observe) -> i64 {
    let time = |path: &str| sys.stat(Path::new(path)).ok().flatten().map(|m| m.mtime.0);
    time("/var/lib/apt/periodic/update-success-stamp").or_else(|| time("/var/lib/apt/lists")).unwrap_or(0)
}

fn wants_refresh(args: &AptArgs, sys: &dyn Observe) -> bool {
    (args.update_cache == Some(true) || args.cache_valid_time > 0)
        && lists_time(sys) + args.cache_valid_time < sys.now().0
}

/// The task is about packages, not only about the lists.
fn wants_packages(args: &AptArgs) -> bool {
    args.name.as_ref().is_some_and(|n| !n.is_empty()) || args.upgrade != Upgrade::No || args.deb.is_some()
}

/// Only the lists are looked at.
fn only_lists(args: &AptArgs) -> bool {
    (args.update_cache == Some(true) || args.cache_valid_time > 0) && !wants_packages(args)
}

fn refresh(args: &AptArgs, pause_ms: u64) -> Plan {
    let mut plan = Plan { changed: Some(false), ..Plan::default() };
    let what = || What::Setting { kind: LISTS.into(), name: "apt".into(), before: None, after: None };
    if pause_ms > 0 {
        plan.push(what(), Op::Sleep { ms: pause_ms });
    }
    plan.push(what(), Op::Run(apt_get(args, &["update"], false)));
    plan
}

impl Module for Apt {
    type Args = AptArgs;

    fn plan(args: &AptArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if sys.find_program("apt-get").is_none() {
            return Err(ModuleError::new("there is no apt-get on the host"));
        }
        for spec in args.name.iter().flatten() {
            if spec.matches('=').count() > 1 {
                return Err(ModuleError::new(format!("invalid package spec: {spec}")));
            }
        }
        if let Some(address) = args.deb.as_deref().filter(|path| deb::is_address(path)) {
            deb::download(address, cx, sys)?;
        }
        let before = lists_time(sys);
        if !wants_refresh(args, sys) {
            let mut plan = packages(args, cx, sys, false)?;
            if only_lists(args) {
                plan.changes.clear();
                plan.changed = Some(false);
            }
            return Ok(plan);
        }
        let mut plan = refresh(args, 0);
        plan.set("cache_update_time", before);
        if cx.check {
            plan.set("cache_updated", true);
            plan.changed = Some(!wants_packages(args));
            if wants_packages(args) {
                let mut next = packages(args, cx, sys, true)?;
                next.changed = Some(next.is_change());
                next.changes.splice(0..0, plan.changes);
                return Ok(next);
            }
        }
        Ok(plan)
    }

    fn finish(
        args: &AptArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let is = |wanted: &str| matches!(plan.changes.first().map(|c| &c.what), Some(What::Setting { kind, .. }) if kind == wanted);
        if is(LISTS) {
            return refreshed(args, cx, sys, plan, applied);
        }
        // The output that counts is that of apt-get, not of the small steps around it.
        let runs =
            plan.changes.iter().zip(&applied.outputs).filter_map(|(change, output)| match &change.op {
                Op::Run(run) if run.argv.first().is_some_and(|p| p == "apt-get") => {
                    Some((run, output.as_ref()?))
                }
                _ => None,
            });
        let (mut stdout, mut stderr) = (String::new(), String::new());
        for (run, output) in runs {
            stdout.push_str(&output.out());
            stderr.push_str(&output.err());
            if output.code != 0 {
                let msg = format!("'{}' failed: {}", run.argv.join(" "), output.err());
                let error = ModuleError::new(msg).with("rc", output.code).with("stdout", stdout);
                let mut error = error.with("stderr", stderr);
                let lists = plan.values.iter().filter(|(name, _)| name.starts_with("cache_"));
                error.values.extend(lists.map(|(name, value)| (name.clone(), value.clone())));
                return Err(error);
            }
        }
        if plan.is_change() || !stdout.is_empty() {
            let whole = args.name.iter().flatten().any(|n| n.trim() == "*");
            if args.upgrade != Upgrade::No || (whole && args.state == PackageState::Latest) {
                plan.msg = Some(stdout.clone());
            }
            plan.set("stdout", stdout);
            plan.set("stderr", stderr);
        }
        Ok(Finish::Done(plan))
    }
}

/// After `apt-get update`: again if it failed, else on to the packages.
fn refreshed(
    args: &AptArgs,
    cx: &Context<'_>,
    sys: &dyn Observe,
    mut plan: Plan,
    applied: &Applied,
) -> Result<Finish, ModuleError> {
    let output = applied.last_output().cloned().unwrap_or_default();
    let said = output.err();
    if output.code != 0 {
        let tried = applied.round + 1;
        if tried as i64 >= args.update_cache_retries {
            let msg = format!("Failed to update apt cache after {tried} retries: {}", said.trim());
            return Err(ModuleError::new(msg).with("stderr", said).with("stdout", output.out()));
        }
        let longest = u64::try_from(args.update_cache_retry_max_delay).unwrap_or(0);
        let pause = 2_u64.saturating_pow(applied.round as u32).min(longest);
        let next = refresh(args, pause * 1000 + 1);
        plan.warnings
            .push(format!("apt-get update failed, and is tried again in {pause} s: {}", said.trim()));
        return Ok(Finish::More(plan, next));
    }
    let before = plan.values.get("cache_update_time").and_then(windlass_protocol::Json::as_i64);
    let updated = before.is_none_or(|before| before != lists_time(sys));
    if !wants_packages(args) {
        plan.changed = Some(updated);
        plan.set("cache_updated", updated);
        plan.set("cache_update_time", lists_time(sys));
        return Ok(Finish::Done(plan));
    }
    let next = packages(args, cx, sys, updated)?;
    Ok(Finish::More(plan, next))
}

/// Everything but the lists.
fn packages(args: &AptArgs, cx: &Context<'_>, sys: &dyn Observe, updated: bool) -> Result<Plan, ModuleError> {
    let said = |plan: &mut windlass_protocol::JsonMap| {
        plan.insert("cache_updated".into(), updated.into());
        plan.insert("cache_update_time".into(), lists_time(sys).into());
    };
    // Of the lists is told where packages are installed, or where nothing is done.
    let installs = args.name.as_ref().is_some_and(|n| n.iter().any(|n| n.trim() != "*"))
        && args.state != PackageState::Absent
        && args.upgrade == Upgrade::No
        && args.deb.is_none();
    match packages_only(args, cx, sys) {
        Ok(mut plan) => {
            let idle = !wants_packages(args) && !args.clean && !args.autoclean && !args.autoremove;
            if installs || idle {
                said(&mut plan.values);
            }
            Ok(plan)
        }
        Err(mut error) => {
            if installs && !error.msg.starts_with("No package matching") {
                said(&mut error.values);
            }
            Err(error)
        }
    }
}

fn packages_only(args: &AptArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
    let mut plan = Plan::default();
    let clean =
        What::Setting { kind: "package archive".into(), name: "apt".into(), before: None, after: None };
    if args.clean {
        plan.push(clean.clone(), Op::Run(apt_get(args, &["clean"], false)));
        if !wants_packages(args) {
            plan.msg = Some(String::new());
            plan.set("stdout", "");
            plan.set("stderr", "");
            return Ok(plan);
        }
        plan.changed = Some(false);
    }
    let names: Vec<String> =
        args.name.iter().flatten().map(|n| n.trim().to_owned()).filter(|n| n != "*").collect();
    let everything = args.name.iter().flatten().any(|n| n.trim() == "*");
    if let Some(path) = args.deb.as_deref() {
        if args.state != PackageState::Present {
            return Err(ModuleError::new("deb only supports state=present"));
        }
        return match deb::is_address(path) {
            true => deb::plan(args, &deb::downloaded_path(cx), cx, sys),
            false => deb::plan(args, path, cx, sys),
        };
    }
    let upgrade = match args.upgrade {
        Upgrade::No if args.state == PackageState::Latest && everything => {
            if !names.is_empty() {
                let msg = "unable to install additional packages when upgrading all installed packages";
                return Err(ModuleError::new(msg));
            }
            Upgrade::Yes
        }
        other => other,
    };
    if upgrade != Upgrade::No {
        let mut words = options(args);
        let release = args.default_release.as_deref();
        words.extend(release.into_iter().flat_map(|r| ["-t", r]));
        words.extend(match upgrade {
            Upgrade::Dist | Upgrade::Full => &["dist-upgrade"][..],
            _ => &["upgrade", "--with-new-pkgs"],
        });
        return simulate(args, &words, &[], cx, sys, plan);
    }
    if names.is_empty() {
        let operation = match (args.autoclean, args.autoremove) {
            (true, _) => "autoclean",
            (false, true) => "autoremove",
            (false, false) => return Ok(plan),
        };
        let mut words = vec![operation];
        words.extend(args.purge.then_some("--purge"));
        if operation == "autoclean" {
            let run = apt_get(args, &words, true);
            let output = sys.query(&run)?;
            plan.set("stdout", output.out());
            plan.set("stderr", output.err());
            let text = output.out();
            let gone: Vec<&str> = text.lines().filter(|l| l.starts_with("Del ")).collect();
            if !gone.is_empty() {
                if cx.diff {
                    plan.diff.push(Diff::Prepared(gone.join("\n")));
                }
                plan.push(clean, Op::Run(apt_get(args, &words, false)));
            }
            return Ok(plan);
        }
        return simulate(args, &words, &[], cx, sys, plan);
    }
    match args.state {
        PackageState::Absent => spec::removal(args, &names, cx, sys, plan),
        PackageState::BuildDep => {
            let mut words = options(args);
            words.push("build-dep");
            words.extend(names.iter().map(String::as_str));
            simulate(args, &words, &names, cx, sys, plan)
        }
        _ => spec::installation(args, &names, cx, sys, plan),
    }
}

/// Asks apt-get what it would do, and plans to have it done.
fn simulate(
    args: &AptArgs,
    words: &[&str],
    specs: &[String],
    cx: &Context<'_>,
    sys: &dyn Observe,
    mut plan: Plan,
) -> Result<Plan, ModuleError> {
    let run = apt_get(args, words, true);
    let output = sys.query(&run)?;
    let text = output.out();
    if output.code != 0 {
        let said = output.err();
        if let Some(msg) = simulation::complaint(&format!("{said}\n{text}"), specs) {
            return Err(ModuleError::new(msg));
        }
        let msg = format!("'{}' failed: {said}", run.argv.join(" "));
        return Err(ModuleError::new(msg).with("rc", output.code).with("stdout", text).with("stderr", said));
    }
    let upgrades = words.iter().any(|w| matches!(*w, "upgrade" | "dist-upgrade"));
    // These say what apt-get printed, also when there was nothing to do.
    let talks = upgrades || words.first() == Some(&"autoremove");
    if talks || (cx.check && !simulation::is_nothing(&text)) {
        plan.set("stdout", text.as_str());
        plan.set("stderr", if cx.check { output.err() } else { String::new() });
    }
    if upgrades {
        plan.msg = Some(text.clone());
    }
    if simulation::is_nothing(&text) {
        return Ok(plan);
    }
    plan.changed = Some(true);
    if cx.diff {
        plan.diff.push(Diff::Prepared(simulation::announcement(&text)));
    }
    let steps = simulation::changes(simulation::steps(&text), Op::Run(apt_get(args, words, false)));
    policy(args, sys, steps, &mut plan)?;
    Ok(plan)
}

/// The policy of one task. By its second line it is known to a later task, should it be left behind by an agent that was killed.
fn policy_text(code: i64) -> String {
    format!("#!/bin/sh\n{POLICY_MARK}\nexit {code}\n")
}

const POLICY_MARK: &str = "# Put here by windlass for the time of one task.";

/// Puts `policy-rc.d` in place around the steps, if the task wants one. It is taken away in any case, also after a failure.
fn policy(args: &AptArgs, sys: &dyn Observe, steps: Vec<Change>, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(code) = args.policy_rc_d else {
        plan.changes.extend(steps);
        return Ok(());
    };
    let what = || What::Setting {
        kind: "policy-rc.d".into(),
        name: POLICY.into(),
        before: None,
        after: Some(code.to_string()),
    };
    let kept = format!("{POLICY}.windlass");
    let had_one = sys.lstat(Path::new(POLICY))?.is_some();
    let is_kept = sys.lstat(Path::new(&kept))?.is_some();
    let is_left_over = had_one && {
        let text = sys.read(Path::new(POLICY)).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().nth(1) == Some(POLICY_MARK)
    };
    if had_one && !is_left_over {
        if is_kept {
            let text = format!(
                "there are both {POLICY} and {kept}, which an interrupted task left: remove the one that is not wanted"
            );
            return Err(ModuleError::new(text));
        }
        plan.push(what(), Op::Rename { from: POLICY.into(), to: kept.clone() });
    }
    plan.push(
        what(),
        Op::Write {
            path: POLICY.into(),
            content: Content::Bytes(policy_text(code).into_bytes()),
            attrs: FileAttrs { mode: Some(0o755), ..FileAttrs::default() },
            backup: false,
            validate: None,
            in_place: false,
        },
    );
    plan.changes.extend(steps);
    // What was kept takes the policy's place.
    let end = if is_kept || (had_one && !is_left_over) {
        Op::Rename { from: kept, to: POLICY.into() }
    } else {
        Op::Remove { path: POLICY.into(), recursive: false }
    };
    plan.changes.push(Change::new(what(), end).always());
    Ok(())
}
