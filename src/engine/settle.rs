//! What becomes of a task's results: numbers, failures, notifications, hosts that are lost.

use super::exec::Done;
use super::include::IncludeRequest;
use super::linear::{Batch, Reach};
use crate::playbook::Task;
use crate::report::{Event, Status};
use crate::template::TemplateError;
use crate::vars::{Key, Map, Value};
use std::collections::HashSet;
use std::sync::Arc;

impl Batch<'_> {
    /// Takes in the results of a task.
    pub(super) async fn settle(&mut self, task: &Arc<Task>, reach: Reach, mut results: Vec<(String, Done)>) {
        // They came as they ended; what follows from them is in the order of the inventory.
        results.sort_by_key(|(host, _)| self.hosts.get_index_of(host));
        let any = !results.is_empty();
        let mut failed: HashSet<String> = HashSet::new();
        let mut unreachable = false;
        let mut includes: Vec<(String, IncludeRequest)> = Vec::new();
        for (host, done) in results {
            if done.outcome.include.is_none() {
                self.count(&host, &done);
            }
            if done.status != Status::Skipped
                && let Some(role) = &task.role
                && let Some(state) = self.hosts.get_mut(&host)
                && !state.roles_begun.contains(&role.identity)
            {
                state.roles_begun.insert(role.identity.clone());
            }
            for name in &done.notify {
                self.notify(name, std::slice::from_ref(&host), task);
            }
            if reach.shared {
                self.share(task, &host, &done);
            }
            match done.status {
                Status::Failed => {
                    if !done.ignored {
                        self.fail(task, reach, &host, &done);
                    }
                    failed.insert(host);
                }
                Status::Unreachable => {
                    if !done.ignored {
                        self.unreach(&host);
                    }
                    unreachable = true;
                }
                _ => includes.extend(done.outcome.include.map(|request| (host, request))),
            }
        }
        if !includes.is_empty() {
            failed.extend(self.include(task, includes, reach.handler).await);
        }
        // Where hosts run on by themselves, an error is one host's alone.
        if self.free.is_some() {
            return self.remember_lost();
        }
        if !failed.is_empty() || unreachable {
            match self.concerns_all(task, reach) {
                // With `run_once` all hosts were marked already: a second time leads them out of a rescue again.
                Ok(true) => self.mark_others(&failed),
                Ok(false) => {}
                Err(error) => self.abort(task, error),
            }
        }
        if any {
            self.limit_failures(&failed);
        }
        self.remember_lost();
    }

    /// Whether a task is in check mode, as the first of its hosts sees it.
    pub(super) fn in_check_mode(&self, task: &Task, hosts: &[String]) -> bool {
        self.flag(task, hosts, "check_mode", self.run.shared.options.check).unwrap_or(true)
    }

    fn count(&self, host: &str, done: &Done) {
        self.run.count(host, |stats| match done.status {
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Failed | Status::Unreachable if done.ignored => {
                stats.ok += 1;
                stats.ignored += 1;
                if done.status == Status::Failed && done.outcome.changed {
                    stats.changed += 1;
                }
            }
            Status::Failed => {}
            Status::Unreachable => stats.unreachable += 1,
        });
    }

    /// A task failed on a host.
    fn fail(&mut self, task: &Task, reach: Reach, host: &str, done: &Done) {
        let rescued = self.hosts.get(host).is_some_and(super::host::HostState::has_rescue);
        if reach.shared {
            self.mark_others(&HashSet::from([host.to_owned()]));
        }
        self.mark(host);
        if self.hosts.get(host).is_some_and(|state| state.failed) {
            self.failed.insert(host.to_owned());
        }
        self.run.count(host, |stats| if rescued { stats.rescued += 1 } else { stats.failed += 1 });
        if rescued {
            self.removed.remove(host);
            let store = &self.run.shared.store;
            store.set(host, "ansible_failed_task", task_value(task, &self.own_name_of(task, host)));
            store.set(host, "ansible_failed_result", Value::Map(Arc::clone(&done.result)));
        }
    }

    /// A failure leads a host to its rescue or out of the play.
    pub(super) fn mark(&mut self, host: &str) {
        if let Some(state) = self.hosts.get_mut(host).filter(|state| !state.gone) {
            state.fail();
        }
        self.leave(host);
    }

    /// A failure that concerns all hosts is one on those, too, on which the task itself did not fail.
    fn mark_others(&mut self, failed: &HashSet<String>) {
        let concerned = |h: &&String| !failed.contains(*h) && !self.unreachable.contains(*h);
        let others: Vec<String> = self.hosts.keys().filter(concerned).cloned().collect();
        for host in others {
            self.mark(&host);
            self.failed.insert(host);
        }
    }

    fn unreach(&mut self, host: &str) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.end();
        }
        self.unreachable.insert(host.to_owned());
        self.leave(host);
    }

    /// A host takes no longer part: not in the handlers that run now either.
    pub(super) fn leave(&mut self, host: &str) {
        self.removed.insert(host.to_owned());
        if let Some(flushing) = &mut self.flushing {
            flushing.remove(host);
        }
    }

    /// Whether a failure on one host is one of all (`any_errors_fatal`, `run_once`).
    fn concerns_all(&self, task: &Task, reach: Reach) -> Result<bool, TemplateError> {
        let hosts: Vec<String> = self.hosts.keys().take(1).cloned().collect();
        let default = self.run.shared.options.any_errors_fatal;
        let fatal = reach.alone
            || self.flag(task, &hosts, "any_errors_fatal", default).map_err(|mut error| {
                if !error.message.starts_with("Error processing keyword") {
                    error.message = format!("Error processing keyword 'any_errors_fatal': {}", error.message);
                }
                error
            })?;
        // One that fails here, as it asks for the item, counts as true, as it does for the task.
        Ok(fatal && !self.flag(task, &hosts, "ignore_errors", false).unwrap_or(true))
    }

    /// `max_fail_percentage`
    fn limit_failures(&mut self, failed: &HashSet<String>) {
        if let Some(max) = self.rendered.max_fail {
            let percent = self.failed.len() as f64 / self.everyone.len().max(1) as f64 * 100.0;
            if percent > max {
                self.mark_others(failed);
                self.run.shared.reporter.event(Event::NoMoreHosts);
                (self.too_many, self.stop_run) = (true, true);
            }
        }
        let left = self.hosts.keys().filter(|h| !self.unreachable.contains(*h)).count();
        if self.too_many && self.failed.len() >= left {
            self.run.shared.reporter.event(Event::NoMoreHosts);
            self.ended = true;
        }
    }

    /// Takes hosts that are out from the magic variables that list the play's hosts.
    fn remember_lost(&mut self) {
        if self.removed.is_empty() {
            return;
        }
        let removed = &self.removed;
        let vars = Arc::make_mut(&mut self.vars);
        let magic = Arc::make_mut(&mut vars.magic);
        for name in ["ansible_play_hosts", "ansible_play_batch", "play_hosts"] {
            let Some(Value::List(hosts)) = magic.get(name) else { continue };
            let lost = |h: &Value| h.as_str().is_some_and(|h| removed.contains(h));
            if hosts.iter().any(lost) {
                let left = hosts.iter().filter(|h| !lost(h)).cloned().collect();
                magic.insert(Key::from(name), Value::list(left));
            }
        }
    }

    /// `run_once`: what one host found out holds for all.
    fn share(&self, task: &Task, origin: &str, done: &Done) {
        let store = &self.run.shared.store;
        for host in self.hosts.keys().filter(|h| *h != origin && !self.unreachable.contains(*h)) {
            if let Some(name) = &task.register {
                store.set(host, name, Value::Map(Arc::clone(&done.result)));
            }
            for outcome in std::iter::once(&done.outcome).chain(&done.items) {
                if done.theirs {
                    continue;
                }
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

    /// Hosts that failed earlier may go on (`meta: clear_host_errors`).
    pub(super) fn forgive(&mut self) {
        self.failed.clear();
        self.unreachable.clear();
        self.hosts.values_mut().for_each(super::host::HostState::forgive);
        let hosts = self.everyone.clone();
        self.run.with_progress(|p| {
            for host in &hosts {
                p.failed.remove(host);
                p.unreachable.remove(host);
            }
        });
    }

    /// The batch is over: who failed, and the exit code so far.
    pub(super) fn close(&mut self) {
        let broken_off = self.too_many;
        let failed: Vec<String> = {
            let lost = self.hosts.iter().filter(|(_, state)| state.has_failed()).map(|(h, _)| h.clone());
            lost.collect()
        };
        let (given_up, unreachable) = (&self.failed, &self.unreachable);
        self.run.with_progress(|p| {
            p.unreachable.extend(unreachable.iter().cloned());
            p.code = if broken_off {
                2
            } else if !p.unreachable.is_empty() {
                4
            } else if !failed.is_empty() || !p.failed.is_empty() {
                2
            } else {
                0
            };
            p.failed.extend(failed.into_iter().chain(given_up.iter().cloned()));
        });
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
