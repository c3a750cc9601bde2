//! Runs a playbook that applies one role to a throwaway host.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use windlass_test_hosts::Host;

/// Exit code, and what was printed.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub text: String,
}

/// A folder with an inventory of one host, and a playbook that applies a role to it.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// `how` is `include_role` or `import_role`.
    pub fn new(host: &Host, role: &str, how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("roles");
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ansible.cfg", format!("[defaults]\nroles_path = {}\n", roles.display()));
        write("hosts", format!("{}\n", host.inventory_line()));
        write(
            "play.yml",
            format!(
                "- hosts: all\n  gather_facts: false\n  become: true\n  tasks:\n    - name: Apply the role\n      \
                 ansible.builtin.{how}:\n        name: {role}\n"
            ),
        );
        Self { folder }
    }

    /// Logs in as another user from now on.
    pub fn log_in_as(&mut self, host: &Host, user: &str) {
        let line = format!("{}\n", host.inventory_line_as(user));
        std::fs::write(self.folder.path().join("hosts"), line).unwrap();
    }

    fn command(&self, variables: &str, arguments: &[&str]) -> Command {
        let file: PathBuf = self.folder.path().join("variables.yml");
        std::fs::write(&file, variables).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(["playbook", "-i", "hosts", "play.yml", "-e", "@variables.yml"]).args(arguments);
        command.current_dir(self.folder.path());
        command
    }

    /// Begins a run, to be disturbed.
    pub fn begin(&self, variables: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(variables, arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs it with these variables (JSON or YAML).
    pub fn run(&self, variables: &str, arguments: &[&str]) -> Run {
        Run::of(self.command(variables, arguments).output().unwrap())
    }
}

impl Run {
    /// How a run ended.
    pub fn of(output: Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Self { code: output.status.code(), text: text.into_owned() }
    }

    /// What was printed, without the breaks of long lines and the escapes of quotes.
    fn flat(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\\"", "\"")
    }

    /// The text was printed.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.flat().contains(text), "it does not say {text:?}:\n{}", self.text);
        self
    }

    /// The text was not printed.
    #[track_caller]
    pub fn hides(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "it says {text:?}:\n{}", self.text);
        self
    }

    /// The run went through; gives the number of changes.
    #[track_caller]
    pub fn changes(&self) -> u32 {
        assert_eq!(self.code, Some(0), "{}", self.text);
        let (_, recap) = self.text.rsplit_once("PLAY RECAP").unwrap();
        recap.split_whitespace().find_map(|word| word.strip_prefix("changed=")).unwrap().parse().unwrap()
    }

    /// The run went through and changed nothing.
    #[track_caller]
    pub fn passes(&self) -> &Self {
        assert_eq!(self.changes(), 0, "{}", self.text);
        self
    }

    /// The host failed.
    #[track_caller]
    pub fn fails(&self) -> &Self {
        assert_eq!(self.code, Some(2), "{}", self.text);
        self
    }
}
