//! Runs the same tasks by the reference's modules and by ours, on two copies of a tree, and compares results and trees.
//!
//! `WINDLASS_ORACLE_PYTHON` names a Python that can import `ansible` (2.19); else `python3` is tried. Without one the test says so.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use windlass_agent::system::fake::Task;
use windlass_agent::system::real::Real;
use windlass_protocol::Outcome;

struct Reference {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Reference {
    fn start() -> Option<Self> {
        let given = std::env::var("WINDLASS_ORACLE_PYTHON").ok();
        let python = given.clone().unwrap_or_else(|| "python3".into());
        let has = Command::new(&python)
            .args(["-c", "import ansible.release as r; assert r.__version__.startswith('2.19')"])
            .stderr(Stdio::null())
            .status();
        if !has.is_ok_and(|status| status.success()) {
            assert!(given.is_none(), "{python} cannot import ansible 2.19");
            return None;
        }
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/driver.py");
        let mut child =
            Command::new(python).arg(driver).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, answers })
    }

    fn run(&mut self, module: &str, args: &Value, check: bool) -> Value {
        let mut args = args.clone();
        args["_ansible_check_mode"] = json!(check);
        args["_ansible_diff"] = json!(true);
        writeln!(self.child.stdin.as_mut().unwrap(), "{}", json!([module, args])).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{module} {args}: {error}: {line:?}"))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The tree that every task starts from.
fn plant(root: &Path) {
    let file = |name: &str, text: &str, mode: u32| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("a.conf", "# head\nkey=1\nother = two\nkey=2\n\nlast", 0o644);
    file("crlf", "a\r\nb\r\n", 0o644);
    file("empty", "", 0o640);
    file("exec", "#!/bin/sh\nexit 0\n", 0o755);
    file("block", "top\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\nbottom\n", 0o600);
    file("d/x", "x", 0o644);
    file("d/sub/y", "y\n", 0o600);
    std::fs::create_dir(root.join("void")).unwrap();
    symlink("a.conf", root.join("link")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    symlink("d", root.join("dlink")).unwrap();
    std::fs::hard_link(root.join("d/x"), root.join("hard")).unwrap();
}

/// Everything in a tree: kind, mode, content.
fn picture(root: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(root).unwrap().display().to_string();
        let meta = entry.metadata().unwrap();
        let what = if meta.is_symlink() {
            format!("-> {}", std::fs::read_link(entry.path()).unwrap().display())
        } else if meta.is_dir() {
            "/".to_owned()
        } else {
            String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned()
        };
        let mode = if meta.is_symlink() { 0 } else { meta.mode() & 0o7777 };
        out.push(format!("{name} {mode:o} {what:?}").replace(&root.display().to_string(), "{root}"));
    }
    out
}

/// The tree with the names of backups left out: they have the process and the time in them.
fn without_backups(mut lines: Vec<String>) -> Vec<String> {
    for line in &mut lines {
        if let (Some(at), true) = (line.find('.'), line.contains('@')) {
            line.truncate(at);
        }
    }
    lines.sort();
    lines
}

fn ours(module: &str, args: &Value, check: bool) -> Outcome {
    let real = Real::new().with_web(windlass_agent::system::http::client::fetch);
    let task = Task::new(&real, module, args.clone()).diff();
    if check { task.check().run() } else { { task }.run() }
}

/// Compares a result; what is particular to a machine, a moment or a program is left out.
fn compare(theirs: &Value, ours: &Outcome, roots: (&Path, &Path), keys: &[&str], wrong: &mut Vec<String>) {
    let level = |text: &str, root: &Path| text.replace(&root.display().to_string(), "{root}");
    let flag = |key: &str| theirs.get(key).and_then(Value::as_bool).unwrap_or(false);
    if (flag("changed"), flag("failed")) != (ours.changed, ours.failed) {
        wrong.push(format!(
            "changed, failed are {:?} instead of {:?}; ours {:?}, theirs {}",
            (ours.changed, ours.failed),
            (flag("changed"), flag("failed")),
            ours.msg,
            theirs.get("msg").unwrap_or(&Value::Null)
        ));
        return;
    }
    let mut values = Value::Object(ours.values());
    values["msg"] = ours.msg.clone().unwrap_or_default().into();
    for key in keys {
        let mut wanted = theirs.get(*key).cloned().unwrap_or(Value::Null);
        let mut found = values.get(*key).cloned().unwrap_or(Value::Null);
        if *key == "msg" && wanted.is_null() {
            wanted = "".into();
        }
        if let (Some(w), Some(f)) = (wanted.as_str(), found.as_str()) {
            (wanted, found) = (level(w, roots.0).into(), level(f, roots.1).into());
        }
        if wanted != found {
            wrong.push(format!("{key} is {found} instead of {wanted}"));
        }
    }
}

fn text_diff(theirs: &Value) -> Option<(String, String)> {
    let diff = theirs.get("diff")?;
    let diff = if diff.is_array() { diff.get(0)? } else { diff };
    let side = |key: &str| diff.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((side("before").unwrap_or_default(), side("after")?))
}

#[test]
fn the_modules_do_what_the_reference_does() {
    let Some(mut reference) = Reference::start() else {
        #[allow(clippy::print_stderr)]
        {
            eprintln!(
                "NOT RUN: the comparison with the reference needs a Python with ansible 2.19 (WINDLASS_ORACLE_PYTHON)"
            );
        }
        return;
    };
    let tasks: Vec<Value> = serde_json::from_str(include_str!("oracle/tasks.json")).unwrap();
    let mut failures = Vec::new();
    for task in &tasks {
        let module = task[0].as_str().unwrap();
        let keys: Vec<&str> = match module {
            "file" => vec!["path", "dest", "src", "state", "mode", "owner", "size"],
            "stat" => vec![],
            "find" => vec!["matched", "examined", "msg"],
            "copy" => vec!["dest", "src", "checksum", "md5sum", "mode", "state", "size"],
            "assemble" => vec!["dest", "checksum", "md5sum", "mode", "msg"],
            "lineinfile" => vec!["msg", "found"],
            "slurp" => vec!["content", "encoding", "source", "msg"],
            _ => vec!["msg"],
        };
        let roots = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (left, right) = (roots.0.path(), roots.1.path());
        plant(left);
        plant(right);
        let fill = |root: &Path| -> Value {
            serde_json::from_str(&task[1].to_string().replace("{root}", &root.display().to_string())).unwrap()
        };
        let (theirs_args, our_args) = (fill(left), fill(right));
        let mut wrong = Vec::new();
        for check in [true, false, false] {
            let theirs = reference.run(module, &theirs_args, check);
            let mine = ours(module, &our_args, check);
            let before = wrong.len();
            let failed = theirs["failed"] == true;
            let compared: &[&str] = if check || failed { &[] } else { &keys };
            compare(&theirs, &mine, (left, right), compared, &mut wrong);
            if failed
                && theirs["msg"].as_str().map(|m| m.replace(&left.display().to_string(), ""))
                    != mine.msg.as_ref().map(|m| m.replace(&right.display().to_string(), ""))
            {
                let same_words = task.get(2).is_some_and(|note| note == "other words");
                if !same_words {
                    wrong.push(format!("msg is {:?} instead of {}", mine.msg, theirs["msg"]));
                }
            }
            if module == "stat" && !check {
                stat_keys(&theirs, &mine, &mut wrong);
            }
            if let Some(wanted) =
                text_diff(&theirs).filter(|(before, after)| before != after && module != "file")
            {
                let found = mine.diff.iter().find_map(|diff| match diff {
                    windlass_protocol::Diff::Text { before, after } => {
                        Some((before.text.clone(), after.text.clone()))
                    }
                    _ => None,
                });
                if found.as_ref() != Some(&wanted) {
                    wrong.push(format!("diff is {found:?} instead of {wanted:?}"));
                }
            }
            let trees = (without_backups(picture(left)), without_backups(picture(right)));
            if trees.0 != trees.1 {
                let only: Vec<String> = trees.1.iter().filter(|l| !trees.0.contains(l)).cloned().collect();
                let missing: Vec<String> = trees.0.iter().filter(|l| !trees.1.contains(l)).cloned().collect();
                wrong.push(format!("the trees differ: ours {only:?}, theirs {missing:?}"));
            }
            for text in &mut wrong[before..] {
                *text = format!("{}: {text}", if check { "check" } else { "run" });
            }
        }
        failures.extend(wrong.into_iter().map(|text| format!("{module} {}: {text}", task[1])));
    }
    assert!(
        failures.is_empty(),
        "{} differences in {} tasks:\n{}",
        failures.len(),
        tasks.len(),
        failures.join("\n")
    );
}

/// Every key, and every value that does not depend on which of the two trees it is.
fn stat_keys(theirs: &Value, ours: &Outcome, wrong: &mut Vec<String>) {
    let own = ["path", "inode", "atime", "mtime", "ctime", "version", "lnk_source", "dev"];
    let mine = Value::Object(ours.values());
    let (Some(theirs), Some(mine)) = (theirs["stat"].as_object(), mine["stat"].as_object()) else {
        wrong.push("there is no stat".into());
        return;
    };
    for (key, value) in theirs {
        match mine.get(key) {
            None => wrong.push(format!("stat has no {key}")),
            Some(found) if found != value && !own.contains(&key.as_str()) => {
                wrong.push(format!("stat.{key} is {found} instead of {value}"));
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        mine.keys().filter(|key| !theirs.contains_key(*key)).map(|key| format!("stat has {key} too many")),
    );
}
