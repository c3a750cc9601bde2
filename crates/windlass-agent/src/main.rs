//! The agent: reads requests from standard input and answers on standard output.
//!
//! Without arguments it serves. `--job` takes one request and executes it apart from who started it. `--probe` only shows that it can be executed here.

#![allow(clippy::print_stdout)] // the two options below answer people and scripts

use std::process::ExitCode;

fn main() -> ExitCode {
    windlass_agent::keep_memory_private();
    match std::env::args().nth(1).as_deref() {
        None => ended(windlass_agent::server::serve_stdio()),
        Some(windlass_agent::server::job::OPTION) => ended(windlass_agent::server::job::serve()),
        Some("--probe") => ExitCode::SUCCESS,
        Some("--version") => {
            println!("windlass-agent {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("windlass-agent: unknown argument '{other}'; it is started by windlass, not by hand");
            ExitCode::from(64)
        }
    }
}

fn ended(result: Result<(), windlass_agent::server::ServeError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("windlass-agent: {error}");
            ExitCode::from(70)
        }
    }
}
