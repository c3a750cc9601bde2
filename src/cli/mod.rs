//! The command line: types only, no logic.

pub mod adhoc;
pub mod common;
pub mod config;
pub mod doc;
pub mod inventory;
pub mod playbook;
pub mod secret;
pub mod secret_options;
pub mod vault;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Deploys over SSH what Ansible's inventories, playbooks and roles describe, without Python.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, about, max_term_width = 100, propagate_version = true)]
#[command(infer_long_args = true, args_override_self = true)]
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
    /// Run one task on hosts (the options of ansible).
    Adhoc(Box<adhoc::AdhocArgs>),
    /// Show hosts, groups and their variables (the options of ansible-inventory).
    Inventory(Box<inventory::InventoryArgs>),
    /// Encrypt and decrypt with ansible-vault's format (the commands of ansible-vault).
    Vault(Box<vault::VaultArgs>),
    /// Encrypt and decrypt with age.
    Secret(Box<secret::SecretCommandArgs>),
    /// Show the settings and which of them are honoured (the commands of ansible-config).
    Config(config::ConfigArgs),
    /// Show what modules do and which arguments they take.
    Doc(doc::DocArgs),
}

impl Cli {
    /// The options of an Ansible program's counterpart, called by that program's name.
    ///
    /// # Errors
    /// What is wrong with them, or the help that was asked for.
    pub fn of_counterpart(
        called: &str,
        args: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Option<Result<Self, clap::Error>> {
        let (called, name) = match called {
            "ansible-playbook" => ("ansible-playbook", "playbook"),
            "ansible-config" => ("ansible-config", "config"),
            "ansible" => ("ansible", "adhoc"),
            "ansible-doc" => ("ansible-doc", "doc"),
            "ansible-inventory" => ("ansible-inventory", "inventory"),
            "ansible-vault" => ("ansible-vault", "vault"),
            _ => return None,
        };
        let own = Self::command();
        let command = own.find_subcommand(name)?.clone();
        let command = command.name(called).bin_name(called).version(env!("CARGO_PKG_VERSION"));
        let command = command.infer_long_args(true).args_override_self(true).max_term_width(100);
        Some(command.try_get_matches_from(args).and_then(|matches| {
            Ok(Self {
                command: match name {
                    "playbook" => Command::Playbook(Box::new(FromArgMatches::from_arg_matches(&matches)?)),
                    "config" => Command::Config(FromArgMatches::from_arg_matches(&matches)?),
                    "adhoc" => Command::Adhoc(Box::new(FromArgMatches::from_arg_matches(&matches)?)),
                    "doc" => Command::Doc(FromArgMatches::from_arg_matches(&matches)?),
                    "inventory" => Command::Inventory(Box::new(FromArgMatches::from_arg_matches(&matches)?)),
                    _ => Command::Vault(Box::new(FromArgMatches::from_arg_matches(&matches)?)),
                },
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn playbook(words: &str) -> Result<playbook::PlaybookArgs, clap::Error> {
        let args = words.split_whitespace().map(std::ffi::OsString::from);
        match Cli::of_counterpart("ansible-playbook", args).unwrap()?.command {
            Command::Playbook(args) => Ok(*args),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn the_last_of_several_values_counts() {
        let args =
            playbook("ansible-playbook -u a -u b -C -C -T 3 -T 4 -l h1 -l h2 -t x -t y site.yml").unwrap();
        assert_eq!(args.connection.user.as_deref(), Some("b"));
        assert_eq!(args.connection.timeout, Some(4));
        assert_eq!(args.inventory.limit.as_deref(), Some("h2"));
        assert!(args.run.check);
        assert_eq!(args.tags, ["x", "y"]);
    }

    #[test]
    fn options_may_be_abbreviated() {
        let args = playbook("ansible-playbook --syntax --lim h1 site.yml").unwrap();
        assert!(args.syntax_check);
        assert_eq!(args.inventory.limit.as_deref(), Some("h1"));
        // As there are three that begin with this.
        assert_eq!(playbook("ansible-playbook --list site.yml").unwrap_err().exit_code(), 2);
        assert!(Cli::try_parse_from(["windlass", "playbook", "--syntax", "--syntax", "site.yml"]).is_ok());
    }

    #[test]
    fn a_counterpart_is_called_by_its_own_name() {
        let version = playbook("ansible-playbook --version").unwrap_err();
        assert_eq!((version.exit_code(), version.kind()), (0, clap::error::ErrorKind::DisplayVersion));
        let usage = playbook("ansible-playbook").unwrap_err().to_string();
        assert!(usage.contains("Usage: ansible-playbook <PLAYBOOK>"), "{usage}");
        let verbose = ["ansible-inventory", "-v", "--list", "--list"].map(std::ffi::OsString::from);
        assert!(Cli::of_counterpart("ansible-inventory", verbose).unwrap().is_ok());
    }

    #[test]
    fn there_is_no_conflict_among_options() {
        Cli::command().debug_assert();
    }
}
