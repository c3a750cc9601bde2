//! The same playbooks by windlass and by ansible-core, on this machine: exit code, what they print, and the files they leave
//! have to be equal.
//!
//! The playbooks in this folder are named below with their options. Those in `plays/`, a folder for each subject, are found by
//! themselves: see `plays.rs`. The reference comes from PyPI into `target/oracle` on first use.

#![allow(clippy::unwrap_used, missing_docs)]

mod compare;
mod forked;
mod free;
mod plays;
mod reference;
mod run;

use run::{Run, both};
use std::path::PathBuf;
use std::process::Command;
use windlass_test_oracle::Reference;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a case by both and compares.
fn same(case: &str, options: &[&str]) {
    same_with(case, options, &[]);
}

/// As [`same`], with variables in the environment.
fn same_with(case: &str, options: &[&str], environment: &[(&str, &str)]) {
    check(&run_of(case, options, environment));
}

/// The run of a playbook of this folder.
fn run_of(case: &str, options: &[&str], environment: &[(&str, &str)]) -> Run {
    Run {
        folder: root().join("tests/differential"),
        inventory: "hosts.ini".to_owned(),
        playbook: format!("{case}.yml"),
        options: options.iter().map(|word| (*word).to_owned()).collect(),
        environment: environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..Run::default()
    }
}

/// Runs it by both and compares.
fn check(run: &Run) {
    let Some(reference) = Reference::get() else { return };
    let (case, options) = (&run.playbook, &run.options);
    let (theirs, ours) = both(reference, run);
    for text in [&ours.ended.out, &ours.ended.errors] {
        assert!(!text.contains("not-to-be-seen"), "{case}: windlass prints what no_log hides:\n{text}");
    }
    assert!(!theirs.left.printed.is_empty() || theirs.left.code == 4, "{case}: {:?}", theirs.ended);
    let differ = compare::differences(&ours.left, &theirs.left);
    if let Some(differences) = differ {
        panic!(
            "{case} {options:?} differs\n{differences}\n--- windlass\n{}\n{}\n--- ansible\n{}",
            ours.ended.out, ours.ended.errors, theirs.ended.out
        );
    }
}

macro_rules! cases {
    ($($name:ident => $case:literal $options:expr;)*) => { $( #[test] fn $name() { same($case, &$options); } )* };
}

cases! {
    variables_by_precedence => "precedence" [];
    loops_and_retries => "loops" [];
    blocks_rescues_and_lost_hosts => "blocks" [];
    handlers_in_their_order => "handlers" [];
    includes_imports_and_new_hosts => "includes" [];
    delegation_batches_and_fatal_errors => "delegation" [];
    templates_and_conditions => "templating" [];
    tags_all => "tags" [];
    tags_chosen => "tags" ["--tags", "deploy,three"];
    tags_skipped => "tags" ["--skip-tags", "two,always"];
    limited_and_forked => "delegation" ["--limit", "web", "-f", "1"];
    check_mode => "precedence" ["--check"];
    what_loops_carry => "carried" [];
    keywords_that_fail_and_what_they_hide => "manners" [];
    results_in_conditions_and_registers => "results" [];
    variables_of_connections_and_becoming_oneself => "connection" [];
    variables_of_roles_at_their_place => "sites" [];
    a_play_with_tags_that_is_not_chosen => "tagged" ["--tags", "other"];
    begins_at_a_name_as_written => "sites" ["--start-at-task", "Names {{ 1 }}*"];
    errors_that_concern_all => "fatal" [];
    one_failure_in_the_name_of_all => "fatal_once" [];
    what_runs_once => "once" [];
    more_failures_than_allowed => "too_many" [];
    meta_tasks => "metas" [];
    meta_tasks_in_detail => "metas" ["-v"];
    handlers_that_include_and_fail => "handled" [];
    handlers_of_hosts_that_failed => "forced" [];
    hosts_that_failed_before => "lost" [];
    includes_that_are_missing => "missing" [];
    no_tags => "tags" ["--tags", ""];
    the_output_itself => "printed" ["-f", "1"];
    the_output_in_detail => "printed" ["-f", "1", "-v"];
    custom_statistics => "statistics" [];
    run_once_that_is_undefined => "undefined_once" [];
    a_throttle_that_is_undefined => "undefined_throttle" [];
    tags_that_are_undefined => "undefined_tags" [];
    a_serial_that_is_undefined => "undefined_serial" [];
    an_undefined_handler => "undefined_handler" [];
    what_labels_conditions_and_items_see => "seen" [];
    keywords_of_plays_and_blocks => "keywords" [];
    files_of_variables_by_host_and_facts => "files" [];
    modules_that_the_playbook_brings_along => "own" ["-v"];
    dates_of_yaml => "dates" [];
    tasks_that_run_apart => "async" ["-v"];
    tasks_that_would_run_apart => "async_check" ["--check"];
    arguments_of_roles_that_do_not_fit => "described" [];
    defaults_of_modules_and_groups => "defaulted" [];
}

/// What an encrypted file holds is not printed, wherever it goes: lookups, commands, diffs.
#[test]
fn what_was_encrypted_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .current_dir(&dir)
            .args(arguments)
            .env("HOME", dir.path().join("home"))
            .env_remove("ANSIBLE_CONFIG")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    };
    write("pass", "vault password\n");
    write("line", "s3cret-4pple\n");
    write("values.yml", "user: app\ndb:\n  password: s3cret-value\n");
    write("app.conf.j2", "s3cret-template {{ 1 + 1 }}\nport {{ 4000 + 2 }}\n");
    write("tree/file", "s3cret-tree\n");
    for name in ["line", "values.yml", "app.conf.j2", "tree/file"] {
        run(&["vault", "encrypt", "--vault-password-file", "pass", name]);
    }
    write("old", "s3cret-before\n");
    // What was there before is secret too, by whatever name the folder is called.
    write("home/copied/file", "s3cret-earlier\n");
    write("home/linked/file", "s3cret-earlier\n");
    std::os::unix::fs::symlink("linked", dir.path().join("home/over_a_link")).unwrap();
    write(
        "play.yml",
        "- hosts: localhost
  gather_facts: false
  tasks:
    - debug: {msg: \"{{ lookup('file', 'line') }} {{ lookup('unvault', 'line') }}\"}
    - debug: {var: \"(lookup('file', 'values.yml')|from_yaml).db.password\"}
    - debug: {var: \"lookup('file', 'line').split('-')[1]\"}
    - command: echo {{ lookup('file', 'line') }}
    - copy: src=line dest={{ playbook_dir }}/old
    - template: src=app.conf.j2 dest={{ playbook_dir }}/app.conf
    - copy: src=tree/ dest={{ playbook_dir }}/copied
    - copy: src=tree/ dest=~/copied
    - copy: src=tree/ dest=~/over_a_link
    - debug: {msg: all of it ran}
",
    );
    let shown = run(&["playbook", "--vault-password-file", "pass", "--diff", "-v", "play.yml"]);
    assert!(shown.contains("all of it ran") && shown.contains("********"), "{shown}");
    assert_eq!(shown.matches("diff skipped: the source is encrypted").count(), 5, "{shown}");
    for secret in ["s3cret", "port 4002", "4pple"] {
        assert!(!shown.contains(secret), "{secret}:\n{shown}");
    }
    let made = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(made("old"), "s3cret-4pple\n");
    assert_eq!(made("app.conf"), "s3cret-template 2\nport 4002\n");
    assert_eq!(made("copied/file"), "s3cret-tree\n");
}

#[test]
fn settings_of_the_environment() {
    let settings = [("ANSIBLE_NO_LOG", "true"), ("ANSIBLE_TASK_TIMEOUT", "8"), ("ANSIBLE_VERBOSITY", "1")];
    same_with("settings", &[], &settings);
}

/// With `-vv` each `meta` task says what it did.
#[test]
fn what_meta_tasks_did() {
    let Some(reference) = Reference::get() else { return };
    let lines = |program: &mut Command| {
        let output = program
            .current_dir(root().join("tests/differential"))
            .args(["-i", "hosts.ini", "-vv", "metas.yml"])
            .args(["-e", &format!("ansible_python_interpreter={}", reference.python().display())])
            .env("ANSIBLE_NOCOLOR", "1")
            .env_remove("ANSIBLE_CONFIG")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter(|line| line.starts_with("META: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let theirs = lines(&mut Command::new(reference.bin().join("ansible-playbook")));
    assert!(theirs.len() > 10, "{theirs:?}");
    assert_eq!(lines(Command::new(env!("CARGO_BIN_EXE_windlass")).arg("playbook")), theirs);
}

#[test]
fn facts_that_are_gathered_once() {
    same_with("gathered", &[], &[("ANSIBLE_GATHERING", "smart")]);
}

#[test]
fn what_counts_as_gathered() {
    same_with("subset", &["-v"], &[("ANSIBLE_GATHERING", "smart")]);
}

#[test]
fn what_is_said_to_the_debugger() {
    let said = "p task\np task.args\np host\np task_vars['word']\np nothing.at.all\ntask_vars['word'] = 'other'\n\
                p task.args\nu\np task.args\nr\n\
                task.args['_raw_params'] = 'true'\np task.args['_raw_params']\nr\n\
                p result._return_data['msg']\n\nc\n\
                continue\n\
                p [task.args, 'a' * 30, 'b' * 30]\n";
    let asked = |case: &str, environment: &[(&str, &str)], said: &str| {
        check(&Run { input: said.to_owned(), ..run_of(case, &[], environment) });
    };
    // What is left is answered by the end of the input.
    asked("debugger", &[], said);
    asked("debugger", &[], &said.replace("\nu\n", "\nq\n"));
    free::same_by_host("free_linear", &[], &[("ANSIBLE_STRATEGY", "debug")]);
    asked("undebugged", &[("ANSIBLE_STRATEGY", "debug")], "c\n");
    asked("undebugged", &[("ANSIBLE_ENABLE_TASK_DEBUGGER", "true")], "q\n");
}

#[test]
fn mappings_that_are_merged() {
    let inventory = ["-i", "merged/first.yml", "-i", "merged/second.yml"];
    same_with("merged", &inventory, &[("ANSIBLE_HASH_BEHAVIOUR", "merge")]);
    same_with("merged", &inventory, &[("ANSIBLE_HASH_BEHAVIOUR", "replace")]);
}

#[test]
fn facts_that_are_no_variables() {
    same_with("apart", &[], &[("ANSIBLE_INJECT_FACT_VARS", "false")]);
}
