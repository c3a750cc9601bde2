//! The role `nyxmon_deploy` on booted hosts, beyond what the demonstration shows.
#![allow(clippy::unwrap_used, missing_docs)]

mod deploy;
mod refusals;
mod settings;
mod sources;
