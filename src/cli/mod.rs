//! The command line: types only, no logic.

pub mod common;
pub mod doc;
pub mod inventory;
pub mod playbook;
pub mod secret;
pub mod secret_options;
pub mod vault;

use clap::{Parser, Subcommand};

/// Deploys over SSH what Ansible's inventories, playbooks and roles describe, without Python.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run playbooks (the options of ansible-playbook).
    Playbook(Box<playbook::PlaybookArgs>),
    /// Show hosts, groups and their variables (the options of ansible-inventory).
    Inventory(Box<inventory::InventoryArgs>),
    /// Encrypt and decrypt with ansible-vault's format (the commands of ansible-vault).
    Vault(Box<vault::VaultArgs>),
    /// Encrypt and decrypt with age.
    Secret(Box<secret::SecretCommandArgs>),
    /// Show what modules do and which arguments they take.
    Doc(doc::DocArgs),
}
