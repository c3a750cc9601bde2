//! Tasks: what the server does after it has answered.

use super::client::{Client, path};
use super::error::ApiError;
use std::time::{Duration, Instant};
use windlass_protocol::Json;

/// How many lines of a task's log go into a message.
const LINES: usize = 10;

/// How often in a row a task's state may not be told.
const SILENCES: usize = 8;

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// Well; with what it warns of.
    Done {
        /// `WARNINGS: 1` and the like.
        warning: Option<String>,
    },
    /// Badly.
    Failed {
        /// The server's word for it.
        status: String,
        /// The end of its log.
        log: Vec<String>,
    },
    /// It has not ended in time. It may go on.
    TimedOut {
        /// The end of its log.
        log: Vec<String>,
    },
}

/// The task's number, if an answer is one.
#[must_use]
pub(crate) fn upid(answer: &Json) -> Option<&str> {
    answer.as_str().filter(|text| text.starts_with("UPID:"))
}

/// The node on which a task runs: it stands in its number.
fn node_of<'a>(upid: &'a str, otherwise: &'a str) -> &'a str {
    upid.split(':').nth(1).filter(|node| !node.is_empty()).unwrap_or(otherwise)
}

impl Client {
    /// Waits until a task has ended, at most that long.
    ///
    /// # Errors
    /// If the server does not tell its state, several times in a row: while it is upgraded, or the node is busy, it goes
    /// without an answer for a moment.
    pub async fn wait(&self, node: &str, upid: &str, limit: Duration) -> Result<TaskEnd, ApiError> {
        let started = Instant::now();
        let node = node_of(upid, node);
        let status = path(&["nodes", node, "tasks", upid, "status"]);
        let mut pause = Duration::from_millis(100);
        let mut silences = 0;
        loop {
            let state = match self.get(&status, &[]).await {
                Ok(state) => {
                    silences = 0;
                    state
                }
                Err(error) if error.may_pass() && silences < SILENCES && started.elapsed() < limit => {
                    silences += 1;
                    Json::Null
                }
                Err(error) => return Err(error),
            };
            let text = |name: &str| state.get(name).and_then(Json::as_str).unwrap_or_default();
            if text("status") == "stopped" {
                let end = text("exitstatus");
                if end == "OK" {
                    return Ok(TaskEnd::Done { warning: None });
                }
                if end.starts_with("WARN") {
                    return Ok(TaskEnd::Done { warning: Some(end.to_owned()) });
                }
                let log = self.log(node, upid).await;
                return Ok(TaskEnd::Failed { status: self.scrub(end), log });
            }
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(TaskEnd::TimedOut { log: self.log(node, upid).await });
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// The end of a task's log. That it cannot be read is no reason to hide how the task ended.
    async fn log(&self, node: &str, upid: &str) -> Vec<String> {
        let place = path(&["nodes", node, "tasks", upid, "log"]);
        let lines = match self.get(&place, &[("start", "0"), ("limit", "5000")]).await {
            Ok(Json::Array(lines)) => lines,
            _ => return Vec::new(),
        };
        let text = |line: &Json| line.get("t").and_then(Json::as_str).map(|t| self.scrub(t.trim_end()));
        let lines: Vec<String> = lines.iter().filter_map(text).filter(|t| !t.is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_is_known_by_its_number() {
        let number = "UPID:pve2:0003A2F1:01B4:6543:vzstart:101:root@pam:";
        assert_eq!(upid(&json!(number)), Some(number));
        assert_eq!(upid(&json!("100")), None);
        assert_eq!(upid(&json!(null)), None);
        assert_eq!(node_of(number, "pve"), "pve2");
        assert_eq!(node_of("UPID::x", "pve"), "pve");
    }
}
