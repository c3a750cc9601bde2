//! A fixed sample of the targets, quick ones of every kind. `make conformance` runs all of them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

const SAMPLE: &[&str] = &[
    "add_host",
    "changed_when",
    "failed_when",
    "filter_urls",
    "ignore_errors",
    "lookup_file",
    "lookup_subelements",
    "lookup_together",
    "ping",
    "test_uri",
];

fn program(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Says loudly that the sample cannot be run here.
fn not_run(reason: &str) {
    let set = |name: &str| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0" && v != "false");
    let required = set("CI") || set("WINDLASS_REQUIRE_HOSTS");
    assert!(!required, "the sample of conformance is required here: {reason}");
    let line = "!".repeat(78);
    let _ = writeln!(
        std::io::stderr(),
        "\n{line}\n!! NOT RUN: a_sample_of_the_targets_passes\n!! {reason}\n!! (set CI=1 to make this a failure)\n{line}"
    );
}

#[test]
fn a_sample_of_the_targets_passes() {
    let ready = program("setup").output().unwrap();
    if !ready.status.success() {
        return not_run(text(&ready).trim());
    }
    let windlass = env!("CARGO_BIN_EXE_windlass");
    let starts = program("target").args(["--starts", windlass]).output().unwrap();
    if !starts.status.success() {
        return not_run(&format!(
            "this build does not start in the base system, a statically linked one does: {}",
            text(&starts).trim()
        ));
    }
    let output = program("run").arg(windlass).args(SAMPLE).env("WRITE", "0").output().unwrap();
    let text = text(&output);
    let failed: Vec<&str> = text.lines().filter(|line| !line.starts_with("PASS ")).collect();
    assert!(output.status.success(), "{}", failed.join("\n"));
    for name in SAMPLE {
        assert!(text.lines().any(|line| line.starts_with(&format!("PASS {name} "))), "{name}:\n{text}");
    }
}
