//! The callback `ansible.posix.json`: the whole run as one JSON text at its end.

use super::{Callback, Said};
use crate::report::event::{Event, Stats, Status, TaskResult};
use crate::report::{json, values};
use crate::vars::value::map_to_json;
use indexmap::IndexMap;
use serde_json::{Map as JsonMap, Value as Json, json};
use std::collections::HashMap;
use uuid::Uuid;
use windlass_protocol::args::python_text;

/// Collects the run.
pub struct Whole {
    /// Blanks for each level; 0 is all on one line.
    pub indent: usize,
    /// The values of `set_stats` are told.
    pub custom_stats: bool,
    plays: Vec<Play>,
    ids: IndexMap<u64, Uuid>,
    /// The labels of the items that a host's task is done with.
    labels: HashMap<String, Vec<String>>,
}

struct Play {
    head: JsonMap<String, Json>,
    start: String,
    end: Option<String>,
    tasks: Vec<Task>,
}

struct Task {
    id: u64,
    name: String,
    path: String,
    action: String,
    start: String,
    end: Option<String>,
    hosts: JsonMap<String, Json>,
}

impl Whole {
    /// Nothing yet.
    #[must_use]
    pub fn new(indent: usize, custom_stats: bool) -> Self {
        Self { indent, custom_stats, plays: Vec::new(), ids: IndexMap::new(), labels: HashMap::new() }
    }

    fn result(&mut self, result: &TaskResult) {
        let now = now();
        let Some(play) = self.plays.last_mut() else { return };
        let at = play.tasks.iter().rposition(|task| task.id == result.task);
        let at = at.or(play.tasks.len().checked_sub(1));
        let Some(task) = at.and_then(|at| play.tasks.get_mut(at)) else { return };
        let mut map = map_to_json(&values::raw(result));
        let labels = self.labels.remove(&result.host).unwrap_or_default();
        if result.has_items {
            let items = map.get_mut("results").and_then(Json::as_array_mut);
            let items = items.into_iter().flatten().filter_map(Json::as_object_mut);
            items.zip(labels).for_each(|(item, label)| mark(item, label, result.no_log));
        } else {
            map.insert("_ansible_no_log".to_owned(), Json::Bool(result.no_log));
            if result.shown && !result.no_log {
                map.insert("_ansible_verbose_always".to_owned(), Json::Bool(true));
            }
        }
        match result.status {
            Status::Failed => drop(map.insert("failed".to_owned(), Json::Bool(true))),
            Status::Skipped => drop(map.insert("skipped".to_owned(), Json::Bool(true))),
            _ => {}
        }
        map.insert("action".to_owned(), Json::from(task.action.as_str()));
        task.hosts.insert(result.host.clone(), Json::Object(map));
        task.end = Some(now.clone());
        play.end = Some(now);
    }

    fn text(&self, value: &Json) -> String {
        let text = json::dump_json(value, self.indent > 0);
        let mut out = String::new();
        for (number, line) in text.lines().enumerate() {
            let body = line.trim_start_matches(' ');
            if number > 0 {
                out.push('\n');
            }
            out.push_str(&" ".repeat((line.len() - body.len()) / 4 * self.indent));
            json::push_ascii(body, &mut out);
        }
        out
    }
}

impl Callback for Whole {
    fn event(&mut self, event: &Event, said: &mut Vec<Said>) {
        match event {
            Event::Play { name, path, .. } => {
                let mut head = JsonMap::new();
                head.insert("name".to_owned(), Json::from(name.as_str()));
                head.insert("id".to_owned(), Json::from(Uuid::new_v4().to_string()));
                head.insert("path".to_owned(), Json::from(path.as_str()));
                self.plays.push(Play { head, start: now(), end: None, tasks: Vec::new() });
            }
            Event::Task { id, name, path, action, .. } => {
                self.ids.entry(*id).or_insert_with(Uuid::new_v4);
                if let Some(play) = self.plays.last_mut() {
                    play.tasks.push(Task {
                        id: *id,
                        name: name.clone(),
                        path: path.clone(),
                        action: action.clone(),
                        start: now(),
                        end: None,
                        hosts: JsonMap::new(),
                    });
                }
            }
            Event::Item(item) => {
                let label = item.item.clone().unwrap_or_default();
                self.labels.entry(item.host.clone()).or_default().push(label);
            }
            Event::Result(result) => self.result(result),
            Event::Recap { hosts, custom } => {
                let stats: JsonMap<String, Json> =
                    hosts.iter().map(|(host, stats)| (host.clone(), numbers(stats))).collect();
                let (mut of_hosts, mut of_run) = (JsonMap::new(), JsonMap::new());
                for (host, map) in custom.iter().filter(|_| self.custom_stats) {
                    match host {
                        Some(host) => drop(of_hosts.insert(host.clone(), Json::Object(map_to_json(map)))),
                        None => of_run = map_to_json(map),
                    }
                }
                let plays: Vec<Json> = self.plays.iter().map(|play| play_json(play, &self.ids)).collect();
                let whole = json!({
                    "plays": plays, "stats": stats, "custom_stats": of_hosts, "global_custom_stats": of_run,
                });
                said.push(Said::Line(self.text(&whole)));
            }
            _ => {}
        }
    }
}

/// Says of an item what callbacks are told beside its values.
fn mark(item: &mut JsonMap<String, Json>, label: String, no_log: bool) {
    item.insert("_ansible_no_log".to_owned(), Json::Bool(no_log));
    if no_log {
        return;
    }
    let name = item.get("ansible_loop_var").and_then(Json::as_str).unwrap_or("item");
    let whole = item.get(name).filter(|value| python_text(value) == label).cloned();
    item.insert("_ansible_item_label".to_owned(), whole.unwrap_or(Json::String(label)));
}

fn play_json(play: &Play, ids: &IndexMap<u64, Uuid>) -> Json {
    let mut head = play.head.clone();
    head.insert("duration".to_owned(), duration(&play.start, play.end.as_deref()));
    let task = |task: &Task| {
        let id = ids.get(&task.id).map(Uuid::to_string);
        let duration = duration(&task.start, task.end.as_deref());
        json!({
            "task": {"name": task.name, "id": id, "path": task.path, "duration": duration},
            "hosts": task.hosts,
        })
    };
    json!({"play": head, "tasks": play.tasks.iter().map(task).collect::<Vec<_>>()})
}

fn duration(start: &str, end: Option<&str>) -> Json {
    match end {
        Some(end) => json!({"start": start, "end": end}),
        None => json!({"start": start}),
    }
}

fn numbers(stats: &Stats) -> Json {
    json!({
        "ok": stats.ok, "failures": stats.failed, "unreachable": stats.unreachable, "changed": stats.changed,
        "skipped": stats.skipped, "rescued": stats.rescued, "ignored": stats.ignored,
    })
}

fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_ascii_with_the_wanted_indentation() {
        let value = json!({"b": [1], "a": "é\n  x"});
        let text = |indent| Whole::new(indent, false).text(&value);
        assert_eq!(text(2), "{\n  \"a\": \"\\u00e9\\n  x\",\n  \"b\": [\n    1\n  ]\n}");
        assert_eq!(text(0), "{\"a\": \"\\u00e9\\n  x\", \"b\": [1]}");
    }
}
