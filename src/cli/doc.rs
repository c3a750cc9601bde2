//! `windlass doc`.

use clap::{Args, ValueEnum};

/// Shows what modules do and which arguments they take.
#[derive(Debug, Clone, Args)]
pub struct DocArgs {
    /// Modules, by short or full name.
    #[arg(value_name = "MODULE")]
    pub names: Vec<String>,
    /// Name all modules, or all of another type.
    #[arg(short = 'l', long)]
    pub list: bool,
    /// Show a task to copy.
    #[arg(short = 's', long)]
    pub snippet: bool,
    /// Kind of thing: module; filter, test, lookup and keyword have names only.
    #[arg(short = 't', long = "type", default_value = "module", value_name = "TYPE")]
    pub kind: String,
    /// In which form.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Accepted for compatibility: there is nothing more to say.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    pub verbose: u8,
    /// JSON, as ansible-doc prints it.
    #[arg(short = 'j', long)]
    pub json: bool,
}

/// Forms of documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a book.
    Markdown,
}
