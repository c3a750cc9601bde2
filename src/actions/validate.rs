//! `validate_argument_spec`: a role's arguments by their description.

use super::Cx;
use crate::engine::loops::truthy;
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Map, Value};
use windlass_protocol::args::{parse_bool, python_text};

pub(super) fn run(cx: &Cx<'_>) -> TaskOutcome {
    let templar = &cx.exec.shared.templar;
    let Some(Value::Map(spec)) = cx.args.get("argument_spec") else {
        return TaskOutcome::failure("Incorrect type for argument_spec, expected dict");
    };
    let given = cx.args.get("provided_arguments").and_then(Value::as_map).cloned().unwrap_or_default();
    let mut errors = Vec::new();
    for (name, rules) in spec.iter() {
        let name = name.to_string();
        let written = given.get(name.as_str()).cloned().or_else(|| cx.layers.find(&name).cloned());
        let value = match written {
            None => None,
            Some(written) => match templar.render(&written, &cx.templates()) {
                Ok(Value::Omit) => None,
                Ok(value) => Some(value),
                Err(error) => {
                    errors.push(format!("{name}: {}", error.message));
                    continue;
                }
            },
        };
        check(&name, rules, value.as_ref(), &mut errors);
    }
    let mut out = TaskOutcome::default();
    if let Some(context) = cx.args.get("validate_args_context") {
        out.set("validate_args_context", context.clone());
    }
    if errors.is_empty() {
        out.set("msg", "The arg spec validation passed");
    } else {
        out.failed = true;
        out.set("msg", format!("Validation of arguments failed:\n{}", errors.join("\n")));
        out.set("argument_errors", Value::list(errors.into_iter().map(Value::from).collect()));
    }
    out
}

/// Checks a value by its rules: `type`, `elements`, `choices`, `required`, `options`.
fn check(name: &str, rules: &Value, value: Option<&Value>, errors: &mut Vec<String>) {
    let text = |key: &str| rules.get(key).and_then(Value::as_str);
    let Some(value) = value.filter(|v| !matches!(v, Value::Null)) else {
        if rules.get("required").and_then(truthy).unwrap_or(false) {
            errors.push(format!("missing required arguments: {name}"));
        }
        return;
    };
    let kind = text("type").unwrap_or("str");
    if !fits(kind, value) {
        errors.push(format!(
            "argument '{name}' is of type {} and we were unable to convert to {kind}: {}",
            value.type_name(),
            shown(rules, value)
        ));
        return;
    }
    if let Some(choices) = rules.get("choices").and_then(Value::as_list) {
        let values = match value {
            Value::List(items) if kind == "list" => items.to_vec(),
            other => vec![other.clone()],
        };
        for value in values {
            if !choices.iter().any(|c| same(c, &value)) {
                let all: Vec<String> = choices.iter().map(|c| python_text(&c.to_json())).collect();
                errors.push(format!(
                    "value of {name} must be one of: {}, got: {}",
                    all.join(", "),
                    shown(rules, &value)
                ));
            }
        }
    }
    if let (Some(elements), Value::List(items)) = (text("elements"), value) {
        for (index, item) in items.iter().enumerate() {
            if !fits(elements, item) {
                errors.push(format!(
                    "Elements value for option '{name}' is of type {} and we were unable to convert to {elements}: {} (item {index})",
                    item.type_name(),
                    shown(rules, item)
                ));
            }
        }
    }
    let Some(Value::Map(options)) = rules.get("options") else { return };
    let mut inside = |map: &Map, place: &str| {
        for (key, rules) in options.iter() {
            let inner = key.to_string();
            check(&format!("{place}.{inner}"), rules, map.get(inner.as_str()), errors);
        }
        for key in map.keys().filter(|k| !options.contains_key(*k)) {
            let all: Vec<String> = options.keys().map(Key::to_string).collect();
            errors.push(format!("{place}.{key}. Supported parameters include: {}.", all.join(", ")));
        }
    };
    match value {
        Value::Map(map) => inside(map, name),
        Value::List(items) => {
            items.iter().filter_map(Value::as_map).for_each(|map| inside(map, name));
        }
        _ => {}
    }
}

fn shown(rules: &Value, value: &Value) -> String {
    if rules.get("no_log").and_then(truthy).unwrap_or(false) {
        return "********".to_owned();
    }
    python_text(&value.to_json())
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || crate::vars::value::scalar_text(a) == crate::vars::value::scalar_text(b)
}

/// Whether a value can be taken for that type, by Ansible's conversions.
fn fits(kind: &str, value: &Value) -> bool {
    match (kind, value) {
        ("raw", _) => true,
        ("str" | "path", Value::Map(_) | Value::List(_) | Value::Dynamic(_)) => kind == "str",
        ("str" | "path", _) => true,
        ("bool", Value::Bool(_)) => true,
        ("bool", Value::Int(i)) => matches!(i, 0 | 1),
        ("bool", Value::Str(text)) => parse_bool(text.as_str()).is_some(),
        ("int", Value::Int(_)) => true,
        ("int", Value::Float(f)) => f.fract() == 0.0,
        ("int", Value::Str(text)) => text.as_str().trim().parse::<i64>().is_ok(),
        ("float", Value::Int(_) | Value::Float(_)) => true,
        ("float", Value::Str(text)) => text.as_str().trim().parse::<f64>().is_ok(),
        ("list", Value::List(_) | Value::Str(_) | Value::Int(_) | Value::Float(_)) => true,
        ("dict", Value::Map(_) | Value::Dynamic(_)) => true,
        ("dict", Value::Str(text)) => {
            text.as_str().trim_start().starts_with('{') || text.as_str().contains('=')
        }
        ("json" | "jsonarg", Value::Str(_) | Value::Map(_) | Value::List(_)) => true,
        ("bytes" | "bits", Value::Int(_) | Value::Str(_)) => true,
        _ => false,
    }
}
