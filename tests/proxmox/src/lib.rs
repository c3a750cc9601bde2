//! A server that speaks the Proxmox VE API over TLS, in a thread of the test that starts it. What clients see of a
//! cluster is here: tickets and tokens with their permissions, nodes, storages, templates, containers and virtual
//! machines with their life cycle, tasks that go on by themselves, locks, and errors in the words of the original.
//!
//! ```no_run
//! use windlass_test_proxmox::{Hosts, Server};
//!
//! let server = Server::builder().backing(Hosts::new()).start()?;
//! println!("{} trusts {}", server.url(), server.ca_path().display());
//! # Ok::<(), windlass_test_proxmox::Error>(())
//! ```
//!
//! What is behind the containers is a [`Backing`]: [`Imagined`] remembers that one runs, [`Hosts`] boots a throwaway
//! host with its address, name, key and limits.
//!
//! Where paths, fields and messages come from: the API viewer (<https://pve.proxmox.com/pve-docs/api-viewer/>), the
//! pages `pct(1)`, `qm(1)`, `pveum(1)` and "Proxmox VE API" of <https://pve.proxmox.com/wiki/>, and what the published
//! packages pve-http-server, pve-access-control and pve-container answer with. Nothing of theirs was taken over but the
//! texts that clients match.

mod api;
mod auth;
mod backing;
mod builder;
mod cluster;
mod config;
mod error;
mod guest;
mod hosts;
mod reply;
mod request;
mod schema;
mod server;
mod task;
mod tls;
mod volume;

pub use backing::{Backing, Description, Imagined};
pub use builder::{Builder, Guest};
pub use error::Error;
pub use guest::{GuestView, Kind};
pub use hosts::Hosts;
pub use request::Request;
pub use server::Server;
pub use task::TaskView;
