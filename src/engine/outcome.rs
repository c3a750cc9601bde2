//! What becomes of a result: facts that are kept, events, notifications.

use super::exec::{Done, Exec};
use super::keywords::Keywords;
use super::loops::{self, Names, truthy};
use super::result::TaskOutcome;
use crate::report::{Event, Status, TaskResult};
use crate::template::TemplateError;
use crate::vars::scope::Layers;
use crate::vars::{Key, Value};
use std::sync::Arc;

impl Exec {
    pub(super) fn label(
        &self,
        mut outcome: TaskOutcome,
        scope: &Layers,
        item: &Value,
        index: usize,
        names: &Names,
    ) -> TaskOutcome {
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

    /// What stands for an item in the output. The item's own result is registered by then.
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
        let theirs = self.task.attrs.get("delegate_facts").and_then(truthy).unwrap_or(false);
        keywords.delegate.as_deref().filter(|_| theirs).unwrap_or(&self.host)
    }

    /// Adds facts and variables that a result brings.
    pub(super) fn keep_facts(&self, outcome: &TaskOutcome, keywords: &Keywords) {
        let store = &self.shared.store;
        let host = self.facts_host(keywords);
        if let Some(facts) = &outcome.facts {
            store.add_facts(host, facts);
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
        let label = self.label_text(scope, outcome, item).unwrap_or_else(|_| loops::label_of(item));
        if outcome.include.is_some() {
            return;
        }
        let result = TaskResult {
            host: self.host.clone(),
            delegate: keywords.delegate.clone(),
            status: status_of(outcome),
            result: Arc::new(outcome.to_map()),
            item: Some(if keywords.no_log { loops::CENSORED.to_owned() } else { label }),
            ignored: keywords.ignore_errors,
            no_log: keywords.no_log,
            hint: outcome.hint.clone(),
            speaker: outcome.speaker,
            diff: Arc::clone(&outcome.diff),
            action: self.task.action.spec.name,
            origin: (outcome.failed || outcome.unreachable).then(|| self.origin(outcome)),
            has_items: false,
        };
        self.shared.reporter.event(Event::Item(result));
    }

    pub(super) fn finish(
        &self,
        layers: &Layers,
        mut outcome: TaskOutcome,
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
            for name in self.task.attrs.list("notify") {
                match self.shared.templar.render(name, &self.cx(layers)) {
                    Ok(Value::List(names)) => {
                        notify.extend(names.iter().filter_map(Value::as_str).map(str::to_owned))
                    }
                    Ok(value) => notify.extend(value.as_str().map(str::to_owned)),
                    Err(error) => {
                        outcome = self.error(&error);
                    }
                }
            }
        }
        for warning in &outcome.warnings {
            self.shared.reporter.event(Event::Warning(warning.clone()));
        }
        let result = Arc::new(outcome.to_map());
        let told = TaskResult {
            host: self.host.clone(),
            delegate: keywords.delegate.clone(),
            status,
            result: Arc::clone(&result),
            item: None,
            ignored,
            no_log: keywords.no_log,
            hint: outcome.hint.clone(),
            speaker: outcome.speaker,
            diff: if has_items { Arc::default() } else { Arc::clone(&outcome.diff) },
            action: self.task.action.spec.name,
            origin: matches!(status, Status::Failed | Status::Unreachable).then(|| self.origin(&outcome)),
            has_items,
        };
        if outcome.include.is_none() {
            self.shared.reporter.event(Event::Result(told));
        }
        Done { outcome, result, status, ignored, notify, items }
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
