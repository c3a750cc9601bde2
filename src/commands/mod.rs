//! One file for each subcommand: from options to work.

pub mod adhoc;
pub mod callbacks;
pub mod config;
pub mod console;
pub mod doc;
mod editor;
pub mod extra_vars;
pub mod inventory;
mod plain_yaml;
pub mod playbook;
pub mod prompt;
pub mod secret;
mod secret_files;
pub mod setup;
pub mod vault;

pub use console::Console;
