//! `windlass secret`: files encrypted with age.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::secret_options::SecretArgs;

/// Work on files that are encrypted with age.
#[derive(Debug, Clone, Args)]
pub struct SecretCommandArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SecretCommand,
}

/// What to do with a secret.
#[derive(Debug, Clone, Subcommand)]
pub enum SecretCommand {
    /// Make an identity of your own and print its recipient.
    Init {
        /// Where to write it (default: windlass/age.txt below the configuration folder).
        #[arg(long, value_name = "FILE")]
        path: Option<PathBuf>,
    },
    /// Encrypt files in place.
    Encrypt {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Write there instead; `-` is standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// For whom to encrypt.
        #[command(flatten)]
        recipients: RecipientArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Decrypt files in place.
    Decrypt {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Write there instead; `-` is standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Change an encrypted file in an editor; a new one is made if there is none.
    Edit {
        /// The file.
        file: PathBuf,
        /// For whom to encrypt.
        #[command(flatten)]
        recipients: RecipientArgs,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
    /// Print what encrypted files hold.
    View {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Passwords and identities.
        #[command(flatten)]
        secrets: SecretArgs,
    },
}

/// For whom to encrypt. Without any of these: for those in the nearest `age-recipients.txt` beside or above the file, or
/// else for yourself.
#[derive(Debug, Clone, Default, Args)]
pub struct RecipientArgs {
    /// A recipient: `age1...` or an SSH public key.
    #[arg(long = "recipient", short = 'r', value_name = "KEY")]
    pub recipients: Vec<String>,
    /// A file of recipients, one a line.
    #[arg(long = "recipients-file", short = 'R', value_name = "FILE")]
    pub recipients_files: Vec<PathBuf>,
    /// Encrypt with a passphrase, which is asked for.
    #[arg(long, short, conflicts_with_all = ["recipients", "recipients_files"])]
    pub passphrase: bool,
}
