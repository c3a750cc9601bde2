//! The original: ansible-core with `community.proxmox` and `proxmoxer` runs the same playbook against a server that is the same, and what
//! both write is compared. Where they are meant to differ (docs/differences.md) the steps avoid it, or the difference is named here.

use super::drive::*;
use serde_json::{Value, json};
use std::process::Command;
use windlass_test_oracle::Reference;
use windlass_test_proxmox::{Guest, Server};

fn server() -> Server {
    Server::builder()
        .aplinfo("debian-99-standard_99.0-1_amd64.tar.zst")
        .guest(Guest::lxc(150, "there").set("memory", "512"))
        .guest(
            Guest::lxc(151, "tagged")
                .set("net0", "name=eth0,bridge=vmbr0,tag=5")
                .set("features", "nesting=1,keyctl=1"),
        )
        .guest(Guest::qemu(250, "machine"))
        .start()
        .unwrap()
}

fn steps() -> Vec<Step> {
    let web = lxc(json!({
        "node": "pve", "vmid": 101, "hostname": "web", "ostemplate": DEBIAN, "disk": "local-lvm:8", "memory": 512, "cores": 1, "swap": 256,
        "netif": {"net0": "name=eth0,bridge=vmbr0,ip=10.0.10.101/24,gw=10.0.10.1"}, "password": "hunter2", "pubkey": "ssh-ed25519 AAAA a@b",
        "tags": ["web", "app"], "description": "A note, with commas", "onboot": true, "features": ["nesting=1"],
        "nameserver": "10.0.10.1", "searchdomain": "example.org", "timezone": "host", "startup": ["order=3"], "unprivileged": true
    }));
    let by = |vmid: i64, state: &str| lxc(json!({"vmid": vmid, "state": state}));
    let kvm_by = |vmid: i64, state: &str| kvm(json!({"vmid": vmid, "state": state}));
    let change = |name: &str, value: Value| {
        let mut args = json!({"node": "pve", "vmid": 150, "hostname": "there", "update": true});
        args[name] = value;
        lxc(args)
    };
    vec![
        web,
        lxc(
            json!({"node": "pve", "hostname": "next", "ostemplate": DEBIAN, "disk_volume": {"storage": "local-lvm", "size": 4},
            "mount_volumes": [{"id": "mp0", "storage": "local-lvm", "size": 2, "mountpoint": "/srv", "options": {"acl": "1"}}], "ostype": "debian"}),
        ),
        change("memory", json!(1024)),
        change("memory", json!(1024)),
        // What was taken out of a property is no difference.
        lxc(
            json!({"node": "pve", "vmid": 151, "hostname": "tagged", "update": true, "features": ["nesting=1"],
            "netif": {"net0": "name=eth0,bridge=vmbr0"}}),
        ),
        by(150, "started"),
        by(150, "started"),
        by(150, "restarted"),
        by(150, "stopped").with("force", true),
        by(150, "stopped"),
        by(150, "template"),
        by(150, "template"),
        lxc(json!({"node": "pve", "vmid": 160, "hostname": "copy", "clone": 150, "clone_type": "linked"})),
        lxc(
            json!({"node": "pve", "vmid": 161, "hostname": "full", "clone": 150, "clone_type": "full", "storage": "local-lvm", "description": "x"}),
        ),
        lxc(json!({"node": "pve", "vmid": 161, "hostname": "full", "clone": 150})),
        by(160, "absent").with("purge", true),
        by(160, "absent"),
        kvm(
            json!({"node": "pve", "vmid": 200, "name": "db", "memory": 2048, "cores": 2, "sockets": 1, "cpu": "host", "agent": "yes", "ostype": "l26",
            "net": {"net0": "virtio,bridge=vmbr0"}, "scsi": {"scsi0": "local-lvm:32"}, "scsihw": "virtio-scsi-pci", "tags": ["db", "app"],
            "ipconfig": {"ipconfig0": "ip=10.0.10.200/24,gw=10.0.10.1"}, "ciuser": "ops", "sshkeys": "ssh-ed25519 AAAA a@b", "onboot": false,
            "nameservers": ["1.1.1.1", "8.8.8.8"], "boot": "order=scsi0", "description": "A machine"}),
        ),
        kvm(json!({"node": "pve", "vmid": 200, "name": "db"})),
        kvm_by(250, "started"),
        kvm_by(250, "started"),
        kvm_by(250, "current"),
        kvm_by(250, "restarted"),
        kvm_by(250, "stopped").with("force", true),
        kvm_by(250, "template"),
        kvm(
            json!({"node": "pve", "name": "copy", "clone": "machine", "newid": 260, "full": false, "format": "unspecified"}),
        ),
        kvm(json!({"node": "pve", "name": "copy", "clone": "machine", "newid": 260})),
        kvm_by(260, "absent"),
        kvm(json!({"name": "nobody", "state": "absent"})),
        template(json!({"node": "pve", "template": "debian-99-standard_99.0-1_amd64.tar.zst"})),
        template(json!({"node": "pve", "template": "debian-99-standard_99.0-1_amd64.tar.zst"})),
        template(
            json!({"node": "pve", "url": "https://images.example/alpine.tar.xz", "template": "a.tar.xz"}),
        ),
        template(json!({"node": "pve", "template": "a.tar.xz", "state": "absent"})),
        lxc(json!({"node": "pve", "vmid": 170, "hostname": "x", "ostemplate": "local:vztmpl/nothing.tar"})),
        lxc(json!({"vmid": 999, "state": "started"})),
        info(json!({"vmid": 101, "config": "current"})),
    ]
}

/// The requests of a run that may have changed something. That a container is stopped by force in the task's time is ours
/// alone: the original leaves it to the server's.
fn requests(server: &Server) -> Vec<String> {
    let line = |line: String| {
        let line = line.replace('\0', " ");
        if line.contains("/lxc/") { line.replace(" forceStop=1 timeout=30", " forceStop=1") } else { line }
    };
    writes(server).into_iter().map(line).collect()
}

#[test]
fn the_same_requests_as_by_the_original() {
    let Some(reference) = Reference::get() else { return };
    let Some(collections) = reference.proxmox() else { return };
    let upload = tempfile::tempdir().unwrap();
    let file = upload.path().join("own.tar.zst");
    std::fs::write(&file, b"a small template").unwrap();
    let mut steps = steps();
    steps.push(template(json!({"node": "pve", "src": file})));

    let (ours, theirs) = (server(), server());
    let (_, mine) = play(&mut windlass(), &ours, &steps);
    let mut original = Command::new(reference.bin().join("ansible-playbook"));
    original
        .env("ANSIBLE_COLLECTIONS_PATH", collections)
        .env("ANSIBLE_PYTHON_INTERPRETER", reference.python());
    let (_, original) = play(&mut original, &theirs, &steps);

    let mut different = Vec::new();
    for (at, (mine, original)) in mine.iter().zip(&original).enumerate() {
        if (short_or_none(mine), &mine["status"]) != (short_or_none(original), &original["status"]) {
            different
                .push(format!("step {at} {:?}\n  windlass {mine}\n  original {original}", steps[at].args));
        }
    }
    let (ours, theirs) = (requests(&ours), requests(&theirs));
    assert!(ours.len() > 20, "{ours:#?}");
    let lines = ours.len().max(theirs.len());
    for at in 0..lines {
        let (mine, original) = (ours.get(at), theirs.get(at));
        if mine != original && !is_less(mine, original) {
            different.push(format!("request {at}\n  windlass {mine:?}\n  original {original:?}"));
        }
    }
    assert!(different.is_empty(), "{} differences:\n{}", different.len(), different.join("\n"));
}

/// Whether a change of settings sends some of the original's fields: it sends all of them, those too that are as they should be.
pub fn is_less(mine: Option<&String>, original: Option<&String>) -> bool {
    let (Some(mine), Some(original)) = (mine, original) else { return false };
    let original: Vec<&str> = original.split(' ').collect();
    mine.starts_with("PUT ")
        && mine.contains("/config ")
        && mine.split(' ').all(|word| original.contains(&word))
}

/// What a result says; one that only tells has no message.
fn short_or_none(result: &Value) -> (&'static str, String) {
    if result.get("msg").is_none() {
        let names = result["proxmox_vms"]
            .as_array()
            .map(|g| g.iter().map(|g| g["name"].to_string()).collect::<Vec<_>>());
        return ("ok", format!("{names:?}"));
    }
    let (state, text) = short(result);
    (state, text.to_owned())
}
