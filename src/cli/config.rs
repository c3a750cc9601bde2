//! `windlass config`: the commands of `ansible-config`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Show the configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigAction {
    /// List all settings: their types, defaults and places, and whether they are honoured here.
    List(ListArgs),
    /// Show the values in force and where they come from.
    Dump(DumpArgs),
    /// Show the configuration file.
    View(CommonArgs),
    /// Write a configuration with all defaults.
    Init(InitArgs),
}

/// What all of them take.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// The configuration file; the one that a run would read if this is not given.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Which settings: base, or all, which is the same here.
    #[arg(short = 't', long = "type", default_value = "base", value_name = "TYPE", value_parser = ["all", "base"])]
    pub kind: String,

    /// Accepted for compatibility: there is nothing more to say.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    pub verbose: u8,
}

/// `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// What all of them take.
    #[command(flatten)]
    pub common: CommonArgs,
    /// In which form.
    #[arg(short, long, default_value = "yaml", value_enum)]
    pub format: ListFormat,
    /// Only settings that are honoured here.
    #[arg(long)]
    pub honoured: bool,
}

/// `dump`.
#[derive(Debug, Clone, Args)]
pub struct DumpArgs {
    /// What all of them take.
    #[command(flatten)]
    pub common: CommonArgs,
    /// In which form.
    #[arg(short, long, default_value = "display", value_enum)]
    pub format: DumpFormat,
    /// Only settings that have not their defaults.
    #[arg(long, visible_alias = "changed-only")]
    pub only_changed: bool,
    /// Only settings that are honoured here.
    #[arg(long)]
    pub honoured: bool,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// What all of them take.
    #[command(flatten)]
    pub common: CommonArgs,
    /// In which form.
    #[arg(short, long, default_value = "ini", value_enum)]
    pub format: InitFormat,
    /// Everything is a comment.
    #[arg(long)]
    pub disabled: bool,
    /// Only settings that are honoured here.
    #[arg(long)]
    pub honoured: bool,
}

/// Forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Forms of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DumpFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// A line for each.
    Display,
}

/// Forms of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitFormat {
    /// A configuration file.
    Ini,
    /// Environment variables.
    Env,
    /// Variables of a playbook.
    Vars,
}
