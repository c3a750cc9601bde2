//! `make bench`: the same work by several tools, on fresh hosts of the same kind, in one run.
//!
//! Every tool gets a host of its own, one after the other, and is called as its users call it: Ansible keeps its
//! default reuse of SSH connections, and nobody is asked to do more than the others. What each leaves on its host
//! is compared with what the script left, so that nobody wins by not doing the work.
#![allow(clippy::print_stdout)]

mod error;
mod inventory;
mod measure;
mod report;
mod sync;
mod tools;
mod workload;

use error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: windlass-bench [--windlass PROGRAM] [--runs N] [--only NAME,...] [--no-sync] [--no-inventory] [--write]
  --windlass PROGRAM  the windlass to measure (default: target/release/windlass)
  --runs N            runs for each median (default 7; tools that take longer than 5 s get 3, than 20 s 2)
  --only NAME,...     only these tools: script, windlass, pyinfra, ansible-core-rs, mitogen, pipelining, ansible
  --no-sync           leaves the tree sync out
  --no-inventory      leaves the large inventory out
  --write             writes docs/benchmarks.md";

/// What was asked for on the command line.
pub struct Options {
    windlass: PathBuf,
    runs: usize,
    only: Vec<String>,
    sync: bool,
    inventory: bool,
    write: bool,
}

impl Options {
    fn parse(args: &[String]) -> Option<Self> {
        let mut options = Self {
            windlass: PathBuf::from("target/release/windlass"),
            runs: 7,
            only: Vec::new(),
            sync: true,
            inventory: true,
            write: false,
        };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            match option.as_str() {
                "--windlass" => options.windlass = PathBuf::from(args.next()?),
                "--runs" => options.runs = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--only" => options.only = args.next()?.split(',').map(str::to_owned).collect(),
                "--no-sync" => options.sync = false,
                "--no-inventory" => options.inventory = false,
                "--write" => options.write = true,
                _ => return None,
            }
        }
        Some(options)
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
    windlass_test_hosts::available()?;
    let windlass = std::path::absolute(&options.windlass).map_err(Error::io(&options.windlass))?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let folder = folder.canonicalize().map_err(Error::io(&folder))?;
    let venv = tools::Environment::prepare(&folder)?;
    let work = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    workload::write(work.path())?;

    let mut rows = Vec::new();
    let mut model = None;
    for tool in tools::all(&windlass, &venv).into_iter().filter(|t| options.wants(t.name())) {
        eprintln!("measuring {} ...", tool.title());
        let row = measure::tool(&*tool, work.path(), options.runs, &mut model);
        if let Some(problem) = &row.problem {
            eprintln!("  {problem}");
        }
        rows.push(row);
    }
    let syncs = if options.sync { sync::measure(&windlass, options.runs)? } else { Vec::new() };
    let mut listings = Vec::new();
    if options.inventory {
        let mut programs: Vec<(&str, PathBuf, &[&str])> =
            vec![("windlass inventory", windlass.clone(), &["inventory"])];
        if options.wants("ansible") {
            programs.push(("ansible-inventory", venv.program("ansible-inventory"), &[]));
        }
        listings = inventory::measure(&programs, options.runs)?;
    }
    let text = report::text(&rows, &syncs, &listings, &venv);
    println!("{text}");
    if options.write {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
        let page = report::page(&text);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(Error::io(&path))?;
        std::fs::write(&path, page).map_err(Error::io(&path))?;
    }
    Ok(rows.iter().all(|r| r.problem.is_none())
        && syncs.iter().all(|s| s.problem.is_none())
        && listings.iter().all(|l| l.problem.is_none()))
}
