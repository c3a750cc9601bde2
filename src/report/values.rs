//! Which values of a result may be shown.

use super::event::TaskResult;
use super::json::CENSORED;
use crate::vars::{Key, Map, Value};

/// What a result that may not be shown still says.
const KEPT: [&str; 3] = ["attempts", "changed", "retries"];

/// All values, but those that concern warnings and failures, which are told elsewhere, and diffs unless `diffs`.
#[must_use]
pub fn all(result: &TaskResult, diffs: bool) -> Map {
    let mut map = raw(result);
    for key in ["warnings", "exception"] {
        map.shift_remove(key);
    }
    if !diffs {
        map.shift_remove("diff");
    }
    map
}

/// What the default output shows: of `debug` that alone which it is to say.
#[must_use]
pub fn tidy(result: &TaskResult, diffs: bool) -> Map {
    let mut map = all(result, diffs);
    if result.action == "ansible.builtin.debug" {
        for key in ["changed", "skip_reason", "ansible_loop_var", "ansible_index_var", "ansible_loop"] {
            map.shift_remove(key);
        }
        if map.contains_key("msg") {
            map.retain(|key, _| key.as_str() == Some("msg"));
        }
    }
    map
}

/// The values but for how it ended; censored if they may not be shown.
#[must_use]
pub fn raw(result: &TaskResult) -> Map {
    let mut map = Map::new();
    if result.no_log {
        map.insert("censored".into(), Value::text(CENSORED));
        for kept in KEPT {
            if let Some(value) = result.result.get(kept) {
                map.insert(kept.into(), value.clone());
            }
        }
        if let Some(Value::List(items)) = result.result.get("results") {
            // That there was a loop is no secret, nor how its items ended.
            let censored = |item: &Value| {
                let Value::Map(item) = item else { return Value::Null };
                let kept = KEPT.into_iter().filter_map(|key| Some((Key::from(key), item.get(key)?.clone())));
                let word = (Key::from("censored"), Value::text(CENSORED));
                Value::map(kept.chain([word]).collect())
            };
            map.insert("results".into(), Value::list(items.iter().map(censored).collect()));
        }
    } else {
        let internal = |key: &Key| key.as_str().is_some_and(|k| k.starts_with("_ansible_"));
        let shown = result.result.iter().filter(|(key, _)| !internal(key));
        map.extend(shown.map(|(k, v)| (k.clone(), v.clone())));
    }
    map.shift_remove("failed");
    map.shift_remove("skipped");
    map
}
