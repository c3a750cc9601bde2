//! What a run of the app stack needs around it: the API, addresses, a key, a repository, and the variables that say so.

use super::repository::{Repository, run};
use crate::play::{execute, finish};
use crate::{Error, Run, Show};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_test_hosts::{Base, Reservation, Suite, network_gateway, ssh_client};
use windlass_test_proxmox::{Builder, Hosts, Server};

/// The token that the runs use.
const TOKEN: &str = "00000000-1111-2222-3333-444444444444";

/// Containers that have the packages of the role `base_os` already, so that each run does not download them. They are
/// downloaded now, if they never were: the API's tasks have a time limit.
pub fn hosts() -> Result<Hosts, Error> {
    let packages = ["sudo", "ca-certificates", "git", "curl", "openssh-client", "nodejs", "npm", "ufw"];
    let owned = packages.iter().map(|p| (*p).to_owned()).collect();
    Base { suite: Suite::Trixie, python: false, packages: owned }.ensure()?;
    Ok(Hosts::new().packages("debian-13-standard", &packages))
}

/// Everything that a run needs; it is gone with this value.
pub struct Stage {
    /// The API.
    pub server: Server,
    /// The application's repository.
    pub repository: Repository,
    /// The variables that every run is given, beside those of the example.
    pub variables: Value,
    addresses: Vec<Reservation>,
    windlass: PathBuf,
    folder: tempfile::TempDir,
}

const ENVIRONMENTS: [&str; 2] = ["dev", "qa"];

impl Stage {
    /// Starts a server, and reserves addresses for the first `guests` environments of projectA.
    pub fn new(windlass: &Path, server: Builder, guests: usize) -> Result<Self, Error> {
        let windlass = std::path::absolute(windlass).map_err(Error::io(windlass))?;
        let addresses = (0..guests).map(|_| Reservation::take()).collect::<Result<Vec<_>, _>>()?;
        let server = server.token("root@pam!automation", TOKEN).start()?;
        let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
        let repository = Repository::serve(&example().join("app"), folder.path(), network_gateway())?;
        let key = folder.path().join("key");
        run(Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-C", "deploy", "-f"])
            .arg(&key))?;
        let public = key.with_extension("pub");
        let public = std::fs::read_to_string(&public).map_err(Error::io(public))?;
        let environments: serde_json::Map<String, Value> = ENVIRONMENTS
            .iter()
            .zip(&addresses)
            .enumerate()
            .map(|(number, (env, address))| {
                let guest = json!({
                    "name": format!("projecta-{env}"), "vmid": 101 + number, "ip": address.cidr(),
                    "gateway": address.gateway().to_string(), "branch": env,
                    "env_vars": { "APP_MESSAGE": format!("The notebook, {env}"), "SESSION_SECRET": format!("secret of {env}") },
                });
                ((*env).to_owned(), guest)
            })
            .collect();
        let store = "/etc/ssl/certs/ca-certificates.crt";
        let mut build =
            json!({ "SSL_CERT_FILE": store, "NODE_EXTRA_CA_CERTS": store, "GIT_SSL_CAINFO": store });
        for name in ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
            if let Ok(value) = std::env::var(name) {
                build[name] = value.into();
            }
        }
        let known_hosts = folder.path().join("known_hosts");
        let variables = json!({
            "proxmox_host": server.host(), "proxmox_api_port": server.port(), "proxmox_user": "root@pam",
            "proxmox_password": "", "proxmox_token_id": "automation", "proxmox_token": TOKEN,
            "app_ssh_public_key": public.trim(),
            "ansible_ssh_private_key_file": key,
            "ansible_ssh_common_args":
                format!("-o UserKnownHostsFile={} -o StrictHostKeyChecking=accept-new", known_hosts.display()),
            "app_build_environment": build,
            "app_guest_memory_mb": 1024,
            "app_projects": { "projectA": {
                "repo_url": repository.url(),
                "deploy": {
                    "backend_start_cmd": "/usr/bin/node server.js", "frontend_start_cmd": "/usr/bin/node server.js",
                },
                "envs": environments,
            } },
        });
        Ok(Self { server, repository, variables, addresses, windlass, folder })
    }

    fn command(&self, playbook: &str, arguments: &[&str]) -> Result<Command, Error> {
        let file = self.folder.path().join("variables.json");
        std::fs::write(&file, self.variables.to_string()).map_err(Error::io(&file))?;
        let mut command = Command::new(&self.windlass);
        command.arg("playbook").arg(playbook).args(arguments).arg("-e").arg(format!("@{}", file.display()));
        command.current_dir(example());
        // The server's certificate is one that nobody else has signed, and it is checked all the same.
        command.env("REQUESTS_CA_BUNDLE", self.server.ca_path()).env("ANSIBLE_FORCE_COLOR", "0");
        Ok(command)
    }

    /// Runs a playbook of the example, which is to go through, showing its lines as they come.
    pub fn run(&self, playbook: &str, arguments: &[&str], show: Show<'_>) -> Result<Run, Error> {
        let all: Vec<&str> = std::iter::once(playbook).chain(arguments.iter().copied()).collect();
        show(&format!("$ windlass playbook {}", all.join(" ")));
        finish(self.command(playbook, arguments)?, &self.windlass, &all, show)
    }

    /// Runs a playbook of the example, however it ends: its exit code, and what it printed.
    pub fn attempt(&self, playbook: &str, arguments: &[&str]) -> Result<(Option<i32>, String), Error> {
        let (status, output) = execute(self.command(playbook, arguments)?, &self.windlass, &mut |_| {})?;
        Ok((status.code(), output))
    }

    /// The environments and their addresses.
    pub fn environments(&self) -> Vec<(&'static str, Ipv4Addr)> {
        ENVIRONMENTS.iter().copied().zip(self.addresses.iter().map(Reservation::address)).collect()
    }

    /// A guest's settings in `app_projects`.
    pub fn guest(&mut self, number: usize) -> &mut Value {
        &mut self.variables["app_projects"]["projectA"]["envs"][ENVIRONMENTS[number]]
    }

    /// A guest's name.
    pub fn name(&self, number: usize) -> String {
        format!("projecta-{}", ENVIRONMENTS[number])
    }

    /// A guest's address.
    pub fn address(&self, number: usize) -> Ipv4Addr {
        self.addresses[number].address()
    }

    /// The reservation of a guest's address.
    pub fn reservation(&self, number: usize) -> &Reservation {
        &self.addresses[number]
    }

    /// What a guest's application is to say.
    pub fn message(&self, number: usize) -> String {
        let guest = &self.variables["app_projects"]["projectA"]["envs"][ENVIRONMENTS[number]];
        guest["env_vars"]["APP_MESSAGE"].as_str().unwrap_or_default().to_owned()
    }

    /// Changes what a guest's application is to say.
    pub fn set_message(&mut self, number: usize, message: &str) {
        self.guest(number)["env_vars"]["APP_MESSAGE"] = message.into();
    }

    /// The head of a branch of the application.
    pub fn commit(&self, branch: &str) -> Result<String, Error> {
        self.repository.head(branch)
    }

    /// Runs a command in a guest as root, by SSH with the key that the runs use.
    pub fn login(&self, number: usize, command: &str) -> Result<String, Error> {
        let folder = self.folder.path();
        let mut ssh = ssh_client(&folder.join("key"), &folder.join("known_hosts"));
        // A guest that no run has logged in to yet is known from now on.
        ssh.args(["-o", "StrictHostKeyChecking=accept-new"]);
        ssh.arg(format!("root@{}", self.address(number))).arg(command);
        run(&mut ssh)
    }

    /// The processes of a guest's two services.
    pub fn processes(&self, number: usize) -> Result<String, Error> {
        self.login(number, "systemctl show --property MainPID --value app-backend app-frontend")
    }
}

/// The example's folder.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/app_stack")
}
