//! `community.proxmox.proxmox_vm_info`: what guests there are.

use super::cluster::{self, Kind, guest_path, is_set, whole};
use super::specs::VmInfoArgs;
use super::trouble::Trouble;
use crate::proxmox::{Client, path};
use std::collections::BTreeMap;
use windlass_protocol::{Json, JsonMap};

/// The guests that are asked for, sorted by their numbers.
pub(super) async fn list(client: &Client, args: &VmInfoArgs) -> Result<Vec<Json>, Trouble> {
    if let Some(node) = args.node.as_deref().filter(|node| !node.is_empty())
        && !cluster::has_node(client, node).await?
    {
        return Err(Trouble::about("node", format!("Node {node} doesn't exist in PVE cluster")));
    }
    let found = client.get("/cluster/resources", &[("type", "vm")]).await.map_err(|error| {
        Trouble::from(error).during("Failed to retrieve VMs information from cluster resources: ")
    })?;
    let all: Vec<JsonMap> =
        found.as_array().into_iter().flatten().filter_map(Json::as_object).cloned().collect();
    let mut out = BTreeMap::new();
    for (kind, word) in [(Kind::Qemu, "QEMU"), (Kind::Lxc, "LXC")] {
        if args.r#type != "all" && args.r#type != kind.word() {
            continue;
        }
        let chosen = all.iter().filter(|guest| wanted(guest, kind, args));
        let chosen: BTreeMap<i64, JsonMap> =
            chosen.filter_map(|guest| Some((guest.get("vmid").and_then(whole)?, guest.clone()))).collect();
        let failed = format!("Failed to retrieve {word} VMs information: ");
        let found = details(client, args, kind, chosen, &failed).await;
        out.extend(found.map_err(|t| t.during(failed))?);
    }
    Ok(out.into_values().map(Json::Object).collect())
}

/// Whether a guest is asked for.
fn wanted(guest: &JsonMap, kind: Kind, args: &VmInfoArgs) -> bool {
    let text = |name: &str| guest.get(name).and_then(Json::as_str);
    text("type") == Some(kind.word())
        && args.node.as_deref().filter(|n| !n.is_empty()).is_none_or(|node| text("node") == Some(node))
        && args.vmid.filter(|id| *id != 0).is_none_or(|id| guest.get("vmid").and_then(whole) == Some(id))
        && args.name.as_deref().is_none_or(|name| text("name") == Some(name))
}

/// `101 (web)`, or `101` where the cluster does not know the name.
fn label(guest: &JsonMap) -> String {
    let vmid = guest.get("vmid").and_then(whole).unwrap_or_default();
    match guest.get("name").and_then(Json::as_str) {
        Some(name) => format!("{vmid} ({name})"),
        None => vmid.to_string(),
    }
}

/// What the nodes tell of their guests, and of those that are asked for more.
async fn details(
    client: &Client,
    args: &VmInfoArgs,
    kind: Kind,
    mut guests: BTreeMap<i64, JsonMap>,
    failed: &str,
) -> Result<BTreeMap<i64, JsonMap>, Trouble> {
    let node_of = |guest: &JsonMap| guest.get("node").and_then(Json::as_str).map(str::to_owned);
    let mut nodes: Vec<String> = guests.values().filter_map(node_of).collect();
    nodes.sort();
    nodes.dedup();
    for node in nodes {
        let detected = client.get(&path(&["nodes", &node, kind.word()]), &[]).await.map_err(|error| {
            let silent = matches!(error.status(), Some(595..=599));
            let trouble = Trouble::from(error);
            if !silent {
                return trouble;
            }
            // The cluster knows its guests by number, and only the node itself knows their settings.
            let theirs = guests.values().filter(|guest| node_of(guest).as_deref() == Some(node.as_str()));
            let theirs: Vec<String> = theirs.map(label).collect();
            trouble.during(format!("{failed}node {node} does not answer, and has {}: ", theirs.join(", ")))
        })?;
        for item in detected.as_array().into_iter().flatten() {
            let Some(vmid) = item.get("vmid").and_then(whole) else { continue };
            let (Some(guest), Some(item)) = (guests.get_mut(&vmid), item.as_object()) else { continue };
            guest.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
            guest.insert("vmid".to_owned(), vmid.into());
            let template = is_set(guest.get("template"));
            guest.insert("template".to_owned(), template.into());
            if args.config != "none" {
                let current = if args.config == "pending" { "0" } else { "1" };
                let place = guest_path(&node, kind, vmid, &["config"]);
                guest.insert("config".to_owned(), client.get(&place, &[("current", current)]).await?);
            }
            if args.network {
                let network = match kind {
                    Kind::Lxc => client.get(&guest_path(&node, kind, vmid, &["interfaces"]), &[]).await?,
                    Kind::Qemu => {
                        let place = guest_path(&node, kind, vmid, &["agent", "network-get-interfaces"]);
                        client.get(&place, &[]).await?.get("result").cloned().unwrap_or(Json::Null)
                    }
                };
                guest.insert("network".to_owned(), network);
            }
        }
    }
    Ok(guests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_protocol::{ModuleArgs, args};

    #[test]
    fn guests_are_chosen_by_everything_that_is_named() {
        let guest = json!({"vmid": "101", "name": "web", "node": "pve", "type": "lxc"});
        let guest = guest.as_object().cloned().unwrap_or_default();
        let is = |given: Json, kind| {
            let mut map =
                args::normalize(&VmInfoArgs::SPEC, given.as_object().expect("a mapping")).expect("arguments");
            wanted(&guest, kind, &VmInfoArgs::take(&mut map).expect("types"))
        };
        assert!(is(json!({"vmid": 101, "name": "web", "node": "pve"}), Kind::Lxc));
        assert!(!is(json!({}), Kind::Qemu));
        assert!(!is(json!({"name": "db"}), Kind::Lxc));
        assert!(!is(json!({"node": "pve2"}), Kind::Lxc));
    }
}
