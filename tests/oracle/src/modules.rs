//! The reference's modules, run one after the other by one Python process.

use crate::Reference;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that runs modules of the reference.
#[derive(Debug)]
pub struct Modules {
    child: Child,
    tasks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Modules {
    /// Starts it. Modules of collections are found if their folder is given.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        reference: &Reference,
        collections: Option<&Path>,
        environment: &[(&str, &str)],
    ) -> io::Result<Self> {
        let mut command = Command::new(reference.python());
        command.envs(environment.iter().copied());
        command.args(["-c", include_str!("driver.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(folder) = collections {
            command.env("PYTHONPATH", folder);
        }
        let mut child = command.spawn()?;
        let missing = || io::Error::other("a stream of the driver is missing");
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let tasks = Some(child.stdin.take().ok_or_else(missing)?);
        Ok(Self { child, tasks, answers })
    }

    /// The result of a module, with diff.
    ///
    /// # Errors
    /// If the module printed no result.
    pub fn run(&mut self, module: &str, args: &Value, check: bool) -> io::Result<Value> {
        let mut args = args.clone();
        args["_ansible_check_mode"] = json!(check);
        args["_ansible_diff"] = json!(true);
        let closed = || io::Error::other("the driver has ended");
        writeln!(self.tasks.as_mut().ok_or_else(closed)?, "{}", json!([module, args]))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|error| io::Error::other(format!("{error}: {line:?}")))
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        drop(self.tasks.take());
        let _ = self.child.wait();
    }
}
