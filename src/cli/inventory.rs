//! `windlass inventory`: the options of `ansible-inventory`.

use std::path::PathBuf;

use clap::Args;

use super::secret_options::SecretArgs;

/// Show the inventory.
#[derive(Debug, Clone, Args)]
pub struct InventoryArgs {
    /// An inventory: a file, a folder, a script, or a list of hosts that ends in a comma.
    #[arg(short, long, visible_alias = "inventory-file", value_name = "SOURCE")]
    pub inventory: Vec<String>,

    /// Only these hosts.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,

    /// The group to begin the graph with.
    pub group: Option<String>,

    /// Print all hosts and groups, as an inventory script would.
    #[arg(long)]
    pub list: bool,

    /// Print the variables of one host.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// Draw the tree of groups.
    #[arg(long)]
    pub graph: bool,

    /// Write YAML instead of JSON.
    #[arg(short, long, conflicts_with = "toml")]
    pub yaml: bool,

    /// Write TOML instead of JSON.
    #[arg(long)]
    pub toml: bool,

    /// Show variables in the graph.
    #[arg(long)]
    pub vars: bool,

    /// With --list: keep the variables of groups with their groups, as for another inventory.
    #[arg(long)]
    pub export: bool,

    /// With --list: write to this file.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The folder of the playbook, whose group_vars and host_vars count as well.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,

    /// Set variables, as `key=value`, YAML or JSON, or from a file with `@file`.
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,

    /// Show values that were encrypted; without this they are masked.
    #[arg(long)]
    pub show_secrets: bool,

    /// Accepted for compatibility: there is nothing more to say.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    pub verbose: u8,

    /// Passwords and identities.
    #[command(flatten)]
    pub secrets: SecretArgs,
}
