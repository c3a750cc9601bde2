//! The machine itself.
//!
//! [`Real`] is made for a request: it knows the task's environment and when to give up. Looking is in `observe`,
//! replacing files in `write`, attributes in `attrs`, trees in `tree`, programs in `process`.

mod accounts;
mod attrs;
pub mod mark;
mod mutate;
mod net;
mod observe;
mod process;
pub(crate) mod read;
mod tree;
mod write;

use crate::system::http::{HttpError, HttpResponse, program::Program};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use accounts::Accounts;

/// Tells a running request to end. Cloned handles are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the request: what it runs is killed.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How requests over HTTP are made.
#[derive(Debug, Clone)]
enum Web {
    /// By a program of its own.
    Program(Program),
    /// In this process.
    Here(Fetch),
}

/// What makes requests over HTTP; the second argument tells whether the answer is no longer wanted.
pub type Fetch = fn(&windlass_protocol::HttpRequest, &dyn Fn() -> bool) -> Result<HttpResponse, HttpError>;

impl Default for Web {
    fn default() -> Self {
        Self::Program(Program::default())
    }
}

/// The machine, as one request sees it.
#[derive(Debug, Default)]
pub struct Real {
    /// Added to the environment of programs.
    environment: Vec<(String, String)>,
    deadline: Option<Instant>,
    stop: Stop,
    accounts: Arc<Accounts>,
    web: Web,
    mark: Option<Arc<mark::Mark>>,
}

impl Real {
    /// The machine, with no added environment and all the time of the world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Programs get these variables too.
    #[must_use]
    pub fn with_environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }
    /// Programs are killed after this time, counted from now.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.deadline = Instant::now().checked_add(timeout);
        self
    }
    /// Programs are killed when this switch is turned.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
    /// Requests over HTTP are made by this program.
    #[must_use]
    pub fn with_web_program(mut self, program: Program) -> Self {
        self.web = Web::Program(program);
        self
    }
    /// Requests over HTTP are made in this process, mostly by [`crate::system::http::client::fetch`].
    #[must_use]
    pub fn with_web(mut self, fetch: Fetch) -> Self {
        self.web = Web::Here(fetch);
        self
    }
    /// Temporary names beside destinations are noted there.
    #[must_use]
    pub fn with_mark(mut self, mark: Option<Arc<mark::Mark>>) -> Self {
        self.mark = mark;
        self
    }
    /// Whether the request was given up, or its time is over.
    fn is_given_up(&self) -> bool {
        self.stop.is_stopped() || self.deadline.is_some_and(|end| Instant::now() >= end)
    }
    /// Shares what is known of users and groups with other requests.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Arc<Accounts>) -> Self {
        self.accounts = accounts;
        self
    }
}

#[cfg(test)]
mod tests;
