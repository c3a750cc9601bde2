//! The modules, one file each.

pub mod apt;
pub mod authorized_key;
pub mod command;
pub mod cron;
pub mod django_manage;
pub mod getent;
pub mod git;
pub mod group;
pub mod hostname;
pub mod htpasswd;
pub mod file;
pub mod replace;
pub mod lineinfile;
pub mod blockinfile;
pub mod tempfile;
pub mod stat;
pub mod slurp;
pub mod fetch;
pub mod copy;
pub mod ping;
pub mod pip;
mod rewrite;
pub mod setup;
pub mod systemd;
pub mod ufw;
pub mod user;
pub mod wait_for;
