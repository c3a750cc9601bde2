//! Base systems: one folder per Debian release and package list, made once and then only read.

use crate::{Error, command, lease, machine};
use std::path::PathBuf;
use std::process::Command;

/// Raise it when what is done to a base below changes: older ones are then not used any more.
const RECIPE: u32 = 1;

/// A Debian release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Suite {
    /// Debian 12: systemd 252, Python 3.11.
    Bookworm,
    /// Debian 13: systemd 257, Python 3.13.
    #[default]
    Trixie,
}

impl Suite {
    /// Its code name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

/// In every base. curl and wget are left out on purpose: nothing may need them on a target.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iproute2",
    "iptables",
    "ca-certificates",
    "procps",
    "cron",
    "git",
    "rsync",
    "acl",
    "attr",
    "e2fsprogs",
    "netbase",
];

/// With Python. ufw is here because it is written in it.
const PYTHON_PACKAGES: &[&str] = &["python3", "python3-apt", "python3-venv", "ufw"];

/// Downloaded but not installed, so that package tests need no network: small, without services.
const AT_HAND: &str = "hello tree";

/// Jobs that would run by themselves, or hold up the boot.
const MASKED: &str = "apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
                      e2scrub_reap.service systemd-networkd-wait-online.service console-getty.service \
                      getty@.service systemd-timesyncd.service";

/// What a base system is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// The release.
    pub suite: Suite,
    /// Whether it has Python (and ufw, which needs it).
    pub python: bool,
    /// Debian packages besides the usual ones.
    pub packages: Vec<String>,
}

impl Base {
    fn all_packages(&self) -> Vec<&str> {
        let python = if self.python { PYTHON_PACKAGES } else { &[] };
        let mut all: Vec<&str> = PACKAGES.iter().chain(python).copied().collect();
        all.extend(self.packages.iter().map(String::as_str));
        all.sort_unstable();
        all.dedup();
        all
    }

    fn key(&self) -> String {
        let text = format!(
            "{RECIPE}\n{}\n{}\n{MASKED}\n{AT_HAND}\n",
            self.suite.name(),
            self.all_packages().join(",")
        );
        let hash = blake3::hash(text.as_bytes()).to_hex();
        format!("{}{}-{}", self.suite.name(), if self.python { "-python" } else { "" }, &hash[..10])
    }

    /// The folder of the base system, which is made now if nobody made it before. Other processes that want the
    /// same one wait.
    pub fn ensure(&self) -> Result<PathBuf, Error> {
        machine::available()?;
        let bases = machine::cache_dir()?.join("bases");
        std::fs::create_dir_all(&bases).map_err(Error::io(&bases))?;
        let key = self.key();
        let dir = bases.join(&key);
        if dir.is_dir() {
            return Ok(dir);
        }
        let _lock = lease::lock_file(&bases.join(format!("{key}.lock")))?;
        if dir.is_dir() {
            return Ok(dir);
        }
        let (archive, partial) = (bases.join(format!("{key}.tar")), bases.join(format!("{key}.partial")));
        let _ = std::fs::remove_dir_all(&partial);
        self.bootstrap(&archive)?;
        std::fs::create_dir_all(&partial).map_err(Error::io(&partial))?;
        command::run(
            Command::new("tar")
                .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
                .arg(&archive)
                .arg("-C")
                .arg(&partial),
        )?;
        let _ = std::fs::remove_file(&archive);
        std::fs::rename(&partial, &dir).map_err(Error::io(&dir))?;
        Ok(dir)
    }

    fn bootstrap(&self, archive: &std::path::Path) -> Result<(), Error> {
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--variant=minbase", "--skip=cleanup/apt"]);
        command.arg(format!("--include={}", self.all_packages().join(",")));
        for name in ["Acquire::http::Proxy", "Acquire::https::Proxy"] {
            let value = command::output(Command::new("apt-config").args(["shell", "V", name]))
                .map(|out| out.stdout)
                .unwrap_or_default();
            if let Some(value) = value.trim().strip_prefix("V='").and_then(|v| v.strip_suffix('\'')) {
                command.arg(format!("--aptopt={name} \"{value}\""));
            }
        }
        let hook = |script: String| format!("--customize-hook=set -e; {script}");
        command.arg(hook("chroot \"$1\" systemctl enable systemd-networkd ssh cron".to_owned()));
        command.arg(hook(format!("chroot \"$1\" systemctl mask {MASKED}")));
        command.arg(hook("chroot \"$1\" apt-get -qq update".to_owned()));
        command.arg(hook(format!("chroot \"$1\" apt-get -qq install -y --download-only {AT_HAND}")));
        // Every host makes its own.
        command.arg(hook("rm -f \"$1\"/etc/ssh/ssh_host_*_key*; : > \"$1\"/etc/machine-id".to_owned()));
        command.arg(self.suite.name()).arg(archive);
        if let Ok(mirror) = std::env::var("WINDLASS_TEST_MIRROR") {
            command.arg(mirror);
        }
        command.env("LC_ALL", "C.UTF-8");
        command::run(&mut command).map(|_| ())
    }
}
