//! `windlass playbook`.

use super::common::{BecomeArgs, ConnectionArgs, InventoryArgs, RunArgs};
use super::secret_options::SecretArgs;
use clap::Args;
use std::path::PathBuf;

/// Runs playbooks.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaybookArgs {
    /// Playbooks, run one after the other.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Only tasks with these tags.
    #[arg(short = 't', long = "tags", value_name = "TAGS")]
    pub tags: Vec<String>,
    /// Not the tasks with these tags.
    #[arg(long = "skip-tags", value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// Say which hosts the plays have, and stop.
    #[arg(long)]
    pub list_hosts: bool,
    /// Say which tasks would run, and stop.
    #[arg(long)]
    pub list_tasks: bool,
    /// Say which tags there are, and stop.
    #[arg(long)]
    pub list_tags: bool,
    /// Read everything, say what is wrong, and stop.
    #[arg(long)]
    pub syntax_check: bool,
    /// Begin at the task of that name.
    #[arg(long = "start-at-task", value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Ask before each task.
    #[arg(long)]
    pub step: bool,
    /// Run notified handlers on hosts that failed.
    #[arg(long)]
    pub force_handlers: bool,
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
