//! `meta:` tasks.

use super::linear::Batch;
use crate::playbook::Task;
use crate::report::{Event, Speaker, Status, TaskResult};
use crate::template::TemplateContext;
use crate::vars::{Map, Value};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// The instructions there are.
pub(crate) const KNOWN: &[&str] = &[
    "flush_handlers",
    "refresh_inventory",
    "noop",
    "clear_facts",
    "clear_host_errors",
    "end_play",
    "end_host",
    "end_batch",
    "end_role",
    "reset_connection",
];

impl Batch<'_> {
    /// Carries out an instruction on the hosts that are at it.
    pub(super) async fn meta(&mut self, task: &Arc<Task>, hosts: &[String]) {
        let what = task.args.get("_raw_params").or_else(|| task.args.get("free_form"));
        let what = what.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if !KNOWN.contains(&what.as_str()) {
            let mut diagnostic =
                Diagnostic::error(format!("invalid meta action requested: {what}")).at(&task.span);
            if let Some(near) = crate::playbook::problems::nearest(&what, KNOWN.iter().copied()) {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
            self.run.broken(diagnostic, 1);
            (self.ended, self.stop_run) = (true, true);
            return;
        }
        for host in hosts {
            if let Some(state) = self.hosts.get_mut(host) {
                state.advance();
            }
        }
        let mut chosen = Vec::new();
        for host in hosts {
            match self.wanted(task, host) {
                Ok(true) => chosen.push(host.clone()),
                Ok(false) => {}
                Err(error) => {
                    let message =
                        Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(&task.span));
                    self.run.shared.reporter.event(Event::Diagnostic(Box::new(message)));
                    self.run.count(host, |s| s.failed += 1);
                    self.lose(host, false);
                }
            }
        }
        if chosen.is_empty() && what != "flush_handlers" {
            if !task.implicit {
                self.skipped(task, hosts);
            }
            return;
        }
        match what.as_str() {
            "flush_handlers" => self.flush(false).await,
            "clear_facts" => chosen.iter().for_each(|h| self.run.shared.store.clear_facts(h)),
            "clear_host_errors" => self.forgive(),
            "end_play" => {
                for state in self.hosts.values_mut() {
                    state.end();
                }
                self.ended = true;
            }
            "end_batch" => self.hosts.values_mut().for_each(super::host::HostState::end),
            "end_host" => {
                for host in &chosen {
                    if let Some(state) = self.hosts.get_mut(host) {
                        state.end();
                    }
                }
            }
            "end_role" => {
                for host in &chosen {
                    if let Some(state) = self.hosts.get_mut(host) {
                        state.end_role();
                    }
                }
            }
            "refresh_inventory" => {
                if let Err(error) = self.run.shared.store.refresh_inventory() {
                    self.run.shared.reporter.event(Event::Warning(error.to_string()));
                }
            }
            "reset_connection" => {
                for host in &chosen {
                    self.reset(task, host).await;
                }
            }
            _ => {}
        }
    }

    fn wanted(&self, task: &Task, host: &str) -> Result<bool, crate::template::TemplateError> {
        let conditions = task.attrs.list("when");
        if conditions.is_empty() {
            return Ok(true);
        }
        let layers = self.run.shared.store.task_layers(host, &self.vars, task);
        self.run.shared.templar.condition(
            &Value::list(conditions.to_vec()),
            &TemplateContext::new(&layers, crate::vars::scope::nowhere()),
        )
    }

    fn skipped(&self, task: &Arc<Task>, hosts: &[String]) {
        self.announce(task, hosts, false);
        for host in hosts {
            self.run.count(host, |s| s.skipped += 1);
            self.run.shared.reporter.event(Event::Result(TaskResult {
                host: host.clone(),
                delegate: None,
                status: Status::Skipped,
                result: Arc::new(Map::new()),
                item: None,
                ignored: false,
                no_log: false,
                diff: Arc::default(),
                action: task.action.spec.name,
                hint: None,
                speaker: Speaker::default(),
                origin: None,
                has_items: false,
            }));
        }
    }

    async fn reset(&self, task: &Task, host: &str) {
        let shared = &self.run.shared;
        let layers = shared.store.task_layers(host, &self.vars, task);
        let found = super::connect::way(
            host,
            &layers,
            &task.attrs,
            &shared.options.connect,
            &shared.templar,
            &layers,
        );
        if let Ok(way) = found {
            shared.pool.forget(&way.target).await;
        }
    }
}
