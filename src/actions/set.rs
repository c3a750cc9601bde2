//! `set_fact` and `set_stats`.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::playbook::parse_task::valid_name;
use crate::template::{TemplateError, TemplateErrorKind};
use crate::vars::{Key, Map, Value};
use std::sync::{Arc, PoisonError};

pub(super) fn fact(cx: &Cx<'_>) -> TaskOutcome {
    let cacheable = cx.flag("cacheable", false);
    let mut facts = Map::new();
    for (key, value) in &cx.args {
        if matches!(key.as_str(), Some("cacheable" | "_raw_params")) {
            continue;
        }
        if let Some(refused) = unfit_name(key) {
            return refused;
        }
        facts.insert(key.clone(), value.clone());
    }
    if facts.is_empty() {
        return TaskOutcome::failure(
            "No key/value pairs provided, at least one is required for this action to succeed",
        );
    }
    let facts = Arc::new(facts);
    let mut out = TaskOutcome { set: Some((Arc::clone(&facts), cacheable)), ..TaskOutcome::default() };
    out.set("ansible_facts", Value::Map(facts));
    out
}

/// The failure of a task that sets something by a name that no variable can have.
fn unfit_name(key: &Key) -> Option<TaskOutcome> {
    let name = key.to_string();
    let other = match key {
        Key::Str(_) if valid_name(&name) => return None,
        Key::Str(_) => None,
        Key::Int(_) => Some("int"),
        Key::Bool(_) => Some("bool"),
        Key::Null => Some("NoneType"),
    };
    let kind = other.map(|kind| format!(" of type '{kind}'")).unwrap_or_default();
    let text = format!("Invalid variable name '{name}'{kind}.");
    let mut out = TaskOutcome::of_template(&TemplateError::new(TemplateErrorKind::Failed, text));
    out.hint = Some(
        "variable names start with a letter or an underscore, and contain only letters, numbers and underscores"
            .to_owned(),
    );
    Some(out)
}

pub(super) fn stats(cx: &Cx<'_>) -> TaskOutcome {
    let Some(Value::Map(data)) = cx.args.get("data") else {
        return TaskOutcome::failure("The 'data' option needs to be a dictionary/hash");
    };
    // As in Ansible, what is no boolean is false.
    let flag = |name: &str, default: bool| match cx.args.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => crate::vars::value::truthy(value).unwrap_or(false),
    };
    let mut named = Map::new();
    for (key, value) in data.iter() {
        let key = match key {
            Key::Str(text) if text.is_template() => {
                match cx.exec.shared.templar.render(&Value::Str(text.clone()), &cx.templates()) {
                    Ok(Value::Str(text)) => Key::Str(text),
                    Ok(Value::Int(number)) => Key::Int(number),
                    Ok(Value::Bool(flag)) => Key::Bool(flag),
                    Ok(_) => Key::Null,
                    Err(error) => return TaskOutcome::of_template(&error),
                }
            }
            key => key.clone(),
        };
        if let Some(refused) = unfit_name(&key) {
            return refused;
        }
        named.insert(key, value.clone());
    }
    let data = Arc::new(named);
    let per_host = flag("per_host", false);
    let aggregate = flag("aggregate", true);
    let place = if per_host { cx.exec.host.clone() } else { "RUN".to_owned() };
    let mut all = cx.exec.shared.custom_stats.lock().unwrap_or_else(PoisonError::into_inner);
    let stats = all.entry(place).or_default();
    for (key, value) in data.iter() {
        let joined = match (aggregate, stats.get(key), value) {
            (true, Some(Value::Int(a)), Value::Int(b)) => Value::Int(a + b),
            (true, Some(Value::Float(a)), Value::Float(b)) => Value::Float(a + b),
            (true, Some(Value::Str(a)), Value::Str(b)) => {
                Value::text(format!("{}{}", a.as_str(), b.as_str()))
            }
            (true, Some(Value::List(a)), Value::List(b)) => {
                Value::list(a.iter().chain(b.iter()).cloned().collect())
            }
            (true, Some(Value::Map(a)), Value::Map(b)) => {
                let mut map = (**a).clone();
                map.extend(b.iter().map(|(k, v)| (k.clone(), v.clone())));
                Value::map(map)
            }
            _ => value.clone(),
        };
        stats.insert(key.clone(), joined);
    }
    drop(all);
    let mut told = Map::new();
    told.insert(Key::from("data"), Value::Map(data));
    told.insert(Key::from("per_host"), Value::Bool(per_host));
    told.insert(Key::from("aggregate"), Value::Bool(aggregate));
    let mut out = TaskOutcome::default();
    out.set("ansible_stats", Value::map(told));
    out
}
