//! `synchronize` beside the reference's module, which runs rsync: the itemized changes, and the trees they leave.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_test_oracle::{Modules, Reference, Times, picture};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    prepare: String,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    args: Value,
    #[serde(default)]
    prepare: String,
    /// Why the two differ, where that is intended: `result`, or `tree`.
    #[serde(default)]
    except: std::collections::BTreeMap<String, String>,
}

const PASSES: [(&str, bool); 3] = [("check", true), ("first", false), ("second", false)];

/// A result, and the tree after it.
type Seen = (Value, Vec<String>);

fn shell(script: &str, root: &Path) {
    let output = Command::new("sh").args(["-ec", script]).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two folders whose paths are of the same length, with a folder of every case in them.
fn plant(file: &File, root: &Path) -> Vec<PathBuf> {
    let folders = (0..file.cases.len()).map(|index| root.join(format!("case{index:03}")));
    let folders: Vec<PathBuf> = folders.collect();
    for (case, folder) in file.cases.iter().zip(&folders) {
        std::fs::create_dir(folder).unwrap();
        let script = case.prepare.replace("{root}", &folder.display().to_string());
        shell(&format!("{}\n{script}", file.prepare), folder);
    }
    folders
}

fn args(case: &Case, folder: &Path) -> Value {
    let mut args = json!({"src": "{root}/src/", "dest": "{root}/dest"});
    args.as_object_mut().unwrap().extend(case.args.as_object().unwrap().clone());
    let text = args.to_string().replace("{root}", &folder.display().to_string());
    serde_json::from_str(&text).unwrap()
}

fn tree(folder: &Path) -> Vec<String> {
    picture(folder, Times::BeforeNow, |_| true).unwrap()
}

/// What there is to compare in a result.
fn outline(result: &Value, folder: &Path) -> Value {
    let failed = result["failed"] == true;
    // Beside what changes rsync tells what it skips and makes: those are its own words.
    let itemized = |line: &&Value| {
        let line = line.as_str().unwrap_or_default();
        line.starts_with("*deleting ")
            || line.as_bytes().get(11) == Some(&b' ') && line.starts_with(['<', '>', 'c', 'h', '.'])
    };
    let lines = result["stdout_lines"].as_array().filter(|_| !failed);
    let lines: Option<Vec<&Value>> = lines.map(|lines| lines.iter().filter(itemized).collect());
    let outline = json!({"changed": result["changed"] == true, "failed": failed, "lines": lines});
    serde_json::from_str(&outline.to_string().replace(&folder.display().to_string(), "{root}")).unwrap()
}

fn theirs(reference: &mut Modules, case: &Case, folder: &Path) -> Vec<Seen> {
    let run = |(_, check): (&str, bool)| {
        let mut args = args(case, folder);
        if let Some(options) = args.get_mut("rsync_opts").and_then(Value::as_array_mut) {
            // The module makes one line of its words, which is split again.
            let quoted = options.iter().map(|o| json!(format!("'{}'", o.as_str().unwrap()))).collect();
            *options = quoted;
        }
        let result = reference.run("ansible.posix.synchronize", &args, check).unwrap();
        (outline(&result, folder), tree(folder))
    };
    PASSES.map(run).into()
}

/// All cases in three runs of a playbook, one for each pass.
fn ours(file: &File, folders: &[PathBuf]) -> Vec<Vec<Seen>> {
    let mut seen: Vec<Vec<Seen>> = vec![Vec::new(); folders.len()];
    for (pass, check) in PASSES {
        let out = tempfile::tempdir().unwrap();
        let mut tasks = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            tasks.push(json!({
                "ansible.posix.synchronize": args(&file.cases[index], folder),
                "register": "r", "ignore_errors": true, "check_mode": check, "diff": false,
            }));
            let dest = out.path().join(format!("{index}"));
            tasks.push(json!({"copy": {"content": "{{ r | to_json }}", "dest": dest}}));
        }
        let play =
            json!([{"hosts": "localhost", "connection": "local", "gather_facts": false, "tasks": tasks}]);
        let playbook = out.path().join("play.yml");
        std::fs::write(&playbook, play.to_string()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(["playbook", "-i", "localhost,"])
            .arg(&playbook)
            .env_remove("ANSIBLE_CONFIG")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{pass}: {said}{}", String::from_utf8_lossy(&output.stderr));
        for (index, folder) in folders.iter().enumerate() {
            let text = std::fs::read_to_string(out.path().join(format!("{index}"))).unwrap();
            let result: Value = serde_json::from_str(&text).unwrap();
            seen[index].push((outline(&result, folder), tree(folder)));
        }
    }
    seen
}

/// A result with the lines that the other has not.
fn beside(result: &Value, other: &Value) -> Value {
    let lines = |value: &Value| value["lines"].as_array().cloned().unwrap_or_default();
    let others = lines(other);
    let own: Vec<Value> = lines(result).into_iter().filter(|line| !others.contains(line)).collect();
    let mut out = result.clone();
    // The same lines in another order.
    if !own.is_empty() || lines(result).len() != others.len() {
        out["lines"] = json!(own);
    }
    out
}

#[test]
fn trees_are_brought_in_line_as_rsync_does_it() {
    let Some(reference) = Reference::get() else { return };
    let Some(collections) = reference.collections() else { return };
    assert!(
        Command::new("rsync").arg("--version").output().is_ok_and(|o| o.status.success()),
        "this test needs rsync: scripts/setup installs it"
    );
    let file: File = serde_yaml::from_str(include_str!("cases.yml")).unwrap();
    let roots = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (left, right) = (plant(&file, roots.0.path()), plant(&file, roots.1.path()));
    let ours = ours(&file, &right);
    let mut reference = Modules::start(reference, Some(collections), &[]).unwrap();
    let mut wrong = Vec::new();
    let mut exceptions = 0;
    for ((case, folder), ours) in file.cases.iter().zip(&left).zip(ours) {
        let mut needed = std::collections::BTreeSet::new();
        exceptions += usize::from(!case.except.is_empty());
        for (((pass, _), theirs), ours) in PASSES.iter().zip(theirs(&mut reference, case, folder)).zip(ours) {
            let mut differs = |what: &'static str, text: String| {
                if case.except.contains_key(what) {
                    needed.insert(what);
                } else {
                    wrong.push(format!("{} {:?} {pass}: {text}", case.args, case.prepare));
                }
            };
            if ours.0 != theirs.0 {
                differs(
                    "result",
                    format!(
                        "\n  ours   {}\n  theirs {}",
                        beside(&ours.0, &theirs.0),
                        beside(&theirs.0, &ours.0)
                    ),
                );
            }
            if ours.1 != theirs.1 {
                let only = ours.1.iter().filter(|line| !theirs.1.contains(line)).collect::<Vec<_>>();
                let missing = theirs.1.iter().filter(|line| !ours.1.contains(line)).collect::<Vec<_>>();
                differs("tree", format!("\n  ours   {only:?}\n  theirs {missing:?}"));
            }
        }
        for (what, why) in case.except.iter().filter(|(what, _)| !needed.contains(what.as_str())) {
            wrong.push(format!("{} {:?}: {what} is no exception any more ({why})", case.args, case.prepare));
        }
    }
    println!(
        "{} tasks, {exceptions} with intended differences, {} differences",
        file.cases.len(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} differences in {} tasks:\n{}",
        wrong.len(),
        file.cases.len(),
        wrong.join("\n")
    );
}
