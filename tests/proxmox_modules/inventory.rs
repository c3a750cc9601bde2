//! The inventory plugin: what it finds, beside what the original finds.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use windlass_test_oracle::Reference;
use windlass_test_proxmox::{Guest, Server};

fn server() -> Server {
    Server::builder()
        .node("pve-2")
        .pool("Prod")
        .guest(
            Guest::lxc(101, "web")
                .set("net0", "name=eth0,bridge=vmbr0,ip=10.0.10.5/24,gw=10.0.10.1,hwaddr=BC:24:11:00:00:05")
                .set("description", "a=b,c=d")
                .running()
                .tags("web;app")
                .pool("Prod"),
        )
        .guest(Guest::lxc(102, "old").set("net0", "name=eth0,bridge=vmbr0,ip=dhcp,hwaddr=BC:24:11:00:00:06"))
        .guest(Guest::lxc(900, "base").template())
        .guest(
            Guest::qemu(200, "db")
                .node("pve-2")
                .set("memory", "2048")
                .set("agent", "enabled=1")
                .set("net0", "virtio=BC:24:11:00:00:07,bridge=vmbr0")
                .set("ipconfig0", "ip=10.0.10.7/24,gw=10.0.10.1")
                .running(),
        )
        .start()
        .unwrap()
}

/// The inventory as JSON by one of the programs.
fn list(program: &mut Command, folder: &Path) -> Value {
    let output = program
        .current_dir(folder)
        .args(["-i", "lab.proxmox.yml", "--list"])
        .env("ANSIBLE_NOCOLOR", "1")
        .env("PM_SECRET", "secret")
        .env_remove("ANSIBLE_CONFIG")
        // With it `requests` checks certificates also where it is told not to.
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    let mut tree: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}\n{said}"));
    sort(&mut tree);
    tree
}

/// Lists of hosts and groups in one order: the original's come from sets.
fn sort(tree: &mut Value) {
    for (name, group) in tree.as_object_mut().unwrap() {
        for key in ["hosts", "children"] {
            if let Some(items) = group.get_mut(key).and_then(Value::as_array_mut).filter(|_| name != "_meta")
            {
                items.sort_by_key(ToString::to_string);
            }
        }
    }
}

const CONFIGS: &[&str] = &[
    "want_proxmox_nodes_ansible_host: true\n",
    "want_facts: true\nexclude_nodes: true\nfilters: [\"proxmox_vmtype == 'lxc'\", \"'web' in (proxmox_tags_parsed | default([]))\"]\n",
    "want_facts: true\nqemu_extended_statuses: true\ngroup_prefix: px-\nfacts_prefix: fact_\nkeyed_groups:\n  - {key: fact_status, prefix: is}\n  \
     - {key: fact_tags_parsed, prefix: tag, separator: '', parent_group: tagged}\n  - {key: 'fact_net0', prefix: net, trailing_separator: false}\ngroups: {small: 'fact_vmid < 150'}\n\
     compose:\n  ansible_host: fact_net0.ip | default('none') | split('/') | first\n  kind: \"'guest'\"\n",
];

#[test]
fn the_same_guests_as_by_the_original() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let reference = Reference::get().and_then(|r| Some((r, r.proxmox()?)));
    for config in CONFIGS {
        let text = format!(
            "plugin: community.proxmox.proxmox\nurl: \"{{{{ '{}/' }}}}\"\nuser: root@pam\npassword: \"{{{{ lookup('ansible.builtin.env', 'PM_SECRET') }}}}\"\nvalidate_certs: false\n{config}",
            server.url()
        );
        std::fs::write(folder.path().join("lab.proxmox.yml"), text).unwrap();
        let ours = list(Command::new(env!("CARGO_BIN_EXE_windlass")).arg("inventory"), folder.path());
        assert!(ours["_meta"]["hostvars"].get("web").is_some() || !config.contains("want_facts"), "{ours:#}");
        let hosts = ours.to_string();
        assert!(hosts.contains("web") && !hosts.contains("base"), "{hosts}");
        let Some((reference, collections)) = &reference else { continue };
        let mut theirs = Command::new(reference.bin().join("ansible-inventory"));
        let theirs = list(
            theirs.env("PYTHONWARNINGS", "ignore").env("ANSIBLE_COLLECTIONS_PATH", collections),
            folder.path(),
        );
        assert_eq!(ours, theirs, "{config}");
    }
    assert!(server.writes().is_empty());
}

#[test]
fn what_goes_wrong_is_a_warning_with_a_reason() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let said = |config: &str| {
        std::fs::write(folder.path().join("lab.proxmox.yml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .current_dir(folder.path())
            .args(["inventory", "-i", "lab.proxmox.yml", "--list"])
            .env("ANSIBLE_NOCOLOR", "1")
            .env_remove("REQUESTS_CA_BUNDLE")
            .env_remove("SSL_CERT_FILE")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let url = server.url();
    let head = format!("plugin: community.proxmox.proxmox\nurl: {url}\nuser: root@pam\n");
    let text = said(&format!("{head}password: secret\n"));
    assert!(
        text.contains("Failed to parse inventory with 'auto' plugin") && text.contains("certificate"),
        "{text}"
    );
    let text = said(&format!("{head}password: wrong-word\nvalidate_certs: false\n"));
    assert!(text.contains("Couldn't authenticate user: root@pam") && !text.contains("wrong-word"), "{text}");
    let text = said(&format!("{head}password: secret\nvalidate_certs: false\nwant_fact: true\n"));
    assert!(text.contains("no option `want_fact`") && text.contains("did you mean `want_facts`?"), "{text}");
}
