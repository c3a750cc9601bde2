//! A container or a virtual machine.

use crate::reply::Failure;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// What a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A container.
    Lxc,
    /// A virtual machine.
    Qemu,
}

impl Kind {
    /// As paths name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lxc => "lxc",
            Self::Qemu => "qemu",
        }
    }

    /// As messages name it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lxc => "CT",
            Self::Qemu => "VM",
        }
    }

    /// What the types of its tasks begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Lxc => "vz",
            Self::Qemu => "qm",
        }
    }

    /// The name of the setting that names it.
    pub(crate) fn name_key(self) -> &'static str {
        match self {
            Self::Lxc => "hostname",
            Self::Qemu => "name",
        }
    }
}

/// A guest as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestView {
    /// Its number.
    pub vmid: u32,
    /// Where it is.
    pub node: String,
    /// What it is.
    pub kind: Kind,
    /// `running` or `stopped`.
    pub status: String,
    /// Its settings as its file has them.
    pub config: IndexMap<String, String>,
    /// What holds it, if anything does.
    pub lock: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// The pool that it is in.
    pub pool: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) kind: Kind,
    pub(crate) node: String,
    pub(crate) config: IndexMap<String, String>,
    pub(crate) running: Option<Instant>,
    pub(crate) paused: bool,
    pub(crate) lock: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) snapshots: Vec<String>,
    /// What a container was made from, or what a machine is a copy of.
    pub(crate) origin: Option<Origin>,
}

/// What a guest's creation was told and its settings do not keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) ostemplate: String,
    pub(crate) keys: String,
    pub(crate) password: Option<String>,
}

impl Guest {
    pub(crate) fn new(kind: Kind, node: &str) -> Self {
        Self {
            kind,
            node: node.to_owned(),
            config: IndexMap::new(),
            running: None,
            paused: false,
            lock: None,
            pool: None,
            snapshots: Vec::new(),
            origin: None,
        }
    }

    pub(crate) fn name(&self, vmid: u32) -> String {
        let default = || format!("{}{vmid}", if self.kind == Kind::Lxc { "CT" } else { "VM " });
        self.config.get(self.kind.name_key()).cloned().unwrap_or_else(default)
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.running.is_some() { "running" } else { "stopped" }
    }

    pub(crate) fn is_template(&self) -> bool {
        self.config.get("template").is_some_and(|t| t == "1")
    }

    /// Nobody holds it, or the refusal.
    pub(crate) fn check_lock(&self) -> Result<(), String> {
        match &self.lock {
            None => Ok(()),
            Some(lock) => Err(format!("{} is locked ({lock})", self.kind.word())),
        }
    }

    pub(crate) fn check_protection(&self, vmid: u32, what: &str) -> Result<(), Failure> {
        if self.config.get("protection").is_none_or(|p| p != "1") {
            return Ok(());
        }
        Err(Failure::internal(format!("{what} {} {vmid} - protection mode enabled", self.kind.word())))
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        self.config.get(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn view(&self, vmid: u32) -> GuestView {
        GuestView {
            vmid,
            node: self.node.clone(),
            kind: self.kind,
            status: self.status().to_owned(),
            config: self.config.clone(),
            lock: self.lock.clone(),
            template: self.is_template(),
            pool: self.pool.clone(),
        }
    }

    /// What lists, the state and the resources have in common.
    pub(crate) fn summary(&self, vmid: u32) -> Map<String, Value> {
        let uptime = self.running.map(|since| since.elapsed().as_secs()).unwrap_or_default();
        let memory = self.number("memory", 512) << 20;
        let cores = self.number("cores", 1) * self.number("sockets", 1);
        let disk = crate::volume::size_of(self.config.get("rootfs").map_or("", String::as_str)).unwrap_or(0);
        let used = if self.running.is_some() { memory / 8 } else { 0 };
        let mut map = Map::new();
        let fields = json!({
            "vmid": vmid, "name": self.name(vmid), "status": self.status(), "type": self.kind.name(),
            "uptime": uptime, "cpu": 0, "cpus": cores, "mem": used, "maxmem": memory, "disk": 0, "maxdisk": disk,
            "netin": 0, "netout": 0, "diskread": 0, "diskwrite": 0,
        });
        if let Value::Object(fields) = fields {
            map.extend(fields);
        }
        if self.kind == Kind::Lxc {
            map.insert("swap".to_owned(), json!(0));
            map.insert("maxswap".to_owned(), json!(self.number("swap", 512) << 20));
        }
        for (key, value) in [("tags", self.config.get("tags")), ("lock", self.lock.as_ref())] {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.clone().into());
            }
        }
        if self.is_template() {
            map.insert("template".to_owned(), json!(1));
        }
        map
    }
}
