//! Containers that are real: made over the API, booted, logged in to, stopped, and gone.
#![allow(clippy::unwrap_used)]

mod client;

use client::Client;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use windlass_test_hosts::{
    Reservation, cores_can_be_limited, leases, memory_can_be_limited, require_hosts, ssh_client,
};
use windlass_test_proxmox::{Hosts, Server};

#[test]
fn a_container_boots_with_its_address_name_and_key() {
    if !require_hosts() {
        return;
    }
    let reservation = Reservation::take().unwrap();
    let server = Server::builder().backing(Hosts::new()).start().unwrap();
    let client = Client::token(&server);
    let key = server.folder().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let run = |answer: client::Answer| {
        let upid = answer.ok();
        client.wait(&format!("/nodes/pve/tasks/{}/status", upid.as_str().unwrap()))["exitstatus"].clone()
    };
    let net = format!("name=eth0,bridge=vmbr0,ip={},gw={}", reservation.cidr(), reservation.gateway());
    let new = |vmid: &str, net: &str| {
        let fields = [
            ("vmid", vmid),
            ("ostemplate", "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"),
            ("hostname", "app-dev"),
            ("net0", net),
            ("rootfs", "local-lvm:4"),
            ("memory", "512"),
            ("cores", "1"),
            ("ssh-public-keys", public.as_str()),
        ];
        run(client.post("/nodes/pve/lxc", &fields))
    };
    let elsewhere = new("102", "name=eth0,bridge=vmbr0,ip=10.0.10.101/24,gw=10.0.10.1");
    assert!(
        elsewhere.as_str().unwrap().starts_with("net0: ip=10.0.10.101/24, gw=10.0.10.1, but test hosts are"),
        "{elsewhere}"
    );
    assert!(server.guest(102).is_none());

    assert_eq!(new("101", &net), "OK");
    let at = SocketAddr::from((reservation.address(), 22));
    let open = || TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok();
    assert!(!open(), "it is made, and does not run");
    let start = || run(client.post("/nodes/pve/lxc/101/status/start", &[]));
    assert_eq!(start(), "OK");
    // What it may use is what it was created with, and what it is changed to while it runs.
    let limits = || {
        let lease = leases().unwrap().into_iter().find(|l| l.address == reservation.address()).unwrap();
        (lease.memory_limit(), lease.core_limit())
    };
    let limited = |memory: u64, cores: f64| {
        (memory_can_be_limited().then_some(memory << 20), cores_can_be_limited().then_some(cores))
    };
    assert_eq!(limits(), limited(512, 1.0));
    client.put("/nodes/pve/lxc/101/config", &[("memory", "640"), ("cores", "2")]).ok();
    assert_eq!(limits(), limited(640, 2.0));
    let ssh = |command: &str| {
        // Nobody knows its host key yet: the first connection notes it, and the later ones hold it to that.
        let mut ssh = ssh_client(&key, &server.folder().join("known_hosts"));
        ssh.args(["-o", "StrictHostKeyChecking=accept-new"]);
        ssh.arg(format!("root@{}", reservation.address())).arg(command);
        let out = ssh.stdin(Stdio::null()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    assert_eq!(
        ssh("hostname; . /etc/os-release; echo $VERSION_CODENAME; touch /root/kept"),
        "app-dev\ntrixie"
    );
    assert_eq!(run(client.post("/nodes/pve/lxc/101/status/shutdown", &[])), "OK");
    assert!(!open());
    assert_eq!(start(), "OK");
    assert_eq!(ssh("ls /root"), "kept");
    assert_eq!(limits(), limited(640, 2.0), "they outlive a restart");

    assert_eq!(run(client.delete("/nodes/pve/lxc/101?force=1")), "OK");
    assert!(!open());
    let lease = leases().unwrap().into_iter().find(|l| l.address == reservation.address());
    assert!(lease.unwrap().vacant, "the address is still reserved");
}
