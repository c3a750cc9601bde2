//! Runs plays: strategies, the state of each host, the executor of a task, handlers, results.
//!
//! The engine takes plays and a store of variables, and emits events; it prints nothing.

mod by_template;
pub mod connect;
mod connect_vars;
mod debugger;
pub mod delegate;
pub mod exec;
mod free;
pub mod handlers;
pub mod host;
pub mod include;
mod included;
pub mod jobs;
pub mod keywords;
pub mod lanes;
pub mod linear;
pub mod loops;
pub mod meta;
pub mod outcome;
pub mod play;
mod prompts;
pub mod result;
pub mod run;
mod said;
mod settle;
mod vars_files;

pub use run::{Run, RunOptions, Summary};
