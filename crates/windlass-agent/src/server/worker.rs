//! Executes one request.

use super::outbox::Outbox;
use super::spool::Spool;
use super::{Shared, Stop, job, web};
use crate::module::{Context, ModuleError};
use crate::registry;
use crate::system::http::program::Program;
use crate::system::real::mark::Mark;
use crate::system::real::{Accounts, Real, read};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use windlass_protocol::frame::CHUNK;
use windlass_protocol::message::WEB_PROGRAM;
use windlass_protocol::{FromAgent, JsonMap, Outcome, Request, Stream};

/// The switch of the request that runs, for the signal handler's thread.
static RUNNING: Mutex<Option<Stop>> = Mutex::new(None);

/// Stops what runs, and gives it a moment to go.
pub(super) fn kill_all() {
    let stop = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(stop) = stop {
        stop.stop();
        let until = Instant::now() + Duration::from_secs(4);
        while Instant::now() < until && RUNNING.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What requests share.
pub(super) struct Machine {
    accounts: Arc<Accounts>,
    web: Program,
    mark: Option<Arc<Mark>>,
}

/// How a request ended.
pub(super) enum End {
    /// With this.
    Done(Outcome),
    /// Nothing was done, because the program for requests over HTTP is not here.
    LacksWeb,
}

impl Machine {
    pub(super) fn new(scratch: &Path) -> Self {
        let mark = Mark::make_in(scratch).ok().map(Arc::new);
        Self { accounts: Arc::default(), web: web::program(scratch), mark }
    }

    /// Executes it, sends what it streams, and gives the outcome.
    pub(super) fn execute(
        &self,
        request: Request,
        spool: Spool,
        stop: &Stop,
        shared: &Shared,
        outbox: &Outbox,
        scratch: &PathBuf,
    ) -> End {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop.clone());
        let outcome = self.run(request, &spool, stop, shared, outbox, scratch);
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // No module changes anything before its first request: to run it again is to run it once.
        if self.web.was_missed() { End::LacksWeb } else { End::Done(outcome) }
    }

    /// Has a process of its own execute it.
    pub(super) fn start(&self, request: Request, spool: &Spool) -> End {
        let packed = request.blobs.iter().find(|blob| blob.name == WEB_PROGRAM).cloned();
        if let Some(packed) = packed {
            let installed = spool.contents(vec![packed]).map_err(|error| error.msg).and_then(|blobs| {
                let packed = blobs.get(WEB_PROGRAM).ok_or("it did not come")?;
                web::install(&self.web, packed).map_err(|error| error.to_string())
            });
            if let Err(error) = installed {
                return End::Done(Outcome::failure(format!("windlass-web cannot be stored: {error}")));
            }
        } else if request.args.windows(3).any(|part| part == b"://") && self.web.is_missing() {
            // The job has nobody to ask for it.
            return End::LacksWeb;
        }
        End::Done(job::start(request, spool))
    }

    fn run(
        &self,
        mut request: Request,
        spool: &Spool,
        stop: &Stop,
        shared: &Shared,
        outbox: &Outbox,
        scratch: &PathBuf,
    ) -> Outcome {
        if stop.is_stopped() {
            return Outcome::failure("cancelled before it began");
        }
        let Some(entry) = registry::find(&request.module) else {
            return Outcome::failure(format!("this agent has no module '{}'", request.module));
        };
        let blobs = match spool.contents(std::mem::take(&mut request.blobs)) {
            Ok(blobs) => blobs,
            Err(error) => return Outcome::failure(error.msg),
        };
        if let Some(packed) = blobs.get(WEB_PROGRAM)
            && let Err(error) = web::install(&self.web, packed)
        {
            return Outcome::failure(format!("windlass-web cannot be stored: {error}"));
        }
        let mut system = Real::new()
            .with_environment(request.environment.clone())
            .with_stop(stop.clone())
            .with_accounts(Arc::clone(&self.accounts))
            .with_mark(self.mark.clone())
            .with_web_program(self.web.clone());
        let started = Instant::now();
        if let Some(ms) = request.timeout_ms {
            system = system.with_timeout(Duration::from_millis(ms));
        }
        let cx = Context {
            check: request.check,
            diff: request.diff,
            no_log: request.no_log,
            environment: &request.environment,
            blobs: &blobs,
            scratch,
        };
        let id = request.id;
        let mut sink = |stream: Stream, data: &[u8]| {
            for data in data.chunks(CHUNK) {
                // If the controller is gone the reader notices too.
                let _ = outbox.send(&FromAgent::Output { id, stream, data: data.to_owned() });
            }
        };
        let ran = entry.run(&request.args, &cx, &system, if request.stream { Some(&mut sink) } else { None });
        let mut outcome = ran.outcome;
        // The controller asks for none of the plan: contents and secrets in it stay where they are used, and the
        // answer to a request that changed very much still fits into a frame.
        outcome.changes.clear();
        let over = request.timeout_ms.filter(|ms| started.elapsed() >= Duration::from_millis(*ms));
        if let Some(ms) = over.filter(|_| outcome.failed) {
            timed_out(&mut outcome, ms);
        } else if stop.is_stopped() && outcome.failed {
            outcome.msg = Some("cancelled".to_owned());
        }
        if !outcome.failed {
            for (index, path) in ran.send.iter().enumerate() {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                if let Err(error) = send_file(id, index, path, stop, shared, outbox) {
                    let mut failure = Outcome::failure(error.msg);
                    failure.changed = outcome.changed;
                    return failure;
                }
            }
        }
        outcome
    }
}

fn timed_out(outcome: &mut Outcome, ms: u64) {
    let mut values: JsonMap = outcome.values();
    let mut period = JsonMap::new();
    period.insert("period".into(), ms.div_ceil(1000).into());
    values.insert("timedout".into(), period.into());
    outcome.set_values(&values);
    outcome.msg = Some(format!("it did not end within {} seconds and was stopped", ms.div_ceil(1000)));
}

/// Sends a file in pieces, as fast as the controller takes them.
fn send_file(
    id: u64,
    index: u32,
    path: &Path,
    stop: &Stop,
    shared: &Shared,
    outbox: &Outbox,
) -> Result<(), ModuleError> {
    let at = |error: io::Error| ModuleError::new(format!("{} cannot be sent back: {error}", path.display()));
    let mut file = read::open(path).map_err(at)?;
    let mut piece = vec![0; CHUNK];
    loop {
        let filled = fill(&mut file, &mut piece).map_err(at)?;
        // A short piece is the last one; after a content of whole pieces an empty one follows.
        let last = filled < CHUNK;
        wait_for_credit(id, stop, shared).map_err(at)?;
        let data = lz4_flex::compress_prepend_size(&piece[..filled]);
        outbox
            .send(&FromAgent::ContentChunk { id, index, data, last })
            .map_err(|error| ModuleError::new(error.to_string()))?;
        if last {
            return Ok(());
        }
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn wait_for_credit(id: u64, stop: &Stop, shared: &Shared) -> io::Result<()> {
    let mut state = shared.state();
    loop {
        if stop.is_stopped() || state.closed {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled"));
        }
        if let Some(credit) = state.credit.get_mut(&id).filter(|credit| **credit > 0) {
            *credit -= 1;
            return Ok(());
        }
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}
