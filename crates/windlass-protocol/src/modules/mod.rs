//! One file per module: the type of its arguments, with its description.

pub mod apt;
pub mod command;
pub mod common;
pub mod django_manage;
pub mod git;
pub mod htpasswd;
pub mod ping;
pub mod pip;
pub mod setup;
pub mod systemd;
pub mod user;

pub use common::FileCommon;
