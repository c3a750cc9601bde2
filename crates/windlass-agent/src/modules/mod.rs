//! The modules, one file each.

pub mod ping;
