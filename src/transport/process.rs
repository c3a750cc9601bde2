//! A program at the other end of a way: its input, and what comes of it. All ways to a host give one of these.

use super::error::{ConnectError, plain};
use bytes::Bytes;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

/// How many pieces of output may wait. Beyond that the program is slowed down.
const WAITING: usize = 64;

/// Something that a program did.
#[derive(Debug)]
pub(crate) enum Event {
    /// It wrote to standard output.
    Stdout(Bytes),
    /// It wrote to standard error.
    Stderr(Bytes),
    /// It ended.
    Exit(Exit),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(u32),
    Signal(String),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(name) => write!(f, "killed by signal {name}"),
        }
    }
}

/// A running program. The events end when all its output has come and it has ended, or the connection is lost (then
/// without an [`Event::Exit`]).
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) input: Input,
    pub(crate) events: mpsc::Receiver<Event>,
}

/// A program's standard input. Dropping it closes it, which ends an agent.
pub(crate) struct Input {
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Dropped with this: tells the task behind the events that no more will be written.
    _hang_up: oneshot::Sender<()>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

impl Input {
    /// An input, and what resolves (with an error) when it is dropped.
    pub(crate) fn new(writer: impl AsyncWrite + Send + Unpin + 'static) -> (Self, oneshot::Receiver<()>) {
        let (hang_up, hung_up) = oneshot::channel();
        (Self { writer: Box::new(writer), _hang_up: hang_up }, hung_up)
    }

    /// Writes and flushes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }

    /// Ends the input.
    pub(crate) async fn close(mut self) {
        let _ = self.writer.shutdown().await;
    }
}

/// Starts a program of this machine.
pub(crate) fn spawn(mut command: Command) -> Result<Process, ConnectError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C at the terminal is for windlass, which then ends its programs in order.
    command.process_group(0);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |reason: String, kind| ConnectError::Program { program: program.clone(), reason, kind };
    let mut child = command.spawn().map_err(|error| failed(plain(&error), Some(error.kind())))?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("no pipes".to_owned(), None));
    };
    let (input, _) = Input::new(stdin);
    let (sender, events) = mpsc::channel(WAITING);
    let out = tokio::spawn(pump(stdout, sender.clone(), Event::Stdout));
    let err = tokio::spawn(pump(stderr, sender.clone(), Event::Stderr));
    tokio::spawn(async move {
        let status = child.wait().await;
        // What it left running may hold the pipes; its own output is there already.
        let _ =
            tokio::time::timeout(std::time::Duration::from_secs(1), async { tokio::join!(out, err) }).await;
        if let Ok(status) = status {
            use std::os::unix::process::ExitStatusExt as _;
            let exit = match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code.unsigned_abs()),
                (None, signal) => Exit::Signal(signal.unwrap_or(0).to_string()),
            };
            let _ = sender.send(Event::Exit(exit)).await;
        }
    });
    Ok(Process { input, events })
}

async fn pump(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Event>, event: fn(Bytes) -> Event) {
    loop {
        let mut buffer = bytes::BytesMut::with_capacity(64 << 10);
        match from.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if to.send(event(buffer.freeze())).await.is_err() {
                    return;
                }
            }
        }
    }
}
