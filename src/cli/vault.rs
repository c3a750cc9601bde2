//! `windlass vault`: the options of `ansible-vault`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::secret_options::SecretArgs;

/// Work on files and strings that are encrypted with ansible-vault.
#[derive(Debug, Clone, Args)]
pub struct VaultArgs {
    /// Accepted for compatibility: there is nothing more to say.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true, global = true)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: VaultCommand,
}

/// What to do with a vault.
#[derive(Debug, Clone, Subcommand)]
pub enum VaultCommand {
    /// Make a new encrypted file in an editor.
    Create {
        /// The file.
        file: PathBuf,
        /// Open the editor even if there is no terminal.
        #[arg(long)]
        skip_tty_check: bool,
        /// With what to encrypt.
        #[command(flatten)]
        encrypt: EncryptArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Decrypt files in place, or standard input.
    Decrypt {
        /// The files; standard input if there is none.
        files: Vec<PathBuf>,
        /// Where to write.
        #[command(flatten)]
        output: OutputArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Change encrypted files in an editor.
    Edit {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// With what to encrypt.
        #[command(flatten)]
        encrypt: EncryptArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Print what encrypted files hold.
    View {
        /// The files; standard input if there is none.
        files: Vec<PathBuf>,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Encrypt files in place, or standard input.
    Encrypt {
        /// The files; standard input if there is none.
        files: Vec<PathBuf>,
        /// Where to write.
        #[command(flatten)]
        output: OutputArgs,
        /// With what to encrypt.
        #[command(flatten)]
        encrypt: EncryptArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Encrypt strings for use inside a file of variables.
    #[command(name = "encrypt_string", alias = "encrypt-string")]
    EncryptString {
        /// The strings; `-` stands for standard input, which is read if there is none.
        ///
        /// What is written here can be seen in the list of processes and in the shell's history: better use standard
        /// input or --prompt.
        strings: Vec<String>,
        /// Ask for the string.
        #[arg(short, long)]
        prompt: bool,
        /// Show what is typed at the prompt.
        #[arg(long)]
        show_input: bool,
        /// The name of the variable; once per string.
        #[arg(short, long = "name", value_name = "NAME")]
        names: Vec<String>,
        /// The name of the variable for what is read from standard input.
        #[arg(long, value_name = "NAME")]
        stdin_name: Option<String>,
        /// Where to write.
        #[command(flatten)]
        output: OutputArgs,
        /// With what to encrypt.
        #[command(flatten)]
        encrypt: EncryptArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Encrypt files with another password.
    Rekey {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A file that holds the new password, or an executable one that prints it.
        #[arg(long, value_name = "FILE", conflicts_with = "new_vault_id")]
        new_vault_password_file: Option<PathBuf>,
        /// The new vault identity, as `label@source`.
        #[arg(long, value_name = "ID")]
        new_vault_id: Option<String>,
        /// With what to encrypt.
        #[command(flatten)]
        encrypt: EncryptArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
}

/// With what to encrypt.
#[derive(Debug, Clone, Default, Args)]
pub struct EncryptArgs {
    /// The label of the vault identity to encrypt with; needed if there are several.
    #[arg(long, value_name = "LABEL")]
    pub encrypt_vault_id: Option<String>,
}

/// Where to write.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// Write there instead; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
