//! What takes its time, or comes in between: tickets that end, states that are not told, numbers that somebody else takes, servers
//! that stand still.

use super::drive::*;
use serde_json::json;
use std::time::{Duration, Instant};
use windlass_test_proxmox::{Guest, Server};

#[test]
fn a_ticket_that_ends_while_a_task_runs() {
    let server = Server::builder()
        .ticket_lifetime(Duration::from_secs(2))
        .guest(Guest::lxc(101, "web"))
        .start()
        .unwrap();
    server.delay("vzstart", Duration::from_secs(4));
    let result = one(&server, lxc(json!({"vmid": 101, "state": "started"})));
    assert_eq!(short(&result), ("changed", "VM web (101) started."));
    let requests = server.requests();
    assert!(requests.iter().any(|r| r.status == 401), "it ended in between");
    let logins = requests.iter().filter(|r| r.path == "/access/ticket" && r.status == 200);
    assert!(logins.count() >= 2);
    assert_eq!(writes(&server), ["POST /nodes/pve/lxc/101/status/start"], "nothing was sent twice");
}

#[test]
fn a_ticket_that_ends_before_something_is_written() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    let start = "/nodes/pve/lxc/101/status/start";
    let step = || lxc(json!({"vmid": 101, "state": "started"}));
    server.fail_request("POST", start, 401, "permission denied - invalid PVE ticket");
    assert_eq!(short(&one(&server, step())), ("changed", "VM web (101) started."));
    let statuses: Vec<u16> = server.writes().iter().map(|r| r.status).collect();
    assert_eq!(statuses, [401, 200]);
    // One that is refused with a new ticket too is not asked for a third time.
    server.clear_requests();
    let stop = || lxc(json!({"vmid": 101, "state": "stopped"}));
    for _ in 0..2 {
        server.fail_request("POST", "/nodes/pve/lxc/101/status/shutdown", 401, "No ticket");
    }
    let result = one(&server, stop());
    assert_eq!(short(&result), ("failed", "An error occurred: 401 Unauthorized: No ticket"));
    assert_eq!(server.writes().len(), 2);
}

#[test]
fn a_state_that_is_not_told() {
    let after = |silences: usize| {
        let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
        for _ in 0..silences {
            server.fail_request("GET", "/nodes/pve/tasks/*", 596, "Connection timed out");
        }
        one(&server, lxc(json!({"vmid": 101, "state": "started"})))
    };
    let (eight, nine) = std::thread::scope(|scope| {
        let nine = scope.spawn(|| after(9));
        (after(8), nine.join().unwrap())
    });
    assert_eq!(short(&eight), ("changed", "VM web (101) started."));
    let (state, text) = short(&nine);
    assert_eq!(state, "failed");
    let because = "An error occurred: 596 Errors during TLS negotiation, request sending and header processing: Connection timed out";
    assert_eq!(text, because);
    assert_eq!(nine["changed"], json!(true), "the server took it on");
}

#[test]
fn a_number_that_somebody_else_takes_first() {
    let server = Server::builder()
        .guest(Guest::lxc(100, "first"))
        .guest(Guest::qemu(101, "second"))
        .guest(Guest::qemu(900, "base").template())
        .start()
        .unwrap();
    let web = lxc(json!({"node": "pve", "hostname": "web", "ostemplate": DEBIAN, "disk": "local-lvm:8"}));
    let copy = lxc(json!({"node": "pve", "hostname": "copy", "clone": 100, "clone_type": "full"}));
    let db = kvm(json!({"node": "pve", "name": "db", "net": {"net0": "virtio,bridge=vmbr0"}}));
    let clone = kvm(json!({"node": "pve", "name": "clone", "clone": "base"}));
    for step in [web.clone(), copy, db, clone] {
        // Two who asked at the same time were told the same; we come second, and again with the next one.
        server.propose(100);
        server.propose(101);
        let before = server.vmids();
        let result = one(&server, step);
        let (state, text) = short(&result);
        let new: Vec<u32> = server.vmids().into_iter().filter(|id| !before.contains(id)).collect();
        assert_eq!((state, new.len()), ("changed", 1), "{text}");
        assert_eq!(result["vmid"], json!(new[0]));
        assert!(text.contains(&new[0].to_string()), "{text}");
        let statuses: Vec<u16> = server.writes().iter().map(|r| r.status).collect();
        assert_eq!(statuses, [500, 500, 200]);
        server.clear_requests();
    }

    // There is an end to it,
    (0..20).for_each(|_| server.propose(100));
    let result = one(&server, web.clone().with("hostname", "late"));
    let (state, text) = short(&result);
    assert_eq!(state, "failed");
    let because = "An error occurred: 500 Internal Server Error: CT 100 already exists on node 'pve'";
    assert_eq!(text, because);
    assert_eq!(writes(&server).len(), 5);
    // and a number that the task names is the one that is meant.
    server.fail_request("POST", "/nodes/pve/lxc", 500, "CT 555 already exists on node 'pve'");
    let result = one(&server, web.with("vmid", 555));
    assert_eq!(
        msg(&result),
        "An error occurred: 500 Internal Server Error: CT 555 already exists on node 'pve'"
    );
    assert_eq!(writes(&server).len(), 1);
}

#[test]
fn two_at_the_same_time_get_two_numbers() {
    let server = Server::builder().start().unwrap();
    let create = |name: &str| {
        one(
            &server,
            lxc(json!({"node": "pve", "hostname": name, "ostemplate": DEBIAN, "disk": "local-lvm:8"})),
        )
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| create("other"));
        (create("one"), other.join().unwrap())
    });
    assert_eq!((short(&one).0, short(&other).0), ("changed", "changed"), "{one} {other}");
    assert_eq!(server.vmids(), [100, 101]);
    assert_ne!(one["vmid"], other["vmid"]);
}

#[test]
fn a_server_that_takes_no_more_of_a_file() {
    let upload = "/nodes/pve/storage/local/upload";
    let send = |size: u64| {
        let server = Server::builder().start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.tar.zst");
        std::fs::File::create(&file).unwrap().set_len(size).unwrap();
        server.stall_request("POST", upload);
        let started = Instant::now();
        let step = template(json!({"node": "pve", "src": file, "timeout": 2}));
        let result = one(&server, step.clone());
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        // The server does what it should the next time.
        assert_eq!(short(&one(&server, step)).0, "changed");
        let (state, text) = short(&result);
        assert_eq!(state, "failed");
        let front = format!(
            "Uploading template {} failed with error: POST {}/api2/json{upload}: for 2 seconds the server ",
            file.display(),
            server.url()
        );
        text.strip_prefix(front.as_str()).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let (small, large) = std::thread::scope(|scope| {
        let large = scope.spawn(|| send(64 << 20));
        (send(1000), large.join().unwrap())
    });
    assert_eq!(small, "did not answer after it had got the whole file");
    assert!(
        large.starts_with("took nothing more of the file (") && large.ends_with(" bytes were on their way)"),
        "{large}"
    );
}
