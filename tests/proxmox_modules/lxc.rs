//! Containers, from the first request to the last.

use super::drive::*;
use serde_json::json;
use windlass_test_proxmox::{Guest, Server};

fn web() -> Step {
    lxc(json!({
        "node": "pve", "vmid": 101, "hostname": "web", "ostemplate": DEBIAN, "disk": "local-lvm:8", "memory": 512, "cores": 1,
        "netif": {"net0": "name=eth0,bridge=vmbr0,ip=10.0.10.101/24,gw=10.0.10.1"}, "password": "hunter2",
        "pubkey": "ssh-ed25519 AAAA a@b", "tags": ["web", "app"], "description": "A note", "onboot": true,
        "features": ["nesting=1"], "update": true
    }))
}

#[test]
fn a_container_is_made_once() {
    let server = Server::builder().start().unwrap();
    let planned = one(&server, web().check());
    assert_eq!(short(&planned), ("changed", format!("Created VM web (101) from template {DEBIAN}").as_str()));
    assert_eq!(planned["diff"]["before"], json!({}));
    assert_eq!(planned["diff"]["after"]["rootfs"], json!("local-lvm:8"));
    assert_eq!(planned["diff"]["after"]["password"], json!("********"));
    assert!(writes(&server).is_empty() && server.vmids().is_empty(), "check mode writes nothing");

    let results = run(&server, &[web(), web(), web().check()]);
    assert_eq!(short(&results[0]).0, "changed");
    assert_eq!(results[0]["vmid"], json!(101));
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/lxc cores=1 description=A note features=nesting=1 force=0 hostname=web memory=512 \
             net0=name=eth0,bridge=vmbr0,ip=10.0.10.101/24,gw=10.0.10.1 onboot=1 \
             ostemplate=local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst password=hunter2 rootfs=local-lvm:8 \
             ssh-public-keys=ssh-ed25519 AAAA a@b storage=local tags=app tags=web unprivileged=1 vmid=101"
        ]
    );
    let container = server.guest(101).unwrap();
    assert!(container.config["net0"].contains("hwaddr="), "{:?}", container.config);
    for again in &results[1..] {
        assert_eq!(short(again), ("ok", "Container config is already up to date."));
        assert!(again.get("diff").is_none(), "{again}");
    }
}

#[test]
fn only_what_differs_is_changed() {
    let server = Server::builder().start().unwrap();
    run(&server, &[web()]);
    writes(&server);
    let address = server.guest(101).unwrap().config["net0"].clone();

    let more = web().with("memory", 1024);
    let results = run(&server, &[more.clone().check(), more.clone(), more]);
    assert_eq!(short(&results[0]), ("changed", "VM web (101) has been updated."));
    assert_eq!(results[0]["diff"]["before"]["memory"], json!(512));
    assert_eq!(results[0]["diff"]["after"]["memory"], json!(1024));
    assert_eq!(results[0]["diff"], results[1]["diff"], "check mode shows what a run does");
    assert_eq!(short(&results[2]), ("ok", "Container config is already up to date."));
    assert_eq!(writes(&server), ["PUT /nodes/pve/lxc/101/config memory=1024 node=pve vmid=101"]);
    assert_eq!(server.guest(101).unwrap().config["net0"], address, "an interface that was not touched");

    let moved = web()
        .with("memory", 1024)
        .with("netif", json!({"net0": "name=eth0,bridge=vmbr0,ip=10.0.10.102/24,gw=10.0.10.1"}));
    run(&server, &[moved]);
    let hwaddr = |net: &str| net.split(',').find(|p| p.starts_with("hwaddr=")).unwrap().to_owned();
    let now = server.guest(101).unwrap().config["net0"].clone();
    assert!(now.contains("ip=10.0.10.102/24"), "{now}");
    assert_eq!(hwaddr(&now), hwaddr(&address), "the hardware address stays");
    writes(&server);

    let same = web()
        .with("memory", 1024)
        .with("netif", json!({"net0": "name=eth0,ip=10.0.10.102/24"}))
        .with("tags", json!(["app", "web"]));
    assert_eq!(short(&one(&server, same)).0, "ok", "another order of tags, fewer keys");
    assert!(writes(&server).is_empty());
    let fewer = web().with("memory", 1024).with("netif", json!({})).with("tags", json!(["web"]));
    assert_eq!(short(&one(&server, fewer)).0, "changed", "a tag less");
    assert_eq!(server.guest(101).unwrap().config["tags"], "web");
}

#[test]
fn disks_grow_and_settings_go() {
    let server = Server::builder().start().unwrap();
    run(&server, &[web()]);
    writes(&server);
    let larger = web().with("disk", "local-lvm:10").with("mounts", json!({"mp0": "local-lvm:4,mp=/srv"}));
    let results = run(&server, &[larger.clone(), larger.clone(), larger.with("disk", "local-lvm:4")]);
    assert_eq!(short(&results[0]).0, "changed");
    assert_eq!(short(&results[1]).0, "ok", "{}", results[1]);
    assert_eq!(
        writes(&server),
        [
            "PUT /nodes/pve/lxc/101/config mp0=local-lvm:4,mp=/srv node=pve vmid=101",
            "PUT /nodes/pve/lxc/101/resize disk=rootfs size=10G"
        ]
    );
    assert!(server.guest(101).unwrap().config["rootfs"].ends_with("size=10G"));
    assert_eq!(short(&results[2]), ("failed", "rootfs has 10G and cannot be made smaller (4G)"));

    let without =
        lxc(json!({"node": "pve", "vmid": 101, "hostname": "web", "delete": ["description", "nameserver"]}));
    let results = run(&server, &[without.clone(), without]);
    assert_eq!((short(&results[0]).0, short(&results[1]).0), ("changed", "ok"));
    assert_eq!(writes(&server), ["PUT /nodes/pve/lxc/101/config delete=description node=pve vmid=101"]);
}

#[test]
fn a_container_runs_and_ends() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    let by = |state: &str| lxc(json!({"vmid": 101, "state": state}));
    let results = run(
        &server,
        &[
            by("restarted"),
            by("started").check(),
            by("started"),
            by("started"),
            by("restarted"),
            by("absent"),
            by("stopped").check(),
            by("stopped"),
            by("stopped"),
            lxc(json!({"hostname": "web", "state": "started"})),
            by("stopped").with("force", true),
            by("absent").with("purge", true),
            by("absent"),
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("ok", "VM web (101) is not running."),
            ("changed", "VM web (101) started."),
            ("changed", "VM web (101) started."),
            ("ok", "VM web (101) is already running."),
            ("changed", "VM web (101) is restarted."),
            ("ok", "VM 101 is running. Stop it before deletion."),
            ("changed", "VM web (101) stopped."),
            ("changed", "VM web (101) stopped."),
            ("ok", "VM web (101) is already stopped."),
            ("changed", "VM web (101) started."),
            ("changed", "VM web (101) stopped."),
            ("changed", "VM 101 removed."),
            ("ok", "VM 101 is already absent."),
        ]
    );
    assert_eq!(results[9]["vmid"], json!(101), "a number, although it was found by its name");
    assert_eq!(results[1]["diff"]["before"], json!({"status": "stopped"}));
    assert_eq!(
        writes(&server),
        [
            "POST /nodes/pve/lxc/101/status/start",
            "POST /nodes/pve/lxc/101/status/shutdown",
            "POST /nodes/pve/lxc/101/status/start",
            "POST /nodes/pve/lxc/101/status/shutdown",
            "POST /nodes/pve/lxc/101/status/start",
            "POST /nodes/pve/lxc/101/status/shutdown forceStop=1 timeout=30",
            "DELETE /nodes/pve/lxc/101 purge=1"
        ]
    );
    assert!(server.vmids().is_empty());
}

#[test]
fn templates_and_copies() {
    let server = Server::builder().guest(Guest::lxc(100, "base")).start().unwrap();
    let template = lxc(json!({"vmid": 100, "state": "template"}));
    let copy =
        lxc(json!({"node": "pve", "vmid": 101, "hostname": "web", "clone": 100, "clone_type": "linked"}));
    let results = run(
        &server,
        &[
            copy.clone(),
            template.clone().check(),
            template.clone(),
            template,
            copy.clone().check(),
            copy.clone(),
            copy,
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    assert_eq!(
        said,
        [
            ("failed", "Cloning type 'linked' is only supported for template containers."),
            ("changed", "VM base (100) converted to template."),
            ("changed", "VM base (100) converted to template."),
            ("ok", "VM base (100) is already a template."),
            ("changed", "Cloned VM web (101) from 100"),
            ("changed", "Cloned VM web (101) from 100"),
            ("ok", "VM web (101) already exists."),
        ]
    );
    assert_eq!(
        writes(&server),
        ["POST /nodes/pve/lxc/100/template", "POST /nodes/pve/lxc/100/clone full=0 hostname=web newid=101"]
    );
    let full = lxc(json!({"node": "pve", "hostname": "other", "clone": 101, "storage": "local-lvm"}));
    let made = one(&server, full);
    assert_eq!(short(&made).0, "changed", "{made}");
    assert_eq!(made["vmid"], json!(102), "the next free number");
    assert_eq!(
        writes(&server),
        ["POST /nodes/pve/lxc/101/clone full=1 hostname=other newid=102 storage=local-lvm"]
    );
}

#[test]
fn guests_are_listed() {
    let server = Server::builder()
        .guest(Guest::lxc(101, "web").set("net0", "name=eth0,bridge=vmbr0,ip=10.0.10.5/24").running())
        .guest(Guest::qemu(200, "db").set("memory", "2048"))
        .start()
        .unwrap();
    let results = run(
        &server,
        &[
            info(json!({})),
            info(json!({"type": "lxc", "config": "current", "network": true})),
            info(json!({"name": "db", "config": "pending"})),
            info(json!({"vmid": 999})),
            info(json!({"node": "nowhere"})),
        ],
    );
    let names = |at: usize| -> Vec<String> {
        results[at]["proxmox_vms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|g| g["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(0), ["web", "db"]);
    assert_eq!(results[0]["proxmox_vms"][0]["template"], json!(false));
    assert_eq!(names(1), ["web"]);
    let config = results[1]["proxmox_vms"][0]["config"]["net0"].as_str().unwrap();
    assert!(config.contains("ip=10.0.10.5/24"), "{config}");
    assert!(results[1]["proxmox_vms"][0]["network"].is_array());
    assert_eq!(results[2]["proxmox_vms"][0]["config"]["memory"], json!("2048"));
    assert!(names(3).is_empty());
    assert_eq!(short(&results[4]), ("failed", "Node nowhere doesn't exist in PVE cluster"));
    assert!(writes(&server).is_empty());
}

#[test]
fn no_tags_and_empty_texts() {
    let there = Guest::lxc(101, "web").tags("a,b").set("description", "x");
    let server = Server::builder().guest(there).start().unwrap();
    let bare = lxc(json!({
        "node": "pve", "vmid": 101, "hostname": "web", "update": true, "tags": [], "delete": ["description", "tags"],
        "searchdomain": "", "features": []
    }));
    let results = run(&server, &[bare.clone().check(), bare.clone(), bare]);
    assert_eq!(
        results.iter().map(|r| short(r).0).collect::<Vec<_>>(),
        ["changed", "changed", "ok"],
        "{results:#?}"
    );
    assert!(results[0]["diff"]["after"].get("tags").is_none(), "{}", results[0]);
    assert_eq!(writes(&server), ["PUT /nodes/pve/lxc/101/config delete=tags,description node=pve vmid=101"]);
}

#[test]
fn a_container_is_given_its_time_to_shut_down() {
    let server = Server::builder().guest(Guest::lxc(101, "web").running()).start().unwrap();
    server.delay("vzshutdown", std::time::Duration::from_secs(2));
    let stop = lxc(json!({"vmid": 101, "state": "stopped", "timeout": 1}));
    assert_eq!(short(&one(&server, stop.with("force", true))), ("changed", "VM web (101) stopped."));
    assert_eq!(writes(&server), ["POST /nodes/pve/lxc/101/status/shutdown forceStop=1 timeout=1"]);
}
