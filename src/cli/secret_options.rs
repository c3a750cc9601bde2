//! Options about passwords and keys, shared by many commands.

use std::path::PathBuf;

use clap::Args;

use crate::secrets::SecretOptions;

/// Where the passwords for ansible-vault and the identities for age come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Secrets")]
pub struct SecretArgs {
    /// A vault identity as `label@source`; the source is a file, a script, or `prompt`.
    #[arg(long = "vault-id", value_name = "ID")]
    pub vault_ids: Vec<String>,

    /// Ask for the vault password.
    #[arg(short = 'J', long = "ask-vault-password", visible_alias = "ask-vault-pass")]
    pub ask_vault_password: bool,

    /// A file that holds the vault password, or an executable one that prints it.
    #[arg(long = "vault-password-file", visible_alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_files: Vec<PathBuf>,

    /// A file with an age identity or an SSH key, to open files that are encrypted with age.
    #[arg(long = "age-identity", value_name = "FILE")]
    pub age_identities: Vec<PathBuf>,
}

impl SecretArgs {
    /// The settings, completed from the environment.
    pub fn options(&self) -> SecretOptions {
        SecretOptions {
            vault_ids: self.vault_ids.clone(),
            password_files: self.vault_password_files.clone(),
            ask: self.ask_vault_password,
            age_identities: self.age_identities.clone(),
            ..SecretOptions::default()
        }
        .with_environment()
    }
}
