//! The tools, and how each is called.

use crate::error::Error;
use crate::measure::quiet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use windlass_test_hosts::Host;

/// The Python tools that are compared with.
const PACKAGES: [&str; 3] = ["ansible-core==2.19.*", "mitogen", "pyinfra"];

/// Virtual environments with the other tools.
pub struct Environment {
    main: PathBuf,
    rust: PathBuf,
}

impl Environment {
    /// Makes them where they are lacking.
    pub fn prepare(folder: &Path) -> Result<Self, Error> {
        let here = Self { main: folder.join("python"), rust: folder.join("python-rs") };
        // ansible-core-rs brings a program of the name `ansible`, as ansible-core does: keep them apart.
        here.ensure(&here.main, &PACKAGES)?;
        here.ensure(&here.rust, &["ansible-core-rs"])?;
        Ok(here)
    }

    fn ensure(&self, venv: &Path, packages: &[&str]) -> Result<(), Error> {
        let done = venv.join("complete");
        if done.exists() {
            return Ok(());
        }
        eprintln!("installing {} ...", packages.join(", "));
        let _ = std::fs::remove_dir_all(venv);
        quiet(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
        quiet(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(packages))?;
        File::create(&done).map(|_| ()).map_err(Error::io(done))
    }

    /// A program of ansible-core.
    pub fn program(&self, name: &str) -> PathBuf {
        self.main.join("bin").join(name)
    }

    /// The program of ansible-core-rs, which has its others as subcommands.
    pub fn rust_program(&self) -> PathBuf {
        self.rust.join("bin/ansible")
    }

    /// The versions of the tools, for the report.
    pub fn versions(&self) -> String {
        let mut found = Vec::new();
        for venv in [&self.main, &self.rust] {
            let out = Command::new(venv.join("bin/pip")).args(["list", "--format=freeze"]).output();
            let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
            let ours = ["ansible-core=", "mitogen=", "pyinfra=", "ansible-core-rs="];
            found.extend(
                text.lines().filter(|l| ours.iter().any(|o| l.starts_with(o))).map(|l| l.replace("==", " ")),
            );
        }
        found.join(", ")
    }

    fn mitogen(&self) -> Result<PathBuf, Error> {
        let lib = self.main.join("lib");
        let entries = std::fs::read_dir(&lib).map_err(Error::io(&lib))?;
        let plugins = entries
            .flatten()
            .map(|e| e.path().join("site-packages/ansible_mitogen/plugins/strategy"))
            .find(|p| p.is_dir());
        plugins.ok_or_else(|| Error::io(&lib)(std::io::Error::other("no ansible_mitogen in it")))
    }
}

/// Something that can do the work.
pub trait Tool {
    /// Its short name, for `--only`.
    fn name(&self) -> &'static str;
    /// Its name in the table.
    fn title(&self) -> String;
    /// Writes what it needs to know about the host.
    fn prepare(&self, host: &Host, work: &Path) -> Result<(), Error>;
    /// One run.
    fn command(&self, host: &Host, work: &Path) -> Command;
    /// Closes connections that it keeps beyond a run, before a run that is to be a first one.
    fn disconnect(&self, _host: &Host) {}
    /// Whether it leaves the tree behind.
    fn does_the_work(&self) -> bool {
        true
    }
}

/// All of them, in the order of the table.
pub fn all(windlass: &Path, environment: &Environment) -> Vec<Box<dyn Tool>> {
    let bin = environment.main.join("bin/ansible-playbook");
    let ansible = |name, title, settings: String| {
        Box::new(Ansible { name, title, program: bin.clone(), words: vec![], settings }) as Box<dyn Tool>
    };
    let mitogen = environment.mitogen().map(|p| p.display().to_string()).unwrap_or_default();
    vec![
        Box::new(Script),
        Box::new(SshTrue),
        Box::new(Windlass(windlass.to_owned())),
        Box::new(Pyinfra(environment.main.join("bin/pyinfra"))),
        Box::new(Ansible {
            name: "ansible-core-rs",
            title: "ansible-core-rs",
            program: environment.rust_program(),
            words: vec!["playbook"],
            settings: String::new(),
        }),
        ansible(
            "mitogen",
            "ansible-core, Mitogen",
            format!("strategy_plugins = {mitogen}\nstrategy = mitogen_linear\n"),
        ),
        ansible("pipelining", "ansible-core, pipelining", "pipelining = true\n".to_owned()),
        ansible("ansible", "ansible-core, default", String::new()),
    ]
}

fn write(path: PathBuf, text: &str) -> Result<(), Error> {
    std::fs::write(&path, text).map_err(Error::io(path))
}

/// One script through one SSH session.
struct Script;

impl Tool for Script {
    fn name(&self) -> &'static str {
        "script"
    }
    fn title(&self) -> String {
        "shell script, one ssh session".to_owned()
    }
    fn prepare(&self, _: &Host, _: &Path) -> Result<(), Error> {
        Ok(())
    }
    fn command(&self, host: &Host, work: &Path) -> Command {
        let mut ssh = host.ssh("root");
        ssh.args(["sh", "-s"]).stdin(File::open(work.join("script.sh")).map_or(Stdio::null(), Stdio::from));
        ssh
    }
}

/// What a login alone costs.
struct SshTrue;

impl Tool for SshTrue {
    fn name(&self) -> &'static str {
        "script"
    }
    fn title(&self) -> String {
        "ssh with `true` (login only)".to_owned()
    }
    fn prepare(&self, _: &Host, _: &Path) -> Result<(), Error> {
        Ok(())
    }
    fn command(&self, host: &Host, _: &Path) -> Command {
        let mut ssh = host.ssh("root");
        ssh.arg("true");
        ssh
    }
    fn does_the_work(&self) -> bool {
        false
    }
}

struct Windlass(PathBuf);

impl Tool for Windlass {
    fn name(&self) -> &'static str {
        "windlass"
    }
    fn title(&self) -> String {
        "windlass".to_owned()
    }
    fn prepare(&self, host: &Host, work: &Path) -> Result<(), Error> {
        write(work.join("hosts.windlass"), &format!("{}\n", host.inventory_line()))
    }
    fn command(&self, _: &Host, work: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["playbook", "-i", "hosts.windlass", "site.yml"]).current_dir(work);
        command
    }
}

struct Pyinfra(PathBuf);

impl Tool for Pyinfra {
    fn name(&self) -> &'static str {
        "pyinfra"
    }
    fn title(&self) -> String {
        "pyinfra".to_owned()
    }
    fn prepare(&self, host: &Host, work: &Path) -> Result<(), Error> {
        let text = format!(
            "hosts = [(\"bench\", {{\"ssh_hostname\": \"{}\", \"ssh_user\": \"root\", \"ssh_key\": {:?}, \
             \"ssh_known_hosts_file\": {:?}, \"ssh_strict_host_key_checking\": \"yes\"}})]\n",
            host.ip(),
            host.ssh_key_path(),
            host.known_hosts_path()
        );
        write(work.join("inventory.py"), &text)
    }
    fn command(&self, _: &Host, work: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["-y", "inventory.py", "deploy.py"]).current_dir(work);
        command
    }
}

/// ansible-playbook, or a program with its options.
struct Ansible {
    name: &'static str,
    title: &'static str,
    program: PathBuf,
    words: Vec<&'static str>,
    settings: String,
}

impl Ansible {
    fn file(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }
}

impl Tool for Ansible {
    fn name(&self) -> &'static str {
        self.name
    }
    fn title(&self) -> String {
        self.title.to_owned()
    }
    fn prepare(&self, host: &Host, work: &Path) -> Result<(), Error> {
        // Connections are kept for reuse, as by default; the folder's name is short because a socket's must be.
        let control = work.join("cp");
        std::fs::create_dir_all(&control).map_err(Error::io(&control))?;
        let text = format!(
            "[defaults]\n{}host_key_checking = true\nlocalhost_warning = false\n[ssh_connection]\ncontrol_path_dir = {}\n{}",
            if self.settings.contains("strategy") { self.settings.as_str() } else { "" },
            control.display(),
            if self.settings.contains("pipelining") { self.settings.as_str() } else { "" },
        );
        write(work.join(self.file("cfg")), &text)?;
        write(work.join(self.file("hosts")), &format!("{}\n", host.inventory_line()))
    }
    fn command(&self, _: &Host, work: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).args(["-i", &self.file("hosts"), "site.yml"]).current_dir(work);
        command.env("ANSIBLE_CONFIG", work.join(self.file("cfg")));
        command.env("ANSIBLE_LOCAL_TEMP", work.join("ansible-tmp"));
        command
    }
    fn disconnect(&self, host: &Host) {
        // Ends the sessions of kept connections; the masters on this side then end by themselves.
        let _ = host.exec(&["pkill", "-f", "^sshd(-session)?: root@"]);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}
