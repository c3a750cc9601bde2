//! Arguments of `hostname`.

module_args! {
    /// Sets the host's name.
    pub struct HostnameArgs for "ansible.builtin.hostname" {
        /// The name.
        name: String => required(),
        /// Who keeps the name on the system; found out if not given.
        r#use: Option<String> => named("use").choices(&[
            "alpine", "debian", "freebsd", "generic", "macos", "macosx", "darwin", "openbsd", "openrc", "redhat", "sles",
            "solaris", "systemd",
        ]),
    }
}
