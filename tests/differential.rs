//! The same playbooks by windlass and by ansible-core, on this machine: exit code, what they print, and the files they leave
//! have to be equal.
//!
//! Of what is printed, times and temporary paths do not count, nor which host of a task is first. What differs on purpose is in
//! `PECULIAR` and `printed`, with the reason.
//!
//! The reference comes from PyPI into `target/oracle` on first use.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use windlass_test_oracle::Reference;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a run left: exit code, what it printed, and the files by name with mode and content.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: i32,
    printed: Vec<String>,
    files: BTreeMap<String, (u32, Vec<u8>)>,
}

/// Lines that one of the two prints on purpose.
const PECULIAR: &[(&str, &str)] = &[
    ("^No config file found; using defaults$", "windlass names the file only if there is one"),
    (
        r"^\[ERROR\]: Task failed: Action failed\.\n?$",
        "the reference explains a failure that `failed_when` undid",
    ),
    (
        r"non-integer value given for prompt duration|unable to convert to int: invalid literal",
        "`pause` has words of its own for a duration that is no number",
    ),
    (
        r"Premature end of stream waiting for become success|is not installed \(sudo to ",
        "windlass says what is missing; the reference, what its shell says of it",
    ),
    (r"^[\w.-]+ [|!] ", "windlass shows the output of commands while they run"),
];

fn replaced(text: &str, pattern: &str, by: &str) -> String {
    regex::Regex::new(pattern).unwrap().replace_all(text, by).into_owned()
}

/// What is printed, in a form that may be compared: for each banner what follows, the hosts in their order.
fn printed(text: &str, out: &Path) -> Vec<String> {
    let text = text.replace(&*out.to_string_lossy(), "OUT");
    let text =
        replaced(&text, r#""(start|end|stop|delta|atime|mtime|ctime)": ("[^"]*"|[\d.]+)"#, "\"$1\": TIME");
    let text = replaced(&text, r"Paused for [\d.]+ ", "Paused for TIME ");
    // The reference has words for a failure that has none, and shows a delegation that could not be rendered.
    let text =
        replaced(&text, r#", "msg": "Task failed: Action failed: Unknown error\."|-> \{\{ nope }} ?"#, "");
    let text = replaced(&text, r"Action failed: (Unknown error\.|the task failed)", "Action failed");
    let text = text.replace("[alpha ]", "[alpha]");
    // The hosts of an include come as they ended.
    let text = regex::Regex::new(r"(?m)^(included: .* for )([^=\n]*?)( => .*)?$").unwrap().replace_all(
        &text,
        |found: &regex::Captures<'_>| {
            let mut hosts: Vec<&str> = found[2].split(", ").collect();
            hosts.sort_unstable();
            format!("{}{}{}", &found[1], hosts.join(", "), found.get(3).map_or("", |m| m.as_str()))
        },
    );
    let text = replaced(&text, r#", "src": "/root/.ansible/tmp/[^"]*""#, "");
    let entry = regex::Regex::new(
        r"^(ok|changed|skipping|fatal|failed): \[([^\] ]+)|^(included|FAILED - RETRYING|\[ERROR\])",
    )
    .unwrap();
    let peculiar: Vec<regex::Regex> = PECULIAR.iter().map(|(p, _)| regex::Regex::new(p).unwrap()).collect();
    let mut blocks = Vec::new();
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut close = |entries: &mut Vec<(String, String)>| {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        blocks.extend(entries.drain(..).map(|(_, text)| text));
    };
    let mut hidden = false;
    for line in text.lines().filter(|l| l.starts_with("[ERROR]") || !peculiar.iter().any(|p| p.is_match(l))) {
        if line.ends_with("***") {
            close(&mut entries);
            hidden = false;
        }
        if let Some(found) = entry.captures(line) {
            // First what concerns no host.
            let host = found.get(2).map_or(String::new(), |m| m.as_str().to_owned());
            hidden |= line.contains("\"censored\"");
            entries.push((host, line.to_owned()));
        } else if entries.last().is_some_and(|(_, text)| text.starts_with("[ERROR]")) {
            // Windlass shows where in a template a failure has its cause, and a hint; the reference a chain of causes. Both
            // begin with the message.
        } else if let Some((_, last)) = entries.last_mut() {
            last.push_str(&format!("\n{line}"));
        } else {
            entries.push((String::new(), line.to_owned()));
        }
        if hidden {
            // Windlass keeps the message to itself, too.
            entries.retain(|(_, text)| !text.starts_with("[ERROR]"));
        }
    }
    close(&mut entries);
    blocks.retain(|block: &String| !peculiar.iter().any(|p| p.is_match(block)));
    let tidy = |block: String| block.trim_end().to_owned();
    blocks.into_iter().map(tidy).filter(|b| !b.is_empty()).collect()
}

fn left(output: &Output, out: &Path) -> Left {
    use std::os::unix::fs::MetadataExt;
    let printed = printed(&String::from_utf8_lossy(&output.stdout), out);
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(out).min_depth(1).into_iter().map(Result::unwrap) {
        let name = entry.path().strip_prefix(out).unwrap().to_string_lossy().into_owned();
        let content =
            if entry.file_type().is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
        files.insert(name, (entry.metadata().unwrap().mode() & 0o7777, content));
    }
    Left { code: output.status.code().unwrap_or(-1), printed, files }
}

/// Runs a case by both and compares.
fn same(case: &str, options: &[&str]) {
    same_with(case, options, &[]);
}

/// As [`same`], with variables in the environment.
fn same_with(case: &str, options: &[&str], environment: &[(&str, &str)]) {
    let Some(reference) = Reference::get() else { return };
    let dir = root().join("tests/differential");
    let go = |program: &mut Command, more: &[String]| {
        // One path for both, so that files that name it are equal.
        let out = tempfile::tempdir().unwrap();
        let place = out.path().join("out");
        std::fs::create_dir(&place).unwrap();
        let output = program
            .current_dir(&dir)
            .args(["-i", "hosts.ini", &format!("{case}.yml"), "-e", &format!("out={}", place.display())])
            .args(options)
            .args(more)
            .env("ANSIBLE_LOCALHOST_WARNING", "0")
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_SHOW_CUSTOM_STATS", "1")
            .env("WINDLASS_TEST_VALUE", "v")
            .env_remove("ANSIBLE_CONFIG")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let left = left(&output, &place);
        (
            left,
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let python = format!("ansible_python_interpreter={}", reference.python().display());
    let (theirs, their_out, their_err) =
        go(&mut Command::new(reference.bin().join("ansible-playbook")), &["-e".to_owned(), python]);
    let mut windlass = Command::new(env!("CARGO_BIN_EXE_windlass"));
    let (ours, our_out, our_err) = go(windlass.arg("playbook"), &[]);
    for text in [&our_out, &our_err] {
        assert!(!text.contains("not-to-be-seen"), "{case}: windlass prints what no_log hides:\n{text}");
    }
    assert!(
        !theirs.printed.is_empty() || theirs.code == 4,
        "{case}: the reference printed nothing:\n{their_out}\n{their_err}"
    );
    let prints = similar::TextDiff::from_slices(&slices(&theirs.printed), &slices(&ours.printed))
        .iter_all_changes()
        .filter(|change| change.tag() != similar::ChangeTag::Equal)
        .map(|change| format!("{}{}\n", change.tag(), change.value()))
        .collect::<String>();
    assert!(
        ours == theirs,
        "{case} {options:?} differs\nexit codes: windlass {}, ansible {}\nprinted (- ansible, + windlass):\n{prints}\nfiles that differ: {:#?}\n--- windlass\n{our_out}\n{our_err}\n--- ansible\n{their_out}",
        ours.code,
        theirs.code,
        different(&ours, &theirs),
    );
}

fn slices(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn different(ours: &Left, theirs: &Left) -> Vec<String> {
    let names = ours.files.keys().chain(theirs.files.keys());
    let text = |left: &Left, name: &str| {
        left.files
            .get(name)
            .map_or_else(|| "(none)".to_owned(), |(m, c)| format!("{m:o} {}", String::from_utf8_lossy(c)))
    };
    let mut all: Vec<String> = names
        .filter(|n| ours.files.get(*n) != theirs.files.get(*n))
        .map(|n| format!("{n}: ours {} / theirs {}", text(ours, n), text(theirs, n)))
        .collect();
    all.dedup();
    all
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

#[test]
fn facts_that_are_gathered_once() {
    same_with("gathered", &[], &[("ANSIBLE_GATHERING", "smart")]);
}

#[test]
fn what_counts_as_gathered() {
    same_with("subset", &["-v"], &[("ANSIBLE_GATHERING", "smart")]);
}
