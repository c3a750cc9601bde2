//! `/access`: logging in.

use crate::cluster::Shared;
use crate::reply::{Reply, data};
use crate::request::Call;
use crate::schema::Type;
use axum::extract::State;
use serde_json::{Value, json};

/// `GET /access/ticket`: nothing, for formatters that want to show a page.
pub(crate) async fn nothing() -> Reply {
    data(Value::Null)
}

/// `POST /access/ticket`.
pub(crate) async fn ticket(State(cluster): State<Shared>, call: Call) -> Reply {
    let known = ["username", "password", "realm", "otp", "path", "privs", "new-format", "tfa-challenge"];
    call.verify(&[], &known.map(|name| (name, Type::Text)), &["username", "password"])?;
    let name = call.get("username").unwrap_or_default();
    let user = match call.get("realm") {
        Some(realm) if !name.contains('@') => format!("{name}@{realm}"),
        _ => name.to_owned(),
    };
    let state = cluster.state();
    state.access.log_in(&user, call.get("password").unwrap_or_default())?;
    let (ticket, csrf) = state.access.ticket(&user);
    data(json!({ "username": user, "ticket": ticket, "CSRFPreventionToken": csrf, "cap": {} }))
}

/// `GET /access/domains`.
pub(crate) async fn domains() -> Reply {
    data(json!([
        { "realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication", "default": 1 },
        { "realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server" },
    ]))
}

/// `GET /access/permissions`: of the caller, on one path.
pub(crate) async fn permissions(State(cluster): State<Shared>, call: Call) -> Reply {
    call.verify(&[], &[("path", Type::Text), ("userid", Type::Text)], &[])?;
    let path = call.get("path").unwrap_or("/");
    let state = cluster.state();
    let mut found = serde_json::Map::new();
    for privilege in PRIVILEGES {
        if state.access.may(&call.caller, path, privilege) {
            found.insert((*privilege).to_owned(), 1.into());
        }
    }
    data(json!({ path: found }))
}

/// The privileges that this server asks for.
const PRIVILEGES: &[&str] = &[
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Pool.Audit",
    "SDN.Use",
    "Sys.Audit",
    "VM.Allocate",
    "VM.Audit",
    "VM.Clone",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Migrate",
    "VM.PowerMgmt",
];
