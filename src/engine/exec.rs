//! Executes one task on one host: loop, condition, arguments, module, retries, result.

use super::delegate;
use super::loops::{self, Names, truthy};
use super::result::TaskOutcome;
use super::run::Shared;
use crate::actions::{self, Kind};
use crate::playbook::Task;
use crate::report::{Event, Status, TaskResult};
use crate::template::{TemplateContext, TemplateError};
use crate::vars::scope::Layers;
use crate::vars::store::PlayVars;
use crate::vars::{Key, Map, Value};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use std::sync::Arc;
use std::time::Duration;

/// A task that is to run on a host.
pub struct Exec {
    /// What the run shares.
    pub shared: Arc<Shared>,
    /// Variables of the play.
    pub play: Arc<PlayVars>,
    /// The task.
    pub task: Arc<Task>,
    /// The host.
    pub host: String,
    /// Where files that the task names are looked for.
    pub search: crate::template::SearchPath,
}

/// What the strategy needs to know of it.
#[derive(Debug, Clone)]
pub struct Done {
    /// The result.
    pub outcome: TaskOutcome,
    /// What was registered and printed.
    pub result: Arc<Map>,
    /// How it ended.
    pub status: Status,
    /// A failure that is ignored.
    pub ignored: bool,
    /// Handlers to notify, rendered.
    pub notify: Vec<String>,
    /// Results of the items, where their effects (facts, includes) matter.
    pub items: Vec<TaskOutcome>,
}

/// Keywords of a task, rendered for one item.
#[derive(Debug, Clone, Default)]
pub struct Keywords {
    /// `check_mode`, or the run's.
    pub check: bool,
    /// `diff`, or the run's.
    pub diff: bool,
    /// `no_log`.
    pub no_log: bool,
    /// `environment`, merged.
    pub environment: Vec<(String, String)>,
    /// `delegate_to`.
    pub delegate: Option<String>,
    /// `timeout` in seconds; 0 is none.
    pub timeout: u64,
    /// `ignore_errors`.
    pub ignore_errors: bool,
    /// `ignore_unreachable`.
    pub ignore_unreachable: bool,
}

impl Exec {
    /// What templates of the task see.
    #[must_use]
    pub fn cx<'a>(&'a self, layers: &'a Layers) -> TemplateContext<'a> {
        TemplateContext::new(layers, &self.search)
    }

    fn error(&self, error: &TemplateError) -> TaskOutcome {
        let mut out = TaskOutcome::failure(error.message.clone());
        out.place = Some(error.span.clone().unwrap_or_else(|| self.task.span.clone()));
        out.hint.clone_from(&error.hint);
        out
    }

    /// Where a failure has its cause: the expression, or the task.
    fn origin(&self, outcome: &TaskOutcome) -> windlass_yaml::Span {
        outcome.place.clone().unwrap_or_else(|| self.task.span.clone())
    }

    /// Runs it and tells the result.
    pub async fn run(self) -> Done {
        let layers = self.shared.store.task_layers(&self.host, &self.play, &self.task);
        let done = match &self.task.loop_ {
            None => self.run_once(&layers).await,
            Some(_) => self.run_loop(&layers).await,
        };
        if let Some(name) = &self.task.register {
            self.shared.store.set(&self.host, name, Value::Map(Arc::clone(&done.result)));
        }
        done
    }

    async fn run_once(&self, layers: &Layers) -> Done {
        let (outcome, keywords) = self.item(layers, None).await;
        self.finish(layers, outcome, &keywords, false, Vec::new())
    }

    async fn run_loop(&self, layers: &Layers) -> Done {
        let Some(loop_) = &self.task.loop_ else { return self.run_once(layers).await };
        let names = Names::of(&self.task.loop_control, &self.shared.templar, &self.cx(layers));
        let (names, items) = match names
            .and_then(|n| loops::items(loop_, &self.shared.templar, &self.cx(layers)).map(|items| (n, items)))
        {
            Ok(found) => found,
            Err(error) => {
                // An undefined loop is no error where the condition is false.
                let outcome = match self.condition(layers) {
                    Ok(None) => self.error(&error),
                    Ok(Some(skip)) => skip,
                    Err(_) => self.error(&error),
                };
                return self.finish(layers, outcome, &self.keywords_or_default(layers), false, Vec::new());
            }
        };
        if items.is_empty() {
            let mut outcome = TaskOutcome::skip("No items in the list");
            outcome.values.insert(Key::from("skipped_reason"), Value::text("No items in the list"));
            outcome.values.insert(Key::from("results"), Value::list(Vec::new()));
            return self.finish(layers, outcome, &self.keywords_or_default(layers), false, Vec::new());
        }
        let mut results: Vec<(TaskOutcome, Keywords)> = Vec::new();
        let mut registered: Vec<Value> = Vec::new();
        if self.may_batch() && items.len() > 1 {
            let items = &items;
            let names = &names;
            let mut pending = FuturesOrdered::new();
            for index in 0..items.len() {
                pending.push_back(async move {
                    let scope = layers.with(loops::item_vars(items, index, names));
                    let (outcome, keywords) = self.item(&scope, None).await;
                    (index, scope, outcome, keywords)
                });
            }
            while let Some((index, scope, outcome, keywords)) = pending.next().await {
                let outcome = self.label(outcome, &scope, &items[index], index, names);
                registered.push(Value::map(outcome.to_map()));
                self.tell_item(&scope, &outcome, &keywords, &items[index]);
                results.push((outcome, keywords));
            }
        } else {
            for index in 0..items.len() {
                if index > 0 {
                    self.pause(layers).await;
                }
                let scope = layers.with(loops::item_vars(&items, index, &names));
                let (outcome, keywords) = self.item(&scope, Some(&items[index])).await;
                let outcome = self.label(outcome, &scope, &items[index], index, &names);
                // Facts are seen by the items that follow.
                self.keep_facts(&outcome, &keywords);
                registered.push(Value::map(outcome.to_map()));
                self.tell_item(&scope, &outcome, &keywords, &items[index]);
                let stop = self.breaks(&scope, &outcome);
                results.push((outcome, keywords));
                if stop {
                    break;
                }
            }
        }
        let mut total = TaskOutcome {
            changed: results.iter().any(|(r, _)| r.changed),
            failed: results.iter().any(|(r, k)| r.failed && !k.ignore_errors),
            skipped: results.iter().all(|(r, _)| r.skipped),
            unreachable: results.iter().any(|(r, _)| r.unreachable),
            ..TaskOutcome::default()
        };
        let any_failed = results.iter().any(|(r, _)| r.failed || r.unreachable);
        let message = if any_failed {
            "One or more items failed"
        } else if total.skipped {
            "All items skipped"
        } else {
            "All items completed"
        };
        total.set("results", Value::list(registered));
        total.set("msg", message);
        let keywords = Keywords {
            no_log: results.iter().any(|(_, k)| k.no_log),
            ignore_errors: results.iter().any(|(r, k)| r.failed && k.ignore_errors),
            ..results.last().map(|(_, k)| k.clone()).unwrap_or_default()
        };
        total.failed |= any_failed && !total.unreachable;
        let outcomes: Vec<TaskOutcome> = results.into_iter().map(|(r, _)| r).collect();
        if outcomes.iter().any(|o| o.include.is_some()) {
            let entries = outcomes.iter().filter_map(|o| o.include.clone()).flat_map(|i| i.entries).collect();
            total.include = Some(super::include::IncludeRequest { entries });
        }
        self.finish(layers, total, &keywords, true, outcomes)
    }

    fn keywords_or_default(&self, layers: &Layers) -> Keywords {
        self.keywords(layers).unwrap_or_default()
    }

    /// Whether the items may be sent without waiting for one another's results.
    fn may_batch(&self) -> bool {
        let task = &self.task;
        task.action.kind == Kind::Agent
            && task.until.is_empty()
            && task.retries.is_none()
            && task.loop_control.pause.is_none()
            && task.loop_control.break_when.is_empty()
            && task.register.as_deref().is_none_or(|name| !self.mentions(name))
            && task.attrs.get("throttle").is_none()
    }

    /// Whether a template of the task may refer to a variable.
    fn mentions(&self, name: &str) -> bool {
        let templates =
            [Value::Map(Arc::clone(&self.task.args)), Value::list(self.task.attrs.list("when").to_vec())];
        templates.iter().any(|t| value_mentions(t, name))
            || self.task.vars.iter().any(|m| map_mentions(m, name))
    }

    async fn pause(&self, layers: &Layers) {
        let Some(value) = &self.task.loop_control.pause else { return };
        if let Ok(value) = self.shared.templar.render(value, &self.cx(layers)) {
            let seconds =
                value.as_number().or_else(|| value.as_str().and_then(|t| t.parse().ok())).unwrap_or(0.0);
            tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))).await;
        }
    }

    fn breaks(&self, scope: &Layers, outcome: &TaskOutcome) -> bool {
        if self.task.loop_control.break_when.is_empty() {
            return false;
        }
        let mut scope = scope.clone();
        if let Some(name) = &self.task.register {
            scope
                .push_owned([(Key::from(name.as_str()), Value::map(outcome.to_map()))].into_iter().collect());
        }
        let all = Value::list(self.task.loop_control.break_when.clone());
        self.shared.templar.condition(&all, &self.cx(&scope)).unwrap_or(false)
    }

    fn label(
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
        outcome
    }

    /// The condition: `None` if the task is to run, else the skip.
    fn condition(&self, layers: &Layers) -> Result<Option<TaskOutcome>, TemplateError> {
        for condition in self.task.attrs.list("when") {
            if !self
                .shared
                .templar
                .condition(condition, &self.cx(layers))
                .map_err(|e| e.at(condition.span()))?
            {
                let mut skip = TaskOutcome::skip("Conditional result was False");
                skip.values.insert(Key::from("false_condition"), condition.clone());
                return Ok(Some(skip));
            }
        }
        Ok(None)
    }

    /// The keywords of the task in effect.
    ///
    /// # Errors
    /// If one of their templates fails.
    pub fn keywords(&self, layers: &Layers) -> Result<Keywords, TemplateError> {
        let cx = self.cx(layers);
        let render = |name: &str| -> Result<Option<Value>, TemplateError> {
            match self.task.attrs.get(name) {
                None => Ok(None),
                Some(value) => {
                    let value = self.shared.templar.render(value, &cx).map_err(|e| e.at(value.span()))?;
                    Ok(Some(value).filter(|v| !matches!(v, Value::Omit | Value::Null)))
                }
            }
        };
        let flag = |name: &str, default: bool| -> Result<bool, TemplateError> {
            Ok(render(name)?.as_ref().and_then(truthy).unwrap_or(default))
        };
        let mut environment = indexmap::IndexMap::new();
        for value in self.task.attrs.list("environment") {
            if let Value::Map(map) = self.shared.templar.render(value, &cx)? {
                for (key, value) in map.iter() {
                    let text = crate::vars::value::scalar_text(value)
                        .unwrap_or_else(|| windlass_protocol::args::python_text(&value.to_json()));
                    environment.insert(key.to_string(), text);
                }
            }
        }
        Ok(Keywords {
            check: flag("check_mode", self.shared.options.check)?,
            diff: flag("diff", self.shared.options.diff)?,
            no_log: flag("no_log", false)?,
            environment: environment.into_iter().collect(),
            delegate: render("delegate_to")?
                .as_ref()
                .and_then(Value::as_str)
                .filter(|h| !h.is_empty())
                .map(str::to_owned),
            timeout: render("timeout")?.as_ref().and_then(whole).unwrap_or(0).max(0) as u64,
            ignore_errors: flag("ignore_errors", false)?,
            ignore_unreachable: flag("ignore_unreachable", false)?,
        })
    }

    /// One item, or the task without a loop.
    async fn item(&self, layers: &Layers, _item: Option<&Value>) -> (TaskOutcome, Keywords) {
        match self.condition(layers) {
            Ok(None) => {}
            Ok(Some(skip)) => return (skip, self.keywords_or_default(layers)),
            Err(error) => {
                let mut out = self.error(&error);
                let text = format!("Task failed: {}", error.message);
                out.set("msg", Value::text(text));
                return (out, self.keywords_or_default(layers));
            }
        }
        let keywords = match self.keywords(layers) {
            Ok(keywords) => keywords,
            Err(error) => return (self.error(&error), Keywords::default()),
        };
        let cx = self.cx(layers);
        let number = |value: &Option<Value>| -> Result<Option<Value>, TemplateError> {
            value.as_ref().map(|v| self.shared.templar.render(v, &cx)).transpose()
        };
        let (retries, delay) =
            match number(&self.task.retries).and_then(|r| number(&self.task.delay).map(|d| (r, d))) {
                Ok(found) => found,
                Err(error) => return (self.error(&error), keywords),
            };
        let has_until = !self.task.until.is_empty();
        let retries = match retries.as_ref().and_then(whole) {
            Some(n) => n.max(0) + 1,
            None if has_until => 4,
            None => 1,
        };
        let delay = delay.as_ref().and_then(Value::as_number).or(Some(5.0)).unwrap_or(5.0).max(0.0);
        let mut attempt = 1;
        loop {
            let mut outcome = self.attempt(layers, &keywords).await;
            if retries > 1 || has_until {
                outcome.set("attempts", Value::Int(attempt));
            }
            let mut scope = layers.clone();
            if let Some(name) = &self.task.register {
                scope.push_owned(
                    [(Key::from(name.as_str()), Value::map(outcome.to_map()))].into_iter().collect(),
                );
            }
            self.judge(&scope, &mut outcome);
            if !(retries > 1 || has_until) || outcome.unreachable || outcome.skipped {
                return (outcome, keywords);
            }
            let good = if has_until {
                let mut scope = layers.clone();
                if let Some(name) = &self.task.register {
                    scope.push_owned(
                        [(Key::from(name.as_str()), Value::map(outcome.to_map()))].into_iter().collect(),
                    );
                }
                let until = Value::list(self.task.until.clone());
                match self.shared.templar.condition(&until, &self.cx(&scope)) {
                    Ok(good) => good,
                    Err(error) => return (self.error(&error), keywords),
                }
            } else {
                !outcome.failed
            };
            if good {
                return (outcome, keywords);
            }
            if attempt >= retries {
                outcome.failed = true;
                outcome.set("attempts", Value::Int((retries - 1).max(1)));
                if outcome.values.get("msg").is_none() {
                    outcome.set("msg", "the retries are used up and the condition of `until` does not hold");
                }
                return (outcome, keywords);
            }
            let label = _item.map(loops::label_of);
            self.shared.reporter.event(Event::Retry {
                host: self.host.clone(),
                task: self.shared.task_name(&self.task, layers),
                left: retries - attempt,
                result: Arc::new(outcome.to_map()),
                no_log: keywords.no_log,
                item: label,
            });
            attempt += 1;
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
    }

    /// `changed_when` and `failed_when`.
    fn judge(&self, scope: &Layers, outcome: &mut TaskOutcome) {
        if outcome.skipped || outcome.unreachable {
            return;
        }
        let evaluate = |conditions: &[Value]| -> Result<bool, TemplateError> {
            self.shared.templar.condition(&Value::list(conditions.to_vec()), &self.cx(scope))
        };
        if !self.task.changed_when.is_empty() {
            match evaluate(&self.task.changed_when) {
                Ok(changed) => outcome.changed = changed,
                Err(error) => {
                    let failed = self.error(&error);
                    outcome.failed = true;
                    outcome.place = failed.place;
                    outcome.hint = failed.hint;
                    outcome.values.extend(failed.values);
                    outcome.set("changed_when_result", Value::text(format!("{error}")));
                    return;
                }
            }
        }
        if !self.task.failed_when.is_empty() {
            match evaluate(&self.task.failed_when) {
                Ok(failed) => {
                    outcome.failed = failed;
                    outcome.set("failed_when_result", Value::Bool(failed));
                }
                Err(error) => {
                    let failed = self.error(&error);
                    outcome.failed = true;
                    outcome.place = failed.place;
                    outcome.hint = failed.hint;
                    outcome.values.extend(failed.values);
                    outcome.set("failed_when_result", Value::text(format!("{error}")));
                }
            }
        }
    }

    /// The module, once.
    async fn attempt(&self, layers: &Layers, keywords: &Keywords) -> TaskOutcome {
        let args = match self.arguments(layers) {
            Ok(args) => args,
            Err(error) => return self.error(&error),
        };
        let remote = delegate::Remote::new(self, layers, keywords);
        let work = actions::dispatch(self, &remote, layers, keywords, args);
        if keywords.timeout == 0 {
            return work.await;
        }
        match tokio::time::timeout(Duration::from_secs(keywords.timeout), work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                remote.give_up().await;
                let mut out = TaskOutcome::failure(format!(
                    "The {} action failed to execute in the expected time frame ({}) and was terminated",
                    self.task.action.spec.short_name(),
                    keywords.timeout
                ));
                out.set(
                    "timedout",
                    Value::map(
                        [(Key::from("period"), Value::Int(keywords.timeout as i64))].into_iter().collect(),
                    ),
                );
                out
            }
        }
    }

    /// The rendered arguments, `module_defaults` under them.
    fn arguments(&self, layers: &Layers) -> Result<Map, TemplateError> {
        let cx = self.cx(layers);
        let spec = self.task.action.spec;
        let mut out = Map::new();
        for defaults in self.task.attrs.list("module_defaults") {
            let Value::Map(defaults) = self.shared.templar.render(defaults, &cx)? else { continue };
            for (module, args) in defaults.iter() {
                let same =
                    module.as_str().and_then(actions::resolve).is_some_and(|a| a.spec.name == spec.name);
                if let (true, Value::Map(args)) = (same, args) {
                    out.extend(args.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
        }
        if let Some(template) = &self.task.args_template {
            match self.shared.templar.render(template, &cx)? {
                Value::Map(map) => out.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
                Value::Omit | Value::Null => {}
                other => {
                    return Err(TemplateError::new(
                        crate::template::TemplateErrorKind::Failed,
                        format!("the arguments have to be a mapping, this is a {}", other.type_name()),
                    )
                    .at(template.span()));
                }
            }
        }
        let keep_raw = actions::renders_itself(&self.task.action);
        for (key, value) in self.task.args.iter() {
            let name = key.to_string();
            let key = match key {
                Key::Str(text) if text.is_template() => {
                    let rendered = self.shared.templar.render_str(text, &cx)?;
                    Key::from(rendered.as_str().unwrap_or(text.as_str()))
                }
                key => key.clone(),
            };
            if keep_raw.contains(&name.as_str()) {
                out.insert(key, value.clone());
                continue;
            }
            let value = self.shared.templar.render(value, &cx).map_err(|e| e.at(value.span()))?;
            if matches!(value, Value::Omit) {
                out.shift_remove(&key);
            } else {
                out.insert(key, value);
            }
        }
        Ok(out)
    }

    /// Adds facts and variables that a result brings.
    fn keep_facts(&self, outcome: &TaskOutcome, keywords: &Keywords) {
        let store = &self.shared.store;
        let delegate_facts = self.task.attrs.get("delegate_facts").and_then(truthy).unwrap_or(false);
        let host = match (&keywords.delegate, delegate_facts) {
            (Some(delegate), true) => delegate.as_str(),
            _ => self.host.as_str(),
        };
        if let Some(facts) = &outcome.facts {
            store.add_facts(host, facts);
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

    fn tell_item(&self, scope: &Layers, outcome: &TaskOutcome, keywords: &Keywords, item: &Value) {
        let label = match &self.task.loop_control.label {
            Some(label) => match self.shared.templar.render(label, &self.cx(scope)) {
                Ok(value) => loops::label_of(&value),
                Err(_) => loops::label_of(item),
            },
            None => loops::label_of(item),
        };
        if outcome.include.is_some() {
            return;
        }
        let result = TaskResult {
            host: self.host.clone(),
            delegate: keywords.delegate.clone(),
            status: status_of(outcome),
            result: Arc::new(outcome.to_map()),
            item: Some(if keywords.no_log { "None".to_owned() } else { label }),
            ignored: keywords.ignore_errors,
            no_log: keywords.no_log,
            hint: outcome.hint.clone(),
            diff: Arc::clone(&outcome.diff),
            action: self.task.action.spec.name,
            origin: (outcome.failed).then(|| self.origin(outcome)),
            has_items: false,
        };
        self.shared.reporter.event(Event::Item(result));
    }

    fn finish(
        &self,
        layers: &Layers,
        mut outcome: TaskOutcome,
        keywords: &Keywords,
        has_items: bool,
        items: Vec<TaskOutcome>,
    ) -> Done {
        if has_items && self.may_batch() {
            items.iter().for_each(|item| self.keep_facts(item, keywords));
        }
        if !has_items {
            self.keep_facts(&outcome, keywords);
        }
        let status = status_of(&outcome);
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
            diff: if has_items { Arc::default() } else { Arc::clone(&outcome.diff) },
            action: self.task.action.spec.name,
            origin: (status == Status::Failed).then(|| self.origin(&outcome)),
            has_items,
        };
        if outcome.include.is_none() {
            self.shared.reporter.event(Event::Result(told));
        }
        Done { outcome, result, status, ignored, notify, items }
    }
}

/// A whole number, or a text of one.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(i) => Some(*i),
        Value::Float(f) => Some(*f as i64),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Str(text) => text.as_str().trim().parse().ok(),
        _ => None,
    }
}

fn status_of(outcome: &TaskOutcome) -> Status {
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

fn value_mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(text) => text.as_str().contains(name),
        Value::List(items) => items.iter().any(|v| value_mentions(v, name)),
        Value::Map(map) => map_mentions(map, name),
        _ => false,
    }
}

fn map_mentions(map: &Map, name: &str) -> bool {
    map.values().any(|v| value_mentions(v, name))
}
