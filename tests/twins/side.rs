//! One of the two: its host, and how a playbook is run on it.

use crate::picture::Picture;
use crate::stage::{self, Stage};
use crate::words::Words;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use windlass_test_hosts::{Host, Sudo, Suite};
use windlass_test_oracle::Reference;

/// What a run gave.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// The registered results by the names of the tasks; null if the play did not come to its end.
    pub results: Value,
    pub picture: Picture,
    pub words: Words,
}

/// Where the reference lies.
pub struct Oracle {
    bin: PathBuf,
    collections: PathBuf,
}

/// One of the two.
pub struct Side {
    host: Host,
    folder: PathBuf,
    stage: PathBuf,
    preparation: String,
    command: Vec<String>,
    /// More variables of the environment.
    environment: Vec<(&'static str, String)>,
}

/// The reference: its folder of programs, and its collections.
pub fn oracle() -> Option<Oracle> {
    let reference = Reference::get()?;
    Some(Oracle { bin: reference.bin(), collections: reference.collections()?.to_owned() })
}

impl Side {
    pub fn windlass(stage: &Stage, suite: Suite, login: &str) -> Self {
        let command = vec![env!("CARGO_BIN_EXE_windlass").to_owned(), "playbook".into()];
        Self::new("windlass", stage, suite, login, command, Vec::new())
    }

    pub fn ansible(stage: &Stage, suite: Suite, login: &str, oracle: &Oracle) -> Self {
        let command = vec![oracle.bin.join("ansible-playbook").to_string_lossy().into_owned()];
        let own = |name: &str| stage.path().join("ansible").join(name).to_string_lossy().into_owned();
        let environment = vec![
            ("ANSIBLE_HOME", own("home")),
            ("ANSIBLE_COLLECTIONS_PATH", oracle.collections.to_string_lossy().into_owned()),
            ("ANSIBLE_PIPELINING", "1".to_owned()),
            // Sockets have short names.
            ("ANSIBLE_SSH_CONTROL_PATH_DIR", stage.path().join("cp").to_string_lossy().into_owned()),
            ("ANSIBLE_SSH_ARGS", "-C -o ControlMaster=auto -o ControlPersist=20s".to_owned()),
            ("ANSIBLE_DEPRECATION_WARNINGS", "0".to_owned()),
        ];
        Self::new("ansible", stage, suite, login, command, environment)
    }

    fn new(
        name: &str,
        stage: &Stage,
        suite: Suite,
        login: &str,
        command: Vec<String>,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        let host = Host::builder()
            .suite(suite)
            .python(true)
            // For htpasswd by the reference, and for user managers.
            .packages(&["libpam-systemd", "python3-passlib"])
            .name("twin")
            .user("ops", Sudo::Password(stage::PASSWORD.into()))
            .user("app", Sudo::None)
            .boot()
            .unwrap();
        let folder = stage.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let password = format!(" ansible_become_password='{}'", stage::PASSWORD);
        let line = host.inventory_line_as(login) + if login == "root" { "" } else { &password };
        std::fs::write(folder.join("hosts.ini"), line + "\n").unwrap();
        let (stage, preparation) = (stage.path().to_owned(), stage.preparation());
        Self { host, folder, stage, preparation, command, environment }
    }

    /// Runs the playbook as often as there are runs.
    pub fn play(self, runs: &[&str]) -> Vec<Run> {
        if !self.preparation.is_empty() {
            self.host.sh(&self.preparation).unwrap();
        }
        runs.iter().map(|run| self.run(run)).collect()
    }

    fn run(&self, run: &str) -> Run {
        let out = self.folder.join(run);
        std::fs::create_dir(&out).unwrap();
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .current_dir(&self.stage)
            .arg("-i")
            .arg(self.folder.join("hosts.ini"));
        command.args(["play.yml", "-e", &format!("out={}", out.display())]);
        command.args(["-e", if run == "second" { r#"{"again": true}"# } else { r#"{"again": false}"# }]);
        match run {
            "check" => command.args(["--check", "--diff"]),
            "first" => command.arg("--diff"),
            _ => &mut command,
        };
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("ANSIBLE_NOCOLOR", "1").env("COLUMNS", "80");
        // What the reference does is the same with it, and it does it sooner.
        command.env("ANSIBLE_PIPELINING", "1");
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        std::fs::write(out.join("stdout"), &stdout).unwrap();
        std::fs::write(out.join("stderr"), &stderr).unwrap();
        let results = std::fs::read(out.join("results.json")).unwrap_or_default();
        let own = vec![
            (out.to_string_lossy().into_owned(), "OUT"),
            (self.folder.to_string_lossy().into_owned(), "FOLDER"),
            (self.stage.to_string_lossy().into_owned(), "STAGE"),
            (self.host.ip().to_string(), "ADDRESS"),
        ];
        let words = Words::new(own);
        Run {
            code: output.status.code(),
            stdout,
            stderr,
            results: serde_json::from_slice(&results).unwrap_or_default(),
            picture: Picture::of(&self.host, &out, &words),
            words,
        }
    }
}
