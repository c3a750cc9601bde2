//! Windlass beside ansible-core's own integration targets (see README.md here): which of its names are known, and a sample of
//! the targets.

#![allow(clippy::unwrap_used)]

mod names;
mod sample;
