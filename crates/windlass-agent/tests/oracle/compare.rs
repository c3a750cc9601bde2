//! Comparing results and trees.

use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use windlass_protocol::{Diff, Outcome};

/// A result of one side, in a form that does not tell which.
pub struct Side {
    changed: bool,
    failed: bool,
    skipped: bool,
    msg: String,
    warned: bool,
    diff: Vec<Value>,
    values: Map<String, Value>,
}

/// What differs, and a sentence on it.
#[derive(Default)]
pub struct Differences(pub Vec<(String, String)>);

/// Backups have the process and the time in their names.
fn without_stamps(text: &str) -> String {
    static BACKUP: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~").unwrap());
    BACKUP.replace_all(text, ".BACKUP~").into_owned()
}

fn level(value: &Value, root: &Path) -> Value {
    let text = value.to_string().replace(&root.display().to_string(), "{root}");
    serde_json::from_str(&without_stamps(&text)).unwrap()
}

impl Side {
    pub fn of_reference(result: Value, root: &Path) -> Self {
        let Value::Object(mut values) = level(&result, root) else { panic!("no result: {result}") };
        let mut flag = |key: &str| values.remove(key) == Some(Value::Bool(true));
        let (changed, failed, skipped) = (flag("changed"), flag("failed"), flag("skipped"));
        let msg = values.remove("msg").and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default();
        let mut any =
            |key: &str| values.remove(key).is_some_and(|w| w.as_array().is_some_and(|w| !w.is_empty()));
        // Ours come together.
        let warned = any("warnings") | any("deprecations");
        let diff = match values.remove("diff") {
            Some(Value::Array(all)) => all,
            Some(Value::Null) | None => Vec::new(),
            Some(Value::String(text)) => vec![json!({"prepared": text})],
            Some(one) => vec![one],
        };
        for own in ["invocation", "exception", "skip_reason", "ansible_facts"] {
            values.remove(own);
        }
        let diff = diff.iter().filter_map(diff_of).collect();
        Self { changed, failed, skipped, msg, warned, diff, values }.sorted()
    }

    pub fn of_outcome(outcome: &Outcome, root: &Path) -> Self {
        let Value::Object(values) = level(&Value::Object(outcome.values()), root) else { unreachable!() };
        let text = |text: &str| level(&json!(text), root).as_str().unwrap().to_owned();
        let state = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let diff = outcome.diff.iter().filter_map(|diff| {
            let value = match diff {
                Diff::Text { before, after } => json!({
                    "before": before.text, "after": after.text,
                    "before_header": before.header, "after_header": after.header,
                }),
                Diff::State { before, after } => json!({
                    "before": state(&before.text), "after": state(&after.text),
                    "before_header": before.header, "after_header": after.header,
                }),
                Diff::Prepared(text) => json!({"prepared": text}),
                Diff::Omitted { path, reason } => json!({"prepared": format!("{path}: {reason}")}),
            };
            diff_of(&level(&value, root))
        });
        Self {
            changed: outcome.changed,
            failed: outcome.failed,
            skipped: outcome.skipped,
            msg: text(outcome.msg.as_deref().unwrap_or_default()),
            warned: !outcome.warnings.is_empty(),
            diff: diff.collect(),
            values,
        }
        .sorted()
    }

    /// The files that `find` finds, in order: the reference has them as the file system does.
    fn sorted(mut self) -> Self {
        if let Some(Value::Array(files)) = self.values.get_mut("files") {
            files.sort_by_key(|file| file["path"].as_str().unwrap_or_default().to_owned());
        }
        self
    }
}

/// A diff that shows something; without what is empty.
fn diff_of(diff: &Value) -> Option<Value> {
    let mut map = diff.as_object()?.clone();
    map.retain(|_, value| !value.is_null() && value != "");
    let side = |key: &str| map.get(key).cloned().unwrap_or(json!(""));
    (side("before") != side("after") || map.contains_key("prepared")).then_some(Value::Object(map))
}

/// Takes return values out that are another each time.
fn strip(value: &mut Value, skip: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !skip.contains_key(key));
            map.values_mut().for_each(|value| strip(value, skip));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| strip(value, skip)),
        _ => {}
    }
}

impl Differences {
    fn add(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), text));
    }

    pub fn results(&mut self, theirs: &Side, ours: &Side, skip: &BTreeMap<String, String>) {
        let flags = |side: &Side| (side.changed, side.failed, side.skipped);
        if flags(theirs) != flags(ours) {
            let text = format!(
                "changed, failed, skipped are {:?} instead of {:?}; ours {:?} {}, theirs {:?} {}",
                flags(ours),
                flags(theirs),
                ours.msg,
                json!(ours.values),
                theirs.msg,
                json!(theirs.values),
            );
            self.add("changed", text);
            return;
        }
        if theirs.msg != ours.msg && !skip.contains_key("msg") {
            self.add("msg", format!("msg is {:?} instead of {:?}", ours.msg, theirs.msg));
        }
        if theirs.warned != ours.warned {
            self.add("warnings", format!("a warning: {} instead of {}", ours.warned, theirs.warned));
        }
        let diff = |side: &Side| {
            let mut diff = Value::Array(side.diff.clone());
            strip(&mut diff, skip);
            diff.as_array().unwrap().iter().filter_map(diff_of).collect::<Vec<_>>()
        };
        let (their_diff, our_diff) = (diff(theirs), diff(ours));
        if their_diff != our_diff && !skip.contains_key("diff") {
            self.add("diff", format!("diff is {} instead of {}", json!(our_diff), json!(their_diff)));
        }
        let keys: BTreeSet<&String> = theirs.values.keys().chain(ours.values.keys()).collect();
        for key in keys.into_iter().filter(|key| !skip.contains_key(*key)) {
            let side = |side: &Side| {
                let mut value = side.values.get(key).cloned();
                value.iter_mut().for_each(|value| strip(value, skip));
                value
            };
            let (wanted, found) = (side(theirs), side(ours));
            let show = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
            // A failure may tell more.
            if wanted != found && !(theirs.failed && wanted.is_none()) {
                self.add(key, format!("{key} is {} instead of {}", show(&found), show(&wanted)));
            }
        }
    }

    pub fn trees(&mut self, theirs: Vec<String>, ours: Vec<String>) {
        let sorted = |lines: Vec<String>| lines.iter().map(|l| without_stamps(l)).collect::<BTreeSet<_>>();
        let (theirs, ours) = (sorted(theirs), sorted(ours));
        if theirs != ours {
            let only: Vec<&String> = ours.difference(&theirs).collect();
            let missing: Vec<&String> = theirs.difference(&ours).collect();
            self.add("tree", format!("the trees differ: ours {only:?}, theirs {missing:?}"));
        }
    }
}
