//! The modules, one file each.

pub mod command;
pub mod ping;
pub mod setup;
pub mod django_manage;
pub mod git;
pub mod htpasswd;
pub mod pip;
