//! From a description to a host that answers.

use super::{Builder, Host, Sudo};
use crate::{Error, cgroup, command, lease, machine, network};
use std::fs::{File, Permissions};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a boot may take. Two seconds is usual; a machine that compiles on all cores needs more.
const PATIENCE: Duration = Duration::from_secs(180);

pub(super) fn prepare(builder: Builder) -> Result<Host, Error> {
    let base = builder.base.ensure()?;
    lease::gc()?;
    let run = machine::cache_dir()?.join("run");
    let (lease, index) = take_lease(&builder, &run)?;
    // From here on, whatever fails must leave nothing behind.
    let guard = ReleaseOnError(Some(lease.id.clone()));
    let root = mount(&lease.dir, &base, builder.durable)?;
    fill(&builder, &lease, &root)?;
    std::mem::forget(guard);
    Ok(Host {
        lease,
        index,
        python: builder.base.python,
        keep: builder.keep,
        ssh: builder.ssh,
        limits: builder.limits,
        child: None,
    })
}

/// Boots a host whose files are there.
pub(super) fn start(host: &mut Host) -> Result<(), Error> {
    let child = spawn(&host.lease, &host.root_dir(), &host.limits)?;
    host.lease.supervisor = child.id();
    host.child = Some(child);
    // Whether the address was let go of meanwhile is in the file.
    let reserved = lease::read(&host.lease.id).is_some_and(|lease| lease.reserved);
    host.lease.reserved = reserved;
    lease::write(&host.lease)?;
    wait_until_up(host)
}

/// Ends whatever of it runs.
pub(super) fn stop(host: &mut Host) -> Result<(), Error> {
    cgroup::destroy(&cgroup::existing(&host.lease.id));
    if let Some(mut child) = host.child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
    // The next boot makes one of the same name, and the kernel takes a while with this one.
    let _ = command::run_args("ip", &["link", "del", &format!("vb-{}", host.lease.id)]);
    host.lease.supervisor = 0;
    host.lease.reserved = lease::read(&host.lease.id).is_some_and(|lease| lease.reserved);
    lease::write(&host.lease)
}

struct ReleaseOnError(Option<String>);

impl Drop for ReleaseOnError {
    fn drop(&mut self) {
        if let Some(name) = self.0.take() {
            let _ = lease::release(&name);
        }
    }
}

fn take_lease(builder: &Builder, run: &Path) -> Result<(lease::Lease, u16), Error> {
    let lock = lease::lock()?;
    network::up(&lock)?;
    let (index, reserved) = match builder.address {
        None => (lease::next_index(&lock)?, false),
        Some(address) => chosen(address)?,
    };
    let id = lease::id(index);
    let owner = if builder.keep { 0 } else { std::process::id() };
    let lease = lease::Lease {
        name: builder.name.clone().unwrap_or_else(|| id.clone()),
        address: network::address(index),
        dir: run.join(&id),
        supervisor: 0,
        owner,
        owner_started: lease::started(owner).unwrap_or(0),
        id,
        reserved,
        vacant: false,
    };
    lease::write(&lease)?;
    Ok((lease, index))
}

/// The number of the host that gets this address, and whether this process has reserved it.
fn chosen(address: Ipv4Addr) -> Result<(u16, bool), Error> {
    let network = || format!("{}/{}", network::address(0), network::network_prefix());
    let index = network::index_of(address).ok_or_else(|| Error::NotOurs(address, network()))?;
    match lease::leases()?.into_iter().find(|lease| lease.address == address) {
        None => Ok((index, false)),
        Some(lease) if lease.vacant && lease.owner == std::process::id() => Ok((index, true)),
        Some(_) => Err(Error::AddressTaken(address)),
    }
}

/// Mounts the host's overlay and gives its root.
fn mount(dir: &Path, base: &Path, durable: bool) -> Result<PathBuf, Error> {
    // What a crash of the machine itself left, whose leases were in memory.
    lease::unmount_below(dir);
    let _ = std::fs::remove_dir_all(dir);
    let (files, root) = (dir.join("files"), dir.join("root"));
    for path in [&files, &root] {
        std::fs::create_dir_all(path).map_err(Error::io(path))?;
    }
    let overlay = |volatile: &str| {
        for path in [files.join("upper"), files.join("work")] {
            std::fs::create_dir_all(&path).map_err(Error::io(&path))?;
        }
        let options = format!(
            "lowerdir={},upperdir={1}/upper,workdir={1}/work{volatile}",
            base.display(),
            files.display()
        );
        command::run(
            Command::new("mount").args(["-t", "overlay", "windlass-host", "-o", &options]).arg(&root),
        )
    };
    let volatile = if durable { "" } else { ",volatile" };
    if overlay(volatile).or_else(|_| overlay("")).is_err() {
        // The cache is itself on an overlay, as in a container: those cannot be stacked, so write to memory.
        command::run(Command::new("mount").args(["-t", "tmpfs", "windlass-host"]).arg(&files))?;
        overlay("")?;
    }
    Ok(root)
}

/// Everything in the host's tree that is its own.
fn fill(builder: &Builder, lease: &lease::Lease, root: &Path) -> Result<(), Error> {
    machine::copy_settings(root)?;
    put(root, "etc/hostname", format!("{}\n", lease.name), 0o644)?;
    let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {}\n::1 localhost ip6-localhost\n", lease.name);
    put(root, "etc/hosts", hosts, 0o644)?;
    // One that is there keeps systemd from treating this as a machine's first boot.
    put(root, "etc/machine-id", format!("{}\n", random_hex()?), 0o444)?;
    // It must sort before systemd's own 80-container-host0.network.
    let network = format!(
        "[Match]\nName=host0\n[Network]\nAddress={}/16\nGateway={}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
        lease.address,
        network::gateway()
    );
    put(root, "etc/systemd/network/10-host0.network", network, 0o644)?;
    ssh_keys(builder, lease, root)?;
    if !builder.ssh {
        for unit in ["ssh.service", "ssh.socket", "sshd.service"] {
            let path = root.join("etc/systemd/system").join(unit);
            let _ = std::fs::remove_file(&path);
            std::os::unix::fs::symlink("/dev/null", &path).map_err(Error::io(path))?;
        }
    }
    put(root, "etc/sudoers.d/00-environment", "Defaults env_file=/etc/environment\n".into(), 0o440)?;
    for (name, sudo) in &builder.users {
        add_user(lease, root, name, sudo)?;
    }
    if let Some(password) = &builder.root_password {
        set_password(root, "root", password)?;
    }
    Ok(())
}

fn put(root: &Path, to: &str, text: String, mode: u32) -> Result<(), Error> {
    let path = root.join(to);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, text).map_err(Error::io(&path))?;
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(Error::io(&path))
}

fn random_hex() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    let source = "/dev/urandom";
    File::open(source).and_then(|mut f| f.read_exact(&mut bytes)).map_err(Error::io(source))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// The login key, the host's own keys, known_hosts, and the server's settings.
fn ssh_keys(builder: &Builder, lease: &lease::Lease, root: &Path) -> Result<(), Error> {
    let keygen = |path: &Path, kind: &str, comment: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-t", kind, "-C", comment, "-f"]).arg(path);
        command::run(&mut command)?;
        let public = path.with_added_extension("pub");
        std::fs::read_to_string(&public).map_err(Error::io(public))
    };
    let public = keygen(&lease.dir.join("key"), "ed25519", "windlass-test")?;
    let accepted = builder.authorized_keys.as_ref().map_or(public, |keys| format!("{}\n", keys.trim_end()));
    put(root, "root/.ssh/authorized_keys", accepted, 0o600)?;
    let dot_ssh = root.join("root/.ssh");
    std::fs::set_permissions(&dot_ssh, Permissions::from_mode(0o700)).map_err(Error::io(dot_ssh))?;
    let mut known = String::new();
    for kind in ["ed25519", "ecdsa"] {
        let key = keygen(&root.join(format!("etc/ssh/ssh_host_{kind}_key")), kind, &lease.name)?;
        known.push_str(&format!("{} {key}", lease.address));
    }
    let path = lease.dir.join("known_hosts");
    std::fs::write(&path, known).map_err(Error::io(path))?;
    // Deploys come in bursts, and nobody wants to wait for a reverse look-up.
    let settings = format!("UseDNS no\nMaxStartups 500\n{}", builder.sshd);
    let root_login = if builder.root_password.is_some() { "PermitRootLogin yes\n" } else { "" };
    put(root, "etc/ssh/sshd_config.d/10-windlass.conf", format!("{root_login}{settings}"), 0o644)
}

fn chroot(root: &Path, argv: &[&str]) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).args(argv).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    command
}

fn set_password(root: &Path, user: &str, password: &str) -> Result<(), Error> {
    command::run_with_input(&mut chroot(root, &["chpasswd"]), format!("{user}:{password}\n").as_bytes())
        .map(|_| ())
}

fn add_user(lease: &lease::Lease, root: &Path, name: &str, sudo: &Sudo) -> Result<(), Error> {
    command::run(&mut chroot(root, &["useradd", "-m", "-U", "-s", "/bin/bash", name]))?;
    let public = lease.dir.join("key.pub");
    let public = std::fs::read_to_string(&public).map_err(Error::io(public))?;
    put(root, &format!("home/{name}/.ssh/authorized_keys"), public, 0o600)?;
    let home = format!("/home/{name}/.ssh");
    command::run(&mut chroot(root, &["chown", "-R", &format!("{name}:{name}"), &home]))?;
    command::run(&mut chroot(root, &["chmod", "700", &home]))?;
    let rule = match sudo {
        Sudo::None => return Ok(()),
        Sudo::Passwordless => format!("{name} ALL=(ALL:ALL) NOPASSWD: ALL\n"),
        Sudo::Password(password) => {
            set_password(root, name, password)?;
            format!("{name} ALL=(ALL:ALL) ALL\n")
        }
    };
    put(root, &format!("etc/sudoers.d/50-{name}"), rule, 0o440)
}

/// Starts nspawn in cgroups of the host's own.
fn spawn(lease: &lease::Lease, root: &Path, limits: &cgroup::Limits) -> Result<Child, Error> {
    let cgroups = cgroup::with_limits(&lease.id, limits);
    cgroup::create(&cgroups)?;
    cgroup::limit(&lease.id, limits);
    let console = lease.dir.join("console.log");
    let log = File::create(&console).map_err(Error::io(&console))?;
    let errors = log.try_clone().map_err(Error::io(&console))?;
    // The process must be in its cgroups before nspawn looks which ones it is in. Arguments: the number of
    // cgroup folders, the folders, and then the command.
    let script = r#"n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1/cgroup.procs"; shift; n=$((n - 1)); done; exec "$@""#;
    let mut command = Command::new("sh");
    command.args(["-euc", script, "sh", &cgroups.len().to_string()]).args(&cgroups);
    command.args([
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--resolv-conf=off",
    ]);
    command.args(["--timezone=off", "--link-journal=no", "--hostname", &lease.name]);
    command.arg(format!("--network-bridge={}", network::bridge()));
    command.args(["-M", &lease.id, "-D"]).arg(root);
    // A group of its own: Ctrl-C in the terminal is for the tests, which then clean up in order.
    command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    command.spawn().map_err(Error::io("sh"))
}

fn wait_until_up(host: &mut Host) -> Result<(), Error> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if !matches!(host.child.as_mut().map(Child::try_wait), Some(Ok(None))) {
            break; // nspawn gave up
        }
        if (!host.ssh || answers(SocketAddr::from((host.ip(), 22)))) && booted(host) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    Err(Error::NotUp {
        name: host.name().to_owned(),
        seconds: begin.elapsed().as_secs(),
        console: console_tail(&host.lease.dir),
    })
}

/// Whether something that speaks SSH listens there.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut banner = [0u8; 4];
    stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-"
}

/// Whether systemd has done all its start-up jobs: before that, only root may log in.
fn booted(host: &Host) -> bool {
    let state = host.exec(&["systemctl", "is-system-running"]).map(|out| out.stdout).unwrap_or_default();
    matches!(state.trim(), "running" | "degraded")
}

pub(super) fn console_tail(dir: &Path) -> String {
    let text = std::fs::read(dir.join("console.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
