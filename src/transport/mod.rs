//! Ways to a host.

pub mod embedded;
