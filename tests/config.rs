//! `windlass config` beside `ansible-config`: the values of all settings, where they come from, and the exit codes are equal.
//!
//! The reference comes from PyPI into `target/oracle` on first use.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::process::{Command, Output};
use windlass_test_oracle::Reference;

const FILE: &str = "[defaults]
forks = 17
roles_path = roles:~/more:/usr/share/roles
inventory = hosts, /etc/others
stdout_callback = 'minimal'
callbacks_enabled = timer, \"profile_tasks\"
host_key_checking = off
remote_user = ops
log_path = run.log
[privilege_escalation]
become = yes
[inventory]
ignore_extensions = .x, .y
";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        std::fs::create_dir(dir.path().join("set")).unwrap();
        std::fs::write(dir.path().join("set/ansible.cfg"), FILE).unwrap();
        Self { dir }
    }

    fn run(&self, program: &mut Command, folder: &str, words: &str, environment: &[(&str, &str)]) -> Output {
        program
            .current_dir(self.dir.path().join(folder))
            .args(words.split_whitespace())
            .env_remove("ANSIBLE_CONFIG")
            .env("HOME", self.dir.path())
            .env("ANSIBLE_DEPRECATION_WARNINGS", "0")
            .env("PAGER", "cat")
            .env_remove("EDITOR")
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// Exit code and standard output of both, the reference first.
    fn both(
        &self,
        folder: &str,
        words: &str,
        environment: &[(&str, &str)],
    ) -> Option<[(Option<i32>, String); 2]> {
        let reference = Reference::get()?;
        let theirs =
            self.run(&mut Command::new(reference.bin().join("ansible-config")), folder, words, environment);
        let called = self.dir.path().join("ansible-config");
        if !called.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass"), &called).unwrap();
        }
        let ours = self.run(&mut Command::new(&called), folder, words, environment);
        Some([theirs, ours].map(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            // A folder of its own for each run.
            let text =
                regex::Regex::new(r"/tmp/ansible-local-\w+").unwrap().replace_all(&text, "/tmp").into_owned();
            // The reference has settings for its own development, which are not to be set.
            let private = |line: &&str| !line.starts_with('_');
            let text: String = text.split_inclusive('\n').filter(private).collect();
            (output.status.code(), text)
        }))
    }
}

fn same_lines(theirs: &str, ours: &str) {
    let differences =
        similar::TextDiff::from_lines(theirs, ours).unified_diff().context_radius(0).to_string();
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn values_and_where_they_come_from() {
    let place = Place::new();
    let environment = [
        ("ANSIBLE_TIMEOUT", "30"),
        ("ANSIBLE_COLLECTIONS_PATH", "here:$HOME/there:~/else/../x"),
        ("ANSIBLE_RUN_TAGS", "a, 'b'"),
        ("ANSIBLE_GALAXY_SERVER_TIMEOUT", "7"),
    ];
    for (folder, words, environment) in [
        ("empty", "dump", &[][..]),
        ("set", "dump", &[]),
        ("set", "dump --only-changed", &environment),
        ("empty", "dump --changed-only -c ../set/ansible.cfg", &environment[..1]),
    ] {
        let Some([(theirs_code, theirs), (ours_code, ours)]) = place.both(folder, words, environment) else {
            return;
        };
        assert_eq!((theirs_code, ours_code), (Some(0), Some(0)), "{words}");
        assert!(theirs.contains("GALAXY_SERVERS"), "{theirs}");
        same_lines(&theirs, &ours);
    }
    let read = |text: &str| -> Json { serde_json::from_str(text).unwrap() };
    let Some([(_, theirs), (_, ours)]) = place.both("set", "dump -f json --only-changed", &[]) else {
        return;
    };
    assert_eq!(read(&theirs), read(&ours));
    let read = |text: &str| -> Json { serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}")) };
    let Some([(_, theirs), (_, ours)]) = place.both("set", "dump -f yaml --only-changed", &[]) else {
        return;
    };
    assert_eq!(read(&theirs), read(&ours));
}

/// What a list says of types, defaults and places.
fn facts(list: &Json) -> BTreeMap<String, Json> {
    let names = |entry: &Json, key: &str| -> Vec<Json> {
        let all = entry.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
        all.iter()
            .map(|one| serde_json::json!([one.get("name"), one.get("section"), one.get("key")]))
            .collect()
    };
    let entry = |entry: &Json| {
        // Defaults that are templates are written another way.
        let default = entry
            .get("default")
            .filter(|d| !d.to_string().contains("{{") && !d.to_string().contains("{ANSIBLE_HOME}"));
        let default = default.filter(|d| !d.to_string().contains(".rpm"));
        serde_json::json!({
            "type": entry.get("type"), "default": default, "env": names(entry, "env"), "ini": names(entry, "ini"), "vars": names(entry, "vars"),
        })
    };
    let map = list.as_object().unwrap();
    // The file itself and settings of the reference's own development are none.
    let settings = map.iter().filter(|(name, _)| !name.starts_with('_') && *name != "CONFIG_FILE");
    settings.map(|(name, value)| (name.clone(), entry(value))).collect()
}

#[test]
fn every_setting_is_listed() {
    let place = Place::new();
    let Some([(theirs_code, theirs), (ours_code, ours)]) = place.both("empty", "list -f json", &[]) else {
        return;
    };
    assert_eq!((theirs_code, ours_code), (Some(0), Some(0)));
    let (theirs, ours): (Json, Json) =
        (serde_json::from_str(&theirs).unwrap(), serde_json::from_str(&ours).unwrap());
    let (theirs_facts, ours_facts) = (facts(&theirs), facts(&ours));
    assert_eq!(theirs_facts.len(), 208);
    for (name, entry) in &theirs_facts {
        assert_eq!(Some(entry), ours_facts.get(name), "{name}");
    }
    assert_eq!(theirs_facts.len(), ours_facts.len());
    assert_eq!(ours["DEFAULT_FORKS"]["honoured"], true);
    assert_eq!(ours["DEFAULT_DEBUG"]["honoured"], false);
    let Some([_, (_, yaml)]) = place.both("empty", "list", &[]) else { return };
    let yaml: Json = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(yaml, ours);
}

#[test]
fn files_to_begin_with() {
    let place = Place::new();
    // Descriptions have words of their own.
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("# ") && !line.trim().is_empty());
        let lines = lines.filter(|line| line.starts_with(['[', '#', ';']) || line.contains(['=', ':']));
        let mut lines: Vec<String> = lines
            .filter(|line| !line.starts_with('#') || line.contains("ANSIBLE_"))
            .map(str::to_owned)
            .collect();
        if !text.contains("[defaults]") {
            lines.sort_unstable();
        }
        lines
    };
    for words in ["init", "init --disabled"] {
        let Some([(theirs_code, theirs), (ours_code, ours)]) = place.both("empty", words, &[]) else {
            return;
        };
        assert_eq!(theirs_code, ours_code);
        let key = |line: &&String| {
            line.starts_with('[') || line.split('=').next().is_some_and(|key| !key.contains(' '))
        };
        let keys = |text: &str| {
            settings(text).iter().filter(key).map(|line| line.clone() + "\n").collect::<String>()
        };
        same_lines(&keys(&theirs), &keys(&ours));
    }
    let Some([(theirs_code, theirs), (ours_code, ours)]) = place.both("empty", "init -f env", &[]) else {
        return;
    };
    assert_eq!(theirs_code, ours_code);
    let variables = |text: &str| {
        let name = regex::Regex::new(r"^[A-Z][A-Z_0-9]*=").unwrap();
        let mut lines: Vec<&str> = text.lines().filter(|line| name.is_match(line)).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    same_lines(&variables(&theirs), &variables(&ours));
    let ours =
        place.run(Command::new(env!("CARGO_BIN_EXE_windlass")).arg("config"), "empty", "init -f vars", &[]);
    assert!(String::from_utf8_lossy(&ours.stdout).contains("\nansible_facts_modules: [\"smart\"]\n"));
}

#[test]
fn the_file_itself_and_what_is_wrong() {
    let place = Place::new();
    let Some([theirs, ours]) = place.both("set", "view", &[]) else { return };
    assert_eq!(theirs, ours);
    assert_eq!(ours, (Some(0), FILE.to_owned()));
    for (folder, words) in [
        ("empty", "view"),
        ("empty", "view -c nowhere.cfg"),
        ("empty", "dump -c nowhere.cfg"),
        ("empty", ""),
        ("empty", "nope"),
        ("empty", "dump -f ini"),
        ("empty", "dump -t nope"),
    ] {
        let Some([theirs, ours]) = place.both(folder, words, &[]) else { return };
        assert_eq!(theirs.0, ours.0, "{words}");
        assert_ne!(ours.0, Some(0), "{words}");
    }
}

#[test]
fn a_run_tells_once_what_is_not_honoured() {
    let place = Place::new();
    std::fs::write(
        place.dir.path().join("set/play.yml"),
        "- hosts: localhost\n  gather_facts: false\n  tasks: [{debug: {msg: x}}, {debug: {msg: y}}]\n",
    )
    .unwrap();
    let environment = [
        ("ANSIBLE_DEBUG", "1"),
        ("ANSIBLE_FORKS", "3"),
        ("ANSIBLE_NOCOWS", "1"),
        ("ANSIBLE_COLOR_OK", "blue"),
    ];
    let mut windlass = Command::new(env!("CARGO_BIN_EXE_windlass"));
    let output = place.run(windlass.arg("playbook"), "set", "-i localhost, play.yml", &environment);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(errors.matches("is not honoured by windlass").count(), 2, "{errors}");
    assert!(!errors.contains("profile_tasks"), "names between quotes are names: {errors}");
    for name in ["the setting ANSIBLE_DEBUG of the environment", "the setting log_path in [defaults]"] {
        assert_eq!(errors.matches(name).count(), 1, "{errors}");
    }
}
