//! The linear strategy: all hosts of a batch do a task before any of them does the next one.

use super::exec::{Done, Exec};
use super::host::{Failure, HostState, Next, Position};
use super::play::Rendered;
use super::run::Run;
use crate::actions::Kind;
use crate::playbook::{Block, Node, Play, Problems, Task};
use crate::report::{Event, Speaker, Status, TaskResult};
use crate::vars::store::PlayVars;
use crate::vars::{Key, Map, Value};
use futures::StreamExt;
use indexmap::{IndexMap, IndexSet};
use std::collections::HashSet;
use std::sync::Arc;

/// A batch of hosts in a play.
pub struct Batch<'a> {
    pub(super) run: &'a Run,
    pub(super) rendered: &'a Rendered,
    pub(super) vars: Arc<PlayVars>,
    /// Where each host is.
    pub(super) hosts: IndexMap<String, HostState>,
    pub(super) handlers: Vec<Arc<Task>>,
    /// Hosts that notified a handler, by its place in the list.
    pub(super) notified: Vec<IndexSet<String>>,
    /// Notifications since the last flush, with the hosts that gave them.
    pub(super) pending: Vec<(String, Vec<String>)>,
    /// Handlers are running.
    pub(super) flushing: bool,
    groups: u32,
    failed: HashSet<String>,
    unreachable: HashSet<String>,
    /// Nothing may run after this batch.
    pub(super) stop_run: bool,
    /// The batch is over (`meta: end_play`, any_errors_fatal).
    pub(super) ended: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        run: &'a Run,
        play: &'a Play,
        rendered: &'a Rendered,
        vars: PlayVars,
        hosts: Vec<String>,
        root: Arc<Block>,
    ) -> Self {
        let handlers = super::include::flatten(&play.handlers);
        let hosts = hosts.into_iter().map(|h| (h, HostState::new(Arc::clone(&root)))).collect();
        Self {
            run,
            rendered,
            vars: Arc::new(vars),
            hosts,
            notified: vec![IndexSet::new(); handlers.len()],
            handlers,
            pending: Vec::new(),
            flushing: false,
            groups: 0,
            failed: HashSet::new(),
            unreachable: HashSet::new(),
            stop_run: false,
            ended: false,
        }
    }

    /// Whether no host of the batch is left.
    pub(super) fn all_failed(&self) -> bool {
        !self.hosts.is_empty()
            && self.hosts.keys().all(|h| self.failed.contains(h) || self.unreachable.contains(h))
    }

    pub(super) async fn run(&mut self) {
        while !self.ended {
            let Some((task, hosts)) = self.next() else { break };
            self.step(&task, hosts).await;
        }
        if self.rendered.force_handlers {
            self.flush(true).await;
        }
        let (failed, unreachable) = (self.failed.clone(), self.unreachable.clone());
        self.run.with_progress(|p| {
            p.out.extend(failed.iter().cloned());
            p.out.extend(unreachable.iter().cloned());
            p.failed.extend(failed);
            p.unreachable.extend(unreachable);
        });
    }

    /// The first task that any host has to do, and the hosts that are at it.
    fn next(&mut self) -> Option<(Arc<Task>, Vec<String>)> {
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

    async fn step(&mut self, task: &Arc<Task>, hosts: Vec<String>) {
        if self.seeks(task) {
            self.advance(&hosts);
            return;
        }
        let (known, hosts) = self.with_facts(task, hosts);
        self.advance(&known);
        if hosts.is_empty() {
            return;
        }
        if task.action.kind == Kind::Meta {
            self.meta(task, &hosts).await;
            return;
        }
        if !task.implicit && !self.confirmed(task, &hosts) {
            self.advance(&hosts);
            return;
        }
        // What concerns the run as a whole is done for the first host alone.
        let for_all = matches!(task.action.spec.name, "ansible.builtin.add_host" | "ansible.builtin.pause");
        let once = for_all || self.flag(task, &hosts, "run_once");
        let chosen = if once { hosts[..1].to_vec() } else { hosts.clone() };
        self.announce(task, &chosen, false);
        let results = self.execute(task, &chosen).await;
        self.settle(task, &hosts, once, results).await;
    }

    /// `gathering = smart`: the hosts whose facts are known already when facts are to be gathered, and the others.
    fn with_facts(&self, task: &Task, hosts: Vec<String>) -> (Vec<String>, Vec<String>) {
        let shared = &self.run.shared;
        let gathers = task.implicit && task.action.is("ansible.builtin.gather_facts");
        if !gathers || !shared.options.gather_once {
            return (Vec::new(), hosts);
        }
        hosts.into_iter().partition(|host| shared.store.facts(host).gathered)
    }

    /// `--start-at-task`: whether the task is before the one that is wanted.
    fn seeks(&self, task: &Arc<Task>) -> bool {
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
    fn confirmed(&self, task: &Arc<Task>, hosts: &[String]) -> bool {
        if !self.run.with_progress(|p| p.stepping) {
            return true;
        }
        let question =
            format!("Perform task: TASK: {} (N)o/(y)es/(c)ontinue: ", self.name_of(task, hosts.first()));
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

    fn own_name_of(&self, task: &Task, host: &str) -> String {
        if task.name.is_none() {
            return String::new();
        }
        let layers = self.run.shared.store.task_layers(host, &self.vars, task);
        self.run.shared.own_name(task, &layers)
    }

    pub(super) fn announce(&self, task: &Task, hosts: &[String], handler: bool) {
        self.run.shared.reporter.event(Event::Task {
            name: self.name_of(task, hosts.first()),
            handler,
            path: task.span.to_string(),
            hosts: hosts.len(),
            check: self.run.shared.options.check,
        });
    }

    fn flag(&self, task: &Task, hosts: &[String], name: &str) -> bool {
        let Some(value) = task.attrs.get(name) else { return false };
        if let Some(flag) = value.as_bool() {
            return flag;
        }
        let Some(host) = hosts.first() else { return false };
        let layers = self.run.shared.store.task_layers(host, &self.vars, task);
        let cx = crate::template::TemplateContext::new(&layers, crate::vars::scope::nowhere());
        self.run
            .shared
            .templar
            .render(value, &cx)
            .ok()
            .as_ref()
            .and_then(super::loops::truthy)
            .unwrap_or(false)
    }

    fn advance(&mut self, hosts: &[String]) {
        for host in hosts {
            if let Some(state) = self.hosts.get_mut(host) {
                state.advance();
            }
        }
    }

    /// Runs a task on hosts, `forks` of them at once; results in the order of the hosts.
    pub(super) async fn execute(&self, task: &Arc<Task>, hosts: &[String]) -> Vec<(String, Done)> {
        let shared = &self.run.shared;
        let throttle = task.attrs.get("throttle").and_then(Value::as_int).filter(|n| *n > 0);
        let mut width = shared.options.forks.max(1);
        if let Some(throttle) = throttle {
            width = width.min(throttle as usize);
        }
        let run_one = |host: String| {
            let exec = Exec {
                shared: Arc::clone(shared),
                play: Arc::clone(&self.vars),
                task: Arc::clone(task),
                host: host.clone(),
                search: shared.search_of(task),
            };
            shared.reporter.event(Event::HostStart { host: host.clone() });
            async move { (host, exec.run().await) }
        };
        // Each in a task of its own: should one panic, that is a failure on its host.
        let work = futures::stream::iter(hosts.iter().cloned()).map(|host| {
            let name = host.clone();
            let task = tokio::spawn(run_one(host));
            async move {
                task.await.unwrap_or_else(|error| {
                    let outcome =
                        super::result::TaskOutcome::failure(format!("windlass failed inside: {error}"));
                    let result = Arc::new(outcome.to_map());
                    let done = Done {
                        outcome,
                        result,
                        status: Status::Failed,
                        ignored: false,
                        notify: Vec::new(),
                        items: Vec::new(),
                    };
                    (name, done)
                })
            }
        });
        work.buffer_unordered(width).collect().await
    }

    /// Takes in the results of a task: numbers, failures, notifications, includes.
    async fn settle(
        &mut self,
        task: &Arc<Task>,
        hosts: &[String],
        once: bool,
        mut results: Vec<(String, Done)>,
    ) {
        // They came as they ended; what follows from them is in the order of the inventory.
        results.sort_by_key(|(host, _)| self.hosts.get_index_of(host));
        let mut broke = false;
        let mut includes: Vec<(String, super::include::IncludeRequest)> = Vec::new();
        for (host, done) in results {
            if done.outcome.include.is_none() {
                self.count(&host, &done);
            }
            for name in &done.notify {
                let concerned: Vec<String> = if once { hosts.to_vec() } else { vec![host.clone()] };
                self.notify(name, &concerned, task);
            }
            if once {
                self.share(task, &host, hosts, &done);
            }
            let concerned: Vec<String> = if once { hosts.to_vec() } else { vec![host.clone()] };
            match done.status {
                Status::Failed if !done.ignored => {
                    let fatal = self.fail(task, &concerned, &host, &done);
                    broke |= fatal;
                }
                Status::Unreachable if !done.ignored => {
                    for host in &concerned {
                        if let Some(state) = self.hosts.get_mut(host) {
                            state.end();
                        }
                    }
                    self.unreachable.insert(host.clone());
                    broke = true;
                }
                _ => {
                    self.advance(&concerned);
                    if let Some(request) = done.outcome.include {
                        includes.extend(concerned.into_iter().map(|h| (h, request.clone())));
                    }
                }
            }
        }
        if !includes.is_empty() {
            self.include(task, includes).await;
        }
        if broke {
            self.fatal_errors(task, hosts);
            self.remember_lost();
        }
    }

    /// A handler failed on a host.
    pub(super) fn fail_handler(&mut self, host: &str, task: &Task, done: &Done) {
        let concerned = [host.to_owned()];
        let position = self.hosts.get(host).is_some_and(super::host::HostState::has_rescue);
        if position {
            self.fail(task, &concerned, host, done);
        } else {
            self.run.count(host, |s| s.failed += 1);
            self.lose(host, false);
        }
    }

    pub(super) fn count(&self, host: &str, done: &Done) {
        self.run.count(host, |stats| match done.status {
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Failed if done.ignored => {
                stats.ok += 1;
                stats.ignored += 1;
                if done.outcome.changed {
                    stats.changed += 1;
                }
            }
            Status::Unreachable if done.ignored => {
                stats.unreachable += 0;
                stats.skipped += 1;
                stats.ignored += 1;
            }
            Status::Failed => {}
            Status::Unreachable => stats.unreachable += 1,
        });
    }

    /// A task failed on hosts. True if one of them is out for good.
    fn fail(&mut self, task: &Task, concerned: &[String], origin: &str, done: &Done) -> bool {
        let mut fatal = false;
        for host in concerned {
            let Some(state) = self.hosts.get_mut(host) else { continue };
            let rescued = state.fail() == Failure::Rescued;
            self.run.count(host, |stats| {
                if host == origin {
                    if rescued { stats.rescued += 1 } else { stats.failed += 1 }
                }
            });
            if rescued {
                let store = &self.run.shared.store;
                store.set(host, "ansible_failed_task", task_value(task, &self.own_name_of(task, host)));
                store.set(host, "ansible_failed_result", Value::Map(Arc::clone(&done.result)));
            } else {
                self.failed.insert(host.clone());
                fatal = true;
            }
        }
        fatal
    }

    /// any_errors_fatal and max_fail_percentage.
    fn fatal_errors(&mut self, task: &Task, hosts: &[String]) {
        let any = task.attrs.get("any_errors_fatal").map_or(self.run.shared.options.any_errors_fatal, |v| {
            v.as_bool().unwrap_or_else(|| self.flag(task, hosts, "any_errors_fatal"))
        });
        let once = self.flag(task, hosts, "run_once");
        if any || once {
            for (host, state) in &mut self.hosts {
                if !state.gone && !self.unreachable.contains(host) && state.fail() == Failure::Fatal {
                    self.failed.insert(host.clone());
                }
            }
            return;
        }
        if let Some(max) = self.rendered.max_fail {
            let lost = self.failed.len() + self.unreachable.len();
            let percent = lost as f64 / self.hosts.len().max(1) as f64 * 100.0;
            if percent > max {
                for state in self.hosts.values_mut() {
                    state.end();
                }
                self.failed.extend(self.hosts.keys().cloned());
                self.run.shared.reporter.event(Event::NoMoreHosts);
                self.stop_run = true;
                self.ended = true;
            }
        }
    }

    /// Takes hosts that are out from the magic variables that list the play's hosts.
    fn remember_lost(&mut self) {
        let (failed, unreachable) = (&self.failed, &self.unreachable);
        let vars = Arc::make_mut(&mut self.vars);
        let magic = Arc::make_mut(&mut vars.magic);
        for name in ["ansible_play_hosts", "ansible_play_batch", "play_hosts"] {
            let Some(Value::List(hosts)) = magic.get(name) else { continue };
            let lost = |h: &Value| h.as_str().is_some_and(|h| failed.contains(h) || unreachable.contains(h));
            let left = hosts.iter().filter(|h| !lost(h)).cloned().collect();
            magic.insert(Key::from(name), Value::list(left));
        }
    }

    /// `run_once`: what one host found out holds for all.
    fn share(&self, task: &Task, origin: &str, hosts: &[String], done: &Done) {
        let store = &self.run.shared.store;
        for host in hosts.iter().filter(|h| *h != origin) {
            if let Some(name) = &task.register {
                store.set(host, name, Value::Map(Arc::clone(&done.result)));
            }
            for outcome in std::iter::once(&done.outcome).chain(&done.items) {
                if let Some(facts) = &outcome.facts {
                    store.add_facts(host, facts);
                }
                if let Some((set, _)) = &outcome.set {
                    set.iter().for_each(|(k, v)| store.set(host, &k.to_string(), v.clone()));
                }
                if let Some(vars) = &outcome.included_vars {
                    store.include(host, vars);
                }
            }
        }
    }

    /// Loads what hosts include, each thing once for all hosts that include it in the same way.
    async fn include(&mut self, task: &Arc<Task>, requests: Vec<(String, super::include::IncludeRequest)>) {
        let mut told: IndexMap<String, (super::include::Entry, Vec<String>)> = IndexMap::new();
        for (host, request) in &requests {
            for entry in &request.entries {
                told.entry(entry.key()).or_insert_with(|| (entry.clone(), Vec::new())).1.push(host.clone());
            }
        }
        let mut loaded: IndexMap<String, Option<Arc<Block>>> = IndexMap::new();
        for (key, (entry, hosts)) in &told {
            match super::include::load(&self.run.shared.loader, task, entry, &self.run.shared.playbook_dir) {
                Ok(included) => {
                    self.run.shared.reporter.event(Event::Included {
                        what: entry.display(),
                        hosts: hosts.clone(),
                        item: entry.label.clone(),
                    });
                    hosts.iter().for_each(|h| self.run.count(h, |s| s.ok += 1));
                    self.add_handlers(&included.made.handlers);
                    if !included.made.roles.is_empty() {
                        let vars = Arc::make_mut(&mut self.vars);
                        vars.roles.extend(included.made.roles.iter().filter(|r| r.public).cloned());
                    }
                    let layers = crate::vars::scope::Layers::default();
                    let main = self.run.filter(&included.block.main, &layers);
                    loaded.insert(key.clone(), Some(Arc::new(Block { main, ..Block::default() })));
                }
                Err(problems) => {
                    self.refuse_include(problems, task, hosts);
                    if self.ended {
                        return;
                    }
                    loaded.insert(key.clone(), None);
                }
            }
        }
        let mut groups: IndexMap<Vec<String>, u32> = IndexMap::new();
        let mut blocks: IndexMap<Vec<String>, Arc<Block>> = IndexMap::new();
        for (host, request) in requests {
            let keys: Vec<String> = request.entries.iter().map(super::include::Entry::key).collect();
            if keys.iter().any(|k| matches!(loaded.get(k), Some(None))) {
                // Its tasks cannot be loaded: the include failed on this host.
                self.run.count(&host, |s| s.failed += 1);
                if let Some(state) = self.hosts.get_mut(&host)
                    && state.fail() == Failure::Fatal
                {
                    self.failed.insert(host.clone());
                }
                continue;
            }
            let next = self.groups + 1;
            let group = *groups.entry(keys.clone()).or_insert_with(|| {
                self.groups = next;
                next
            });
            let block = blocks.entry(keys.clone()).or_insert_with(|| {
                let main =
                    keys.iter().filter_map(|k| loaded.get(k).cloned().flatten()).map(Node::Block).collect();
                Arc::new(Block { main, ..Block::default() })
            });
            if let Some(state) = self.hosts.get_mut(&host) {
                state.include(Arc::clone(block), group);
            }
        }
    }

    /// Says why something cannot be included. A file that cannot be understood stops the run, as it does in Ansible; what is
    /// missing fails the task on the hosts that included it.
    pub(super) fn refuse_include(&mut self, mut problems: Problems, task: &Task, hosts: &[String]) {
        let reporter = &self.run.shared.reporter;
        let unreadable = problems.is_unreadable();
        let problems = problems.take();
        let reason = problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; ");
        for problem in problems {
            reporter.event(Event::Diagnostic(Box::new(problem)));
        }
        if unreadable {
            self.run.with_progress(|p| p.broken = p.broken.or(Some(4)));
            (self.ended, self.stop_run) = (true, true);
            return;
        }
        let result: Map =
            [(Key::from("changed"), Value::Bool(false)), (Key::from("reason"), Value::text(reason))]
                .into_iter()
                .collect();
        let result = Arc::new(result);
        for host in hosts {
            reporter.event(Event::Result(TaskResult {
                host: host.clone(),
                delegate: None,
                status: Status::Failed,
                result: Arc::clone(&result),
                item: None,
                ignored: false,
                no_log: false,
                hint: None,
                speaker: Speaker::default(),
                diff: Arc::default(),
                action: task.action.spec.name,
                origin: None,
                has_items: false,
            }));
        }
    }

    /// Marks a host as lost, outside of a task's own result.
    pub(super) fn lose(&mut self, host: &str, unreachable: bool) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.end();
        }
        if unreachable {
            self.unreachable.insert(host.to_owned());
        } else {
            self.failed.insert(host.to_owned());
        }
    }

    /// Hosts that failed earlier may go on (`meta: clear_host_errors`).
    pub(super) fn forgive(&mut self) {
        self.failed.clear();
        self.unreachable.clear();
        self.run.with_progress(|p| p.out.clear());
    }

    pub(super) fn is_lost(&self, host: &str) -> bool {
        self.failed.contains(host) || self.unreachable.contains(host)
    }

    pub(super) fn is_unreachable(&self, host: &str) -> bool {
        self.unreachable.contains(host)
    }
}

/// A task as a rescue sees it.
fn task_value(task: &Task, name: &str) -> Value {
    let mut map = Map::new();
    map.insert(Key::from("name"), Value::text(name));
    map.insert(Key::from("action"), Value::text(task.action_written.as_str()));
    map.insert(Key::from("_resolved_action"), Value::text(task.action.spec.name));
    map.insert(Key::from("args"), Value::from(Value::Map(Arc::clone(&task.args)).to_json()));
    map.insert(Key::from("tags"), Value::list(task.tags().cloned().collect()));
    Value::map(map)
}
