//! One file per module: the type of its arguments, with its description.

pub mod apt;
pub mod authorized_key;
pub mod command;
pub mod common;
pub mod cron;
pub mod blockinfile;
pub mod copy;
pub mod django_manage;
pub mod fetch;
pub mod file;
pub mod git;
pub mod hostname;
pub mod htpasswd;
pub mod lineinfile;
pub mod ping;
pub mod pip;
pub mod replace;
pub mod setup;
pub mod systemd;
pub mod ufw;
pub mod user;
pub mod wait_for;
pub mod slurp;
pub mod stat;
pub mod tempfile;

pub use common::FileCommon;
