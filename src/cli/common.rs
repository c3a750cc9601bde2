//! Options that several commands share.

use clap::{ArgAction, Args};
use std::path::PathBuf;

/// Where hosts come from.
#[derive(Debug, Clone, Default, Args)]
pub struct InventoryArgs {
    /// Inventory file, folder, script, or hosts with commas; may be given several times.
    #[arg(short = 'i', long = "inventory", alias = "inventory-file", value_name = "SOURCE")]
    pub inventory: Vec<String>,
    /// Only these hosts of the chosen ones (a pattern, or @FILE).
    #[arg(short = 'l', long = "limit", value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Forget facts that were cached.
    #[arg(long)]
    pub flush_cache: bool,
}

/// How hosts are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct ConnectionArgs {
    /// Login name.
    #[arg(short = 'u', long = "user", value_name = "USER")]
    pub user: Option<String>,
    /// Ask for the login password.
    #[arg(short = 'k', long = "ask-pass")]
    pub ask_pass: bool,
    /// File with the login password.
    #[arg(
        long = "connection-password-file",
        visible_alias = "conn-pass-file",
        value_name = "FILE",
        conflicts_with = "ask_pass"
    )]
    pub connection_password_file: Option<PathBuf>,
    /// Private key.
    #[arg(long = "private-key", visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Kind of connection: ssh, local, system_ssh.
    #[arg(short = 'c', long = "connection", value_name = "KIND")]
    pub connection: Option<String>,
    /// Seconds for a connection to be made.
    #[arg(short = 'T', long = "timeout", value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Options for ssh (those that the built-in client knows).
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// Further options for ssh.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Accepted for compatibility: nothing here uses sftp.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub sftp_extra_args: Option<String>,
    /// Accepted for compatibility: nothing here uses scp.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub scp_extra_args: Option<String>,
}

/// Becoming another user.
#[derive(Debug, Clone, Default, Args)]
pub struct BecomeArgs {
    /// Become another user.
    #[arg(short = 'b', long = "become")]
    pub become_: bool,
    /// How: sudo, su, doas.
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// Which user.
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// Ask for the password that becoming needs.
    #[arg(short = 'K', long = "ask-become-pass")]
    pub ask_become_pass: bool,
    /// File with that password.
    #[arg(
        long = "become-password-file",
        visible_alias = "become-pass-file",
        value_name = "FILE",
        conflicts_with = "ask_become_pass"
    )]
    pub become_password_file: Option<PathBuf>,
}

/// How the run goes.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Variables: k=v, JSON, YAML, or @FILE.
    #[arg(short = 'e', long = "extra-vars", value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// How many hosts work at once.
    #[arg(short = 'f', long = "forks", value_name = "N", allow_negative_numbers = true)]
    pub forks: Option<usize>,
    /// Change nothing, say what would change.
    #[arg(short = 'C', long = "check")]
    pub check: bool,
    /// Show differences.
    #[arg(short = 'D', long = "diff")]
    pub diff: bool,
    /// More output; may be repeated.
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count)]
    pub verbose: u8,
    /// Accepted for compatibility: modules are built in.
    #[arg(short = 'M', long = "module-path", value_name = "PATH", hide = true)]
    pub module_path: Vec<String>,
}
