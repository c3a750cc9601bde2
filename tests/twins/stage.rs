//! What is run: a playbook of `playbooks/` whose tasks are registered, with a last task that writes the results down.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use windlass_test_hosts::Suite;

/// The runs of a playbook, in order.
pub const RUNS: [&str; 3] = ["check", "first", "second"];

/// The password of the user `ops`, for sudo.
pub const PASSWORD: &str = "sesame street";

/// A folder with the playbook and its files.
pub struct Stage {
    pub playbook: String,
    pub suite: Suite,
    folder: tempfile::TempDir,
    always: BTreeSet<String>,
}

pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twins")
}

impl Stage {
    pub fn new(playbook: &str, suite: Suite) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "templates"] {
            copy_tree(&here().join(name), &folder.path().join(name));
        }
        let text = std::fs::read_to_string(here().join(format!("playbooks/{playbook}.yml"))).unwrap();
        let (text, always) = registered(&text);
        std::fs::write(folder.path().join("play.yml"), text).unwrap();
        Self { playbook: playbook.to_owned(), suite, folder, always }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether a task says that it changes something in every run.
    pub fn changes_every_time(&self, task: &str) -> bool {
        self.always.contains(task)
    }

    /// A script for the host, run before the playbook.
    pub fn preparation(&self) -> String {
        std::fs::read_to_string(here().join(format!("setup/{}.sh", self.playbook))).unwrap_or_default()
    }

    /// Keeps the folder and a text where `WINDLASS_TWINS_KEEP` says.
    pub fn keep(&self, text: &str) {
        let Some(place) = std::env::var_os("WINDLASS_TWINS_KEEP") else { return };
        let place = Path::new(&place).join(format!("{}-{}", self.suite.name(), self.playbook));
        let _ = std::fs::remove_dir_all(&place);
        copy_tree(self.path(), &place);
        std::fs::write(place.join("differences.txt"), text).unwrap();
    }
}

/// Copies a tree with links and modes.
fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).sort_by_file_name() {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        let kind = entry.file_type();
        if kind.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).unwrap(), &target).unwrap();
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// The playbook with every task registered and allowed to fail, and the names of the tasks that change every time.
fn registered(text: &str) -> (String, BTreeSet<String>) {
    let mut out = String::new();
    let mut always = BTreeSet::new();
    let mut names: Vec<(String, String)> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        writeln!(out, "{line}").unwrap();
        let Some(rest) = line.strip_prefix("    - name: ") else { continue };
        let (name, remark) = rest.split_once("  # ").unwrap_or((rest, ""));
        if remark == "changes every time" {
            always.insert(name.to_owned());
        }
        let task = lines[at + 1..].iter().take_while(|l| l.starts_with("      "));
        let given = task.filter_map(|l| l.strip_prefix("      register: ")).next();
        let variable = given.map_or_else(|| format!("result_{at}"), str::to_owned);
        if given.is_none() {
            writeln!(out, "      register: {variable}").unwrap();
        }
        writeln!(out, "      ignore_errors: true").unwrap();
        assert!(names.iter().all(|(n, _)| n != name), "two tasks are named {name}");
        names.push((name.to_owned(), variable));
    }
    let pairs: Vec<String> = names.iter().map(|(name, variable)| format!("{name:?}: {variable}")).collect();
    let expression = format!("{{{{ {{{}}} | to_json }}}}", pairs.join(", "));
    write!(
        out,
        "    - name: The results\n      ansible.builtin.copy:\n        content: {}\n        dest: \"{{{{ out }}}}/results.json\"\n      \
         delegate_to: localhost\n      become: false\n      check_mode: false\n      changed_when: false\n      no_log: true\n",
        quoted(&expression)
    )
    .unwrap();
    (out, always)
}

/// A text between single quotes, as YAML has them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
