//! `debug`.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::template::{TemplateError, TemplateErrorKind};
use crate::vars::{Text, Value};

pub(super) fn run(cx: &Cx<'_>) -> TaskOutcome {
    let verbosity = cx.args.get("verbosity").and_then(Value::as_int).unwrap_or(0);
    if verbosity > i64::from(cx.exec.shared.options.verbosity) {
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.set("skipped_reason", "Verbosity threshold not met.");
        return out;
    }
    let mut out = TaskOutcome::default();
    match (cx.args.get("var"), cx.args.get("msg")) {
        (Some(_), Some(_)) => return TaskOutcome::failure("parameters are mutually exclusive: msg|var"),
        (Some(Value::Str(text)), None) if !text.as_str().is_empty() => return variable(cx, text),
        (None | Some(Value::Null | Value::Str(_)), None) => out.set("msg", "Hello world!"),
        (Some(other), None) => {
            let shown = windlass_protocol::args::python_text(&other.to_json());
            return TaskOutcome::failure(format!(
                "argument 'var' is of type {} and we were unable to convert to str: '{shown}' is not a string and conversion is not allowed",
                other.type_name()
            ));
        }
        (None, Some(msg)) => out.set("msg", msg.clone()),
    }
    out.shown = true;
    out
}

/// The value of an expression under its own text.
fn variable(cx: &Cx<'_>, text: &Text) -> TaskOutcome {
    let failure = |message: &str| {
        let text = format!("Error while resolving `var` expression: {message}");
        TaskOutcome::of_template(&TemplateError::new(TemplateErrorKind::Failed, text))
    };
    if !text.is_trusted() {
        return failure("Encountered untrusted template or expression.");
    }
    let name = text.as_str();
    let (value, marks) =
        match cx.exec.shared.templar.expression_with_marks(name, text.span(), &cx.templates()) {
            Ok(found) => found,
            Err(error) => {
                let mut out = failure(&error.message);
                out.place = error.span;
                out.hint = error.hint;
                return out;
            }
        };
    let mut out = TaskOutcome { shown: true, ..TaskOutcome::default() };
    if matches!(value, Value::Omit) {
        let text = "The result of the `var` expression could not be omitted; a placeholder was used instead.";
        out.warnings.push(text.to_owned());
        out.set(name, "<<Omit>>".to_owned());
    } else {
        out.set(name, value);
    }
    if !marks.is_empty() {
        let plural = if marks.len() == 1 { "" } else { "s" };
        let mut warning = format!("Encountered {} template error{plural}.", marks.len());
        for (at, mark) in marks.iter().enumerate() {
            warning.push_str(&format!("\nerror {} - {mark}", at + 1));
        }
        out.warnings.push(warning);
    }
    out
}
