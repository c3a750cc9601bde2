//! The test network: one bridge that all hosts of this machine share, masqueraded to the outside.

use crate::machine::Unavailable;
use crate::{Error, command, lease};
use std::net::Ipv4Addr;
use std::process::Command;

const BRIDGE: &str = "wlbr0";

/// The bridge's name.
pub(crate) fn bridge() -> &'static str {
    BRIDGE
}

/// The second number of the hosts' addresses, 10.N.0.0/16; the many-address ranges are 10.N+1.0.0/16.
fn second() -> u8 {
    std::env::var("WINDLASS_TEST_NET").ok().and_then(|v| v.parse().ok()).filter(|n| *n < 255).unwrap_or(213)
}

/// The address of host number `index`.
pub(crate) fn address(index: u16) -> Ipv4Addr {
    let [high, low] = index.to_be_bytes();
    Ipv4Addr::new(10, second(), high, low)
}

/// The number of the host that has an address of the network.
pub(crate) fn index_of(wanted: Ipv4Addr) -> Option<u16> {
    let [_, _, high, low] = wanted.octets();
    let index = u16::from_be_bytes([high, low]);
    (address(index) == wanted && index > 1 && low != 0xff).then_some(index)
}

/// How many bits of a host's address are the network's.
pub fn network_prefix() -> u8 {
    16
}

/// The hosts' gateway, which is this machine as they see it.
pub fn network_gateway() -> Ipv4Addr {
    gateway()
}

/// The bridge's own address, which is the hosts' gateway.
pub(crate) fn gateway() -> Ipv4Addr {
    address(1)
}

fn subnet() -> String {
    format!("{}/16", address(0))
}

/// The range that host number `index` may answer on besides its own address: 256 addresses.
pub(crate) fn many_range(index: u16) -> [u8; 3] {
    [10, second() + 1, (index & 0xff) as u8]
}

fn rules() -> Vec<Vec<String>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let net = subnet();
    vec![
        words(&format!("-t nat POSTROUTING -s {net} ! -o {BRIDGE} -j MASQUERADE")),
        // A machine that runs Docker drops forwarded packets by default.
        words(&format!("-t filter FORWARD -i {BRIDGE} -j ACCEPT")),
        words(&format!("-t filter FORWARD -o {BRIDGE} -j ACCEPT")),
    ]
}

/// `-C`, `-I` or `-D` with a rule of [`rules`].
fn iptables(action: &str, rule: &[String]) -> Result<bool, Error> {
    let mut command = Command::new("iptables");
    command.arg("-w").args(&rule[..2]).arg(action).args(&rule[2..]);
    Ok(command::output(&mut command)?.success())
}

/// Makes the bridge and its rules where they are lacking. Call it with the lock held.
pub(crate) fn up(_lock: &lease::Lock) -> Result<(), Error> {
    if !std::path::Path::new("/sys/class/net").join(BRIDGE).exists() {
        command::run_args("ip", &["link", "add", BRIDGE, "type", "bridge"])?;
        command::run_args("ip", &["addr", "add", &format!("{}/16", gateway()), "dev", BRIDGE])?;
        command::run_args("ip", &["link", "set", BRIDGE, "up"])?;
    }
    let forward = "/proc/sys/net/ipv4/ip_forward";
    std::fs::write(forward, "1").map_err(Error::io(forward))?;
    for rule in rules() {
        if !iptables("-C", &rule)? && !iptables("-I", &rule)? {
            return Err(Error::Unavailable(Unavailable::NoRule(rule.join(" "))));
        }
    }
    Ok(())
}

/// Removes the bridge and its rules. Call it with the lock held and no host left.
pub(crate) fn down(_lock: &lease::Lock) {
    if std::path::Path::new("/sys/class/net").join(BRIDGE).exists() {
        let _ = command::run_args("ip", &["link", "del", BRIDGE]);
        for rule in rules() {
            let _ = iptables("-D", &rule);
        }
    }
}

/// An address of this machine that hosts see as one from the internet: it is not in a private range, and comes
/// to them by their gateway. It goes away with the value.
#[derive(Debug)]
pub struct ExternalAddress(Ipv4Addr);

impl ExternalAddress {
    /// Takes an address, which should be one from the documentation ranges (198.51.100.0/24, 203.0.113.0/24).
    /// At least one host must be up.
    pub fn add(address: Ipv4Addr) -> Result<Self, Error> {
        let _lock = lease::lock()?;
        command::run_args("ip", &["addr", "replace", &format!("{address}/32"), "dev", BRIDGE])?;
        Ok(Self(address))
    }

    /// The address, to bind a client to.
    pub fn address(&self) -> Ipv4Addr {
        self.0
    }
}

impl Drop for ExternalAddress {
    fn drop(&mut self) {
        let _ = command::run_args("ip", &["addr", "del", &format!("{}/32", self.0), "dev", BRIDGE]);
    }
}
