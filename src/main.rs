//! The windlass command. Called as `ansible-playbook` it is that.

use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use windlass::cli::{Cli, Command};
use windlass::commands::{self, Console};
use windlass::config::Config;
use windlass::secrets::{Redactor, Terminal};

fn main() -> ExitCode {
    windlass_agent::keep_memory_private();
    let cli = parse();
    // Templates within templates take more stack than the first thread may have.
    let work = std::thread::Builder::new().stack_size(windlass::template::STACK).spawn(move || run(cli));
    match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => ExitCode::from(complain(&format!("cannot start a thread: {error}"))),
    }
}

fn run(cli: Cli) -> ExitCode {
    ExitCode::from(match cli.command {
        Command::Playbook(args) => commands::playbook::run(&args),
        Command::Adhoc(args) => commands::adhoc::run(&args),
        Command::Inventory(args) => {
            configured(|config, console| match commands::setup::inventory(&args, config, console) {
                Ok(given) => commands::inventory::run(&args, &given, console),
                Err(problem) => {
                    console.report(&problem);
                    1
                }
            })
        }
        Command::Vault(args) => configured(|config, console| commands::vault::run(&args, config, console)),
        Command::Secret(args) => configured(|config, console| commands::secret::run(&args, config, console)),
        Command::Config(args) => with_console(|console| commands::config::run(&args, console)),
        Command::Doc(args) => match commands::doc::run(&args) {
            Ok(text) => show(&text),
            Err(error) => complain(&error.to_string()),
        },
    })
}

/// Runs a command with the configuration, if that can be read.
fn configured(run: impl FnOnce(&Config, &mut Console<'_>) -> u8) -> u8 {
    with_console(|console| {
        let config = Config::load();
        for problem in config.errors.iter().chain(&config.warnings) {
            console.report(problem);
        }
        if config.errors.is_empty() { run(&config, console) } else { 5 }
    })
}

/// The options; called by the name of an Ansible program, those of its counterpart.
fn parse() -> Cli {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = std::path::Path::new(&called).file_name().and_then(|n| n.to_str()).unwrap_or_default();
    match Cli::of_counterpart(called, std::env::args_os()) {
        Some(parsed) => parsed.unwrap_or_else(|error| error.exit()),
        None => Cli::parse(),
    }
}

/// Prints the text of a command that only tells something.
fn show(text: &str) -> u8 {
    use std::io::Write;
    // A reader that has seen enough closes the pipe.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
    0
}

fn complain(text: &str) -> u8 {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "error: {text}");
    1
}

/// Runs a command on this process's streams.
fn with_console(work: impl FnOnce(&mut Console<'_>) -> u8) -> u8 {
    let (mut input, mut out, mut err) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let color = err.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let interactive = out.is_terminal();
    work(&mut Console {
        input: &mut input,
        out: &mut out,
        err: &mut err,
        color,
        interactive,
        ask: Arc::new(Terminal),
        redactor: Redactor::new(),
    })
}
