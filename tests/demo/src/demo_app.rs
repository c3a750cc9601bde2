//! `make demo-app`.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let program = std::env::args_os().nth(1).unwrap_or_else(|| "target/release/windlass".into());
    match windlass_demo::app::run(program.as_ref(), &mut |line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo-app: {error}");
            ExitCode::FAILURE
        }
    }
}
