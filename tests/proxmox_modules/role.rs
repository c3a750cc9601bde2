//! The role `proxmox_vm` with machines: cloned from a template with cloud-init, told who they are, started, and waited for.

use super::drive::windlass;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use windlass_test_proxmox::{Guest, Request, Server};

/// What a run of the role came to: how it ended, how many tasks changed something, and what it said.
struct Ran {
    code: Option<i32>,
    changed: u32,
    said: String,
}

/// Runs the role with these variables beside those of every run here.
fn role(server: &Server, more: &Value, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut vars = json!({
        "proxmox_host": server.host(), "proxmox_api_port": server.port(), "proxmox_user": server.user(),
        "proxmox_password": server.password(), "proxmox_guest_type": "kvm",
        "kvm_template": "debian-13-cloud", "kvm_vmid": 201, "kvm_name": "db", "kvm_ip": "127.0.0.1/8", "kvm_gateway": "127.0.0.2",
        "kvm_pubkey": "ssh-ed25519 AAAAC3Nza ops@example", "kvm_ssh_timeout": 5,
    });
    for (name, value) in more.as_object().unwrap() {
        vars[name] = value.clone();
    }
    let play = json!([{
        "hosts": "localhost", "gather_facts": false, "vars": vars, "roles": [{"role": "proxmox_vm"}],
    }]);
    std::fs::write(folder.path().join("play.yml"), play.to_string()).unwrap();
    let output = windlass()
        .current_dir(folder.path())
        .args(["-i", "localhost,", "-c", "local", "play.yml"])
        .args(arguments)
        .env("ANSIBLE_ROLES_PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/roles"))
        .env("REQUESTS_CA_BUNDLE", server.ca_path())
        .env("ANSIBLE_NOCOLOR", "1")
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let changed = said.rsplit_once("changed=").and_then(|(_, rest)| rest.split_whitespace().next());
    Ran { code: output.status.code(), changed: changed.and_then(|n| n.parse().ok()).unwrap_or(0), said }
}

/// A server with a template of a machine, that has a disc for cloud-init.
fn server() -> Server {
    let template = Guest::qemu(9000, "debian-13-cloud")
        .set("scsi0", "local-lvm:8")
        .set("ide2", "local-lvm:cloudinit")
        .set("net0", "virtio,bridge=vmbr0")
        .template();
    Server::builder().guest(template).start().unwrap()
}

fn writes(server: &Server) -> Vec<String> {
    let lines = server.writes().iter().map(Request::line).collect();
    server.clear_requests();
    lines
}

/// Somebody who greets as an SSH server does; its port.
fn ssh_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"SSH-2.0-test\r\n");
        }
    });
    port
}

#[test]
fn a_machine_is_cloned_configured_started_and_found() {
    let server = server();
    let with = |more: Value| {
        let mut vars = json!({ "kvm_ssh_port": ssh_server() });
        vars.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vars
    };
    let shown = role(&server, &with(json!({})), &["--check", "--diff"]);
    assert_eq!(shown.code, Some(0), "{}", shown.said);
    assert!(shown.changed > 0, "{}", shown.said);
    assert!(writes(&server).is_empty(), "check mode writes nothing");

    let first = role(&server, &with(json!({})), &[]);
    assert_eq!((first.code, first.changed), (Some(0), 3), "{}", first.said);
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/qemu/9000/clone full=1 name=db newid=201",
            "PUT /nodes/pve/qemu/201/config ciuser=root ipconfig0=ip=127.0.0.1/8,gw=127.0.0.2 memory=1024 onboot=1 \
             sshkeys=ssh-ed25519%20AAAAC3Nza%20ops%40example",
            "POST /nodes/pve/qemu/201/status/start",
        ]
    );
    let machine = server.guest(201).unwrap();
    assert_eq!((machine.status.as_str(), machine.template), ("running", false));
    assert!(machine.config["net0"].starts_with("virtio=BC:24:11:"), "{}", machine.config["net0"]);

    let again = role(&server, &with(json!({})), &[]);
    assert_eq!((again.code, again.changed), (Some(0), 0), "{}", again.said);
    assert!(writes(&server).is_empty(), "a second run writes nothing");

    let changed = json!({
        "kvm_memory_mb": 2048, "kvm_cores": 2, "kvm_network_bridge": "vmbr1", "kvm_nameserver": "10.0.10.1", "kvm_onboot": false
    });
    let other = role(&server, &with(changed.clone()), &[]);
    assert_eq!((other.code, other.changed), (Some(0), 1), "{}", other.said);
    let address = machine.config["net0"].split(',').next().unwrap();
    assert_eq!(
        writes(&server),
        [format!(
            "PUT /nodes/pve/qemu/201/config cores=2 memory=2048 nameserver=10.0.10.1 net0={address},bridge=vmbr1 onboot=0"
        )]
    );
    let again = role(&server, &with(changed), &[]);
    assert_eq!((again.code, again.changed), (Some(0), 0), "{}", again.said);
    assert!(writes(&server).is_empty());
}

#[test]
fn what_can_be_wrong_with_a_machine_is_said() {
    let server = server();
    let fails = |more: Value, because: &str| {
        let ran = role(&server, &more, &[]);
        let said = ran.said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.code == Some(2) && said.contains(because), "{}\nlacks: {because}", ran.said);
    };
    fails(json!({"kvm_name": "no name"}), "kvm_vmid must be at least 100, kvm_name a host name");
    fails(json!({"kvm_template": "fedora"}), "VM with name = fedora does not exist in cluster");
    assert!(server.writes().is_empty());

    // A port that nobody has: it was somebody's a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fails(
        json!({"kvm_ssh_port": port, "kvm_ssh_timeout": 1}),
        &format!(
            "db (127.0.0.1) did not answer on SSH port {port} within 1 seconds. Machine 201 was created and started"
        ),
    );
    assert_eq!(server.guest(201).unwrap().status, "running");
}
