//! This machine: whether hosts can run on it, what they take from it, and where the harness keeps its things.

use crate::{Error, command, lease};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// The programs that are needed, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("tar", "tar"),
    ("ssh-keygen", "openssh-client"),
];

/// Checks, once per process, that hosts can run here; on a Debian machine, installs the programs that lack.
pub fn available() -> Result<(), Error> {
    static RESULT: OnceLock<Result<(), Unavailable>> = OnceLock::new();
    RESULT.get_or_init(check).clone().map_err(Error::Unavailable)
}

fn check() -> Result<(), Unavailable> {
    if std::env::var_os("WINDLASS_NO_HOSTS").is_some_and(|v| v != "0") {
        return Err(Unavailable::SwitchedOff);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Unavailable::NotRoot);
    }
    let lacking = lacking();
    if !lacking.is_empty() {
        install(&lacking)?;
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|l| l.ends_with("\toverlay")) {
        // As a module it is listed only once it is loaded.
        let _ = command::output(Command::new("modprobe").arg("overlay"));
        let again = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !again.lines().any(|l| l.ends_with("\toverlay")) {
            return Err(Unavailable::NoOverlay);
        }
    }
    // What a container without privileges may not do, it may not do here either: make a network interface.
    let probe = format!("wlp{}", std::process::id());
    let made = command::run_args("ip", &["link", "add", &probe, "type", "bridge"]);
    match made {
        Ok(_) => {
            let _ = command::run_args("ip", &["link", "del", &probe]);
            Ok(())
        }
        Err(error) => Err(Unavailable::NoBridge(Arc::new(error))),
    }
}

/// Why hosts cannot run on this machine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    /// The user wants none.
    #[error("WINDLASS_NO_HOSTS is set")]
    SwitchedOff,
    /// This process is not root's.
    #[error("systemd-nspawn needs root, and this process is not; run the tests as root (sudo make test)")]
    NotRoot,
    /// Programs, and the packages that bring them.
    #[error("not installed: {0}; `apt-get install {1}` brings them")]
    Lacking(String, String),
    /// The kernel lacks overlayfs.
    #[error("this kernel has no overlay file system")]
    NoOverlay,
    /// The kernel or the container that this runs in does not let it.
    #[error("no network bridge can be made: {0}")]
    NoBridge(#[source] Arc<Error>),
    /// A rule of the firewall that hosts need.
    #[error("iptables takes no rule: {0}")]
    NoRule(String),
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .any(|dir| dir.join(program).is_file())
}

fn lacking() -> Vec<(&'static str, &'static str)> {
    PROGRAMS.iter().copied().filter(|(program, _)| !on_path(program)).collect()
}

fn install(wanted: &[(&str, &str)]) -> Result<(), Unavailable> {
    let names: Vec<&str> = wanted.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = wanted.iter().map(|(_, package)| *package).collect();
    let refuse = || Unavailable::Lacking(names.join(", "), packages.join(" "));
    if !on_path("apt-get") {
        return Err(refuse());
    }
    let _lock = lease::lock().map_err(|_| refuse())?;
    if lacking().is_empty() {
        return Ok(()); // another process was first
    }
    let apt = |args: &[&str]| {
        command::run(
            Command::new("apt-get")
                .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
                .args(args)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    let mut args = vec!["install", "-y", "--no-install-recommends"];
    args.extend(&packages);
    if apt(&args).is_err() {
        let _ = apt(&["update"]);
        apt(&args).map_err(|_| refuse())?;
    }
    if lacking().is_empty() { Ok(()) } else { Err(refuse()) }
}

/// Where base systems and running hosts are kept: `WINDLASS_TEST_CACHE`, else `/var/cache/windlass-test-hosts`
/// (shared by all checkouts), else `target/test-hosts`.
pub(crate) fn cache_dir() -> Result<PathBuf, Error> {
    let chosen = std::env::var_os("WINDLASS_TEST_CACHE").filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = chosen.unwrap_or_else(|| PathBuf::from("/var/cache/windlass-test-hosts"));
    match make_private(&dir) {
        Ok(()) => Ok(dir),
        Err(_) => {
            let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-hosts");
            make_private(&local).map_err(Error::io(&local))?;
            Ok(local)
        }
    }
}

/// Removes everything that is cached; hosts that still run are stopped first.
pub fn clean_cache() -> Result<(), Error> {
    for lease in lease::leases()? {
        lease::release(&lease.id)?;
    }
    let dir = cache_dir()?;
    std::fs::remove_dir_all(&dir).map_err(Error::io(dir))
}

fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(dir)?;
    // Base systems hold set-uid programs that nobody keeps up to date: only root may reach them.
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

/// The variables that programs inside a host need to reach the outside as this machine does.
const PASSED_ON: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_HTTP_TIMEOUT",
];

/// Variables that point at the certificate store.
const STORE_VARIABLES: &[&str] = &[
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
];

const STORE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The text of a host's `/etc/environment`.
pub(crate) fn environment() -> String {
    let mut text = String::from("LANG=C.UTF-8\n");
    for name in STORE_VARIABLES {
        text.push_str(&format!("{name}={STORE}\n"));
    }
    for name in PASSED_ON {
        if let Ok(value) = std::env::var(name)
            && !value.contains('\n')
        {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    text
}

/// Copies what a host needs of this machine's settings into its root: resolver, certificate store, pip.
pub(crate) fn copy_settings(root: &Path) -> Result<(), Error> {
    let put = |to: &str, data: &[u8]| {
        let path = root.join(to);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, data).map_err(Error::io(&path))
    };
    put("etc/resolv.conf", resolver().as_bytes())?;
    if let Ok(store) = std::fs::read(STORE) {
        put("etc/ssl/certs/ca-certificates.crt", &store)?;
    }
    // Those that were added by hand survive when update-ca-certificates runs in the host.
    for entry in std::fs::read_dir("/usr/local/share/ca-certificates").into_iter().flatten().flatten() {
        if let Ok(data) = std::fs::read(entry.path()) {
            put(&format!("usr/local/share/ca-certificates/{}", entry.file_name().to_string_lossy()), &data)?;
        }
    }
    if let Ok(pip) = std::fs::read("/etc/pip.conf") {
        put("etc/pip.conf", &pip)?;
    }
    let environment = environment();
    put("etc/environment", environment.as_bytes())?;
    // Services that systemd starts do not read /etc/environment.
    let quoted: Vec<String> = environment.lines().map(|l| format!("\"{}\"", l.replace('%', "%%"))).collect();
    let defaults = format!("[Manager]\nDefaultEnvironment={}\n", quoted.join(" "));
    put("etc/systemd/system.conf.d/10-machine.conf", defaults.as_bytes())
}

/// This machine's resolver settings. A stub resolver on a loopback address cannot be reached from a host: then
/// the servers behind it are named.
fn resolver() -> String {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let loopback = |l: &str| l.strip_prefix("nameserver").is_some_and(|a| a.trim().starts_with("127."));
    if text.lines().any(loopback)
        && let Ok(real) = std::fs::read_to_string("/run/systemd/resolve/resolv.conf")
    {
        return real;
    }
    text
}
