//! What the engine tells. It prints nothing itself.

use crate::vars::{Map, Value};
use std::sync::Arc;
use windlass_protocol::{Diff, Stream};
use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

/// How a task ended on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing had to change.
    Ok,
    /// Something changed (in check mode: would).
    Changed,
    /// It did not run.
    Skipped,
    /// It failed.
    Failed,
    /// The host could not be reached.
    Unreachable,
}

/// Who says why a task failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaker {
    /// What runs tasks: a template, a condition or a loop failed, and the message is complete.
    Executor,
    /// The controller's side of a module.
    #[default]
    Action,
    /// The target's side of a module.
    Module,
    /// The controller, before any side of the module did anything.
    Refused,
}

/// What a task is announced as, where its results come among those of others.
#[derive(Debug, Clone)]
pub struct Banner {
    /// [`crate::playbook::Task::id`]
    pub task: u64,
    /// The name as printed.
    pub name: String,
    /// It is a handler.
    pub handler: bool,
    /// Where it stands.
    pub path: String,
    /// The run is in check mode.
    pub check: bool,
    /// The action as it is written.
    pub action: String,
    /// The arguments as they are written; empty where they may not be shown.
    pub args: String,
}

/// A result of a task, or of one item of its loop.
#[derive(Debug, Clone)]
pub struct TaskResult {
    /// The host.
    pub host: String,
    /// The other host that it was delegated to, with its address if that is another name.
    pub delegate: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Its return values, with `changed`, `failed` and the like.
    pub result: Arc<Map>,
    /// Label of the item.
    pub item: Option<String>,
    /// It failed, and that is ignored.
    pub ignored: bool,
    /// Values may not be shown.
    pub no_log: bool,
    /// Before and after.
    pub diff: Arc<Vec<Diff>>,
    /// The action, by its canonical name.
    pub action: &'static str,
    /// What to do about a failure.
    pub hint: Option<String>,
    /// Who says why it failed.
    pub speaker: Speaker,
    /// Where the task stands, for failures.
    pub origin: Option<Span>,
    /// Its values are shown without `-v`.
    pub shown: bool,
    /// It is the result of a loop as a whole; the items were told before.
    pub has_items: bool,
    /// The number of the task.
    pub task: u64,
    /// It is the result of an include, which is told by [`Event::Included`] too.
    pub inclusion: bool,
    /// What its task is announced as, if that was not told before.
    pub banner: Option<Arc<Banner>>,
}

impl TaskResult {
    /// A result of a task itself, without anything special about it.
    #[must_use]
    pub fn new(host: &str, status: Status, result: Arc<Map>, action: &'static str) -> Self {
        Self {
            host: host.to_owned(),
            delegate: None,
            status,
            result,
            item: None,
            ignored: false,
            no_log: false,
            diff: Arc::default(),
            action,
            hint: None,
            speaker: Speaker::default(),
            origin: None,
            shown: false,
            has_items: false,
            task: 0,
            inclusion: false,
            banner: None,
        }
    }

    /// What is said of a failure in front of its result.
    #[must_use]
    pub fn cause(&self) -> String {
        let msg = match self.result.get("msg") {
            None | Some(Value::Null) => String::new(),
            Some(Value::Str(text)) => text.as_str().to_owned(),
            Some(other) => windlass_protocol::args::python_text(&other.to_json()),
        };
        // A condition of the task that fails leaves the module's message as it is, and is told where there is none.
        let judged = ["changed_when_result", "failed_when_result"].into_iter();
        let judged = judged.filter_map(|key| self.result.get(key)).find_map(Value::as_str);
        match (judged, self.speaker) {
            (Some(text), _) if msg.is_empty() => format!("Task failed: {text}"),
            (Some(_), Speaker::Executor) => format!("Task failed: Action failed: {msg}"),
            (_, Speaker::Executor) => msg,
            (_, Speaker::Refused) => format!("Task failed: {msg}"),
            (_, Speaker::Action) if msg.is_empty() => {
                "Task failed: Action failed: the task failed".to_owned()
            }
            (_, Speaker::Module) if msg.is_empty() => {
                "Task failed: Module failed: the task failed".to_owned()
            }
            (_, Speaker::Action) => format!("Task failed: Action failed: {msg}"),
            (_, Speaker::Module) => format!("Task failed: Module failed: {msg}"),
        }
    }
}

/// Numbers of a host, for the recap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Tasks that ended well, changed ones among them.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that found the host unreachable.
    pub unreachable: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Tasks that did not run.
    pub skipped: u32,
    /// Failures that a rescue took care of.
    pub rescued: u32,
    /// Failures that were ignored.
    pub ignored: u32,
}

/// How far a job is (`async`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It is not at its end.
    Running,
    /// It ended well.
    Ok,
    /// It failed, or its time is over.
    Failed,
}

/// Something that happened.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are named for what they are
pub enum Event {
    /// A playbook begins.
    Playbook { file: String },
    /// A play begins.
    Play { name: String, path: String, check: bool },
    /// A play has no hosts.
    NoHosts,
    /// No hosts are left.
    NoMoreHosts,
    /// A task begins on some hosts.
    Task {
        /// Unique in this process.
        id: u64,
        name: String,
        handler: bool,
        path: String,
        hosts: usize,
        check: bool,
        /// The action as it is written.
        action: String,
        /// The arguments as they are written; empty where they may not be shown.
        args: String,
    },
    /// A task that has a banner with each of its results ended without one.
    Begun(Arc<Banner>),
    /// A task begins on one of them.
    HostStart { host: String },
    /// An item ended.
    Item(TaskResult),
    /// A task ended on a host.
    Result(TaskResult),
    /// A task is tried again.
    Retry {
        host: String,
        delegate: Option<String>,
        task: String,
        left: i64,
        result: Arc<Map>,
        no_log: bool,
        item: Option<String>,
    },
    /// A job was looked at.
    Job { host: String, id: String, state: JobState },
    /// A file or role was included.
    Included { what: String, hosts: Vec<String>, item: Option<String>, task: u64 },
    /// Somebody was asked whether a task is to run.
    Asked(String),
    /// A line for whoever is asked.
    Said(String),
    /// A line for whoever wants to know more: from so many `-v` on.
    Detail(u8, String),
    /// A running command printed something.
    Output { host: String, stream: Stream, data: Vec<u8> },
    /// A warning.
    Warning(String),
    /// A warning or error with a place.
    Diagnostic(Box<Diagnostic>),
    /// The end.
    Recap {
        hosts: Vec<(String, Stats)>,
        /// The values of `set_stats`: those of hosts, and those of the run, which have no name.
        custom: Vec<(Option<String>, Map)>,
    },
}

/// Takes events.
pub trait Reporter: Send + Sync {
    /// One event. Called from many threads; the order of calls is the order of events.
    fn event(&self, event: Event);
}
