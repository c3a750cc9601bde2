//! The host that a task works on: its own, or the one that it is delegated to.

use super::connect::{Way, way};
use super::connect_vars;
use super::exec::Exec;
use super::keywords::Keywords;
use super::result::TaskOutcome;
use crate::report::{Event, Speaker};
use crate::template::TemplateError;
use crate::transport::{AgentError, AgentHandle, Call, ConnectError, Sink, Source, Via};
use crate::vars::Map;
use crate::vars::scope::Layers;
use std::sync::Arc;
use tokio::sync::Mutex;
use windlass_protocol::{JsonMap, ModuleSpec, Outcome, args};

/// A way to run modules where the task works.
pub struct Remote<'a> {
    exec: &'a Exec,
    layers: &'a Layers,
    keywords: &'a Keywords,
    agent: Mutex<Option<Place>>,
}

/// An agent, and whether it is on this machine.
#[derive(Debug, Clone)]
struct Place {
    agent: AgentHandle,
    here: bool,
}

/// Why a module has no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// There is no connection, or no agent at its end.
    #[error(transparent)]
    Connect(Box<ConnectError>),
    /// The agent gave no outcome.
    #[error(transparent)]
    Agent(Box<AgentError>),
    /// A template in what says how to connect fails.
    #[error("{}", .0.message)]
    Template(Box<TemplateError>),
}

impl From<RemoteError> for TaskOutcome {
    fn from(error: RemoteError) -> Self {
        let (unreachable, hint) = match &error {
            RemoteError::Connect(error) => (error.is_unreachable(), error.hint()),
            RemoteError::Agent(error) => (error.is_unreachable(), error.hint()),
            RemoteError::Template(error) => return Self::of_template(error),
        };
        let what = match &error {
            RemoteError::Connect(error) if !error.had_connected() => {
                "Failed to connect to the host via ssh: "
            }
            _ => "",
        };
        let msg = format!("Task failed: {what}{error}");
        let mut out = if unreachable { Self::unreachable(msg) } else { Self::failure(msg) };
        out.speaker = Speaker::Executor;
        out.hint = hint;
        out
    }
}

impl From<ConnectError> for RemoteError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl From<AgentError> for RemoteError {
    fn from(error: AgentError) -> Self {
        Self::Agent(Box::new(error))
    }
}

impl From<TemplateError> for RemoteError {
    fn from(error: TemplateError) -> Self {
        Self::Template(Box::new(error))
    }
}

impl<'a> Remote<'a> {
    /// The place where a task works. Connects when it is first used.
    #[must_use]
    pub fn new(exec: &'a Exec, layers: &'a Layers, keywords: &'a Keywords) -> Self {
        Self { exec, layers, keywords, agent: Mutex::new(None) }
    }

    /// How the host is reached.
    ///
    /// # Errors
    /// If a template in its variables fails.
    pub fn way(&self) -> Result<Way, TemplateError> {
        let Exec { shared, task, host, play, .. } = self.exec;
        let (defaults, templar) = (&shared.options.connect, &*shared.templar);
        let Some(delegate) = &self.keywords.delegate else {
            return way(host, self.layers, &task.attrs, defaults, templar, self.layers);
        };
        // The connection is the other host's: its variables count and the task's, not those of the task's own host.
        let theirs = shared.store.task_layers(delegate, play, task);
        let theirs = connect_vars::reached(shared, task, delegate, &theirs, self.layers);
        way(delegate, &theirs, &task.attrs, defaults, templar, self.layers)
    }

    /// The agent there.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn agent(&self) -> Result<AgentHandle, RemoteError> {
        Ok(self.place().await?.agent)
    }

    async fn place(&self) -> Result<Place, RemoteError> {
        let mut known = self.agent.lock().await;
        if let Some(place) = &*known
            && !place.agent.is_dead()
        {
            return Ok(place.clone());
        }
        let way = self.way()?;
        let pool = &self.exec.shared.pool;
        let here = way.target.via == Via::Local;
        // All items of a loop go the same way, so that they stay in order.
        let lane = if here { self.exec.lane.get_or_init(|| pool.lanes().take()).number() } else { 0 };
        let place = Place { agent: pool.agent(&way, lane).await?, here };
        *known = Some(place.clone());
        Ok(place)
    }

    /// Runs a module with checked arguments.
    ///
    /// # Errors
    /// As [`Self::agent`], and if the connection or the agent is lost on the way.
    pub async fn request(
        &self,
        module: &str,
        args: JsonMap,
        blobs: Vec<(String, Source)>,
        sink: Option<&mut dyn Sink>,
    ) -> Result<Outcome, RemoteError> {
        let Place { agent, here } = self.place().await?;
        let shared = &self.exec.shared;
        let _turn = match here && !self.keywords.check {
            true => shared.pool.lanes().turn(module, &args).await,
            false => None,
        };
        let watched = shared.options.watched && shared.options.verbosity > 0 && self.keywords.apart.is_none();
        let stream = (watched && !self.keywords.no_log && streams(module)).then(|| {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
            let (reporter, host) = (Arc::clone(&shared.reporter), self.exec.host.clone());
            tokio::spawn(async move {
                while let Some((stream, data)) = receiver.recv().await {
                    reporter.event(Event::Output { host: host.clone(), stream, data });
                }
            });
            sender
        });
        let call = Call {
            module: module.to_owned(),
            args,
            check: self.keywords.check,
            diff: self.keywords.diff,
            environment: self.keywords.environment.clone(),
            blobs,
            stream,
            sink,
            timeout: None,
            no_log: self.keywords.no_log,
            job: self.keywords.apart.as_ref().map(super::jobs::Apart::job),
        };
        Ok(agent.run(call).await?)
    }

    /// Runs a module for the engine itself: whatever the task says, it is really done, and waited for.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(super) async fn at_once(&self, module: &str, args: JsonMap) -> Result<Outcome, RemoteError> {
        let (module, diff) = (module.to_owned(), self.keywords.diff);
        let call = Call { module, args, diff, no_log: self.keywords.no_log, ..Call::default() };
        Ok(self.agent().await?.run(call).await?)
    }

    /// Checks arguments by a module's description and runs it.
    pub async fn module(&self, spec: &'static ModuleSpec, args: &Map) -> TaskOutcome {
        let checked = match check(spec, args) {
            Ok(checked) => checked,
            Err(outcome) => return *outcome,
        };
        if self.keywords.check && spec.check == windlass_protocol::spec::Support::None {
            let mut out = TaskOutcome::skip("");
            out.values.clear();
            out.skipped_itself = true;
            out.set("msg", format!("remote module ({}) does not support check mode", spec.name));
            return out;
        }
        if let Some(user) = leaves_no_process(spec, &checked)
            && !self.keywords.check
        {
            self.dismiss(user).await;
        }
        match self.request(spec.name, checked, Vec::new(), None).await {
            Ok(outcome) => TaskOutcome::from_agent(outcome),
            Err(error) => error.into(),
        }
    }

    /// Ends the agents of a user, but for the one that this task works through.
    async fn dismiss(&self, user: &str) {
        let Ok(way) = self.way() else { return };
        if way.become_.as_ref().is_some_and(|b| b.user == user) {
            return;
        }
        self.exec.shared.pool.dismiss(&way.target, user).await;
    }

    /// Gives up what is running there.
    pub async fn give_up(&self) {
        *self.agent.lock().await = None;
    }

    /// The task's keywords.
    #[must_use]
    pub fn keywords(&self) -> &Keywords {
        self.keywords
    }
}

/// The user whose processes stand in the way of a module.
fn leaves_no_process<'a>(spec: &ModuleSpec, args: &'a JsonMap) -> Option<&'a str> {
    if spec.name != "ansible.builtin.user" {
        return None;
    }
    let set = |name: &str| args.get(name).is_some_and(|v| !v.is_null() && v != false);
    let absent = args.get("state").and_then(serde_json::Value::as_str) == Some("absent");
    (absent || set("uid") || set("move_home")).then(|| args.get("name")?.as_str()).flatten()
}

/// Modules whose output is worth watching while they run.
fn streams(module: &str) -> bool {
    matches!(
        module,
        "ansible.builtin.command"
            | "ansible.builtin.shell"
            | "ansible.builtin.script"
            | "ansible.builtin.raw"
    )
}

/// Arguments as the module wants them, or the failure.
///
/// # Errors
/// The failed result, all mistakes in its message.
pub fn check(spec: &ModuleSpec, given: &Map) -> Result<JsonMap, Box<TaskOutcome>> {
    args::normalize(spec, &crate::vars::value::map_to_json(given)).map_err(|errors| {
        let mut text: Vec<String> = Vec::new();
        for error in &errors {
            text.push(match error {
                args::ArgError::Unknown { name, supported, .. } => {
                    format!(
                        "Unsupported parameters for ({}) module: {name}. Supported parameters include: {}.",
                        spec.name,
                        supported.join(", ")
                    )
                }
                other => other.to_string(),
            });
        }
        let mut out = TaskOutcome::failure(text.join("; "));
        out.speaker = Speaker::Module;
        out.argument = errors.iter().flat_map(args::ArgError::names).next().map(str::to_owned);
        out.hint = errors.iter().find_map(args::ArgError::hint);
        Box::new(out)
    })
}
