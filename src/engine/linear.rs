//! The linear strategy: all hosts of a batch do a task before any of them does the next one.

use super::exec::{Done, Exec};
use super::host::{HostState, Next, Position};
use super::play::Rendered;
use super::run::Run;
use super::vars_files::VarsFiles;
use crate::actions::Kind;
use crate::playbook::{Block, Play, Task};
use crate::report::{Banner, Event, Status};
use crate::template::{TemplateContext, TemplateError};
use crate::vars::store::PlayVars;
use crate::vars::{Key, Value};
use futures::StreamExt;
use futures::future::BoxFuture;
use indexmap::{IndexMap, IndexSet};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use windlass_yaml::diagnostic::Diagnostic;

/// A batch of hosts in a play.
pub struct Batch<'a> {
    pub(super) run: &'a Run,
    pub(super) play: &'a Play,
    pub(super) rendered: &'a Rendered,
    pub(super) vars: Arc<PlayVars>,
    pub(super) files: VarsFiles,
    /// The hosts that the batch was made of, also those that had failed before.
    pub(super) everyone: Vec<String>,
    /// Where each host is.
    pub(super) hosts: IndexMap<String, HostState>,
    pub(super) handlers: Vec<Arc<Task>>,
    /// For each of them, the number of the list that it comes from.
    pub(super) handler_lists: Vec<u32>,
    /// Those that a name or topic means, as far as that is known and the same for all hosts.
    pub(super) handlers_by_name: HashMap<String, Arc<[usize]>>,
    /// Hosts that notified a handler, by its place in the list.
    pub(super) notified: Vec<IndexSet<String>>,
    /// Notifications since the last flush, with the hosts that gave them.
    pub(super) pending: Vec<(String, Vec<String>)>,
    /// Set where hosts run on by themselves.
    pub(super) free: Option<super::free::Free>,
    /// While handlers run: the hosts that still take part.
    pub(super) flushing: Option<HashSet<String>>,
    pub(super) groups: u32,
    /// Hosts that are out for the plays that follow.
    pub(super) failed: HashSet<String>,
    pub(super) unreachable: HashSet<String>,
    /// Hosts that `ansible_play_hosts` and its like no longer name.
    pub(super) removed: HashSet<String>,
    /// Nothing may run after this batch.
    pub(super) stop_run: bool,
    /// The batch is over.
    pub(super) ended: bool,
    /// `meta: end_play`: no other batch of the play follows.
    pub(super) play_over: bool,
    /// More hosts failed than `max_fail_percentage` allows.
    pub(super) too_many: bool,
}

/// For whom a task is done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    /// The first host alone does it.
    pub alone: bool,
    /// `run_once`: what it finds out, or that it failed, holds for all hosts.
    pub shared: bool,
    /// It runs as a handler.
    pub handler: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        run: &'a Run,
        play: &'a Play,
        rendered: &'a Rendered,
        (vars, files): (PlayVars, VarsFiles),
        (everyone, hosts): (Vec<String>, Vec<String>),
        root: Arc<Block>,
    ) -> Self {
        let handlers = super::include::flatten(&play.handlers);
        let hosts = hosts.into_iter().map(|h| (h, HostState::new(Arc::clone(&root)))).collect();
        Self {
            run,
            play,
            rendered,
            vars: Arc::new(vars),
            files,
            everyone,
            hosts,
            notified: vec![IndexSet::new(); handlers.len()],
            handler_lists: super::handlers::lists_of(&handlers, 0),
            handlers,
            handlers_by_name: HashMap::new(),
            pending: Vec::new(),
            free: super::free::Free::new(rendered.strategy),
            flushing: None,
            groups: 0,
            failed: HashSet::new(),
            unreachable: HashSet::new(),
            removed: HashSet::new(),
            stop_run: false,
            ended: false,
            play_over: false,
            too_many: false,
        }
    }

    pub(super) async fn run(&mut self) {
        if self.free.is_some() {
            return self.run_free().await;
        }
        while !self.ended {
            let Some((task, hosts)) = self.next() else { break };
            self.step(&task, hosts).await;
        }
        self.close();
    }

    /// The first task that any host has to do, and the hosts that are at it.
    pub(super) fn next(&mut self) -> Option<(Arc<Task>, Vec<String>)> {
        let mut best: Option<(Arc<Task>, Position, Vec<String>)> = None;
        for (host, state) in &mut self.hosts {
            let Next::Task(task, position) = state.peek() else {
                if state.failed {
                    self.failed.insert(host.clone());
                }
                continue;
            };
            match &mut best {
                Some((_, at, hosts)) if *at == position => hosts.push(host.clone()),
                Some((_, at, _)) if *at < position => {}
                _ => best = Some((task, position, vec![host.clone()])),
            }
        }
        best.map(|(task, _, hosts)| (task, hosts))
    }

    pub(super) async fn step(&mut self, task: &Arc<Task>, hosts: Vec<String>) {
        if self.seeks(task) {
            self.advance(&hosts);
            return;
        }
        self.advance(&hosts);
        let hosts = self.without_facts(task, hosts);
        if hosts.is_empty() {
            return;
        }
        if task.action.kind == Kind::Meta {
            if self.renew_files(task, &hosts) {
                self.meta(task, &hosts, false).await;
            }
            return;
        }
        if task.implicit || self.confirmed(task, &hosts) {
            self.perform(task, &hosts, false).await;
        }
    }

    /// Does a task or handler on hosts and takes in what comes of it.
    pub(super) async fn perform(&mut self, task: &Arc<Task>, hosts: &[String], handler: bool) {
        if !self.renew_files(task, hosts) {
            return;
        }
        // What concerns the run as a whole is done for the first host alone.
        let for_all = matches!(task.action.spec.name, "ansible.builtin.add_host" | "ansible.builtin.pause");
        let shared = match self.flag(task, hosts, "run_once", false) {
            Ok(shared) => shared,
            Err(error) => return self.abort(task, error),
        };
        let reach = Reach { alone: for_all || shared, shared, handler };
        let chosen = if reach.alone { &hosts[..1] } else { hosts };
        self.announce(task, chosen, handler);
        let width = match self.width(task, chosen) {
            Ok(width) => width,
            Err(error) => return self.abort(task, error),
        };
        let mut results = Vec::with_capacity(chosen.len());
        for (host, done) in self.execute(task, chosen, width).await {
            let done = self.debugged(task, &host, done, handler).await;
            results.push((host, done));
        }
        if self.ended {
            return;
        }
        self.settle(task, reach, results).await;
    }

    /// The run cannot go on: the playbook itself is wrong.
    pub(super) fn abort(&mut self, task: &Task, error: TemplateError) {
        let mut diagnostic = Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(&task.span));
        diagnostic.hint = error.hint;
        self.run.broken(diagnostic, 1);
        (self.ended, self.stop_run) = (true, true);
    }

    /// `gathering = smart`: facts are gathered of hosts alone whose facts are not known.
    pub(super) fn without_facts(&self, task: &Task, mut hosts: Vec<String>) -> Vec<String> {
        let shared = &self.run.shared;
        if task.implicit && task.action.is("ansible.builtin.gather_facts") && shared.options.gather_once {
            hosts.retain(|host| !shared.store.facts(host).gathered);
        }
        hosts
    }

    /// `--start-at-task`: whether the task is before the one that is wanted.
    pub(super) fn seeks(&self, task: &Arc<Task>) -> bool {
        if !self.run.with_progress(|p| p.seeking) || task.implicit {
            return false;
        }
        let Some(wanted) = &self.run.shared.options.start_at else { return false };
        // Names as they are written: nothing is rendered for tasks that are passed over.
        let full = task.listed_name();
        let plain = task.name.as_ref().and_then(Value::as_str);
        let matches = |text: &str| text == wanted || crate::inventory::is_like(text, wanted);
        if matches(&full) || plain.is_some_and(matches) {
            self.run.with_progress(|p| p.seeking = false);
            return false;
        }
        true
    }

    /// `--step`: asks before a task.
    pub(super) fn confirmed(&self, task: &Arc<Task>, hosts: &[String]) -> bool {
        if !self.run.with_progress(|p| p.stepping) {
            return true;
        }
        // Where hosts run on by themselves, each is asked about.
        let place = match hosts {
            [host] if self.free.is_some() => format!("on {host} "),
            _ => String::new(),
        };
        let name = self.name_of(task, hosts.first());
        let question = format!("Perform task: TASK: {name} {place}(N)o/(y)es/(c)ontinue: ");
        let answer = self.run.shared.prompt.ask(&question, false).unwrap_or_default().to_lowercase();
        let perform = match answer.as_str() {
            "y" | "yes" => true,
            "c" | "continue" => {
                self.run.with_progress(|p| p.stepping = false);
                true
            }
            _ => false,
        };
        self.run.shared.reporter.event(Event::Asked(question));
        perform
    }

    pub(super) fn name_of(&self, task: &Task, host: Option<&String>) -> String {
        let layers = host.map(|h| self.run.shared.store.task_layers(h, &self.vars, task)).unwrap_or_default();
        self.run.shared.task_name(task, &layers)
    }

    pub(super) fn own_name_of(&self, task: &Task, host: &str) -> String {
        if task.name.is_none() {
            return String::new();
        }
        let layers = self.run.shared.store.task_layers(host, &self.vars, task);
        self.run.shared.own_name(task, &layers)
    }

    pub(super) fn announce(&self, task: &Task, hosts: &[String], handler: bool) {
        if self.free.is_some() {
            // Its results bring the announcement with them.
            return;
        }
        self.run.shared.reporter.event(Event::Task {
            id: task.id,
            name: self.name_of(task, hosts.first()),
            handler,
            path: format!("{}:{}", task.span.file.path.display(), task.span.line),
            hosts: hosts.len(),
            check: self.in_check_mode(task, hosts),
            action: task.action_written.clone(),
            args: shown_args(task),
        });
    }

    /// A keyword that is the same for all hosts, as the first of them sees it.
    pub(super) fn rendered(
        &self,
        task: &Task,
        hosts: &[String],
        name: &str,
    ) -> Result<Option<Value>, TemplateError> {
        let Some(value) = task.attrs.get(name) else { return Ok(None) };
        let Some(host) = hosts.first().filter(|_| !value.is_final()) else { return Ok(Some(value.clone())) };
        let layers = self.run.shared.store.task_layers(host, &self.vars, task);
        let cx = TemplateContext::new(&layers, crate::vars::scope::nowhere());
        self.run.shared.templar.render(value, &cx).map(Some).map_err(|e| e.at(value.span()))
    }

    /// As [`Self::rendered`], of a keyword that is a boolean.
    pub(super) fn flag(
        &self,
        task: &Task,
        hosts: &[String],
        name: &str,
        default: bool,
    ) -> Result<bool, TemplateError> {
        let value = self.rendered(task, hosts, name)?;
        let Some(value) = value.filter(|v| !matches!(v, Value::Null | Value::Omit)) else {
            return Ok(default);
        };
        super::loops::truthy(&value).ok_or_else(|| super::keywords::unfit(task, name, &value, "bool"))
    }

    /// How many hosts do a task at once.
    pub(super) fn width(&self, task: &Task, hosts: &[String]) -> Result<usize, TemplateError> {
        let forks = self.run.shared.options.forks.max(1);
        let unfit = "Failed to convert the throttle value to an integer";
        let throttle = self.rendered(task, hosts, "throttle").map_err(|mut error| {
            error.message = format!("{unfit}: {}", error.message);
            error
        })?;
        let Some(value) = throttle.filter(|v| !matches!(v, Value::Null | Value::Omit)) else {
            return Ok(forks);
        };
        let wrong = || {
            // In Python's words.
            let text = windlass_protocol::args::python_text(&serde_json::Value::Array(vec![value.to_json()]));
            let shown = match &value {
                Value::Str(_) => {
                    format!("invalid literal for int() with base 10: {}", &text[1..text.len() - 1])
                }
                other => format!(
                    "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                    other.type_name()
                ),
            };
            let kind = crate::template::TemplateErrorKind::Failed;
            let place = task.attrs.get("throttle").and_then(Value::span);
            TemplateError::new(kind, format!("{unfit}: {shown}")).at(place)
        };
        match super::keywords::whole(&value).ok_or_else(wrong)? {
            throttle @ 1.. => Ok(forks.min(usize::try_from(throttle).unwrap_or(usize::MAX))),
            _ => Ok(forks),
        }
    }

    pub(super) fn advance(&mut self, hosts: &[String]) {
        for host in hosts {
            if let Some(state) = self.hosts.get_mut(host) {
                state.advance();
            }
        }
    }

    /// Runs a task on hosts, `width` of them at once; results as they come.
    async fn execute(&self, task: &Arc<Task>, hosts: &[String], width: usize) -> Vec<(String, Done)> {
        let work = futures::stream::iter(hosts).map(|host| {
            // What is before the task to start at is done by all hosts together.
            let banner = self.free.is_some().then(|| self.banner(task, host, false));
            self.begin(task, host, banner)
        });
        work.buffer_unordered(width).collect().await
    }

    /// Begins a task on a host, in a task of its own: should one panic, that is a failure on its host.
    pub(super) fn begin(
        &self,
        task: &Arc<Task>,
        host: &str,
        banner: Option<Arc<Banner>>,
    ) -> BoxFuture<'static, (String, Done)> {
        self.begin_with(task, host, banner, Arc::default())
    }

    /// As [`Self::begin`], with variables that go over all others.
    pub(super) fn begin_with(
        &self,
        task: &Arc<Task>,
        host: &str,
        banner: Option<Arc<Banner>>,
        overlay: Arc<crate::vars::Map>,
    ) -> BoxFuture<'static, (String, Done)> {
        let shared = &self.run.shared;
        let host = host.to_owned();
        let exec = Exec {
            shared: Arc::clone(shared),
            play: Arc::clone(&self.vars),
            task: Arc::clone(task),
            host: host.clone(),
            search: shared.search_of(task),
            banner,
            overlay,
            lane: OnceLock::new(),
        };
        shared.reporter.event(Event::HostStart { host: host.clone() });
        let running = tokio::spawn(exec.run());
        Box::pin(async move {
            let done = running.await.unwrap_or_else(|error| {
                let outcome = super::result::TaskOutcome::failure(format!("windlass failed inside: {error}"));
                Done {
                    result: Arc::new(outcome.to_map()),
                    outcome,
                    status: Status::Failed,
                    ignored: false,
                    notify: Vec::new(),
                    theirs: false,
                    items: Vec::new(),
                }
            });
            (host, done)
        })
    }
}

/// A task's arguments as they are written, unless it says that it is not to be shown.
pub(super) fn shown_args(task: &Task) -> String {
    let hidden = task.attrs.get("no_log").is_some_and(|value| super::loops::truthy(value).unwrap_or(true));
    if hidden {
        return String::new();
    }
    let shown = |(key, value): (&Key, &Value)| {
        format!("{key}={}", windlass_protocol::args::python_text(&value.to_json()))
    };
    task.args.iter().map(shown).collect::<Vec<_>>().join(", ")
}
