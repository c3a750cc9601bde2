//! What only containers have: being made from a template, and interfaces that the host can see.

use super::At;
use super::guests::{forget, may_set};
use crate::Description;
use crate::config::{self, net_option};
use crate::guest::{Guest, Kind, Origin};
use crate::reply::{Failure, Reply, data};
use crate::schema;
use crate::task::Job;
use crate::volume::split_id;
use serde_json::json;
use std::time::Instant;

/// A guest as its backing needs it.
pub(crate) fn describe(vmid: u32, guest: &Guest) -> Description {
    let origin = guest.origin.clone().unwrap_or_default();
    let text = |key: &str| guest.config.get(key).cloned();
    // A container's keys are told at its creation, a machine's are settings.
    let (net, keys, password) = match guest.kind {
        Kind::Lxc => ("net0", origin.keys, origin.password),
        Kind::Qemu => {
            ("ipconfig0", crate::auth::unescape(&text("sshkeys").unwrap_or_default()), text("cipassword"))
        }
    };
    let net = guest.config.get(net).map(String::as_str).unwrap_or_default();
    let address = net_option(net, "ip").and_then(|ip| {
        let (address, prefix) = ip.split_once('/')?;
        Some((address.parse().ok()?, prefix.parse().ok()?))
    });
    let number = |key: &str| guest.config.get(key).and_then(|v| v.parse::<u64>().ok());
    Description {
        vmid,
        hostname: guest.name(vmid),
        ostemplate: origin.ostemplate,
        address,
        gateway: net_option(net, "gw").and_then(|gw| gw.parse().ok()),
        user: text("ciuser").unwrap_or_else(|| "root".to_owned()),
        keys,
        password,
        memory: number("memory").unwrap_or(512),
        cores: number("cores").and_then(|cores| u32::try_from(cores).ok()),
    }
}

const ASIDE: &[&str] = &[
    "node",
    "vmid",
    "ostemplate",
    "password",
    "ssh-public-keys",
    "storage",
    "pool",
    "force",
    "restore",
    "start",
    "unique",
    "bwlimit",
    "ignore-unpack-errors",
];

/// One key a line, as `sshd` reads them.
fn check_keys(keys: &str) -> Result<(), Failure> {
    const KINDS: &[&str] = &["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
    for line in keys.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        let key = words.any(|word| KINDS.iter().any(|kind| word.starts_with(kind))) && words.next().is_some();
        if !key {
            return Err(Failure::internal("SSH public key validation error"));
        }
    }
    Ok(())
}

/// `POST /nodes/{node}/lxc`.
pub(crate) fn create(at: &At) -> Reply {
    let call = &at.call;
    schema::verify(&call.parameters, &[("node", &at.node)], schema::lxc_create, &["vmid", "ostemplate"])?;
    let vmid: u32 = call.get("vmid").and_then(|v| v.parse().ok()).unwrap_or_default();
    let template = call.get("ostemplate").unwrap_or_default().to_owned();
    let storage = call.get("storage").unwrap_or("local").to_owned();
    let pool = call.get("pool").map(str::to_owned);
    let keys = call.get("ssh-public-keys").unwrap_or_default().to_owned();
    let start = call.flag("start");

    let mut settings = config::Config::new();
    for (key, value) in call.parameters.iter().filter(|(key, _)| !ASIDE.contains(&key.as_str())) {
        // A mere number is a size in the default storage.
        let plain = key == "rootfs" && value.parse::<f64>().is_ok();
        settings.insert(key.clone(), if plain { format!("{storage}:{value}") } else { value.clone() });
    }
    {
        let state = at.cluster.state();
        // Who may overwrite a container says `restore` as well; `force` alone finds it in use.
        state.check_unused(vmid)?;
        check_keys(&keys)?;
        if let Some(pool) = &pool {
            state.check_pool(pool)?;
        }
        let in_pool = |p: &String| state.access.may(&call.caller, &format!("/pool/{p}"), "VM.Allocate");
        if !state.may(&call.caller, vmid, "VM.Allocate") && !pool.as_ref().is_some_and(in_pool) {
            return Err(Failure::forbidden(None));
        }
    }
    may_set(at, vmid, settings.keys().map(String::as_str).filter(|key| *key != "unprivileged"))?;
    let unprivileged = settings.shift_remove("unprivileged").is_some_and(|v| schema::truth(&v));
    let mut state = at.cluster.state();
    check_template(&state, at, &template)?;
    settings.entry("rootfs".to_owned()).or_insert_with(|| format!("{storage}:4"));
    for id in config::storages(Kind::Lxc, &settings) {
        if !state.storage(&id)?.holds("rootdir") {
            return Err(Failure::parameter(
                "storage",
                format!("storage '{id}' does not support container directories"),
            ));
        }
        state.access.all(&call.caller, &format!("/storage/{id}"), &["Datastore.AllocateSpace"])?;
    }
    let mut own = config::Config::new();
    own.insert("arch".to_owned(), "amd64".to_owned());
    own.insert("ostype".to_owned(), config::ostype(&template).to_owned());
    own.insert("hostname".to_owned(), format!("CT{vmid}"));
    own.insert("memory".to_owned(), "512".to_owned());
    own.insert("swap".to_owned(), "512".to_owned());
    if unprivileged {
        own.insert("unprivileged".to_owned(), "1".to_owned());
    }
    for (key, value) in &settings {
        config::set(&mut state, vmid, Kind::Lxc, &mut own, key, value)?;
    }
    let mut guest = Guest::new(Kind::Lxc, &at.node);
    guest.config = own;
    guest.pool = pool;
    guest.origin =
        Some(Origin { ostemplate: template, keys, password: call.get("password").map(str::to_owned) });
    let description = describe(vmid, &guest);
    state.guests.insert(vmid, guest);
    drop(state);
    let job = Job::new(&at.node, "vzcreate", vmid, move |cluster, log| {
        cluster.backing.create(&description, log)?;
        if start {
            cluster.backing.start(&description)?;
            if let Some(guest) = cluster.state().guests.get_mut(&vmid) {
                guest.running = Some(Instant::now());
            }
        }
        Ok(())
    });
    let undo = move |cluster: &crate::cluster::Cluster| {
        // What was made before the failure goes with the container.
        let _ = cluster.backing.destroy(vmid);
        forget(cluster, vmid);
    };
    data(job.lock(vmid, "create").undo(undo).begin(&at.cluster, &call.caller))
}

/// The template is one, is there, and the caller may see it.
fn check_template(state: &crate::cluster::State, at: &At, template: &str) -> Result<(), Failure> {
    let Some((id, name)) = split_id(template) else {
        return Err(Failure::internal(format!("unable to parse volume ID '{template}'")));
    };
    let storage = state.storage(id)?;
    if !name.starts_with("vztmpl/") {
        return Err(Failure::internal(format!(
            "unexpected content type of '{template}': it is no container template"
        )));
    }
    state.access.any(
        &at.call.caller,
        &format!("/storage/{id}"),
        &["Datastore.Audit", "Datastore.AllocateSpace"],
    )?;
    if storage.volumes.contains_key(name) {
        return Ok(());
    }
    Err(Failure::internal(format!("volume '{template}' does not exist")))
}

/// `GET /nodes/{node}/lxc/{vmid}/interfaces`.
pub(crate) async fn interfaces(at: At) -> Reply {
    if at.kind != Kind::Lxc {
        return Err(Failure::not_implemented(&at.call.method, &at.call.path));
    }
    at.may("VM.Audit")?;
    let interfaces = at.with(|guest| {
        guest.running?;
        let mut all = vec![json!({
            "name": "lo", "hwaddr": "00:00:00:00:00:00", "hardware-address": "00:00:00:00:00:00",
            "inet": "127.0.0.1/8", "inet6": "::1/128",
            "ip-addresses": [
                { "ip-address": "127.0.0.1", "prefix": 8, "ip-address-type": "inet" },
                { "ip-address": "::1", "prefix": 128, "ip-address-type": "inet6" },
            ],
        })];
        for (_, net) in guest.config.iter().filter(|(key, _)| schema::is_numbered(key, "net")) {
            let address = net_option(net, "hwaddr").unwrap_or_default().to_ascii_lowercase();
            let mut one = json!({
                "name": net_option(net, "name").unwrap_or("eth0"), "hwaddr": address, "hardware-address": address,
                "ip-addresses": [],
            });
            if let Some((ip, prefix)) = net_option(net, "ip").and_then(|ip| ip.split_once('/')) {
                one["inet"] = format!("{ip}/{prefix}").into();
                let prefix: u8 = prefix.parse().unwrap_or_default();
                one["ip-addresses"] = json!([{ "ip-address": ip, "prefix": prefix, "ip-address-type": "inet" }]);
            }
            all.push(one);
        }
        Some(all)
    })?;
    match interfaces {
        Some(all) => data(all),
        None => data(serde_json::Value::Null),
    }
}
