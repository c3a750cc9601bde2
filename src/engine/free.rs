//! The strategies `free` and `host_pinned`: each host goes through the play by itself.

use super::exec::Done;
use super::host::Next;
use super::linear::{Batch, Reach};
use super::run::Run;
use crate::actions::Kind;
use crate::playbook::{Block, Play, Strategy, Task};
use crate::report::{Banner, Event};
use crate::template::{TemplateError, TemplateErrorKind};
use crate::vars::Value;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// What there is to know beyond a batch where its hosts run on by themselves.
#[derive(Debug, Default)]
pub(super) struct Free {
    /// A host that has begun is not kept waiting by one that has not.
    pinned: bool,
    /// Hosts that do nothing now and may have something to do; who waited longest is first.
    ready: VecDeque<String>,
    /// Hosts that have begun and are not at their end.
    begun: HashSet<String>,
    /// Where a host is among the handlers, while it runs them.
    cursors: HashMap<String, usize>,
    /// What a handler of a host included and is to run before its next handler.
    included: HashMap<String, VecDeque<Arc<Task>>>,
    /// How many hosts are at a task now.
    busy: HashMap<u64, usize>,
    /// What tasks are announced as: what the first host calls them.
    banners: HashMap<u64, Arc<Banner>>,
    /// What was included so far: a host that comes later shares it.
    pub loaded: HashMap<(u64, Arc<str>), Arc<Block>>,
}

impl Free {
    pub(super) fn new(strategy: Strategy) -> Option<Self> {
        let pinned = strategy == Strategy::HostPinned;
        strategy.is_free().then(|| Self { pinned, ..Self::default() })
    }

    /// Has a host run what its handler included.
    pub(super) fn queue(&mut self, host: &str, tasks: Vec<Arc<Task>>) {
        let queue = self.included.entry(host.to_owned()).or_default();
        tasks.into_iter().rev().for_each(|task| queue.push_front(task));
    }
}

/// A task that runs on a host.
struct Running {
    task: Arc<Task>,
    reach: Reach,
    host: String,
    done: Done,
}

impl Run {
    /// The strategy of a play, or that of the configuration.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(super) fn strategy_of(&self, play: &Play, given: Option<&Value>) -> Result<Strategy, TemplateError> {
        let Some(name) = given.and_then(Value::as_str) else { return Ok(self.shared.options.strategy) };
        Strategy::parse(name).ok_or_else(|| {
            let text = format!("Invalid play strategy specified: {name}");
            let mut error = TemplateError::new(TemplateErrorKind::Failed, text);
            error.hint = Some(format!("known are {}", Strategy::NAMES.join(", ")));
            error.at(play.own.get("strategy").and_then(Value::span))
        })
    }
}

impl Batch<'_> {
    /// Runs all tasks: each host its next one as soon as it is done with one and there is a fork for it.
    pub(super) async fn run_free(&mut self) {
        if self.rendered.max_fail.is_some() {
            self.unsupported("max_fail_percentage", "as tasks are executed independently on each host");
        }
        self.seek().await;
        self.flushing = Some(HashSet::new());
        let hosts: VecDeque<String> = self.hosts.keys().cloned().collect();
        if let Some(free) = &mut self.free {
            free.ready = hosts;
        }
        let forks = self.run.shared.options.forks.max(1);
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < forks && !self.ended {
                let Some((task, reach, host)) = self.turn(forks).await else { break };
                if !self.renew_files(&task, std::slice::from_ref(&host)) {
                    break;
                }
                let banner = self.known_banner(&task, &host, reach.handler);
                let work = self.begin(&task, &host, Some(banner));
                running.push(async move {
                    let (host, done) = work.await;
                    Running { task, reach, host, done }
                });
            }
            let Some(Running { task, reach, host, done }) = running.next().await else { break };
            self.release(&task, &host);
            let done = self.debugged(&task, &host, done, reach.handler).await;
            if self.ended {
                continue;
            }
            self.settle(&task, reach, vec![(host, done)]).await;
        }
        self.flushing = None;
        let lost = self.hosts.keys().all(|host| self.unreachable.contains(host));
        if lost && !self.ended {
            self.run.shared.reporter.event(Event::NoMoreHosts);
        }
        self.close();
    }

    /// `--start-at-task`: all hosts go to it together.
    async fn seek(&mut self) {
        while !self.ended && self.run.with_progress(|p| p.seeking) {
            let Some((task, hosts)) = self.next() else { return };
            if task.implicit {
                self.step(&task, hosts).await;
            } else if self.seeks(&task) {
                self.advance(&hosts);
            }
        }
    }

    /// The next host with something to do, and what; instructions to the engine are carried out on the way.
    async fn turn(&mut self, forks: usize) -> Option<(Arc<Task>, Reach, String)> {
        let mut at = 0;
        while !self.ended {
            let free = self.free.as_ref()?;
            let host = free.ready.get(at)?.clone();
            if free.pinned && !free.begun.contains(&host) && free.begun.len() >= forks {
                at += 1;
                continue;
            }
            let Some((task, handler)) = self.next_of(&host) else {
                self.drop_ready(at);
                if let Some(free) = &mut self.free {
                    free.begun.remove(&host);
                }
                // A place that is free now is for those that were passed over.
                at = 0;
                continue;
            };
            let width = match self.width(&task, std::slice::from_ref(&host)) {
                Ok(width) => width,
                Err(error) => {
                    self.abort(&task, error);
                    return None;
                }
            };
            let busy = |free: &Free| free.busy.get(&task.id).copied().unwrap_or_default();
            if self.free.as_ref().is_some_and(|free| busy(free) >= width) {
                at += 1;
                continue;
            }
            self.take(&host, &task, handler);
            if task.action.kind == Kind::Meta {
                self.meta(&task, std::slice::from_ref(&host), handler).await;
                at = 0;
                continue;
            }
            if self.without_facts(&task, vec![host.clone()]).is_empty() {
                continue;
            }
            if !task.implicit && !handler && !self.confirmed(&task, std::slice::from_ref(&host)) {
                continue;
            }
            let shared = match self.suits(&task, &host) {
                Ok(shared) => shared,
                Err(error) => {
                    self.abort(&task, error);
                    return None;
                }
            };
            self.drop_ready(at);
            if let Some(free) = &mut self.free {
                *free.busy.entry(task.id).or_default() += 1;
            }
            return Some((task, Reach { alone: false, shared, handler }, host));
        }
        None
    }

    /// Warns about keywords that mean nothing where hosts run on by themselves; whether what the task finds out holds for all.
    fn suits(&self, task: &Task, host: &str) -> Result<bool, TemplateError> {
        let hosts = [host.to_owned()];
        if matches!(task.action.spec.name, "ansible.builtin.add_host" | "ansible.builtin.pause") {
            let text = format!(
                "The '{}' module bypasses the host loop, which is currently not supported in the free strategy and would \
                 instead execute for every host in the inventory list.",
                task.action_written
            );
            return Err(TemplateError::new(TemplateErrorKind::Failed, text).at(Some(&task.span)));
        }
        let shared = self.flag(task, &hosts, "run_once", false)?;
        if shared {
            let text = "Using run_once with the free strategy is not currently supported. This task will still be executed for \
                        every host in the inventory list.";
            self.run.shared.reporter.event(Event::Warning(text.to_owned()));
        }
        let default = self.run.shared.options.any_errors_fatal;
        if self.flag(task, &hosts, "any_errors_fatal", default)? {
            self.unsupported("any_errors_fatal", "as tasks are executed independently on each host");
        }
        Ok(shared)
    }

    fn unsupported(&self, keyword: &str, reason: &str) {
        let text = format!("Using {keyword} with the free strategy is not supported, {reason}");
        self.run.shared.reporter.event(Event::Warning(text));
    }

    /// What a host has to do next: a handler, while it runs them, or a task.
    fn next_of(&mut self, host: &str) -> Option<(Arc<Task>, bool)> {
        if self.handles(host) {
            let free = self.free.as_ref()?;
            if let Some(task) = free.included.get(host).and_then(VecDeque::front) {
                return Some((Arc::clone(task), true));
            }
            let from = free.cursors.get(host).copied().unwrap_or_default();
            let next = (from..self.handlers.len()).find(|&index| self.notified[index].contains(host));
            if let Some(index) = next {
                return Some((Arc::clone(&self.handlers[index]), true));
            }
            if let Some(flushing) = &mut self.flushing {
                flushing.remove(host);
            }
        } else if let Some(free) = &mut self.free {
            // It failed among its handlers: what they included is not for the next flush.
            free.included.remove(host);
        }
        let state = self.hosts.get_mut(host)?;
        match state.peek() {
            Next::Task(task, _) => Some((task, false)),
            Next::Done => {
                if state.failed {
                    self.failed.insert(host.to_owned());
                }
                None
            }
        }
    }

    /// Goes past what [`Self::next_of`] gave.
    fn take(&mut self, host: &str, task: &Arc<Task>, handler: bool) {
        let Some(free) = &mut self.free else { return };
        free.begun.insert(host.to_owned());
        if !handler {
            if let Some(state) = self.hosts.get_mut(host) {
                state.advance();
            }
            return;
        }
        if let Some(queue) = free.included.get_mut(host)
            && queue.front().is_some_and(|first| Arc::ptr_eq(first, task))
        {
            queue.pop_front();
            return;
        }
        let from = free.cursors.get(host).copied().unwrap_or_default();
        let at = (from..self.handlers.len()).find(|&index| self.notified[index].contains(host));
        if let Some(index) = at {
            self.notified[index].swap_remove(host);
            free.cursors.insert(host.to_owned(), index + 1);
        }
    }

    /// Has hosts run the handlers that they notified, before anything else.
    pub(super) fn begin_handlers(&mut self, hosts: &[String]) {
        for host in hosts {
            if let Some(flushing) = &mut self.flushing {
                flushing.insert(host.clone());
            }
            if let Some(free) = &mut self.free {
                free.cursors.insert(host.clone(), 0);
                free.included.remove(host);
            }
        }
    }

    fn drop_ready(&mut self, at: usize) {
        if let Some(free) = &mut self.free {
            free.ready.remove(at);
        }
    }

    /// A host is done with a task: the others go first, unless it is to go through the play without interruption.
    fn release(&mut self, task: &Task, host: &str) {
        let Some(free) = &mut self.free else { return };
        if let Some(count) = free.busy.get_mut(&task.id) {
            *count = count.saturating_sub(1);
        }
        if free.pinned {
            free.ready.push_front(host.to_owned());
        } else {
            free.ready.push_back(host.to_owned());
        }
    }

    fn known_banner(&mut self, task: &Task, host: &str, handler: bool) -> Arc<Banner> {
        let known = self.free.as_ref().and_then(|free| free.banners.get(&task.id));
        if let Some(banner) = known {
            return Arc::clone(banner);
        }
        let banner = self.banner(task, host, handler);
        if let Some(free) = &mut self.free {
            free.banners.insert(task.id, Arc::clone(&banner));
        }
        banner
    }

    /// How a task is announced with its results.
    pub(super) fn banner(&self, task: &Task, host: &str, handler: bool) -> Arc<Banner> {
        Arc::new(Banner {
            task: task.id,
            name: self.name_of(task, Some(&host.to_owned())),
            handler,
            path: format!("{}:{}", task.span.file.path.display(), task.span.line),
            check: self.in_check_mode(task, &[host.to_owned()]),
            action: task.action_written.clone(),
            args: super::linear::shown_args(task),
        })
    }
}
