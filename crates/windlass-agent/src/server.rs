//! The agent's side of the conversation.
//!
//! One thread reads frames, one executes requests in the order in which they came. So a cancel, a credit or the end
//! of the stream is noticed while a request runs. When the stream ends, whatever the reason, running programs are
//! killed, the scratch folder is removed and the process exits.

mod cache;
mod identity;
pub mod job;
mod outbox;
mod scratch;
mod signals;
mod spool;
mod stdio;
mod web;
mod worker;

use outbox::Outbox;
use scratch::Scratch;
use spool::Spool;
use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use windlass_protocol::frame::{self, FrameError};
use windlass_protocol::{Blob, FromAgent, Hello, PROTOCOL_VERSION, Request, ToAgent};

use crate::system::real::Stop;

/// How many requests may wait. The reader stops reading beyond that: then a cancel is not noticed at once.
const QUEUE: usize = 4096;
/// How long a request that was told to stop may take to clean up behind itself when the stream has ended.
const FAREWELL: Duration = Duration::from_secs(8);

/// Why the agent ends other than by the end of its stream.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The standard streams could not be set aside.
    #[error("cannot set up the standard streams: {0}")]
    Stdio(#[source] std::io::Error),
    /// The controller sent something that is refused.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The controller did not begin with a hello of this version.
    #[error("{0}")]
    Hello(String),
}

/// A request on its way to the worker.
struct Job {
    request: Request,
    spool: Spool,
}

/// What reader and worker share about the requests that are not done.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The request that runs, and its switch.
    running: Option<(u64, Stop)>,
    /// Requests that were cancelled before they began.
    cancelled: std::collections::HashSet<u64>,
    /// Chunks that may be sent, by request.
    credit: HashMap<u64, u32>,
    /// The stream has ended: nothing more is wanted.
    closed: bool,
    /// The worker has returned.
    worker_done: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one thread must not keep the other from cleaning up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self, id: u64) {
        let mut state = self.state();
        match &state.running {
            Some((running, stop)) if *running == id => stop.stop(),
            _ => {
                // An id that never comes must not make this grow for ever.
                if state.cancelled.len() < QUEUE {
                    state.cancelled.insert(id);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        if let Some((_, stop)) = &state.running {
            stop.stop();
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// Serves on standard input and output until they end, then cleans up.
///
/// # Errors
/// [`ServeError`]
pub fn serve_stdio() -> Result<(), ServeError> {
    stdio::leave_closed_folder();
    let (input, output) = stdio::take().map_err(ServeError::Stdio)?;
    let scratch = Scratch::make();
    signals::on_hangup(&scratch);
    cache::tend();
    let result = serve(BufReader::with_capacity(64 << 10, input), output, &scratch);
    scratch.remove();
    result
}

/// Serves on any pair of streams.
///
/// # Errors
/// [`ServeError`]
fn serve(
    mut input: impl Read,
    output: impl Write + Send + 'static,
    scratch: &Scratch,
) -> Result<(), ServeError> {
    let outbox = Arc::new(Outbox::new(output));
    // Both sides greet without waiting for each other: no round trip is lost.
    let hello = Hello {
        version: PROTOCOL_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        agent: Some(identity::own()),
    };
    if outbox.send(&FromAgent::Hello(hello)).is_err() {
        return Ok(());
    }
    if let Err(error) = greet(&mut input) {
        let _ = outbox.send(&FromAgent::Fatal { message: error.to_string() });
        return Err(error);
    }

    let shared = Arc::new(Shared::default());
    let (jobs, queue) = sync_channel::<Job>(QUEUE);
    let worker = {
        let (shared, outbox, scratch) = (Arc::clone(&shared), Arc::clone(&outbox), scratch.path().to_owned());
        move || {
            work(&queue, &shared, &outbox, &scratch);
            shared.state().worker_done = true;
            shared.changed.notify_all();
        }
    };
    std::thread::spawn(worker);

    let result = read(&mut input, &jobs, &shared, scratch);
    if let Err(error) = &result {
        let _ = outbox.send(&FromAgent::Fatal { message: error.to_string() });
    }
    drop(jobs);
    shared.close();
    let until = Instant::now() + FAREWELL;
    let mut state = shared.state();
    while !state.worker_done {
        let now = Instant::now();
        if now >= until {
            break;
        }
        state = shared.changed.wait_timeout(state, until - now).unwrap_or_else(PoisonError::into_inner).0;
    }
    result
}

fn greet(input: &mut impl Read) -> Result<(), ServeError> {
    match frame::read::<ToAgent>(input) {
        Ok(Some(ToAgent::Hello(hello))) if hello.version == PROTOCOL_VERSION => Ok(()),
        Ok(Some(ToAgent::Hello(hello))) => Err(ServeError::Hello(format!(
            "the controller speaks version {} of the protocol, this agent version {PROTOCOL_VERSION}",
            hello.version
        ))),
        Ok(Some(_)) => Err(ServeError::Hello("the controller did not begin with a hello".to_owned())),
        // Gone before it said anything: nobody is there to complain to.
        Ok(None) => Err(ServeError::Hello("the controller went away before it said hello".to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Takes frames until the stream ends.
fn read(
    input: &mut impl Read,
    jobs: &SyncSender<Job>,
    shared: &Shared,
    scratch: &Scratch,
) -> Result<(), ServeError> {
    let mut spool = Spool::new(scratch.path());
    loop {
        let message = match frame::read::<ToAgent>(input) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            // The controller was killed or the network is gone; that is an end like any other.
            Err(FrameError::Io(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match message {
            ToAgent::Hello(_) => return Err(ServeError::Hello("a second hello".to_owned())),
            ToAgent::Run(request) => {
                let contents = spool.split_off(&request.blobs);
                if jobs.send(Job { request, spool: contents }).is_err() {
                    return Ok(());
                }
            }
            ToAgent::BlobChunk { blob, data, last } => spool.add(blob, &data, last),
            ToAgent::Cancel { id } => shared.cancel(id),
            ToAgent::Credit { id, chunks } => {
                let mut state = shared.state();
                if state.running.as_ref().is_some_and(|(running, _)| *running == id) {
                    let credit = state.credit.entry(id).or_default();
                    *credit = credit.saturating_add(chunks);
                }
                drop(state);
                shared.changed.notify_all();
            }
        }
    }
}

/// Executes requests until no more can come.
fn work(queue: &Receiver<Job>, shared: &Arc<Shared>, outbox: &Outbox, scratch: &std::path::PathBuf) {
    let machine = worker::Machine::new(scratch);
    while let Ok(Job { request, spool }) = queue.recv() {
        let stop = Stop::default();
        {
            let mut state = shared.state();
            if state.closed {
                return;
            }
            if state.cancelled.remove(&request.id) {
                stop.stop();
            }
            state.running = Some((request.id, stop.clone()));
            state.credit.clear();
            state.credit.insert(request.id, frame::INITIAL_CREDIT);
        }
        let id = request.id;
        let end = match request.job {
            Some(_) => machine.start(request, &spool),
            None => machine.execute(request, spool, &stop, shared, outbox, scratch),
        };
        shared.state().running = None;
        let told = match end {
            worker::End::Done(outcome) => outbox.done(id, outcome),
            worker::End::LacksWeb => outbox.send(&FromAgent::LacksWeb { id }),
        };
        if told.is_err() {
            return;
        }
    }
}

/// Whether two descriptions of a content agree.
fn matches(blob: &Blob, hash: &[u8; 32], size: u64) -> bool {
    blob.hash == *hash && blob.size == size
}

#[cfg(test)]
mod tests;
