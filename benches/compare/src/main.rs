//! `make bench`: the same work by several tools, on fresh hosts of the same kind, in one run.
//!
//! Every tool gets a host of its own, one after the other, and is called as its users call it: Ansible keeps its
//! default reuse of SSH connections, and nobody is asked to do more than the others. What each leaves on its host
//! is compared with what the script left, so that nobody wins by not doing the work. Other contests need no host.
#![allow(clippy::print_stdout)]

mod contest;
mod error;
mod inventory;
mod local;
mod measure;
mod report;
mod roles;
mod sync;
mod tools;
mod workload;

use error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: windlass-bench [--windlass PROGRAM] [--runs N] [--only NAME,...] [--sections NAME,...] [--write]
  --windlass PROGRAM   the windlass to measure (default: target/release/windlass)
  --runs N             runs for each median (default 7; what takes longer than 5 s gets 3, than 20 s 2)
  --only NAME,...      only these tools: script, windlass, pyinfra, ansible-core-rs, mitogen, pipelining, ansible
  --sections NAME,...  only these: playbook, sync (with hosts); inventory, roles, local (without)
  --write              writes docs/benchmarks.md, where sections that were not measured stay as they are";

const SECTIONS: [&str; 5] = ["playbook", "sync", "inventory", "roles", "local"];

/// What was asked for on the command line.
pub struct Options {
    windlass: PathBuf,
    runs: usize,
    only: Vec<String>,
    sections: Vec<String>,
    write: bool,
}

impl Options {
    fn parse(args: &[String]) -> Option<Self> {
        let mut options = Self {
            windlass: PathBuf::from("target/release/windlass"),
            runs: 7,
            only: Vec::new(),
            sections: SECTIONS.map(str::to_owned).into(),
            write: false,
        };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut list = || Some(args.next()?.split(',').map(str::to_owned).collect::<Vec<_>>());
            match option.as_str() {
                "--windlass" => options.windlass = PathBuf::from(args.next()?),
                "--runs" => options.runs = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--only" => options.only = list()?,
                "--sections" => {
                    options.sections = list()?;
                    if options.sections.iter().any(|name| !SECTIONS.contains(&name.as_str())) {
                        return None;
                    }
                }
                "--write" => options.write = true,
                _ => return None,
            }
        }
        Some(options)
    }

    fn has(&self, section: &str) -> bool {
        self.sections.iter().any(|name| name == section)
    }

    fn wants(&self, name: &str) -> bool {
        // The script is what all others are held against.
        self.only.is_empty() || name == "script" || self.only.iter().any(|o| o == name)
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Error> {
    if options.has("playbook") || options.has("sync") {
        windlass_test_hosts::available()?;
    }
    let windlass = std::path::absolute(&options.windlass).map_err(Error::io(&options.windlass))?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let folder = folder.canonicalize().map_err(Error::io(&folder))?;
    let venv = tools::Environment::prepare(&folder)?;

    let mut sections = Vec::new();
    let mut complete = true;
    // What is alone on the machine is measured first: hosts that were just shut down still keep it busy.
    let contests: [(&str, &str, Measure); 3] = [
        ("inventory", "inventory", inventory::measure),
        ("roles", "playbook", roles::measure),
        ("local", "playbook", local::measure),
    ];
    for (name, kind, measure) in contests.into_iter().filter(|(name, ..)| options.has(name)) {
        let wants = |tool: &str| options.wants(tool) && !(name == "roles" && tool == "ansible-core-rs");
        let programs = contest::programs(&windlass, &venv, kind, wants);
        let contest = measure(&programs, options.runs)?;
        complete &= contest.is_complete();
        sections.push(contest.section());
    }
    if options.has("playbook") {
        let rows = playbook(options, &windlass, &venv)?;
        complete &= rows.iter().all(|row| row.problem.is_none());
        sections.insert(0, report::playbook(&rows));
    }
    if options.has("sync") {
        let syncs = sync::measure(&windlass, options.runs)?;
        complete &= syncs.iter().all(|sync| sync.problem.is_none());
        sections.insert(usize::from(options.has("playbook")), report::tree_sync(&syncs));
    }
    let sections = report::text(&sections, &venv);
    println!("{}", report::printed(&sections));
    if options.write {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, report::page(&old, &sections)).map_err(Error::io(&path))?;
    }
    Ok(complete)
}

type Measure = fn(&[contest::Program], usize) -> Result<contest::Contest, Error>;

/// The playbook on a host, by each tool.
fn playbook(
    options: &Options,
    windlass: &Path,
    venv: &tools::Environment,
) -> Result<Vec<measure::Row>, Error> {
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    workload::write(work.path())?;
    let mut rows = Vec::new();
    let mut model = None;
    for tool in tools::all(windlass, venv).into_iter().filter(|t| options.wants(t.name())) {
        eprintln!("measuring {} ...", tool.title());
        let row = measure::tool(&*tool, work.path(), options.runs, &mut model);
        if let Some(problem) = &row.problem {
            eprintln!("  {problem}");
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_chosen_by_name() {
        let parse = |args: &[&str]| Options::parse(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        let all = parse(&[]);
        assert!(all.is_some_and(|o| SECTIONS.iter().all(|name| o.has(name))));
        let some = parse(&["--sections", "roles,local", "--only", "windlass"]);
        assert!(
            some.is_some_and(|o| o.has("roles") && o.has("local") && !o.has("sync") && !o.wants("ansible"))
        );
        assert!(parse(&["--sections", "everything"]).is_none());
    }
}
