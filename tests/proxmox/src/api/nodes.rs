//! `/nodes`, `/version`, and the tasks of a node.

use crate::cluster::Shared;
use crate::reply::{Failure, Reply, data, page};
use crate::request::Call;
use crate::schema::Type;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// `GET /version`, and that of a node.
pub(crate) async fn version(State(cluster): State<Shared>) -> Reply {
    let version = cluster.state().version.clone();
    let release: Vec<&str> = version.split('.').take(2).collect();
    data(json!({ "version": version, "release": release.join("."), "repoid": "c56a5ae27b5c5b1c" }))
}

/// A node among others.
pub(crate) fn entry(state: &crate::cluster::State, name: &str) -> Value {
    if state.offline.contains(name) {
        return json!({ "id": format!("node/{name}"), "node": name, "type": "node", "status": "offline" });
    }
    json!({
        "id": format!("node/{name}"), "node": name, "type": "node", "status": "online", "level": "", "cpu": 0.01,
        "maxcpu": 8, "mem": 4u64 << 30, "maxmem": 32u64 << 30, "disk": 10u64 << 30, "maxdisk": 100u64 << 30,
        "uptime": 86400,
    })
}

/// `GET /nodes`.
pub(crate) async fn list(State(cluster): State<Shared>) -> Reply {
    let state = cluster.state();
    data(state.nodes.iter().map(|name| entry(&state, name)).collect::<Vec<_>>())
}

/// `GET /nodes/{node}/status`.
pub(crate) async fn status(State(cluster): State<Shared>, Path(node): Path<String>, call: Call) -> Reply {
    let state = cluster.state();
    state.access.all(&call.caller, &format!("/nodes/{node}"), &["Sys.Audit"])?;
    state.check_node(&node)?;
    let memory = json!({ "total": 32u64 << 30, "used": 4u64 << 30, "free": 28u64 << 30 });
    data(json!({
        "uptime": 86400, "cpu": 0.01, "loadavg": ["0.10", "0.08", "0.05"],
        "cpuinfo": { "cpus": 8, "cores": 8, "sockets": 1, "model": "imitated" }, "memory": memory,
        "swap": { "total": 0, "used": 0, "free": 0 },
        "rootfs": { "total": 100u64 << 30, "used": 10u64 << 30, "avail": 90u64 << 30, "free": 90u64 << 30 },
        "pveversion": format!("pve-manager/{}", state.version),
        "kversion": "Linux 6.14.11-3-pve #1 SMP PREEMPT_DYNAMIC",
    }))
}

/// `GET /nodes/{node}/network`.
pub(crate) async fn network(State(cluster): State<Shared>, Path(node): Path<String>) -> Reply {
    let state = cluster.state();
    state.check_node(&node)?;
    let number = state.nodes.iter().position(|n| *n == node).unwrap_or_default() + 10;
    data(json!([
        { "iface": "eno1", "type": "eth", "active": 1, "exists": 1, "method": "manual", "priority": 3 },
        {
            "iface": "vmbr0", "type": "bridge", "active": 1, "autostart": 1, "method": "static", "priority": 4,
            "address": format!("192.0.2.{number}"), "netmask": "24", "cidr": format!("192.0.2.{number}/24"),
            "gateway": "192.0.2.1", "bridge_ports": "eno1", "bridge_stp": "off", "bridge_fd": "0",
        },
    ]))
}

/// `GET /nodes/{node}/tasks`.
pub(crate) async fn tasks(State(cluster): State<Shared>, Path(node): Path<String>) -> Reply {
    let state = cluster.state();
    state.check_node(&node)?;
    let tasks: Vec<Value> =
        state.tasks.values().rev().filter(|t| t.node == node).map(|t| t.entry()).collect();
    let total = tasks.len();
    page(tasks, total)
}

fn no_such_task(upid: &str) -> Failure {
    if upid.starts_with("UPID:") && upid.split(':').count() == 9 {
        return Failure::internal("no such task");
    }
    Failure::parameter("upid", format!("unable to parse worker upid '{upid}'\n"))
}

/// `GET /nodes/{node}/tasks/{upid}/status`.
pub(crate) async fn task_status(
    State(cluster): State<Shared>,
    Path((node, upid)): Path<(String, String)>,
    call: Call,
) -> Reply {
    let state = cluster.state();
    let task = state.tasks.get(&upid).filter(|t| t.node == node).ok_or_else(|| no_such_task(&upid))?;
    if task.user != call.caller.name && task.user != call.caller.user {
        state.access.all(&call.caller, &format!("/nodes/{node}"), &["Sys.Audit"])?;
    }
    data(task.json())
}

/// `GET /nodes/{node}/tasks/{upid}/log`.
pub(crate) async fn task_log(
    State(cluster): State<Shared>,
    Path((node, upid)): Path<(String, String)>,
    call: Call,
) -> Reply {
    let known = [
        ("start", Type::Integer(0, i64::MAX)),
        ("limit", Type::Integer(0, i64::MAX)),
        ("download", Type::Boolean),
    ];
    call.verify(&[], &known, &[])?;
    let state = cluster.state();
    let task = state.tasks.get(&upid).filter(|t| t.node == node).ok_or_else(|| no_such_task(&upid))?;
    if task.user != call.caller.name && task.user != call.caller.user {
        state.access.all(&call.caller, &format!("/nodes/{node}"), &["Sys.Audit"])?;
    }
    let number = |name: &str, default: usize| call.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (start, limit) = (number("start", 0), number("limit", 50));
    let limit = if limit == 0 { usize::MAX } else { limit };
    let lines = task.log.iter().enumerate().skip(start).take(limit);
    let lines: Vec<Value> = lines.map(|(at, text)| json!({ "n": at + 1, "t": text })).collect();
    // A task without a line has one that says so.
    let lines =
        if lines.is_empty() && start == 0 { vec![json!({ "n": 1, "t": "no content" })] } else { lines };
    page(lines, task.log.len())
}
