//! One throwaway host: how it is described, and what can be done with it.

use crate::cgroup::Limits;
use crate::{Base, Error, Output, Suite, Tree, cgroup, command, lease, network};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

mod boot;

/// How long a shutdown in order may take before it is ended.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What an unprivileged user of a host may do with sudo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sudo {
    /// Nothing.
    None,
    /// Everything, without being asked.
    Passwordless,
    /// Everything, for this password, which is also the account's.
    Password(String),
}

/// Describes a host to boot.
#[derive(Debug, Clone)]
pub struct Builder {
    base: Base,
    name: Option<String>,
    users: Vec<(String, Sudo)>,
    root_password: Option<String>,
    sshd: String,
    durable: bool,
    keep: bool,
    address: Option<Ipv4Addr>,
    authorized_keys: Option<String>,
    ssh: bool,
    limits: Limits,
}

impl Builder {
    /// The Debian release; trixie unless said otherwise.
    pub fn suite(mut self, suite: Suite) -> Self {
        self.base.suite = suite;
        self
    }

    /// Whether it has Python (and ufw, which needs Python); it has none unless said otherwise.
    pub fn python(mut self, python: bool) -> Self {
        self.base.python = python;
        self
    }

    /// Its host name, and its name in the inventory line.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// A user with a home, whose authorized key is the host's.
    pub fn user(mut self, name: &str, sudo: Sudo) -> Self {
        self.users.push((name.to_owned(), sudo));
        self
    }

    /// Debian packages besides the usual ones. They become part of a cached base of their own, so the first boot
    /// with a new list takes as long as its download.
    pub fn packages(mut self, packages: &[&str]) -> Self {
        self.base.packages.extend(packages.iter().map(|p| (*p).to_owned()));
        self
    }

    /// Lets root log in with this password.
    pub fn root_password(mut self, password: &str) -> Self {
        self.root_password = Some(password.to_owned());
        self
    }

    /// More lines for the SSH server's configuration.
    pub fn sshd_config(mut self, lines: &str) -> Self {
        self.sshd.push_str(lines);
        self.sshd.push('\n');
        self
    }

    /// Whether fsync reaches the disk. Off for tests (their hosts are thrown away), on for honest measurements.
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Leaves the host running after this process has ended, until it is released by name.
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// An address of its own choice: one of the test network that no other host has, best one that a
    /// [`Reservation`](crate::Reservation) of this process keeps.
    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// Whose keys root accepts, in the form of the file `authorized_keys`, in the place of the host's own key.
    pub fn authorized_keys(mut self, text: &str) -> Self {
        self.authorized_keys = Some(text.to_owned());
        self
    }

    /// Whether it has an SSH server that runs; it has one unless said otherwise.
    pub fn ssh(mut self, ssh: bool) -> Self {
        self.ssh = ssh;
        self
    }

    /// How much memory it may use, in MiB, where this machine can limit that.
    pub fn memory(mut self, mib: u64) -> Self {
        self.limits.memory = Some(mib);
        self
    }

    /// How many processors' time it may use, where this machine can limit that.
    pub fn cores(mut self, cores: u32) -> Self {
        self.limits.cores = Some(cores);
        self
    }

    /// Makes its files, and does not boot it: [`Host::start`] does.
    pub fn prepare(self) -> Result<Host, Error> {
        boot::prepare(self)
    }

    /// Boots it, and returns when it is up and its SSH server answers.
    pub fn boot(self) -> Result<Host, Error> {
        let mut host = self.prepare()?;
        host.start()?;
        Ok(host)
    }
}

/// A running host. Dropping it stops it and removes all that belonged to it.
#[derive(Debug)]
pub struct Host {
    lease: lease::Lease,
    index: u16,
    python: bool,
    keep: bool,
    ssh: bool,
    limits: Limits,
    /// The nspawn that runs it, while it runs.
    child: Option<Child>,
}

impl Host {
    /// Describes a host to boot.
    pub fn builder() -> Builder {
        Builder {
            base: Base::default(),
            name: None,
            users: Vec::new(),
            root_password: None,
            sshd: String::new(),
            durable: false,
            keep: false,
            address: None,
            authorized_keys: None,
            ssh: true,
            limits: Limits::default(),
        }
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.lease.name
    }

    /// Its address.
    pub fn ip(&self) -> Ipv4Addr {
        self.lease.address
    }

    /// Its gateway, which is this machine as the host sees it.
    pub fn gateway(&self) -> Ipv4Addr {
        network::gateway()
    }

    /// The private key that root and every user of the builder accept.
    pub fn ssh_key_path(&self) -> PathBuf {
        self.lease.dir.join("key")
    }

    /// A known_hosts file with the host's keys.
    pub fn known_hosts_path(&self) -> PathBuf {
        self.lease.dir.join("known_hosts")
    }

    /// Its line for an INI inventory, with root as the user.
    pub fn inventory_line(&self) -> String {
        self.inventory_line_as("root")
    }

    /// Its line for an INI inventory, with another user.
    pub fn inventory_line_as(&self, user: &str) -> String {
        let python = if self.python { " ansible_python_interpreter=/usr/bin/python3" } else { "" };
        format!(
            "{} ansible_host={} ansible_user={user} ansible_ssh_private_key_file={} \
             ansible_ssh_common_args='-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes'{python}",
            self.name(),
            self.ip(),
            self.ssh_key_path().display(),
            self.known_hosts_path().display()
        )
    }

    /// An OpenSSH client command that logs in as a user; add the remote command to it.
    pub fn ssh(&self, user: &str) -> Command {
        let mut ssh = crate::ssh_client(&self.ssh_key_path(), &self.known_hosts_path());
        ssh.arg(format!("{user}@{}", self.ip()));
        ssh
    }

    /// Runs a program in the host as root, past SSH, and waits for its end.
    pub fn exec<S: AsRef<str>>(&self, argv: &[S]) -> Result<Output, Error> {
        let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        self.lease.exec(&argv)
    }

    /// Runs a shell script in the host as root; anything but exit 0 is an error. For setting up tests.
    pub fn sh(&self, script: &str) -> Result<String, Error> {
        let mut command = self.lease.enter()?;
        command::run(command.args(["sh", "-euc", script])).map(|out| out.stdout)
    }

    /// The merged overlay: the host's files without what it has mounted over them (`/tmp`, `/run`).
    pub fn root_dir(&self) -> PathBuf {
        self.lease.dir.join("root")
    }

    /// The host's file tree as its processes see it, with `/tmp` and `/run`. Absolute symbolic links lead out of
    /// it: read them with [`Host::exec`].
    pub fn live_root(&self) -> Result<PathBuf, Error> {
        Ok(PathBuf::from(format!("/proc/{}/root", self.lease.leader()?)))
    }

    fn inside(&self, path: &str) -> Result<PathBuf, Error> {
        Ok(self.live_root()?.join(path.trim_start_matches('/')))
    }

    /// Writes a file in the host as root, with its parent folders.
    pub fn write(&self, path: &str, data: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = self.inside(path)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        std::fs::write(&path, data).map_err(Error::io(path))
    }

    /// Reads a file of the host.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let path = self.inside(path)?;
        std::fs::read(&path).map_err(Error::io(path))
    }

    /// Reads a text file of the host.
    pub fn read_text(&self, path: &str) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// Whether a path exists in the host, as a link or otherwise.
    pub fn exists(&self, path: &str) -> bool {
        self.inside(path).is_ok_and(|path| path.symlink_metadata().is_ok())
    }

    /// A comparable picture of the trees below some paths.
    pub fn snapshot_tree(&self, paths: &[&str]) -> Result<Tree, Error> {
        Tree::read(&self.live_root()?, paths)
    }

    /// Lets the host's SSH server answer on up to 254 more addresses, and gives them: for scale tests.
    pub fn many_addresses(&self, count: u8) -> Result<Vec<Ipv4Addr>, Error> {
        let [a, b, c] = network::many_range(self.index);
        let range = format!("{a}.{b}.{c}.0/24");
        self.sh(&format!("ip route replace local {range} dev lo"))?;
        let via = self.ip().to_string();
        command::run_args("ip", &["route", "replace", &range, "via", &via, "dev", network::bridge()])?;
        let addresses: Vec<Ipv4Addr> = (1..=count.min(254)).map(|d| Ipv4Addr::new(a, b, c, d)).collect();
        // One key for all of them: every line of known_hosts again, under each address.
        let path = self.known_hosts_path();
        let known = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let keys: Vec<&str> = known.lines().filter_map(|l| l.split_once(' ').map(|(_, key)| key)).collect();
        let more = addresses.iter().flat_map(|a| keys.iter().map(move |key| format!("{a} {key}\n")));
        std::fs::write(&path, known.clone() + &more.collect::<String>()).map_err(Error::io(&path))?;
        Ok(addresses)
    }

    /// Adds the host's keys to its known_hosts file under another address and port, such as a proxy's.
    pub fn also_known_as(&self, address: std::net::SocketAddr) -> Result<(), Error> {
        let path = self.known_hosts_path();
        let known = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let keys =
            known.lines().filter_map(|l| l.split_once(' ').filter(|(h, _)| *h == self.ip().to_string()));
        let more: String =
            keys.map(|(_, k)| format!("[{}]:{} {k}\n", address.ip(), address.port())).collect();
        std::fs::write(&path, known.clone() + &more).map_err(Error::io(&path))
    }

    /// Boots it, if it does not run, and returns when it is up and its SSH server answers.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.child.is_some() { Ok(()) } else { boot::start(self) }
    }

    /// Shuts it down in order. Its files stay, and so does its address.
    pub fn stop(&mut self) -> Result<(), Error> {
        // One that is already going down refuses, and goes down.
        let _ = self.exec(&["systemctl", "--no-block", "poweroff"]);
        let begin = Instant::now();
        while let Some(child) = &mut self.child {
            if !matches!(child.try_wait(), Ok(None)) || begin.elapsed() > STOP_PATIENCE {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    /// Ends it as a power failure does. Its files stay, and so does its address.
    pub fn kill(&mut self) -> Result<(), Error> {
        boot::stop(self)
    }

    /// Sets how much memory (in MiB) and how many processors' time it may use from now on.
    pub fn limit(&mut self, memory: Option<u64>, cores: Option<u32>) {
        self.limits = Limits { memory, cores };
        if self.child.is_some() {
            cgroup::limit(&self.lease.id, &self.limits);
        }
    }

    /// How much memory it may use, in bytes, as the kernel sees it; nothing where there is no limit.
    pub fn memory_limit(&self) -> Option<u64> {
        cgroup::memory_limit(&self.lease.id)
    }

    /// The end of what the host printed on its console while booting.
    pub fn console(&self) -> String {
        boot::console_tail(&self.lease.dir)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // A host that is already gone needs no release; and Drop has nobody to report to.
        let _ = lease::release(&self.lease.id);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl lease::Lease {
    /// The host's PID 1, as this machine counts. It changes when the host reboots.
    pub fn leader(&self) -> Result<u32, Error> {
        let gone = || Error::NoHost(self.name.clone());
        let path = PathBuf::from(format!("/proc/{0}/task/{0}/children", self.supervisor));
        let children = std::fs::read_to_string(&path).map_err(|_| gone())?;
        let init = |pid: &&str| {
            let status =
                std::fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
            status.lines().any(|l| l.starts_with("NSpid:") && l.split_whitespace().last() == Some("1"))
        };
        children.split_whitespace().find(init).and_then(|pid| pid.parse().ok()).ok_or_else(gone)
    }

    /// A command that runs in the host as root; add the program and its arguments to it.
    fn enter(&self) -> Result<Command, Error> {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader()?.to_string(), "-a", "--"]).env_clear();
        command.envs(crate::machine::environment().lines().filter_map(|l| l.split_once('=')));
        command
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root");
        Ok(command)
    }

    /// Runs a program in the host as root, and waits for its end.
    pub fn exec(&self, argv: &[&str]) -> Result<Output, Error> {
        command::output(self.enter()?.args(argv))
    }
}
