//! What a cluster is made of, and the one lock over it.

use crate::auth::{Access, Caller};
use crate::backing::Backing;
use crate::guest::Guest;
use crate::reply::Failure;
use crate::request::Request;
use crate::task::Task;
use crate::volume::Storage;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A cluster, as its handlers and its tasks share it.
pub(crate) type Shared = Arc<Cluster>;

pub(crate) struct Cluster {
    state: Mutex<State>,
    /// Woken when a hung task may go on, and when the server ends.
    pub(crate) changed: Condvar,
    pub(crate) closing: AtomicBool,
    pub(crate) backing: Box<dyn Backing>,
    pub(crate) workers: Mutex<Vec<JoinHandle<()>>>,
}

/// Everything that a request can read or change.
pub(crate) struct State {
    pub(crate) version: String,
    pub(crate) access: Access,
    pub(crate) nodes: Vec<String>,
    /// Those of the nodes that are down.
    pub(crate) offline: BTreeSet<String>,
    pub(crate) storages: IndexMap<String, Storage>,
    /// The appliances that can be downloaded.
    pub(crate) appliances: Vec<String>,
    pub(crate) guests: BTreeMap<u32, Guest>,
    pub(crate) pools: BTreeSet<String>,
    pub(crate) tasks: IndexMap<String, Task>,
    pub(crate) requests: Vec<Request>,
    pub(crate) faults: Faults,
}

/// What a test wants to go wrong, or to take its time.
#[derive(Default)]
pub(crate) struct Faults {
    /// A task's type, and the error that the next one of it ends with.
    pub(crate) tasks: Vec<(String, String)>,
    /// Method and path of the next request to refuse, and how.
    pub(crate) requests: Vec<(String, String, Failure)>,
    /// Method and path of the next request that is neither read nor answered.
    pub(crate) stalls: Vec<(String, String)>,
    /// What the next questions for a free number are answered with.
    pub(crate) proposals: std::collections::VecDeque<u32>,
    pub(crate) hung: BTreeSet<String>,
    pub(crate) delays: BTreeMap<String, Duration>,
    pub(crate) delay: Duration,
}

impl Cluster {
    pub(crate) fn new(state: State, backing: Box<dyn Backing>) -> Self {
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
            backing,
            workers: Mutex::default(),
        }
    }

    /// The state. A test that panicked while it held the lock leaves it usable.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every task end, and waits for it.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        workers.into_iter().for_each(|worker| drop(worker.join()));
    }
}

impl State {
    /// The node exists, or the refusal of a server that cannot find another one to pass a request on to.
    pub(crate) fn check_node(&self, node: &str) -> Result<(), Failure> {
        if self.nodes.iter().any(|n| n == node) {
            return Ok(());
        }
        Err(Failure::internal(format!(
            "hostname lookup '{node}' failed - failed to get address info for: {node}: Name or service not known"
        )))
    }

    /// The node that a request goes to is up, or the answer of the one that was to pass it on.
    ///
    /// Source: pve-http-server passes on the status by which AnyEvent::HTTP says that there was no connection.
    pub(crate) fn check_reached(&self, path: &str) -> Result<(), Failure> {
        let node = path.strip_prefix("/nodes/").and_then(|rest| rest.split('/').next());
        match node.filter(|node| self.offline.contains(*node)) {
            None => Ok(()),
            Some(_) => Err(Failure::new(595, "No route to host")),
        }
    }

    pub(crate) fn check_pool(&self, pool: &str) -> Result<(), Failure> {
        if self.pools.contains(pool) {
            return Ok(());
        }
        Err(Failure::internal(format!("pool '{pool}' does not exist")))
    }

    pub(crate) fn storage(&self, id: &str) -> Result<&Storage, Failure> {
        self.storages.get(id).ok_or_else(|| Failure::internal(format!("storage '{id}' does not exist")))
    }

    /// The smallest number from 100 on that no guest has.
    pub(crate) fn next_id(&self) -> u32 {
        (100..).find(|id| !self.guests.contains_key(id)).unwrap_or(u32::MAX)
    }

    /// A guest number that nobody has.
    pub(crate) fn check_unused(&self, vmid: u32) -> Result<(), Failure> {
        match self.guests.get(&vmid) {
            None => Ok(()),
            Some(guest) => Err(Failure::internal(format!(
                "{} {vmid} already exists on node '{}'",
                guest.kind.word(),
                guest.node
            ))),
        }
    }

    pub(crate) fn may(&self, caller: &Caller, vmid: u32, privilege: &str) -> bool {
        self.access.may(caller, &format!("/vms/{vmid}"), privilege)
    }
}

/// Bits that nobody foresees: the standard library's hash keys are made for that.
pub(crate) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
