//! `unarchive`: unpacks an archive with the target's `tar` or `unzip`, if what is there differs from what is in it.

mod tar;
mod zip;

use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::paths::Wish;
use crate::system::{Observe, RunOutput};
use crate::web;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use windlass_protocol::modules::unarchive::UnarchiveArgs;
use windlass_protocol::{Diff, FileAttrs, FileKind, Json, Op, RunSpec, What};

/// The module.
pub struct Unarchive;

/// What an archive is packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Zip,
    Tar,
    Gzip,
}

/// An archive, compared with what is there.
#[derive(Debug, Default)]
struct Compared {
    /// The names in it that are wanted.
    files: Vec<String>,
    /// What differs, in a line each.
    differences: Vec<String>,
    /// Names to leave out besides those of the task (newer ones).
    leave: Vec<String>,
}

/// Where the plan keeps the names in the archive until the attributes are set; not a return value.
const FILES: &str = "_files";

impl Module for Unarchive {
    type Args = UnarchiveArgs;

    fn plan(args: &UnarchiveArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        if let Some(creates) = &args.creates
            && sys.stat(Path::new(&**creates))?.is_some()
        {
            plan.skipped = true;
            plan.msg = Some(format!("skipped, since {} exists", &**creates));
            return Ok(plan);
        }
        let dest = args.dest.0.as_str();
        if !sys.stat(Path::new(dest))?.is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Err(ModuleError::new(format!("Destination '{dest}' is not a directory")));
        }
        if args._ask && cx.blobs.get("content").is_none() {
            plan.set("needs", vec!["content"]);
            return Ok(plan);
        }
        let archive = bring(args, cx, sys)?;
        let format = Format::of(&archive, sys)?;
        plan.set("handler", format.handler());
        plan.set("dest", dest);
        plan.set("src", archive.as_str());
        let compared = match format {
            Format::Zip => zip::compare(args, sys, &archive)?,
            _ => tar::compare(args, sys, &archive, format)?,
        };
        if args.list_files {
            plan.set("files", compared.files.clone());
        }
        if compared.differences.is_empty() {
            attributes(args, sys, &mut plan, &compared.files)?;
        } else {
            if cx.diff {
                plan.diff.push(Diff::Prepared(compared.differences.join("\n") + "\n"));
            }
            let run = match format {
                Format::Zip => zip::unpack(args, sys, &archive, &compared.leave)?,
                _ => tar::unpack(args, sys, &archive, format)?,
            };
            plan.push(What::Command { text: run.argv.join(" ") }, Op::Run(run));
            plan.changed = Some(true);
            if !cx.check {
                plan.set(FILES, compared.files);
            }
        }
        Ok(plan)
    }

    fn finish(
        args: &UnarchiveArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let files = plan.values.shift_remove(FILES);
        if let (Some(Json::Array(files)), Some(output)) = (files, applied.last_output()) {
            let results = results(&plan, output);
            if output.code != 0 {
                let archive = plan.values.get("src").and_then(Json::as_str).unwrap_or_default();
                let msg = format!("failed to unpack {archive} to {}", &*args.dest);
                let mut error = ModuleError::new(msg);
                error.values = std::mem::take(&mut plan.values);
                error.values.insert("extract_results".into(), results);
                return Err(error);
            }
            plan.set("extract_results", results);
            let files: Vec<String> = files.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect();
            let (values, diff) = (std::mem::take(&mut plan.values), std::mem::take(&mut plan.diff));
            let mut next = Plan { values, diff, ..Plan::default() };
            attributes(args, sys, &mut next, &files)?;
            if !next.changes.is_empty() {
                return Ok(Finish::More(plan, next));
            }
            (plan.values, plan.diff) = (next.values, next.diff);
        }
        sys.discard(Path::new(&kept(cx)));
        Ok(Finish::Done(plan))
    }
}

/// What came of the unpacking, as the result shows it.
fn results(plan: &Plan, output: &RunOutput) -> Json {
    let cmd = plan.changes.iter().rev().find_map(|change| match &change.op {
        Op::Run(run) => Some(run.argv.clone()),
        _ => None,
    });
    serde_json::json!({"cmd": cmd, "rc": output.code, "out": output.out(), "err": output.err()})
}

fn kept(cx: &Context<'_>) -> String {
    cx.scratch.join("unarchive-source").to_string_lossy().into_owned()
}

/// The path of the archive on the target, after it was brought there if need be.
fn bring(args: &UnarchiveArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<String, ModuleError> {
    let src = args.src.0.as_str();
    let path = if let Some(blob) = cx.blobs.get("content") {
        match blob.path() {
            // However large it is, it need not pass through memory.
            Some(path) => path.to_string_lossy().into_owned(),
            None => {
                let path = kept(cx);
                sys.keep(Path::new(&path), &blob.bytes()?)?;
                path
            }
        }
    } else if src.contains("://") {
        let path = kept(cx);
        web::fetch(src, args.validate_certs, &path, cx, sys)?;
        path
    } else {
        src.to_owned()
    };
    let place = Path::new(&path);
    let Some(meta) = sys.stat(place)? else {
        let end = if args.remote_src || !args.copy { "does not exist" } else { "failed to transfer" };
        return Err(ModuleError::new(format!("Source '{src}' {end}")));
    };
    if !sys.access(place, 4) {
        return Err(ModuleError::new(format!("Source '{src}' not readable")));
    }
    if meta.size == 0 {
        return Err(ModuleError::new(format!("Invalid archive '{src}', the file is 0 bytes")));
    }
    Ok(path)
}

impl Format {
    fn of(path: &str, sys: &dyn Observe) -> Result<Self, ModuleError> {
        let mut start = Vec::new();
        sys.open(Path::new(path))?.take(6).read_to_end(&mut start)?;
        Ok(match start.as_slice() {
            [b'P', b'K', 3 | 5 | 7, ..] => Self::Zip,
            [0x1f, 0x8b, ..] => Self::Gzip,
            // How else it is packed tar finds out.
            _ => Self::Tar,
        })
    }

    fn handler(self) -> &'static str {
        match self {
            Self::Zip => "ZipArchive",
            Self::Tar => "TarArchive",
            Self::Gzip => "TgzArchive",
        }
    }
}

/// An archive that none of the programs of the target can read.
fn unreadable(archive: &str, reason: &str) -> ModuleError {
    ModuleError::new(format!(
        "Failed to find handler for \"{archive}\". Make sure the required command to extract the file is installed.\n{reason}"
    ))
}

/// A program that speaks English.
fn program(argv: Vec<String>, cwd: Option<&str>) -> RunSpec {
    let env = ["LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"].map(|name| (name.to_owned(), "C".to_owned()));
    RunSpec { argv, cwd: cwd.map(str::to_owned), env: env.into(), ..RunSpec::default() }
}

/// Plans the attributes that the task wants of everything that is in the archive, and of the folders at its top.
fn attributes(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    plan: &mut Plan,
    files: &[String],
) -> Result<(), ModuleError> {
    let common = &args.file;
    let wants = common.mode.is_some()
        || common.owner.is_some()
        || common.group.is_some()
        || common.attributes.is_some();
    let wants = wants
        || [&common.seuser, &common.serole, &common.setype, &common.selevel].iter().any(|p| p.is_some());
    if !wants {
        return Ok(());
    }
    let wish = Wish::of(common, &args.dest, sys)?;
    let mut names: BTreeSet<&str> =
        files.iter().map(|f| f.trim_end_matches('/').trim_start_matches("./")).collect();
    names
        .extend(files.iter().filter_map(|f| f.split_once('/')).map(|(top, _)| top).filter(|top| *top != "."));
    for name in names.into_iter().filter(|name| !name.is_empty() && !name.split('/').any(|part| part == ".."))
    {
        let path = Path::new(&*args.dest).join(name);
        // What was left out is not there.
        let Some(meta) = sys.lstat(&path)? else { continue };
        let mut difference = wish.difference(&path, &meta, sys)?;
        if meta.kind == FileKind::Link {
            // A link has an owner, but no mode of its own.
            difference.attrs =
                FileAttrs { uid: difference.attrs.uid, gid: difference.attrs.gid, ..FileAttrs::default() };
        }
        web::plan_attributes(plan, &path.to_string_lossy(), &meta, &difference, sys);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
