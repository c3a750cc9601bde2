//! Arguments of the modules for containers, templates and facts. Those for virtual machines are in `specs_kvm`.

use crate::actions::{ActionRef, Kind};
use windlass_protocol::spec::Support;
use windlass_protocol::{Constraint, JsonMap, ModuleArgs, arg_group, module_args};

arg_group! {
    /// How the server is reached.
    pub struct ApiArgs {
        /// The server, as a name or address, with a port if need be. `PROXMOX_HOST` stands in where it is not given.
        api_host: Option<String>,
        /// The server's port, 8006 if nothing else is said. `PROXMOX_PORT` stands in where it is not given.
        api_port: Option<i64>,
        /// Who logs in, with the realm, as in `root@pam`. `PROXMOX_USER` stands in where it is not given.
        api_user: Option<String>,
        /// The user's password. `PROXMOX_PASSWORD` stands in where it is not given.
        api_password: Option<String> => no_log(),
        /// Name of an API token of the user, without the user in front. `PROXMOX_TOKEN_ID` stands in where it is not given.
        api_token_id: Option<String>,
        /// The token's secret. `PROXMOX_TOKEN_SECRET` stands in where it is not given.
        api_token_secret: Option<String> => no_log(),
        /// Refuse a certificate that is not trusted. `PROXMOX_VALIDATE_CERTS` stands in where it is not given.
        validate_certs: bool => default("false"),
    }
}

module_args! {
    /// Creates, changes, starts, stops and removes LXC containers of a Proxmox VE cluster. Runs on the controller.
    pub struct LxcArgs for "community.proxmox.proxmox" {
        /// What the container shall be.
        state: String => default("present").choices(&["present", "absent", "stopped", "started", "restarted", "template"]),
        /// The container's number; a new one gets the next free number where none is given.
        vmid: Option<i64>,
        /// Name of the container, by which it is also found where no `vmid` is given.
        hostname: Option<String>,
        /// The node that it is made on; elsewhere it is found out.
        node: Option<String>,
        /// The pool that a new container is put into.
        pool: Option<String>,
        /// The template that a new container is made from, `local:vztmpl/NAME`. It is looked for in its storage first.
        ostemplate: Option<String>,
        /// Kind of system in it; `auto` leaves that to the server.
        ostype: String => default("auto").choices(&[
            "auto", "debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos",
            "unmanaged"
        ]),
        /// The root disk: `STORAGE:GIGABYTES`, an existing volume, or a path, with options behind commas.
        disk: Option<String>,
        /// The root disk as a mapping of `storage`, `size`, `volume`, `host_path` and `options`.
        disk_volume: Option<JsonMap>,
        /// Storage for what is not told where to go.
        storage: String => default("local"),
        /// Further disks: `mp0` and so on, each as in `disk`, with `mp=/path`.
        mounts: Option<JsonMap>,
        /// Further disks as mappings of `id`, `mountpoint`, `storage`, `size`, `volume`, `host_path` and `options`.
        mount_volumes: Option<Vec<JsonMap>>,
        /// Interfaces: `net0` and so on, each `name=eth0,bridge=vmbr0,ip=ADDRESS/BITS,gw=ADDRESS`.
        netif: Option<JsonMap>,
        /// An address, as old servers took it.
        ip_address: Option<String>,
        /// Address of the name server.
        nameserver: Option<String>,
        /// Domain that names are looked for in.
        searchdomain: Option<String>,
        /// Cores that it may use.
        cores: Option<i64>,
        /// How much computing time it may use, in cores.
        cpus: Option<i64>,
        /// Its weight among the others when the processors are busy.
        cpuunits: Option<i64>,
        /// Memory in MiB.
        memory: Option<i64>,
        /// Swap in MiB.
        swap: Option<i64>,
        /// Features, as in `nesting=1`.
        features: Option<Vec<String>>,
        /// Start it when its node starts.
        onboot: Option<bool>,
        /// Order and delays of its start: `order=N`, `up=SECONDS`, `down=SECONDS`.
        startup: Option<Vec<String>>,
        /// Root in it is nobody outside.
        unprivileged: bool => default("true"),
        /// The password of root in a new container.
        password: Option<String> => no_log(),
        /// Public keys for root in a new container.
        pubkey: Option<String>,
        /// A note for people.
        description: Option<String>,
        /// A script on the server for the steps of its life.
        hookscript: Option<String>,
        /// Time zone, or `host` for that of the node.
        timezone: Option<String>,
        /// Tags, in any order.
        tags: Option<Vec<String>>,
        /// Settings to take away.
        delete: Option<Vec<String>>,
        /// Number of a container that the new one is a copy of.
        clone: Option<i64>,
        /// Kind of copy.
        clone_type: String => default("opportunistic").choices(&["full", "linked", "opportunistic"]),
        /// Bring the settings of a container that is there in line with the arguments.
        update: bool => default("true"),
        /// Overwrite (present), stop first (absent), or end by force what is not shut down within `timeout` (stopped,
        /// restarted, template).
        force: bool => default("false"),
        /// Take it out of backup jobs, replication and HA too when it is removed.
        purge: bool => default("false"),
        /// Seconds to wait for a task of the server; with `force` also how long a container may take to shut down.
        timeout: i64 => default("30"),
    }
    flatten { api: ApiArgs }
    settings { aliases: &["community.general.proxmox"], check: Support::Full, diff: Support::Full }
    constraints [
        Constraint::RequiredIf { key: "state", value: "present", needs: &["node", "hostname"], any: false },
        Constraint::RequiredOneOf(&["vmid", "hostname"]),
        Constraint::MutuallyExclusive(&["clone", "ostemplate"]),
        Constraint::MutuallyExclusive(&["clone", "update"]),
        Constraint::MutuallyExclusive(&["force", "update"]),
        Constraint::MutuallyExclusive(&["disk", "disk_volume"]),
        Constraint::MutuallyExclusive(&["storage", "disk_volume"]),
        Constraint::MutuallyExclusive(&["mounts", "mount_volumes"])
    ]
}

module_args! {
    /// Tells what guests a Proxmox VE cluster has. Runs on the controller.
    pub struct VmInfoArgs for "community.proxmox.proxmox_vm_info" {
        /// Only guests of this node.
        node: Option<String>,
        /// Only guests of this kind.
        #[serde(rename = "type")]
        r#type: String => named("type").default("all").choices(&["all", "qemu", "lxc"]),
        /// Only the guest of this number.
        vmid: Option<i64>,
        /// Only guests of this name.
        name: Option<String>,
        /// Tell the configuration too: the running one, or the one with changes that wait for a restart.
        config: String => default("none").choices(&["none", "current", "pending"]),
        /// Tell the addresses too that the guest has; a virtual machine needs its agent for that.
        network: bool => default("false"),
    }
    flatten { api: ApiArgs }
    settings { aliases: &["community.general.proxmox_vm_info"] }
}

module_args! {
    /// Puts templates, images and discs into a storage of a Proxmox VE node, and removes them. Runs on the controller.
    pub struct TemplateArgs for "community.proxmox.proxmox_template" {
        /// Whether it shall be there.
        state: String => default("present").choices(&["present", "absent"]),
        /// The node.
        node: Option<String>,
        /// The storage.
        storage: String => default("local"),
        /// A file of the controller to upload.
        src: Option<String>,
        /// An address that the server fetches it from.
        url: Option<String>,
        /// Its name in the storage; without `src` and `url` the name of a template that the server knows where to get.
        template: Option<String>,
        /// What it is.
        content_type: String => default("vztmpl").choices(&["vztmpl", "iso", "import"]),
        /// Overwrite one that is there.
        force: bool => default("false"),
        /// How `checksum` was made.
        checksum_algorithm: Option<String> => choices(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        /// What a download has to have.
        checksum: Option<String>,
        /// Seconds to wait for a task of the server, and for which it may stand still while it is sent a file.
        timeout: i64 => default("30"),
    }
    flatten { api: ApiArgs }
    settings { aliases: &["community.general.proxmox_template"], check: Support::Full, diff: Support::Full }
    constraints [
        Constraint::RequiredTogether(&["checksum", "checksum_algorithm"]),
        Constraint::RequiredIf { key: "state", value: "absent", needs: &["template"], any: false },
        Constraint::MutuallyExclusive(&["src", "url"])
    ]
}

/// The modules of this family.
pub fn all() -> impl Iterator<Item = ActionRef> {
    const ALL: &[ActionRef] = &[
        ActionRef { spec: &LxcArgs::SPEC, kind: Kind::Controller },
        ActionRef { spec: &super::specs_kvm::KvmArgs::SPEC, kind: Kind::Controller },
        ActionRef { spec: &VmInfoArgs::SPEC, kind: Kind::Controller },
        ActionRef { spec: &TemplateArgs::SPEC, kind: Kind::Controller },
    ];
    ALL.iter().copied()
}
