//! Every playbook of `plays/SUBJECT/` by both programs. A playbook's head says what is special about it:
//!
//! ```yaml
//! # options: -e number=1 --tags one     other words for the command; each such line is a run of its own
//! # environment: ANSIBLE_SETTING=value   ($COLLECTIONS is where those of the reference are)
//! # inventory: ../other.ini             another inventory than `plays/hosts.ini`
//! # exit: 2                             the exit code, where it is not 0
//! # says: 'nothing' is undefined        what both have to say, wherever; line breaks do not count
//! # output: free                        only the end and the files are compared, and what both have to say
//! ```
//!
//! All are run with `-v`, so that every result is compared. A case is added by adding a file.
//! `WINDLASS_PLAYS=loops/` chooses those whose path has this text in it.

use crate::compare::{differences, replaced};
use crate::root;
use crate::run::{Run, Side, both};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass_test_oracle::Reference;

/// A playbook and what its head says.
struct Case {
    path: PathBuf,
    name: String,
    options: Vec<Vec<String>>,
    environment: Vec<(String, String)>,
    inventory: String,
    exit: i32,
    says: Vec<String>,
    free: bool,
}

/// How many playbooks there have to be at least, here and in `plays/`.
const AT_LEAST: usize = 150;

fn folder() -> PathBuf {
    root().join("tests/differential/plays")
}

fn case(path: &Path) -> Case {
    let name = path.strip_prefix(folder()).unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let words = |line: &str| shlex::split(line).unwrap_or_else(|| panic!("{name}: {line}"));
    let mut case = Case {
        path: path.to_owned(),
        name: name.clone(),
        options: Vec::new(),
        environment: Vec::new(),
        inventory: "../hosts.ini".to_owned(),
        exit: 0,
        says: Vec::new(),
        free: false,
    };
    for line in text.lines().map_while(|line| line.strip_prefix('#')) {
        let Some((key, value)) = line.split_once(": ") else { continue };
        match key.trim() {
            "options" => case.options.push(words(value)),
            "environment" => {
                let setting = |word: &String| {
                    let (setting, value) = word.split_once('=').unwrap_or_else(|| panic!("{name}: {word}"));
                    (setting.to_owned(), value.to_owned())
                };
                case.environment.extend(words(value).iter().map(setting));
            }
            "inventory" => case.inventory = value.trim().to_owned(),
            "exit" => case.exit = value.trim().parse().unwrap_or_else(|_| panic!("{name}: {line}")),
            "output" => case.free = value.trim() == "free",
            "says" => case.says.push(value.trim().to_owned()),
            _ => {}
        }
    }
    if case.options.is_empty() {
        case.options.push(Vec::new());
    }
    case
}

fn all() -> Vec<Case> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for subject in std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if subject.is_dir() {
            let inside = std::fs::read_dir(&subject).unwrap().map(|entry| entry.unwrap().path());
            paths.extend(inside.filter(|path| path.extension().is_some_and(|e| e == "yml")));
        }
    }
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

/// The playbooks beside `plays/`; each of them is run by a test of `main.rs`, or has its tasks listed by `tests/options.rs`.
fn named() -> Vec<String> {
    let here =
        std::fs::read_dir(root().join("tests/differential")).unwrap().map(|entry| entry.unwrap().path());
    let names = here.filter(|path| path.extension().is_some_and(|e| e == "yml"));
    let names: Vec<String> =
        names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let run = concat!(include_str!("main.rs"), include_str!("free.rs"));
    let listed = include_str!("../options/cases.txt");
    for name in &names {
        let known = run.contains(&format!("\"{name}\"")) || listed.contains(&format!(" {name}.yml "));
        assert!(known, "no test runs {name}.yml");
    }
    names.into_iter().filter(|name| run.contains(&format!("\"{name}\""))).collect()
}

/// A text without line breaks and indentation, so that broken lines do not count.
fn flat(side: &Side) -> String {
    let text = format!("{} {}", side.ended.out, side.ended.errors);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Leaves of what was printed what is compared.
fn substance(side: &mut Side, free: bool) {
    if free {
        side.left.printed.clear();
    }
    // The message is in the result as well; the reference prints one that it has printed before not again.
    side.left.printed.retain(|block| !block.starts_with("[ERROR]"));
    for block in &mut side.left.printed {
        // Windlass tells where the condition stands, the reference where its value does, if it knows.
        *block = replaced(block, r" at '[^']*'\. Conditionals must", " at PLACE. Conditionals must");
        // The reference says how to see where its Python was.
        *block = replaced(block, r#""timedout": \{"frame": "[^"]*", "#, "\"timedout\": {");
        // OpenSSH's words, and those of the client that is built in.
        let words = r"ssh: (ssh: connect to host|cannot connect to) 127\.0\.0\.1( port |:)1:";
        *block = replaced(block, words, "ssh: 127.0.0.1:1:");
    }
}

/// What is wrong with a case, for people.
fn wrong(reference: &Reference, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut environment = case.environment.clone();
    for (_, value) in environment.iter_mut().filter(|(_, value)| value == "$COLLECTIONS") {
        let Some(collections) = reference.collections() else { return wrong };
        *value = collections.to_string_lossy().into_owned();
    }
    for options in &case.options {
        let mut words = vec!["-v".to_owned()];
        words.extend(options.iter().cloned());
        let run = Run {
            folder: case.path.parent().unwrap().to_owned(),
            inventory: case.inventory.clone(),
            playbook: case.path.file_name().unwrap().to_string_lossy().into_owned(),
            options: words,
            environment: environment.clone(),
            ..Run::default()
        };
        let (mut theirs, mut ours) = both(reference, &run);
        substance(&mut theirs, case.free);
        substance(&mut ours, case.free);
        let mut text = differences(&ours.left, &theirs.left).unwrap_or_default();
        for (who, side) in [("ansible", &theirs), ("windlass", &ours)] {
            if side.ended.code != case.exit {
                text.push_str(&format!("{who} ends with {}, not {}\n", side.ended.code, case.exit));
            }
            let said = flat(side);
            for wanted in case.says.iter().filter(|wanted| !said.contains(wanted.as_str())) {
                text.push_str(&format!("{who} does not say: {wanted}\n"));
            }
        }
        if !text.is_empty() {
            let errors = |side: &Side| side.ended.errors.trim_end().to_owned();
            wrong.push(format!(
                "==== {} {}\n{text}-- messages of ansible\n{}\n-- messages of windlass\n{}\n",
                case.name,
                options.join(" "),
                errors(&theirs),
                errors(&ours)
            ));
        }
    }
    wrong
}

#[test]
fn all_plays() {
    let Some(reference) = Reference::get() else { return };
    let chosen = std::env::var("WINDLASS_PLAYS").unwrap_or_default();
    let cases = all();
    let count = cases.len() + named().len();
    assert!(count >= AT_LEAST, "only {count} playbooks");
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.name.contains(&chosen)).collect();
    let next = AtomicUsize::new(0);
    let failed: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = wrong(reference, case);
                    count.fetch_add(1, Ordering::Relaxed);
                    failed.lock().unwrap().extend(wrong);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert_eq!(count.into_inner(), cases.len(), "not every playbook was run by both");
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
