//! Virtual machines, from the first request to the last.

use super::drive::*;
use serde_json::json;
use windlass_test_proxmox::{Guest, Server};

fn db() -> Step {
    kvm(json!({
        "node": "pve", "vmid": 200, "name": "db", "memory": 2048, "cores": 2, "agent": "enabled=1", "ostype": "l26", "onboot": true,
        "net": {"net0": "virtio,bridge=vmbr0"}, "scsi": {"scsi0": "local-lvm:32"}, "tags": ["db", "app"],
        "ipconfig": {"ipconfig0": "ip=10.0.10.200/24,gw=10.0.10.1"}, "ciuser": "ops", "cipassword": "hunter2", "sshkeys": "ssh-ed25519 AAAA a@b"
    }))
}

#[test]
fn a_machine_is_made_once() {
    let server = Server::builder().start().unwrap();
    let results = run(&server, &[db().check()]);
    assert_eq!(short(&results[0]), ("changed", "VM db with vmid 200 deployed"));
    assert_eq!(results[0]["diff"]["after"]["cipassword"], json!("********"));
    assert!(writes(&server).is_empty());

    let results = run(&server, &[db(), db(), db().with("vmid", json!(null))]);
    assert_eq!(short(&results[0]), ("changed", "VM db with vmid 200 deployed"));
    assert_eq!(results[0]["vmid"], json!(200));
    let address = server.guest(200).unwrap().config["net0"].split(',').next().unwrap().to_owned();
    assert_eq!(format!("virtio={}", results[0]["mac"]["net0"].as_str().unwrap()), address);
    assert!(results[0]["devices"]["scsi0"].as_str().unwrap().starts_with("local-lvm:"));
    assert_eq!(short(&results[1]), ("ok", "VM with vmid <200> already exists"));
    assert_eq!(short(&results[2]), ("ok", "VM with vmid <200> already exists"), "found by its name");
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/qemu agent=enabled=1 cipassword=hunter2 ciuser=ops cores=2 ipconfig0=ip=10.0.10.200/24,gw=10.0.10.1 \
          memory=2048 name=db net0=virtio,bridge=vmbr0 onboot=1 ostype=l26 scsi0=local-lvm:32 \
          sshkeys=ssh-ed25519%20AAAA%20a%40b tags=db,app vmid=200"
        ]
    );
}

#[test]
fn only_what_differs_is_changed() {
    let server = Server::builder().start().unwrap();
    run(&server, &[db()]);
    writes(&server);
    let same = db().with("update", true);
    let more = same.clone().with("memory", 4096);
    let risky = more.clone().with("update_unsafe", true).with("net", json!({"net0": "virtio,bridge=vmbr1"}));
    let before = server.guest(200).unwrap().config["net0"].clone();
    let results = run(&server, &[same, more.clone().check(), more.clone(), more, risky.clone(), risky]);
    let said: Vec<_> = results.iter().map(|r| short(r).0).collect();
    assert_eq!(said, ["ok", "changed", "changed", "ok", "changed", "ok"], "{results:#?}");
    assert_eq!(msg(&results[2]), "VM db with vmid 200 updated");
    assert_eq!(results[2]["diff"]["before"]["memory"], json!("2048"));
    let after = server.guest(200).unwrap().config["net0"].clone();
    assert_eq!(after, before.replace("vmbr0", "vmbr1"), "the hardware address stays");
    let written = writes(&server);
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(
        written[0].starts_with("PUT /nodes/pve/qemu/200/config ") && written[0].contains("memory=4096"),
        "{written:?}"
    );
    assert!(!written[0].contains("net0") && !written[0].contains("scsi0"), "{written:?}");
}

#[test]
fn a_machine_runs_and_ends() {
    let server = Server::builder().guest(Guest::qemu(200, "db")).start().unwrap();
    let by = |state: &str| kvm(json!({"vmid": 200, "state": state}));
    let results = run(
        &server,
        &[
            by("current"),
            by("restarted"),
            by("started").check(),
            by("started"),
            by("started"),
            kvm(json!({"name": "db", "state": "current"})),
            by("restarted"),
            by("restarted").with("force", true),
            by("absent"),
            by("stopped").check(),
            by("stopped"),
            by("stopped"),
            by("started"),
            by("absent").with("force", true).with("purge", true),
            by("absent"),
            kvm(json!({"name": "db", "state": "absent"})),
            kvm(json!({"name": "db", "state": "started"})),
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("ok", "VM db with vmid = 200 is stopped"),
            ("ok", "VM 200 is not running"),
            ("changed", "VM 200 started"),
            ("changed", "VM 200 started"),
            ("ok", "VM 200 is already running"),
            ("ok", "VM db with vmid = 200 is running"),
            ("changed", "VM 200 is restarted"),
            ("changed", "VM 200 is restarted"),
            ("ok", "VM 200 is running. Stop it before deletion or use force=true."),
            ("changed", "VM 200 is shutting down"),
            ("changed", "VM 200 is shutting down"),
            ("ok", "VM 200 is already stopped"),
            ("changed", "VM 200 started"),
            ("changed", "VM 200 removed"),
            ("ok", "VM 200 is already absent"),
            ("ok", "VM with name = db is already absent"),
            ("failed", "VM with name = db does not exist in cluster"),
        ]
    );
    assert_eq!(results[5]["status"], json!("running"));
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/qemu/200/status/start",
            "POST /nodes/pve/qemu/200/status/reboot",
            "POST /nodes/pve/qemu/200/status/reset",
            "POST /nodes/pve/qemu/200/status/shutdown forceStop=0 timeout=30",
            "POST /nodes/pve/qemu/200/status/start",
            "POST /nodes/pve/qemu/200/status/shutdown forceStop=1 timeout=30",
            "DELETE /nodes/pve/qemu/200 purge=1"
        ]
    );
}

#[test]
fn templates_copies_and_settings_that_go() {
    let server = Server::builder()
        .node("pve2")
        .guest(Guest::qemu(100, "base").set("description", "x"))
        .start()
        .unwrap();
    let template = kvm(json!({"name": "base", "state": "template"}));
    let copy = kvm(json!({"node": "pve", "name": "db", "clone": "base", "full": false}));
    let without = kvm(json!({"node": "pve", "name": "db", "delete": "description,args"}));
    let moved = kvm(json!({"node": "pve2", "name": "db", "migrate": true}));
    let results = run(
        &server,
        &[
            template.clone().check(),
            template.clone(),
            template,
            copy.clone().check(),
            copy.clone(),
            copy.clone(),
            copy.with("newid", 100),
            without.clone().check(),
            without.clone(),
            without,
            moved.clone().check(),
            moved.clone(),
            moved,
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("changed", "VM 100 is converting to template"),
            ("changed", "VM 100 is converting to template"),
            ("ok", "VM 100 is already a template"),
            ("changed", "VM db with newid 101 cloned from vm with vmid 100"),
            ("changed", "VM db with newid 101 cloned from vm with vmid 100"),
            ("ok", "vmid 101 with VM name db already exists"),
            ("ok", "vmid 100 with VM name db already exists"),
            ("changed", "Settings has deleted on VM db with vmid 101"),
            ("changed", "Settings has deleted on VM db with vmid 101"),
            ("ok", "There is nothing to delete on VM db with vmid 101"),
            ("changed", "VM 101 has been migrated from pve to pve2"),
            ("changed", "VM 101 has been migrated from pve to pve2"),
            ("ok", "VM 101 is already on pve2"),
        ]
    );
    assert_eq!(results[4]["vmid"], json!(101));
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/qemu/100/template",
            "POST /nodes/pve/qemu/100/clone full=0 name=db newid=101",
            "PUT /nodes/pve/qemu/101/config delete=description",
            "POST /nodes/pve/qemu/101/migrate node=pve online=1 target=pve2 vmid=101"
        ]
    );
}

#[test]
fn disks_keep_their_volumes() {
    let server = Server::builder().start().unwrap();
    let with = |scsi0: &str| {
        kvm(json!({
            "node": "pve", "vmid": 200, "name": "db", "ide": {"ide2": "local-lvm:cloudinit"}, "scsi": {"scsi0": scsi0},
            "efidisk0": {"storage": "local-lvm", "efitype": "4m"}, "bios": "ovmf"
        }))
    };
    run(&server, &[with("local-lvm:32")]);
    writes(&server);
    let volume = server.guest(200).unwrap().config["scsi0"].split(',').next().unwrap().to_owned();
    assert!(volume.starts_with("local-lvm:vm-200-disk-"), "{volume}");
    let update = |scsi0: &str| with(scsi0).with("update", true).with("update_unsafe", true);
    let results = run(
        &server,
        &[
            update("local-lvm:32"),
            update("local-lvm:32,ssd=1").check(),
            update("local-lvm:32,ssd=1"),
            update("local-lvm:32,ssd=1"),
            update("local-lvm:64,discard=on"),
            update("local-lvm:64,discard=on"),
            update("local-lvm:0,import-from=local:import/debian.qcow2"),
            update("local-lvm:16"),
            update("local:64"),
        ],
    );
    let said: Vec<_> = results.iter().map(|r| short(r).0).collect();
    assert_eq!(
        said,
        ["ok", "changed", "changed", "ok", "changed", "ok", "ok", "failed", "failed"],
        "{results:#?}"
    );
    assert_eq!(results[1]["diff"], results[2]["diff"], "check mode shows what a run does");
    assert_eq!(msg(&results[4]), "VM db with vmid 200 updated");
    assert_eq!(msg(&results[7]), "scsi0 has 64G and cannot be made smaller (16G)");
    assert_eq!(
        msg(&results[8]),
        format!("scsi0 is {volume}; this module does not move it to the storage local")
    );
    assert_eq!(
        writes(&server),
        [
            format!("PUT /nodes/pve/qemu/200/config scsi0={volume},size=32G,ssd=1"),
            format!("PUT /nodes/pve/qemu/200/config scsi0={volume},size=32G,ssd=1,discard=on"),
            "PUT /nodes/pve/qemu/200/resize disk=scsi0 size=64G".to_owned(),
        ]
    );
    let config = server.guest(200).unwrap().config;
    assert!(!config.keys().any(|key| key.starts_with("unused")), "no disk was put aside: {config:?}");
}

#[test]
fn no_tags_and_empty_texts() {
    let server = Server::builder().guest(Guest::qemu(200, "db").tags("a,b")).start().unwrap();
    let bare = kvm(json!({
        "node": "pve", "vmid": 200, "name": "db", "update": true, "tags": [], "description": "", "sshkeys": ""
    }));
    let results = run(&server, &[bare.clone(), bare, kvm(json!({"node": "pve", "name": "new", "tags": []}))]);
    let said: Vec<_> = results.iter().map(|r| short(r).0).collect();
    assert_eq!(said, ["changed", "ok", "changed"], "{results:#?}");
    assert_eq!(
        writes(&server),
        ["PUT /nodes/pve/qemu/200/config delete=tags", "POST /nodes/pve/qemu name=new vmid=100"]
    );
}

#[test]
fn a_machine_that_hibernates() {
    let server = Server::builder().guest(Guest::qemu(200, "db").running()).start().unwrap();
    let by = |state: &str| kvm(json!({"vmid": 200, "state": state}));
    let results = run(
        &server,
        &[
            by("hibernated").check(),
            by("hibernated"),
            by("hibernated"),
            by("current"),
            by("started"),
            by("current"),
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("changed", "VM 200 is suspending"),
            ("changed", "VM 200 is suspending"),
            ("ok", "VM 200 is not running"),
            ("ok", "VM db with vmid = 200 is stopped"),
            ("changed", "VM 200 started"),
            ("ok", "VM db with vmid = 200 is running"),
        ]
    );
    assert_eq!(results[0]["diff"], results[1]["diff"]);
    assert_eq!(results[1]["diff"]["after"]["status"], json!("stopped"));
    assert_eq!(
        writes(&server),
        ["POST /nodes/pve/qemu/200/status/suspend todisk=1", "POST /nodes/pve/qemu/200/status/start"]
    );
}

#[test]
fn a_paused_machine_and_one_that_is_slow_to_end() {
    let server = Server::builder().guest(Guest::qemu(200, "db").running()).start().unwrap();
    server.delay("qmshutdown", std::time::Duration::from_secs(2));
    let pause = kvm(json!({"vmid": 200, "state": "paused"}));
    let absent = kvm(json!({"vmid": 200, "state": "absent", "force": true, "timeout": 1}));
    let results = run(&server, &[pause.clone(), pause, absent]);
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("changed", "VM 200 is suspending"),
            ("ok", "VM 200 is already paused"),
            ("changed", "VM 200 removed")
        ]
    );
    assert!(server.vmids().is_empty());
}
