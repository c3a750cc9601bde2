//! One file per module: the type of its arguments, with its description.

pub mod common;
pub mod ping;

pub use common::FileCommon;
