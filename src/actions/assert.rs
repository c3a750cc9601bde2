//! `assert`.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::vars::Value;

pub(super) fn run(cx: &Cx<'_>) -> TaskOutcome {
    let that = match cx.args.get("that") {
        Some(value @ Value::Str(text)) if text.is_template() => {
            // A whole list may come from a variable.
            match cx.exec.shared.templar.render(value, &cx.templates()) {
                Ok(Value::List(items)) => items.to_vec(),
                _ => vec![value.clone()],
            }
        }
        Some(Value::List(items)) => items.to_vec(),
        Some(value) => vec![value.clone()],
        None => Vec::new(),
    };
    let message = |names: &[&str]| names.iter().find_map(|n| cx.args.get(*n)).cloned();
    let quiet = cx.flag("quiet", false);
    for condition in that {
        match cx.exec.shared.templar.condition(&condition, &cx.templates()) {
            Ok(true) => {}
            Ok(false) => {
                let mut out = TaskOutcome { failed: true, shown: !quiet, ..TaskOutcome::default() };
                out.set("assertion", Value::from(condition.to_json()));
                out.set("evaluated_to", Value::Bool(false));
                out.set(
                    "msg",
                    message(&["fail_msg", "msg"]).unwrap_or_else(|| Value::text("Assertion failed")),
                );
                return out;
            }
            Err(error) => return TaskOutcome::of_template(&error),
        }
    }
    let mut out = TaskOutcome { shown: !quiet, ..TaskOutcome::default() };
    out.set("msg", message(&["success_msg"]).unwrap_or_else(|| Value::text("All assertions passed")));
    out
}
