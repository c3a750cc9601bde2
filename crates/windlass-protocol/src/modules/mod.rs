//! One file per module: the type of its arguments, with its description.

pub mod command;
pub mod common;
pub mod ping;
pub mod setup;

pub use common::FileCommon;
