//! A small client for the API of Proxmox VE: it logs in, asks, writes, and waits for the server's tasks.
//!
//! [`Client::connect`] is the door. It knows nothing of playbooks; what a module wants of a guest is in
//! `actions/proxmox`, what an inventory wants of a cluster in `inventory/proxmox`.

mod client;
mod error;
pub mod property;
mod task;
mod tls;
mod upload;

pub use client::{Client, Login, Settings, path};
pub use error::{ApiError, Refusal};
pub use task::TaskEnd;
pub(crate) use task::upid;

/// Fields of a request, in order. A list is a field that is repeated.
pub type Form = Vec<(String, String)>;
