//! `pause`.

use super::Cx;
use crate::engine::exec::span_of;
use crate::engine::result::TaskOutcome;
use crate::report::Event;
use crate::vars::Value;
use std::time::Instant;

/// A duration that is no number.
#[derive(Debug, thiserror::Error)]
#[error("non-integer value given for prompt duration: {0}")]
struct DurationError(String);

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let number = |name: &str| -> Result<Option<f64>, DurationError> {
        match cx.args.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let text = crate::vars::value::scalar_text(value).unwrap_or_default();
                text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).map(Some).ok_or(DurationError(text))
            }
        }
    };
    let (seconds, minutes) = match (number("seconds"), number("minutes")) {
        (Ok(s), Ok(m)) => (s, m),
        (Err(error), _) | (_, Err(error)) => return TaskOutcome::failure(error.to_string()),
    };
    let unit = if minutes.is_some() { "minutes" } else { "seconds" };
    let wait = seconds.or_else(|| minutes.map(|m| m * 60.0));
    let begun = Instant::now();
    let start = chrono::Local::now();
    let mut typed = String::new();
    match wait {
        Some(seconds) => {
            let seconds = seconds.max(1.0);
            let hidden = if cx.flag("echo", true) { "" } else { " (output is hidden)" };
            let said = format!("Pausing for {} seconds{hidden}", seconds as i64);
            cx.exec.shared.reporter.event(Event::Said(said));
            tokio::time::sleep(span_of(seconds)).await;
        }
        None => {
            let prompt = cx
                .text("prompt")
                .unwrap_or_else(|| "Press enter to continue, Ctrl+C to interrupt".to_owned());
            let echo = cx.flag("echo", true);
            let asker = std::sync::Arc::clone(&cx.exec.shared.prompt);
            let text = format!("[{}]\n{prompt}:", cx.exec.shared.task_name(&cx.exec.task, cx.layers));
            let answer = tokio::task::spawn_blocking(move || asker.ask(&text, !echo)).await.ok().flatten();
            typed = answer.unwrap_or_default();
        }
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let mut out = TaskOutcome::default();
    let shown = if unit == "minutes" { elapsed / 60.0 } else { elapsed };
    // As Python shows a number with two digits.
    let shown = format!("{shown:.2}");
    let shown = shown.strip_suffix('0').unwrap_or(&shown);
    out.set("stdout", format!("Paused for {shown} {unit}"));
    out.set("stderr", "");
    out.set("rc", Value::Int(0));
    out.set("start", start.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
    out.set("stop", chrono::Local::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string());
    out.set("delta", Value::Int(elapsed as i64));
    out.set("echo", cx.flag("echo", true));
    out.set("user_input", typed);
    out
}
