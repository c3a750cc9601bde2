//! The roles `smoke_check` and `pote` on booted hosts.
#![allow(clippy::unwrap_used, missing_docs)]

mod pote;
mod run;
mod smoke_check;
