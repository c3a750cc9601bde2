//! Archives of `tar`.

use super::{Compared, Format, program, unreadable};
use crate::module::ModuleError;
use crate::system::Observe;
use std::collections::HashMap;
use std::path::Path;
use windlass_protocol::RunSpec;
use windlass_protocol::modules::unarchive::UnarchiveArgs;

/// What `tar --diff` says where something has to be unpacked.
const DIFFERS: [&str; 8] = [
    ": Mod time differs",
    ": Warning: Cannot stat: No such file or directory",
    ": Invalid owner",
    ": Invalid group",
    ": Symlink differs",
    ": Contents differ",
    ": Size differs",
    ": File type differs",
];

pub(super) fn compare(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    archive: &str,
    format: Format,
) -> Result<Compared, ModuleError> {
    let tar = find(sys, archive)?;
    let ask = |words: Vec<String>| sys.query(&program(words, Some(&args.dest)));
    let version = ask(vec![tar.clone(), "--version".into()])?.out();
    if !(version.starts_with("tar") && version.contains("GNU")) {
        return Err(unreadable(archive, &format!("Command \"{tar}\" is not GNU tar, which is required.")));
    }
    let list = ask(command(args, &tar, archive, format, &["--list", "--quoting-style=literal"], false))?;
    if list.code != 0 {
        let reason = format!("Command \"{tar}\" could not handle archive: {}", list.err());
        return Err(unreadable(archive, &reason));
    }
    let files: Vec<String> = list.out().lines().map(|line| line.trim_start_matches('/').to_owned()).collect();
    if files.is_empty() {
        let reason =
            format!("Command \"{tar}\" found no files in archive. Empty archive files are not supported.");
        return Err(unreadable(archive, &reason));
    }
    let output = ask(command(args, &tar, archive, format, &["--diff"], true))?;
    let (out, err) = (output.out(), output.err());
    let root = sys.euid() == 0;
    let file = &args.file;
    let matters = |line: &&str| {
        // Names can be empty with `--strip-components`.
        if line.contains(": : Warning: Cannot stat") {
            return false;
        }
        // An attribute that the task sets itself is compared with the task, not with the archive.
        (root && file.owner.is_none() && line.ends_with(": Uid differs"))
            || (root && file.group.is_none() && line.ends_with(": Gid differs"))
            || (file.mode.is_none() && line.ends_with(": Mode differs"))
            || DIFFERS.iter().any(|end| line.contains(end))
    };
    let mut differences: Vec<String> =
        out.lines().chain(err.lines()).filter(matters).map(str::to_owned).collect();
    if args.keep_newer {
        let mut told: HashMap<&str, usize> = HashMap::new();
        for name in out.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name)) {
            *told.entry(name).or_default() += 1;
        }
        differences.retain(|line| !is_newer(args, sys, line, &told));
    }
    Ok(Compared { files, differences, leave: Vec::new() })
}

/// Whether a line is only about a file whose time alone tells, and that is kept since it is there. `told` has how many
/// lines there are about each file.
fn is_newer(args: &UnarchiveArgs, sys: &dyn Observe, line: &str, told: &HashMap<&str, usize>) -> bool {
    let Some(name) = line.strip_suffix(": Mod time differs") else { return false };
    told.get(name).is_none_or(|lines| *lines == 1)
        && matches!(sys.stat(&Path::new(&*args.dest).join(name)), Ok(Some(_)))
}

pub(super) fn unpack(
    args: &UnarchiveArgs,
    sys: &dyn Observe,
    archive: &str,
    format: Format,
) -> Result<RunSpec, ModuleError> {
    let tar = find(sys, archive)?;
    Ok(program(command(args, &tar, archive, format, &["--extract"], true), Some(&args.dest)))
}

fn find(sys: &dyn Observe, archive: &str) -> Result<String, ModuleError> {
    let found = sys.find_program("gtar").or_else(|| sys.find_program("tar"));
    found.ok_or_else(|| unreadable(archive, "Unable to find required 'gtar' or 'tar' binary in the path"))
}

/// The destination without a slash at its end.
fn folder(args: &UnarchiveArgs) -> String {
    let dest = args.dest.trim_end_matches('/');
    if dest.is_empty() { "/".to_owned() } else { dest.to_owned() }
}

fn command(
    args: &UnarchiveArgs,
    tar: &str,
    archive: &str,
    format: Format,
    what: &[&str],
    with_owner: bool,
) -> Vec<String> {
    let mut argv = vec![tar.to_owned()];
    argv.extend(what.iter().map(|w| (*w).to_owned()));
    argv.extend(["-C".to_owned(), folder(args)]);
    let flag = match format {
        Format::Gzip => Some("-z"),
        Format::Tar | Format::Zip => None,
    };
    argv.extend(flag.map(str::to_owned));
    if !args.extra_opts.is_empty() {
        argv.push("--show-transformed-names".into());
        argv.extend(args.extra_opts.iter().cloned());
    }
    if with_owner {
        argv.extend(args.file.owner.as_ref().map(|owner| format!("--owner={owner}")));
        argv.extend(args.file.group.as_ref().map(|group| format!("--group={group}")));
        if args.keep_newer {
            argv.push("--keep-newer-files".into());
        }
    }
    argv.extend(args.exclude.iter().map(|name| format!("--exclude={}", name.trim_end_matches('/'))));
    argv.extend(["-f".to_owned(), archive.to_owned()]);
    argv.extend(args.include.iter().cloned());
    argv
}
