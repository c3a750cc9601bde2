//! Results of tasks: mappings with Ansible's keys.

use crate::report::Speaker;
use crate::template::{TemplateError, TemplateErrorKind};
use crate::vars::{Key, Map, Value};
use std::sync::Arc;
use windlass_protocol::{Diff, Outcome};
use windlass_yaml::diagnostic::Diagnostic;

/// A result on its way from a module to the register.
#[derive(Debug, Clone, Default)]
pub struct TaskOutcome {
    /// The return values, without the flags below.
    pub values: Map,
    /// Something changed.
    pub changed: bool,
    /// It failed.
    pub failed: bool,
    /// It did not run.
    pub skipped: bool,
    /// The host could not be reached.
    pub unreachable: bool,
    /// Before and after.
    pub diff: Arc<Vec<Diff>>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Facts to be added to the host, `ansible_` in front or not.
    pub facts: Option<Arc<Map>>,
    /// The host whose facts an item of a loop sets (`delegate_facts`).
    pub facts_host: Option<String>,
    /// Variables to be set on the host as `set_fact` does; the flag says whether they are cacheable.
    pub set: Option<(Arc<Map>, bool)>,
    /// Variables to be set on the host as `include_vars` does.
    pub included_vars: Option<Arc<Map>>,
    /// Where a failure has its cause, if that is known better than by the task's place.
    pub place: Option<windlass_yaml::Span>,
    /// What to do about a failure.
    pub hint: Option<String>,
    /// It failed, and `failed_when` says that it did not.
    pub failure_forgiven: bool,
    /// Its retries are used up, which is registered as a failure also where `failed_when` says that it is none.
    pub exhausted: bool,
    /// The argument that is wrong.
    pub argument: Option<String>,
    /// Who says why it failed.
    pub speaker: Speaker,
    /// What to include.
    pub include: Option<super::include::IncludeRequest>,
    /// A module skipped itself: unlike a task that was not run, its result says `failed`.
    pub skipped_itself: bool,
    /// It is the result of a loop as a whole.
    pub looped: bool,
    /// Its values are shown without `-v`.
    pub shown: bool,
    /// Handlers to notify if something changed.
    pub notify: Vec<String>,
    /// The module hands its diffs back as a list, however many they are.
    pub diff_list: bool,
}

/// What to do about something undefined that resembles nothing.
const UNDEFINED: &str = "check its spelling, define it, or allow for its absence with `| default(...)`";

impl TaskOutcome {
    /// A result with a message.
    #[must_use]
    pub fn ok(msg: impl Into<String>) -> Self {
        let mut out = Self::default();
        out.set("msg", Value::text(msg.into()));
        out
    }
    /// What a template's error makes of a task.
    #[must_use]
    pub fn of_template(error: &TemplateError) -> Self {
        let mut out = Self::failure(format!("Task failed: {}", error.message));
        out.speaker = Speaker::Executor;
        out.place.clone_from(&error.span);
        let undefined = error.kind == TemplateErrorKind::Undefined;
        out.hint = error.hint.clone().or_else(|| undefined.then(|| UNDEFINED.to_owned()));
        out
    }
    /// A failure with a complete message, a place and a hint.
    #[must_use]
    pub fn complaint(diagnostic: Diagnostic) -> Self {
        let mut out = Self::failure(diagnostic.message);
        out.speaker = Speaker::Executor;
        out.place = diagnostic.span;
        out.hint = diagnostic.hint;
        out
    }
    /// Fails for another reason; what it returned stays.
    pub fn overrule(&mut self, reason: Self) {
        self.failed = true;
        self.speaker = reason.speaker;
        self.place = reason.place;
        self.hint = reason.hint;
        for (key, value) in reason.values {
            self.values.entry(key).or_insert(value);
        }
    }
    /// A failure with a message.
    #[must_use]
    pub fn failure(msg: impl Into<String>) -> Self {
        let mut out = Self { failed: true, ..Self::default() };
        out.set("msg", Value::text(msg.into()));
        out
    }
    /// The host cannot be reached.
    #[must_use]
    pub fn unreachable(msg: impl Into<String>) -> Self {
        let mut out = Self { unreachable: true, ..Self::default() };
        out.set("msg", Value::text(msg.into()));
        out
    }
    /// It was skipped.
    #[must_use]
    pub fn skip(reason: &str) -> Self {
        let mut out = Self { skipped: true, ..Self::default() };
        out.set("skip_reason", Value::text(reason));
        out
    }
    /// Sets a return value.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.values.insert(Key::from(key), value.into());
    }

    /// What the agent answered.
    #[must_use]
    pub fn from_agent(outcome: Outcome) -> Self {
        let mut out = Self {
            changed: outcome.changed,
            failed: outcome.failed,
            skipped: outcome.skipped,
            skipped_itself: outcome.skipped,
            diff: Arc::new(outcome.diff.clone()),
            warnings: outcome.warnings.clone(),
            speaker: Speaker::Module,
            ..Self::default()
        };
        for (key, value) in outcome.values() {
            out.values.insert(Key::from(key), Value::from(value));
        }
        if let Some(msg) = outcome.msg {
            out.set("msg", Value::text(msg));
        }
        if let Some(Value::Map(facts)) = out.values.get("ansible_facts") {
            out.facts = Some(Arc::clone(facts));
        }
        for stream in ["stdout", "stderr"] {
            if let Some(text) = out.values.get(stream).and_then(Value::as_str) {
                let lines: Vec<Value> = split_lines(text).map(Value::from).collect();
                out.values.insert(Key::from(format!("{stream}_lines")), Value::list(lines));
            }
        }
        out
    }

    /// The mapping that stands for an item in its loop's result.
    #[must_use]
    pub fn item_map(&self) -> Map {
        let mut map = self.to_map();
        if self.include.is_some() {
            map.shift_remove("changed");
        }
        map
    }

    /// The mapping that is registered and printed.
    #[must_use]
    pub fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert(Key::from("changed"), Value::Bool(self.changed));
        if self.unreachable {
            map.insert(Key::from("unreachable"), Value::Bool(true));
        }
        for (key, value) in &self.values {
            if !matches!(key.as_str(), Some("changed" | "failed")) {
                map.insert(key.clone(), value.clone());
            }
        }
        let silent = self.looped || self.include.is_some() || (self.skipped && !self.skipped_itself);
        let failed = self.failed || self.exhausted;
        if !self.unreachable && (failed || !silent) {
            map.insert(Key::from("failed"), Value::Bool(failed));
        }
        if self.skipped || self.looped {
            map.insert(Key::from("skipped"), Value::Bool(self.skipped));
        }
        // There are no tracebacks here, but playbooks ask whether the keys are there.
        let no_trace = || Value::text("(traceback unavailable)");
        if (self.failed || self.unreachable) && !self.values.contains_key("results") {
            map.entry(Key::from("exception")).or_insert_with(no_trace);
        } else if self.failure_forgiven {
            map.insert(Key::from("failed_when_suppressed_exception"), no_trace());
        }
        if !self.warnings.is_empty() {
            let warnings = self.warnings.iter().map(|w| Value::text(w.as_str())).collect();
            map.insert(Key::from("warnings"), Value::list(warnings));
        }
        if !self.diff.is_empty() {
            let diffs: Vec<Value> = self.diff.iter().map(diff_value).collect();
            let value = match diffs.as_slice() {
                [only] if !self.diff_list => only.clone(),
                _ => Value::list(diffs),
            };
            map.insert(Key::from("diff"), value);
        }
        map
    }
}

/// A diff as modules return it.
fn diff_value(diff: &Diff) -> Value {
    let mut map = Map::new();
    let mut set = |key: &str, value: Value| {
        map.insert(Key::from(key), value);
    };
    match diff {
        Diff::Text { before, after } | Diff::State { before, after } => {
            for (key, side) in [("before", before), ("after", after)] {
                // States are mappings in the result.
                let state = match diff {
                    Diff::State { .. } => serde_json::from_str::<windlass_protocol::Json>(&side.text).ok(),
                    _ => None,
                };
                set(key, state.map_or_else(|| Value::text(side.text.as_str()), Value::from));
                if !side.header.is_empty() {
                    set(&format!("{key}_header"), Value::text(side.header.as_str()));
                }
            }
        }
        Diff::Prepared(text) => set("prepared", Value::text(text.as_str())),
        Diff::Omitted { path, reason } => set("prepared", Value::text(format!("{path}: {reason}\n"))),
    }
    Value::map(map)
}

/// Lines as Python's `splitlines` has them.
pub fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match rest.find(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
            Some(at) => {
                let line = &rest[..at];
                let end = &rest[at..];
                let width =
                    if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(1, char::len_utf8) };
                rest = &rest[at + width..];
                Some(line)
            }
            None => Some(std::mem::take(&mut rest)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::split_lines;

    #[test]
    fn lines_end_as_in_python() {
        assert_eq!(split_lines("a\nb\r\nc\rd").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(split_lines("a\n\n").collect::<Vec<_>>(), ["a", ""]);
        assert_eq!(split_lines("").count(), 0);
    }
}
