//! Inventories of all kinds, and single tasks on hosts: the same calls by ansible-core and by windlass under Ansible's names. What is
//! printed, the exit code and the files that are left have to be equal, and what the reference warns of, windlass says as well.
//!
//! What differs on purpose is in `DIFFERS`, with the reason.

#![allow(clippy::unwrap_used)]

mod large;
mod precedence;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use windlass_test_oracle::Reference;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Calls whose end may differ, by how their line ends, and why.
const DIFFERS: &[(&str, &str)] = &[
    ("-m nosuch_module", "an unknown module is a mistake before a host is touched"),
    ("mode=0600' -C -D", "modules tell more in check mode"),
    ("-a '/nonexistent/program'", "Python shows its own text of the path"),
    (
        "extra.yml --list -e word=given",
        "what an expression gives is no template, also where it is a variable of the operator",
    ),
];

/// Warnings of the reference that windlass has no need of, by their beginnings.
const UNSAID: &[(&str, &str)] = &[
    ("Deprecation warnings can be disabled", "there are no warnings of what is deprecated in the reference"),
    ("Error loading plugin", "that there is no such plugin is said once"),
    ("Platform linux on host", "there is no Python on targets"),
];

/// What a call left: its exit code, what it printed, the files of its folder.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: Option<i32>,
    printed: String,
    files: BTreeMap<String, String>,
}

/// The words of a line as a shell splits them at blanks and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            out.push(part.to_owned());
        } else {
            out.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        }
    }
    out
}

/// A call by one of the two: what it left, and its messages.
fn go(line: &str, program: &dyn Fn(&str) -> PathBuf, more: &[String]) -> (Left, String) {
    let out = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let place = out.path().to_string_lossy().into_owned();
    let words: Vec<String> = words(line).iter().map(|word| word.replace("$OUT", &place)).collect();
    let (settings, words) =
        words.split_at(words.iter().position(|word| !word.starts_with("ANSIBLE_")).unwrap());
    let name = match words[0].as_str() {
        "adhoc" => "ansible".to_owned(),
        name => format!("ansible-{name}"),
    };
    let output = Command::new(program(&name))
        .current_dir(root().join("tests/inventory/sources"))
        .args(&words[1..])
        .args(more)
        .env("HOME", home.path())
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_DEPRECATION_WARNINGS", "0")
        .env_remove("ANSIBLE_CONFIG")
        .envs(settings.iter().map(|setting| setting.split_once('=').unwrap()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&place, "OUT");
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(out.path()).min_depth(1).into_iter().map(Result::unwrap) {
        let name = entry.path().strip_prefix(out.path()).unwrap().to_string_lossy().into_owned();
        let content = std::fs::read_to_string(entry.path()).unwrap_or_default();
        files.insert(name, tidy(&content.replace(&place, "OUT")));
    }
    let printed = tidy(&text(&output.stdout));
    let printed = if line.contains("--yaml") && !printed.is_empty() {
        // The reference writes what several hosts have in common once, and refers to it.
        let tree: serde_json::Value = serde_yaml::from_str(&printed).unwrap();
        tree.to_string()
    } else {
        printed
    };
    (Left { code: output.status.code(), printed, files }, text(&output.stderr))
}

/// Without times, and without the names of temporary files.
fn tidy(text: &str) -> String {
    let replaced = |text: &str, pattern: &str, by: &str| {
        regex::Regex::new(pattern).unwrap().replace_all(text, by).into_owned()
    };
    // Both begin to explain a failure with the same line; windlass shows its place, the reference a chain of causes.
    let text = replaced(text, r"(?ms)^(\[ERROR\]: [^\n]*)\n.*?(^[\w.-]+ \| )", "$1\n$2");
    let text =
        replaced(&text, r#""(start|end|stop|delta|atime|mtime|ctime)": ("[^"]*"|[\d.]+)"#, "\"$1\": TIME");
    let text = replaced(&text, r#""src": "[^"]*/\.ansible/tmp/[^"]*""#, "\"src\": TEMPORARY");
    replaced(&text, r#"\n *"src": TEMPORARY,?| ?"src": TEMPORARY,?"#, "")
}

/// The warnings in the reference's messages, without the breaks of its lines.
fn warnings(messages: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for line in messages.lines() {
        if let Some(text) = line.strip_prefix("[WARNING]: ") {
            out.push(text.to_owned());
            open = true;
        } else if line.is_empty() || line.starts_with('[') || line.starts_with("Origin:") {
            open = false;
        } else if open && let Some(last) = out.last_mut() {
            last.push(' ');
            last.push_str(line);
        }
    }
    out.retain(|text| !UNSAID.iter().any(|(begin, _)| text.starts_with(begin)));
    out
}

/// What of a warning has to be there, whatever else is said about its cause.
fn essence(warning: &str) -> String {
    // Of the readers that refuse a source, windlass tells those whose reasons help, in its own words.
    if warning.starts_with("Failed to parse inventory with") {
        return "Failedtoparseinventorywith".to_owned();
    }
    warning.split(", use -vvvv").next().unwrap().split_whitespace().collect()
}

fn compare(file: &str, at_least: usize) {
    let Some(reference) = Reference::get() else { return };
    let names = tempfile::tempdir().unwrap();
    for name in ["ansible", "ansible-inventory"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass"), names.path().join(name)).unwrap();
    }
    let cases = std::fs::read_to_string(root().join("tests/inventory").join(file)).unwrap();
    let calls: Vec<&str> = cases.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(calls.len() >= at_least, "only {} calls", calls.len());
    let python = format!("ansible_python_interpreter={}", reference.python().display());
    let differ = |call: &&str| {
        let more = if call.contains("adhoc ") { vec!["-e".to_owned(), python.clone()] } else { Vec::new() };
        let (theirs, their_messages) = go(call, &|name| reference.bin().join(name), &more);
        let (ours, our_messages) = go(call, &|name| names.path().join(name), &[]);
        let said: String = our_messages.split_whitespace().collect();
        let unsaid: Vec<String> = warnings(&their_messages)
            .into_iter()
            .filter(|warning| !said.contains(&essence(warning)))
            .collect();
        let known = DIFFERS.iter().any(|(end, _)| call.ends_with(end));
        let same = known || (ours == theirs && unsaid.is_empty());
        (!same).then(|| {
            format!("## {call}\nwindlass {ours:#?}\nansible {theirs:#?}\nnot said: {unsaid:#?}\n-- windlass\n{our_messages}\n-- ansible\n{their_messages}")
        })
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

#[test]
fn inventories_of_all_kinds() {
    compare("cases.txt", 70);
}

#[test]
fn single_tasks_on_hosts() {
    compare("adhoc.txt", 40);
}
