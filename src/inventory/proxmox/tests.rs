//! Inventories of recorded clusters.
#![allow(clippy::unwrap_used)]

use super::fetch::{Cluster, Facts, Guest, Node};
use super::*;
use crate::secrets::Secrets;
use crate::vars::from_yaml::{OpenNothing, Reader};
use serde_json::json;
use windlass_yaml::{SourceFile, load_one};

fn config(text: &str) -> Map {
    let node = load_one(SourceFile::new("x.proxmox.yml", text)).unwrap().0.unwrap();
    let value = Reader { open: &OpenNothing, secret: false, trusted: true }.value(&node);
    value.as_map().unwrap().clone()
}

fn renderer() -> Renderer {
    Renderer::new(&Arc::new(Secrets::none()), Path::new("/x/x.proxmox.yml"))
}

fn guest(kind: &'static str, vmid: i64, name: &str, status: &str, config: windlass_protocol::Json) -> Guest {
    Guest {
        kind,
        item: json!({"vmid": vmid, "name": name, "status": status, "template": config.get("template").cloned().unwrap_or_default()}),
        facts: Some(Facts {
            status: json!({"status": status, "qmpstatus": if status == "running" { "paused" } else { "stopped" }}),
            config,
            snapshots: json!([{"name": "before"}, {"name": "current"}]),
            interfaces: Some(
                json!([{"name": "eth0", "hwaddr": "bc:24:11:00:00:01", "inet": "10.0.0.5/24", "x": 1}]),
            ),
            agent: None,
        }),
    }
}

fn cluster() -> Cluster {
    Cluster {
        nodes: vec![
            Node {
                name: "pve-1".into(),
                kind: "node".into(),
                address: Some("10.0.0.1".into()),
                guests: vec![
                    guest(
                        "lxc",
                        101,
                        "web",
                        "running",
                        json!({"net0": "name=eth0,ip=10.0.0.5/24", "tags": "web;app"}),
                    ),
                    guest("lxc", 102, "old", "stopped", json!({"hostname": "old", "tags": "{{ 1 / 0 }}"})),
                    guest("lxc", 900, "base", "stopped", json!({"template": 1})),
                    guest("qemu", 200, "db", "running", json!({"memory": "2048"})),
                ],
                ..Node::default()
            },
            Node { name: "pve2".into(), kind: "node".into(), offline: true, ..Node::default() },
        ],
        pools: vec![("Prod".into(), vec!["web".into(), "base".into()])],
    }
}

fn load(text: &str) -> Result<Inventory, String> {
    let options = options(&config(text), &renderer(), &|_| None).map_err(|e| e.to_string())?;
    let mut inventory = Inventory::empty(&Arc::new(Secrets::none()));
    let path = Path::new("/x/x.proxmox.yml");
    populate::populate(&mut inventory, path, &options, &renderer(), &cluster()).map_err(|e| e.to_string())?;
    inventory.reconcile();
    Ok(inventory)
}

const LOGIN: &str = "plugin: community.proxmox.proxmox\nuser: a@pve\npassword: x\n";

#[test]
fn groups_of_nodes_kinds_states_and_pools() {
    let inventory = load(LOGIN).unwrap();
    let hosts = |group: &str| inventory.group_hosts(group);
    assert_eq!(hosts("proxmox_all_lxc"), ["web", "old"]);
    assert_eq!(hosts("proxmox_all_qemu"), ["db"]);
    assert_eq!(hosts("proxmox_all_running"), ["web", "db"]);
    assert_eq!(hosts("proxmox_all_stopped"), ["old"]);
    assert_eq!(hosts("proxmox_pve_1_lxc"), ["web", "old"]);
    assert_eq!(hosts("proxmox_nodes"), ["pve-1", "pve2"]);
    assert_eq!(hosts("proxmox_pool_prod"), ["web"], "a template is no host");
    assert!(!inventory.groups.contains_key("proxmox_all_paused"));
}

#[test]
fn facts_are_variables() {
    let inventory =
        load(&format!("{LOGIN}want_facts: true\nwant_proxmox_nodes_ansible_host: true\n")).unwrap();
    let vars = &inventory.hosts["web"].vars;
    let text = |name: &str| vars.get(name).map(|v| v.to_json().to_string()).unwrap_or_default();
    assert_eq!(text("proxmox_vmid"), "101");
    assert_eq!(text("proxmox_status"), "\"running\"");
    assert_eq!(text("proxmox_net0"), r#"{"name":"eth0","ip":"10.0.0.5/24"}"#);
    assert_eq!(text("proxmox_tags_parsed"), r#"["web","app"]"#);
    assert_eq!(text("proxmox_snapshots"), r#"["before"]"#);
    assert_eq!(
        text("proxmox_lxc_interfaces"),
        r#"[{"name":"eth0","hwaddr":"bc:24:11:00:00:01","inet":"10.0.0.5/24"}]"#
    );
    assert_eq!(inventory.hosts["pve-1"].vars.get("ansible_host"), Some(&Value::from("10.0.0.1")));
    let old = inventory.hosts["old"].vars.get("proxmox_tags").unwrap();
    assert!(old.is_final(), "what the cluster says is no template");
}

#[test]
fn filters_composed_variables_and_groups() {
    let inventory = load(&format!(
        "{LOGIN}want_facts: true\nexclude_nodes: true\nqemu_extended_statuses: true\nfilters: [proxmox_vmtype == 'lxc', \"'web' in (proxmox_tags_parsed | default([]))\"]
compose: {{ansible_host: \"proxmox_net0.ip | split('/') | first\"}}\nkeyed_groups: [{{key: proxmox_tags_parsed, prefix: tag}}]
groups: {{small: proxmox_vmid < 200}}\n"
    ))
    .unwrap();
    assert_eq!(inventory.hosts.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(inventory.hosts["web"].vars.get("ansible_host"), Some(&Value::from("10.0.0.5")));
    assert_eq!(
        inventory.group_names("web"),
        [
            "proxmox_all_lxc",
            "proxmox_all_running",
            "proxmox_pool_prod",
            "proxmox_pve_1_lxc",
            "small",
            "tag_app",
            "tag_web"
        ]
    );
    assert!(inventory.groups.contains_key("proxmox_all_paused"));
}

#[test]
fn a_virtual_machine_that_stands_still() {
    let inventory = load(&format!("{LOGIN}want_facts: true\nqemu_extended_statuses: true\n")).unwrap();
    assert_eq!(inventory.group_hosts("proxmox_all_paused"), ["db"]);
    assert_eq!(inventory.group_hosts("proxmox_all_running"), ["web"]);
}

#[test]
fn options_are_rendered_and_the_environment_stands_in() {
    let text = "{plugin: community.proxmox.proxmox, url: \"{{ 'https://pve' ~ ':8006/' }}\", token_id: ci, token_secret: ' s '}";
    let from = |name: &str| (name == "PROXMOX_USER").then(|| "ci@pve".to_owned());
    let read = options(&config(text), &renderer(), &from).unwrap();
    assert_eq!(read.url, "https://pve:8006");
    assert!(matches!(&read.login, Login::Token { user, secret, .. } if user == "ci@pve" && secret == "s"));
    assert!(read.validate_certs);
}

#[test]
fn mistakes_in_the_configuration() {
    let error = |text: &str| load(text).err().unwrap_or_default();
    assert!(error("{plugin: x, password: y}").contains("required configuration: user"));
    assert!(error("{plugin: x, user: y, token_id: z}").contains("neither `password` nor a token"));
    assert!(error("{plugin: x, user: y, password: z, qemu_extended_statuses: true}").contains("want_facts"));
    assert!(error("{plugin: x, user: '{{ nobody }}', password: z}").contains("cannot render `user`"));
    assert!(
        error(&format!("{LOGIN}strict: true\nfilters: [nothing.here]\n"))
            .contains("host filter nothing.here")
    );
    assert!(error(&format!("{LOGIN}want_facts: perhaps\n")).contains("`want_facts` is true or false"));
}
