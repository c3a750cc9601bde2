//! What only virtual machines have.

use super::At;
use super::guests::{forget, may_set};
use crate::config;
use crate::guest::{Guest, Kind};
use crate::reply::{Failure, Reply, data};
use crate::schema;
use crate::task::Job;
use serde_json::{Value, json};
use std::time::Instant;

const ASIDE: &[&str] = &[
    "node",
    "vmid",
    "storage",
    "pool",
    "force",
    "start",
    "unique",
    "bwlimit",
    "archive",
    "live-restore",
    "import-working-storage",
];

/// `POST /nodes/{node}/qemu`.
pub(crate) fn create(at: &At) -> Reply {
    let call = &at.call;
    schema::verify(&call.parameters, &[("node", &at.node)], schema::qemu_create, &["vmid"])?;
    let vmid: u32 = call.get("vmid").and_then(|v| v.parse().ok()).unwrap_or_default();
    let pool = call.get("pool").map(str::to_owned);
    let start = call.flag("start");
    let settings = call.parameters.iter().filter(|(key, _)| !ASIDE.contains(&key.as_str()));
    let settings: config::Config = settings.map(|(k, v)| (k.clone(), v.clone())).collect();
    {
        let state = at.cluster.state();
        if let Some(pool) = &pool {
            state.check_pool(pool)?;
        }
        let in_pool = |p: &String| state.access.may(&call.caller, &format!("/pool/{p}"), "VM.Allocate");
        if !state.may(&call.caller, vmid, "VM.Allocate") && !pool.as_ref().is_some_and(in_pool) {
            return Err(Failure::forbidden(None));
        }
        state
            .check_unused(vmid)
            .map_err(|f| Failure::internal(format!("unable to create VM {vmid} - {}", f.message)))?;
        for id in config::storages(Kind::Qemu, &settings) {
            if !state.storage(&id)?.holds("images") {
                return Err(Failure::parameter(
                    "storage",
                    format!("storage '{id}' does not support vm images"),
                ));
            }
            state.access.all(&call.caller, &format!("/storage/{id}"), &["Datastore.AllocateSpace"])?;
        }
    }
    may_set(at, vmid, settings.keys().map(String::as_str))?;
    let mut state = at.cluster.state();
    let mut guest = Guest::new(Kind::Qemu, &at.node);
    for (key, value) in &settings {
        config::set(&mut state, vmid, Kind::Qemu, &mut guest.config, key, value)?;
    }
    let bits = [crate::cluster::random(), crate::cluster::random()];
    guest.config.insert(
        "smbios1".to_owned(),
        format!(
            "uuid={:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            bits[0] >> 32,
            bits[0] & 0xffff,
            (bits[0] >> 16) & 0xfff,
            bits[1] >> 52,
            bits[1] & 0xffff_ffff_ffff
        ),
    );
    guest.pool = pool;
    state.guests.insert(vmid, guest);
    drop(state);
    let job = Job::new(&at.node, "qmcreate", vmid, move |cluster, _| {
        if let Some(guest) = cluster.state().guests.get_mut(&vmid).filter(|_| start) {
            guest.running = Some(Instant::now());
        }
        Ok(())
    });
    data(job.lock(vmid, "create").undo(move |cluster| forget(cluster, vmid)).begin(&at.cluster, &call.caller))
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces`.
pub(crate) async fn agent_interfaces(at: At) -> Reply {
    if at.kind != Kind::Qemu {
        return Err(Failure::not_implemented(&at.call.method, &at.call.path));
    }
    at.may("VM.GuestAgent.Audit").or_else(|_| at.may("VM.Audit"))?;
    let interfaces = at.with(|guest| {
        let agent = guest.config.get("agent").map(String::as_str).unwrap_or_default();
        let enabled = agent.split(',').any(|part| matches!(part, "1" | "enabled=1"));
        if !enabled {
            return Err(Failure::internal("No QEMU guest agent configured"));
        }
        if guest.running.is_none() {
            return Err(Failure::internal(format!("VM {} is not running", at.vmid)));
        }
        let nets = guest.config.iter().filter(|(key, _)| schema::is_numbered(key, "net"));
        let mut all = vec![json!({
            "name": "lo", "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [{ "ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8 }],
        })];
        for (key, net) in nets {
            let number = key.trim_start_matches("net");
            let address = net.split(',').next().and_then(|first| first.split_once('=')).map_or("", |(_, a)| a);
            let ip = guest.config.get(&format!("ipconfig{number}"));
            let ip = ip.and_then(|ip| config::net_option(ip, "ip")).and_then(|ip| ip.split_once('/'));
            let addresses: Vec<Value> = ip
                .into_iter()
                .map(|(ip, prefix)| {
                    json!({ "ip-address": ip, "ip-address-type": "ipv4", "prefix": prefix.parse::<u8>().unwrap_or_default() })
                })
                .collect();
            all.push(json!({
                "name": format!("eth{number}"), "hardware-address": address.to_ascii_lowercase(), "ip-addresses": addresses,
            }));
        }
        Ok(all)
    })??;
    data(json!({ "result": interfaces }))
}
