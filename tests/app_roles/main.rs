//! The role `smoke_check` on a booted host.
#![allow(clippy::unwrap_used, missing_docs)]

mod run;
mod smoke_check;
