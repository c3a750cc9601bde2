//! Makes one request over HTTP for the agent: see [`windlass_agent::system::http::program`].

use std::process::ExitCode;

fn main() -> ExitCode {
    windlass_agent::keep_memory_private();
    match windlass_agent::system::http::program::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("windlass-web: {error}");
            ExitCode::FAILURE
        }
    }
}
