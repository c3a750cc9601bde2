//! The machine itself.
//!
//! [`Real`] is made for a request: it knows the task's environment and when to give up. Looking is in `observe`,
//! replacing files in `write`, attributes in `attrs`, trees in `tree`, programs in `process`.

mod accounts;
mod attrs;
mod mutate;
mod net;
mod observe;
mod process;
mod tree;
mod write;

use crate::control::Control;
use std::sync::Arc;

pub use accounts::Accounts;

/// The machine, as one request sees it.
#[derive(Debug, Default)]
pub struct Real {
    /// Added to the environment of programs.
    environment: Vec<(String, String)>,
    control: Arc<Control>,
    accounts: Arc<Accounts>,
}

impl Real {
    /// The machine, with no added environment and nobody who ends the request.
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
    /// Programs, waits and writes end when this says so.
    #[must_use]
    pub fn with_control(mut self, control: Arc<Control>) -> Self {
        self.control = control;
        self
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
