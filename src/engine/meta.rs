//! `meta:` tasks.

use super::linear::Batch;
use crate::playbook::Task;
use crate::report::{Event, Status, TaskResult};
use crate::template::TemplateContext;
use crate::vars::{Key, Map, Value};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// The instructions there are.
pub const KNOWN: &[&str] = &[
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
    pub(super) async fn meta(&mut self, task: &Arc<Task>, hosts: &[String], handler: bool) {
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
        if handler && what == "flush_handlers" {
            let error = Diagnostic::error("flush_handlers cannot be used as a handler").at(&task.span);
            self.run.broken(error, 1);
            (self.ended, self.stop_run) = (true, true);
            return;
        }
        // What concerns the batch as a whole is asked of its first host and done once.
        let whole = matches!(
            what.as_str(),
            "refresh_inventory" | "clear_facts" | "clear_host_errors" | "end_batch" | "end_play"
        );
        let unconditional = matches!(what.as_str(), "noop" | "refresh_inventory" | "reset_connection");
        let mut flushed = Vec::new();
        for host in if whole { &hosts[..1] } else { hosts } {
            if !task.implicit {
                self.announce(task, std::slice::from_ref(host), handler);
            }
            if unconditional {
                if !task.attrs.list("when").is_empty() {
                    let text = format!("{what} task does not support when conditional");
                    self.run.shared.reporter.event(Event::Warning(text));
                }
            } else {
                match self.wanted(task, host) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.skipped(task, &what, host, handler);
                        continue;
                    }
                    Err(error) => return self.abort(task, error),
                }
            }
            match what.as_str() {
                "flush_handlers" => flushed.push(host.clone()),
                "clear_facts" => {
                    self.everyone.iter().for_each(|h| self.run.shared.store.clear_facts(h));
                }
                "clear_host_errors" => self.forgive(),
                "end_play" | "end_batch" => {
                    self.hosts.values_mut().for_each(super::host::HostState::end);
                    self.play_over |= what == "end_play";
                    if let Some(flushing) = &mut self.flushing {
                        flushing.clear();
                    }
                }
                "end_host" => {
                    if let Some(state) = self.hosts.get_mut(host) {
                        state.end();
                    }
                    self.leave(host);
                }
                "end_role" => {
                    if let Some(state) = self.hosts.get_mut(host) {
                        state.end_role();
                    }
                }
                "refresh_inventory" => {
                    if let Err(error) = self.run.shared.store.refresh_inventory() {
                        self.run.shared.reporter.event(Event::Warning(error.to_string()));
                    }
                }
                "reset_connection" => self.reset(task, host).await,
                _ => {}
            }
            if !task.implicit {
                let said = match what.as_str() {
                    "flush_handlers" => format!("triggered running handlers for {host}"),
                    "refresh_inventory" => "inventory successfully refreshed".to_owned(),
                    "clear_facts" => "facts cleared".to_owned(),
                    "clear_host_errors" => "cleared host errors".to_owned(),
                    "end_batch" => "ending batch".to_owned(),
                    "end_play" => "ending play".to_owned(),
                    "end_host" => format!("ending play for {host}"),
                    "end_role" => format!("ending role {} for {host}", role_of(task)),
                    "reset_connection" => "reset connection".to_owned(),
                    other => other.to_owned(),
                };
                self.run.shared.reporter.event(Event::Detail(2, format!("META: {said}")));
            }
        }
        if !flushed.is_empty() {
            self.flush(&flushed).await;
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

    fn skipped(&self, task: &Task, what: &str, host: &str, handler: bool) {
        if task.implicit {
            return;
        }
        let consequence = match what {
            "flush_handlers" => format!("not running handlers for {host}"),
            "clear_facts" => format!("not clearing facts and fact cache for {host}"),
            "clear_host_errors" => format!("not clearing host error state for {host}"),
            "end_batch" => "continuing current batch".to_owned(),
            "end_play" => "continuing play".to_owned(),
            "end_role" => format!("continuing role {} for {host}", role_of(task)),
            _ => format!("continuing execution for {host}"),
        };
        let msg = match what {
            "end_host" => format!("{what} conditional evaluated to false, {consequence}"),
            _ => what.to_owned(),
        };
        let reason = match what {
            // The reference forgot the comma, and outputs are compared.
            "end_role" => format!("{what} conditional evaluated to False{consequence}"),
            _ => format!("{what} conditional evaluated to False, {consequence}"),
        };
        self.run.shared.reporter.event(Event::Detail(2, format!("META: {reason}")));
        let result = Arc::new(Map::from([
            (Key::from("msg"), Value::text(msg)),
            (Key::from("skip_reason"), Value::text(reason)),
        ]));
        let told = TaskResult::new(host, Status::Skipped, result, task.action.spec.name);
        let banner = self.free.is_some().then(|| self.banner(task, host, handler));
        let told = TaskResult { task: task.id, banner, ..told };
        self.run.shared.reporter.event(Event::Result(told));
    }

    async fn reset(&self, task: &Arc<Task>, host: &str) {
        let shared = &self.run.shared;
        let layers = shared.store.task_layers(host, &self.vars, task);
        let layers = super::connect_vars::reached(shared, task, host, &layers, &layers);
        let (defaults, templar) = (&shared.options.connect, &*shared.templar);
        match super::connect::way(host, &layers, &task.attrs, defaults, templar, &layers) {
            Ok(way) => shared.pool.forget(&way.target).await,
            Err(error) => self
                .run
                .shared
                .reporter
                .event(Event::Warning(format!("the connection to {host} is not reset: {}", error.message))),
        }
    }
}

/// The name of the role that a task is in.
fn role_of(task: &Task) -> &str {
    task.role.as_ref().map_or("", |role| role.display_name())
}
