//! `synchronize`: the controller's half of a tree sync, against a small trait that the engine fills in.
//!
//! [`run`] takes the module's checked arguments. For a push it describes the local tree, asks the agent which contents it needs, and
//! sends just those; for a pull it is the other way round, and the agent's own code brings the local tree into its state. Relative
//! paths are resolved by the caller.

mod options;
mod received;
mod remote;
mod task;
mod transfer;

pub use options::{OptionError, sync_options};
pub(super) use task::task;

pub use remote::{Remote, Reply, Upload, UploadSource};
pub use transfer::{How, SyncError, run};

#[cfg(test)]
mod tests;
