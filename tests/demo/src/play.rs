//! One run of a playbook of an example.

use crate::{Error, Show};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use windlass_test_hosts::Host;

/// How the example's playbooks are run on the host.
pub(crate) struct Playbook<'a> {
    pub(crate) windlass: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) host: &'a Host,
}

/// What a run came to.
pub struct Run {
    /// Everything that it printed.
    pub output: String,
    /// How much changed, over all hosts.
    pub changed: u32,
}

impl Run {
    /// The tasks that changed something, by host.
    pub fn changes(&self) -> BTreeMap<String, Vec<String>> {
        changes(&self.output)
    }
}

impl Playbook<'_> {
    /// Runs a playbook, showing its lines as they come.
    pub(crate) fn run(&self, arguments: &[&str], show: Show<'_>) -> Result<Run, Error> {
        show(&format!("$ windlass playbook {}", arguments.join(" ")));
        let host = self.host;
        let common = format!(
            "-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes",
            host.known_hosts_path().display()
        );
        let connection = format!(
            "{{\"ansible_host\": \"{}\", \"ansible_ssh_private_key_file\": {:?}, \"ansible_ssh_common_args\": {common:?}}}",
            host.ip(),
            host.ssh_key_path()
        );
        let mut command = Command::new(&self.windlass);
        command.arg("playbook").args(arguments).args(["-e", &connection]);
        command.current_dir(&self.folder);
        command.env("WINDLASS_AGE_IDENTITY", self.folder.join("secrets/example-age-identity.txt"));
        finish(command, &self.windlass, arguments, show)
    }
}

/// Runs a command, showing its lines as they come, and gives its exit code and what it printed.
pub(crate) fn execute(
    mut command: Command,
    program: &Path,
    show: Show<'_>,
) -> Result<(std::process::ExitStatus, String), Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::io(program))?;
    // Read beside the other one, so that neither fills up.
    let errors = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let mut output = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            show(&line);
            output.push_str(&line);
            output.push('\n');
        }
    }
    let errors = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    errors.lines().for_each(&mut *show);
    output.push_str(&errors);
    let status = child.wait().map_err(Error::io(program))?;
    Ok((status, output))
}

/// [`execute`] for a playbook that is to go through.
pub(crate) fn finish(
    command: Command,
    program: &Path,
    arguments: &[&str],
    show: Show<'_>,
) -> Result<Run, Error> {
    let (status, output) = execute(command, program, show)?;
    if !status.success() {
        let tail: Vec<&str> = output.lines().rev().take(40).collect();
        return Err(Error::Playbook {
            arguments: arguments.join(" "),
            status: status.to_string(),
            tail: tail.into_iter().rev().collect::<Vec<_>>().join("\n"),
        });
    }
    let changed = recap(&output, "changed").ok_or_else(|| Error::Claim("there is no recap".to_owned()))?;
    Ok(Run { output, changed })
}

/// A number of the recap, over all hosts.
fn recap(output: &str, what: &str) -> Option<u32> {
    let (_, recap) = output.rsplit_once("PLAY RECAP")?;
    let key = format!("{what}=");
    let numbers = recap.split_whitespace().filter_map(|word| word.strip_prefix(&key)?.parse::<u32>().ok());
    numbers.reduce(|a, b| a + b)
}

/// The tasks with a `changed:` line, by the host in it.
fn changes(output: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut task = String::new();
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("TASK [").or_else(|| line.strip_prefix("RUNNING HANDLER [")) {
            task = rest.rsplit_once(']').map_or(rest, |(name, _)| name).to_owned();
        } else if let Some(host) = line.strip_prefix("changed: [").and_then(|r| r.split([']', ' ']).next()) {
            let tasks = found.entry(host.to_owned()).or_default();
            if tasks.last() != Some(&task) {
                tasks.push(task.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recap_is_summed_up() {
        let text = "ok\nPLAY RECAP ****\na : ok=3 changed=2 failed=0\nb : ok=1 changed=1 failed=0\n";
        assert_eq!(
            (recap(text, "changed"), recap(text, "failed"), recap("nothing", "changed")),
            (Some(3), Some(0), None)
        );
    }

    #[test]
    fn changes_are_found_by_host() {
        let text = "TASK [role : one] ***\nchanged: [a] => (item=1)\nchanged: [a] => (item=2)\nok: [b]\n\
                    TASK [two] ***\nchanged: [b -> localhost]\nRUNNING HANDLER [three] **\nchanged: [a]\n";
        let changed = changes(text);
        assert_eq!(
            (changed["a"].join(","), changed["b"].join(",")),
            ("role : one,three".into(), "two".into())
        );
    }
}
