//! Hosts at addresses that were reserved, which are stopped and started again.
#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use windlass_test_hosts::{
    Error, Host, Reservation, Suite, leases, memory_can_be_limited, require_hosts, ssh_client,
};

fn answers(host: &Host) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((host.ip(), 22)), Duration::from_secs(1)).is_ok()
}

#[test]
fn a_reserved_address_is_a_hosts_and_stays_reserved() {
    if !require_hosts() {
        return;
    }
    let reservation = Reservation::take().unwrap();
    let other = Reservation::take().unwrap();
    assert_ne!(reservation.address(), other.address());
    assert_eq!(reservation.cidr(), format!("{}/16", reservation.address()));

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let describe = || {
        Host::builder()
            .suite(Suite::Trixie)
            .name("guest")
            .address(reservation.address())
            .authorized_keys(&public)
            .memory(300)
            .cores(1)
    };
    let mut host = describe().prepare().unwrap();
    assert!(!answers(&host), "it is not to be booted yet");
    host.start().unwrap();
    assert_eq!(host.ip(), reservation.address());
    assert!(matches!(describe().prepare(), Err(Error::AddressTaken(a)) if a == host.ip()));
    // A machine without the controller boots hosts without limits.
    if !memory_can_be_limited() {
        eprintln!("!! NOT RUN: limits of memory: this machine has no memory controller");
    }
    let limit = |mib: u64| memory_can_be_limited().then_some(mib << 20);
    assert_eq!(host.memory_limit(), limit(300));

    // The given key opens it, and the harness's own does not.
    let login = |key: &std::path::Path| {
        let mut ssh = ssh_client(key, &host.known_hosts_path());
        ssh.arg(format!("root@{}", host.ip())).arg("hostname").stdin(Stdio::null()).output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&login(&key).stdout).trim(), "guest");
    assert!(!login(&host.ssh_key_path()).status.success());

    // Files outlive a shutdown and a power failure.
    host.write("/root/kept", "1").unwrap();
    host.stop().unwrap();
    assert!(!answers(&host) && host.exec(&["true"]).is_err());
    host.start().unwrap();
    assert_eq!(host.read_text("/root/kept").unwrap(), "1");
    host.write("/root/kept", "2").unwrap();
    host.kill().unwrap();
    host.limit(Some(400), None);
    host.start().unwrap();
    assert_eq!(host.read_text("/root/kept").unwrap(), "2");
    assert_eq!(host.memory_limit(), limit(400));

    // A host that is gone leaves the reservation, and a reservation that is gone leaves the host.
    let vacant = |address| leases().unwrap().into_iter().find(|l| l.address == address).map(|l| l.vacant);
    drop(host);
    assert_eq!(vacant(reservation.address()), Some(true));
    let address = other.address();
    let host = Host::builder().suite(Suite::Trixie).address(address).ssh(false).boot().unwrap();
    assert!(!answers(&host), "this one is never to open SSH");
    drop(other);
    assert_eq!(vacant(address), Some(false));
    drop(host);
    assert_eq!(vacant(address), None);
    let address = reservation.address();
    drop(reservation);
    assert_eq!(vacant(address), None);
}

#[test]
fn an_address_must_be_one_of_the_network() {
    if !require_hosts() {
        return;
    }
    let refused = Host::builder().suite(Suite::Trixie).address("192.0.2.7".parse().unwrap()).prepare();
    assert!(matches!(refused, Err(Error::NotOurs(address, _)) if address.to_string() == "192.0.2.7"));
}
