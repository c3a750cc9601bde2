//! Boots throwaway Debian hosts with `systemd-nspawn`: systemd as PID 1, a real OpenSSH server, an address of
//! their own. The integration tests, the demonstration and the benches deploy to them.
//!
//! ```no_run
//! use windlass_test_hosts::{Host, Sudo, Suite};
//!
//! let host = Host::builder().suite(Suite::Trixie).python(false).user("ops", Sudo::Password("pw".into())).boot()?;
//! assert_eq!(host.exec(&["hostname"])?.stdout.trim(), host.name());
//! # Ok::<(), windlass_test_hosts::Error>(())
//! ```
//!
//! A host lives as long as its [`Host`] value. Every host has a lease file that names the process that owns it,
//! and every boot first reaps the hosts whose owner is gone, so that a killed test leaves nothing for long.
//! Only what this crate made is ever touched: its own bridge, its own cgroups, its own folders.

mod base;
mod cgroup;
mod command;
mod error;
mod host;
mod http;
mod latency;
mod lease;
mod machine;
mod network;
mod reservation;
mod ssh;
mod tree;
mod watchdog;

pub use base::{Base, Suite};
pub use cgroup::{cores_can_be_limited, memory_can_be_limited};
pub use command::Output;
pub use error::Error;
pub use host::{Builder, Host, Sudo};
pub use http::{Client, Response};
pub use latency::LatencyProxy;
pub use lease::{Lease, gc, leases, release};
pub use machine::{Unavailable, available, clean_cache};
pub use network::{ExternalAddress, network_gateway, network_prefix};
pub use reservation::Reservation;
pub use ssh::ssh_client;
pub use tree::{Entry, Kind, Tree};

/// Whether hosts can be booted here. Where they cannot, the reason is printed, loudly, past the capture of the
/// test runner; and when `CI` or `WINDLASS_REQUIRE_HOSTS=1` is set, that is a panic, and so a failed test.
///
/// A test begins with `if !require_hosts() { return }`. From then on it also has a time limit: ten minutes, or
/// `WINDLASS_TEST_LIMIT` in seconds.
///
/// # Panics
/// When hosts are required and cannot be had.
pub fn require_hosts() -> bool {
    use std::io::Write;
    let Err(error) = available() else {
        watchdog::watch_this_test();
        return true;
    };
    let set = |name: &str| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0" && v != "false");
    assert!(
        !(set("CI") || set("WINDLASS_REQUIRE_HOSTS")),
        "this test needs throwaway hosts, and they are required here: {error}"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(
        std::io::stderr(),
        "\n{line}\n!! NOT RUN: {test}\n!! {error}\n!! (set WINDLASS_REQUIRE_HOSTS=1 to make this a failure)\n{line}",
        line = "!".repeat(78)
    );
    false
}
