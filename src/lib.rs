//! The controller of windlass: everything that knows what a playbook is.

/// The version of ansible-core that playbooks are told.
pub const ANSIBLE_VERSION: &str = "2.19.14";

pub mod actions;
pub mod cli;
pub mod commands;
pub mod config;
pub mod engine;
pub mod inventory;
pub mod playbook;
pub mod proxmox;
pub mod report;
pub mod secrets;
pub mod template;
pub mod transport;
pub mod vars;
