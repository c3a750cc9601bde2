//! `async` and `poll`: tasks that run on when the task is over, and waiting for them.

use super::delegate::Remote;
use super::exec::Exec;
use super::keywords::Keywords;
use super::result::TaskOutcome;
use crate::actions::{ActionRef, Kind};
use crate::report::{Event, JobState};
use crate::vars::scope::Layers;
use crate::vars::{Key, Value};
use std::time::Duration;
use windlass_protocol::message::Job;
use windlass_protocol::{Json, JsonMap};

/// `async` and `poll` of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// Seconds that it may take.
    pub seconds: u64,
    /// Seconds between looks at it; 0 does not wait for it.
    pub poll: u64,
    /// Where the host keeps what comes of it.
    pub folder: String,
}

impl Apart {
    /// The job of a request.
    #[must_use]
    pub fn job(&self) -> Job {
        let name = format!("j{}", rand::random_range(0..999_999_999_999_u64));
        Job { name, folder: self.folder.clone(), seconds: self.seconds }
    }
}

/// Whether an action may run apart: what the target does alone.
#[must_use]
pub fn may_run_apart(action: &ActionRef) -> bool {
    match action.kind {
        Kind::Agent => !action.is("ansible.builtin.async_status"),
        // That there is no such module is told first.
        Kind::Lacking => true,
        _ => ["command", "shell", "service", "package", "uri", "setup", "gather_facts"]
            .contains(&action.spec.short_name()),
    }
}

impl Exec {
    /// The failure of an action that cannot run apart.
    pub(super) fn refuse_async(&self, keywords: &Keywords) -> Option<TaskOutcome> {
        let refused = keywords.apart.is_some() && !may_run_apart(&self.task.action);
        refused.then(|| {
            let name = &self.task.action_written;
            let mut out = TaskOutcome::failure(format!("This action ({name}) does not support async."));
            out.speaker = crate::report::Speaker::Refused;
            out
        })
    }

    /// Waits for a job that has begun, if the task asks for that.
    pub(super) async fn wait_for_job(
        &self,
        remote: &Remote<'_>,
        keywords: &Keywords,
        begun: TaskOutcome,
    ) -> TaskOutcome {
        let Some(apart) = keywords.apart.as_ref().filter(|apart| apart.poll > 0) else { return begun };
        if begun.failed || begun.skipped || begun.unreachable {
            return begun;
        }
        let Some(id) = begun.values.get("ansible_job_id").and_then(Value::as_str).map(str::to_owned) else {
            return begun;
        };
        let outcome = self.poll(remote, apart, &id).await;
        let state = if outcome.failed { JobState::Failed } else { JobState::Ok };
        self.tell_job(&id, state);
        outcome
    }

    async fn poll(&self, remote: &Remote<'_>, apart: &Apart, id: &str) -> TaskOutcome {
        let mut left = apart.seconds;
        let mut last = None;
        while left > 0 {
            tokio::time::sleep(Duration::from_secs(apart.poll)).await;
            left = left.saturating_sub(apart.poll);
            match remote.job(&apart.folder, id, "status").await {
                Ok(outcome) => {
                    let over = outcome.values.get("finished").and_then(Value::as_bool).unwrap_or(false);
                    if over || outcome.failed {
                        // What cannot be removed is no failure of the task.
                        let _ = remote.job(&apart.folder, id, "cleanup").await;
                        return outcome;
                    }
                    self.tell_job(id, JobState::Running);
                    last = Some(outcome);
                }
                // The host may be starting again, or the line be down for a moment.
                Err(error) if left == 0 => return error.into(),
                Err(_) => remote.give_up().await,
            }
        }
        let text = format!("async task did not complete within the requested time - {}s", apart.seconds);
        let mut out = TaskOutcome::failure(text);
        if let Some(last) = last {
            let mut map = last.to_map();
            map.shift_remove("failed");
            out.values.insert(Key::from("async_result"), Value::map(map));
        }
        out
    }

    fn tell_job(&self, id: &str, state: JobState) {
        self.shared.reporter.event(Event::Job { host: self.host.clone(), id: id.to_owned(), state });
    }

    /// Where the hosts of a task keep what comes of its jobs.
    ///
    /// # Errors
    /// If the template that says it fails.
    pub(crate) fn async_folder(&self, layers: &Layers) -> Result<String, crate::template::TemplateError> {
        let Some(value) = layers.find("ansible_async_dir") else {
            return Ok(self.shared.options.async_folder.clone());
        };
        let value = self.shared.templar.render(value, &self.cx(layers))?;
        Ok(value.as_str().map_or_else(|| self.shared.options.async_folder.clone(), str::to_owned))
    }
}

impl Remote<'_> {
    /// Looks at a job, or removes its file.
    async fn job(
        &self,
        folder: &str,
        id: &str,
        mode: &str,
    ) -> Result<TaskOutcome, super::delegate::RemoteError> {
        let mut args = JsonMap::new();
        for (name, value) in [("jid", id), ("mode", mode), ("_async_dir", folder)] {
            args.insert(name.to_owned(), Json::from(value));
        }
        self.at_once("ansible.builtin.async_status", args).await.map(TaskOutcome::from_agent)
    }
}
