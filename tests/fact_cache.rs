//! Facts that are kept between runs: what windlass writes the reference reads, and the reverse; times out, is forgotten and flushed alike.
//!
//! The reference comes from PyPI into `target/oracle` on first use.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_test_oracle::Reference;

const LEARN: &str = "- hosts: all
  gather_facts: false
  tasks:
    - gather_facts: {gather_subset: ['!all', '!min', distribution]}
    - set_fact: {kept: '{{ 1 + 1 }}', mine: {a: [1, 'x', null], b: 'é', c: 1.5}, cacheable: true}
    - set_fact: {lost: 1}
";
const RECALL: &str = "- hosts: one
  tasks:
    - debug: {msg: '{{ [kept, mine, ansible_facts.kept, lost | default(\"none\"), ansible_distribution, ansible_facts.distribution] }}'}
    - debug: {msg: '{{ [hostvars.two.kept, hostvars.two.ansible_facts.distribution] }}'}
";
const FORGET: &str = "- hosts: one
  gather_facts: false
  tasks:
    - meta: clear_facts
    - debug: {msg: '{{ [kept | default(\"none\"), hostvars.two.kept | default(\"none\")] }}'}
";
const LOOK: &str = "- hosts: one
  gather_facts: false
  tasks:
    - debug: {msg: '{{ kept | default(\"none\") }}'}
";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Windlass,
    Reference,
}
const BOTH: [By; 2] = [By::Reference, By::Windlass];

struct Place {
    dir: tempfile::TempDir,
    reference: &'static Reference,
}

impl Place {
    fn new() -> Option<Self> {
        let reference = Reference::get()?;
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("learn", LEARN), ("recall", RECALL), ("forget", FORGET), ("look", LOOK)] {
            std::fs::write(dir.path().join(format!("{name}.yml")), text).unwrap();
        }
        std::fs::write(dir.path().join("hosts"), "one\ntwo\n[all:vars]\nansible_connection=local\n").unwrap();
        Some(Self { dir, reference })
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("facts")
    }

    /// Exit code, and what was printed but for the numbers.
    fn run(
        &self,
        by: By,
        playbook: &str,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let mut program = match by {
            By::Windlass => {
                let mut windlass = Command::new(env!("CARGO_BIN_EXE_windlass"));
                windlass.arg("playbook");
                windlass
            }
            By::Reference => {
                let mut reference = Command::new(self.reference.bin().join("ansible-playbook"));
                let python = format!("ansible_python_interpreter={}", self.reference.python().display());
                reference.args(["-e", &python]);
                reference
            }
        };
        let output = program
            .current_dir(self.dir.path())
            .args(["-i", "hosts", "-f", "1", &format!("{playbook}.yml")])
            .args(more)
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_GATHERING", "smart")
            .env("ANSIBLE_CACHE_PLUGIN", "jsonfile")
            .env("ANSIBLE_CACHE_PLUGIN_CONNECTION", self.folder())
            .env("ANSIBLE_CACHE_PLUGIN_PREFIX", "kept_")
            .env_remove("ANSIBLE_CONFIG")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), format!("{text}{}", if output.status.success() { "" } else { "failed" }))
    }

    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder()) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    fn learn(&self, by: By) {
        let _ = std::fs::remove_dir_all(self.folder());
        let (code, text) = self.run(by, "learn", &[], &[]);
        assert_eq!(code, Some(0), "{by:?}\n{text}");
        assert_eq!(self.files(), ["kept_s1_one", "kept_s1_two"], "{by:?}");
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn each_reads_what_the_other_kept() {
    let Some(place) = Place::new() else { return };
    let mut seen = Vec::new();
    for writer in BOTH {
        place.learn(writer);
        assert_eq!(mode(&place.folder().join("kept_s1_one")), 0o644, "{writer:?}");
        for reader in BOTH {
            let (code, text) = place.run(reader, "recall", &[], &[]);
            assert_eq!(code, Some(0), "{writer:?} {reader:?}\n{text}");
            assert!(!text.contains("Gathering Facts"), "{writer:?} {reader:?}\n{text}");
            seen.push(text);
        }
    }
    seen.iter().for_each(|text| assert_eq!(text, &seen[0]));
    assert!(seen[0].contains("\"none\""), "{}", seen[0]);
}

#[test]
fn facts_are_forgotten() {
    let Some(place) = Place::new() else { return };
    for writer in BOTH {
        let mut seen = Vec::new();
        for by in BOTH {
            place.learn(writer);
            let (code, text) = place.run(by, "forget", &[], &[]);
            assert_eq!(code, Some(0), "{text}");
            seen.push((text, place.files()));
            place.learn(writer);
            let (_, flushed) = place.run(by, "look", &["--flush-cache"], &[]);
            seen.push((flushed, place.files()));
        }
        assert_eq!(seen[0], seen[2], "{writer:?}");
        assert_eq!(seen[1], seen[3], "{writer:?}");
    }
}

#[test]
fn facts_grow_old() {
    let Some(place) = Place::new() else { return };
    place.learn(By::Windlass);
    let file = std::fs::File::options().write(true).open(place.folder().join("kept_s1_one")).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(100)).unwrap();
    for (seconds, expected) in [("50", "none"), ("0", "2"), ("1000", "2")] {
        let [theirs, ours] =
            BOTH.map(|by| place.run(by, "look", &[], &[("ANSIBLE_CACHE_PLUGIN_TIMEOUT", seconds)]));
        assert_eq!(theirs, ours, "{seconds}");
        assert!(ours.1.contains(expected), "{seconds}: {}", ours.1);
    }
}

#[test]
fn a_cache_that_cannot_be_had_stops_nothing() {
    let Some(place) = Place::new() else { return };
    for environment in [
        ("ANSIBLE_CACHE_PLUGIN_CONNECTION", ""),
        ("ANSIBLE_CACHE_PLUGIN", "memory"),
        ("ANSIBLE_CACHE_PLUGIN", "ansible.builtin.memory"),
    ] {
        let [theirs, ours] = BOTH.map(|by| place.run(by, "look", &[], &[environment]));
        assert_eq!(theirs, ours, "{environment:?}");
        assert_eq!(ours.0, Some(0));
        assert!(place.files().is_empty());
    }
}
