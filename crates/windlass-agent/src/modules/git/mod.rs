//! `git`: checks out a repository and keeps it at a version.
//!
//! The work comes in stages, each planned by what is there after the one before: clone or fetch, switch, submodules, archive.

mod address;
mod archive;
mod command;
mod remote;
mod stages;

use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::paths::{plan_missing_folders, tidy};
use crate::system::Observe;
use command::Git;
use remote::{Kind, Remote};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use windlass_protocol::change::{Content, FileAttrs, FileKind};
use windlass_protocol::modules::git::GitArgs;
use windlass_protocol::spec::PathArg;
use windlass_protocol::{Diff, Json, Op, RunSpec, What};

/// The module.
pub struct GitModule;

/// Names of plan values that carry what is known from one stage to the next; not return values.
const STAGE: &str = "_stage";
const KIND: &str = "_kind";
const LOCAL_MODS: &str = "_local_modifications";
const FAILURE: &str = "_failure";

impl Module for GitModule {
    type Args = GitArgs;

    fn plan(args: &GitArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let args = &*absolute(args, sys)?;
        let git = Git::new(args, cx, sys)?;
        let mut plan = Plan::default();
        plan.set("before", Json::Null);
        let Some(dest) = args.dest.as_deref() else {
            if args.clone {
                return Err(ModuleError::new("the destination directory must be specified unless clone=no"));
            }
            return only_look(&git, cx, plan);
        };
        let repository = repository_path(sys, dest, args.bare)?;
        if sys.stat(&repository.join("config"))?.is_none() {
            if !args.clone {
                return only_look(&git, cx, plan);
            }
            return clone(&git, cx, plan, dest);
        }
        if let Some(wanted) =
            args.separate_git_dir.as_deref().filter(|wanted| Path::new(wanted) != repository)
        {
            move_repository(&mut plan, sys, dest, &repository, wanted)?;
        }
        if args.update {
            return update(&git, cx, plan, dest, &repository);
        }
        let head = git.head()?;
        plan.set("before", head.as_str());
        plan.set("after", head);
        if let Some(path) = args.archive.as_deref() {
            archive::step(&git, &mut plan, path)?;
        }
        Ok(plan)
    }

    fn finish(
        args: &GitArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        stages::next(&Git::new(&*absolute(args, sys)?, cx, sys)?, cx, plan, applied)
    }
}

/// The arguments with absolute paths: git works in other folders than the agent.
fn absolute<'a>(args: &'a GitArgs, sys: &dyn Observe) -> Result<Cow<'a, GitArgs>, ModuleError> {
    let is_relative = |path: &Option<PathArg>| path.as_deref().is_some_and(|path| !path.starts_with('/'));
    if ![&args.dest, &args.separate_git_dir, &args.archive].into_iter().any(is_relative) {
        return Ok(Cow::Borrowed(args));
    }
    let here = sys.canonicalize(Path::new("."))?;
    let mut args = args.clone();
    for path in [&mut args.dest, &mut args.separate_git_dir, &mut args.archive].into_iter().flatten() {
        path.0 = tidy(&Path::new(&here).join(&path.0).to_string_lossy());
    }
    Ok(Cow::Owned(args))
}

/// Where the repository of a working tree is: `.git`, or what a `.git` file points to.
fn repository_path(sys: &dyn Observe, dest: &str, bare: bool) -> Result<PathBuf, ModuleError> {
    let path = if bare { PathBuf::from(dest) } else { Path::new(dest).join(".git") };
    let invalid = |details: String| {
        let msg = "Current repo does not have a valid reference to a separate Git dir or it refers to the invalid path";
        ModuleError::new(msg).with("details", details)
    };
    if !sys.stat(&path)?.is_some_and(|meta| meta.kind == FileKind::File) {
        return Ok(path);
    }
    let text = String::from_utf8_lossy(&sys.read(&path)?).into_owned();
    let target = text
        .trim_end()
        .strip_prefix("gitdir: ")
        .ok_or_else(|| invalid(".git file has invalid git dir reference format".into()))?;
    let target = Path::new(dest).join(target);
    if !sys.stat(&target)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
        return Err(invalid(format!("{} is not a directory", target.display())));
    }
    Ok(target)
}

/// Nothing is wanted but the remote's revision.
fn only_look(git: &Git<'_>, cx: &Context<'_>, mut plan: Plan) -> Result<Plan, ModuleError> {
    let remote = remote::look(git, &git.address.url, None, None)?;
    if cx.diff && !remote.commit.is_empty() {
        plan.diff.push(Diff::Prepared(format!(">> Newly checked out {}", remote.commit)));
    }
    plan.set("after", remote.commit);
    plan.changed = Some(true);
    Ok(plan)
}

fn clone(git: &Git<'_>, cx: &Context<'_>, mut plan: Plan, dest: &str) -> Result<Plan, ModuleError> {
    let args = git.args;
    // The default branch comes without asking first.
    let remote = if cx.check || args.version != "HEAD" {
        remote::look(git, &git.address.url, None, None)?
    } else {
        Remote { kind: Kind::Head, commit: String::new() }
    };
    let parent = Path::new(dest).parent().map(Path::to_path_buf).unwrap_or_default();
    let parent_text = parent.to_string_lossy().into_owned();
    let depth = args.depth.filter(|d| *d != 0).map(|d| d.to_string());
    let named = matches!(remote.kind, Kind::Branch | Kind::Tag);
    let mut words = vec!["clone"];
    if args.bare {
        words.push("--bare")
    } else {
        words.extend(["--origin", args.remote.as_str()])
    }
    if let Some(depth) = &depth {
        if args.version == "HEAD" || args.refspec.is_some() {
            words.extend(["--depth", depth]);
        } else if named {
            words.extend(["--depth", depth, "--branch", args.version.as_str()]);
        } else {
            plan.warnings.push(
                "Ignoring depth argument. Shallow clones are only available for HEAD, branches, tags or in \
                 combination with refspec."
                    .into(),
            );
        }
    }
    if let Some(reference) = &args.reference {
        words.extend(["--reference", reference.as_str()]);
    }
    if args.single_branch {
        words.push("--single-branch");
        if named && !words.contains(&"--branch") {
            words.extend(["--branch", args.version.as_str()]);
        }
    }
    let separate = args.separate_git_dir.as_ref().map(|path| format!("--separate-git-dir={}", path.0));
    words.extend(separate.as_deref());
    words.extend(["--", git.address.url.as_str(), dest]);
    plan_missing_folders(&mut plan, &parent, |_| Ok(FileAttrs::default()), git.sys)?;
    let after = Some(remote.commit.clone()).filter(|c| !c.is_empty());
    if let Some(after) = &after {
        plan.set("after", after.as_str());
        if cx.diff {
            plan.diff.push(Diff::Prepared(format!(">> Newly checked out {after}")));
        }
    }
    let run = git.step_in(&words, Some(&parent_text));
    plan.push(What::Checkout { path: dest.to_owned(), before: None, after }, Op::Run(run));
    plan.changed = Some(true);
    if !cx.check {
        plan.diff.clear();
        plan.set(STAGE, "clone");
        plan.set(KIND, remote.kind.as_str());
        plan.set(FAILURE, "");
    }
    Ok(plan)
}

fn move_repository(
    plan: &mut Plan,
    sys: &dyn Observe,
    dest: &str,
    from: &Path,
    to: &str,
) -> Result<(), ModuleError> {
    if sys.lstat(Path::new(to))?.is_some() {
        return Err(ModuleError::new(format!("Separate-git-dir path {to} already exists.")));
    }
    let from = from.to_string_lossy().into_owned();
    plan.push(
        What::PathMoved { from: from.clone(), to: to.to_owned() },
        Op::Rename { from: from.clone(), to: to.to_owned() },
    );
    let path = Path::new(dest).join(".git").to_string_lossy().into_owned();
    let content = format!("gitdir: {to}").into_bytes();
    // A folder that moves away leaves nothing behind; a file that named the old place is written anew.
    let before = sys.read(Path::new(&path)).ok().map(|old| blake3::hash(&old).to_hex().to_string());
    let what =
        What::FileWritten { path: path.clone(), before, after: blake3::hash(&content).to_hex().to_string() };
    let op = Op::Write {
        path,
        content: Content::Bytes(content),
        attrs: FileAttrs::default(),
        backup: false,
        validate: None,
        in_place: false,
    };
    plan.push(what, op);
    plan.set("git_dir_before", from);
    plan.set("git_dir_now", to);
    Ok(())
}

fn update(
    git: &Git<'_>,
    cx: &Context<'_>,
    mut plan: Plan,
    dest: &str,
    repository: &Path,
) -> Result<Plan, ModuleError> {
    let args = git.args;
    let before = git.head()?;
    plan.set("before", before.as_str());
    let local_mods = !args.bare && {
        let out = git.ask(&["status", "--porcelain"])?.out();
        out.lines().any(|line| !line.starts_with("??"))
    };
    let complaint = format!("Local modifications exist in the destination: {dest}");
    if local_mods && !args.force {
        return Err(ModuleError::new(format!("{complaint} (force=no).")).with("before", before));
    }
    let url_now = git.ask(&["ls-remote", "--get-url", &args.remote])?.out().trim_end().to_owned();
    let url_changed = differs(git, &url_now);
    plan.set("remote_url_changed", url_changed);
    let remote = wanted(git, &before, repository, url_changed, dest)?;
    let moved = !plan.changes.is_empty();
    plan.set("after", remote.commit.as_str());
    if !local_mods && !url_changed && !moved && settled(git, &before, &remote)? {
        if let Some(path) = args.archive.as_deref() {
            archive::step(git, &mut plan, path)?;
        }
        return Ok(plan);
    }
    if local_mods {
        plan.push(
            What::Command { text: format!("git reset --hard HEAD in {dest}") },
            Op::Run(git.step(&["reset", "--hard", "HEAD"])),
        );
        plan.msg = Some(complaint);
    }
    if url_changed {
        let setting = What::Setting {
            kind: "git remote".into(),
            name: args.remote.clone(),
            before: Some(without_credentials(&url_now)),
            after: Some(git.address.url.clone()),
        };
        plan.push(setting, Op::Run(git.step(&["remote", "set-url", &args.remote, &git.address.url])));
    }
    let what = What::Checkout {
        path: dest.to_owned(),
        before: Some(before.clone()),
        after: Some(remote.commit.clone()),
    };
    plan.push(what, Op::Run(fetch(git, &remote, repository)?));
    plan.changed = Some(local_mods || url_changed || moved || before != remote.commit);
    if cx.check {
        if cx.diff {
            plan.diff.extend(stages::diff(git, Some(&before), &remote.commit)?);
        }
        if args.archive.is_some() {
            plan.changed = Some(true);
        }
    } else {
        plan.set(STAGE, "fetch");
        plan.set(KIND, remote.kind.as_str());
        plan.set(LOCAL_MODS, local_mods || moved);
        plan.set(FAILURE, "Failed to download remote objects and refs");
    }
    Ok(plan)
}

fn without_credentials(url: &str) -> String {
    address::Address::parse(url, None).url
}

/// Whether the remote's address is another than the wanted one.
fn differs(git: &Git<'_>, now: &str) -> bool {
    let wanted = git.address.url.as_str();
    if now.is_empty() || now == wanted || now == git.args.repo || without_credentials(now) == wanted {
        return false;
    }
    let real = |url: &str| git.sys.canonicalize(Path::new(url.strip_prefix("file://").unwrap_or(url))).ok();
    real(now).is_none_or(|path| Some(path) != real(wanted))
}

/// The wanted version on the remote; a commit that is checked out already needs no look at it.
fn wanted(
    git: &Git<'_>,
    before: &str,
    repository: &Path,
    url_changed: bool,
    dest: &str,
) -> Result<Remote, ModuleError> {
    let version = git.args.version.as_str();
    if version == before && is_commit(version) {
        return Ok(Remote { kind: Kind::Other, commit: version.to_owned() });
    }
    let branch = match version {
        "HEAD" if git.args.bare => None,
        "HEAD" => stages::head_branch(git, repository)?,
        _ => None,
    };
    let from = if url_changed { git.address.url.as_str() } else { git.args.remote.as_str() };
    let mut remote = remote::look(git, from, branch.as_deref(), Some(dest))?;
    if remote.kind == Kind::Other && !is_commit(version) {
        // A short hash, or `HEAD~2`, that the clone may know already.
        let known = git.ask(&["rev-parse", "--quiet", "--verify", &format!("{version}^{{commit}}")])?;
        if known.code == 0 {
            remote.commit = known.out().trim_end().to_owned();
        }
    }
    Ok(remote)
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether there is nothing to do: the commit is checked out, in the way the version asks for, with its submodules.
fn settled(git: &Git<'_>, before: &str, remote: &Remote) -> Result<bool, ModuleError> {
    let args = git.args;
    if before != remote.commit
        || args.bare
        || args.refspec.is_some()
        || args.verify_commit
        || args.track_submodules
    {
        return Ok(false);
    }
    let on = git.ask(&["symbolic-ref", "--quiet", "HEAD"])?.out().trim_end().to_owned();
    let in_place = match remote.kind {
        Kind::Head => {
            !on.is_empty() && tracks(git, on.strip_prefix("refs/heads/").unwrap_or_default(), before)?
        }
        Kind::Branch => on == format!("refs/heads/{}", args.version) && tracks(git, &args.version, before)?,
        Kind::Tag | Kind::Other => on.is_empty(),
    };
    Ok(in_place && !(args.recursive && stages::submodules_need_update(git)?))
}

/// Whether what the clone knows of a remote branch is at that commit.
fn tracks(git: &Git<'_>, branch: &str, commit: &str) -> Result<bool, ModuleError> {
    let name = format!("refs/remotes/{}/{branch}", git.args.remote);
    let output = git.ask(&["rev-parse", "--quiet", "--verify", &name])?;
    Ok(output.code == 0 && output.out().trim_end() == commit)
}

fn fetch(git: &Git<'_>, wanted: &Remote, repository: &Path) -> Result<RunSpec, ModuleError> {
    let args = git.args;
    let (version, remote) = (args.version.as_str(), args.remote.as_str());
    let mut words = vec!["fetch".to_owned()];
    let mut refspecs: Vec<String> = Vec::new();
    let depth = args.depth.filter(|d| *d != 0);
    if let Some(depth) = depth {
        let current = stages::head_branch(git, repository)?;
        if let Some(refspec) = &args.refspec {
            refspecs.push(refspec.clone());
        } else {
            match wanted.kind {
                Kind::Head => refspecs.extend(current),
                Kind::Branch => {
                    if current.as_deref() != Some(version) {
                        refspecs.push(format!("+refs/heads/{version}:refs/heads/{version}"));
                    }
                    refspecs.push(format!("+refs/heads/{version}:refs/remotes/{remote}/{version}"));
                }
                Kind::Tag => refspecs.push(format!("+refs/tags/{version}:refs/tags/{version}")),
                Kind::Other => {}
            }
        }
        if !refspecs.is_empty() {
            words.extend(["--depth".to_owned(), depth.to_string()]);
        }
    }
    if refspecs.is_empty() || depth.is_none() {
        if args.bare {
            refspecs = vec!["+refs/heads/*:refs/heads/*".into(), "+refs/tags/*:refs/tags/*".into()];
        } else {
            words.push("--tags".into());
        }
        refspecs.extend(args.refspec.clone());
    }
    if args.force {
        words.push("--force".into());
    }
    words.push(remote.to_owned());
    words.extend(refspecs);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(git.step_in(&words, args.dest.as_deref()))
}

#[cfg(test)]
mod tests;
