//! Jobs: requests that a process of its own executes, which goes on when the agent and its connection have ended.
//!
//! The agent starts itself once more and hands the request over. The job writes down that it has begun, says so, and leaves
//! the session; what came of it is in its file then. It has a private folder of its own, which it removes at its end.

use super::outbox::Outbox;
use super::scratch::Scratch;
use super::spool::Spool;
use super::worker::{End, Machine};
use super::{FrameError, ServeError, Shared, Stop, signals, stdio};
use crate::expand::expand;
use crate::module::errno_text;
use crate::system::real::Real;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use windlass_protocol::message::{Job, WEB_PROGRAM};
use windlass_protocol::{FromAgent, Json, JsonMap, Outcome, Request, ToAgent, frame};

/// The option by which the agent becomes a job.
pub const OPTION: &str = "--job";
/// How long what a job runs may take to end when its time is over.
const ENDING: Duration = Duration::from_secs(4);
/// Where a job keeps its diffs for who asks for its result.
pub const DIFFS: &str = "_windlass_diff";

/// Why a job did not begin.
#[derive(Debug, thiserror::Error)]
enum NoJob {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("its process ended before it had begun")]
    Ended,
}

/// Has a process of its own execute a request; what it says when it has begun.
pub(super) fn start(request: Request, spool: &Spool) -> Outcome {
    begin(request, spool)
        .unwrap_or_else(|error| Outcome::failure(format!("the job was not started: {error}")))
}

fn begin(mut request: Request, spool: &Spool) -> Result<Outcome, NoJob> {
    // The agent has put that where the job finds it.
    request.blobs.retain(|blob| blob.name != WEB_PROGRAM);
    let mut command = Command::new("/proc/self/exe");
    command.arg(OPTION).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    // However long it takes: it must not stay behind as a dead process of ours.
    std::thread::spawn(move || child.wait());
    let (Some(input), Some(output)) = (input, output) else { return Err(NoJob::Ended) };
    let mut input = BufWriter::new(input);
    spool.hand_over(&request.blobs, &mut input)?;
    frame::write(&mut input, &ToAgent::Run(request))?;
    drop(input);
    match frame::read::<FromAgent>(&mut BufReader::new(output))? {
        Some(FromAgent::Done { outcome, .. }) => Ok(*outcome),
        _ => Err(NoJob::Ended),
    }
}

/// Is a job: takes a request from standard input, says when it has begun, and executes it.
///
/// # Errors
/// If it is not asked as it has to be.
pub fn serve() -> Result<(), ServeError> {
    let (input, output) = stdio::take().map_err(ServeError::Stdio)?;
    // Nothing that ends the agent's session ends this process. It leads no group yet, so that this cannot fail.
    let _ = rustix::process::setsid();
    let scratch = Scratch::make();
    signals::on_hangup(&scratch);
    let result = take_and_run(BufReader::new(input), output, &scratch);
    scratch.remove();
    result
}

fn take_and_run(mut input: BufReader<File>, output: File, scratch: &Scratch) -> Result<(), ServeError> {
    let mut spool = Spool::new(scratch.path());
    let request = loop {
        match frame::read::<ToAgent>(&mut input)? {
            Some(ToAgent::BlobChunk { blob, data, last }) => spool.add(blob, &data, last),
            Some(ToAgent::Run(request)) => break request,
            Some(_) | None => return Err(ServeError::Hello("a job wants one request".to_owned())),
        }
    };
    drop(input);
    let Some(job) = request.job.clone() else {
        return Err(ServeError::Hello("the request is no job".to_owned()));
    };
    let id = format!("{}.{}", job.name, std::process::id());
    let agent = Outbox::new(output);
    let file = match Record::make(&job, &id) {
        Ok(file) => file,
        Err(outcome) => return Ok(agent.done(request.id, *outcome)?),
    };
    let mut begun = JsonMap::new();
    begun.insert("started".into(), true.into());
    begun.insert("finished".into(), false.into());
    begun.insert("ansible_job_id".into(), id.into());
    if let Err(error) = file.write(&begun) {
        let text = format!("could not write {}: {}", file.path.display(), errno_text(&error));
        return Ok(agent.done(request.id, Outcome::failure(text))?);
    }
    begun.insert("results_file".into(), file.path.to_string_lossy().into_owned().into());
    let mut outcome = Outcome { changed: true, ..Outcome::default() };
    outcome.set_values(&begun);
    // Should the agent be gone already: the job was asked for, and its file tells of it.
    let _ = agent.done(request.id, outcome);
    drop(agent);

    let limit = Duration::from_secs(job.seconds);
    let (sender, ended) = mpsc::channel();
    let (stop, folder) = (Stop::default(), scratch.path().clone());
    let switch = stop.clone();
    std::thread::spawn(move || {
        let machine = Machine::new(&folder);
        let outbox = Outbox::new(io::sink());
        let end = machine.execute(request, spool, &switch, &Shared::default(), &outbox, &folder);
        let _ = sender.send(end);
    });
    let result = match ended.recv_timeout(limit) {
        Ok(End::Done(outcome)) => result_of(outcome),
        Ok(End::LacksWeb) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            result_of(Outcome::failure("the job ended without a result"))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            stop.stop();
            let _ = ended.recv_timeout(ENDING);
            let mut map = JsonMap::new();
            map.insert("msg".into(), "Timeout exceeded".into());
            map.insert("failed".into(), true.into());
            map.insert("child_pid".into(), std::process::id().into());
            map
        }
    };
    // Where the file cannot be written any more there is nobody to tell.
    let _ = file.write(&result);
    Ok(())
}

/// What is left of an outcome in a job's file.
fn result_of(outcome: Outcome) -> JsonMap {
    let mut map = outcome.values();
    map.insert("changed".into(), outcome.changed.into());
    if outcome.failed {
        map.insert("failed".into(), true.into());
    }
    if outcome.skipped {
        map.insert("skipped".into(), true.into());
    }
    if let Some(msg) = outcome.msg {
        map.insert("msg".into(), msg.into());
    }
    if !outcome.warnings.is_empty() {
        map.insert("warnings".into(), outcome.warnings.into());
    }
    if !outcome.diff.is_empty()
        && let Ok(diff) = serde_json::to_value(&outcome.diff)
    {
        map.insert(DIFFS.into(), diff);
    }
    map
}

/// The file of a job.
struct Record {
    path: PathBuf,
}

impl Record {
    fn make(job: &Job, id: &str) -> Result<Self, Box<Outcome>> {
        let folder = PathBuf::from(expand(&job.folder, &Real::new()));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| {
            let text = format!("could not create directory: {} - {}", folder.display(), errno_text(&error));
            Box::new(Outcome::failure(text))
        })?;
        Ok(Self { path: folder.join(id) })
    }

    /// Replaces it as a whole: who reads it meanwhile has the old one or the new one.
    fn write(&self, map: &JsonMap) -> io::Result<()> {
        let new = with_ending(&self.path);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(Json::Object(map.clone()).to_string().as_bytes())?;
        drop(file);
        std::fs::rename(&new, &self.path)
    }
}

fn with_ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}
