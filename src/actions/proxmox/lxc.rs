//! `community.proxmox.proxmox`: what has to be done so that a container is as a task wants it.

use super::cluster::{self, Guest, Kind, guest_path};
use super::lxc_config;
use super::plan::{Plan, Step};
use super::specs::LxcArgs;
use super::trouble::Trouble;
use super::wish::differences;
use crate::proxmox::{Client, Form, path};
use reqwest::Method;
use windlass_protocol::{Json, JsonMap};

/// Observes, and says what is to be done.
pub(super) async fn plan(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let plan = match args.state.as_str() {
        "present" => present(client, args).await,
        "absent" => absent(client, args).await,
        "started" => started(client, args).await,
        "stopped" => stopped(client, args).await,
        "restarted" => restarted(client, args).await,
        _ => template(client, args).await,
    };
    plan.map(|plan| plan.failing(FAILED)).map_err(|trouble| trouble.during(FAILED))
}

/// What stands in front of the server's answers.
pub(super) const FAILED: &str = "An error occurred: ";

/// `name (number)`, with what is known of it.
fn identifier(vmid: Option<i64>, name: Option<&str>) -> String {
    match (vmid, name.filter(|n| !n.is_empty())) {
        (Some(vmid), Some(name)) => format!("{name} ({vmid})"),
        (None, Some(name)) => name.to_owned(),
        (Some(vmid), None) => vmid.to_string(),
        (None, None) => String::new(),
    }
}

fn hostname(args: &LxcArgs) -> Option<&str> {
    args.hostname.as_deref().filter(|name| !name.is_empty())
}

/// The container that a task is about, if it is there.
async fn find(client: &Client, args: &LxcArgs) -> Result<Option<Guest>, Trouble> {
    let guests = cluster::guests(client).await?;
    let found: Vec<Guest> = match (args.vmid.filter(|id| *id != 0), hostname(args)) {
        (Some(vmid), _) => guests.into_iter().filter(|g| g.vmid == vmid).collect(),
        (None, Some(name)) => guests.into_iter().filter(|g| g.name == name).collect(),
        (None, None) => return Err(Trouble::wish("Either VMID or hostname must be provided.")),
    };
    if args.vmid.is_none() && found.len() > 1 {
        let name = hostname(args).unwrap_or_default();
        return Err(Trouble::about(
            "hostname",
            format!("{FAILED}Multiple VMs found with hostname {name}. Please specify VMID."),
        ));
    }
    let Some(guest) = found.into_iter().next() else { return Ok(None) };
    if guest.kind != Kind::Lxc.word() {
        let who = identifier(Some(guest.vmid), hostname(args));
        return Err(Trouble::wish(format!("The specified VM {who} is not an lxc."))
            .hint("`community.proxmox.proxmox_kvm` is for virtual machines"));
    }
    Ok(Some(guest))
}

/// The same, where it has to be there.
async fn found(client: &Client, args: &LxcArgs) -> Result<(Guest, String), Trouble> {
    let Some(guest) = find(client, args).await? else {
        let what = match (args.vmid, hostname(args)) {
            (Some(vmid), _) => format!("VM with VMID {vmid} does not exist in cluster."),
            (None, name) => {
                format!("VM with hostname {} does not exist in cluster.", name.unwrap_or_default())
            }
        };
        return Err(Trouble::wish(format!("{FAILED}{what}")));
    };
    let who = identifier(Some(guest.vmid), hostname(args).or(Some(guest.name.as_str())));
    Ok((guest, who))
}

async fn present(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let node = args.node.as_deref().unwrap_or_default();
    let guest = find(client, args).await?;
    if let Some(guest) = &guest {
        cluster::on_node(guest, &identifier(Some(guest.vmid), Some(&guest.name)), args.node.as_deref())?;
    }
    let mut proposed = None;
    let vmid = match (args.vmid, &guest) {
        (Some(vmid), _) => vmid,
        (None, Some(guest)) => guest.vmid,
        (None, None) => *proposed.insert(cluster::next_id(client).await?),
    };
    if let Some(guest) = &guest
        && !args.force
    {
        if args.update && args.clone.is_none() {
            return update(client, args, guest).await;
        }
        let who = identifier(Some(vmid), Some(&guest.name));
        return Ok(Plan::nothing(format!("VM {who} already exists.")).value("vmid", vmid));
    }
    let who = identifier(Some(vmid), hostname(args));
    let plan = match (args.clone, &args.ostemplate) {
        (Some(source), _) => clone(client, args, source, vmid, &who).await?,
        (None, Some(template)) => create(client, args, node, template, vmid, &who).await?,
        (None, None) => {
            return Err(Trouble::wish(format!(
                "VM {who} does not exist but neither clone nor ostemplate were specified!"
            ))
            .hint("give `ostemplate` to make it from a template, or `clone` to copy another one"));
        }
    };
    Ok(plan.value("vmid", vmid).proposed(proposed))
}

/// A configuration out of the fields of a request.
fn as_config(form: &Form) -> JsonMap {
    let mut out = JsonMap::new();
    for (name, value) in form {
        match out.get_mut(name) {
            Some(Json::String(text)) => *text = format!("{text};{value}"),
            _ => {
                out.insert(name.clone(), value.as_str().into());
            }
        }
    }
    out
}

async fn create(
    client: &Client,
    args: &LxcArgs,
    node: &str,
    template: &str,
    vmid: i64,
    who: &str,
) -> Result<Plan, Trouble> {
    let storage = template.split(':').next().unwrap_or_default();
    let contents = client.get(&path(&["nodes", node, "storage", storage, "content"]), &[]).await?;
    let contents = contents.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names = contents.iter().filter_map(|item| item.get("volid").and_then(Json::as_str));
    if !names.clone().any(|name| name == template) {
        let wrong = Trouble::about(
            "ostemplate",
            format!("ostemplate {template} does not exist on node {node} and storage {storage}."),
        );
        let near = crate::playbook::problems::nearest(template, names.clone());
        return Err(match near {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None if names.any(|n| n.contains(":vztmpl/")) => {
                wrong.hint("`community.proxmox.proxmox_template` uploads or downloads one")
            }
            None => wrong.hint(
                "there is no template in this storage: `community.proxmox.proxmox_template` uploads or downloads one",
            ),
        });
    }
    for disk in lxc_config::disks(args)? {
        if let Some(volid) = disk.1.volid() {
            require_volume(client, node, vmid, &volid).await?;
        }
    }
    let form = lxc_config::creation(args)?;
    let after = as_config(&form);
    let late = format!("Reached timeout while waiting for creation of VM {vmid} from template {template}");
    let step = Step::post(path(&["nodes", node, "lxc"]), node, late)
        .with("vmid", vmid)
        .with("ostemplate", template)
        .fields(form);
    let msg = format!("Created VM {who} from template {template}");
    Ok(Plan::one(step, msg).config(format!("container {who}"), JsonMap::new(), after))
}

/// Fails unless a volume that a task names is there.
async fn require_volume(client: &Client, node: &str, vmid: i64, volid: &str) -> Result<(), Trouble> {
    let (storage, volume) = volid.split_once(':').unwrap_or((volid, ""));
    let contents = path(&["nodes", node, "storage", storage, "content"]);
    let found = client.get(&contents, &[("vmid", &vmid.to_string())]).await.map_err(|error| {
        let what = format!("Unable to list content on {node}, {storage} for None and {vmid}: ");
        Trouble::from(error).during(what)
    })?;
    let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
    if items.iter().any(|item| item.get("volid").and_then(Json::as_str) == Some(volid)) {
        return Ok(());
    }
    Err(Trouble::wish(format!("Storage {storage} does not contain volume {volume}")))
}

async fn clone(client: &Client, args: &LxcArgs, source: i64, vmid: i64, who: &str) -> Result<Plan, Trouble> {
    let guests = cluster::guests(client).await?;
    let Some(from) = guests.iter().find(|g| g.vmid == source) else {
        return Err(Trouble::about(
            "clone",
            format!("{FAILED}VM with VMID {source} does not exist in cluster."),
        ));
    };
    let config = cluster::config(client, &from.node, Kind::Lxc, source).await?;
    let is_template = cluster::is_set(config.get("template"));
    if args.clone_type == "linked" && !is_template {
        return Err(Trouble::about(
            "clone_type",
            "Cloning type 'linked' is only supported for template containers.",
        )
        .hint(format!("turn {source} into a template by `state: template`, or make a full copy")));
    }
    let full = !is_template || args.clone_type == "full";
    let with_storage = args.clone_type == "full" || (args.clone_type == "opportunistic" && !is_template);
    let mut step = Step::post(
        guest_path(&from.node, Kind::Lxc, source, &["clone"]),
        &from.node,
        "Reached timeout while waiting for VM to clone.",
    )
    .with("newid", vmid)
    .with("full", u8::from(full));
    let fields = [("hostname", &args.hostname), ("pool", &args.pool), ("description", &args.description)];
    for (name, value) in fields {
        if let Some(value) = value {
            step = step.with(name, value);
        }
    }
    if with_storage {
        step = step.with("storage", &args.storage);
    }
    if let Some(node) = args.node.as_deref().filter(|node| *node != from.node) {
        step = step.with("target", node);
    }
    let mut after = config;
    if let Some(name) = hostname(args) {
        after.insert("hostname".to_owned(), name.into());
    }
    after.shift_remove("template");
    let plan = Plan::one(step, format!("Cloned VM {who} from {source}"));
    Ok(plan.config(format!("container {who}"), JsonMap::new(), after))
}

async fn update(client: &Client, args: &LxcArgs, guest: &Guest) -> Result<Plan, Trouble> {
    let vmid = guest.vmid;
    let current = cluster::config(client, &guest.node, Kind::Lxc, vmid).await?;
    let wishes = lxc_config::wishes(args)?;
    let (mut form, mut after) = differences(&wishes, &current);
    let mut resizes = Vec::new();
    for (key, disk) in lxc_config::disks(args)? {
        let Some(have) = current.get(&key).and_then(Json::as_str) else {
            form.push((key.clone(), disk.create()?));
            after.insert(key, disk.create()?.into());
            continue;
        };
        if let Some(volid) = disk.volid()
            && !have.split(',').any(|part| part == volid || part.strip_prefix("volume=") == Some(&volid))
        {
            require_volume(client, &guest.node, vmid, &volid).await?;
        }
        let change = disk.compare(&key, have)?;
        let mut shown = have.to_owned();
        if let Some(set) = change.set {
            shown.clone_from(&set);
            form.push((key.clone(), set));
        }
        if let Some(size) = change.resize {
            let mut properties = crate::proxmox::property::Properties::parse(&shown);
            properties.set("size", &size);
            shown = properties.to_string();
            let step = Step::new(
                Method::PUT,
                guest.path(Kind::Lxc, &["resize"]),
                &guest.node,
                "Reached timeout while waiting for a disk of the VM to grow.",
            );
            resizes.push(step.with("disk", &key).with("size", size));
        }
        after.insert(key, shown.into());
    }
    for name in args.delete.iter().flatten().map(String::as_str) {
        if !current.contains_key(name) || !after.contains_key(name) {
            continue;
        }
        // The fields have one list of what goes.
        match form.iter_mut().find(|(field, _)| field == "delete") {
            Some((_, names)) => *names = format!("{names},{name}"),
            None => form.push(("delete".to_owned(), name.to_owned())),
        }
        after.shift_remove(name);
    }
    let mut plan = Plan::nothing("Container config is already up to date.");
    if !form.is_empty() {
        let step = Step::new(Method::PUT, guest.path(Kind::Lxc, &["config"]), &guest.node, "");
        plan.steps.push(step.with("vmid", vmid).with("node", &guest.node).fields(form));
    }
    plan.steps.extend(resizes);
    let who = identifier(Some(vmid), hostname(args));
    if !plan.steps.is_empty() {
        plan.msg = format!("VM {who} has been updated.");
    }
    Ok(plan.value("vmid", vmid).config(format!("container {who}"), current, after))
}

async fn absent(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let Some(guest) = find(client, args).await? else {
        let who = identifier(args.vmid, hostname(args));
        let plan = Plan::nothing(format!("VM {who} is already absent."));
        return Ok(plan.value("vmid", args.vmid.map_or(Json::Null, Json::from)));
    };
    let who = identifier(Some(guest.vmid), hostname(args));
    let status = cluster::status(client, &guest, Kind::Lxc).await?;
    let stays = match status.as_str() {
        "running" if !args.force => Some(format!("VM {who} is running. Stop it before deletion.")),
        "mounted" => Some(format!("VM {who} is mounted. Stop it with force option before deletion.")),
        _ => None,
    };
    if let Some(msg) = stays {
        return Ok(Plan::nothing(msg).value("vmid", guest.vmid));
    }
    let mut step = Step::new(
        Method::DELETE,
        guest.path(Kind::Lxc, &[]),
        &guest.node,
        "Reached timeout while waiting for VM to be removed.",
    );
    if args.purge {
        step = step.with("purge", 1);
    }
    if args.force {
        step = step.with("force", 1);
    }
    let before = cluster::config(client, &guest.node, Kind::Lxc, guest.vmid).await?;
    let plan = Plan::one(step, format!("VM {who} removed.")).value("vmid", guest.vmid);
    Ok(plan.config(format!("container {who}"), before, JsonMap::new()))
}

fn start(guest: &Guest) -> Step {
    let late = "Reached timeout while waiting for VM to start.";
    Step::post(guest.path(Kind::Lxc, &["status", "start"]), &guest.node, late)
}

/// Shuts it down. By force the server ends what is not down in time: in the task's time, and not in the minute that it
/// takes by itself.
fn stop(guest: &Guest, args: &LxcArgs) -> Step {
    let late = "Reached timeout while waiting for VM to stop.";
    let step = Step::post(guest.path(Kind::Lxc, &["status", "shutdown"]), &guest.node, late);
    if args.force { step.with("forceStop", 1).patient(args.timeout) } else { step }
}

async fn started(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let (guest, who) = found(client, args).await?;
    let status = cluster::status(client, &guest, Kind::Lxc).await?;
    let plan = if status == "running" {
        Plan::nothing(format!("VM {who} is already running."))
    } else {
        Plan::one(start(&guest), format!("VM {who} started.")).change(
            format!("container {who}"),
            "status",
            &status,
            "running",
        )
    };
    Ok(plan.value("vmid", guest.vmid))
}

async fn stopped(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let (guest, who) = found(client, args).await?;
    let status = cluster::status(client, &guest, Kind::Lxc).await?;
    let plan = match status.as_str() {
        "stopped" => Plan::nothing(format!("VM {who} is already stopped.")),
        "mounted" if !args.force => {
            Plan::nothing(format!("VM {who} is already stopped, but mounted. Use force option to umount it."))
        }
        _ => Plan::one(stop(&guest, args), format!("VM {who} stopped.")).change(
            format!("container {who}"),
            "status",
            &status,
            "stopped",
        ),
    };
    Ok(plan.value("vmid", guest.vmid))
}

async fn restarted(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let (guest, who) = found(client, args).await?;
    let status = cluster::status(client, &guest, Kind::Lxc).await?;
    let mut plan = Plan::nothing(format!("VM {who} is not running."));
    if !matches!(status.as_str(), "stopped" | "mounted") {
        plan.msg = format!("VM {who} is restarted.");
        plan.steps = vec![stop(&guest, args), start(&guest)];
    }
    Ok(plan.value("vmid", guest.vmid))
}

async fn template(client: &Client, args: &LxcArgs) -> Result<Plan, Trouble> {
    let (guest, who) = found(client, args).await?;
    let config = cluster::config(client, &guest.node, Kind::Lxc, guest.vmid).await?;
    if cluster::is_set(config.get("template")) {
        return Ok(Plan::nothing(format!("VM {who} is already a template.")).value("vmid", guest.vmid));
    }
    let mut plan = Plan::nothing(format!("VM {who} converted to template."));
    if args.force && cluster::status(client, &guest, Kind::Lxc).await? == "running" {
        plan.steps.push(stop(&guest, args));
    }
    let late = "Reached timeout while waiting for VM to become a template.";
    plan.steps.push(Step::post(guest.path(Kind::Lxc, &["template"]), &guest.node, late));
    Ok(plan.value("vmid", guest.vmid).change(format!("container {who}"), "template", "0", "1"))
}
