//! A playbook by both programs.

use crate::compare::{Left, left};
use crate::forked::Ended;
use crate::free::by_host;
use crate::reference::{ansible_playbook, ended};
use std::path::PathBuf;
use std::process::Command;
use windlass_test_oracle::Reference;

/// What is run.
#[derive(Debug, Default)]
pub struct Run {
    /// Where it is run; the other paths are relative to it.
    pub folder: PathBuf,
    pub inventory: String,
    pub playbook: String,
    pub options: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// What is there to read on standard input.
    pub input: String,
    /// What is printed is compared for each host by itself.
    pub by_host: bool,
}

/// One program's end, as it is and as it is compared.
#[derive(Debug)]
pub struct Side {
    pub ended: Ended,
    pub left: Left,
}

/// Runs it by the reference and by windlass, in this order. Each gets an empty folder `out` of its own.
pub fn both(reference: &Reference, run: &Run) -> (Side, Side) {
    let python = format!("ansible_python_interpreter={}", reference.python().display());
    let theirs = side(run, |mut words| {
        words.extend(["-e".to_owned(), python]);
        ansible_playbook(reference, run, &words)
    });
    let ours = side(run, |words| {
        let mut windlass = Command::new(env!("CARGO_BIN_EXE_windlass"));
        ended(windlass.current_dir(&run.folder).arg("playbook").args(words), run)
    });
    (theirs, ours)
}

fn side(run: &Run, go: impl FnOnce(Vec<String>) -> Ended) -> Side {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let out_is = format!("out={}", out.display());
    let mut words: Vec<String> =
        ["-i", &run.inventory, &run.playbook, "-e", &out_is].map(str::to_owned).to_vec();
    words.extend(run.options.iter().cloned());
    let ended = go(words);
    let printed = if run.by_host { by_host(&ended.out) } else { ended.out.clone() };
    let left = left(ended.code, &printed, &out);
    Side { ended, left }
}
