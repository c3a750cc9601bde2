//! Plans: what is going to be written to the server, made from what was observed. Check mode ends here; else the very
//! same steps are sent.

use super::trouble::Trouble;
use crate::engine::result::TaskOutcome;
use crate::proxmox::{ApiError, Client, Form, TaskEnd};
use crate::report::Speaker;
use crate::vars::Value;
use reqwest::Method;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use windlass_protocol::{Diff, DiffSide, Json, JsonMap};

/// Fields that nobody is shown.
const SECRET: &[&str] = &["password", "cipassword", "env"];
/// What the server keeps for itself in a configuration.
const INTERNAL: &[&str] = &["digest", "lock"];

/// A request that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) form: Form,
    /// A file that goes along.
    pub(super) file: Option<PathBuf>,
    /// Where its task runs.
    pub(super) node: String,
    /// What is said when the task does not end in time.
    pub(super) late: String,
    /// How much longer than for others its end is waited for.
    pub(super) grace: Duration,
    /// What is waited for after it, where the server makes no task of it.
    pub(super) gone: Option<Gone>,
}

/// Something that shall be no longer in a storage's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) contents: String,
    pub(super) volid: String,
}

impl Step {
    pub(super) fn new(method: Method, path: String, node: &str, late: impl Into<String>) -> Self {
        let (node, late) = (node.to_owned(), late.into());
        Self { method, path, form: Form::new(), file: None, node, late, grace: Duration::ZERO, gone: None }
    }
    pub(super) fn post(path: String, node: &str, late: impl Into<String>) -> Self {
        Self::new(Method::POST, path, node, late)
    }
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.form.push((name.to_owned(), value.to_string()));
        self
    }
    /// The server itself waits for so many seconds before it does more; its task ends a little later.
    pub(super) fn patient(mut self, seconds: i64) -> Self {
        self.grace = Duration::from_secs(10);
        self.with("timeout", seconds)
    }
    pub(super) fn fields(mut self, form: Form) -> Self {
        self.form.extend(form);
        self
    }
}

/// What a task is going to do, and what it says then.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The message.
    pub(super) msg: String,
    /// What else is returned.
    pub(super) values: Vec<(&'static str, Json)>,
    /// What the diff is of.
    pub(super) of: String,
    pub(super) before: JsonMap,
    pub(super) after: JsonMap,
    pub(super) warnings: Vec<String>,
    /// What stands in front of the server's answer when a step fails.
    pub(super) failed: String,
    /// A machine whose new addresses and disks are told: node, number, settings.
    pub(super) look_back: Option<(String, i64, Vec<String>)>,
    /// The number of a new guest, where the server proposed it and no task named it.
    pub(super) proposed: Option<i64>,
}

impl Plan {
    /// Nothing is to be done.
    pub(super) fn nothing(msg: impl Into<String>) -> Self {
        Self { msg: msg.into(), ..Self::default() }
    }
    /// One request.
    pub(super) fn one(step: Step, msg: impl Into<String>) -> Self {
        Self { steps: vec![step], msg: msg.into(), ..Self::default() }
    }
    pub(super) fn value(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.values.push((name, value.into()));
        self
    }
    /// What stands in front of the server's answer when a step fails.
    pub(super) fn failing(mut self, text: impl Into<String>) -> Self {
        self.failed = text.into();
        self
    }
    /// The number of the new guest is one that the server proposed.
    pub(super) fn proposed(mut self, vmid: Option<i64>) -> Self {
        self.proposed = vmid;
        self
    }
    /// Shows a change of one word, as of a status.
    pub(super) fn change(mut self, of: impl Into<String>, name: &str, before: &str, after: &str) -> Self {
        self.of = of.into();
        self.before = JsonMap::from_iter([(name.to_owned(), before.into())]);
        self.after = JsonMap::from_iter([(name.to_owned(), after.into())]);
        self
    }
    /// Shows a change of a configuration.
    pub(super) fn config(mut self, of: impl Into<String>, before: JsonMap, after: JsonMap) -> Self {
        self.of = of.into();
        self.before = shown(before);
        self.after = shown(after);
        self
    }

    fn diff(&self) -> Vec<Diff> {
        if self.before == self.after {
            return Vec::new();
        }
        let side =
            |map: &JsonMap| DiffSide { header: self.of.clone(), text: Json::Object(map.clone()).to_string() };
        vec![Diff::State { before: side(&self.before), after: side(&self.after) }]
    }

    /// The result, as if every step had been sent.
    pub(super) fn outcome(self, diff: bool) -> TaskOutcome {
        let mut out = TaskOutcome::ok(self.msg.clone());
        out.changed = !self.steps.is_empty();
        out.speaker = Speaker::Module;
        if diff {
            out.diff = Arc::new(self.diff());
        }
        out.warnings.clone_from(&self.warnings);
        for (name, value) in self.values {
            out.set(name, Value::from(value));
        }
        out
    }

    /// Sends every step, and waits for the task of each. Gives back whether the server took on any step before one
    /// failed: what it took on may have changed something, however its task ended.
    pub(super) async fn apply(&mut self, client: &Client, limit: Duration) -> Result<(), (bool, Trouble)> {
        for (done, step) in self.steps.iter().enumerate() {
            let failed = |trouble: Trouble| trouble.during(self.failed.clone());
            let answer = step.send(client, limit).await.map_err(|error| (done > 0, failed(error.into())))?;
            let warning =
                step.follow(client, &answer, limit).await.map_err(|trouble| (true, failed(trouble)))?;
            self.warnings.extend(warning);
        }
        Ok(())
    }
}

impl Step {
    /// Sends it.
    async fn send(&self, client: &Client, limit: Duration) -> Result<Json, ApiError> {
        match &self.file {
            Some(file) => {
                let content = self.form.iter().find(|(k, _)| k == "content").map_or("", |(_, v)| v.as_str());
                client.upload(&self.path, content, file, limit).await
            }
            None => client.write(self.method.clone(), &self.path, &self.form).await,
        }
    }

    /// Waits until it is done; what its task warns of comes back.
    async fn follow(
        &self,
        client: &Client,
        answer: &Json,
        limit: Duration,
    ) -> Result<Option<String>, Trouble> {
        let Some(upid) = crate::proxmox::upid(answer) else {
            if let Some(gone) = &self.gone {
                self.wait_until_gone(client, gone, limit).await?;
            }
            return Ok(None);
        };
        match client.wait(&self.node, upid, limit.saturating_add(self.grace)).await? {
            TaskEnd::Done { warning } => {
                Ok(warning.map(|w| format!("the server's task {upid} ended with warnings: {w}")))
            }
            TaskEnd::Failed { status, log } => Err(Trouble::Task { upid: upid.to_owned(), status, log }),
            TaskEnd::TimedOut { log } => {
                Err(Trouble::Late { what: self.late.clone(), upid: Some(upid.to_owned()), log })
            }
        }
    }

    async fn wait_until_gone(&self, client: &Client, gone: &Gone, limit: Duration) -> Result<(), Trouble> {
        let started = std::time::Instant::now();
        let mut pause = Duration::from_millis(100);
        while has_volume(client, &gone.contents, &gone.volid).await? {
            if started.elapsed() >= limit {
                return Err(Trouble::Late { what: self.late.clone(), upid: None, log: Vec::new() });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        Ok(())
    }
}

/// Whether a storage has a volume among its contents.
pub(super) async fn has_volume(client: &Client, contents: &str, volid: &str) -> Result<bool, ApiError> {
    let found = client.get(contents, &[]).await?;
    let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(items.iter().any(|item| item.get("volid").and_then(Json::as_str) == Some(volid)))
}

/// A configuration as it may be shown: sorted, without secrets and what changes by itself.
fn shown(config: JsonMap) -> JsonMap {
    let mut out: Vec<(String, Json)> = config
        .into_iter()
        .filter(|(name, _)| !INTERNAL.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = if SECRET.contains(&name.as_str()) { Json::from("********") } else { value };
            (name, value)
        })
        .collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Json) -> JsonMap {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_plan_without_steps_changes_nothing() {
        let out = Plan::nothing("VM x is already running.").value("vmid", 100).outcome(true);
        assert!(!out.changed && out.diff.is_empty());
        assert_eq!(out.values.get("vmid"), Some(&Value::Int(100)));
    }

    #[test]
    fn a_diff_has_no_secrets_and_no_digest() {
        let plan = Plan::one(Step::post("/x".into(), "pve", ""), "made").config(
            "container 101",
            JsonMap::new(),
            map(json!({"password": "hunter2", "env": "KEY=hunter2", "memory": 512, "digest": "abc"})),
        );
        let out = plan.outcome(true);
        assert!(out.changed);
        let text = format!("{:?}", out.diff);
        assert!(text.contains("memory") && !text.contains("hunter2") && !text.contains("digest"), "{text}");
        assert!(text.contains("********"), "{text}");
    }
}
