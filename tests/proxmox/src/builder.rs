//! Describes the cluster to imitate.

use crate::auth::{Access, Acl};
use crate::cluster::{Faults, State};
use crate::guest::{Guest as Inner, Kind};
use crate::volume::{Storage, Volume, split_id};
use crate::{Backing, Error, Imagined, Server};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The template of Debian 12 that is in `local` from the start.
pub(crate) const DEBIAN_12: &str = "debian-12-standard_12.12-1_amd64.tar.zst";
/// The template of Debian 13 that is in `local` from the start.
pub(crate) const DEBIAN_13: &str = "debian-13-standard_13.1-2_amd64.tar.zst";

/// A guest that is there before anybody asks.
pub struct Guest {
    vmid: u32,
    inner: Inner,
    settings: Vec<(String, String)>,
}

impl Guest {
    fn new(kind: Kind, vmid: u32, name: &str) -> Self {
        let settings = vec![(kind.name_key().to_owned(), name.to_owned())];
        Self { vmid, inner: Inner::new(kind, ""), settings }
    }

    /// A container, on the first node, stopped.
    pub fn lxc(vmid: u32, hostname: &str) -> Self {
        let defaults = [
            ("arch", "amd64"),
            ("ostype", "debian"),
            ("memory", "512"),
            ("swap", "512"),
            ("unprivileged", "1"),
        ];
        let guest = defaults
            .into_iter()
            .fold(Self::new(Kind::Lxc, vmid, hostname), |g, (key, value)| g.set(key, value));
        guest.set("rootfs", "local-lvm:4")
    }

    /// A virtual machine, on the first node, stopped.
    pub fn qemu(vmid: u32, name: &str) -> Self {
        Self::new(Kind::Qemu, vmid, name).set("memory", "512").set("cores", "1")
    }

    /// On another node.
    pub fn node(mut self, node: &str) -> Self {
        node.clone_into(&mut self.inner.node);
        self
    }

    /// A setting, as a request would send it.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// It runs.
    pub fn running(mut self) -> Self {
        self.inner.running = Some(Instant::now());
        self
    }

    /// It is a template.
    pub fn template(self) -> Self {
        self.set("template", "1")
    }

    /// Its tags, separated by commas.
    pub fn tags(self, tags: &str) -> Self {
        self.set("tags", tags)
    }

    /// The pool that it is in.
    pub fn pool(mut self, pool: &str) -> Self {
        self.inner.pool = Some(pool.to_owned());
        self
    }

    /// A snapshot of it.
    pub fn snapshot(mut self, name: &str) -> Self {
        self.inner.snapshots.push(name.to_owned());
        self
    }
}

/// Describes a server to start.
pub struct Builder {
    state: State,
    backing: Box<dyn Backing>,
    contents: Vec<(String, u64)>,
    templates: bool,
    guests: Vec<Guest>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let mut access = Access::new();
        access.add_user("root@pam", "secret", Acl::default());
        let storages = IndexMap::from([
            ("local".to_owned(), Storage::new("dir", "vztmpl,iso,backup,snippets,import")),
            ("local-lvm".to_owned(), Storage::new("lvmthin", "rootdir,images")),
        ]);
        let state = State {
            version: "9.0.11".to_owned(),
            access,
            nodes: vec!["pve".to_owned()],
            offline: BTreeSet::new(),
            storages,
            appliances: [DEBIAN_12, DEBIAN_13].map(str::to_owned).to_vec(),
            guests: BTreeMap::new(),
            pools: BTreeSet::new(),
            tasks: IndexMap::new(),
            requests: Vec::new(),
            faults: Faults::default(),
        };
        Self { state, backing: Box::new(Imagined), contents: Vec::new(), templates: true, guests: Vec::new() }
    }

    /// The version that it says it is.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.state.version);
        self
    }

    /// One more node; `pve` is there.
    pub fn node(mut self, name: &str) -> Self {
        self.state.nodes.push(name.to_owned());
        self
    }

    /// A user with a password, and privileges on paths and what is below them (`*`: all). `root@pam` is there, with
    /// the password `secret`, and may everything.
    pub fn user(mut self, name: &str, password: &str, acl: &[(&str, &str)]) -> Self {
        self.state.access.add_user(name, password, Acl::new(acl));
        self
    }

    /// A token (`root@pam!name`) that may what its user may.
    pub fn token(mut self, id: &str, secret: &str) -> Self {
        self.state.access.add_token(id, secret, None);
        self
    }

    /// A token with separate privileges: it may what it and its user may.
    pub fn token_with(mut self, id: &str, secret: &str, acl: &[(&str, &str)]) -> Self {
        self.state.access.add_token(id, secret, Some(Acl::new(acl)));
        self
    }

    /// How long a ticket is good for, in whole seconds; two hours unless said otherwise.
    pub fn ticket_lifetime(mut self, lifetime: Duration) -> Self {
        self.state.access.set_lifetime(lifetime.as_secs());
        self
    }

    /// One more node, which is down: the cluster knows that it and its guests exist, and whoever asks it is told that it
    /// cannot be reached.
    pub fn offline_node(mut self, name: &str) -> Self {
        self.state.offline.insert(name.to_owned());
        self.node(name)
    }

    /// A storage of a type (`dir`, `lvmthin`, `nfs`) for some contents (`vztmpl,iso,rootdir`).
    pub fn storage(mut self, id: &str, kind: &str, content: &str) -> Self {
        self.state.storages.insert(id.to_owned(), Storage::new(kind, content));
        self
    }

    /// A container template in a storage.
    pub fn template(self, storage: &str, name: &str) -> Self {
        self.content(&format!("{storage}:vztmpl/{name}"), 128 << 20)
    }

    /// Anything in a storage, by its volume id: `local:iso/x.iso`.
    pub fn content(mut self, id: &str, size: u64) -> Self {
        self.contents.push((id.to_owned(), size));
        self
    }

    /// No templates but those that are named: not those of Debian 12 and 13.
    pub fn without_templates(mut self) -> Self {
        self.templates = false;
        self
    }

    /// An appliance that can be downloaded, besides those of Debian 12 and 13.
    pub fn aplinfo(mut self, template: &str) -> Self {
        self.state.appliances.push(template.to_owned());
        self
    }

    /// A pool.
    pub fn pool(mut self, name: &str) -> Self {
        self.state.pools.insert(name.to_owned());
        self
    }

    /// A guest that is there already.
    pub fn guest(mut self, guest: Guest) -> Self {
        self.guests.push(guest);
        self
    }

    /// How long every task takes at least.
    pub fn task_delay(mut self, delay: Duration) -> Self {
        self.state.faults.delay = delay;
        self
    }

    /// What is behind the containers; nothing unless said otherwise.
    pub fn backing(mut self, backing: impl Backing + 'static) -> Self {
        self.backing = Box::new(backing);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When a guest's settings or a volume id are none: they are the test's own.
    pub fn start(self) -> Result<Server, Error> {
        let Self { mut state, backing, mut contents, templates, guests } = self;
        if templates {
            contents.extend([DEBIAN_12, DEBIAN_13].map(|name| (format!("local:vztmpl/{name}"), 128 << 20)));
        }
        for (id, size) in contents {
            let found =
                split_id(&id).and_then(|(storage, name)| Some((state.storages.get_mut(storage)?, name)));
            let Some((storage, name)) = found else { panic!("{id} is in no storage") };
            let content = name.split('/').next().unwrap_or_default().to_owned();
            storage.volumes.insert(name.to_owned(), Volume { content, size, vmid: None });
        }
        for Guest { vmid, mut inner, settings } in guests {
            if inner.node.is_empty() {
                inner.node = state.nodes[0].clone();
            }
            if let Some(pool) = &inner.pool {
                state.pools.insert(pool.clone());
            }
            let mut config = std::mem::take(&mut inner.config);
            for (key, value) in settings {
                let set = crate::config::set(&mut state, vmid, inner.kind, &mut config, &key, &value);
                assert!(set.is_ok(), "guest {vmid}: {key}: {value}");
            }
            inner.config = config;
            state.guests.insert(vmid, inner);
        }
        Server::run(state, backing)
    }
}
