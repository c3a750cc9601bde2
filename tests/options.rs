//! Calls that change nothing (lists, graphs, host patterns, wrong options) by windlass under Ansible's names and by ansible-core: what
//! is printed and the exit code have to be equal.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use windlass_test_oracle::Reference;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What counts of a call's end.
fn shown(call: &str, output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = if call.contains("--list-hosts") {
        // The reference takes hosts from a set: each run has another order.
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    } else if call.contains("--yaml") {
        // It also writes equal values once, as an alias.
        let tree: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        tree.to_string()
    } else {
        text
    };
    (output.status.code(), text)
}

fn go(program: &Path, call: &str) -> (Option<i32>, String) {
    let mut words = call.split(' ');
    words.next();
    let output = Command::new(program)
        .current_dir(root().join("tests/differential"))
        .args(["-i", "hosts.ini"])
        .args(words)
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_DEPRECATION_WARNINGS", "0")
        .env_remove("ANSIBLE_CONFIG")
        .stdin(Stdio::null())
        .output();
    shown(call, &output.unwrap())
}

#[test]
fn calls_that_only_tell_something() {
    let Some(reference) = Reference::get() else { return };
    let names = tempfile::tempdir().unwrap();
    let ours = |name: &str| -> PathBuf { names.path().join(format!("ansible-{name}")) };
    for name in ["playbook", "inventory", "vault"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass"), ours(name)).unwrap();
    }
    let cases = std::fs::read_to_string(root().join("tests/options/cases.txt")).unwrap();
    let calls: Vec<&str> = cases.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(calls.len() > 30);
    let differ = &|call: &&str| {
        let name = call.split(' ').next().unwrap();
        let theirs = go(&reference.bin().join(format!("ansible-{name}")), call);
        let mine = go(&ours(name), call);
        (mine != theirs).then(|| format!("{call}\n  windlass {mine:?}\n  ansible  {theirs:?}"))
    };
    let different: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = calls
            .chunks(calls.len().div_ceil(4))
            .map(|part| scope.spawn(move || part.iter().filter_map(differ).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(
        different.is_empty(),
        "{} of {} calls differ:\n{}",
        different.len(),
        calls.len(),
        different.join("\n")
    );
}
