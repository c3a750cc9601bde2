//! Asking the cluster: everything that the inventory needs, before any of it is put there.

use super::super::error::Refused;
use super::Options;
use super::facts::agent_enabled;
use crate::proxmox::{ApiError, Client, Settings, path};
use std::time::Duration;
use windlass_protocol::Json;

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    /// Names of pools and of their members.
    pub(super) pools: Vec<(String, Vec<String>)>,
}

/// A node and its guests.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) offline: bool,
    pub(super) address: Option<String>,
    pub(super) guests: Vec<Guest>,
}

/// A guest.
#[derive(Debug, Clone, Default)]
pub(super) struct Guest {
    /// `lxc` or `qemu`.
    pub(super) kind: &'static str,
    /// Its entry in the list of its node.
    pub(super) item: Json,
    pub(super) facts: Option<Facts>,
}

/// What is asked of each guest on its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) status: Json,
    pub(super) config: Json,
    pub(super) snapshots: Json,
    /// A container's interfaces.
    pub(super) interfaces: Option<Json>,
    /// What a virtual machine's agent says of its interfaces.
    pub(super) agent: Option<Json>,
}

/// Asks, in a thread with a runtime of its own: inventories are read where there may be another one, or none.
pub(super) fn fetch(options: &Options) -> Result<Cluster, Refused> {
    let run = || -> Result<Result<Cluster, ApiError>, std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(cluster(options)))
    };
    let result = std::thread::scope(|scope| scope.spawn(run).join());
    let result = result.map_err(|_| Refused::new("the requests to the cluster ended unexpectedly"))?;
    match result {
        Ok(Ok(cluster)) => Ok(cluster),
        Ok(Err(error)) => {
            let refused = Refused::new(error.to_string());
            Err(match error.hint() {
                Some(hint) => {
                    refused.hint(hint.replace("`api_host` and `api_port`", "`url`").replace("api_", ""))
                }
                None => refused,
            })
        }
        Err(error) => Err(Refused::new(format!("cannot start: {error}"))),
    }
}

fn items(list: Json) -> Vec<Json> {
    match list {
        Json::Array(items) => items,
        _ => Vec::new(),
    }
}

fn text(item: &Json, name: &str) -> String {
    item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
}

async fn cluster(options: &Options) -> Result<Cluster, ApiError> {
    let client = Client::connect(&Settings {
        url: options.url.clone(),
        login: options.login.clone(),
        verify: options.validate_certs,
        patience: PATIENCE,
    })
    .await?;
    let mut out = Cluster::default();
    for item in items(client.get("/nodes", &[]).await?) {
        let name = text(&item, "node");
        if name.is_empty() {
            continue;
        }
        let mut node = Node {
            kind: text(&item, "type"),
            offline: text(&item, "status") == "offline",
            name,
            ..Node::default()
        };
        if !node.offline {
            if options.nodes_ansible_host && !options.exclude_nodes {
                let network = client.get(&path(&["nodes", &node.name, "network"]), &[]).await?;
                node.address = address(items(network));
            }
            for kind in ["lxc", "qemu"] {
                for item in items(client.get(&path(&["nodes", &node.name, kind]), &[]).await?) {
                    let facts = match options.want_facts && !is_template(&item) {
                        true => Some(facts(&client, &node.name, kind, &item).await?),
                        false => None,
                    };
                    node.guests.push(Guest { kind, item, facts });
                }
            }
        }
        out.nodes.push(node);
    }
    for pool in items(client.get("/pools", &[]).await?) {
        let name = text(&pool, "poolid");
        if name.is_empty() {
            continue;
        }
        let found = client.get(&path(&["pools", &name]), &[]).await?;
        let members = found.get("members").cloned().map(items).unwrap_or_default();
        let members = members.iter().map(|member| text(member, "name")).filter(|n| !n.is_empty());
        out.pools.push((name, members.collect()));
    }
    Ok(out)
}

/// Whether a guest is a template: those are no hosts.
pub(super) fn is_template(item: &Json) -> bool {
    match item.get("template") {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => !text.is_empty(),
        Some(other) => other.as_i64() != Some(0),
    }
}

/// The first address of a node that has a way out, by the names of its interfaces.
fn address(mut interfaces: Vec<Json>) -> Option<String> {
    interfaces.sort_by_key(|iface| text(iface, "iface"));
    let has = |iface: &&Json| ["active", "address", "gateway"].iter().all(|key| iface.get(*key).is_some());
    interfaces.iter().find(has).map(|iface| text(iface, "address"))
}

async fn facts(client: &Client, node: &str, kind: &str, item: &Json) -> Result<Facts, ApiError> {
    let vmid = match item.get("vmid") {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let at = |below: &[&str]| path(&[&["nodes", node, kind, vmid.as_str()][..], below].concat());
    let status = client.get(&at(&["status", "current"]), &[]).await?;
    let config = client.get(&at(&["config"]), &[]).await?;
    let snapshots = client.get(&at(&["snapshot"]), &[]).await?;
    let running = text(&status, "status") == "running";
    let mut interfaces = None;
    if kind == "lxc" && running {
        interfaces = match client.get(&at(&["interfaces"]), &[]).await {
            // Old servers cannot tell.
            Err(error) if error.status() == Some(501) => None,
            found => Some(found?),
        };
    }
    let mut agent = None;
    if config.get("agent").is_some_and(agent_enabled) {
        agent = match client.get(&at(&["agent", "network-get-interfaces"]), &[]).await {
            // The agent may not run.
            Err(ApiError::Refused(_)) => None,
            found => found?.get("result").cloned(),
        };
    }
    Ok(Facts { status, config, snapshots, interfaces, agent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_address_of_a_node() {
        let interfaces = json!([
            {"iface": "vmbr1", "active": 1, "address": "10.1.0.1"},
            {"iface": "vmbr0", "active": 1, "address": "10.0.0.1", "gateway": "10.0.0.254"},
            {"iface": "eno1", "active": 1}
        ]);
        assert_eq!(address(items(interfaces)).as_deref(), Some("10.0.0.1"));
        assert_eq!(address(Vec::new()), None);
    }

    #[test]
    fn templates_are_told_from_guests() {
        assert!(is_template(&json!({"template": 1})) && is_template(&json!({"template": "1"})));
        assert!(!is_template(&json!({"template": 0})) && !is_template(&json!({"template": ""})));
        assert!(!is_template(&json!({})));
    }
}
