//! The preflight of the role `proxmox_vm`: whose vmids the planned guests have, and where their gateways are.

use super::drive::windlass;
use serde_json::{Value, json};
use windlass_test_proxmox::{Guest, Server};

/// Whether the preflight lets a guest pass, and what it says.
fn preflight(server: &Server, guest: Value, allow: bool) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let play = json!([{
        "hosts": "localhost", "gather_facts": false,
        "vars": {
            "proxmox_host": server.host(), "proxmox_api_port": server.port(), "proxmox_user": server.user(),
            "proxmox_password": "{{ lookup('env', 'PX_SECRET') }}", "proxmox_validate_certs": false,
            "proxmox_guests": [guest], "allow_ip_conflicts": allow,
        },
        "tasks": [{"ansible.builtin.include_role": {"name": "proxmox_vm", "tasks_from": "preflight"}}],
    }]);
    std::fs::write(folder.path().join("play.yml"), play.to_string()).unwrap();
    let output = windlass()
        .current_dir(folder.path())
        .args(["-i", "localhost,", "-c", "local", "play.yml"])
        .env("ANSIBLE_ROLES_PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/roles"))
        .env("PX_SECRET", server.password())
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn a_node_that_does_not_answer_is_named_with_its_guests() {
    let server = Server::builder()
        .offline_node("pve2")
        .guest(Guest::lxc(101, "web").set("net0", "name=eth0,bridge=vmbr0,ip=192.0.2.101/24"))
        .guest(Guest::lxc(900, "other").node("pve2"))
        .start()
        .unwrap();
    let guest =
        |name: &str, vmid: u32, ip: &str| json!({"label": "a/dev", "name": name, "vmid": vmid, "ip": ip});
    let (passed, said) = preflight(&server, guest("new", 103, "192.0.2.9/24"), false);
    let because = "the guests of the cluster could not be read: Failed to retrieve LXC VMs information: node pve2 does not \
                   answer, and has 900: 595 Errors during connection establishment: No route to host (nothing was \
                   changed; -e allow_ip_conflicts=true goes on with the guests of pve alone)";
    assert!(!passed && said.contains(because), "{said}");

    let (passed, said) = preflight(&server, guest("new", 103, "192.0.2.9/24"), true);
    assert!(passed, "{said}");
    // Whose vmid it is on our own node is seen all the same.
    let (passed, said) = preflight(&server, guest("new", 101, "192.0.2.9/24"), true);
    assert!(!passed && said.contains("vmid 101 belongs to container web on pve"), "{said}");
    assert!(server.writes().is_empty());
    // And the number of a guest that is down with its node is nobody else's.
    let taken = super::drive::lxc(json!({
        "node": "pve", "vmid": 900, "hostname": "new", "ostemplate": super::drive::DEBIAN, "update": true
    }));
    let result = super::drive::one(&server, taken);
    assert_eq!(super::drive::short(&result), ("failed", "VM 900 is on node pve2, and not on pve"));
    assert!(server.writes().is_empty());
}

#[test]
fn a_strangers_vmid_is_never_taken() {
    let server = Server::builder()
        .node("pve2")
        .guest(Guest::lxc(101, "web").set("net0", "name=eth0,bridge=vmbr0,ip=192.0.2.101/24"))
        .guest(Guest::lxc(102, "moved").node("pve2"))
        .guest(Guest::lxc(900, "other").node("pve2"))
        .guest(Guest::qemu(901, "box"))
        .start()
        .unwrap();
    let guest =
        |name: &str, vmid: u32, ip: &str| json!({"label": "a/dev", "name": name, "vmid": vmid, "ip": ip});
    for allow in [false, true] {
        let refused = |name: &str, vmid: u32, because: &str| {
            let (passed, said) = preflight(&server, guest(name, vmid, "192.0.2.9/24"), allow);
            assert!(!passed && said.contains(because), "{allow}: {said}\nlacks: {because}");
            assert!(!said.contains("allow_ip_conflicts=true"), "it is no way out: {said}");
        };
        refused("web2", 900, "vmid 900 belongs to container other on pve2, and is not a/dev (web2)");
        refused("box", 901, "vmid 901 belongs to machine box on pve, and is not a/dev (box)");
        refused("moved", 102, "vmid 102 (a/dev) is on pve2, and not on pve");
    }
    let (passed, said) = preflight(&server, guest("web", 101, "192.0.2.101/24"), true);
    assert!(passed, "our own: {said}");
    let (passed, said) = preflight(&server, guest("new", 103, "192.0.2.101/24"), false);
    let because = "192.0.2.101 (a/dev) is already the address of container 101 (web) on pve";
    assert!(!passed && said.contains(because), "{said}");
    assert!(server.writes().is_empty());
}

#[test]
fn a_gateway_is_in_the_network_of_its_guest() {
    let server = Server::builder().start().unwrap();
    // With the override, so that nothing is pinged.
    let ask = |ip: &str, gateway: &str| {
        let guest = json!({"label": "a/dev", "name": "new", "vmid": 103, "ip": ip, "gateway": gateway});
        preflight(&server, guest, true)
    };
    for (ip, gateway, because) in [
        ("192.0.2.9/24", "198.51.100.1", "the gateway 198.51.100.1 is not in the network of 192.0.2.9/24"),
        ("192.0.2.9/25", "192.0.2.129", "the gateway 192.0.2.129 is not in the network of 192.0.2.9/25"),
        ("192.0.2.9/24", "192.0.2.9", "the gateway 192.0.2.9 is the address of the guest itself"),
        (
            "192.0.2.9/24",
            "192.0.2.255",
            "the gateway 192.0.2.255 is the first or the last address of the network",
        ),
        ("192.0.2.9/24", "gw.example.com", "the gateway gw.example.com is no IPv4 address"),
        ("192.0.2.9/33", "192.0.2.1", "192.0.2.9/33 is no address with the length of its prefix"),
        ("192.0.2.300/24", "192.0.2.1", "192.0.2.300/24 is no address with the length of its prefix"),
        ("192.0.2.0/24", "192.0.2.1", "192.0.2.0/24 is the first or the last address of its network"),
        (
            "2001:db8:0:f::9/61",
            "2001:db8:0:7::1",
            "the gateway 2001:db8:0:7::1 is not in the network of 2001:db8:0:f::9/61",
        ),
        ("2001:db8::9/64", "192.0.2.1", "the gateway 192.0.2.1 is no IPv6 address"),
    ] {
        let (passed, said) = ask(ip, gateway);
        assert!(!passed && said.contains(&format!("a/dev: {because}")), "{said}\nlacks: {because}");
        assert!(said.contains("(nothing was changed)"), "{said}");
    }
    for (ip, gateway) in [
        ("192.0.2.9/22", "192.0.3.1"),
        ("192.0.2.9/24", ""),
        // There is no room for a gateway in it; it is routed to.
        ("192.0.2.9/32", "198.51.100.1"),
        ("192.0.2.8/31", "192.0.2.9"),
        ("2001:db8:0:f::9/61", "2001:DB8:0:8::1"),
        ("2001:db8::9/64", "fe80::1"),
    ] {
        let (passed, said) = ask(ip, gateway);
        assert!(passed, "{ip} {gateway}: {said}");
    }
    assert!(server.writes().is_empty());
}
