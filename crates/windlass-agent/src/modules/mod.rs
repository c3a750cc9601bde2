//! The modules, one file each.

pub mod apt;
pub mod authorized_key;
pub mod blockinfile;
pub mod command;
pub mod copy;
pub mod cron;
pub mod django_manage;
pub mod fetch;
pub mod file;
pub mod getent;
pub mod git;
pub mod group;
pub mod hostname;
pub mod htpasswd;
pub mod lineinfile;
pub mod ping;
pub mod pip;
pub mod replace;
mod rewrite;
pub mod setup;
pub mod slurp;
pub mod stat;
pub mod systemd;
pub mod tempfile;
pub mod ufw;
pub mod user;
pub mod wait_for;
