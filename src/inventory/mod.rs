//! Inventories: hosts, groups and their variables.
//!
//! [`Inventory::load`] reads sources of any kind (INI, YAML, TOML, scripts, plugins, folders of them, `a,b,` lists);
//! [`Inventory::match_pattern`] finds hosts; [`Inventory::host_vars_layers`] gives a host's variables in the order of
//! their precedence, with the files in `group_vars` and `host_vars` read when a host first needs them.

mod address;
mod constructed;
mod error;
mod generator;
mod ini;
mod literal;
mod model;
mod pattern;
#[cfg(test)]
mod pattern_model;
mod plugin;
mod proxmox;
mod rules;
mod script;
mod sources;
#[cfg(test)]
mod tests;
mod toml_source;
mod vars;
mod yaml_source;

pub use error::{InventoryError, ModelError, PatternError};
pub(crate) use literal::parse as python_literal;
pub use model::{Group, Host, Inventory};
pub(crate) use pattern::is_like;
pub use pattern::split_patterns;
pub use rules::{GroupNames, Mismatch, Rules};
pub(crate) use sources::NOTHING_PARSED;
pub use vars::LayerKind;

/// The name of a host in the inventory.
pub type HostName = String;

/// The names that mean this machine even if no inventory names them.
pub const LOCALHOST: [&str; 3] = ["127.0.0.1", "localhost", "::1"];
