//! The programs that are compared, in the environment of a run.

use crate::forked::{ENVIRONMENT, Ended, forked};
use crate::run::Run;
use std::io::{Seek as _, Write as _};
use std::process::Command;
use windlass_test_oracle::Reference;

/// Runs ansible-playbook with these words; with an environment or input of its own in a process of its own, since settings are read once.
pub fn ansible_playbook(reference: &Reference, run: &Run, words: &[String]) -> Ended {
    if !run.environment.is_empty() || !run.input.is_empty() {
        let mut command = Command::new(reference.bin().join("ansible-playbook"));
        return ended(command.current_dir(&run.folder).args(words), run);
    }
    forked(reference, &run.folder, words)
}

/// Runs a program in the environment of a run, with its input.
pub fn ended(command: &mut Command, run: &Run) -> Ended {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(run.input.as_bytes()).unwrap();
    input.rewind().unwrap();
    let command = command.env_remove("ANSIBLE_CONFIG").envs(ENVIRONMENT).stdin(input);
    let output = command.envs(run.environment.iter().cloned()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        errors: text(&output.stderr),
    }
}
