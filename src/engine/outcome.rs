//! What becomes of a result: facts that are kept, events, notifications.

use super::exec::{Done, Exec};
use super::keywords::Keywords;
use super::loops::{self, Items};
use super::result::TaskOutcome;
use crate::report::{Event, Status, TaskResult};
use crate::template::TemplateError;
use crate::vars::scope::Layers;
use crate::vars::{Key, Map, Value};
use std::sync::Arc;

impl Exec {
    pub(super) fn label(
        &self,
        mut outcome: TaskOutcome,
        scope: &Layers,
        items: &Items,
        index: usize,
    ) -> TaskOutcome {
        let (names, item) = (items.names(), items.at(index));
        outcome.values.insert(Key::from(names.item.as_str()), item.clone());
        outcome.values.insert(Key::from("ansible_loop_var"), Value::text(names.item.as_str()));
        if let Some(name) = &names.index {
            outcome.values.insert(Key::from(name.as_str()), Value::Int(index as i64));
            outcome.values.insert(Key::from("ansible_index_var"), Value::text(name.as_str()));
        }
        if let Some(info) = scope.find("ansible_loop") {
            outcome.values.insert(Key::from("ansible_loop"), info.clone());
        }
        if let Err(error) = self.label_text(scope, &outcome, item) {
            outcome.failed = true;
            outcome.skipped = false;
            outcome.set("msg", error.message);
        }
        outcome
    }

    /// What stands for an item in the output. `scope` is what the item left; its own result is registered by then.
    pub(crate) fn label_text(
        &self,
        scope: &Layers,
        outcome: &TaskOutcome,
        item: &Value,
    ) -> Result<String, TemplateError> {
        let Some(label) = &self.task.loop_control.label else { return Ok(loops::label_of(item)) };
        let scope = self.registered(scope, outcome);
        let rendered = self.shared.templar.render(label, &self.cx(&scope))?;
        Ok(loops::label_of(&rendered))
    }

    /// The host whose facts a task sets.
    pub(super) fn facts_host<'a>(&'a self, keywords: &'a Keywords) -> &'a str {
        keywords.delegate.as_deref().filter(|_| keywords.delegate_facts).unwrap_or(&self.host)
    }

    /// The handlers that a task is to notify.
    pub(super) fn handlers_to_notify(&self, layers: &Layers) -> Result<Vec<String>, TemplateError> {
        let mut notify = Vec::new();
        for name in self.task.attrs.list("notify") {
            let value = self.shared.templar.render(name, &self.cx(layers)).map_err(|mut error| {
                error.message = format!("Error processing keyword 'notify': {}", error.message);
                error.at(name.span())
            })?;
            match value {
                Value::List(names) => {
                    notify.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                value => notify.extend(value.as_str().map(str::to_owned)),
            }
        }
        Ok(notify)
    }

    /// Adds facts and variables that a result brings.
    pub(super) fn keep_facts(&self, outcome: &TaskOutcome, keywords: &Keywords) {
        let store = &self.shared.store;
        let host = outcome.facts_host.as_deref().unwrap_or_else(|| self.facts_host(keywords));
        if let Some(facts) = &outcome.facts {
            store.add_facts(host, facts);
            // As in Ansible, `setup` alone gathers nothing that `gathering = smart` would know of.
            if self.task.action.is("ansible.builtin.gather_facts") {
                store.set_gathered(host);
            }
        }
        if let Some((set, cacheable)) = &outcome.set {
            for (key, value) in set.iter() {
                let name = key.to_string();
                store.set(host, &name, value.clone());
                if *cacheable {
                    store.set_cacheable(host, &name, value.clone());
                }
            }
        }
        if let Some(vars) = &outcome.included_vars {
            store.include(host, vars);
        }
    }

    pub(super) fn tell_item(&self, scope: &Layers, outcome: &TaskOutcome, keywords: &Keywords, item: &Value) {
        self.warn(outcome, keywords);
        if outcome.include.is_some() {
            return;
        }
        let label = self.label_text(scope, outcome, item).unwrap_or_else(|_| loops::label_of(item));
        let result = TaskResult {
            item: Some(if keywords.no_log { loops::CENSORED.to_owned() } else { label }),
            ignored: keywords.ignore_errors,
            diff: Arc::clone(&outcome.diff),
            ..self.told(outcome, Arc::new(outcome.to_map()), keywords)
        };
        self.shared.reporter.event(Event::Item(result));
    }

    /// Tells the warnings of a result. They may hold what the task is not to show.
    fn warn(&self, outcome: &TaskOutcome, keywords: &Keywords) {
        if !keywords.no_log {
            for warning in &outcome.warnings {
                self.shared.reporter.event(Event::Warning(warning.clone()));
            }
        }
    }

    /// How the host that a task is delegated to is printed; `None` if that is its own one.
    pub(super) fn delegate_label(&self, keywords: &Keywords) -> Option<String> {
        let delegate = keywords.delegate.as_ref().filter(|d| **d != self.host)?;
        let theirs = self.shared.store.task_layers(delegate, &self.play, &self.task);
        let address = theirs.find("ansible_host").and_then(|value| {
            let address = self.shared.templar.render(value, &self.cx(&theirs)).ok()?;
            address.as_str().filter(|a| a != delegate).map(str::to_owned)
        });
        Some(address.map_or_else(|| delegate.clone(), |address| format!("{delegate}({address})")))
    }

    fn told(&self, outcome: &TaskOutcome, result: Arc<Map>, keywords: &Keywords) -> TaskResult {
        TaskResult {
            delegate: self.delegate_label(keywords),
            shown: outcome.shown,
            no_log: keywords.no_log,
            hint: outcome.hint.clone(),
            speaker: outcome.speaker,
            banner: self.banner.clone(),
            origin: (outcome.failed || outcome.unreachable).then(|| self.origin(outcome)),
            task: self.task.id,
            inclusion: outcome.include.is_some(),
            ..TaskResult::new(&self.host, status_of(outcome), result, self.task.action.spec.name)
        }
    }

    pub(super) fn finish(
        &self,
        outcome: TaskOutcome,
        keywords: &Keywords,
        has_items: bool,
        items: Vec<TaskOutcome>,
    ) -> Done {
        let status = status_of(&outcome);
        if !matches!(status, Status::Failed | Status::Unreachable) {
            // Of a task that failed nothing is kept, be that ignored or not.
            let results = if has_items { items.as_slice() } else { std::slice::from_ref(&outcome) };
            results.iter().for_each(|result| self.keep_facts(result, keywords));
        }
        let ignored = match status {
            Status::Failed => keywords.ignore_errors,
            Status::Unreachable => keywords.ignore_unreachable,
            _ => false,
        };
        let mut notify = Vec::new();
        if outcome.changed && !outcome.failed {
            // Of a loop that changed something, all items notify: also those that changed nothing.
            notify.extend(std::iter::once(&outcome).chain(&items).flat_map(|o| o.notify.iter().cloned()));
        }
        if !has_items {
            // Those of items were told with them.
            self.warn(&outcome, keywords);
        }
        let result = Arc::new(outcome.to_map());
        let told = TaskResult {
            ignored,
            diff: if has_items { Arc::default() } else { Arc::clone(&outcome.diff) },
            has_items,
            ..self.told(&outcome, Arc::clone(&result), keywords)
        };
        if let (Some(_), Some(banner)) = (&outcome.include, &self.banner) {
            self.shared.reporter.event(Event::Begun(Arc::clone(banner)));
        }
        self.shared.reporter.event(Event::Result(told));
        let theirs = keywords.delegate_facts && keywords.delegate.is_some();
        Done { outcome, result, status, ignored, notify, theirs, items }
    }
}

pub(super) fn status_of(outcome: &TaskOutcome) -> Status {
    if outcome.unreachable {
        Status::Unreachable
    } else if outcome.failed {
        Status::Failed
    } else if outcome.skipped {
        Status::Skipped
    } else if outcome.changed {
        Status::Changed
    } else {
        Status::Ok
    }
}
