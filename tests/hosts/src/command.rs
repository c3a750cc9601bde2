//! Running programs, always by argument vector.

use crate::Error;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a program printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit code; 128 plus the signal when it was killed.
    pub code: i32,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

impl Output {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

impl From<std::process::Output> for Output {
    fn from(out: std::process::Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            code: out.status.code().unwrap_or_else(|| 128 + out.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end, whatever its exit code.
pub(crate) fn output(command: &mut Command) -> Result<Output, Error> {
    let program = command.get_program().to_os_string();
    command.stdin(Stdio::null()).output().map(Output::from).map_err(Error::io(program))
}

/// Runs a program; any exit code but 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<Output, Error> {
    let out = output(command)?;
    checked(command, out)
}

/// [`run`] by program name and arguments.
pub(crate) fn run_args<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<Output, Error> {
    run(Command::new(program).args(args))
}

/// Runs a program with something on its standard input; any exit code but 0 is an error.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Output, Error> {
    let program = command.get_program().to_os_string();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::io(&program))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading shows in its exit status, not here.
        let _ = stdin.write_all(input);
    }
    let out = child.wait_with_output().map_err(Error::io(&program))?;
    checked(command, out.into())
}

fn checked(command: &Command, out: Output) -> Result<Output, Error> {
    if out.success() {
        return Ok(out);
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let tail: Vec<&str> = out.stderr.lines().rev().take(15).collect();
    Err(Error::Command {
        command: line,
        status: format!("exit {}", out.code),
        stderr: tail.into_iter().rev().collect::<Vec<_>>().join("\n"),
    })
}
