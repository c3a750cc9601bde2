//! The modules, one file each.

pub mod command;
pub mod django_manage;
pub mod git;
pub mod htpasswd;
pub mod ping;
pub mod pip;
pub mod setup;
