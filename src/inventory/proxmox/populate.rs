//! From what a cluster has to hosts and groups.

use super::super::constructed::{Renderer, is_true};
use super::super::error::Refused;
use super::super::model::Inventory;
use super::super::sources::Origin;
use super::Options;
use super::facts::{safe, variables};
use super::fetch::{Cluster, Guest, is_template};
use crate::vars::value::scalar_text;
use crate::vars::{Key, Map, Value};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use windlass_protocol::Json;
use windlass_yaml::diagnostic::Diagnostic;

struct Work<'a> {
    inventory: &'a mut Inventory,
    origin: Origin,
    options: &'a Options,
    renderer: &'a Renderer,
}

/// Puts a cluster's nodes and guests into the inventory.
pub(super) fn populate(
    inventory: &mut Inventory,
    path: &Path,
    options: &Options,
    renderer: &Renderer,
    cluster: &Cluster,
) -> Result<(), Refused> {
    let secrets = Arc::clone(&inventory.secrets);
    let origin = Origin::of(path, false, &secrets);
    let mut work = Work { inventory, origin, options, renderer };
    work.run(cluster)
}

impl Work<'_> {
    fn group(&self, name: &str) -> String {
        safe(&format!("{}{}", self.options.group_prefix, name.to_lowercase()))
    }

    fn run(&mut self, cluster: &Cluster) -> Result<(), Refused> {
        let mut statuses = vec!["lxc", "qemu", "running", "stopped"];
        if self.options.extended_statuses {
            statuses.extend(["prelaunch", "paused"]);
        }
        for status in statuses {
            let group = self.group(&format!("all_{status}"));
            self.inventory.add_group(&group)?;
        }
        let nodes = self.group("nodes");
        if !self.options.exclude_nodes {
            self.inventory.add_group(&nodes)?;
        }
        let mut added = HashSet::new();
        for node in &cluster.nodes {
            if !self.options.exclude_nodes {
                let group = (node.kind == "node").then_some(nodes.as_str());
                self.origin.add_host(self.inventory, &node.name, group, None)?;
            }
            if node.offline {
                continue;
            }
            if !self.options.exclude_nodes {
                if self.options.nodes_ansible_host {
                    let address = node.address.as_deref().map_or(Value::Null, Value::from);
                    self.inventory.set_host_var(&node.name, Key::from("ansible_host"), address);
                }
                self.options.constructed.set_variables(self.inventory, self.renderer, &node.name)?;
            }
            for kind in ["lxc", "qemu"] {
                let group = self.group(&format!("{}_{kind}", node.name));
                self.inventory.add_group(&group)?;
            }
            for guest in &node.guests {
                added.extend(self.guest(&node.name, guest)?);
            }
        }
        for (pool, members) in &cluster.pools {
            let group = self.group(&format!("pool_{pool}"));
            self.inventory.add_group(&group)?;
            for member in members.iter().filter(|member| added.contains(*member)) {
                self.inventory.add_host(member, Some(&group))?;
            }
        }
        Ok(())
    }

    /// Adds a guest, unless it is a template or a filter keeps it out; its name if it was added.
    fn guest(&mut self, node: &str, guest: &Guest) -> Result<Option<String>, Refused> {
        if is_template(&guest.item) {
            return Ok(None);
        }
        let text = |name: &str| guest.item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let name = text("name");
        if name.is_empty() {
            let vmid = guest.item.get("vmid").map(ToString::to_string).unwrap_or_default();
            self.inventory.warn(Diagnostic::warning(format!(
                "the guest {vmid} of node {node} has no name, and is left out of the inventory"
            )));
            return Ok(None);
        }
        let facts = variables(self.options, node, guest);
        let status = match facts.get(&safe(&format!("{}qmpstatus", self.options.facts_prefix))) {
            Some(Json::String(status)) if self.options.extended_statuses && text("status") == "running" => {
                status.clone()
            }
            _ => text("status"),
        };
        // What the cluster says is never a template.
        let facts: Map = facts.into_iter().map(|(k, v)| (Key::from(k), Value::from(v))).collect();
        if !self.passes(&name, &facts)? {
            return Ok(None);
        }
        self.origin.add_host(self.inventory, &name, None, None)?;
        for (key, value) in facts {
            self.inventory.set_host_var(&name, key, value);
        }
        self.options.constructed.set_variables(self.inventory, self.renderer, &name)?;
        self.options.constructed.join_groups(self.inventory, self.renderer, &name)?;
        let kind = guest.kind;
        for group in [format!("all_{kind}"), format!("{node}_{kind}"), format!("all_{status}")] {
            let group = self.group(&group);
            self.inventory.add_host(&name, Some(&group))?;
        }
        Ok(Some(name))
    }

    /// Whether every filter lets a guest in. One that fails lets it in, unless `strict` is set.
    fn passes(&self, name: &str, facts: &Map) -> Result<bool, Refused> {
        for filter in &self.options.filters {
            match self.renderer.compose(filter, facts) {
                Ok(value) if is_true(&value) => {}
                Ok(_) => return Ok(false),
                Err(error) => {
                    let filter = scalar_text(filter).unwrap_or_default();
                    let message = format!(
                        "Could not evaluate host filter {filter} for host {name} - {}",
                        error.message
                    );
                    if self.options.constructed.strict {
                        return Err(Refused::new(message));
                    }
                    self.inventory.warn(Diagnostic::warning(message));
                }
            }
        }
        Ok(true)
    }
}
