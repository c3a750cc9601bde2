//! Tasks: what a request that takes its time gives back, goes on by itself, and ends with `OK` or an error.
//!
//! Source: the API viewer's `/nodes/{node}/tasks/{upid}`, and the form of a UPID as `pvenode(1)` and the task list show
//! it: `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hexadecimal.

use crate::auth::{Caller, now};
use crate::cluster::{Cluster, Shared, random};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A task as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Its name.
    pub upid: String,
    /// What it does: `vzcreate`, `vzstart`, ...
    pub kind: String,
    /// To what: mostly a guest's number.
    pub id: String,
    /// For whom.
    pub user: String,
    /// `running` or `stopped`.
    pub status: String,
    /// `OK`, or the error.
    pub exitstatus: Option<String>,
    /// Its log, without the line numbers.
    pub log: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) node: String,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) pid: u32,
    pub(crate) pstart: u32,
    pub(crate) starttime: u64,
    pub(crate) exitstatus: Option<String>,
    pub(crate) endtime: Option<u64>,
    pub(crate) log: Vec<String>,
}

impl Task {
    fn upid(&self) -> String {
        format!(
            "UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:",
            self.node, self.pid, self.pstart, self.starttime, self.kind, self.id, self.user
        )
    }

    fn status(&self) -> &'static str {
        if self.exitstatus.is_some() { "stopped" } else { "running" }
    }

    pub(crate) fn view(&self) -> TaskView {
        TaskView {
            upid: self.upid(),
            kind: self.kind.clone(),
            id: self.id.clone(),
            user: self.user.clone(),
            status: self.status().to_owned(),
            exitstatus: self.exitstatus.clone(),
            log: self.log.clone(),
        }
    }

    /// `/nodes/{node}/tasks/{upid}/status`.
    pub(crate) fn json(&self) -> Value {
        let (user, token) = match self.user.split_once('!') {
            Some((user, token)) => (user, Some(token)),
            None => (self.user.as_str(), None),
        };
        let mut value = json!({
            "upid": self.upid(), "node": self.node, "pid": self.pid, "pstart": self.pstart,
            "starttime": self.starttime, "type": self.kind, "id": self.id, "user": user, "status": self.status(),
        });
        if let Some(token) = token {
            value["tokenid"] = token.into();
        }
        if let Some(exitstatus) = &self.exitstatus {
            value["exitstatus"] = exitstatus.clone().into();
        }
        value
    }

    /// One of `/nodes/{node}/tasks`.
    pub(crate) fn entry(&self) -> Value {
        let mut value = self.json();
        if let (Some(map), Some(end)) = (value.as_object_mut(), self.endtime) {
            let exitstatus = map.remove("exitstatus").unwrap_or_default();
            map.insert("status".to_owned(), exitstatus);
            map.insert("endtime".to_owned(), end.into());
        }
        value
    }
}

/// What a task does. It may take its time, and must not hold the cluster's lock meanwhile.
pub(crate) type Work = Box<dyn FnOnce(&Cluster, &mut Vec<String>) -> Result<(), String> + Send>;
/// What is put right when it fails.
pub(crate) type Undo = Box<dyn FnOnce(&Cluster) + Send>;

/// A task to begin.
pub(crate) struct Job {
    pub(crate) node: String,
    pub(crate) kind: String,
    pub(crate) id: String,
    /// What the guest is locked with until the end.
    pub(crate) lock: Option<(u32, &'static str)>,
    pub(crate) work: Work,
    pub(crate) undo: Undo,
}

impl Job {
    pub(crate) fn new(
        node: &str,
        kind: impl Into<String>,
        id: impl ToString,
        work: impl FnOnce(&Cluster, &mut Vec<String>) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self {
            node: node.to_owned(),
            kind: kind.into(),
            id: id.to_string(),
            lock: None,
            work: Box::new(work),
            undo: Box::new(|_| {}),
        }
    }

    pub(crate) fn lock(mut self, vmid: u32, with: &'static str) -> Self {
        self.lock = Some((vmid, with));
        self
    }

    pub(crate) fn undo(mut self, undo: impl FnOnce(&Cluster) + Send + 'static) -> Self {
        self.undo = Box::new(undo);
        self
    }

    /// Begins it, and gives its UPID. What takes no time has ended by then, so that tests which count requests
    /// always count the same.
    pub(crate) fn begin(self, cluster: &Shared, caller: &Caller) -> String {
        let mut state = cluster.state();
        let task = Task {
            node: self.node.clone(),
            kind: self.kind.clone(),
            id: self.id.clone(),
            user: caller.name.clone(),
            pid: u32::try_from(random() % 4_000_000).unwrap_or(1) + 1000,
            pstart: u32::try_from(random() >> 36).unwrap_or(1),
            starttime: now(),
            exitstatus: None,
            endtime: None,
            log: Vec::new(),
        };
        let upid = task.upid();
        state.tasks.insert(upid.clone(), task);
        if let Some((vmid, lock)) = self.lock
            && let Some(guest) = state.guests.get_mut(&vmid)
        {
            guest.lock = Some(lock.to_owned());
        }
        let at_once = cluster.backing.at_once()
            && !state.faults.hung.contains(&self.kind)
            && state.faults.delays.get(&self.kind).unwrap_or(&state.faults.delay).is_zero();
        drop(state);
        if at_once {
            self.run(cluster, &upid);
        } else {
            let (shared, name) = (cluster.clone(), upid.clone());
            let worker = std::thread::spawn(move || self.run(&shared, &name));
            cluster.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
        upid
    }

    fn run(self, cluster: &Cluster, upid: &str) {
        let proceed = wait(cluster, &self.kind);
        let fault = {
            let faults = &mut cluster.state().faults.tasks;
            let found = faults.iter().position(|(kind, _)| *kind == self.kind);
            found.map(|at| faults.remove(at).1)
        };
        let mut log = Vec::new();
        let outcome = match fault {
            _ if !proceed => Err("interrupted by signal".to_owned()),
            Some(error) => Err(error),
            None => (self.work)(cluster, &mut log),
        };
        if outcome.is_err() {
            (self.undo)(cluster);
        }
        let mut state = cluster.state();
        if let Some((vmid, lock)) = self.lock
            && let Some(guest) = state.guests.get_mut(&vmid)
            && guest.lock.as_deref() == Some(lock)
        {
            guest.lock = None;
        }
        if let Some(task) = state.tasks.get_mut(upid) {
            log.push(match &outcome {
                Ok(()) => "TASK OK".to_owned(),
                Err(error) => format!("TASK ERROR: {error}"),
            });
            task.log.extend(log);
            task.endtime = Some(now());
            task.exitstatus = Some(outcome.err().unwrap_or_else(|| "OK".to_owned()));
        }
        drop(state);
        cluster.changed.notify_all();
    }
}

/// Waits as long as a task of this type is to take; false when the server ends meanwhile.
fn wait(cluster: &Cluster, kind: &str) -> bool {
    let begin = Instant::now();
    let mut state = cluster.state();
    loop {
        if cluster.closing.load(Ordering::SeqCst) {
            return false;
        }
        let faults = &state.faults;
        let delay = *faults.delays.get(kind).unwrap_or(&faults.delay);
        let left = delay.saturating_sub(begin.elapsed());
        if left.is_zero() && !faults.hung.contains(kind) {
            return true;
        }
        let pause = if left.is_zero() { Duration::from_secs(1) } else { left };
        state = cluster.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
    }
}
