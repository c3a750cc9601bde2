//! A running agent, and what it is asked to do.

use super::bootstrap::{Build, Started};
use super::error::AgentError;
use super::process::{Event, Exit, Input, Process};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use windlass_protocol::frame::{self, Decoder, FrameError};
use windlass_protocol::message::{AgentIdentity, Job, WEB_PROGRAM};
use windlass_protocol::{
    Blob, FromAgent, Hello, JsonMap, Outcome, PROTOCOL_VERSION, Request, Stream, ToAgent,
};

mod contents;
mod fault;

pub use contents::UnpackError;
pub use fault::ProtocolFault;

/// How many frames may wait to be written, or answers to be taken. A chunk of a content is one, so this bounds memory too.
const WAITING: usize = 64;
/// How much of what the agent says on standard error is kept for messages.
const SAID: usize = 4 << 10;
/// How long an agent may take from its start to its hello.
const GREETING: Duration = Duration::from_secs(30);
/// How long to wait for an agent to clean up when the connection is closed in order.
const FAREWELL: Duration = Duration::from_secs(10);

/// Bytes that ride with a call.
#[derive(Debug, Clone)]
pub enum Source {
    /// These.
    Bytes(bytes::Bytes),
    /// Those of a file on this machine.
    File(PathBuf),
}

/// Takes the contents that a module sends back.
pub trait Sink: Send {
    /// The next piece of content number `index`; `last` marks its end.
    ///
    /// # Errors
    /// Anything; it ends the call with [`AgentError::Sink`].
    fn write(&mut self, index: u32, piece: &[u8], last: bool) -> std::io::Result<()>;
}

/// A task for an agent.
#[derive(Default)]
pub struct Call<'a> {
    /// Canonical module name.
    pub module: String,
    /// The checked arguments.
    pub args: JsonMap,
    /// Plan only.
    pub check: bool,
    /// Give before and after.
    pub diff: bool,
    /// `environment:`
    pub environment: Vec<(String, String)>,
    /// Contents that the module needs, by name.
    pub blobs: Vec<(String, Source)>,
    /// Gets a command's output while it runs. If that fills up, the agent is slowed down.
    pub stream: Option<mpsc::Sender<(Stream, Vec<u8>)>>,
    /// Gets the contents that the module sends back; without one they are dropped.
    pub sink: Option<&'a mut dyn Sink>,
    /// Give up after this time.
    pub timeout: Option<Duration>,
    /// Keep arguments and output out of the target's logs.
    pub no_log: bool,
    /// Have a process of its own do it, which goes on when the agent has ended; the outcome tells that it has begun.
    pub job: Option<Job>,
}

/// What comes for a request that waits.
enum Answer {
    Output(Stream, Vec<u8>),
    Content { index: u32, data: Vec<u8>, last: bool },
    Done(Box<Outcome>),
    LacksWeb,
}

/// A call whose outcome is waited for.
struct Waiting {
    answers: mpsc::Sender<Answer>,
    /// Whether it wants a command's output.
    streams: bool,
    /// How many pieces of contents may come before we give credit for more.
    credit: u32,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Waiting>,
    dead: Option<AgentError>,
}

struct Inner {
    host: String,
    identity: AgentIdentity,
    next: AtomicU64,
    /// `None` once the connection is being closed.
    frames: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    state: Arc<Mutex<State>>,
    ended: watch::Receiver<bool>,
    build: Arc<Build>,
    /// Whether the program for requests over HTTP was sent; locked while it is on its way.
    web: tokio::sync::Mutex<bool>,
}

/// A running agent. Clones are the same agent; it ends when the last of them is dropped, or the connection is closed.
#[derive(Clone)]
pub struct AgentHandle(Arc<Inner>);

impl std::fmt::Debug for AgentHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentHandle").field("host", &self.0.host).field("identity", &self.0.identity).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here leaves its state half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AgentHandle {
    /// Greets an agent that has just been started.
    pub(crate) async fn greet(started: Started, host: &str) -> Result<Self, AgentError> {
        let Started { process: Process { mut input, events }, first, build } = started;
        let hello =
            Hello { version: PROTOCOL_VERSION, program: env!("CARGO_PKG_VERSION").to_owned(), agent: None };
        let protocol = |fault| AgentError::Protocol { host: host.to_owned(), fault };
        let bytes = frame::encode(&ToAgent::Hello(hello)).map_err(|error| protocol(error.into()))?;
        // If this fails the agent is gone already, and the reader finds out how.
        let _ = input.send(&bytes).await;

        let state: Arc<Mutex<State>> = Arc::default();
        let (greeting, greeted) = oneshot::channel();
        let (ended_tx, ended) = watch::channel(false);
        let reader = Reader {
            host: host.to_owned(),
            state: Arc::clone(&state),
            decoder: Decoder::default(),
            greeting: Some(greeting),
            said: Vec::new(),
            exit: None,
            fatal: None,
        };
        tokio::spawn(async move {
            reader.run(first, events).await;
            let _ = ended_tx.send(true);
        });
        let identity = match tokio::time::timeout(GREETING, greeted).await {
            Ok(Ok(identity)) => identity,
            Ok(Err(_)) => {
                let dead = lock(&state).dead.clone();
                return Err(dead.unwrap_or_else(|| protocol(ProtocolFault::EndedFirst)));
            }
            Err(_) => return Err(protocol(ProtocolFault::Silent)),
        };
        let (frames, queue) = mpsc::channel(WAITING);
        tokio::spawn(write(input, queue));
        Ok(Self(Arc::new(Inner {
            host: host.to_owned(),
            identity,
            next: AtomicU64::new(1),
            frames: Mutex::new(Some(frames)),
            state,
            ended,
            build,
            web: tokio::sync::Mutex::new(false),
        })))
    }

    /// Who it runs as.
    #[must_use]
    pub fn identity(&self) -> &AgentIdentity {
        &self.0.identity
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        lock(&self.0.state).dead.is_some()
    }

    /// Has the agent do something, and waits for the outcome. Many calls may be under way; they are executed in the
    /// order in which they were sent. Dropping the future cancels the call.
    ///
    /// # Errors
    /// [`AgentError`] if there is no outcome. A module that failed is an outcome.
    pub async fn run(&self, mut call: Call<'_>) -> Result<Outcome, AgentError> {
        if let Some(outcome) = self.attempt(&mut call).await? {
            return Ok(outcome);
        }
        // Of many calls that hear this at once one brings the program along; it is there before the others come again.
        let mut bringing = self.0.web.lock().await;
        if *bringing {
            drop(bringing);
            if let Some(outcome) = self.attempt(&mut call).await? {
                return Ok(outcome);
            }
            // Somebody took it away again.
            bringing = self.0.web.lock().await;
        }
        let packed = self.0.build.web(&self.0.identity.machine).await;
        let packed = packed
            .map_err(|error| AgentError::NoWeb { host: self.0.host.clone(), reason: error.to_string() })?;
        call.blobs.push((WEB_PROGRAM.to_owned(), Source::Bytes(packed)));
        let outcome = self.attempt(&mut call).await?;
        *bringing = true;
        outcome.ok_or_else(|| self.protocol(ProtocolFault::LosesWeb))
    }

    /// Sends a call and waits for its end; `None` if the program for requests over HTTP has to be sent along.
    async fn attempt(&self, call: &mut Call<'_>) -> Result<Option<Outcome>, AgentError> {
        let frames = lock(&self.0.frames).clone().ok_or_else(|| self.death())?;
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let blobs = contents::send(call.blobs.clone(), &frames, || self.next_blob()).await;
        let blobs = blobs.map_err(|error| error.unwrap_or_else(|| self.death()))?;
        let frame = self.request(id, call, blobs)?;

        let (sender, mut answers) = mpsc::channel(WAITING);
        {
            let mut state = lock(&self.0.state);
            if let Some(dead) = &state.dead {
                return Err(dead.clone());
            }
            let (streams, credit) = (call.stream.is_some(), frame::INITIAL_CREDIT);
            state.waiting.insert(id, Waiting { answers: sender, streams, credit });
        }
        let mut guard = CancelOnDrop { agent: &self.0, frames: &frames, id, sent: false };
        frames.send(frame).await.map_err(|_| self.death())?;
        guard.sent = true;
        while let Some(answer) = answers.recv().await {
            match answer {
                Answer::Output(stream, data) => {
                    if let Some(to) = &call.stream {
                        let _ = to.send((stream, data)).await;
                    }
                }
                Answer::Content { index, data, last } => {
                    let piece = contents::unpack(&data).map_err(|error| self.protocol(error))?;
                    if let Some(sink) = &mut call.sink {
                        let failed = |error: std::io::Error| AgentError::Sink {
                            host: self.0.host.clone(),
                            reason: super::error::plain(&error),
                        };
                        sink.write(index, &piece, last).map_err(failed)?;
                    }
                    if let Some(waiting) = lock(&self.0.state).waiting.get_mut(&id) {
                        waiting.credit += 1;
                    }
                    let credit = frame::encode(&ToAgent::Credit { id, chunks: 1 });
                    let credit = credit.map_err(|error| self.protocol(error))?;
                    frames.send(credit).await.map_err(|_| self.death())?;
                }
                Answer::Done(outcome) => {
                    guard.sent = false;
                    return Ok(Some(*outcome));
                }
                Answer::LacksWeb => {
                    guard.sent = false;
                    return Ok(None);
                }
            }
        }
        guard.sent = false;
        Err(self.death())
    }

    fn next_blob(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    fn request(&self, id: u64, call: &Call<'_>, blobs: Vec<Blob>) -> Result<Vec<u8>, AgentError> {
        let args = serde_json::to_vec(&call.args).map_err(|error| self.protocol(error))?;
        let request = Request {
            id,
            module: call.module.clone(),
            args,
            check: call.check,
            diff: call.diff,
            environment: call.environment.clone(),
            blobs,
            stream: call.stream.is_some(),
            timeout_ms: call.timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            no_log: call.no_log,
            job: call.job.clone(),
        };
        frame::encode(&ToAgent::Run(request)).map_err(|error| match error {
            FrameError::TooLarge(size) => AgentError::TooLarge { size },
            other => self.protocol(other),
        })
    }

    fn protocol(&self, fault: impl Into<ProtocolFault>) -> AgentError {
        AgentError::Protocol { host: self.0.host.clone(), fault: fault.into() }
    }

    /// Why there is no answer.
    fn death(&self) -> AgentError {
        lock(&self.0.state)
            .dead
            .clone()
            .unwrap_or_else(|| AgentError::ConnectionLost { host: self.0.host.clone(), said: String::new() })
    }

    /// Closes the agent's input and waits until it has cleaned up and ended.
    pub(crate) async fn close(&self) {
        *lock(&self.0.frames) = None;
        let mut ended = self.0.ended.clone();
        let _ = tokio::time::timeout(FAREWELL, ended.wait_for(|ended| *ended)).await;
    }
}

/// Tells the agent to give a call up when nobody waits for it any more.
struct CancelOnDrop<'a> {
    agent: &'a Inner,
    frames: &'a mpsc::Sender<Vec<u8>>,
    id: u64,
    sent: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        lock(&self.agent.state).waiting.remove(&self.id);
        if self.sent
            && let Ok(frame) = frame::encode(&ToAgent::Cancel { id: self.id })
        {
            let frames = self.frames.clone();
            if let Err(mpsc::error::TrySendError::Full(frame)) = frames.try_send(frame)
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                runtime.spawn(async move { frames.send(frame).await });
            }
        }
    }
}

/// Writes frames. What waits is written at once: many small requests make one packet.
async fn write(mut input: Input, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut bytes) = queue.recv().await {
        while bytes.len() < (64 << 10)
            && let Ok(more) = queue.try_recv()
        {
            bytes.extend_from_slice(&more);
        }
        if input.send(&bytes).await.is_err() {
            // The reader notices the end and tells who waits.
            return;
        }
    }
    input.close().await;
}

struct Reader {
    host: String,
    state: Arc<Mutex<State>>,
    decoder: Decoder,
    greeting: Option<oneshot::Sender<AgentIdentity>>,
    said: Vec<u8>,
    exit: Option<Exit>,
    fatal: Option<ProtocolFault>,
}

impl Reader {
    async fn run(mut self, first: bytes::Bytes, mut events: mpsc::Receiver<Event>) {
        let mut broken = self.take(&first).await.err();
        while broken.is_none()
            && let Some(event) = events.recv().await
        {
            match event {
                Event::Stdout(bytes) => broken = self.take(&bytes).await.err(),
                Event::Stderr(bytes) => {
                    self.said.extend_from_slice(&bytes);
                    let over = self.said.len().saturating_sub(SAID);
                    self.said.drain(..over);
                }
                Event::Exit(exit) => self.exit = Some(exit),
            }
        }
        let said = String::from_utf8_lossy(&self.said).trim().to_owned();
        let host = self.host.clone();
        let error = match (broken.or(self.fatal), self.exit) {
            (Some(fault), _) => AgentError::Protocol { host, fault },
            (None, Some(exit)) => AgentError::Died { host, how: exit.to_string(), said },
            (None, None) => AgentError::ConnectionLost { host, said },
        };
        let mut state = lock(&self.state);
        state.dead = Some(error);
        // Who waits finds the channel closed, and then the reason above.
        state.waiting.clear();
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), ProtocolFault> {
        self.decoder.push(bytes);
        while let Some(message) = self.decoder.next_message::<FromAgent>()? {
            match message {
                FromAgent::Hello(hello) => self.hello(hello)?,
                FromAgent::Output { id, stream, data } => {
                    check_size(data.len())?;
                    self.answer(id, Answer::Output(stream, data)).await?;
                }
                FromAgent::ContentChunk { id, index, data, last } => {
                    check_size(data.len())?;
                    self.answer(id, Answer::Content { index, data, last }).await?;
                }
                FromAgent::Done { id, outcome } => {
                    self.answer(id, Answer::Done(outcome)).await?;
                    lock(&self.state).waiting.remove(&id);
                }
                FromAgent::LacksWeb { id } => self.answer(id, Answer::LacksWeb).await?,
                FromAgent::Fatal { message } => self.fatal = Some(ProtocolFault::Complaint(message)),
            }
        }
        Ok(())
    }

    fn hello(&mut self, hello: Hello) -> Result<(), ProtocolFault> {
        if hello.version != PROTOCOL_VERSION {
            return Err(ProtocolFault::Version(hello.version));
        }
        let identity = hello.agent.ok_or(ProtocolFault::Anonymous)?;
        let greeting = self.greeting.take().ok_or(ProtocolFault::SecondHello)?;
        let _ = greeting.send(identity);
        Ok(())
    }

    /// Hands an answer to the call that waits for it. If that does not keep up, nothing more is read: what a host sends must
    /// not pile up here.
    async fn answer(&self, id: u64, answer: Answer) -> Result<(), ProtocolFault> {
        if self.greeting.is_some() {
            return Err(ProtocolFault::NoHello);
        }
        let to = {
            let mut state = lock(&self.state);
            // Otherwise the call was given up.
            let Some(waiting) = state.waiting.get_mut(&id) else { return Ok(()) };
            match answer {
                Answer::Output(..) if !waiting.streams => return Ok(()),
                Answer::Content { .. } => {
                    let left = waiting.credit.checked_sub(1);
                    waiting.credit = left.ok_or(ProtocolFault::NoCredit)?;
                }
                _ => {}
            }
            waiting.answers.clone()
        };
        let _ = to.send(answer).await;
        Ok(())
    }
}

/// Pieces of output and contents are no larger than [`frame::CHUNK`], but for what compressing may add.
fn check_size(size: usize) -> Result<(), ProtocolFault> {
    let most = lz4_flex::block::get_maximum_output_size(frame::CHUNK) + 4;
    if size > most { Err(ProtocolFault::Piece { size, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
