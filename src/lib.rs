//! The controller of windlass: everything that knows what a playbook is.

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
