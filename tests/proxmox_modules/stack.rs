//! The example `examples/app_stack` by the original: ansible-core with `community.proxmox` and `proxmoxer` runs the same
//! `provision_vms.yml` against a server that is the same, and the requests that may change something are compared.

use super::drive::windlass;
use super::reference::is_less;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use windlass_test_oracle::Reference;
use windlass_test_proxmox::{Guest, Request, Server};

/// The guests of projectA.
fn variables(server: &Server, guests: &[(&str, u32)]) -> Value {
    let guest = |(env, vmid): &(&str, u32)| {
        let settings = json!({
            "name": format!("projecta-{env}"), "vmid": vmid, "ip": format!("192.0.2.{}/24", vmid % 100), "gateway": "192.0.2.254",
            "branch": env, "env_vars": {},
        });
        ((*env).to_owned(), settings)
    };
    let guests: serde_json::Map<String, Value> = guests.iter().map(guest).collect();
    json!({
        "proxmox_host": server.host(), "proxmox_api_port": server.port(), "proxmox_user": server.user(),
        "proxmox_password": server.password(), "proxmox_token_id": "", "proxmox_token": "",
        "app_ssh_public_key": "ssh-ed25519 AAAAC3Nza ops@example",
        "lxc_wait_for_ssh": false, "kvm_wait_for_ssh": false, "kvm_template": "debian-13-cloud",
        "app_projects": {"projectA": {"repo_url": "https://git.example.com/a.git", "envs": guests}},
    })
}

/// Who runs it, against a server of its own.
struct Side {
    name: &'static str,
    server: Server,
    folder: tempfile::TempDir,
    command: fn() -> Command,
}

impl Side {
    fn new(name: &'static str, server: Server, command: fn() -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Nobody has the addresses, on whatever network this runs.
        let ping = folder.path().join("ping");
        std::fs::write(&ping, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&ping, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { name, server, folder, command }
    }

    /// Runs the playbook: what was written to the server, and how many tasks changed something.
    fn run(&self, variables: &Value) -> (Vec<String>, u32) {
        let file = self.folder.path().join("variables.json");
        std::fs::write(&file, variables.to_string()).unwrap();
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap_or_default());
        let output = (self.command)()
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/app_stack"))
            .args(["provision_vms.yml", "-e", &format!("@{}", file.display())])
            .env("PATH", path)
            .env("ANSIBLE_NOCOLOR", "1")
            .env("REQUESTS_CA_BUNDLE", self.server.ca_path())
            .env_remove("ANSIBLE_CONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", self.name);
        let changed = said.rsplit_once("changed=").and_then(|(_, rest)| rest.split_whitespace().next());
        let lines = self.server.writes().iter().map(Request::line).collect();
        assert!(!self.server.requests().is_empty());
        self.server.clear_requests();
        (lines, changed.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{}: {said}", self.name)))
    }
}

/// A guest's settings. Each has a hardware address of its own.
fn settings(side: &Side) -> Vec<(String, String)> {
    let mut config = side.server.guest(111).unwrap().config;
    config.shift_remove("net0");
    config.sort_keys();
    config.into_iter().collect()
}

fn original() -> Command {
    let reference = Reference::get().unwrap();
    let mut command = Command::new(reference.bin().join("ansible-playbook"));
    command.env("ANSIBLE_COLLECTIONS_PATH", reference.proxmox().unwrap());
    command
}

/// Both of them.
fn sides(server: fn() -> Server) -> Option<[Side; 2]> {
    Reference::get()?.proxmox()?;
    Some([Side::new("windlass", server(), windlass), Side::new("original", server(), original)])
}

/// One run by each.
fn runs(sides: &[Side; 2], variables: impl Fn(&Server) -> Value) -> [(Vec<String>, u32); 2] {
    sides.each_ref().map(|side| side.run(&variables(&side.server)))
}

#[test]
fn containers_are_provisioned_by_the_same_requests() {
    let Some(sides) = sides(|| Server::builder().start().unwrap()) else { return };
    let guests = [("dev", 111), ("qa", 112)];
    let [(ours, changed), (theirs, _)] = runs(&sides, |server| variables(server, &guests));
    let of = |path: &str| ours.iter().filter(|line| line.starts_with(path)).count();
    assert_eq!((of("POST /nodes/pve/lxc "), of("POST /nodes/pve/lxc/1"), ours.len()), (2, 2, 4), "{ours:#?}");
    assert_eq!(ours, theirs);
    assert_eq!(changed, 4);

    // One guest has more memory now, the other is as it should be: it gets nothing by either. The original sends all settings
    // of the one, this program the one that differs.
    let [(ours, changed), (theirs, _)] = runs(&sides, |server| {
        let mut variables = variables(server, &guests);
        variables["app_projects"]["projectA"]["envs"]["dev"]["guest"] = json!({"memory_mb": 4096});
        variables
    });
    assert_eq!(
        (ours.as_slice(), changed),
        (&["PUT /nodes/pve/lxc/111/config memory=4096 node=pve vmid=111".to_owned()][..], 1)
    );
    assert_eq!(theirs.len(), 1, "{theirs:#?}");
    assert!(is_less(ours.first(), theirs.first()), "{theirs:#?}");
    assert_eq!(settings(&sides[0]), settings(&sides[1]), "and both end with the same container");
}

#[test]
fn machines_are_provisioned_by_the_same_requests() {
    let server = || {
        let template = Guest::qemu(9000, "debian-13-cloud")
            .set("scsi0", "local-lvm:8")
            .set("ide2", "local-lvm:cloudinit")
            .set("net0", "virtio,bridge=vmbr0")
            .template();
        Server::builder().guest(template).start().unwrap()
    };
    let Some(sides) = sides(server) else { return };
    let guests = |server: &Server| {
        let mut variables = variables(server, &[("dev", 111)]);
        variables["proxmox_guest_type"] = "kvm".into();
        variables
    };
    let [(ours, changed), (theirs, _)] = runs(&sides, guests);
    assert_eq!((ours.len(), theirs.len(), changed), (3, 3, 3), "{ours:#?}\n{theirs:#?}");
    for (mine, original) in ours.iter().zip(&theirs) {
        // The original sends the name again, that the copy has already.
        assert!(mine == original || is_less(Some(mine), Some(original)), "{mine}\n{original}");
    }
    assert_eq!(settings(&sides[0]), settings(&sides[1]));
    let again = runs(&sides, guests);
    assert_eq!(again, [(Vec::new(), 0), (Vec::new(), 0)]);
}
