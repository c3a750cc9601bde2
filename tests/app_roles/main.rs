//! The roles of the app stack: what they say of their variables, how they write environments, and what they do on booted hosts.
#![allow(clippy::unwrap_used, missing_docs)]

mod app_setup;
mod base_os;
mod documented;
mod environment;
mod pote;
mod run;
mod smoke_check;
