//! The stages after the first: each looks at what the one before left, and plans.

use super::command::{Git, hinted};
use super::remote::Kind;
use super::{FAILURE, KIND, LOCAL_MODS, STAGE, archive, repository_path, tracks};
use crate::module::{Applied, Context, Finish, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::{Diff, Json, Op, RunSpec, What};

/// What comes after a stage was applied.
pub(super) fn next(
    git: &Git<'_>,
    cx: &Context<'_>,
    mut plan: Plan,
    applied: &Applied,
) -> Result<Finish, ModuleError> {
    let Some(Json::String(stage)) = plan.values.shift_remove(STAGE) else { return Ok(Finish::Done(plan)) };
    if let Some(Json::String(failure)) = plan.values.shift_remove(FAILURE)
        && let Some(output) = applied.outputs.last().and_then(Option::as_ref)
        && output.code != 0
    {
        return Err(failed(&failure, output.code, output.out(), output.err()));
    }
    let args = git.args;
    let dest = args.dest.as_deref().unwrap_or_default();
    let mut following =
        Plan { msg: plan.msg.take(), warnings: std::mem::take(&mut plan.warnings), ..Plan::default() };
    following.values = std::mem::take(&mut plan.values);
    // Whether something changed is said by the last stage, which compares.
    plan.changed = Some(false);
    let kind = match following.values.get(KIND) {
        Some(Json::String(kind)) => Kind::named(kind),
        _ => Kind::Other,
    };
    let archived = stage == "archived";
    let mut stage = stage.as_str();
    loop {
        match stage {
            "clone" => {
                stage = "cloned";
                if args.bare && args.remote != "origin" {
                    let run = git.step(&["remote", "add", &args.remote, &git.address.url]);
                    following.push(command("git remote add", dest), Op::Run(run));
                }
                if let Some(refspec) = &args.refspec {
                    let depth = args.depth.filter(|d| *d != 0).map(|d| d.to_string());
                    let mut words = vec!["fetch"];
                    words.extend(depth.as_deref().iter().flat_map(|d| ["--depth", *d]));
                    words.extend([args.remote.as_str(), refspec.as_str()]);
                    following.push(command("git fetch", dest), Op::Run(git.step(&words)));
                }
            }
            "fetch" | "cloned" => {
                stage = "switched";
                if !args.bare {
                    switch(git, &mut following, kind)?;
                }
            }
            "switched" => {
                stage = "settled";
                if !args.bare && args.verify_commit {
                    verify(git)?;
                }
                if args.recursive && !args.bare && has_submodules(git)? {
                    update_submodules(git, &mut following)?;
                }
            }
            "settled" => {
                stage = "archived";
                if let Some(path) = args.archive.as_deref() {
                    archive::step(git, &mut following, path)?;
                }
            }
            _ => {
                finish(git, cx, &mut following, archived)?;
                // What the last stage did was counted by it; nothing is left to execute.
                following.changes = std::mem::take(&mut plan.changes);
                return Ok(Finish::Done(following));
            }
        }
        if !following.changes.is_empty() {
            following.set(STAGE, stage);
            return Ok(Finish::More(plan, following));
        }
    }
}

fn command(text: &str, dest: &str) -> What {
    What::Command { text: format!("{text} in {dest}") }
}

fn failed(failure: &str, code: i32, out: String, err: String) -> ModuleError {
    let msg = if failure.is_empty() {
        let said = if err.trim().is_empty() { &out } else { &err };
        said.trim().to_owned()
    } else if failure.starts_with("Failed to checkout") {
        failure.to_owned()
    } else {
        format!("{failure}: {out} {err}")
    };
    ModuleError::new(hinted(msg)).with("rc", code).with("stdout", out).with("stderr", err)
}

/// The branch that `HEAD` is on; where it is on none, the default branch of the remote.
pub(super) fn head_branch(git: &Git<'_>, repository: &Path) -> Result<Option<String>, ModuleError> {
    let head = git.ask(&["symbolic-ref", "--quiet", "HEAD"])?.out();
    if let Some(branch) = head.trim_end().strip_prefix("refs/heads/") {
        return Ok(Some(branch.to_owned()));
    }
    let prefix = format!("refs/remotes/{}/", git.args.remote);
    let file = repository.join(&prefix).join("HEAD");
    let Ok(text) = git.sys.read(&file) else { return Ok(None) };
    let text = String::from_utf8_lossy(&text);
    let target = text.trim_end().strip_prefix("ref: ").unwrap_or_default();
    Ok(target.strip_prefix(prefix.as_str()).map(str::to_owned))
}

fn switch(git: &Git<'_>, plan: &mut Plan, kind: Kind) -> Result<(), ModuleError> {
    let args = git.args;
    let dest = args.dest.as_deref().unwrap_or_default();
    let (version, remote) = (args.version.as_str(), args.remote.as_str());
    let wanted = match plan.values.get("after") {
        Some(Json::String(commit)) => commit.clone(),
        _ => String::new(),
    };
    let mut push = |text: &str, run: RunSpec| plan.push(command(text, dest), Op::Run(run));
    let failure = match kind {
        Kind::Head => {
            let repository = repository_path(git.sys, dest, args.bare)?;
            let Some(branch) = head_branch(git, &repository)? else {
                return Err(ModuleError::new(format!(
                    "the default branch of '{remote}' is not known in {dest}: name the branch with 'version'"
                )));
            };
            let upstream = format!("{remote}/{branch}");
            if !git.has(&format!("refs/remotes/{upstream}"))? {
                // A repository without any commit, or a branch that only exists here.
                return Ok(());
            }
            push("git checkout", git.step(&["checkout", "--force", &branch, "--"]));
            push("git reset --hard", git.step_in(&["reset", "--hard", &upstream, "--"], Some(dest)));
            format!("Failed to checkout branch {branch}")
        }
        Kind::Branch => {
            let upstream = format!("{remote}/{version}");
            let is_local = git.has(&format!("refs/heads/{version}"))?;
            let is_known = git.has(&format!("refs/remotes/{upstream}"))?;
            let shallow = args.depth.filter(|d| *d != 0);
            let is_behind = is_known && !wanted.is_empty() && !tracks(git, version, &wanted)?;
            if !is_known || is_behind || (shallow.is_some() && !is_local) {
                // A clone of one branch does not fetch the others.
                let depth = shallow.map(|d| format!("--depth={d}"));
                let known = format!("+refs/heads/{version}:refs/remotes/{remote}/{version}");
                let mut words = vec!["fetch"];
                words.extend(depth.as_deref());
                words.extend([remote, known.as_str()]);
                push("git fetch", git.step(&words));
            }
            if is_local {
                push("git checkout", git.step(&["checkout", "--force", version, "--"]));
                push("git reset --hard", git.step_in(&["reset", "--hard", &upstream, "--"], Some(dest)));
            } else if is_known {
                push(
                    "git checkout",
                    git.step_in(&["checkout", "--track", "-b", version, &upstream], Some(dest)),
                );
            } else {
                // Git refuses to track a branch that its configuration does not fetch.
                push("git checkout", git.step_in(&["checkout", "-b", version, &upstream], Some(dest)));
            }
            format!("Failed to checkout {version}")
        }
        Kind::Tag | Kind::Other => {
            push("git checkout", git.step_in(&["checkout", "--force", version, "--"], Some(dest)));
            format!("Failed to checkout {version}")
        }
    };
    plan.set(FAILURE, failure);
    Ok(())
}

fn verify(git: &Git<'_>) -> Result<(), ModuleError> {
    let args = git.args;
    let version = args.version.as_str();
    let tags = git.ask(&["for-each-ref", "refs/tags/", "--format", "%(objecttype):%(refname:short)"])?;
    let is_tag = tags.out().lines().any(|line| line.trim().strip_prefix("tag:") == Some(version));
    let mut words = vec![if is_tag { "verify-tag" } else { "verify-commit" }];
    if !args.gpg_allowlist.is_empty() {
        words.push("--raw");
    }
    words.push(version);
    let output = git.ask(&words)?;
    let error = |msg: String| {
        ModuleError::new(msg)
            .with("rc", output.code)
            .with("stdout", output.out())
            .with("stderr", output.err())
    };
    if output.code != 0 {
        return Err(error(format!("Failed to verify GPG signature of commit/tag \"{version}\"")));
    }
    if args.gpg_allowlist.is_empty() {
        return Ok(());
    }
    let err = output.err();
    let fingerprint = err.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).find_map(|words| {
        // Signed with a subkey: the last word is the fingerprint of its primary key.
        let index = if words.len() >= 12 { 11 } else { 2 };
        (words.get(1) == Some(&"VALIDSIG")).then(|| words.get(index).map(|w| (*w).to_owned())).flatten()
    });
    match fingerprint {
        Some(found) if args.gpg_allowlist.contains(&found) => Ok(()),
        found => {
            let found = found.unwrap_or_default();
            Err(error(format!(
                "The gpg_allowlist does not include the public key \"{found}\" for this commit"
            )))
        }
    }
}

fn has_submodules(git: &Git<'_>) -> Result<bool, ModuleError> {
    let dest = git.args.dest.as_deref().unwrap_or_default();
    Ok(git.sys.stat(&Path::new(dest).join(".gitmodules"))?.is_some())
}

/// Whether a submodule is not there, or at another commit than the recorded one.
pub(super) fn submodules_need_update(git: &Git<'_>) -> Result<bool, ModuleError> {
    if !has_submodules(git)? {
        return Ok(false);
    }
    let out = git.must(&["submodule", "status", "--recursive"], git.args.dest.as_deref())?;
    Ok(out.lines().any(|line| !line.is_empty() && !line.starts_with(' ')))
}

/// Commits of the submodules, as text to compare.
fn submodule_commits(git: &Git<'_>) -> Result<String, ModuleError> {
    let out = git.must(&["submodule", "status", "--recursive"], git.args.dest.as_deref())?;
    let words = out.lines().map(|line| line.get(1..).unwrap_or_default().split_whitespace());
    let pairs =
        words.map(|mut w| format!("{} {}\n", w.next().unwrap_or_default(), w.next().unwrap_or_default()));
    // One that is not there yet counts as a change also if it gets the recorded commit.
    let missing = out.lines().filter(|line| line.starts_with('-')).count();
    Ok(pairs.chain([missing.to_string()]).collect())
}

/// What the submodules were before the update, until the last stage compares.
const SUBMODULES: &str = "_submodules";

fn update_submodules(git: &Git<'_>, plan: &mut Plan) -> Result<(), ModuleError> {
    let args = git.args;
    let dest = args.dest.as_deref().unwrap_or_default();
    if !args.track_submodules && !submodules_need_update(git)? {
        return Ok(());
    }
    plan.set(SUBMODULES, submodule_commits(git)?);
    let mut words = vec!["submodule", "update", "--init", "--recursive"];
    if args.track_submodules {
        words.push("--remote");
    }
    if args.force {
        words.push("--force");
    }
    plan.push(command("git submodule sync", dest), Op::Run(git.step(&["submodule", "sync"])));
    plan.push(command("git submodule update", dest), Op::Run(git.step_in(&words, Some(dest))));
    plan.set(FAILURE, "Failed to init/update submodules");
    Ok(())
}

/// Compares what was with what is.
fn finish(git: &Git<'_>, cx: &Context<'_>, plan: &mut Plan, archived: bool) -> Result<(), ModuleError> {
    plan.values.shift_remove(KIND);
    let local_mods = plan.values.shift_remove(LOCAL_MODS) == Some(Json::Bool(true));
    let submodules = match plan.values.shift_remove(SUBMODULES) {
        Some(Json::String(before)) => before != submodule_commits(git)?,
        _ => false,
    };
    if submodules {
        plan.set("submodules_changed", true);
    }
    let after = git.head()?;
    plan.set("after", after.as_str());
    let before = match plan.values.get("before") {
        Some(Json::String(before)) => Some(before.clone()),
        _ => None,
    };
    let url_changed = plan.values.get("remote_url_changed") == Some(&Json::Bool(true));
    let changed =
        before.as_deref() != Some(after.as_str()) || local_mods || submodules || url_changed || archived;
    plan.changed = Some(changed);
    if changed && cx.diff {
        plan.diff.extend(diff(git, before.as_deref(), &after)?);
    }
    Ok(())
}

/// The difference between two commits, as far as the clone knows both.
pub(super) fn diff(git: &Git<'_>, before: Option<&str>, after: &str) -> Result<Option<Diff>, ModuleError> {
    let text = match before {
        None => format!(">> Newly checked out {after}"),
        Some(before) if before == after => return Ok(None),
        Some(before) if !git.has(&format!("{after}^{{commit}}"))? => {
            format!(">> From {before} to {after}, which is not fetched yet")
        }
        Some(before) => {
            let output = git.ask(&["diff", before, after])?;
            match (output.code, output.out()) {
                (0, out) if out.is_empty() => {
                    format!(">> No visual differences between {before} and {after}")
                }
                (0, out) => out,
                _ => format!(
                    ">> Failed to get proper diff between {before} and {after}:\n>> {}",
                    output.err().trim()
                ),
            }
        }
    };
    Ok(Some(Diff::Prepared(text)))
}
