//! One file per module: the type of its arguments, with its description.

pub mod apt;
pub mod assemble;
pub mod async_status;
pub mod authorized_key;
pub mod blockinfile;
pub mod command;
pub mod common;
pub mod copy;
pub mod cron;
pub mod django_manage;
pub mod fetch;
pub mod file;
pub mod find;
pub mod get_url;
pub mod git;
pub mod hostname;
pub mod htpasswd;
pub mod known_hosts;
pub mod lineinfile;
pub mod ping;
pub mod pip;
pub mod replace;
pub mod setup;
pub mod slurp;
pub mod stat;
pub mod synchronize;
pub mod sysctl;
pub mod systemd;
pub mod tempfile;
pub mod ufw;
pub mod unarchive;
pub mod uri;
pub mod user;
pub mod wait_for;

pub use common::FileCommon;
