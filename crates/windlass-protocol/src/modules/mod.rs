//! One file per module: the type of its arguments, with its description.

pub mod common;
pub mod command;
pub mod ping;
pub mod setup;

pub use common::FileCommon;
