//! `windlass adhoc`.

use super::common::{BecomeArgs, ConnectionArgs, InventoryArgs, RunArgs};
use super::secret_options::SecretArgs;
use clap::Args;
use std::path::PathBuf;

/// Runs one task on hosts.
#[derive(Debug, Clone, Default, Args)]
pub struct AdhocArgs {
    /// Which hosts.
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// The module; without this option, `command`.
    #[arg(short = 'm', long = "module-name", value_name = "MODULE")]
    pub module: Option<String>,
    /// Its arguments: k=v, JSON, YAML in braces, or for `command` and the like the command.
    #[arg(short = 'a', long = "args", value_name = "ARGS", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// Seconds after which a task in the background is given up.
    #[arg(short = 'B', long = "background", default_value_t = 0, value_name = "SECONDS")]
    pub background: u32,
    /// Seconds between looks at a task in the background.
    #[arg(short = 'P', long = "poll", value_name = "SECONDS")]
    pub poll: Option<u32>,
    /// One line for each host.
    #[arg(short = 'o', long = "one-line")]
    pub one_line: bool,
    /// Write each host's result into a file of this folder.
    #[arg(short = 't', long = "tree", value_name = "FOLDER")]
    pub tree: Option<PathBuf>,
    /// Say which hosts there are, and stop.
    #[arg(long)]
    pub list_hosts: bool,
    /// Folder of `group_vars` and `host_vars`, in the place of the current one.
    #[arg(long, value_name = "FOLDER")]
    pub playbook_dir: Option<PathBuf>,
    /// Seconds that the task may take.
    #[arg(long, value_name = "SECONDS")]
    pub task_timeout: Option<u64>,
    /// Hosts.
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Connections.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Become.
    #[command(flatten)]
    pub become_: BecomeArgs,
    /// Secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}
