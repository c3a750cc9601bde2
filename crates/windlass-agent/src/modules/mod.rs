//! The modules, one file each.

pub mod apt;
pub mod authorized_key;
pub mod command;
pub mod cron;
pub mod django_manage;
pub mod getent;
pub mod blockinfile;
pub mod copy;
pub mod fetch;
pub mod file;
pub mod git;
pub mod group;
pub mod hostname;
pub mod htpasswd;
pub mod lineinfile;
pub mod ping;
pub mod pip;
mod rewrite;
pub mod setup;
pub mod systemd;
pub mod ufw;
pub mod user;
pub mod wait_for;
pub mod replace;
pub mod slurp;
pub mod stat;
pub mod tempfile;
