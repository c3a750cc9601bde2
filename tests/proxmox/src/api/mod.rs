//! The paths of the API and who answers them.

mod access;
mod guests;
mod lxc;
mod nodes;
mod power;
mod qemu;
mod resources;
mod storage;

use crate::cluster::Shared;
use crate::guest::{Guest, Kind};
use crate::reply::{Failure, Reply};
use crate::request::{Call, receive};
use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

pub(crate) fn router(cluster: &Shared) -> Router {
    let api = Router::new()
        .route("/version", get(nodes::version))
        .route("/access/ticket", get(access::nothing).post(access::ticket))
        .route("/access/domains", get(access::domains))
        .route("/access/permissions", get(access::permissions))
        .route("/cluster/resources", get(resources::list))
        .route("/cluster/nextid", get(resources::next_id))
        .route("/cluster/status", get(resources::status))
        .route("/pools", get(resources::pools))
        .route("/pools/{pool}", get(resources::pool))
        .route("/storage", get(storage::definitions))
        .route("/nodes", get(nodes::list))
        .route("/nodes/{node}/status", get(nodes::status))
        .route("/nodes/{node}/version", get(nodes::version))
        .route("/nodes/{node}/network", get(nodes::network))
        .route("/nodes/{node}/tasks", get(nodes::tasks))
        .route("/nodes/{node}/tasks/{upid}/status", get(nodes::task_status))
        .route("/nodes/{node}/tasks/{upid}/log", get(nodes::task_log))
        .route("/nodes/{node}/aplinfo", get(storage::appliances).post(storage::download_appliance))
        .route("/nodes/{node}/storage", get(storage::list))
        .route("/nodes/{node}/storage/{storage}/status", get(storage::status))
        .route("/nodes/{node}/storage/{storage}/content", get(storage::content))
        .route(
            "/nodes/{node}/storage/{storage}/content/{*volume}",
            get(storage::volume).delete(storage::remove),
        )
        .route("/nodes/{node}/storage/{storage}/upload", post(storage::upload))
        .route("/nodes/{node}/storage/{storage}/download-url", post(storage::download))
        .route("/nodes/{node}/{kind}/{vmid}/interfaces", get(lxc::interfaces))
        .route("/nodes/{node}/{kind}/{vmid}/agent/network-get-interfaces", get(qemu::agent_interfaces))
        .route("/nodes/{node}/{kind}", get(guests::list).post(guests::create))
        .route("/nodes/{node}/{kind}/{vmid}", delete(guests::destroy))
        .route(
            "/nodes/{node}/{kind}/{vmid}/config",
            get(guests::config).put(guests::update).post(guests::update_later),
        )
        .route("/nodes/{node}/{kind}/{vmid}/pending", get(guests::pending))
        .route("/nodes/{node}/{kind}/{vmid}/status/current", get(guests::status))
        .route("/nodes/{node}/{kind}/{vmid}/status/{action}", post(power::act))
        .route("/nodes/{node}/{kind}/{vmid}/snapshot", get(guests::snapshots))
        .route("/nodes/{node}/{kind}/{vmid}/clone", post(guests::clone))
        .route("/nodes/{node}/{kind}/{vmid}/template", post(guests::template))
        .route("/nodes/{node}/{kind}/{vmid}/resize", put(guests::resize))
        .route("/nodes/{node}/{kind}/{vmid}/migrate", post(guests::migrate))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(cluster.clone());
    // Around everything, so that requests to unknown paths are written down too.
    Router::new().nest("/api2/json", api).layer(from_fn_with_state(cluster.clone(), receive))
}

async fn unknown(call: Call) -> Reply {
    Err(Failure::not_implemented(&call.method, &call.path))
}

/// A request to a guest, or to the guests of a kind on a node.
pub(crate) struct At {
    pub(crate) cluster: Shared,
    pub(crate) call: Call,
    pub(crate) node: String,
    pub(crate) kind: Kind,
    /// 0 where the path has none.
    pub(crate) vmid: u32,
    /// The last part of `status/{action}`.
    pub(crate) action: String,
}

impl FromRequestParts<Shared> for At {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, cluster: &Shared) -> Result<Self, Failure> {
        let call = Call::from_request_parts(parts, cluster).await?;
        let path = RawPathParams::from_request_parts(parts, cluster)
            .await
            .map_err(|e| Failure::internal(e.to_string()))?;
        let value = |name: &str| path.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned());
        let kind = match value("kind").as_deref() {
            Some("lxc") => Kind::Lxc,
            Some("qemu") => Kind::Qemu,
            _ => return Err(Failure::not_implemented(&call.method, &call.path)),
        };
        let vmid = match value("vmid") {
            None => 0,
            Some(text) => text.parse().map_err(|_| {
                Failure::parameter("vmid", "invalid format - value does not look like a valid VM ID\n")
            })?,
        };
        let node = value("node").unwrap_or_default();
        let action = value("action").unwrap_or_default();
        cluster.state().check_node(&node)?;
        Ok(Self { cluster: cluster.clone(), call, node, kind, vmid, action })
    }
}

impl At {
    /// Where the guest's privileges are.
    pub(crate) fn path(&self) -> String {
        format!("/vms/{}", self.vmid)
    }

    /// The caller has this privilege on the guest.
    pub(crate) fn may(&self, privilege: &str) -> Result<(), Failure> {
        self.cluster.state().access.all(&self.call.caller, &self.path(), &[privilege])
    }

    /// What a handler does with the guest, which exists.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Guest) -> T) -> Result<T, Failure> {
        let state = self.cluster.state();
        state
            .guests
            .get(&self.vmid)
            .filter(|guest| guest.node == self.node && guest.kind == self.kind)
            .map(look)
            .ok_or_else(|| self.missing())
    }

    pub(crate) fn missing(&self) -> Failure {
        let folder = if self.kind == Kind::Lxc { "lxc" } else { "qemu-server" };
        Failure::internal(format!(
            "Configuration file 'nodes/{}/{folder}/{}.conf' does not exist",
            self.node, self.vmid
        ))
    }

    /// The parameters of the path, which may come again in the body.
    pub(crate) fn in_path(&self) -> [(String, String); 2] {
        [("node".to_owned(), self.node.clone()), ("vmid".to_owned(), self.vmid.to_string())]
    }

    /// Only these parameters.
    pub(crate) fn verify(
        &self,
        known: &[(&str, crate::schema::Type)],
        required: &[&str],
    ) -> Result<(), Failure> {
        let path = self.in_path();
        let path: Vec<(&str, &str)> = path.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.call.verify(&path, known, required)
    }
}
