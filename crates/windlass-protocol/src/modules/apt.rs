//! Arguments of `apt`, `package` and `package_facts`.

use crate::spec::{Constraint, PathArg};
use serde_json::Value;

arg_choices! {
    /// What a package should be.
    pub enum PackageState { Absent = "absent", BuildDep = "build-dep", Latest = "latest", Present = "present", Fixed = "fixed" }
}
arg_choices! {
    /// How all packages are upgraded.
    pub enum Upgrade { Dist = "dist", Full = "full", No = "no", Safe = "safe", Yes = "yes" }
}

module_args! {
    /// Installs, upgrades and removes Debian packages.
    pub struct AptArgs for "ansible.builtin.apt" {
        /// Packages; `name=version` for a version (with wildcards), `name>=version` for at least that one, `*` for all with `state: latest`.
        name: Option<Vec<String>> => aliases(&["package", "pkg"]),
        /// What they should be.
        state: PackageState => default("present"),
        /// Refresh the package lists first.
        update_cache: Option<bool> => aliases(&["update-cache"]),
        /// Seconds for which the package lists count as fresh.
        cache_valid_time: i64 => default("0"),
        /// Attempts to refresh the lists.
        update_cache_retries: i64 => default("5"),
        /// Longest pause between two attempts, in seconds.
        update_cache_retry_max_delay: i64 => default("12"),
        /// Upgrade everything: `safe` or `yes` removes nothing, `full` or `dist` may.
        upgrade: Upgrade => default("no"),
        /// Remove configuration files too.
        purge: bool => default("false"),
        /// Remove packages that were installed only because others needed them.
        autoremove: bool => default("false"),
        /// Remove package files that can no longer be downloaded from the local archive.
        autoclean: bool => default("false"),
        /// Empty the local archive of package files.
        clean: bool => default("false"),
        /// A package file on the host, or its address.
        deb: Option<PathArg>,
        /// Whether recommended packages are installed; apt's own setting if not given.
        install_recommends: Option<bool> => aliases(&["install-recommends"]),
        /// Release to take packages from.
        default_release: Option<String> => aliases(&["default-release"]),
        /// Options for dpkg, without the dashes before them.
        dpkg_options: String => default("force-confdef,force-confold"),
        /// Seconds to wait for another package manager to finish.
        lock_timeout: i64 => default("60"),
        /// Upgrade only what is installed.
        only_upgrade: bool => default("false"),
        /// Fail if packages would be removed automatically.
        fail_on_autoremove: bool => default("false"),
        /// Override all of apt's refusals.
        force: bool => default("false"),
        /// Use apt-get where aptitude could be used; apt-get is always used.
        force_apt_get: bool => default("false"),
        /// Install packages whose origin cannot be verified.
        allow_unauthenticated: bool => default("false").aliases(&["allow-unauthenticated"]),
        /// Install an older version than the installed one.
        allow_downgrade: bool => default("false").aliases(&["allow-downgrade", "allow_downgrades", "allow-downgrades"]),
        /// Change packages that are on hold.
        allow_change_held_packages: bool => default("false"),
        /// Exit code of `/usr/sbin/policy-rc.d` while packages are installed: 101 keeps services from being started.
        policy_rc_d: Option<i64>,
        /// Nothing has to be installed for this module.
        auto_install_module_deps: bool => default("true"),
    }
    constraints [
        Constraint::MutuallyExclusive(&["deb", "name", "upgrade"]),
        Constraint::RequiredOneOf(&["autoremove", "deb", "name", "update_cache", "upgrade"]),
    ]
}

module_args! {
    /// Installs and removes packages by the host's own package manager.
    pub struct PackageArgs for "ansible.builtin.package" {
        /// Packages.
        name: Value => required(),
        /// What they should be.
        state: String => required(),
        /// The package manager; found out if `auto`.
        r#use: String => named("use").default("auto"),
        /// Refresh the package lists first.
        update_cache: Option<bool>,
        /// Seconds for which the package lists count as fresh.
        cache_valid_time: Option<i64>,
        /// Whether recommended packages are installed.
        install_recommends: Option<bool>,
        /// Seconds to wait for another package manager to finish.
        lock_timeout: Option<i64>,
        /// Remove configuration files too.
        purge: Option<bool>,
        /// Remove packages that were installed only because others needed them.
        autoremove: Option<bool>,
    }
}

module_args! {
    /// Facts about the installed packages.
    pub struct PackageFactsArgs for "ansible.builtin.package_facts" {
        /// Package managers to ask.
        manager: Vec<String> => default("auto").choices(&[
            "apk", "apt", "auto", "dnf", "dnf5", "openbsd_pkg", "pacman", "pkg", "pkg5", "pkg_info", "pkgng", "portage",
            "rpm", "yum", "zypper",
        ]),
        /// Whether only the first that is there is asked.
        strategy: String => default("first").choices(&["all", "first"]),
    }
}
