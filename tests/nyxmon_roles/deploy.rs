//! Runs the example's playbooks against a throwaway host.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use windlass_test_hosts::Host;

/// Exit code, and what was printed.
pub type Run = (Option<i32>, String);

/// One of the example's playbooks.
#[derive(Clone, Copy)]
pub enum Playbook {
    /// The checkout, by rsync, as root.
    Development,
    /// A repository, by git, as a user who may sudo.
    Production,
}

/// The example's folder.
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nyxmon")
}

impl Playbook {
    /// Runs it; `settings` are extra variables, as JSON.
    pub fn deploy(self, host: &Host, settings: &[&str]) -> Run {
        let folder = example();
        let connection = format!(
            "{{\"ansible_host\": \"{}\", \"ansible_ssh_private_key_file\": {:?}, \"ansible_ssh_common_args\": \
             \"-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes\"}}",
            host.ip(),
            host.ssh_key_path(),
            host.known_hosts_path().display()
        );
        let (inventory, playbook) = match self {
            Self::Development => ("inventories/dev", "deploy-dev.yml"),
            Self::Production => ("inventories/prod", "deploy-prod.yml"),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(["playbook", "-i", inventory, playbook, "-e", &connection]).current_dir(&folder);
        for setting in settings {
            command.args(["-e", setting]);
        }
        command.env("WINDLASS_AGE_IDENTITY", folder.join("secrets/example-age-identity.txt"));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        (status.code(), text)
    }
}

/// The run went through, with so many changes; `None`: with some.
#[track_caller]
pub fn assert_changed(run: &Run, expected: Option<u32>) {
    let (code, text) = run;
    assert_eq!(*code, Some(0), "{text}");
    let (_, recap) = text.rsplit_once("PLAY RECAP").unwrap();
    let changed: u32 =
        recap.split_whitespace().find_map(|w| w.strip_prefix("changed=")).unwrap().parse().unwrap();
    match expected {
        Some(expected) => assert_eq!(changed, expected, "{text}"),
        None => assert!(changed > 0, "{text}"),
    }
}

/// The run failed, and said this.
#[track_caller]
pub fn assert_refused(run: &Run, because: &str) {
    assert_eq!(run.0, Some(2), "{}", run.1);
    // A long message may be wrapped where it is printed.
    let flat = run.1.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(because), "{}", run.1);
}
