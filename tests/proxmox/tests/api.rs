//! The server as a client sees it, with nothing behind its containers.
#![allow(clippy::unwrap_used)]

mod client;

use client::Client;
use serde_json::json;
use std::time::Duration;
use windlass_test_proxmox::{Guest, Server};

const TEMPLATE: &str = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst";
const NET: &str = "name=eth0,bridge=vmbr0,firewall=1,ip=10.0.10.101/24,gw=10.0.10.1";

fn create(client: &Client, vmid: &str) -> String {
    let fields = [
        ("vmid", vmid),
        ("ostemplate", TEMPLATE),
        ("hostname", "one"),
        ("net0", NET),
        ("rootfs", "local-lvm:8"),
        ("cores", "2"),
        ("tags", "b"),
        ("tags", "a"),
        ("unprivileged", "1"),
        ("onboot", "true"),
    ];
    client.post("/nodes/pve/lxc", &fields).ok().as_str().unwrap().to_owned()
}

#[test]
fn a_container_lives_as_one_of_the_original_does() {
    let server = Server::builder().start().unwrap();
    let client = Client::token(&server);
    let upid = create(&client, "101");
    let parts: Vec<&str> = upid.split(':').collect();
    assert_eq!(
        (parts.len(), parts[0], parts[1], parts[5], parts[6], parts[7]),
        (9, "UPID", "pve", "vzcreate", "101", "root@pam!test")
    );
    assert!(parts[2..5].iter().all(|p| p.len() == 8 && p.bytes().all(|b| b.is_ascii_hexdigit())), "{upid}");
    let task = client.get(&format!("/nodes/pve/tasks/{upid}/status")).ok();
    assert_eq!((task["status"].as_str(), task["exitstatus"].as_str()), (Some("stopped"), Some("OK")));
    let log = client.get(&format!("/nodes/pve/tasks/{upid}/log")).ok();
    assert_eq!(log[1], json!({ "n": 2, "t": "TASK OK" }));

    let config = client.get("/nodes/pve/lxc/101/config").ok();
    let net = config["net0"].as_str().unwrap();
    assert!(net.starts_with("name=eth0,bridge=vmbr0,firewall=1,gw=10.0.10.1,hwaddr=BC:24:11:"), "{net}");
    assert!(net.ends_with(",ip=10.0.10.101/24,type=veth"), "{net}");
    let expected = [
        ("rootfs", json!("local-lvm:vm-101-disk-0,size=8G")),
        ("tags", json!("a;b")),
        ("memory", json!(512)),
        ("cores", json!(2)),
        ("onboot", json!(1)),
        ("unprivileged", json!(1)),
        ("ostype", json!("debian")),
        ("hostname", json!("one")),
    ];
    for (key, value) in expected {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!(config["digest"].as_str().unwrap().len(), 40);
    let volumes = client.get("/nodes/pve/storage/local-lvm/content?vmid=101").ok();
    assert_eq!(volumes[0]["volid"], "local-lvm:vm-101-disk-0");

    client.post("/nodes/pve/lxc/101/status/start", &[]).ok();
    assert_eq!(client.get("/nodes/pve/lxc/101/status/current").ok()["status"], "running");
    let again = client.post("/nodes/pve/lxc/101/status/start", &[]);
    assert_eq!((again.status, again.reason.as_str()), (500, "CT 101 already running"));
    assert_eq!(client.get("/nodes/pve/lxc/101/interfaces").ok()[1]["inet"], "10.0.10.101/24");
    let resources = client.get("/cluster/resources?type=vm").ok();
    assert_eq!((resources[0]["id"].as_str(), resources[0]["template"].as_i64()), (Some("lxc/101"), Some(0)));
    assert_eq!(client.get("/cluster/nextid").ok(), "100");

    // A change at once, and one that names a configuration which is no longer there.
    let digest = config["digest"].as_str().unwrap();
    assert!(
        client.put("/nodes/pve/lxc/101/config", &[("memory", "1024"), ("digest", digest)]).ok().is_null()
    );
    let late = client.put("/nodes/pve/lxc/101/config", &[("memory", "1024"), ("digest", digest)]);
    assert_eq!(late.reason, "detected modified configuration - file changed by other user? Try again.");
    client.put("/nodes/pve/lxc/101/resize", &[("disk", "rootfs"), ("size", "+2G")]).ok();
    let config = client.get("/nodes/pve/lxc/101/config").ok();
    assert_eq!(
        (config["memory"].as_i64(), config["rootfs"].as_str()),
        (Some(1024), Some("local-lvm:vm-101-disk-0,size=10G"))
    );

    let running = client.delete("/nodes/pve/lxc/101");
    assert_eq!(
        (running.status, running.reason.as_str()),
        (500, "unable to destroy CT 101 - container is running")
    );
    client.post("/nodes/pve/lxc/101/status/shutdown", &[("forceStop", "1")]).ok();
    client.delete("/nodes/pve/lxc/101?purge=1").ok();
    let gone = client.get("/nodes/pve/lxc/101/config");
    assert_eq!(gone.reason, "Configuration file 'nodes/pve/lxc/101.conf' does not exist");
    assert_eq!(client.get("/nodes/pve/storage/local-lvm/content").ok(), json!([]));
    let lines: Vec<String> =
        server.writes().iter().map(|r| format!("{} {} {}", r.method, r.path, r.status)).collect();
    assert_eq!(lines[0], "POST /nodes/pve/lxc 200");
    assert_eq!(lines.last().unwrap(), "DELETE /nodes/pve/lxc/101 200");
    assert!(server.writes()[0].line().contains(" tags=a tags=b "), "{}", server.writes()[0].line());
}

#[test]
fn who_is_nobody_is_told_why() {
    let server = Server::builder().user("ops@pve", "word", &[("/", "VM.Audit")]).start().unwrap();
    let client = Client::anonymous(&server);
    let bare = client.get("/version");
    assert_eq!((bare.status, bare.reason.as_str(), bare.text.as_str()), (401, "No ticket", ""));
    let wrong = client.post("/access/ticket", &[("username", "root@pam"), ("password", "guess")]);
    assert_eq!((wrong.status, wrong.reason.as_str()), (401, "authentication failure"));
    let unknown = client.with("Authorization", "PVEAPIToken=root@pam!none=x").get("/version");
    assert_eq!((unknown.status, unknown.reason.as_str()), (401, "no such token 'none' for user 'root@pam'"));

    let given =
        client.post("/access/ticket", &[("username", "root"), ("realm", "pam"), ("password", "secret")]).ok();
    let cookie = format!("PVEAuthCookie={}", given["ticket"].as_str().unwrap());
    let client = client.with("Cookie", &cookie);
    assert_eq!(client.get("/version").ok()["release"], "9.0");
    let forged = client.delete("/nodes/pve/lxc/101");
    assert_eq!((forged.status, forged.reason.as_str()), (401, "Permission denied - invalid csrf token"));
    let client = client.with("CSRFPreventionToken", given["CSRFPreventionToken"].as_str().unwrap());
    assert_eq!(client.delete("/nodes/pve/lxc/101").status, 500);
    server.expire_tickets();
    assert_eq!(client.get("/version").reason, "permission denied - invalid PVE ticket");
}

#[test]
fn privileges_are_asked_for_in_the_words_of_the_original() {
    let acl = [("/", "VM.Audit Datastore.Audit"), ("/vms/102", "VM.Audit VM.PowerMgmt VM.Config.CPU")];
    let server = Server::builder()
        .token_with("root@pam!few", "few", &acl)
        .guest(Guest::lxc(101, "one"))
        .guest(Guest::lxc(102, "two"))
        .start()
        .unwrap();
    let client = Client::anonymous(&server).with("Authorization", "PVEAPIToken=root@pam!few=few");
    let refused = |answer: client::Answer, message: &str| {
        assert_eq!((answer.status, answer.reason.as_str()), (403, message));
        assert_eq!(answer.body["message"], format!("{message}\n"));
        assert!(answer.body["data"].is_null());
    };
    client.get("/nodes/pve/lxc/101/config").ok();
    refused(client.delete("/nodes/pve/lxc/101"), "Permission check failed (/vms/101, VM.Allocate)");
    refused(
        client.post("/nodes/pve/lxc/101/status/start", &[]),
        "Permission check failed (/vms/101, VM.PowerMgmt)",
    );
    refused(
        client.put("/nodes/pve/lxc/102/config", &[("memory", "1024")]),
        "Permission check failed (/vms/102, VM.Config.Memory)",
    );
    refused(
        client.post("/nodes/pve/aplinfo", &[("storage", "local"), ("template", "x")]),
        "Permission check failed (/storage/local, Datastore.AllocateTemplate)",
    );
    // The original does not say what is lacking here.
    refused(
        client.post("/nodes/pve/lxc", &[("vmid", "103"), ("ostemplate", TEMPLATE)]),
        "Permission check failed",
    );
    client.put("/nodes/pve/lxc/102/config", &[("cores", "4")]).ok();
    client.post("/nodes/pve/lxc/102/status/start", &[]).ok();
    assert_eq!((server.vmids(), server.guest(102).unwrap().status), (vec![101, 102], "running".to_owned()));
}

#[test]
fn wrong_parameters_unknown_paths_and_missing_things() {
    let server = Server::builder().guest(Guest::lxc(101, "one").node("pve")).start().unwrap();
    let client = Client::token(&server);
    let wrong = client.post("/nodes/pve/lxc", &[("vmid", "101"), ("memory", "many"), ("nonsense", "1")]);
    assert_eq!((wrong.status, wrong.reason.as_str()), (400, "Parameter verification failed."));
    let errors = json!({
        "memory": "type check ('integer') failed - got 'many'",
        "nonsense": "property is not defined in schema and the schema does not allow additional properties",
        "ostemplate": "property is missing and it is not optional",
    });
    assert_eq!(wrong.body["errors"], errors);
    let unknown = client.get("/nodes/pve/firewall/rules");
    assert_eq!(
        (unknown.status, unknown.reason.as_str()),
        (501, "Method 'GET /nodes/pve/firewall/rules' not implemented")
    );
    assert_eq!(client.post("/version", &[]).reason, "Method 'POST /version' not implemented");
    let message = |answer: client::Answer| (answer.status, answer.reason);
    let new = |fields: &[(&str, &str)]| message(client.post("/nodes/pve/lxc", fields));
    assert_eq!(
        new(&[("vmid", "101"), ("ostemplate", TEMPLATE)]),
        (500, "CT 101 already exists on node 'pve'".into())
    );
    assert_eq!(
        new(&[("vmid", "102"), ("ostemplate", "local:vztmpl/debian-99.tar.zst")]),
        (500, "volume 'local:vztmpl/debian-99.tar.zst' does not exist".into())
    );
    assert_eq!(
        new(&[("vmid", "102"), ("ostemplate", TEMPLATE), ("rootfs", "none:8")]),
        (500, "storage 'none' does not exist".into())
    );
    let elsewhere = client.get("/nodes/other/lxc");
    assert!(elsewhere.reason.starts_with("hostname lookup 'other' failed"), "{}", elsewhere.reason);
    server.lock(101, "backup");
    assert_eq!(
        message(client.put("/nodes/pve/lxc/101/config", &[("cores", "1")])),
        (500, "CT is locked (backup)".into())
    );
    client.post("/nodes/pve/lxc/101/status/start", &[]).ok();
    assert_eq!(server.tasks().last().unwrap().exitstatus.as_deref(), Some("CT is locked (backup)"));
}

#[test]
fn tasks_fail_wait_and_hang_when_they_are_told_to() {
    let server = Server::builder().start().unwrap();
    let client = Client::token(&server);
    let why = "unable to create CT 101 - command 'lvcreate' failed: exit code 5";
    server.fail_next("vzcreate", why);
    let upid = create(&client, "101");
    let task = client.get(&format!("/nodes/pve/tasks/{upid}/status")).ok();
    assert_eq!(task["exitstatus"], why);
    assert_eq!(
        client.get(&format!("/nodes/pve/tasks/{upid}/log")).ok()[0]["t"],
        format!("TASK ERROR: {why}")
    );
    assert!(server.vmids().is_empty());

    create(&client, "101");
    server.hang("vzstart");
    let upid = client.post("/nodes/pve/lxc/101/status/start", &[]).ok();
    let path = format!("/nodes/pve/tasks/{}/status", upid.as_str().unwrap());
    std::thread::sleep(Duration::from_millis(50));
    let task = client.get(&path).ok();
    assert_eq!((task["status"].as_str(), task.get("exitstatus")), (Some("running"), None));
    server.release("vzstart");
    assert_eq!(client.wait(&path)["exitstatus"], "OK");

    server.delay("vzshutdown", Duration::from_millis(150));
    let upid = client.post("/nodes/pve/lxc/101/status/shutdown", &[]).ok();
    let path = format!("/nodes/pve/tasks/{}/status", upid.as_str().unwrap());
    assert_eq!(client.get(&path).ok()["status"], "running");
    assert_eq!(client.wait(&path)["exitstatus"], "OK");
    server.fail_request("GET", "/version", 595, "Connection refused");
    let fault = client.get("/version");
    assert_eq!((fault.status, fault.reason.as_str()), (595, "Connection refused"));
    client.get("/version").ok();
}

#[test]
fn templates_copies_and_downloads() {
    let server = Server::builder()
        .without_templates()
        .content("local:iso/x.iso", 10)
        .node("pve2")
        .pool("prod")
        .guest(Guest::lxc(100, "old").set("net0", NET).pool("prod").snapshot("before"))
        .guest(
            Guest::qemu(200, "vm")
                .set("net0", "virtio,bridge=vmbr0")
                .set("scsi0", "local-lvm:32")
                .set("agent", "1")
                .running(),
        )
        .start()
        .unwrap();
    let client = Client::token(&server);
    assert_eq!(client.get("/nodes/pve/storage/local/content?content=vztmpl").ok(), json!([]));
    let name = "debian-13-standard_13.1-2_amd64.tar.zst";
    client.post("/nodes/pve/aplinfo", &[("storage", "local"), ("template", name)]).ok();
    client.upload("/nodes/pve/storage/local/upload", "iso", "small.iso", &vec![7; 3 << 20]);
    let url = [("url", "https://example.com/d.tar.xz"), ("content", "vztmpl"), ("filename", "d.tar.xz")];
    client.post("/nodes/pve/storage/local/download-url", &url).ok();
    let volumes = client.get("/nodes/pve/storage/local/content").ok();
    let sizes: Vec<(&str, u64)> = volumes
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["volid"].as_str().unwrap(), v["size"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        sizes,
        [
            ("local:iso/small.iso", 3 << 20),
            ("local:iso/x.iso", 10),
            ("local:vztmpl/d.tar.xz", 128 << 20),
            (TEMPLATE, 128 << 20)
        ]
    );
    client.delete(&format!("/nodes/pve/storage/local/content/{TEMPLATE}")).ok();
    assert_eq!(
        client.get("/nodes/pve/storage/local/content?content=vztmpl").ok().as_array().unwrap().len(),
        1
    );

    client
        .post(
            "/nodes/pve/lxc/100/clone",
            &[("newid", "101"), ("hostname", "new"), ("full", "1"), ("pool", "prod")],
        )
        .ok();
    let (old, new) = (server.guest(100).unwrap(), server.guest(101).unwrap());
    assert_ne!(old.config["net0"], new.config["net0"]);
    assert_eq!(
        (new.config["hostname"].as_str(), new.config["rootfs"].as_str()),
        ("new", "local-lvm:vm-101-disk-0,size=4G")
    );
    let members = client.get("/pools/prod").ok()["members"].as_array().unwrap().len();
    assert_eq!(
        (members, client.get("/nodes/pve/lxc/100/snapshot").ok()[0]["name"].as_str()),
        (2, Some("before"))
    );
    let refused = client.post("/nodes/pve/lxc/100/template", &[]);
    assert_eq!(refused.reason, "unable to create template, because CT contains snapshots");
    assert!(client.post("/nodes/pve/lxc/101/template", &[]).ok().is_null());
    assert_eq!(client.get("/cluster/resources?type=vm").ok()[1]["template"], 1);

    assert_eq!(client.get("/nodes/pve/qemu/200/config").ok()["memory"], "512");
    assert_eq!(client.get("/nodes/pve/qemu/200/status/current").ok()["qmpstatus"], "running");
    assert_eq!(
        client.get("/nodes/pve/qemu/200/agent/network-get-interfaces").ok()["result"][1]["name"],
        "eth0"
    );
    client.post("/nodes/pve/qemu/200/migrate", &[("target", "pve2"), ("online", "1")]).ok();
    client.post("/nodes/pve2/qemu/200/status/shutdown", &[]).ok();
    client.post("/nodes/pve2/qemu/200/clone", &[("newid", "201"), ("name", "copy"), ("full", "1")]).ok();
    assert_eq!(server.guest(201).unwrap().config["scsi0"], "local-lvm:vm-201-disk-0,size=32G");
    client.put("/nodes/pve2/qemu/201/config", &[("cores", "4"), ("delete", "agent")]).ok();
    client.delete("/nodes/pve2/qemu/200").ok();
    assert_eq!(server.vmids(), [100, 101, 201]);
}
