//! `community.proxmox.proxmox_kvm`: what has to be done so that a virtual machine is as a task wants it.

use super::cluster::{self, Guest, Kind, guest_path};
use super::drive;
use super::kvm_config;
use super::plan::{Plan, Step};
use super::specs_kvm::KvmArgs;
use super::trouble::Trouble;
use super::wish::{Like, Wish, differences};
use crate::proxmox::property::Properties;
use crate::proxmox::{Client, path};
use reqwest::Method;
use windlass_protocol::{Json, JsonMap};

/// What a task works with.
pub(super) struct Work<'a> {
    pub(super) client: &'a Client,
    pub(super) args: &'a KvmArgs,
    /// The same arguments by name.
    pub(super) given: &'a JsonMap,
}

fn late(doing: &str) -> String {
    format!("Reached timeout while waiting for {doing} VM.")
}

impl Work<'_> {
    /// Observes, and says what is to be done.
    pub(super) async fn plan(&self) -> Result<Plan, Trouble> {
        let guests = cluster::guests(self.client).await?;
        if self.args.clone.is_some() && self.args.state == "present" {
            return self.clone_of(&guests).await;
        }
        let found = self.find(&guests)?;
        if let Some(names) = &self.args.delete {
            return self.delete(self.must(found)?, names).await;
        }
        if let Some(names) = &self.args.revert {
            return self.revert(self.must(found)?, names).await;
        }
        if self.args.migrate {
            return self.migrate(self.must(found)?);
        }
        match self.args.state.as_str() {
            "present" => self.present(found).await,
            "absent" => self.absent(found).await,
            "template" => self.template(self.must(found)?).await,
            _ => self.power(self.must(found)?).await,
        }
    }

    fn name(&self) -> Option<&str> {
        self.args.name.as_deref().filter(|name| !name.is_empty())
    }

    /// The machine that a task is about, if it is there.
    fn find(&self, guests: &[Guest]) -> Result<Option<Guest>, Trouble> {
        if let Some(vmid) = self.args.vmid.filter(|id| *id != 0) {
            return Ok(guests.iter().find(|g| g.vmid == vmid).cloned());
        }
        match self.name() {
            Some(name) => named(guests, name, "name"),
            None => Ok(None),
        }
    }

    fn must(&self, found: Option<Guest>) -> Result<Guest, Trouble> {
        let guest = found.ok_or_else(|| {
            Trouble::wish(match (self.args.vmid, self.name()) {
                (Some(vmid), _) => format!("VM with vmid {vmid} does not exist in cluster"),
                (None, name) => {
                    format!("VM with name = {} does not exist in cluster", name.unwrap_or_default())
                }
            })
        })?;
        if guest.kind == Kind::Lxc.word() {
            let text = format!("{} is a container, and no virtual machine", guest.vmid);
            return Err(Trouble::wish(text).hint("`community.proxmox.proxmox` is for containers"));
        }
        Ok(guest)
    }

    /// Whether a machine that is said to run stands still.
    async fn is_paused(&self, guest: &Guest) -> Result<bool, Trouble> {
        let found = self.client.get(&guest.path(Kind::Qemu, &["status", "current"]), &[]).await?;
        Ok(found.get("qmpstatus").and_then(Json::as_str) == Some("paused"))
    }

    async fn status(&self, guest: &Guest) -> Result<String, Trouble> {
        cluster::status(self.client, guest, Kind::Qemu).await
    }

    async fn present(&self, found: Option<Guest>) -> Result<Plan, Trouble> {
        if self.args.update {
            let guest = self.must(found)?;
            self.here(&guest)?;
            let failed = format!(
                "Unable to update vm {} with vmid {}=",
                self.name().unwrap_or(&guest.name),
                guest.vmid
            );
            let plan = self.update(&guest).await;
            return plan.map(|plan| plan.failing(failed.clone())).map_err(|t| t.during(failed));
        }
        if found.is_some() {
            let guest = self.must(found)?;
            self.here(&guest)?;
            let msg = format!("VM with vmid <{}> already exists", guest.vmid);
            return Ok(Plan::nothing(msg).value("vmid", guest.vmid));
        }
        let node = self.node().await?;
        let mut proposed = None;
        let vmid = match self.args.vmid.filter(|id| *id != 0) {
            Some(vmid) => vmid,
            None => *proposed.insert(cluster::next_id(self.client).await?),
        };
        let name = self.name().unwrap_or("None");
        let form = kvm_config::creation(self.args, self.given)?;
        let after: JsonMap = form.iter().map(|(k, v)| (k.clone(), Json::from(v.as_str()))).collect();
        let step = Step::post(path(&["nodes", node, "qemu"]), node, late("creating"));
        let step = step.with("vmid", vmid).fields(form);
        let mut plan = Plan::one(step, format!("VM {name} with vmid {vmid} deployed"))
            .value("vmid", vmid)
            .proposed(proposed)
            .failing(format!("creation of qemu VM {name} with vmid {vmid} failed with exception="))
            .config(format!("virtual machine {vmid}"), JsonMap::new(), after);
        plan.look_back = Some((node.to_owned(), vmid, kvm_config::told_back(self.given)));
        Ok(plan)
    }

    /// The machine is on the node that a task names.
    fn here(&self, guest: &Guest) -> Result<(), Trouble> {
        let who = if guest.name.is_empty() {
            guest.vmid.to_string()
        } else {
            format!("{} ({})", guest.name, guest.vmid)
        };
        cluster::on_node(guest, &who, self.args.node.as_deref())
    }

    /// The node that a task names.
    async fn node(&self) -> Result<&str, Trouble> {
        let node = self.args.node.as_deref().filter(|node| !node.is_empty());
        let node =
            node.ok_or_else(|| Trouble::about("node", "node is mandatory for creating/updating VM"))?;
        if !cluster::has_node(self.client, node).await? {
            return Err(Trouble::about("node", format!("node '{node}' does not exist in cluster")));
        }
        Ok(node)
    }

    async fn update(&self, guest: &Guest) -> Result<Plan, Trouble> {
        let current = cluster::config(self.client, &guest.node, Kind::Qemu, guest.vmid).await?;
        let mut wishes = Vec::new();
        let mut sizes = Vec::new();
        for wish in kvm_config::wishes(self.args, self.given, self.args.update_unsafe)? {
            let have = current.get(&wish.name).and_then(Json::as_str);
            let (Some(have), Like::Drive | Like::Firmware) = (have, wish.like) else {
                wishes.push(wish);
                continue;
            };
            let change = drive::compare(&wish.name, &wish.text(), have, wish.like == Like::Drive)?;
            wishes.extend(change.set.map(|set| Wish::new(&wish.name, set, Like::Text)));
            sizes.extend(change.resize.map(|size| (wish.name, size)));
        }
        let (form, mut after) = differences(&wishes, &current);
        let who = format!("VM {} with vmid {}", self.name().unwrap_or(&guest.name), guest.vmid);
        let mut plan = Plan::nothing(format!("{who} is up to date")).value("vmid", guest.vmid);
        if !form.is_empty() {
            let step =
                Step::new(Method::PUT, guest.path(Kind::Qemu, &["config"]), &guest.node, late("updating"));
            plan.steps.push(step.fields(form));
        }
        for (key, size) in sizes {
            let mut shown = Properties::parse(after.get(&key).and_then(Json::as_str).unwrap_or_default());
            shown.set("size", &size);
            after.insert(key.clone(), shown.to_string().into());
            let place = guest.path(Kind::Qemu, &["resize"]);
            let step = Step::new(Method::PUT, place, &guest.node, late("growing a disk of"));
            plan.steps.push(step.with("disk", key).with("size", size));
        }
        if !plan.steps.is_empty() {
            plan.msg = format!("{who} updated");
        }
        Ok(plan.config(format!("virtual machine {}", guest.vmid), current, after))
    }

    async fn clone_of(&self, guests: &[Guest]) -> Result<Plan, Trouble> {
        let (args, source) = (self.args, self.args.clone.as_deref().unwrap_or_default());
        let from = match args.vmid.filter(|id| *id != 0) {
            Some(vmid) => guests.iter().find(|g| g.vmid == vmid).cloned(),
            None => named(guests, source, "clone")?,
        };
        let from = from.ok_or_else(|| {
            Trouble::about(
                "clone",
                match args.vmid {
                    Some(vmid) => format!("VM with vmid {vmid} does not exist in cluster"),
                    None => format!("VM with name = {source} does not exist in cluster"),
                },
            )
        })?;
        let name = self.name().unwrap_or("None");
        let exists = |newid: i64| {
            Plan::nothing(format!("vmid {newid} with VM name {name} already exists")).value("vmid", from.vmid)
        };
        let mut proposed = None;
        let newid = match args.newid.filter(|id| *id != 0) {
            Some(newid) => match guests.iter().find(|g| g.vmid == newid) {
                Some(guest) => return self.must(Some(guest.clone())).map(|_| exists(newid)),
                None => newid,
            },
            // Without a number the name is what a second run finds it by.
            None => match self.name().and_then(|name| guests.iter().find(|g| g.name == name)) {
                Some(guest) => return Ok(exists(guest.vmid)),
                None => *proposed.insert(cluster::next_id(self.client).await?),
            },
        };
        let failed = format!("Unable to clone vm {name} from vmid {}=", from.vmid);
        let before = cluster::config(self.client, &from.node, Kind::Qemu, from.vmid).await;
        let mut after = before.map_err(|t| t.during(failed.clone()))?;
        after.insert("name".to_owned(), name.into());
        after.shift_remove("template");
        let mut step = Step::post(from.path(Kind::Qemu, &["clone"]), &from.node, late("cloning"));
        step = step.with("newid", newid);
        if let Some(name) = self.name() {
            step = step.with("name", name);
        }
        let step = step.fields(kvm_config::copy(args, self.given));
        let msg = format!("VM {name} with newid {newid} cloned from vm with vmid {}", from.vmid);
        let plan = Plan::one(step, msg).value("vmid", newid).proposed(proposed).failing(failed);
        Ok(plan.config(format!("virtual machine {newid}"), JsonMap::new(), after))
    }

    async fn delete(&self, guest: Guest, names: &str) -> Result<Plan, Trouble> {
        let who = format!("on VM {} with vmid {}", self.name().unwrap_or(&guest.name), guest.vmid);
        let failed = format!("Unable to delete settings {who}: ");
        let current = cluster::config(self.client, &guest.node, Kind::Qemu, guest.vmid).await;
        let current = current.map_err(|t| t.during(failed.clone()))?;
        let names = names.split([',', ';', ' ']).filter(|name| current.contains_key(*name));
        let names: Vec<&str> = names.collect();
        let mut plan = Plan::nothing(format!("There is nothing to delete {who}")).failing(failed);
        let mut after = current.clone();
        if !names.is_empty() {
            plan.msg = format!("Settings has deleted {who}");
            let step =
                Step::new(Method::PUT, guest.path(Kind::Qemu, &["config"]), &guest.node, late("updating"));
            plan.steps.push(step.with("delete", names.join(",")));
            for name in names {
                after.shift_remove(name);
            }
        }
        let plan = plan.value("vmid", guest.vmid);
        Ok(plan.config(format!("virtual machine {}", guest.vmid), current, after))
    }

    async fn revert(&self, guest: Guest, names: &str) -> Result<Plan, Trouble> {
        let who = format!("on VM {} with vmid {}", self.name().unwrap_or(&guest.name), guest.vmid);
        let failed = format!("Unable to revert settings {who}: ");
        let pending = self.client.get(&guest.path(Kind::Qemu, &["pending"]), &[]).await;
        let pending = pending.map_err(|e| Trouble::from(e).during(failed.clone()))?;
        let items = pending.as_array().map(Vec::as_slice).unwrap_or_default();
        let waits = |name: &&str| {
            items.iter().any(|item| {
                item.get("key").and_then(Json::as_str) == Some(name)
                    && (item.get("pending").is_some() || item.get("delete").is_some())
            })
        };
        let names: Vec<&str> = names.split([',', ';', ' ']).filter(waits).collect();
        let mut plan = Plan::nothing(format!("There is nothing to revert {who}")).failing(failed);
        if !names.is_empty() {
            plan.msg = format!("Settings has reverted {who}");
            let step =
                Step::new(Method::PUT, guest.path(Kind::Qemu, &["config"]), &guest.node, late("updating"));
            plan.steps.push(step.with("revert", names.join(",")));
        }
        Ok(plan.value("vmid", guest.vmid))
    }

    fn migrate(&self, guest: Guest) -> Result<Plan, Trouble> {
        let (vmid, from) = (guest.vmid, guest.node.as_str());
        let to = self.args.node.as_deref().unwrap_or_default();
        if from == to {
            return Ok(Plan::nothing(format!("VM {vmid} is already on {to}")).value("vmid", vmid));
        }
        let step = Step::post(guest.path(Kind::Qemu, &["migrate"]), from, late("migrating"))
            .with("vmid", vmid)
            .with("node", from)
            .with("target", to)
            .with("online", 1);
        let plan = Plan::one(step, format!("VM {vmid} has been migrated from {from} to {to}"));
        let plan = plan.failing(format!("Unable to migrate VM {vmid} from {from} to {to}: "));
        Ok(plan.value("vmid", vmid).change(format!("virtual machine {vmid}"), "node", from, to))
    }

    fn stop(&self, guest: &Guest, force: bool) -> Step {
        Step::post(guest.path(Kind::Qemu, &["status", "shutdown"]), &guest.node, late("stopping"))
            .with("forceStop", u8::from(force))
            .patient(self.args.timeout)
    }

    /// The states of a machine that runs or not.
    async fn power(&self, guest: Guest) -> Result<Plan, Trouble> {
        let vmid = guest.vmid;
        let force = self.args.force.unwrap_or(false);
        let doing = match self.args.state.as_str() {
            "started" => "starting",
            "stopped" => "stopping",
            "restarted" => "restarting",
            "current" => "status",
            _ => "suspending",
        };
        let failed = format!("{doing} of VM {vmid} failed with exception: ");
        let status = self.status(&guest).await.map_err(|t| t.during(failed.clone()))?;
        let paused = self.args.state == "paused"
            && self.is_paused(&guest).await.map_err(|t| t.during(failed.clone()))?;
        let at = |verb: &str| guest.path(Kind::Qemu, &["status", verb]);
        let of = format!("virtual machine {vmid}");
        let plan = match (self.args.state.as_str(), status.as_str()) {
            ("current", _) => {
                let name =
                    self.name().unwrap_or(if guest.name.is_empty() { "(unnamed)" } else { &guest.name });
                Plan::nothing(format!("VM {name} with vmid = {vmid} is {status}"))
            }
            ("started", "running") => Plan::nothing(format!("VM {vmid} is already running")),
            ("started", _) => {
                let step = Step::post(at("start"), &guest.node, late("starting"));
                Plan::one(step, format!("VM {vmid} started")).change(of, "status", &status, "running")
            }
            ("stopped", "stopped") => Plan::nothing(format!("VM {vmid} is already stopped")),
            ("stopped", _) => Plan::one(self.stop(&guest, force), format!("VM {vmid} is shutting down"))
                .change(of, "status", &status, "stopped"),
            ("restarted", "stopped") => Plan::nothing(format!("VM {vmid} is not running")),
            ("restarted", _) => {
                let verb = if force { "reset" } else { "reboot" };
                let step = Step::post(at(verb), &guest.node, late("rebooting"));
                Plan::one(step, format!("VM {vmid} is restarted"))
            }
            ("paused", "running") if paused => Plan::nothing(format!("VM {vmid} is already paused")),
            (_, "running") => {
                let todisk = self.args.state == "hibernated";
                let step = Step::post(at("suspend"), &guest.node, late("suspending"));
                let after = if todisk { "stopped" } else { "paused" };
                Plan::one(step.with("todisk", u8::from(todisk)), format!("VM {vmid} is suspending"))
                    .change(of, "status", &status, after)
            }
            _ => Plan::nothing(format!("VM {vmid} is not running")),
        };
        Ok(plan.value("vmid", vmid).value("status", status).failing(failed))
    }

    async fn absent(&self, found: Option<Guest>) -> Result<Plan, Trouble> {
        if found.is_none() {
            return Ok(match self.args.vmid {
                Some(vmid) => Plan::nothing(format!("VM {vmid} is already absent")).value("vmid", vmid),
                None => {
                    let name = self.name().unwrap_or_default();
                    Plan::nothing(format!("VM with name = {name} is already absent"))
                }
            });
        }
        let guest = self.must(found)?;
        let vmid = guest.vmid;
        let failed = format!("deletion of VM {vmid} failed with exception: ");
        let status = self.status(&guest).await.map_err(|t| t.during(failed.clone()))?;
        let mut plan = Plan::nothing(format!("VM {vmid} removed")).failing(failed.clone());
        if status == "running" {
            if !self.args.force.unwrap_or(false) {
                let msg = format!("VM {vmid} is running. Stop it before deletion or use force=true.");
                return Ok(Plan::nothing(msg).value("vmid", vmid));
            }
            plan.steps.push(self.stop(&guest, true));
        }
        let step = Step::new(Method::DELETE, guest.path(Kind::Qemu, &[]), &guest.node, late("removing"));
        plan.steps.push(if self.args.purge { step.with("purge", 1) } else { step });
        let before = cluster::config(self.client, &guest.node, Kind::Qemu, vmid).await;
        let before = before.map_err(|t| t.during(failed))?;
        Ok(plan.value("vmid", vmid).config(format!("virtual machine {vmid}"), before, JsonMap::new()))
    }

    async fn template(&self, guest: Guest) -> Result<Plan, Trouble> {
        let vmid = guest.vmid;
        if guest.template {
            return Ok(Plan::nothing(format!("VM {vmid} is already a template")).value("vmid", vmid));
        }
        let failed = format!("conversion of VM {vmid} to template failed with exception: ");
        let mut plan = Plan::nothing(format!("VM {vmid} is converting to template"));
        let force = self.args.force.unwrap_or(false);
        if force && self.status(&guest).await.map_err(|t| t.during(failed.clone()))? == "running" {
            plan.steps.push(self.stop(&guest, true));
        }
        plan.steps.push(Step::post(guest.path(Kind::Qemu, &["template"]), &guest.node, late("converting")));
        let plan = plan.failing(failed).value("vmid", vmid);
        Ok(plan.change(format!("virtual machine {vmid}"), "template", "0", "1"))
    }
}

/// The one guest of a name.
fn named(guests: &[Guest], name: &str, argument: &'static str) -> Result<Option<Guest>, Trouble> {
    let mut found = guests.iter().filter(|g| g.name == name);
    let first = found.next().cloned();
    if found.next().is_some() {
        let text = format!("Multiple VMs with name {name} found, provide vmid instead");
        return Err(Trouble::about(argument, text));
    }
    Ok(first)
}

/// The hardware addresses and disks that a new machine got.
pub(super) async fn look_back(
    client: &Client,
    node: &str,
    vmid: i64,
    names: &[String],
) -> Result<[(&'static str, Json); 2], Trouble> {
    let config =
        client.get(&guest_path(node, Kind::Qemu, vmid, &["config"]), &[]).await.map_err(|error| {
            let what = format!("Getting information for VM with vmid = {vmid} failed with exception: ");
            Trouble::from(error).during(what)
        })?;
    let (mut mac, mut devices) = (JsonMap::new(), JsonMap::new());
    for name in names {
        let Some(value) = config.get(name).and_then(Json::as_str) else { continue };
        let first = value.split(',').next().unwrap_or_default();
        if name.starts_with("net") {
            let address = first.split_once('=').map_or("", |(_, address)| address);
            mac.insert(name.clone(), address.into());
        } else {
            devices.insert(name.clone(), first.into());
        }
    }
    Ok([("mac", mac.into()), ("devices", devices.into())])
}
