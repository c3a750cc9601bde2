//! Storages and what lies in them: templates, images, disks.

use crate::cluster::{Shared, State as Inner};
use crate::reply::{Failure, Reply, data};
use crate::request::Call;
use crate::schema::Type;
use crate::task::Job;
use crate::volume::{Storage, Volume};
use axum::extract::{Path, State};
use serde_json::{Value, json};

const READ: &[&str] = &["Datastore.Audit", "Datastore.AllocateSpace"];
const CONTENTS: &[&str] = &["iso", "vztmpl", "import"];

fn may_read(state: &Inner, call: &Call, storage: &str) -> Result<(), Failure> {
    state.access.any(&call.caller, &format!("/storage/{storage}"), READ)
}

fn summary(id: &str, storage: &Storage) -> Value {
    json!({
        "storage": id, "type": storage.kind, "content": storage.content.join(","), "active": 1, "enabled": 1, "shared": 0,
        "total": 100u64 << 30, "used": 10u64 << 30, "avail": 90u64 << 30, "used_fraction": 0.1,
    })
}

/// `GET /storage`.
pub(crate) async fn definitions(State(cluster): State<Shared>, call: Call) -> Reply {
    call.verify(&[], &[("type", Type::Text)], &[])?;
    let state = cluster.state();
    let wanted = |id: &str, s: &Storage| {
        may_read(&state, &call, id).is_ok() && call.get("type").is_none_or(|kind| kind == s.kind)
    };
    let entry = |(id, s): (&String, &Storage)| json!({ "storage": id, "type": s.kind, "content": s.content.join(","), "digest": "0".repeat(40) });
    data(state.storages.iter().filter(|(id, s)| wanted(id, s)).map(entry).collect::<Vec<_>>())
}

/// `GET /nodes/{node}/storage`.
pub(crate) async fn list(State(cluster): State<Shared>, Path(node): Path<String>, call: Call) -> Reply {
    let known = [
        ("content", Type::Text),
        ("storage", Type::Text),
        ("enabled", Type::Boolean),
        ("target", Type::Text),
        ("format", Type::Boolean),
    ];
    call.verify(&[], &known, &[])?;
    let state = cluster.state();
    state.check_node(&node)?;
    let wanted = |id: &str, s: &Storage| {
        may_read(&state, &call, id).is_ok()
            && call.get("storage").is_none_or(|name| name == id)
            && call.get("content").is_none_or(|all| all.split(',').any(|c| s.holds(c)))
    };
    data(
        state
            .storages
            .iter()
            .filter(|(id, s)| wanted(id, s))
            .map(|(id, s)| summary(id, s))
            .collect::<Vec<_>>(),
    )
}

/// `GET /nodes/{node}/storage/{storage}/status`.
pub(crate) async fn status(
    State(cluster): State<Shared>,
    Path((node, id)): Path<(String, String)>,
    call: Call,
) -> Reply {
    let state = cluster.state();
    may_read(&state, &call, &id)?;
    state.check_node(&node)?;
    data(summary(&id, state.storage(&id)?))
}

fn entry(id: &str, storage: &Storage, name: &str, volume: &Volume) -> Value {
    let mut value = json!({
        "volid": format!("{id}:{name}"), "content": volume.content, "format": storage.format(name, volume),
        "size": volume.size, "ctime": 1_700_000_000u64,
    });
    if let Some(vmid) = volume.vmid {
        value["vmid"] = vmid.into();
    }
    value
}

/// `GET /nodes/{node}/storage/{storage}/content`.
pub(crate) async fn content(
    State(cluster): State<Shared>,
    Path((node, id)): Path<(String, String)>,
    call: Call,
) -> Reply {
    call.verify(&[], &[("content", Type::Text), ("vmid", Type::Vmid)], &[])?;
    let state = cluster.state();
    may_read(&state, &call, &id)?;
    state.check_node(&node)?;
    let storage = state.storage(&id)?;
    let wanted = |volume: &Volume| {
        call.get("content").is_none_or(|content| content == volume.content)
            && call.get("vmid").is_none_or(|vmid| volume.vmid.is_some_and(|v| v.to_string() == vmid))
    };
    let volumes = storage.volumes.iter().filter(|(_, volume)| wanted(volume));
    data(volumes.map(|(name, volume)| entry(&id, storage, name, volume)).collect::<Vec<_>>())
}

/// A volume in a path: with the storage before it, or without.
fn volume_name<'a>(id: &str, volume: &'a str) -> &'a str {
    volume.split_once(':').filter(|(storage, _)| *storage == id).map_or(volume, |(_, name)| name)
}

fn missing(id: &str, name: &str) -> Failure {
    Failure::internal(format!("volume '{id}:{name}' does not exist"))
}

/// `GET /nodes/{node}/storage/{storage}/content/{volume}`.
pub(crate) async fn volume(
    State(cluster): State<Shared>,
    Path((node, id, volume)): Path<(String, String, String)>,
    call: Call,
) -> Reply {
    let state = cluster.state();
    may_read(&state, &call, &id)?;
    state.check_node(&node)?;
    let storage = state.storage(&id)?;
    let name = volume_name(&id, &volume);
    let found = storage.volumes.get(name).ok_or_else(|| missing(&id, name))?;
    data(json!({
        "path": format!("/var/lib/vz/template/{name}"), "size": found.size, "used": found.size,
        "format": storage.format(name, found),
    }))
}

/// `DELETE /nodes/{node}/storage/{storage}/content/{volume}`.
pub(crate) async fn remove(
    State(cluster): State<Shared>,
    Path((node, id, volume)): Path<(String, String, String)>,
    call: Call,
) -> Reply {
    call.verify(&[], &[("delay", Type::Integer(1, 30))], &[])?;
    let name = volume_name(&id, &volume).to_owned();
    {
        let state = cluster.state();
        state.check_node(&node)?;
        state.storage(&id)?;
        let path = format!("/storage/{id}");
        let template = CONTENTS.iter().any(|content| name.starts_with(&format!("{content}/")));
        let privilege = if template { "Datastore.AllocateTemplate" } else { "Datastore.AllocateSpace" };
        state.access.all(&call.caller, &path, &[privilege])?;
    }
    let volid = format!("{id}:{name}");
    let job = Job::new(&node, "imgdel", format!("{}@{id}", file_name(&name)), move |cluster, log| {
        let mut state = cluster.state();
        let storage = state.storages.get_mut(&id).ok_or_else(|| format!("storage '{id}' does not exist"))?;
        storage.volumes.remove(&name).ok_or_else(|| format!("volume '{volid}' does not exist"))?;
        log.push(format!("Removed volume '{volid}'"));
        Ok(())
    });
    data(job.begin(&cluster, &call.caller))
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a storage may get something of this kind from this caller.
fn may_add(state: &Inner, call: &Call, node: &str, id: &str, content: &str) -> Result<(), Failure> {
    state.access.all(&call.caller, &format!("/storage/{id}"), &["Datastore.AllocateTemplate"])?;
    state.check_node(node)?;
    if state.storage(id)?.holds(content) {
        return Ok(());
    }
    Err(Failure::internal(format!("storage '{id}' is not configured for content-type '{content}'")))
}

fn check_file_name(content: &str, name: &str) -> Result<(), Failure> {
    let endings: &[&str] = match content {
        "iso" => &[".iso", ".img"],
        "vztmpl" => &[".tar.gz", ".tar.xz", ".tar.zst", ".tar"],
        _ => &[".ova", ".qcow2", ".raw", ".vmdk"],
    };
    if !name.is_empty()
        && !name.contains('/')
        && endings.iter().any(|e| name.to_ascii_lowercase().ends_with(e))
    {
        return Ok(());
    }
    Err(Failure::parameter("filename", "wrong file extension"))
}

/// A task that puts a volume there.
fn add(node: &str, kind: &str, id: &str, content: &str, name: &str, size: u64, line: String) -> Job {
    let (id, name, content) = (id.to_owned(), format!("{content}/{name}"), content.to_owned());
    Job::new(node, kind, "", move |cluster, log| {
        log.push(line);
        let mut state = cluster.state();
        let storage = state.storages.get_mut(&id).ok_or_else(|| format!("storage '{id}' does not exist"))?;
        storage.volumes.insert(name, Volume { content, size, vmid: None });
        Ok(())
    })
}

/// `POST /nodes/{node}/storage/{storage}/upload`.
pub(crate) async fn upload(
    State(cluster): State<Shared>,
    Path((node, id)): Path<(String, String)>,
    call: Call,
) -> Reply {
    let known = [
        ("content", Type::Choice(CONTENTS)),
        ("filename", Type::Text),
        ("checksum", Type::Text),
        ("checksum-algorithm", Type::Text),
    ];
    call.verify(&[], &known, &["content", "filename"])?;
    let (content, name) = (call.get("content").unwrap_or_default(), call.get("filename").unwrap_or_default());
    may_add(&cluster.state(), &call, &node, &id, content)?;
    check_file_name(content, name)?;
    let size = call.upload.ok_or_else(|| Failure::internal("missing tmpfilename"))?;
    let line = format!("target file: /var/lib/vz/template/{name}");
    data(add(&node, "imgcopy", &id, content, name, size, line).begin(&cluster, &call.caller))
}

/// `POST /nodes/{node}/storage/{storage}/download-url`.
pub(crate) async fn download(
    State(cluster): State<Shared>,
    Path((node, id)): Path<(String, String)>,
    call: Call,
) -> Reply {
    let known = [
        ("url", Type::Text),
        ("content", Type::Choice(CONTENTS)),
        ("filename", Type::Text),
        ("checksum", Type::Text),
        ("checksum-algorithm", Type::Choice(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])),
        ("compression", Type::Text),
        ("verify-certificates", Type::Boolean),
    ];
    call.verify(&[], &known, &["url", "content", "filename"])?;
    let (content, name) = (call.get("content").unwrap_or_default(), call.get("filename").unwrap_or_default());
    let url = call.get("url").unwrap_or_default();
    may_add(&cluster.state(), &call, &node, &id, content)?;
    {
        let state = cluster.state();
        if state.access.all(&call.caller, "/", &["Sys.Audit", "Sys.Modify"]).is_err() {
            state
                .access
                .all(&call.caller, &format!("/nodes/{node}"), &["Sys.AccessNetwork"])
                .map_err(|_| Failure::forbidden(None))?;
        }
    }
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Failure::parameter("url", "value does not match the regex pattern"));
    }
    check_file_name(content, name)?;
    let line = format!("downloading {url} to /var/lib/vz/template/{name}");
    data(add(&node, "download", &id, content, name, 128 << 20, line).begin(&cluster, &call.caller))
}

/// `GET /nodes/{node}/aplinfo`.
pub(crate) async fn appliances(State(cluster): State<Shared>, Path(node): Path<String>) -> Reply {
    let state = cluster.state();
    state.check_node(&node)?;
    let entry = |name: &String| {
        let package = name.split('_').next().unwrap_or(name);
        json!({
            "template": name, "package": package, "os": crate::config::ostype(name), "section": "system", "type": "lxc",
            "location": format!("http://download.proxmox.com/images/system/{name}"),
        })
    };
    data(state.appliances.iter().map(entry).collect::<Vec<_>>())
}

/// `POST /nodes/{node}/aplinfo`.
pub(crate) async fn download_appliance(
    State(cluster): State<Shared>,
    Path(node): Path<String>,
    call: Call,
) -> Reply {
    call.verify(&[], &[("storage", Type::Text), ("template", Type::Text)], &["storage", "template"])?;
    let (id, name) = (call.get("storage").unwrap_or_default(), call.get("template").unwrap_or_default());
    {
        let state = cluster.state();
        state.access.all(&call.caller, &format!("/storage/{id}"), &["Datastore.AllocateTemplate"])?;
        state.check_node(&node)?;
        if !state.appliances.iter().any(|a| a == name) {
            return Err(Failure::parameter("template", "no such template"));
        }
        if !state.storage(id)?.holds("vztmpl") {
            return Err(Failure::internal(format!(
                "unknown template directory: storage '{id}' does not support templates"
            )));
        }
    }
    let line = format!(
        "downloading http://download.proxmox.com/images/system/{name} to /var/lib/vz/template/cache/{name}"
    );
    data(add(&node, "download", id, "vztmpl", name, 128 << 20, line).begin(&cluster, &call.caller))
}
