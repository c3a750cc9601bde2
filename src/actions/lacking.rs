//! Modules that Ansible has and Windlass does not have yet.
//!
//! Roles for several systems call them under conditions that are false here, so their names are no mistake: only a
//! task that really runs one fails.

use super::{ActionRef, Kind};
use windlass_protocol::{ModuleSpec, spec::Support};

/// Collection and module names.
const NAMES: &[(&str, &[&str])] = &[
    (
        "ansible.builtin",
        &[
            "apt_key",
            "apt_repository",
            "deb822_repository",
            "debconf",
            "dnf",
            "dnf5",
            "dpkg_selections",
            "expect",
            "iptables",
            "mount_facts",
            "reboot",
            "rpm_key",
            "subversion",
            "sysvinit",
            "wait_for_connection",
            "yum",
            "yum_repository",
        ],
    ),
    (
        "ansible.posix",
        &["acl", "at", "firewalld", "firewalld_info", "mount", "patch", "seboolean", "selinux"],
    ),
    (
        "community.general",
        &[
            "alternatives",
            "apk",
            "archive",
            "cargo",
            "composer",
            "dconf",
            "filesystem",
            "flatpak",
            "gem",
            "git_config",
            "homebrew",
            "homebrew_cask",
            "ini_file",
            "launchd",
            "listen_ports_facts",
            "locale_gen",
            "lvg",
            "lvol",
            "modprobe",
            "monit",
            "nmcli",
            "npm",
            "openbsd_pkg",
            "openrc",
            "opkg",
            "osx_defaults",
            "pacman",
            "pam_limits",
            "parted",
            "pipx",
            "pkgng",
            "portage",
            "rhsm_repository",
            "runit",
            "seport",
            "slackpkg",
            "snap",
            "sudoers",
            "swupd",
            "sysrc",
            "timezone",
            "xbps",
            "xml",
            "yarn",
            "zypper",
            "zypper_repository",
        ],
    ),
];

/// A description for each of them, which takes any argument.
pub(super) fn all() -> impl Iterator<Item = ActionRef> {
    NAMES.iter().flat_map(|(collection, modules)| {
        modules.iter().map(move |module| {
            // Made once for the process, by the table of names.
            let spec: &'static ModuleSpec =
                Box::leak(Box::new(open(Box::leak(format!("{collection}.{module}").into_boxed_str()))));
            ActionRef { spec, kind: Kind::Lacking }
        })
    })
}

/// A description of a module of that name which takes any argument. It stays for the life of the process.
pub(super) fn named(name: &str) -> &'static ModuleSpec {
    let name = Box::leak(name.to_owned().into_boxed_str());
    Box::leak(Box::new(ModuleSpec { free_form: None, ..open(name) }))
}

/// What stands for an action whose name is a template.
pub static BY_TEMPLATE: ModuleSpec = open("action");

const fn open(name: &'static str) -> ModuleSpec {
    ModuleSpec {
        name,
        aliases: &[],
        doc: "",
        fields: &[],
        constraints: &[],
        free_form: Some("_raw_params"),
        check: Support::Full,
        diff: Support::None,
        open: true,
    }
}
