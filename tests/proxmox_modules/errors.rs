//! What goes wrong, and how it is said.

use super::drive::*;
use serde_json::json;
use windlass_test_proxmox::{Guest, Server};

fn web() -> Step {
    lxc(
        json!({"node": "pve", "vmid": 101, "hostname": "web", "ostemplate": DEBIAN, "disk": "local-lvm:8", "password": "hunter2"}),
    )
}

#[test]
fn a_failing_task_tells_its_log() {
    let server = Server::builder().start().unwrap();
    server.fail_next("vzcreate", "unable to create CT 101 - no space left on device");
    let result = one(&server, web());
    let text = msg(&result);
    assert!(text.starts_with("An error occurred: the server's task UPID:pve:"), "{text}");
    assert!(
        text.contains("failed: unable to create CT 101 - no space left on device. The end of its log:\n"),
        "{text}"
    );
    assert!(result["taskid"].as_str().unwrap().starts_with("UPID:pve:"));
    assert!(!result["task_log"].as_array().unwrap().is_empty());
}

#[test]
fn a_task_that_does_not_end() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    server.hang("vzstart");
    let started = std::time::Instant::now();
    let result = one(&server, lxc(json!({"vmid": 101, "state": "started", "timeout": 1})));
    assert!(started.elapsed().as_secs() < 20);
    let (state, text) = short(&result);
    assert_eq!(state, "failed");
    assert!(
        text.starts_with("Reached timeout while waiting for VM to start. Last line in task before timeout: "),
        "{text}"
    );
    server.release("vzstart");
}

#[test]
fn tokens_and_what_they_may() {
    let server = Server::builder()
        .token("root@pam!full", "token-secret-1")
        .token_with("root@pam!ro", "token-secret-2", &[("/", "VM.Audit Sys.Audit Datastore.Audit")])
        .guest(Guest::lxc(101, "web"))
        .start()
        .unwrap();
    let by = |step: Step, id: &str, secret: &str| {
        step.with("api_password", json!(null)).with("api_token_id", id).with("api_token_secret", secret)
    };
    let start = || lxc(json!({"vmid": 101, "state": "started"}));
    let results = run(
        &server,
        &[
            by(start(), "ro", "token-secret-2"),
            by(start(), "ro", "token-secret-2").check(),
            by(start(), "full", "wrong-secret-3"),
            by(start(), "full", "token-secret-1"),
            start().with("api_password", json!(null)),
            start().with("api_password", json!(null)).with("api_token_id", "ro"),
            start().with("api_host", json!(null)),
        ],
    );
    assert_eq!(
        short(&results[0]),
        ("failed", "An error occurred: 403 Forbidden: Permission check failed (/vms/101, VM.PowerMgmt)")
    );
    assert_eq!(short(&results[1]).0, "changed", "what is only read does not tell");
    let text = msg(&results[2]);
    assert!(text.starts_with("401 Unauthorized: ") && !text.contains("wrong-secret-3"), "{text}");
    assert_eq!(short(&results[3]), ("changed", "VM web (101) started."));
    assert_eq!(msg(&results[4]), "one of the following is required: api_password, api_token_id");
    assert_eq!(msg(&results[5]), "parameters are required together: api_token_id, api_token_secret");
    assert_eq!(msg(&results[6]), "missing required arguments: api_host");
}

#[test]
fn a_password_that_is_wrong() {
    let server = Server::builder().start().unwrap();
    let result = one(&server, info(json!({"api_password": "hunter2"})));
    let text = msg(&result);
    let wanted =
        format!("Couldn't authenticate user: root@pam to {}/api2/json/access/ticket: 401 ", server.url());
    assert!(text.starts_with(&wanted), "{text}");
}

#[test]
fn a_template_that_is_not_there() {
    let server = Server::builder().start().unwrap();
    let wrong = DEBIAN.replace("13.1-2", "13.1-3");
    let (output, results) = play(&mut windlass(), &server, &[web().with("ostemplate", wrong.as_str())]);
    assert_eq!(
        short(&results[0]),
        ("failed", format!("ostemplate {wrong} does not exist on node pve and storage local.").as_str())
    );
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("did you mean `{DEBIAN}`?")), "{said}");
    assert!(writes(&server).is_empty());
}

#[test]
fn refusals_of_the_server() {
    let server =
        Server::builder().guest(Guest::lxc(100, "old")).guest(Guest::qemu(200, "vm")).start().unwrap();
    server.lock(100, "backup");
    let results = run(
        &server,
        &[
            lxc(json!({"vmid": 100, "state": "started"})),
            lxc(json!({"vmid": 200, "state": "started"})),
            kvm(json!({"vmid": 100, "state": "started"})),
            lxc(json!({"vmid": 999, "state": "started"})),
            lxc(json!({"hostname": "nobody", "state": "stopped"})),
            lxc(json!({"node": "pve", "vmid": 101, "hostname": "web"})),
            web().with("memory", 1),
            web().with("tags", json!(["-x"])),
            web().with("netif", json!({"net0": "bridge=vmbr0"})),
            web().with("disk", "nas:8"),
            kvm(json!({"node": "nowhere", "name": "x"})),
        ],
    );
    let said: Vec<_> = results.iter().map(msg).collect();
    assert!(said[0].contains("CT is locked (backup)"), "{}", said[0]);
    assert_eq!(said[1], "The specified VM 200 is not an lxc.");
    assert_eq!(said[2], "100 is a container, and no virtual machine");
    assert_eq!(said[3], "An error occurred: VM with VMID 999 does not exist in cluster.");
    assert_eq!(said[4], "An error occurred: VM with hostname nobody does not exist in cluster.");
    assert_eq!(said[5], "VM web (101) does not exist but neither clone nor ostemplate were specified!");
    let invalid = "An error occurred: 400 Bad Request: Parameter verification failed. - {'memory': ";
    assert!(said[6].starts_with(invalid), "{}", said[6]);
    assert_eq!(said[7], "-x is not a valid tag");
    assert!(said[8].contains("net0.name: property is missing"), "{}", said[8]);
    assert!(said[9].starts_with("An error occurred: 500 Internal Server Error: "), "{}", said[9]);
    assert_eq!(said[10], "node 'nowhere' does not exist in cluster");
    for result in &results {
        assert_eq!(short(result).0, "failed");
    }
}

#[test]
fn certificates() {
    let server = Server::builder().start().unwrap();
    let strict = || info(json!({"validate_certs": true}));
    let refused = one(&server, strict());
    assert!(msg(&refused).contains("certificate"), "{refused}");
    for variable in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let (_, results) = play(windlass().env(variable, server.ca_path()), &server, &[strict()]);
        assert_eq!(results[0]["proxmox_vms"], json!([]), "{variable}: {}", results[0]);
    }
}

#[test]
fn a_server_that_is_not_there() {
    let server = Server::builder().start().unwrap();
    let result = one(&server, info(json!({"api_host": "127.0.0.1", "api_port": 1})));
    assert!(msg(&result).starts_with("POST https://127.0.0.1:1/api2/json/access/ticket: "), "{result}");
}

#[test]
fn the_environment_stands_in() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    let bare = info(json!({
        "api_host": null, "api_port": null, "api_user": null, "api_password": null, "validate_certs": null
    }));
    let mut program = windlass();
    program
        .env("PROXMOX_HOST", server.host())
        .env("PROXMOX_PORT", server.port().to_string())
        .env("PROXMOX_USER", server.user())
        .env("PROXMOX_PASSWORD", server.password());
    let (_, results) = play(&mut program, &server, &[bare]);
    assert_eq!(results[0]["proxmox_vms"][0]["name"], json!("web"), "{}", results[0]);
}

#[test]
fn mistakes_are_said_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let text = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - community.proxmox.proxmox:\n        vmid: 101\n        sate: started\n\
                \n    - community.general.proxmox_kvm:\n        name: x\n        state: begun\n";
    std::fs::write(folder.path().join("p.yml"), text).unwrap();
    let output = windlass().current_dir(folder.path()).args(["--syntax-check", "p.yml"]).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(said.contains("did you mean `state`?"), "{said}");
    assert!(said.contains("value of state must be one of"), "{said}");
}

#[test]
fn defaults_of_the_group_and_the_environment_of_the_task() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "- hosts: nowhere.example\n  gather_facts: false\n  module_defaults:\n    group/community.proxmox.proxmox:\n      api_host: {}\n      api_port: {}\n      \
         api_user: wrong@pam\n    community.proxmox.proxmox:\n      api_user: root@pam\n  environment: {{PROXMOX_PASSWORD: secret}}\n  tasks:\n    \
         - community.proxmox.proxmox: {{vmid: 101, state: started}}\n",
        server.host(),
        server.port()
    );
    std::fs::write(folder.path().join("p.yml"), text).unwrap();
    let output =
        windlass().current_dir(folder.path()).args(["-i", "nowhere.example,", "p.yml"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("changed: [nowhere.example]"),
        "on the controller, without the host: {said}"
    );
    assert_eq!(writes(&server), ["POST /nodes/pve/lxc/101/status/start"]);
}

#[test]
fn a_strangers_guest_on_another_node() {
    let server = Server::builder()
        .node("pve2")
        .guest(Guest::lxc(900, "other").node("pve2"))
        .guest(Guest::qemu(901, "box").node("pve2"))
        .start()
        .unwrap();
    let container =
        |node: &str| web().with("vmid", 900).with("node", node).with("memory", 512).with("disk", json!(null));
    let machine = kvm(json!({"node": "pve", "vmid": 901, "name": "db", "memory": 4096}));
    let results = run(
        &server,
        &[
            container("pve"),
            container("pve").with("update", false),
            machine.clone(),
            machine.clone().with("update", true),
            kvm(json!({"node": "pve2", "vmid": 900, "name": "db"})),
            kvm(json!({"node": "pve2", "name": "db", "clone": "box", "newid": 900})),
        ],
    );
    let said: Vec<_> = results.iter().map(short).collect();
    let (other, named) =
        ("VM other (900) is on node pve2, and not on pve", "VM box (901) is on node pve2, and not on pve");
    let container_is = "900 is a container, and no virtual machine";
    assert_eq!(said, [other, other, named, named, container_is, container_is].map(|text| ("failed", text)));
    assert!(writes(&server).is_empty());
    let results = run(&server, &[container("pve2"), machine.with("node", "pve2").with("update", true)]);
    assert_eq!(results.iter().map(|r| short(r).0).collect::<Vec<_>>(), ["changed"; 2], "{results:#?}");
}

#[test]
fn a_server_that_is_silent_for_a_moment() {
    let server = Server::builder().guest(Guest::lxc(101, "web")).start().unwrap();
    for _ in 0..3 {
        server.fail_request("GET", "/nodes/pve/tasks/*", 596, "Connection timed out");
    }
    let start = || lxc(json!({"vmid": 101, "state": "started"}));
    assert_eq!(short(&one(&server, start())), ("changed", "VM web (101) started."));
    // What is refused is not asked again; and the server had taken on what it was to do.
    server.fail_request("GET", "/nodes/pve/tasks/*", 403, "Permission check failed");
    let result = one(&server, lxc(json!({"vmid": 101, "state": "stopped"})));
    assert_eq!(short(&result).0, "failed");
    assert_eq!(result["changed"], json!(true), "{result}");
    assert_eq!(server.guest(101).unwrap().status, "stopped");
}
