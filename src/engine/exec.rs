//! Executes one task on one host: loop, condition, arguments, module, retries, result.

use super::delegate;
use super::keywords::{Keywords, whole};
use super::lanes::Lane;
use super::loops::{self, Items, Names, NoItems};
use super::result::TaskOutcome;
use super::run::Shared;
use crate::actions::{self, Kind};
use crate::playbook::Task;
use crate::report::{Event, Speaker, Status};
use crate::template::{TemplateContext, TemplateError};
use crate::vars::scope::Layers;
use crate::vars::store::{PlayVars, add_bare};
use crate::vars::{Key, Map, Value};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use std::sync::{Arc, OnceLock};
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
    /// Where it works on this machine, once it does.
    pub lane: OnceLock<Lane>,
    /// What it is announced as with its results, where hosts run on by themselves.
    pub banner: Option<Arc<crate::report::Banner>>,
    /// Variables that were set in the debugger.
    pub overlay: Arc<Map>,
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
    /// What it found out is another host's (`delegate_facts`).
    pub theirs: bool,
    /// Results of the items, where their effects (facts, includes) matter.
    pub items: Vec<TaskOutcome>,
}

/// What came of one item, or of the task without a loop.
struct Ended {
    outcome: TaskOutcome,
    keywords: Keywords,
    /// The variables as they are when it is done.
    scope: Layers,
}

impl Exec {
    /// What templates of the task see.
    #[must_use]
    pub fn cx<'a>(&'a self, layers: &'a Layers) -> TemplateContext<'a> {
        TemplateContext::new(layers, &self.search)
    }

    pub(super) fn error(&self, error: &TemplateError) -> TaskOutcome {
        let mut out = TaskOutcome::of_template(error);
        out.place.get_or_insert_with(|| self.task.span.clone());
        out
    }

    /// A mistake in what controls the loop: no task has failed.
    fn loop_error(&self, error: &TemplateError) -> TaskOutcome {
        let mut out = self.error(error);
        out.set("msg", error.message.as_str());
        out
    }

    /// Where a failure has its cause: the expression, or the task.
    pub(super) fn origin(&self, outcome: &TaskOutcome) -> windlass_yaml::Span {
        outcome.place.clone().unwrap_or_else(|| self.task.span.clone())
    }

    /// Runs it and tells the result.
    pub async fn run(mut self) -> Done {
        let mut layers = self.shared.store.task_layers(&self.host, &self.play, &self.task);
        if !self.overlay.is_empty() {
            layers.push(&self.overlay);
        }
        match self.with_action(&layers) {
            Ok(None) => {}
            Ok(Some(task)) => self.task = task,
            Err(error) => {
                // As with a loop: no error where the condition is false.
                let outcome = match self.condition(&layers) {
                    Ok(Some(skip)) => skip,
                    _ => self.error(&error),
                };
                return self.finish(outcome, &self.manners(&layers).0, false, Vec::new());
            }
        }
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
        let ended = self.item(layers, None).await;
        self.finish(ended.outcome, &ended.keywords, false, Vec::new())
    }

    async fn run_loop(&self, layers: &Layers) -> Done {
        let Some(loop_) = &self.task.loop_ else { return self.run_once(layers).await };
        let names = Names::of(&self.task.loop_control, &self.shared.templar, &self.cx(layers));
        let found = names
            .map_err(NoItems::from)
            .and_then(|names| Ok((names, loops::items(loop_, &self.shared.templar, &self.cx(layers))?)));
        let (names, items) = match found {
            Ok(found) => found,
            Err(error) => {
                // An undefined loop is no error where the condition is false.
                let outcome = match (self.condition(layers), error) {
                    (Ok(Some(skip)), _) => skip,
                    (_, NoItems::Failed(error)) => self.error(&error),
                    (_, NoItems::Lookup(error)) => self.loop_error(&error),
                    (_, NoItems::NoList(wrong)) => TaskOutcome::complaint(*wrong),
                };
                return self.finish(outcome, &self.manners(layers).0, false, Vec::new());
            }
        };
        if items.is_empty() {
            let mut outcome = TaskOutcome { skipped: true, ..TaskOutcome::default() };
            outcome.values.insert(Key::from("skipped_reason"), Value::text("No items in the list"));
            outcome.values.insert(Key::from("results"), Value::list(Vec::new()));
            return self.finish(outcome, &self.manners(layers).0, false, Vec::new());
        }
        let pause = match self.loop_pause(layers) {
            Ok(pause) => pause,
            Err(error) => {
                let outcome = self.loop_error(&error);
                return self.finish(outcome, &self.manners(layers).0, false, Vec::new());
            }
        };
        let mut results: Vec<(TaskOutcome, Keywords)> = Vec::new();
        let mut registered: Vec<Value> = Vec::new();
        let items = Items::new(items, names);
        if self.may_batch() && items.len() > 1 {
            let items = &items;
            let mut pending = FuturesOrdered::new();
            for index in 0..items.len() {
                pending.push_back(
                    async move { (index, self.item(&layers.with(items.vars(index)), None).await) },
                );
            }
            while let Some((index, ended)) = pending.next().await {
                let Ended { outcome, keywords, scope } = ended;
                let outcome = self.label(outcome, &scope, items, index);
                registered.push(Value::map(listed(outcome.item_map())));
                self.tell_item(&scope, &outcome, &keywords, items.at(index));
                results.push((outcome, keywords));
            }
        } else {
            // What an item registers and sets is seen by those that follow; the host keeps it if the whole loop ends well.
            let mut seen = layers.clone();
            let mut brought: Arc<Map> = Arc::default();
            for index in 0..items.len() {
                if index > 0 {
                    tokio::time::sleep(pause).await;
                }
                let ended = {
                    let scope = seen.with(items.vars(index));
                    self.item(&scope, Some(items.at(index))).await
                };
                let Ended { outcome, keywords, scope } = ended;
                let outcome = self.label(outcome, &scope, &items, index);
                self.tell_item(&scope, &outcome, &keywords, items.at(index));
                let stop = match self.breaks(&scope, &outcome) {
                    Ok(stop) => stop,
                    Err(error) => {
                        return self.finish(self.loop_error(&error), &keywords, false, Vec::new());
                    }
                };
                // Nobody else has what was brought from here on: it grows where it is.
                drop(scope);
                seen = layers.clone();
                let grown = Arc::make_mut(&mut brought);
                self.bring(grown, layers, &outcome, &keywords, true);
                let value = outcome.item_map();
                if let Some(name) = &self.task.register {
                    grown.insert(Key::from(name.as_str()), Value::map(value.clone()));
                }
                seen.push(&brought);
                registered.push(Value::map(listed(value)));
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
            looped: true,
            warnings: results.iter().flat_map(|(r, _)| r.warnings.iter().cloned()).collect(),
            ..TaskOutcome::default()
        };
        let any_failed = results.iter().any(|(r, _)| r.failed);
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
        let with_host = |(mut outcome, keywords): (TaskOutcome, Keywords)| {
            outcome.facts_host = keywords.delegate.filter(|_| keywords.delegate_facts);
            outcome
        };
        let outcomes: Vec<TaskOutcome> = results.into_iter().map(with_host).collect();
        if outcomes.iter().any(|o| o.include.is_some()) {
            let entries = outcomes.iter().filter_map(|o| o.include.clone()).flat_map(|i| i.entries).collect();
            total.include = Some(super::include::IncludeRequest { entries });
        }
        self.finish(total, &keywords, true, outcomes)
    }

    /// Whether the items may be sent without waiting for one another's results.
    pub(super) fn may_batch(&self) -> bool {
        let task = &self.task;
        task.action.kind == Kind::Agent
            && task.until.is_empty()
            && task.retries.is_none()
            && task.loop_control.pause.is_none()
            && task.loop_control.break_when.is_empty()
            && task.register.as_deref().is_none_or(|name| !self.mentions(name))
            && !brings_facts(task.action.spec.name)
            && task.attrs.get("throttle").is_none()
            && task.async_seconds.is_none()
    }

    /// Whether a template of the task may refer to a variable.
    fn mentions(&self, name: &str) -> bool {
        let templates =
            [Value::Map(Arc::clone(&self.task.args)), Value::list(self.task.attrs.list("when").to_vec())];
        templates.iter().any(|t| value_mentions(t, name))
            || self.task.vars.iter().any(|m| map_mentions(m, name))
    }

    /// The time between the items of the loop.
    fn loop_pause(&self, layers: &Layers) -> Result<Duration, TemplateError> {
        let Some(written) = &self.task.loop_control.pause else { return Ok(Duration::ZERO) };
        let value = self.shared.templar.render(written, &self.cx(layers)).map_err(|mut error| {
            error.message = format!("Error processing keyword 'pause': {}", error.message);
            error.at(written.span())
        })?;
        if matches!(value, Value::Null | Value::Omit) {
            return Ok(Duration::ZERO);
        }
        let text = value.as_str().and_then(|t| t.trim().parse().ok());
        let seconds = value.as_number().or(text).ok_or_else(|| self.unfit("pause", &value, "float"));
        seconds.map(span_of).map_err(|error| error.at(written.span()))
    }

    fn breaks(&self, scope: &Layers, outcome: &TaskOutcome) -> Result<bool, TemplateError> {
        if self.task.loop_control.break_when.is_empty() {
            return Ok(false);
        }
        let all = Value::list(self.task.loop_control.break_when.clone());
        self.shared.templar.condition(&all, &self.cx(&self.registered(scope, outcome)))
    }

    /// One item, or the task without a loop.
    async fn item(&self, layers: &Layers, item: Option<&Value>) -> Ended {
        let layers = &self.with_connection(layers);
        let ended = |outcome, keywords| Ended { outcome, keywords, scope: layers.clone() };
        match self.condition(layers) {
            Ok(None) => {}
            Ok(Some(skip)) => return ended(skip, self.manners(layers).0),
            Err(error) => return ended(self.error(&error), self.manners(layers).0),
        }
        let keywords = match self.keywords(layers) {
            Ok(keywords) => keywords,
            Err(failed) => return ended(self.error(&failed.1), failed.0),
        };
        let cx = self.cx(layers);
        let number = |value: &Option<Value>| -> Result<Option<Value>, TemplateError> {
            value.as_ref().map(|v| self.shared.templar.render(v, &cx)).transpose()
        };
        let (retries, delay) =
            match number(&self.task.retries).and_then(|r| number(&self.task.delay).map(|d| (r, d))) {
                Ok(found) => found,
                Err(error) => return ended(self.error(&error), keywords),
            };
        let has_until = !self.task.until.is_empty();
        let retries = match (retries.filter(|v| !matches!(v, Value::Null | Value::Omit)), has_until) {
            (Some(value), _) => match whole(&value) {
                Some(n) => n.max(0) + 1,
                None => return ended(self.error(&self.unfit("retries", &value, "int")), keywords),
            },
            (None, true) => 4,
            (None, false) => 1,
        };
        let delay = match delay.filter(|v| !matches!(v, Value::Null | Value::Omit)) {
            None => 5.0,
            Some(value) => {
                let text = value.as_str().and_then(|t| t.trim().parse().ok());
                match value.as_number().or(text).filter(|n: &f64| n.is_finite()) {
                    Some(seconds) => seconds.clamp(0.0, 1e9),
                    None => return ended(self.error(&self.unfit("delay", &value, "float")), keywords),
                }
            }
        };
        let notify = match self.handlers_to_notify(layers) {
            Ok(notify) => notify,
            Err(error) => return ended(self.error(&error), keywords),
        };
        let mut attempt = 1;
        loop {
            let mut outcome = self.attempt(layers, &keywords).await;
            outcome.notify.clone_from(&notify);
            if retries > 1 || has_until {
                outcome.set("attempts", Value::Int(attempt));
            }
            let scope = self.after(layers, &outcome, &keywords);
            self.judge(&self.registered(&scope, &outcome), &mut outcome);
            if !(retries > 1 || has_until) || outcome.unreachable || outcome.skipped {
                return Ended { outcome, keywords, scope };
            }
            let good = if has_until {
                let until = Value::list(self.task.until.clone());
                match self.shared.templar.condition(&until, &self.cx(&self.registered(&scope, &outcome))) {
                    Ok(good) => good,
                    Err(error) => return Ended { outcome: self.error(&error), keywords, scope },
                }
            } else {
                !outcome.failed
            };
            if good {
                return Ended { outcome, keywords, scope };
            }
            if attempt >= retries {
                outcome.exhausted = true;
                // An explicit `failed_when` has the last word.
                outcome.failed = outcome.values.get("failed_when_result").is_none() || outcome.failed;
                outcome.set("attempts", Value::Int((retries - 1).max(1)));
                if outcome.failed && outcome.values.get("msg").is_none() {
                    outcome.set("msg", "the retries are used up and the condition of `until` does not hold");
                }
                return Ended { outcome, keywords, scope };
            }
            let label = item.map(loops::label_of);
            self.shared.reporter.event(Event::Retry {
                host: self.host.clone(),
                delegate: self.delegate_label(&keywords),
                task: self.shared.own_name(&self.task, layers),
                left: retries - attempt,
                result: Arc::new(outcome.to_map()),
                no_log: keywords.no_log,
                item: label,
            });
            attempt += 1;
            tokio::time::sleep(span_of(delay)).await;
        }
    }

    /// A scope with a result under the name that it is registered by.
    pub(super) fn registered(&self, scope: &Layers, outcome: &TaskOutcome) -> Layers {
        let mut scope = scope.clone();
        if let Some(name) = &self.task.register {
            scope.push_owned(Map::from([(Key::from(name.as_str()), Value::map(outcome.to_map()))]));
        }
        scope
    }

    /// A scope with the facts and variables that a result brings.
    fn after(&self, scope: &Layers, outcome: &TaskOutcome, keywords: &Keywords) -> Layers {
        let mut brought = Map::new();
        self.bring(&mut brought, scope, outcome, keywords, false);
        scope.with(brought)
    }

    /// Adds the facts and variables that a result brings. Facts are seen whosever they are, variables that are set for another
    /// host by the items that follow (`later`) alone. `below` is what lies under them.
    fn bring(&self, to: &mut Map, below: &Layers, outcome: &TaskOutcome, keywords: &Keywords, later: bool) {
        if let Some(facts) = &outcome.facts {
            let known = to.shift_remove("ansible_facts").or_else(|| below.find("ansible_facts").cloned());
            let mut known = match known {
                Some(Value::Map(known)) => known,
                _ => Arc::default(),
            };
            add_bare(Arc::make_mut(&mut known), facts);
            to.insert(Key::from("ansible_facts"), Value::Map(known));
            to.extend(facts.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        if later || self.facts_host(keywords) == self.host {
            let set = outcome.set.as_ref().map(|(set, _)| set);
            for vars in [outcome.included_vars.as_ref(), set].into_iter().flatten() {
                to.extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
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
                    outcome.overrule(self.error(&error));
                    outcome.set("changed_when_result", Value::text(format!("{error}")));
                    return;
                }
            }
        }
        if !self.task.failed_when.is_empty() {
            match evaluate(&self.task.failed_when) {
                Ok(failed) => {
                    outcome.failure_forgiven |= outcome.failed && !failed;
                    outcome.failed = failed;
                    outcome.set("failed_when_result", Value::Bool(failed));
                }
                Err(error) => {
                    outcome.overrule(self.error(&error));
                    outcome.set("failed_when_result", Value::text(format!("{error}")));
                }
            }
        }
    }

    /// The module, once.
    async fn attempt(&self, layers: &Layers, keywords: &Keywords) -> TaskOutcome {
        let args = match self.arguments(layers) {
            Ok(args) => args,
            Err(mut error) => {
                let action = self.task.action.spec.name;
                error.message = format!("Finalization of task args for '{action}' failed: {}", error.message);
                return self.error(&error);
            }
        };
        if let Some(refusal) = self.refuse_async(keywords) {
            return refusal;
        }
        let remote = delegate::Remote::new(self, layers, keywords);
        let work = actions::dispatch(self, &remote, layers, keywords, args);
        let work = async {
            let mut outcome = work.await;
            if outcome.place.is_none()
                && let Some(name) = &outcome.argument
            {
                outcome.place = self.place_of(name);
            }
            outcome
        };
        if keywords.timeout == 0 {
            let outcome = work.await;
            return self.wait_for_job(&remote, keywords, outcome).await;
        }
        match tokio::time::timeout(Duration::from_secs(keywords.timeout), work).await {
            Ok(outcome) => self.wait_for_job(&remote, keywords, outcome).await,
            Err(_) => {
                remote.give_up().await;
                let text = format!("Task failed: Timed out after {} second(s).", keywords.timeout);
                let mut out = TaskOutcome::failure(text);
                out.speaker = Speaker::Executor;
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
}

/// A number of seconds as a time to wait: however large it is, and whatever else it is.
pub(crate) fn span_of(seconds: f64) -> Duration {
    Duration::from_secs_f64(if seconds.is_nan() { 0.0 } else { seconds.clamp(0.0, 1e9) })
}

/// Modules that run for several items at once, and whose facts the next item may ask for.
fn brings_facts(module: &str) -> bool {
    matches!(
        module,
        "ansible.builtin.getent" | "ansible.builtin.package_facts" | "ansible.builtin.service_facts"
    )
}

/// An item's result as it stands in its loop's: the warnings of all of them stand beside the list.
fn listed(mut item: Map) -> Map {
    item.shift_remove("warnings");
    item
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_a_time_to_wait() {
        assert_eq!(span_of(0.5), Duration::from_millis(500));
        assert_eq!(span_of(-3.0), Duration::ZERO);
        assert_eq!(span_of(f64::NAN), Duration::ZERO);
        for endless in [1e300, f64::INFINITY] {
            assert_eq!(span_of(endless), Duration::from_secs(1_000_000_000));
        }
    }
}
