//! `/cluster` and `/pools`: what there is, whoever has it.

use crate::auth::Caller;
use crate::cluster::{Shared, State as Inner};
use crate::guest::Guest;
use crate::reply::{Failure, Reply, data};
use crate::request::Call;
use crate::schema::Type;
use axum::extract::{Path, State};
use serde_json::{Value, json};

fn guest(state: &Inner, vmid: u32, guest: &Guest) -> Value {
    if state.offline.contains(&guest.node) {
        // What else there is to tell comes from the node itself.
        let kind = guest.kind.name();
        return json!({
            "id": format!("{kind}/{vmid}"), "vmid": vmid, "node": guest.node, "type": kind, "status": "unknown", "template": 0,
        });
    }
    let mut map = guest.summary(vmid);
    map.insert("id".to_owned(), format!("{}/{vmid}", guest.kind.name()).into());
    map.insert("node".to_owned(), guest.node.clone().into());
    map.insert("template".to_owned(), u8::from(guest.is_template()).into());
    if let Some(cpus) = map.shift_remove("cpus") {
        map.insert("maxcpu".to_owned(), cpus);
    }
    map.shift_remove("swap");
    map.shift_remove("maxswap");
    if let Some(pool) = &guest.pool {
        map.insert("pool".to_owned(), pool.clone().into());
    }
    map.into()
}

fn guests<'a>(state: &'a Inner, caller: &'a Caller) -> impl Iterator<Item = (u32, &'a Guest)> + 'a {
    state
        .guests
        .iter()
        .map(|(vmid, guest)| (*vmid, guest))
        .filter(move |(vmid, _)| state.may(caller, *vmid, "VM.Audit"))
}

/// `GET /cluster/resources`.
pub(crate) async fn list(State(cluster): State<Shared>, call: Call) -> Reply {
    call.verify(&[], &[("type", Type::Choice(&["vm", "storage", "node", "sdn"]))], &[])?;
    let wanted = |kind: &str| call.get("type").is_none_or(|t| t == kind);
    let state = cluster.state();
    let mut found: Vec<Value> = Vec::new();
    if call.get("type").is_none() {
        found.extend(
            state.pools.iter().map(|p| json!({ "id": format!("/pool/{p}"), "pool": p, "type": "pool" })),
        );
    }
    if wanted("vm") {
        found.extend(guests(&state, &call.caller).map(|(vmid, g)| guest(&state, vmid, g)));
    }
    if wanted("node") {
        found.extend(state.nodes.iter().map(|name| super::nodes::entry(&state, name)));
    }
    if wanted("storage") {
        for node in &state.nodes {
            found.extend(state.storages.iter().map(|(id, storage)| {
                json!({
                    "id": format!("storage/{node}/{id}"), "type": "storage", "storage": id, "node": node, "shared": 0,
                    "status": "available", "plugintype": storage.kind, "content": storage.content.join(","),
                    "disk": 10u64 << 30, "maxdisk": 100u64 << 30,
                })
            }));
        }
    }
    data(found)
}

/// `GET /cluster/nextid`.
pub(crate) async fn next_id(State(cluster): State<Shared>, call: Call) -> Reply {
    call.verify(&[], &[("vmid", Type::Vmid)], &[])?;
    let mut state = cluster.state();
    match call.get("vmid").and_then(|v| v.parse::<u32>().ok()) {
        None => {
            let proposal = state.faults.proposals.pop_front();
            data(proposal.unwrap_or_else(|| state.next_id()).to_string())
        }
        Some(vmid) if state.guests.contains_key(&vmid) => {
            Err(Failure::parameter("vmid", format!("VM {vmid} already exists")))
        }
        Some(vmid) => data(vmid.to_string()),
    }
}

/// `GET /cluster/status`.
pub(crate) async fn status(State(cluster): State<Shared>) -> Reply {
    let state = cluster.state();
    let node = |(at, name): (usize, &String)| {
        json!({
            "id": format!("node/{name}"), "name": name, "type": "node", "online": u8::from(!state.offline.contains(name)), "local": u8::from(at == 0),
            "nodeid": at + 1, "ip": format!("192.0.2.{}", at + 10), "level": "",
        })
    };
    data(state.nodes.iter().enumerate().map(node).collect::<Vec<_>>())
}

/// `GET /pools`.
pub(crate) async fn pools(State(cluster): State<Shared>, call: Call) -> Reply {
    let state = cluster.state();
    let may = |pool: &&String| state.access.may(&call.caller, &format!("/pool/{pool}"), "Pool.Audit");
    data(state.pools.iter().filter(may).map(|pool| json!({ "poolid": pool })).collect::<Vec<_>>())
}

/// `GET /pools/{pool}`.
pub(crate) async fn pool(State(cluster): State<Shared>, Path(pool): Path<String>, call: Call) -> Reply {
    let state = cluster.state();
    state.access.all(&call.caller, &format!("/pool/{pool}"), &["Pool.Audit"])?;
    state.check_pool(&pool)?;
    let members = state.guests.iter().filter(|(_, g)| g.pool.as_deref() == Some(&pool));
    data(
        json!({ "poolid": pool, "members": members.map(|(vmid, g)| guest(&state, *vmid, g)).collect::<Vec<_>>() }),
    )
}
