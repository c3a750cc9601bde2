//! Which package manager, service manager and Python the host has.

use super::source::Source;
use serde_json::json;
use std::path::Path;
use windlass_protocol::{Json, JsonMap};

/// A program of each package manager. The last that exists counts.
const PACKAGE_MANAGERS: &[(&str, &str)] = &[
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/usr/pkg/bin/pkgin", "pkgin"),
    ("/opt/local/bin/pkgin", "pkgin"),
    ("/opt/local/bin/port", "macports"),
    ("/usr/local/bin/brew", "homebrew"),
    ("/opt/homebrew/bin/brew", "homebrew"),
    ("/sbin/apk", "apk"),
    ("/usr/sbin/pkg", "pkgng"),
    ("/usr/sbin/swlist", "swdepot"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/sbin/pkgadd", "svr4pkg"),
    ("/usr/bin/pkg", "pkg5"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/local/sbin/pkg", "pkgng"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
    ("/usr/bin/installp", "installp"),
];

/// The package manager.
pub fn packages(source: &mut Source<'_>) -> JsonMap {
    let found = PACKAGE_MANAGERS.iter().rfind(|(path, _)| source.exists(path)).map(|(_, name)| *name);
    let name = match source.fact("os_family") {
        "RedHat" if source.exists("/run/ostree-booted") => "atomic_container",
        "RedHat" => {
            let program = ["/usr/bin/dnf", "/usr/bin/microdnf"].into_iter().find(|p| source.exists(p));
            match program {
                None => "unknown",
                Some(p) => {
                    let real = source.sys.canonicalize(Path::new(p)).unwrap_or_default();
                    if real == "/usr/bin/dnf5" { "dnf5" } else { "dnf" }
                }
            }
        }
        "Debian" => "apt",
        "Altlinux" if found == Some("apt") => "apt_rpm",
        _ => found.unwrap_or("unknown"),
    };
    let by_rpm = name == "apt"
        && source.exists("/usr/bin/rpm")
        && source.query(&["/usr/bin/rpm", "-q", "--whatprovides", "/usr/bin/apt-get"]).is_some();
    let name = if by_rpm { "apt_rpm" } else { name };
    JsonMap::from_iter([("pkg_mgr".to_owned(), name.into())])
}

/// Whether systemd is the running service manager.
pub fn runs_systemd(sys: &dyn crate::system::Observe) -> bool {
    sys.find_program("systemctl").is_some()
        && ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"]
            .iter()
            .any(|p| sys.stat(Path::new(p)).is_ok_and(|m| m.is_some()))
}

/// The service manager's name: what the first process is.
pub fn services(source: &mut Source<'_>) -> JsonMap {
    JsonMap::from_iter([("service_mgr".to_owned(), service_manager(source).into())])
}

fn service_manager(source: &Source<'_>) -> String {
    let first = source.text("/proc/1/comm").or_else(|| source.sys.read_link(Path::new("/sbin/init")).ok());
    let first = first.map(|name| name.rsplit('/').next().unwrap_or("").trim().to_owned());
    if let Some(name) = first.filter(|n| n != "init" && !n.ends_with("sh")) {
        return match name.as_str() {
            "procd" => "openwrt_init".into(),
            "runit-init" => "runit".into(),
            "svscan" => "svc".into(),
            "openrc-init" => "openrc".into(),
            _ => name,
        };
    }
    let name = if source.fact("distribution") == "OpenWrt" {
        "openwrt_init"
    } else if source.fact("distribution") == "SMGL" {
        "simpleinit_msb"
    } else if runs_systemd(source.sys) {
        "systemd"
    } else if source.sys.find_program("initctl").is_some() && source.exists("/etc/init") {
        "upstart"
    } else if source.exists("/sbin/openrc") {
        "openrc"
    } else if source.sys.find_program("systemctl").is_some()
        && source.link_name("/sbin/init").as_deref() == Some("systemd")
    {
        "systemd"
    } else if source.exists("/etc/init.d") {
        "sysvinit"
    } else if source.exists("/etc/dinit.d") {
        "dinit"
    } else {
        "service"
    };
    name.into()
}

/// Version and build features of systemd, where it runs.
pub fn systemd(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    if !runs_systemd(source.sys) {
        return out;
    }
    if let Some(text) = source.query(&["systemctl", "--version"]) {
        let mut lines = text.lines();
        let version = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|v| v.parse::<i64>().ok());
        if let (Some(version), Some(features)) = (version, lines.next()) {
            out.insert("systemd".into(), json!({"features": features, "version": version}));
        }
    }
    out
}

/// The host's Python, if it has one.
pub fn python(source: &mut Source<'_>) -> JsonMap {
    let mut out = JsonMap::new();
    let Some(program) = source.sys.find_program("python3") else { return out };
    let Some(text) = source.query(&[&program, "-V"]) else { return out };
    let Some(version) = text.trim().strip_prefix("Python ") else { return out };
    let version = version.trim_end_matches('+');
    let numbers: Vec<i64> = version.split('.').filter_map(|n| n.parse().ok()).collect();
    let [major, minor, micro] = numbers.as_slice() else { return out };
    out.insert(
        "python".into(),
        json!({
            "version": {"major": major, "minor": minor, "micro": micro, "releaselevel": "final", "serial": 0},
            "version_info": [major, minor, micro, "final", 0],
            "executable": program,
            "has_sslcontext": true,
            "type": "cpython",
        }),
    );
    out.insert("python_version".into(), Json::from(version));
    out
}
