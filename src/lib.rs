//! The controller of windlass: everything that knows what a playbook is.

pub mod cli;
pub mod commands;
pub mod inventory;
pub mod secrets;
pub mod template;
pub mod transport;
pub mod vars;
