//! What modules ask a cluster about its guests.

use super::trouble::Trouble;
use crate::proxmox::{Client, path};
use windlass_protocol::{Json, JsonMap};

/// The kinds of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lxc,
    Qemu,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Lxc => "lxc",
            Self::Qemu => "qemu",
        }
    }
}

/// A guest, as the list of the cluster's resources has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) vmid: i64,
    pub(super) name: String,
    pub(super) node: String,
    pub(super) kind: String,
    pub(super) template: bool,
}

/// A whole number, also where it comes as a text.
pub(super) fn whole(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A boolean, as the server gives it.
pub(super) fn is_set(value: Option<&Json>) -> bool {
    value.is_some_and(|v| v == true || whole(v) == Some(1))
}

impl Guest {
    fn of(item: &Json) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let vmid = item.get("vmid").and_then(whole)?;
        let template = is_set(item.get("template"));
        Some(Self { vmid, name: text("name"), node: text("node"), kind: text("type"), template })
    }

    /// Path of something below this guest.
    pub(super) fn path(&self, kind: Kind, below: &[&str]) -> String {
        guest_path(&self.node, kind, self.vmid, below)
    }
}

/// Path of something below a guest.
pub(super) fn guest_path(node: &str, kind: Kind, vmid: i64, below: &[&str]) -> String {
    let vmid = vmid.to_string();
    path(&[&["nodes", node, kind.word(), vmid.as_str()][..], below].concat())
}

/// All guests of the cluster.
pub(super) async fn guests(client: &Client) -> Result<Vec<Guest>, Trouble> {
    let found = client.get("/cluster/resources", &[("type", "vm")]).await;
    let found = found
        .map_err(|e| Trouble::from(e).during("Unable to retrieve list of VMs from cluster resources: "))?;
    Ok(found.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Guest::of).collect())
}

/// The next number that is free.
pub(super) async fn next_id(client: &Client) -> Result<i64, Trouble> {
    let failed = "Unable to retrieve next free vmid: ";
    let found = client.get("/cluster/nextid", &[]).await.map_err(|e| Trouble::from(e).during(failed))?;
    whole(&found).ok_or_else(|| Trouble::wish(format!("{failed}the server gave {found}")))
}

/// Whether the cluster has a node.
pub(super) async fn has_node(client: &Client, node: &str) -> Result<bool, Trouble> {
    let found = client.get("/nodes", &[]).await;
    let found = found.map_err(|e| Trouble::from(e).during("Unable to retrieve Proxmox VE node: "))?;
    let nodes = found.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(nodes.iter().any(|item| item.get("node").and_then(Json::as_str) == Some(node)))
}

/// Refuses a guest on another node than the one that a task names: who wrote the number there had another one in mind.
pub(super) fn on_node(guest: &Guest, who: &str, node: Option<&str>) -> Result<(), Trouble> {
    match node.filter(|node| !node.is_empty() && *node != guest.node) {
        None => Ok(()),
        Some(node) => {
            Err(Trouble::about("node", format!("VM {who} is on node {}, and not on {node}", guest.node))
                .hint(format!("give it another number, or name the node {}", guest.node)))
        }
    }
}

/// A guest's configuration.
pub(super) async fn config(client: &Client, node: &str, kind: Kind, vmid: i64) -> Result<JsonMap, Trouble> {
    let found = client.get(&guest_path(node, kind, vmid, &["config"]), &[]).await?;
    Ok(found.as_object().cloned().unwrap_or_default())
}

/// A guest's status: `running`, `stopped`, `mounted`.
pub(super) async fn status(client: &Client, guest: &Guest, kind: Kind) -> Result<String, Trouble> {
    let found = client.get(&guest.path(kind, &["status", "current"]), &[]).await?;
    Ok(found.get("status").and_then(Json::as_str).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_guest_of_the_resources() {
        let item =
            json!({"id": "lxc/101", "vmid": 101, "name": "web", "node": "pve", "type": "lxc", "template": 0});
        let guest = Guest::of(&item).map(|g| (g.path(Kind::Lxc, &["status", "current"]), g.template));
        assert_eq!(guest, Some(("/nodes/pve/lxc/101/status/current".to_owned(), false)));
        assert_eq!(Guest::of(&json!({"type": "node"})), None);
        assert_eq!(whole(&json!("100")), Some(100));
    }
}
