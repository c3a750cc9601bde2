//! Addresses that are kept free for hosts which are made later, so that tests that run at once do not clash.

use crate::{Error, lease, machine, network};
use std::net::Ipv4Addr;

/// An address of the test network that no other host gets while this value lives.
#[derive(Debug)]
pub struct Reservation {
    id: String,
    address: Ipv4Addr,
}

impl Reservation {
    /// Takes the next free address.
    pub fn take() -> Result<Self, Error> {
        machine::available()?;
        lease::gc()?;
        let run = machine::cache_dir()?.join("run");
        let lock = lease::lock()?;
        network::up(&lock)?;
        let index = lease::next_index(&lock)?;
        let (id, owner) = (lease::id(index), std::process::id());
        let address = network::address(index);
        lease::write(&lease::Lease {
            name: "(reserved)".to_owned(),
            address,
            dir: run.join(&id),
            supervisor: 0,
            owner,
            owner_started: lease::started(owner).unwrap_or(0),
            id: id.clone(),
            reserved: true,
            vacant: true,
        })?;
        Ok(Self { id, address })
    }

    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The address with the length of the network's prefix.
    pub fn cidr(&self) -> String {
        format!("{}/{}", self.address, network::network_prefix())
    }

    /// The gateway that a host with this address has.
    pub fn gateway(&self) -> Ipv4Addr {
        network::gateway()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Drop has nobody to report to; what is left is reaped when this process is gone.
        let _ = lease::unreserve(&self.id);
    }
}
