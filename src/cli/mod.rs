//! The command line: types only, no logic.

pub mod inventory;
pub mod secret;
pub mod secret_options;
pub mod vault;
