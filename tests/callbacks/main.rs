//! The callbacks by windlass and by the reference: what they print, what files they write and the exit code have to be equal,
//! times and random numbers aside.
//!
//! The reference comes from PyPI into `target/oracle` on first use.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_test_oracle::Reference;

/// What a run left.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: i32,
    out: String,
    files: BTreeMap<String, String>,
    /// Standard output as it is, but for the place.
    raw: String,
}

struct Run<'a> {
    environment: &'a [(&'a str, &'a str)],
    options: &'a [&'a str],
    /// Standard error is compared too.
    errors: bool,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callbacks")
}

fn replaced(text: &str, pattern: &str, by: &str) -> String {
    regex::Regex::new(pattern).unwrap().replace_all(text, by).into_owned()
}

/// A text without times.
fn timeless(text: &str, out: &Path) -> String {
    let text = text.replace(&*out.to_string_lossy(), "OUT");
    let text =
        replaced(&text, r#"("|&quot;)(start|end|delta)("|&quot;): ("|&quot;)[^"&]*("|&quot;)"#, "$2: TIME");
    let text = replaced(&text, r"(?m)^( *)(start|end|delta): .*$", "$1$2: TIME");
    let text = replaced(&text, r#" time="[^"]*""#, "");
    let text = replaced(&text, r"\w+day \d\d \w+ \d{4}  \d\d:\d\d:\d\d [+-]\d{4}", "NOW");
    let text = replaced(&text, r"\d:\d\d:\d\d\.\d{3}", "TIME");
    let text = replaced(&text, r"-+ \d+\.\d\ds", " TIME");
    // What was included is told without arguments, and there are no tracebacks.
    let text = replaced(&text, r" \(args=\{.*\} vars=\{.*\}\): \[", ": [");
    let text = replaced(&text, r#"(?s)(<error [^>]*>)[^<]*</error>"#, "$1</error>");
    let text = replaced(&text, r#"(?s)&quot;invocation&quot;: \{\n&quot;module_args.*?\n\}\n\},\n"#, "");
    let text = replaced(&text, r#""invocation": \{"module_args.*?\}\},"#, "");
    // Windlass names its configuration only if there is one.
    let text = replaced(&text, r"(?m)^No config file found; using defaults\n", "");
    let text = replaced(&text, r"\d+ minutes, \d+ seconds", "TIME");
    // The reference leaves the temporary place of what was copied in the result.
    let text = replaced(
        &text,
        r#"(?m)^ *("|&quot;)?src("|&quot;)?: ("|&quot;)?[^ ,\n]*/\.ansible/tmp/[^ ,\n]*,?\n"#,
        "",
    );
    replaced(&text, r#""src": "[^ ,\n]*/\.ansible/tmp/[^ ,\n]*, ?"#, "")
}

fn go(program: &mut Command, more: &[String], run: &Run<'_>) -> Left {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().join("out");
    let written = out.path().join("written");
    std::fs::create_dir(&place).unwrap();
    std::fs::create_dir(&written).unwrap();
    let output = program
        .current_dir(here())
        .args(["-i", "hosts.ini", "play.yml", "-f", "1", "-e", &format!("out={}", place.display())])
        .args(run.options)
        .args(more)
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_DEPRECATION_WARNINGS", "0")
        .env("ANSIBLE_LOCALHOST_WARNING", "0")
        .env("JUNIT_OUTPUT_DIR", &written)
        .env("ANSIBLE_CALLBACK_TREE_DIR", &written)
        .env_remove("ANSIBLE_CONFIG")
        .envs(run.environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut shown = text(&output.stdout);
    if run.errors {
        shown.push_str("--- errors\n");
        shown.push_str(&text(&output.stderr));
    }
    assert!(!shown.contains("not-to-be-seen"), "{shown}");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&written).unwrap().map(Result::unwrap) {
        let name = replaced(&entry.file_name().to_string_lossy(), r"\d{10,}\.\d+", "TIME");
        files.insert(name, timeless(&std::fs::read_to_string(entry.path()).unwrap(), &place));
    }
    let raw = text(&output.stdout).replace(&*place.to_string_lossy(), "OUT");
    Left { code: output.status.code().unwrap_or(-1), out: timeless(&shown, &place), files, raw }
}

/// Both, the reference first.
fn both(run: &Run<'_>) -> Option<(Left, Left)> {
    let reference = Reference::get()?;
    let collections = reference.collections()?;
    let python = format!("ansible_python_interpreter={}", reference.python().display());
    let mut theirs = Command::new(reference.bin().join("ansible-playbook"));
    theirs.env("ANSIBLE_COLLECTIONS_PATH", collections);
    let theirs = go(&mut theirs, &["-e".to_owned(), python], run);
    let mut windlass = Command::new(env!("CARGO_BIN_EXE_windlass"));
    Some((theirs, go(windlass.arg("playbook"), &[], run)))
}

fn same_run(run: &Run<'_>) {
    let Some((theirs, ours)) = both(run) else { return };
    let text = |left: &Left| {
        let files: String = left.files.iter().map(|(name, text)| format!("--- {name}\n{text}\n")).collect();
        format!("exit code {}\n{}{files}", left.code, left.out)
    };
    let (theirs, ours) = (text(&theirs), text(&ours));
    let differences: String = similar::TextDiff::from_lines(&theirs, &ours)
        .unified_diff()
        .context_radius(2)
        .header("ansible", "windlass")
        .to_string();
    assert!(differences.is_empty(), "{:?} {:?}\n{differences}", run.environment, run.options);
}

fn same(environment: &[(&str, &str)], options: &[&str]) {
    same_run(&Run { environment, options, errors: false });
}

macro_rules! cases {
    ($($name:ident $environment:expr, $options:expr;)*) => { $( #[test] fn $name() { same(&$environment, &$options); } )* };
}

cases! {
    minimal [("ANSIBLE_STDOUT_CALLBACK", "minimal")], ["--diff"];
    minimal_in_yaml [("ANSIBLE_STDOUT_CALLBACK", "ansible.builtin.minimal"), ("ANSIBLE_CALLBACK_RESULT_FORMAT", "yaml")], [];
    minimal_on_one_line [("ANSIBLE_STDOUT_CALLBACK", "minimal"), ("ANSIBLE_CALLBACK_FORMAT_PRETTY", "false")], [];
    oneline [("ANSIBLE_STDOUT_CALLBACK", "oneline")], [];
    yaml [("ANSIBLE_CALLBACK_RESULT_FORMAT", "yaml")], ["-v", "--diff"];
    yaml_without_loss [("ANSIBLE_CALLBACK_RESULT_FORMAT", "yaml"), ("ANSIBLE_CALLBACK_FORMAT_PRETTY", "false")], ["-v"];
    json_on_several_lines [("ANSIBLE_CALLBACK_FORMAT_PRETTY", "true"), ("ANSIBLE_SHOW_CUSTOM_STATS", "true")], ["-v"];
    json_on_one_line [("ANSIBLE_CALLBACK_FORMAT_PRETTY", "false"), ("ANSIBLE_SHOW_CUSTOM_STATS", "true")], ["-v"];
    yaml_with_statistics [("ANSIBLE_CALLBACK_RESULT_FORMAT", "yaml"), ("ANSIBLE_SHOW_CUSTOM_STATS", "true")], [];
    yaml_of_the_collection [("ANSIBLE_STDOUT_CALLBACK", "community.general.yaml")], ["-v"];
    output_of_programs_apart [("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.debug")], ["-v"];
    nothing_at_all [("ANSIBLE_STDOUT_CALLBACK", "community.general.null")], [];
    places_of_failures [("ANSIBLE_SHOW_TASK_PATH_ON_FAILURE", "true")], [];
    markers_of_check_mode [("ANSIBLE_CHECK_MODE_MARKERS", "true")], ["--check"];
    starts_of_hosts [("ANSIBLE_SHOW_PER_HOST_START", "true")], [];
    arguments_in_banners [("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "true")], [];
    only_what_matters [("ANSIBLE_DISPLAY_OK_HOSTS", "false"), ("ANSIBLE_DISPLAY_SKIPPED_HOSTS", "false")], ["-v"];
    timer_and_profile [("ANSIBLE_CALLBACKS_ENABLED", "ansible.posix.timer, profile_tasks"), ("PROFILE_TASKS_SORT_ORDER", "none")], [];
    a_short_profile [
        ("ANSIBLE_CALLBACKS_ENABLED", "profile_tasks"), ("PROFILE_TASKS_SORT_ORDER", "none"),
        ("PROFILE_TASKS_TASK_OUTPUT_LIMIT", "3"), ("PROFILE_TASKS_SUMMARY_ONLY", "true")
    ], [];
    tree [("ANSIBLE_CALLBACKS_ENABLED", "tree")], [];
    junit [("ANSIBLE_CALLBACKS_ENABLED", "junit")], [];
    junit_of_chosen_tasks [
        ("ANSIBLE_CALLBACKS_ENABLED", "junit"), ("JUNIT_TASK_RELATIVE_PATH", "/usr"), ("JUNIT_TASK_CLASS", "true"),
        ("JUNIT_FAIL_ON_CHANGE", "true"), ("JUNIT_FAIL_ON_IGNORE", "true"), ("JUNIT_HIDE_TASK_ARGUMENTS", "true"),
        ("JUNIT_TEST_CASE_PREFIX", "Fails"), ("JUNIT_REPLACE_OUT_OF_TREE_PATH", "elsewhere:")
    ], [];
}

#[test]
fn failures_on_standard_error() {
    let environment = [("ANSIBLE_DISPLAY_FAILED_STDERR", "true")];
    same_run(&Run { environment: &environment, options: &[], errors: false });
    let Some((_, ours)) = both(&Run { environment: &environment, options: &[], errors: true }) else {
        return;
    };
    let (out, errors) = ours.out.split_once("--- errors\n").unwrap();
    assert!(!out.contains("fatal:") && errors.contains("fatal: [beta]: FAILED! => "), "{}", ours.out);
}

/// A run as the callback `json` tells it, without what differs from run to run.
fn tidy(json: &mut Json) {
    match json {
        Json::Object(map) => {
            // Windlass has no `invocation` in results.
            for key in ["invocation", "duration", "id", "start", "end", "delta"] {
                map.remove(key);
            }
            // The temporary place of what was copied.
            if map.get("src").and_then(Json::as_str).is_some_and(|src| src.contains("/.ansible/tmp/")) {
                map.remove("src");
            }
            if map.get("diff").and_then(Json::as_array).is_some_and(Vec::is_empty) {
                map.remove("diff");
            }
            map.values_mut().for_each(tidy);
        }
        Json::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[test]
fn the_whole_run_as_json() {
    for (indent, lines) in [("2", 100), ("0", 1)] {
        let environment = [
            ("ANSIBLE_STDOUT_CALLBACK", "json"),
            ("ANSIBLE_SHOW_CUSTOM_STATS", "true"),
            ("ANSIBLE_JSON_INDENT", indent),
        ];
        let Some((theirs, ours)) = both(&Run { environment: &environment, options: &[], errors: false })
        else {
            return;
        };
        assert_eq!(theirs.code, ours.code);
        let read = |left: &Left| {
            let mut json: Json =
                serde_json::from_str(&left.raw).unwrap_or_else(|error| panic!("{error}\n{}", left.raw));
            tidy(&mut json);
            json.sort_all_objects();
            json
        };
        let pretty = |json: &Json| serde_json::to_string_pretty(json).unwrap();
        let (theirs_json, ours_json) = (pretty(&read(&theirs)), pretty(&read(&ours)));
        let differences = similar::TextDiff::from_lines(&theirs_json, &ours_json)
            .unified_diff()
            .context_radius(3)
            .to_string();
        assert!(differences.is_empty(), "{differences}");
        let count = ours.raw.lines().count();
        assert!(if lines == 1 { count == 1 } else { count > lines }, "{count} lines");
    }
}

#[test]
fn a_format_that_there_is_not() {
    let environment = [("ANSIBLE_CALLBACK_RESULT_FORMAT", "xml")];
    let Some((theirs, ours)) = both(&Run { environment: &environment, options: &[], errors: true }) else {
        return;
    };
    assert_eq!((theirs.code, ours.code), (5, 5));
    assert!(ours.out.contains("'xml' is no format of results"), "{}", ours.out);
}

#[test]
fn callbacks_that_there_are_not() {
    for (environment, said) in [
        (("ANSIBLE_STDOUT_CALLBACK", "nope"), "Could not load 'nope' callback plugin."),
        (("ANSIBLE_CALLBACKS_ENABLED", "nope"), "Skipping callback plugin 'nope', unable to load"),
    ] {
        let environment = [environment];
        let Some((theirs, ours)) = both(&Run { environment: &environment, options: &[], errors: true })
        else {
            return;
        };
        assert_eq!(theirs.code, ours.code, "{environment:?}\n{}\n{}", theirs.out, ours.out);
        for left in [&theirs, &ours] {
            // The reference breaks long lines.
            let flat = left.out.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(said), "{environment:?}\n{}", left.out);
        }
        let banners = |left: &Left| left.out.matches("TASK [").count();
        assert_eq!(banners(&theirs), banners(&ours));
    }
    // Those of collections that windlass does not have: the run goes on.
    let environment =
        [("ANSIBLE_STDOUT_CALLBACK", "community.general.dense"), ("ANSIBLE_CALLBACKS_ENABLED", "slack")];
    if Reference::get().is_none() {
        return;
    }
    let run = Run { environment: &environment, options: &[], errors: true };
    let ours = go(Command::new(env!("CARGO_BIN_EXE_windlass")).arg("playbook"), &[], &run);
    assert_eq!(ours.code, 2);
    for text in ["community.general.dense is not there", "slack is not there", "PLAY RECAP"] {
        assert!(ours.out.contains(text), "{text}:\n{}", ours.out);
    }
}
