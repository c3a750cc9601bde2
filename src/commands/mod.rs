//! One file for each subcommand: from options to work.

pub mod console;
mod editor;
pub mod inventory;
mod plain_yaml;
pub mod secret;
pub mod vault;

pub use console::Console;
pub mod doc;
pub mod extra_vars;
pub mod playbook;
pub mod prompt;
pub mod setup;
