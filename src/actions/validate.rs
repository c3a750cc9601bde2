//! `validate_argument_spec`: a role's arguments by their description.

use super::{Cx, argument_spec};
use crate::engine::result::TaskOutcome;
use crate::report::Speaker;
use crate::vars::{Map, Value};

pub(super) fn run(cx: &Cx<'_>) -> TaskOutcome {
    let spec = match cx.args.get("argument_spec") {
        Some(Value::Map(spec)) => spec,
        other => return no_mapping("argument_spec", other),
    };
    let provided = match cx.args.get("provided_arguments") {
        None => Map::new(),
        Some(Value::Map(provided)) => (**provided).clone(),
        other => return no_mapping("provided_arguments", other),
    };
    let mut given = Map::new();
    for name in spec.keys() {
        let Some(written) = name.as_str().and_then(|name| cx.layers.find(name)) else { continue };
        match cx.exec.shared.templar.render(written, &cx.templates()) {
            Ok(Value::Omit) => {}
            Ok(value) => {
                given.insert(name.clone(), value);
            }
            Err(error) => return TaskOutcome::of_template(&error),
        }
    }
    given.extend(provided);
    let errors = match argument_spec::mistakes(spec, given) {
        Ok(errors) => errors,
        Err(error) => return TaskOutcome::failure(error),
    };
    let mut out = TaskOutcome::default();
    let context = cx.args.get("validate_args_context").cloned();
    out.set("validate_args_context", context.unwrap_or_else(|| Value::map(Map::new())));
    if errors.is_empty() {
        out.set("msg", "The arg spec validation passed");
    } else {
        out.failed = true;
        out.set("msg", format!("Validation of arguments failed:\n{}", errors.join("\n")));
        out.set("argument_spec_data", Value::Map(spec.clone()));
        out.set("argument_errors", Value::list(errors.into_iter().map(Value::from).collect()));
    }
    out
}

fn no_mapping(name: &str, found: Option<&Value>) -> TaskOutcome {
    let kind = found.map_or("NoneType", Value::type_name);
    let text = format!("Task failed: Incorrect type for {name}, expected dict and got <class '{kind}'>");
    TaskOutcome { speaker: Speaker::Executor, ..TaskOutcome::failure(text) }
}
