//! The `ssh` program of this machine as the way to a host, for configurations that the built-in client does not
//! know (GSSAPI, PKCS#11, ...). It reads its own configuration; one connection is shared by all commands.

use super::bootstrap::{Exec, Line};
use super::error::ConnectError;
use super::process::{self, Event, Exit, Process};
use super::ssh_config::ConfigMistake;
use super::target::{HostKeyChecking, Target};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// The way by the `ssh` program.
#[derive(Debug)]
pub(crate) struct SystemSsh {
    target: Target,
    /// Holds the socket of the shared connection; removed when this is dropped.
    control: tempfile::TempDir,
}

impl SystemSsh {
    /// Connects, and leaves the connection open for the commands to come.
    pub(crate) async fn open(target: &Target) -> Result<Self, ConnectError> {
        let failed = |reason: String| ConnectError::Program { program: "ssh".to_owned(), reason, kind: None };
        if target.password.is_some() {
            return Err(failed(
                "the system's ssh cannot be given a password; use the built-in client (ansible_connection=ssh)".to_owned(),
            ));
        }
        let control = tempfile::Builder::new().prefix("windlass-").tempdir();
        let control = control.map_err(|error| failed(super::error::plain(&error)))?;
        let this = Self { target: target.clone(), control };
        let mut master = this.command()?;
        master.args(["-M", "-N", "-f"]);
        master.arg("--").arg(&target.host);
        let mut process = process::spawn(master)?;
        let mut said = String::new();
        while let Some(event) = process.events.recv().await {
            match event {
                Event::Stderr(bytes) | Event::Stdout(bytes) => {
                    said.push_str(&String::from_utf8_lossy(&bytes))
                }
                Event::Exit(Exit::Code(0)) => return Ok(this),
                Event::Exit(_) => break,
            }
        }
        let last = said.trim().lines().last().unwrap_or("it ended without a word").to_owned();
        Err(ConnectError::Unreachable {
            address: target.host.clone(),
            refused: last.contains("Connection refused"),
            reason: last,
        })
    }

    fn socket(&self) -> PathBuf {
        self.control.path().join("s")
    }

    fn command(&self) -> Result<Command, ConnectError> {
        let target = &self.target;
        let mut ssh = Command::new(target.ssh_executable.as_deref().unwrap_or("ssh".as_ref()));
        ssh.args(["-o", "BatchMode=yes", "-T"]);
        ssh.arg("-o").arg(format!("ControlPath={}", self.socket().display()));
        // Long enough for what comes next; if we are killed, the logged-in connection does not stay for ever.
        ssh.args(["-o", "ControlPersist=60s"]);
        Self::words(&mut ssh, target.first_ssh_args.as_ref())?;
        match target.host_key_checking {
            Some(HostKeyChecking::Off) => {
                ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
            }
            Some(HostKeyChecking::AcceptNew) => {
                ssh.args(["-o", "StrictHostKeyChecking=accept-new"]);
            }
            Some(HostKeyChecking::Strict) => {
                ssh.args(["-o", "StrictHostKeyChecking=yes"]);
            }
            None => {}
        }
        if let Some(timeout) = target.connect_timeout {
            ssh.arg("-o").arg(format!("ConnectTimeout={}", timeout.as_secs().max(1)));
        }
        if let Some(port) = target.port {
            ssh.arg("-p").arg(port.to_string());
        }
        if let Some(user) = &target.user {
            ssh.arg("-l").arg(user);
        }
        for file in &target.key_files {
            ssh.arg("-i").arg(file);
        }
        Self::words(&mut ssh, &target.ssh_args)?;
        Ok(ssh)
    }

    fn words<'a>(ssh: &mut Command, texts: impl IntoIterator<Item = &'a String>) -> Result<(), ConnectError> {
        for text in texts {
            let words = shlex::split(text)
                .ok_or_else(|| ConfigMistake::Unbalanced(text.clone()).at("the arguments for ssh"))?;
            ssh.args(words);
        }
        Ok(())
    }

    fn farewell(&self) -> Option<Command> {
        // The socket goes with the connection.
        let mut ssh = self.socket().exists().then(|| self.command().ok())??;
        ssh.args(["-O", "exit", "--"]).arg(&self.target.host);
        Some(ssh)
    }

    /// Ends the shared connection.
    pub(crate) async fn close(&self) {
        if let Some(ssh) = self.farewell()
            && let Ok(mut process) = process::spawn(ssh)
        {
            while process.events.recv().await.is_some() {}
        }
    }
}

impl Drop for SystemSsh {
    fn drop(&mut self) {
        // Who closed it has no socket any more. Otherwise a logged-in connection would be left: the socket is local and the
        // answer quick.
        if let Some(ssh) = self.farewell() {
            let mut ssh = ssh.into_std();
            ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let _ = ssh.status();
        }
    }
}

impl Exec for SystemSsh {
    async fn exec(&self, line: Line<'_>, terminal: bool) -> Result<Process, ConnectError> {
        let mut ssh = self.command()?;
        if terminal {
            ssh.arg("-tt");
        }
        ssh.arg("--").arg(&self.target.host).arg(match line {
            Line::Words(argv) => super::quote(argv),
            Line::Text(text) => text.to_owned(),
        });
        process::spawn(ssh)
    }

    fn name(&self) -> &str {
        &self.target.name
    }
}
