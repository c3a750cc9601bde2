//! The modules, one file each.

pub mod apt;
pub mod command;
pub mod django_manage;
pub mod git;
pub mod htpasswd;
pub mod getent;
pub mod group;
pub mod ping;
pub mod pip;
pub mod setup;
pub mod systemd;
pub mod user;
