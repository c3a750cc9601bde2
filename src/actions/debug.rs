//! `debug`.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::template::TemplateErrorKind;
use crate::vars::Value;

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
        (Some(_), Some(_)) => return TaskOutcome::failure("'msg' and 'var' are incompatible options"),
        (Some(var), None) => {
            let templar = &cx.exec.shared.templar;
            match var {
                Value::Str(text) => {
                    let name = text.as_str();
                    let result = if text.is_template() {
                        match templar.render(var, &cx.templates()) {
                            // A template that gives a text is the name of what is meant.
                            Ok(Value::Str(inner)) => {
                                let inner = inner.as_str().to_owned();
                                templar
                                    .expression(&inner, text.span(), &cx.templates())
                                    .or(Ok(Value::text(inner)))
                            }
                            other => other,
                        }
                    } else {
                        templar.expression(name, text.span(), &cx.templates())
                    };
                    match result {
                        Ok(value) => out.set(name, value),
                        Err(error) if error.kind == TemplateErrorKind::Undefined => {
                            out.set(name, format!("VARIABLE IS NOT DEFINED!: {}", error.message));
                        }
                        Err(error) => return TaskOutcome::failure(error.message),
                    }
                }
                other => out.set(&other.to_json().to_string(), other.clone()),
            }
        }
        (None, Some(msg)) => out.set("msg", msg.clone()),
        (None, None) => out.set("msg", "Hello world!"),
    }
    out
}
