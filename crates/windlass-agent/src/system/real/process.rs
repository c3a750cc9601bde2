//! Running programs: in a process group of their own, their three streams pumped by one loop that cannot deadlock,
//! killed as a whole when the time is up or the request is given up.

use super::Real;
use crate::system::{Observe as _, OutputSink, RunOutput};
use crate::text::native;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use windlass_protocol::{RunSpec, Stream};

/// How often the stop switch is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long to wait for more output after the program has ended: what it left in the background may hold the
/// pipes open for ever.
const LINGER: Duration = Duration::from_millis(250);
/// How long a program has to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

impl Real {
    /// `PATH` of programs that are run.
    pub(super) fn program_path(&self) -> String {
        let own =
            self.environment.iter().rev().find(|(key, _)| key == "PATH").map(|(_, value)| value.clone());
        own.or_else(|| std::env::var("PATH").ok()).unwrap_or_else(|| "/usr/bin:/bin".into())
    }

    /// Waits, but no longer than the request may last.
    pub(super) fn pause(&self, ms: u64) {
        let end = Instant::now() + Duration::from_millis(ms);
        while self.why_to_end().is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Why the request has to end, if it has to.
    pub(super) fn why_to_end(&self) -> Option<io::Error> {
        if self.stop.is_stopped() {
            return Some(io::Error::new(io::ErrorKind::Interrupted, "the task was cancelled"));
        }
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        late.then(|| io::Error::new(io::ErrorKind::TimedOut, "the task took longer than its timeout"))
    }

    /// Runs a program to its end. Of its output no more than `limit` bytes are kept; if there is more, the program still runs
    /// to its end, and the result is an error of kind [`io::ErrorKind::FileTooLarge`].
    pub(super) fn execute(
        &self,
        run: &RunSpec,
        sink: Option<OutputSink<'_>>,
        limit: usize,
    ) -> io::Result<RunOutput> {
        let Some((program, arguments)) = run.argv.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program to run"));
        };
        // What a module calls may lie where a plain user does not look; a command of the operator's is called as it is.
        let found = run.failure.as_ref().and_then(|_| self.find_program(program));
        let mut command = Command::new(found.as_ref().unwrap_or(program));
        command.args(arguments.iter().map(|word| native(Path::new(word)).into_owned()));
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if run.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
        let pairs = self.environment.iter().chain(&run.env);
        command.envs(pairs.map(|(key, value)| (key.as_str(), value.as_str())));
        if let Some(cwd) = &run.cwd {
            command.current_dir(native(Path::new(cwd)));
        }
        if let Some(mask) = run.umask {
            set_umask(&mut command, mask);
        }
        if let Some(error) = self.why_to_end() {
            return Err(error);
        }
        let mut child = command.spawn().map_err(|error| named(error, run.cwd.as_deref()))?;
        let mut said = Said { limit, ..Said::default() };
        match self.pump(&mut child, &run.stdin, sink, &mut said) {
            Ok(code) => said.output(code),
            Err(error) => {
                end_group(&mut child);
                Err(error)
            }
        }
    }

    fn pump(
        &self,
        child: &mut Child,
        input: &[u8],
        mut sink: Option<OutputSink<'_>>,
        said: &mut Said,
    ) -> io::Result<i32> {
        let mut stdin = child.stdin.take();
        let mut stdout = child.stdout.take();
        let mut stderr = child.stderr.take();
        for fd in [
            stdin.as_ref().map(AsFd::as_fd),
            stdout.as_ref().map(AsFd::as_fd),
            stderr.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let ended: Option<OwnedFd> =
            Pid::from_raw(child.id() as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let mut written = 0;
        let mut status = None;
        let mut quiet_since = Instant::now();
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            if let Some(error) = self.why_to_end() {
                return Err(error);
            }
            if status.is_none() {
                status = child.try_wait()?;
                quiet_since = Instant::now();
            }
            let silent = stdout.is_none() && stderr.is_none();
            if let Some(status) = status
                && (silent || quiet_since.elapsed() >= LINGER)
            {
                return Ok(status.code().unwrap_or_else(|| -status.signal().unwrap_or(1)));
            }
            let mut wait = LOOK;
            if let Some(deadline) = self.deadline {
                wait = wait.min(deadline.saturating_duration_since(Instant::now()));
            }
            if ended.is_none() {
                wait = wait.min(Duration::from_millis(10));
            }
            wait_for(&stdin, &stdout, &stderr, ended.as_ref().filter(|_| status.is_none()), wait)?;
            if let Some(pipe) = &mut stdin {
                match pipe.write(&input[written..]) {
                    Ok(count) => written += count,
                    Err(error) if is_transient(&error) => {}
                    // The program does not want to read it all: its business.
                    Err(_) => written = input.len(),
                }
            }
            if written >= input.len() {
                stdin = None;
            }
            let mut got = 0;
            got += drain(&mut stdout, &mut buffer, Stream::Stdout, said, &mut sink)?;
            got += drain(&mut stderr, &mut buffer, Stream::Stderr, said, &mut sink)?;
            if got > 0 {
                quiet_since = Instant::now();
            }
        }
    }
}

/// The system says of a program and of its working directory in the same words that they are not there.
fn named(error: io::Error, cwd: Option<&str>) -> io::Error {
    let cwd = cwd.filter(|cwd| error.kind() == io::ErrorKind::NotFound && !native(Path::new(cwd)).is_dir());
    cwd.map_or(error, |cwd| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no working directory {cwd}"))
    })
}

/// What a program has printed so far.
#[derive(Default)]
struct Said {
    output: RunOutput,
    total: usize,
    limit: usize,
}

impl Said {
    fn add(&mut self, stream: Stream, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > self.limit {
            // It will not be shown, so it need not be kept; but who prints it must not be held up.
            self.output = RunOutput::default();
            return;
        }
        match stream {
            Stream::Stdout => self.output.stdout.extend_from_slice(bytes),
            Stream::Stderr => self.output.stderr.extend_from_slice(bytes),
        }
    }

    fn output(self, code: i32) -> io::Result<RunOutput> {
        if self.total > self.limit {
            let text = format!(
                "the command printed {} bytes, more than the {} that are kept",
                self.total, self.limit
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(RunOutput { code, ..self.output })
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Sleeps until one of the pipes has something to do, or the program ended.
fn wait_for(
    stdin: &Option<std::process::ChildStdin>,
    stdout: &Option<std::process::ChildStdout>,
    stderr: &Option<std::process::ChildStderr>,
    ended: Option<&OwnedFd>,
    wait: Duration,
) -> io::Result<()> {
    let mut fds = Vec::with_capacity(4);
    fds.extend(stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
    fds.extend(stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    fds.extend(stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    fds.extend(ended.map(|fd| PollFd::new(fd, PollFlags::IN)));
    let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) as _ };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads what is there. Closes the pipe at its end.
fn drain<R: Read>(
    pipe: &mut Option<R>,
    buffer: &mut [u8],
    stream: Stream,
    said: &mut Said,
    sink: &mut Option<OutputSink<'_>>,
) -> io::Result<usize> {
    let mut total = 0;
    while let Some(reader) = pipe {
        match reader.read(buffer) {
            Ok(0) => *pipe = None,
            Ok(count) => {
                total += count;
                said.add(stream, &buffer[..count]);
                if let Some(sink) = sink {
                    sink(stream, &buffer[..count]);
                }
                // The other pipe and the clock have their turn too.
                if total > 1 << 20 {
                    return Ok(total);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// Ends the program and everything that it started: politely, then for good.
fn end_group(child: &mut Child) {
    let Some(group) = Pid::from_raw(child.id() as i32) else { return };
    let _ = kill_process_group(group, Signal::TERM);
    let end = Instant::now() + GRACE;
    while Instant::now() < end {
        if matches!(child.try_wait(), Ok(Some(_))) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // The rest of the group may have outlived its leader.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

#[allow(unsafe_code)]
fn set_umask(command: &mut Command, mask: u32) {
    // SAFETY: between fork and exec the closure makes one system call, which is async-signal-safe, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask & 0o777));
            Ok(())
        });
    }
}
