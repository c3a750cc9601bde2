//! What two runs have in common, and what not.

use crate::side::Run;
use fancy_regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// One thing that is not equal.
#[derive(Debug)]
pub struct Difference {
    /// The run: `check`, `first` or `second`.
    pub run: String,
    /// The task's name; `the host` for what is left behind, `the run` for exit code and recap.
    pub task: String,
    /// Where in the result, or which file.
    pub place: String,
    pub ours: String,
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| text.chars().take(700).collect::<String>();
        let (ours, theirs) = (short(&self.ours), short(&self.theirs));
        write!(f, "[{}] {}: {}\n     ours {ours}\n   theirs {theirs}", self.run, self.task, self.place)
    }
}

/// Keys whose values are particular to a moment or a process.
const VOLATILE: &[&str] = &[
    "start",
    "end",
    "delta",
    "atime",
    "mtime",
    "ctime",
    "inode",
    "dev",
    "invocation",
    "elapsed",
    "cache_update_time",
    "backup",
    "backup_file",
    "version",
    "exception",
    "ansible_facts_gathered",
    "_ansible_no_log",
    "deprecations",
];

/// Properties of units that are particular to a moment or a process.
const VOLATILE_STATUS: &str = "Timestamp|PID$|^ControlGroupId$|^InvocationID$|^Memory|^CPUUsage|^IP|^IO|^Tasks|\
    ^EffectiveMemory|^EffectiveTasks|^StateChange|^NextElapse|^LastTrigger|^Limit|^OOM|^FileDescriptorStore|^ManagedOOM|^NFileDescriptor";

/// All differences of two runs.
pub fn runs(run: &str, ours: &Run, theirs: &Run) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |task: &str, place: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(Difference { run: run.into(), task: task.into(), place: place.into(), ours, theirs });
        }
    };
    add("the run", "exit code", format!("{:?}", ours.code), format!("{:?}", theirs.code));
    add("the run", "recap", recap(&ours.stdout), recap(&theirs.stdout));
    for (task, (mine, other)) in pairs(&printed(ours), &printed(theirs)) {
        add(&task, "printed", mine, other);
    }
    let (left, right) = (level(ours), level(theirs));
    if left.is_null() {
        add("the run", "results", format!("{}\n{}", ours.stdout, ours.stderr), String::new());
    }
    let empty = serde_json::Map::new();
    for (task, other) in right.as_object().unwrap_or(&empty) {
        values(task, "", left.get(task), Some(other), &mut add);
    }
    let names: BTreeSet<&String> = ours.picture.files.keys().chain(theirs.picture.files.keys()).collect();
    for name in names {
        let entry = |run: &Run| run.picture.files.get(name).cloned().unwrap_or_else(|| "(none)".into());
        add("the host", name, entry(ours), entry(theirs));
    }
    for fact in ours.picture.facts.symmetric_difference(&theirs.picture.facts) {
        let here = |run: &Run| if run.picture.facts.contains(fact) { "yes" } else { "no" }.to_owned();
        add("the host", fact, here(ours), here(theirs));
    }
    found
}

fn recap(stdout: &str) -> String {
    let lines =
        stdout.lines().skip_while(|l| !l.starts_with("PLAY RECAP")).skip(1).filter(|l| !l.trim().is_empty());
    lines.map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

/// What each task printed: statuses and differences, without the details of failures.
fn printed(run: &Run) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let text = run.stdout.split("\nPLAY RECAP").next().unwrap_or_default();
    let mut in_error = false;
    for line in text.lines() {
        // The words of failures and warnings are compared by the results.
        in_error = line.starts_with("[ERROR]")
            || (in_error && !["fatal: ", "failed: "].iter().any(|s| line.starts_with(s)));
        if in_error || line.trim().is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("TASK [") {
            out.push((title.split(']').next().unwrap_or_default().to_owned(), String::new()));
        } else if let Some((_, lines)) = out.last_mut() {
            let line = match ["fatal: ", "failed: ", "skipping: ", "ok: ", "changed: "]
                .iter()
                .any(|s| line.starts_with(s))
            {
                true => line.split(" => ").next().unwrap_or_default(),
                false => line,
            };
            lines.push_str(&run.words.level(line.trim_end()));
            lines.push('\n');
        }
    }
    out
}

fn pairs(ours: &[(String, String)], theirs: &[(String, String)]) -> Vec<(String, (String, String))> {
    let of = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(n, _)| n == name)
            .map_or_else(|| "(not run)".to_owned(), |(_, text)| text.trim().to_owned())
    };
    theirs.iter().map(|(name, _)| (name.clone(), (of(ours, name), of(theirs, name)))).collect()
}

/// The results without what is volatile or particular to a side.
fn level(run: &Run) -> Value {
    let status = Regex::new(VOLATILE_STATUS).unwrap();
    let mut results = run.results.clone();
    clean(&mut results, false, &|text| run.words.level(text), &status);
    results
}

fn clean(value: &mut Value, in_status: bool, text: &dyn Fn(&str) -> String, status: &Regex) {
    match value {
        Value::String(found) => *found = text(found),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, false, text, status)),
        Value::Object(map) => {
            map.retain(|key, _| {
                !VOLATILE.contains(&key.as_str()) && (!in_status || !status.is_match(key).unwrap_or(false))
            });
            for (key, item) in map.iter_mut() {
                clean(item, key == "status", text, status);
                in_any_order(key, item, in_status);
            }
            if let Some(diff) = map.remove("diff").and_then(shown) {
                map.insert("diff".to_owned(), diff);
            }
        }
        _ => {}
    }
}

/// Of diffs what shows something; one alone stands for its list.
fn shown(diff: Value) -> Option<Value> {
    match diff {
        Value::Array(all) => {
            let mut all: Vec<Value> = all.into_iter().filter_map(shown).collect();
            match all.len() {
                0 => None,
                1 => all.pop(),
                _ => Some(Value::Array(all)),
            }
        }
        Value::Object(mut map) => {
            map.retain(|_, value| *value != "");
            (map.contains_key("prepared") || map.get("before") != map.get("after"))
                .then_some(Value::Object(map))
        }
        Value::String(text) if text.is_empty() => None,
        other => Some(other),
    }
}

/// Sorts what has no order: names of units, of interfaces, of kinds of virtualization.
fn in_any_order(key: &str, value: &mut Value, in_status: bool) {
    const UNITS: &[&str] = &[
        "After",
        "Before",
        "Requires",
        "Wants",
        "WantedBy",
        "RequiredBy",
        "Conflicts",
        "TriggeredBy",
        "Names",
    ];
    const FACTS: &[&str] = &[
        "ansible_interfaces",
        "ansible_all_ipv4_addresses",
        "ansible_all_ipv6_addresses",
        "ansible_virtualization_tech_guest",
        "ansible_virtualization_tech_host",
    ];
    match value {
        Value::String(text) if in_status && UNITS.contains(&key) => {
            let mut words: Vec<&str> = text.split_whitespace().collect();
            words.sort_unstable();
            *text = words.join(" ");
        }
        Value::Array(items) if FACTS.contains(&key) => items.sort_by_key(Value::to_string),
        // The reference looks at all of them at once and lists them as it is done with each.
        Value::Array(items) if key == "ansible_mounts" => items.sort_by_key(|m| m["mount"].to_string()),
        _ => {}
    }
}

/// Compares two values, key by key.
fn values(
    task: &str,
    place: &str,
    ours: Option<&Value>,
    theirs: Option<&Value>,
    add: &mut dyn FnMut(&str, &str, String, String),
) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (ours, theirs) {
        (Some(Value::Object(mine)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = mine.keys().chain(other.keys()).collect();
            for key in keys {
                values(task, &below(key), mine.get(key), other.get(key), add);
            }
        }
        (Some(Value::Array(mine)), Some(Value::Array(other))) if mine.len() == other.len() => {
            for (at, (mine, other)) in mine.iter().zip(other).enumerate() {
                values(task, &below(&at.to_string()), Some(mine), Some(other), add);
            }
        }
        _ => {
            let text = |value: Option<&Value>| value.map_or_else(|| "(none)".to_owned(), Value::to_string);
            add(task, place, text(ours), text(theirs));
        }
    }
}
