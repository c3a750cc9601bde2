//! Why a task for a Proxmox VE cluster fails.

use crate::engine::result::TaskOutcome;
use crate::proxmox::ApiError;
use crate::report::Speaker;
use crate::vars::Value;

/// What goes wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The server does not do, or not tell, what it was asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The same, with what was tried in front.
    #[error("{what}{source}")]
    While {
        /// `Unable to retrieve ...: `
        what: String,
        /// Why.
        source: Box<Trouble>,
    },
    /// What is asked for cannot be.
    #[error("{message}")]
    Wish {
        /// What is wrong with it.
        message: String,
        /// The argument that it is about.
        argument: Option<&'static str>,
        /// What to do.
        hint: Option<String>,
    },
    /// A task of the server failed.
    #[error("the server's task {upid} failed: {status}{}", tail(log))]
    Task {
        /// Its number.
        upid: String,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: Vec<String>,
    },
    /// A task of the server goes on for too long.
    #[error("{what} Last line in task before timeout: {}", log.last().map_or("(none)", String::as_str))]
    Late {
        /// What was waited for.
        what: String,
        /// The task's number.
        upid: Option<String>,
        /// The end of its log.
        log: Vec<String>,
    },
}

fn tail(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!(". The end of its log:\n{}", log.join("\n")) }
}

impl Trouble {
    /// What is asked for cannot be.
    pub(super) fn wish(message: impl Into<String>) -> Self {
        Self::Wish { message: message.into(), argument: None, hint: None }
    }
    /// The same, about an argument.
    pub(super) fn about(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Wish { message: message.into(), argument: Some(argument), hint: None }
    }
    /// Adds what to do about it.
    pub(super) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Wish { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }
    /// Puts what was tried in front of an answer of the server or the end of a task. What is wrong with the task itself
    /// stands for itself.
    pub(super) fn during(self, what: impl Into<String>) -> Self {
        match self {
            Self::Wish { .. } | Self::Late { .. } | Self::While { .. } => self,
            source => Self::While { what: what.into(), source: Box::new(source) },
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::While { source, .. } => source.help(),
            Self::Wish { hint, .. } => hint.clone(),
            Self::Late { .. } => Some(
                "the task goes on at the server; `timeout` is how many seconds are waited for it".to_owned(),
            ),
            Self::Task { .. } => None,
        }
    }

    /// Whether the server says that there is a guest of this number already: `CT 101 already exists on node 'pve'`, `unable
    /// to create VM 101: config file already exists`.
    pub(super) fn says_taken(&self, vmid: i64) -> bool {
        let says = |text: &str| {
            let mut numbers = text.split(|c: char| !c.is_ascii_digit());
            text.contains("already exists") && numbers.any(|word| word == vmid.to_string())
        };
        match self {
            Self::Api(ApiError::Refused(refusal)) => says(&refusal.reason),
            Self::Task { status, .. } => says(status),
            Self::While { source, .. } => source.says_taken(vmid),
            _ => false,
        }
    }

    fn task(&self) -> Option<(&str, &[String])> {
        match self {
            Self::Task { upid, log, .. } | Self::Late { upid: Some(upid), log, .. } => Some((upid, log)),
            Self::While { source, .. } => source.task(),
            _ => None,
        }
    }

    /// The failed result.
    pub(super) fn outcome(&self) -> TaskOutcome {
        let mut out = TaskOutcome::failure(self.to_string());
        out.speaker = Speaker::Module;
        out.hint = self.help();
        if let Self::Wish { argument: Some(argument), .. } = self {
            out.argument = Some((*argument).to_owned());
        }
        if let Some((upid, log)) = self.task() {
            out.set("taskid", upid);
            out.set("task_log", Value::list(log.iter().map(|line| Value::text(line.as_str())).collect()));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_task_tells_the_end_of_its_log() {
        let trouble = Trouble::Task {
            upid: "UPID:pve:1:".into(),
            status: "unable to create CT 101".into(),
            log: vec!["extracting".into(), "no space left".into()],
        };
        let out = trouble.during("An error occurred: ").outcome();
        let msg = out.values.get("msg").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(
            msg,
            "An error occurred: the server's task UPID:pve:1: failed: unable to create CT 101. The end of its log:\n\
             extracting\nno space left"
        );
        assert_eq!(out.values.get("taskid").and_then(Value::as_str), Some("UPID:pve:1:"));
    }

    #[test]
    fn a_number_that_is_taken() {
        let task =
            |status: &str| Trouble::Task { upid: "UPID:".into(), status: status.into(), log: Vec::new() };
        let taken =
            task("unable to create CT 101 - CT 101 already exists on node 'pve'").during("An error: ");
        assert!(taken.says_taken(101) && !taken.says_taken(10));
        assert!(task("unable to create VM 101: config file already exists").says_taken(101));
        assert!(!task("unable to create CT 101 - no space left").says_taken(101));
    }

    #[test]
    fn a_task_that_goes_on_is_said_to() {
        let trouble = Trouble::Late {
            what: "Reached timeout while waiting for VM to start.".into(),
            upid: Some("UPID:x:".into()),
            log: vec!["starting".into()],
        };
        let text =
            "Reached timeout while waiting for VM to start. Last line in task before timeout: starting";
        assert_eq!(trouble.to_string(), text);
        assert!(trouble.outcome().hint.is_some_and(|h| h.contains("timeout")));
    }
}
