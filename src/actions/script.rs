//! `script` and `raw`.

use super::Cx;
use super::content::Content;
use crate::engine::delegate::{self, RemoteError};
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Value};

/// Sends a script of the controller along and runs it there.
pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let spec = cx.exec.task.action.spec;
    let raw = cx.text("_raw_params").or_else(|| cx.text("cmd"));
    let Some(raw) = raw else {
        return TaskOutcome::failure("one of the following is required: cmd, free_form");
    };
    let words = shlex::split(&raw).unwrap_or_default();
    let Some(name) = words.first() else { return TaskOutcome::failure("no script was named") };
    let Some(path) = cx.exec.search.find("files", name) else {
        return super::not_found(cx, "files", name);
    };
    let conditional = ["creates", "removes"].iter().any(|name| cx.text(name).is_some());
    if cx.keywords.check && !conditional {
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.set("msg", "Check mode is not supported for this task.");
        return out;
    }
    let content = match Content::of_file(cx, &path) {
        Ok(content) => content,
        Err(outcome) => return *outcome,
    };
    let mut given = cx.args.clone();
    given.shift_remove("cmd");
    given.insert(Key::from("_raw_params"), Value::text(raw));
    let checked = match delegate::check(spec, &given) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let blobs = vec![("script".to_owned(), content.source)];
    match cx.remote.request(spec.name, checked, blobs, None).await {
        // It is the controller that skips a script.
        Ok(outcome) => TaskOutcome { skipped_itself: false, ..TaskOutcome::from_agent(outcome) },
        Err(error) => error.into(),
    }
}

/// Runs a command line over the bare connection, without an agent.
pub(super) async fn raw(cx: &Cx<'_>) -> TaskOutcome {
    if cx.keywords.check {
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.skipped_itself = true;
        return out;
    }
    let Some(command) = cx.text("_raw_params") else { return TaskOutcome::failure("no command given") };
    let way = match cx.remote.way() {
        Ok(way) => way,
        Err(error) => return TaskOutcome::of_template(&error),
    };
    let connection = match cx.exec.shared.pool.connection(&way.target).await {
        Ok(connection) => connection,
        Err(error) => return RemoteError::from(error).into(),
    };
    let mut line = String::new();
    for (name, value) in &cx.keywords.environment {
        // The shell would read it as something else.
        if !is_name(name) {
            let mut out =
                TaskOutcome::failure(format!("'{name}' cannot be the name of a variable in a shell"));
            out.hint = Some("names consist of letters, digits and `_`, and begin with no digit".to_owned());
            return out;
        }
        line.push_str(&format!("{name}={} ", quote(value)));
    }
    match cx.text("executable") {
        Some(shell) => line.push_str(&format!("{shell} -c {}", quote(&command))),
        None if line.is_empty() => line = command,
        None => line.push_str(&format!("/bin/sh -c {}", quote(&command))),
    }
    match connection.raw_exec(&line, &[], way.become_.as_ref()).await {
        Ok(output) => {
            let mut out = TaskOutcome { changed: true, failed: output.code != 0, ..TaskOutcome::default() };
            let texts = [("stdout", output.stdout), ("stderr", output.stderr)];
            for (name, bytes) in texts {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let lines = crate::engine::result::split_lines(&text).map(Value::from).collect();
                out.set(&format!("{name}_lines"), Value::list(lines));
                out.set(name, text);
            }
            out.set("rc", Value::Int(i64::from(output.code)));
            if output.code != 0 {
                out.set("msg", "non-zero return code");
            }
            out
        }
        Err(error) => RemoteError::from(error).into(),
    }
}

/// Whether a shell takes that for the name of a variable.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| fits(c) && !c.is_ascii_digit()) && text.chars().all(fits)
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_commands() {
        for good in ["A", "_x1", "http_proxy"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "1A", "A B", "A=1;reboot #", "$(id)", "a-b", "ä"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
