//! What containers and virtual machines have in common: lists, settings, copies, removal.

use super::{At, lxc, qemu};
use crate::config;
use crate::guest::{Guest, Kind, Origin};
use crate::reply::{Failure, Reply, data};
use crate::schema::{self, Type};
use crate::task::Job;
use crate::volume::{format_size, parse_size, size_of};
use serde_json::{Value, json};

/// `GET /nodes/{node}/{kind}`.
pub(crate) async fn list(at: At) -> Reply {
    at.verify(&[("full", Type::Boolean)], &[])?;
    let state = at.cluster.state();
    let mine = state.guests.iter().filter(|(vmid, g)| {
        g.node == at.node && g.kind == at.kind && state.may(&at.call.caller, **vmid, "VM.Audit")
    });
    data(mine.map(|(vmid, guest)| Value::from(guest.summary(*vmid))).collect::<Vec<_>>())
}

/// `POST /nodes/{node}/{kind}`.
pub(crate) async fn create(at: At) -> Reply {
    match at.kind {
        Kind::Lxc => lxc::create(&at),
        Kind::Qemu => qemu::create(&at),
    }
}

/// `GET .../status/current`.
pub(crate) async fn status(at: At) -> Reply {
    at.may("VM.Audit")?;
    at.verify(&[], &[])?;
    let mut map = at.with(|guest| {
        let mut map = guest.summary(at.vmid);
        if at.kind == Kind::Qemu {
            let status = if guest.paused { "paused" } else { guest.status() };
            map.insert("qmpstatus".to_owned(), status.into());
        }
        map
    })?;
    map.insert("ha".to_owned(), json!({ "managed": 0 }));
    data(map)
}

/// `GET .../config`.
pub(crate) async fn config(at: At) -> Reply {
    at.may("VM.Audit")?;
    at.verify(&[("current", Type::Boolean), ("snapshot", Type::Text)], &[])?;
    data(at.with(config::show)?)
}

/// `GET .../pending`.
pub(crate) async fn pending(at: At) -> Reply {
    at.may("VM.Audit")?;
    let shown = at.with(config::show)?;
    let pairs = shown.as_object().into_iter().flatten();
    data(pairs.map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>())
}

/// Which privilege a setting needs.
fn privilege(kind: Kind, key: &str) -> &'static str {
    let numbered = |prefixes: &[&str]| prefixes.iter().any(|p| schema::is_numbered(key, p));
    match (kind, key) {
        (_, "memory" | "balloon" | "shares") | (Kind::Lxc, "swap") => "VM.Config.Memory",
        (_, "cores" | "cpulimit" | "cpuunits" | "sockets" | "vcpus" | "cpu" | "numa") => "VM.Config.CPU",
        (_, "rootfs") => "VM.Config.Disk",
        (_, "nameserver" | "searchdomain") | (Kind::Lxc, "hostname") => "VM.Config.Network",
        (Kind::Qemu, "ciuser" | "cipassword" | "sshkeys" | "cicustom" | "citype") => "VM.Config.Cloudinit",
        _ if numbered(&["net", "ipconfig"]) => "VM.Config.Network",
        _ if numbered(&["mp", "unused", "scsi", "virtio", "ide", "sata"]) => "VM.Config.Disk",
        _ => "VM.Config.Options",
    }
}

/// The caller may set these.
pub(crate) fn may_set<'a>(at: &At, vmid: u32, keys: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let state = at.cluster.state();
    let path = format!("/vms/{vmid}");
    let pool = at.call.get("pool").map(|pool| format!("/pool/{pool}"));
    for key in keys {
        let needed = privilege(at.kind, key);
        if pool.as_ref().is_some_and(|pool| state.access.may(&at.call.caller, pool, needed)) {
            continue;
        }
        state.access.all(&at.call.caller, &path, &[needed])?;
    }
    Ok(())
}

const ANY_SETTING: &[&str] =
    &["VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"];

/// Words of a list, which may be separated in several ways.
fn words(list: Option<&str>) -> Vec<String> {
    let words = list.unwrap_or_default().split([',', ';', ' ', '\0']);
    words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// Checks and makes a change of settings.
fn change(at: &At) -> Result<(), Failure> {
    at.cluster.state().access.any(&at.call.caller, &at.path(), ANY_SETTING)?;
    let path = at.in_path();
    let path: Vec<(&str, &str)> = path.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let known = if at.kind == Kind::Lxc { schema::lxc_update } else { schema::qemu_update };
    schema::verify(&at.call.parameters, &path, known, &[])?;
    let aside = ["node", "vmid", "digest", "delete", "revert", "skiplock", "force", "background_delay"];
    let settings = at.call.parameters.iter().filter(|(key, _)| !aside.contains(&key.as_str()));
    let settings: Vec<(String, String)> = settings.map(|(k, v)| (k.clone(), v.clone())).collect();
    let delete = words(at.call.get("delete"));
    if settings.is_empty() && delete.is_empty() && at.call.get("revert").is_none() {
        return Err(Failure::internal("no options specified"));
    }
    at.with(|_| ())?;
    for key in &delete {
        if settings.iter().any(|(set, _)| set == key) {
            let error = format!("you can't use '-{key}' and -delete {key}' at the same time");
            return Err(Failure::parameter("delete", error));
        }
        if known(key).is_none() {
            return Err(Failure::parameter("delete", format!("unknown option '{key}'")));
        }
    }
    may_set(
        at,
        at.vmid,
        settings.iter().map(|(key, _)| key.as_str()).chain(delete.iter().map(String::as_str)),
    )?;
    let mut state = at.cluster.state();
    let Some(guest) = state.guests.get(&at.vmid) else { return Err(at.missing()) };
    if !at.call.flag("skiplock") {
        guest.check_lock().map_err(Failure::internal)?;
    }
    if at.call.get("digest").is_some_and(|digest| digest != config::digest(&guest.config)) {
        return Err(Failure::internal(
            "detected modified configuration - file changed by other user? Try again.",
        ));
    }
    if at.kind == Kind::Lxc
        && (settings.iter().any(|(k, _)| k == "unprivileged") || delete.iter().any(|k| k == "unprivileged"))
    {
        return Err(Failure::internal("unable to modify read-only option: 'unprivileged'"));
    }
    let mut new = guest.config.clone();
    for key in &delete {
        if at.kind == Kind::Lxc && matches!(key.as_str(), "rootfs" | "memory" | "hostname") {
            return Err(Failure::internal(format!("unable to delete required option '{key}'")));
        }
        new.shift_remove(key);
    }
    for (key, value) in &settings {
        config::set(&mut state, at.vmid, at.kind, &mut new, key, value)?;
    }
    if let Some(guest) = state.guests.get_mut(&at.vmid) {
        guest.config = new;
    }
    Ok(())
}

/// A running container feels its new limits.
fn apply_limits(at: &At) -> Result<(), Failure> {
    let running = at.with(|guest| guest.running.is_some().then(|| lxc::describe(at.vmid, guest)))?;
    match running.filter(|_| at.kind == Kind::Lxc) {
        Some(description) => at.cluster.backing.limit(&description).map_err(Failure::internal),
        None => Ok(()),
    }
}

/// `PUT .../config`: at once.
pub(crate) async fn update(at: At) -> Reply {
    change(&at)?;
    apply_limits(&at)?;
    data(Value::Null)
}

/// `POST .../config`: as a task, for virtual machines only.
pub(crate) async fn update_later(at: At) -> Reply {
    if at.kind == Kind::Lxc {
        return Err(Failure::not_implemented(&at.call.method, &at.call.path));
    }
    change(&at)?;
    data(Job::new(&at.node, "qmconfig", at.vmid, |_, _| Ok(())).begin(&at.cluster, &at.call.caller))
}

/// Forgets a guest and its disks.
pub(crate) fn forget(cluster: &crate::cluster::Cluster, vmid: u32) {
    let mut state = cluster.state();
    state.guests.remove(&vmid);
    for storage in state.storages.values_mut() {
        storage.volumes.retain(|_, volume| volume.vmid != Some(vmid));
    }
}

/// `DELETE /nodes/{node}/{kind}/{vmid}`.
pub(crate) async fn destroy(at: At) -> Reply {
    at.may("VM.Allocate")?;
    let known =
        ["purge", "force", "destroy-unreferenced-disks", "skiplock"].map(|name| (name, Type::Boolean));
    at.verify(&known, &[])?;
    let force = at.kind == Kind::Lxc && at.call.flag("force");
    let running = at.with(|guest| {
        guest.check_protection(at.vmid, "can't remove")?;
        guest.check_lock().map_err(Failure::internal)?;
        match (guest.running.is_some(), at.kind) {
            (true, Kind::Lxc) if !force => {
                Err(Failure::internal(format!("unable to destroy CT {} - container is running", at.vmid)))
            }
            (true, Kind::Qemu) => {
                Err(Failure::internal(format!("VM {} is running - destroy failed", at.vmid)))
            }
            (running, _) => Ok(running),
        }
    })??;
    let (vmid, kind) = (at.vmid, at.kind);
    let job = Job::new(&at.node, format!("{}destroy", kind.prefix()), vmid, move |cluster, log| {
        if running {
            log.push(format!("forced to stop CT {vmid} before destroying!"));
            cluster.backing.stop(vmid, false)?;
        }
        cluster.backing.destroy(vmid)?;
        forget(cluster, vmid);
        Ok(())
    });
    data(job.lock(vmid, "destroyed").begin(&at.cluster, &at.call.caller))
}

/// `GET .../snapshot`.
pub(crate) async fn snapshots(at: At) -> Reply {
    at.may("VM.Audit")?;
    data(at.with(|guest| {
        let mut all: Vec<Value> = Vec::new();
        for (number, name) in guest.snapshots.iter().enumerate() {
            all.push(json!({ "name": name, "description": "", "snaptime": 1_700_000_000 + number }));
        }
        let mut current = json!({ "name": "current", "description": "You are here!", "digest": config::digest(&guest.config) });
        current["running"] = u8::from(guest.running.is_some()).into();
        if let Some(parent) = guest.snapshots.last() {
            current["parent"] = parent.clone().into();
        }
        all.push(current);
        all
    })?)
}

/// `POST .../template`.
pub(crate) async fn template(at: At) -> Reply {
    at.may("VM.Allocate")?;
    at.verify(&[("disk", Type::Text), ("experimental", Type::Boolean)], &[])?;
    at.with(|guest| {
        guest.check_lock().map_err(Failure::internal)?;
        if !guest.snapshots.is_empty() {
            return Err(Failure::internal(format!(
                "unable to create template, because {} contains snapshots",
                at.kind.word()
            )));
        }
        if guest.running.is_some() {
            let running = "you can't convert a CT to template if the CT is running";
            let running = if at.kind == Kind::Lxc { running.to_owned() } else { running.replace("CT", "VM") };
            return Err(Failure::internal(running));
        }
        if guest.is_template() {
            return Err(Failure::internal("you can't convert a template to a template"));
        }
        Ok(())
    })??;
    let vmid = at.vmid;
    let convert = move |cluster: &crate::cluster::Cluster, _: &mut Vec<String>| {
        if let Some(guest) = cluster.state().guests.get_mut(&vmid) {
            guest.config.insert("template".to_owned(), "1".to_owned());
        }
        Ok(())
    };
    // A container's is done when the request is answered; a virtual machine's is a task.
    if at.kind == Kind::Qemu {
        return data(Job::new(&at.node, "qmtemplate", vmid, convert).begin(&at.cluster, &at.call.caller));
    }
    convert(&at.cluster, &mut Vec::new()).map_err(Failure::internal)?;
    data(Value::Null)
}

/// `POST .../clone`.
pub(crate) async fn clone(at: At) -> Reply {
    at.may("VM.Clone")?;
    let mut known = vec![
        ("newid", Type::Vmid),
        (at.kind.name_key(), Type::Name),
        ("full", Type::Boolean),
        ("bwlimit", Type::Number),
    ];
    known.extend(["pool", "snapname", "storage", "description", "target"].map(|name| (name, Type::Text)));
    if at.kind == Kind::Qemu {
        known.push(("format", Type::Choice(&["raw", "qcow2", "vmdk"])));
    }
    at.verify(&known, &["newid"])?;
    let newid: u32 = at.call.get("newid").and_then(|v| v.parse().ok()).unwrap_or_default();
    let pool = at.call.get("pool").map(str::to_owned);
    let target = at.call.get("target").unwrap_or(&at.node).to_owned();
    let source = at.with(Guest::clone)?;
    source.check_lock().map_err(Failure::internal)?;
    let mut state = at.cluster.state();
    let allowed = state.may(&at.call.caller, newid, "VM.Allocate")
        || pool
            .as_ref()
            .is_some_and(|pool| state.access.may(&at.call.caller, &format!("/pool/{pool}"), "VM.Allocate"));
    if !allowed {
        return Err(Failure::forbidden(Some(&format!("/vms/{newid}, VM.Allocate"))));
    }
    state.check_node(&target)?;
    if let Some(pool) = &pool {
        state.check_pool(pool)?;
    }
    if state.guests.contains_key(&newid) {
        let word = at.kind.word();
        return Err(Failure::internal(format!(
            "unable to create {word} {newid}: config file already exists"
        )));
    }
    let full = at.call.get("full").map_or(!source.is_template(), schema::truth);
    if !full && !source.is_template() {
        let volume =
            source.config.get("rootfs").and_then(|v| config::volume_of(v)).map(|(s, n)| format!("{s}:{n}"));
        return Err(Failure::internal(format!(
            "Linked clone feature for '{}' is not available",
            volume.unwrap_or_default()
        )));
    }
    if let Some(storage) = at.call.get("storage") {
        state.storage(storage)?;
        if !full {
            return Err(Failure::parameter("storage", "parameter 'storage' not allowed for linked clones"));
        }
    }
    // A machine's template is known by its name.
    let template = (at.kind == Kind::Qemu && source.is_template()).then(|| source.name(at.vmid));
    let origin = template.map(|name| Origin { ostemplate: name, ..Origin::default() });
    let mut copy = Guest {
        origin: origin.or_else(|| source.origin.clone()),
        running: None,
        paused: false,
        lock: None,
        pool,
        snapshots: Vec::new(),
        node: target,
        ..source
    };
    let old = std::mem::take(&mut copy.config);
    let mut new = config::Config::new();
    for (key, value) in old {
        let value = match (key.as_str(), config::volume_of(&value)) {
            ("template", _) => continue,
            (_, Some((storage, _))) if size_of(&value).is_some() => {
                let storage = at.call.get("storage").unwrap_or(storage);
                let gib = size_of(&value).unwrap_or_default() as f64 / f64::from(1 << 30);
                format!("{storage}:{gib}")
            }
            _ if schema::is_numbered(&key, "net") => without_address(&value),
            _ => value,
        };
        config::set(&mut state, newid, at.kind, &mut new, &key, &value)?;
    }
    for key in [at.kind.name_key(), "description"] {
        if let Some(value) = at.call.get(key) {
            config::set(&mut state, newid, at.kind, &mut new, key, value)?;
        }
    }
    copy.config = new;
    let description = lxc::describe(newid, &copy);
    state.guests.insert(newid, copy);
    drop(state);
    let (from, kind) = (at.vmid, at.kind);
    let job = Job::new(&at.node, format!("{}clone", kind.prefix()), from, move |cluster, log| {
        log.push(format!("create {} clone", if full { "full" } else { "linked" }));
        if kind == Kind::Lxc { cluster.backing.copy(from, &description) } else { Ok(()) }
    });
    data(
        job.lock(newid, "create")
            .undo(move |cluster| forget(cluster, newid))
            .begin(&at.cluster, &at.call.caller),
    )
}

/// A copy gets a hardware address of its own.
fn without_address(net: &str) -> String {
    let parts = net.split(',').filter(|part| !part.starts_with("hwaddr="));
    // A virtual machine's is the value of its model.
    parts
        .map(|part| match part.split_once('=') {
            Some((model, address)) if address.matches(':').count() == 5 => model,
            _ => part,
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// `PUT .../resize`.
pub(crate) async fn resize(at: At) -> Reply {
    at.may("VM.Config.Disk")?;
    let known =
        [("disk", Type::Text), ("size", Type::Text), ("digest", Type::Text), ("skiplock", Type::Boolean)];
    at.verify(&known, &["disk", "size"])?;
    let disk = at.call.get("disk").unwrap_or_default().to_owned();
    let size = at.call.get("size").unwrap_or_default();
    let (add, number) = size.strip_prefix('+').map_or((false, size), |rest| (true, rest));
    let wanted = parse_size(number)
        .ok_or_else(|| Failure::parameter("size", "value does not match the regex pattern"))?;
    let (value, now) = at.with(|guest| {
        guest.check_lock().map_err(Failure::internal)?;
        let value = guest.config.get(&disk).cloned();
        let value = value.ok_or_else(|| Failure::internal(format!("disk '{disk}' does not exist")))?;
        let now = size_of(&value).unwrap_or_default();
        Ok::<_, Failure>((value, now))
    })??;
    let new = if add { now + wanted } else { wanted };
    if new < now {
        return Err(Failure::internal("unable to shrink disk size"));
    }
    if new == now && at.kind == Kind::Lxc {
        return Err(Failure::internal("disk is already at specified size"));
    }
    let mut parts: Vec<String> =
        value.split(',').filter(|p| !p.starts_with("size=")).map(str::to_owned).collect();
    parts.push(format!("size={}", format_size(new)));
    let (vmid, value) = (at.vmid, parts.join(","));
    let job = Job::new(&at.node, "resize", vmid, move |cluster, _| {
        if let Some(guest) = cluster.state().guests.get_mut(&vmid) {
            guest.config.insert(disk, value);
        }
        Ok(())
    });
    data(job.begin(&at.cluster, &at.call.caller))
}

/// `POST .../migrate`.
pub(crate) async fn migrate(at: At) -> Reply {
    at.may("VM.Migrate")?;
    let mut known =
        vec![("target", Type::Text), ("targetstorage", Type::Text), ("target-storage", Type::Text)];
    known.extend([("online", Type::Boolean), ("restart", Type::Boolean), ("force", Type::Boolean)]);
    known.extend([("with-local-disks", Type::Boolean), ("timeout", Type::Number), ("bwlimit", Type::Number)]);
    at.verify(&known, &["target"])?;
    let target = at.call.get("target").unwrap_or_default().to_owned();
    at.cluster.state().check_node(&target)?;
    if target == at.node {
        return Err(Failure::parameter("target", "target is local node."));
    }
    at.with(|guest| {
        guest.check_lock().map_err(Failure::internal)?;
        if guest.running.is_some() && !at.call.flag("online") && !at.call.flag("restart") {
            let word = at.kind.word();
            return Err(Failure::internal(format!(
                "can't migrate running {word} without --online{}",
                if at.kind == Kind::Lxc { " or --restart" } else { "" }
            )));
        }
        Ok(())
    })??;
    let vmid = at.vmid;
    let job = Job::new(&at.node, format!("{}migrate", at.kind.prefix()), vmid, move |cluster, log| {
        log.push(format!("starting migration of {vmid} to node '{target}'"));
        if let Some(guest) = cluster.state().guests.get_mut(&vmid) {
            guest.node = target;
        }
        Ok(())
    });
    data(job.lock(vmid, "migrate").begin(&at.cluster, &at.call.caller))
}
