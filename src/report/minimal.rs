//! Results without banners, as `ansible` prints them: a text for each host.

use super::event::{Status, TaskResult};
use crate::vars::Value;

/// Modules whose output is shown as it is.
const PLAIN: &[&str] = &["ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw"];

/// What stands in front of a failure on one line: there are no tracebacks here.
const EXCEPTION: &str = "An exception occurred during task execution. To see the full traceback, use -vvv. The error was: (traceback unavailable)";

fn text<'a>(result: &'a TaskResult, key: &str) -> &'a str {
    result.result.get(key).filter(|_| !result.no_log).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a result; `json` has its values.
pub(super) fn render(result: &TaskResult, one_line: bool, json: &str) -> Vec<String> {
    let host = &result.host;
    let state = match result.status {
        Status::Ok => "SUCCESS",
        Status::Changed => "CHANGED",
        Status::Failed => "FAILED",
        Status::Skipped => return vec![format!("{host} | SKIPPED")],
        Status::Unreachable if one_line => {
            return vec![format!("{host} | UNREACHABLE!: {}", text(result, "msg"))];
        }
        Status::Unreachable => return vec![format!("{host} | UNREACHABLE! => {json}")],
    };
    let failed = result.status == Status::Failed;
    let missing = if failed { "module_stderr" } else { "ansible_job_id" };
    let plain = PLAIN.contains(&result.action) && (result.no_log || !result.result.contains_key(missing));
    let values = || {
        format!(
            "{host} | {state}{} => {}",
            if failed { "!" } else { "" },
            if one_line { json.replace('\n', "") } else { json.to_owned() }
        )
    };
    match (plain, one_line) {
        (true, true) if failed => vec![command_line(result, state), values()],
        (true, true) => vec![command_line(result, state)],
        (true, false) => {
            let (stdout, stderr, msg) = (text(result, "stdout"), text(result, "stderr"), text(result, "msg"));
            vec![format!("{host} | {state} | rc={} >>\n{stdout}{stderr}{msg}\n", code(result))]
        }
        (false, true) if failed && result.result.contains_key("exception") => {
            vec![EXCEPTION.to_owned(), values()]
        }
        (false, _) => vec![values()],
    }
}

fn code(result: &TaskResult) -> i64 {
    let code = result.result.get("rc").filter(|_| !result.no_log);
    code.and_then(Value::as_int).unwrap_or(-1)
}

/// What a command said, on one line.
fn command_line(result: &TaskResult, state: &str) -> String {
    let flat = |key: &str| text(result, key).replace('\n', "\\n").replace('\r', "\\r");
    let (stdout, stderr) = (flat("stdout"), flat("stderr"));
    let stderr = if stderr.is_empty() { stderr } else { format!(" (stderr) {stderr}") };
    format!("{} | {state} | rc={} | (stdout) {stdout}{stderr}", result.host, code(result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::Map;
    use std::sync::Arc;

    fn result(status: Status, action: &'static str, values: &[(&str, Value)]) -> TaskResult {
        let map: Map = values.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        TaskResult::new("web1", status, Arc::new(map), action)
    }

    #[test]
    fn commands_show_their_output() {
        let values = [("rc", Value::Int(0)), ("stdout", Value::text("a\nb")), ("stderr", Value::text("c"))];
        let ran = result(Status::Changed, "ansible.builtin.command", &values);
        assert_eq!(render(&ran, false, "{}"), ["web1 | CHANGED | rc=0 >>\na\nbc\n"]);
        assert_eq!(render(&ran, true, "{}"), ["web1 | CHANGED | rc=0 | (stdout) a\\nb (stderr) c"]);
        let failed = result(Status::Failed, "ansible.builtin.shell", &[("msg", Value::text("no"))]);
        assert_eq!(render(&failed, false, "{}"), ["web1 | FAILED | rc=-1 >>\nno\n"]);
    }

    #[test]
    fn other_modules_show_values() {
        let ping = result(Status::Ok, "ansible.builtin.ping", &[]);
        assert_eq!(render(&ping, false, "{...}"), ["web1 | SUCCESS => {...}"]);
        let failed = result(Status::Failed, "ansible.builtin.file", &[]);
        assert_eq!(render(&failed, false, "{...}"), ["web1 | FAILED! => {...}"]);
        let hidden = TaskResult { no_log: true, ..result(Status::Changed, "ansible.builtin.command", &[]) };
        assert_eq!(render(&hidden, false, "{...}"), ["web1 | CHANGED | rc=-1 >>\n\n"]);
        let gone = result(Status::Unreachable, "ansible.builtin.ping", &[("msg", Value::text("gone"))]);
        assert_eq!(render(&gone, true, ""), ["web1 | UNREACHABLE!: gone"]);
        assert_eq!(
            render(&result(Status::Skipped, "ansible.builtin.ping", &[]), false, ""),
            ["web1 | SKIPPED"]
        );
    }
}
