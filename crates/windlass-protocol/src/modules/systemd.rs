//! Arguments of `systemd_service` and `service`.

use crate::spec::Constraint;

arg_choices! {
    /// What a service should be.
    pub enum ServiceState { Reloaded = "reloaded", Restarted = "restarted", Started = "started", Stopped = "stopped" }
}
arg_choices! {
    /// Whose service manager.
    pub enum Scope { System = "system", User = "user", Global = "global" }
}

module_args! {
    /// Starts, stops, enables and masks systemd units.
    pub struct SystemdArgs for "ansible.builtin.systemd_service" {
        /// The unit; `.service` may be left out.
        name: Option<String> => aliases(&["service", "unit"]),
        /// `started` and `stopped` act only if needed; `restarted` always restarts, `reloaded` always reloads, and both start what does not run.
        state: Option<ServiceState>,
        /// Whether it starts at boot.
        enabled: Option<bool>,
        /// Whether links of other units are overwritten.
        force: Option<bool>,
        /// Whether it is masked.
        masked: Option<bool>,
        /// Read changed unit files before anything else.
        daemon_reload: bool => default("false").aliases(&["daemon-reload"]),
        /// Execute the manager itself anew before anything else.
        daemon_reexec: bool => default("false").aliases(&["daemon-reexec"]),
        /// Whose manager: the system's, the user's own, or the default of all users.
        scope: Scope => default("system"),
        /// Do not wait for the unit to be up.
        no_block: bool => default("false"),
    }
    settings { aliases: &["ansible.builtin.systemd", "systemd"] }
    constraints [
        Constraint::RequiredOneOf(&["state", "enabled", "masked", "daemon_reload", "daemon_reexec"]),
        Constraint::RequiredBy("state", &["name"]),
        Constraint::RequiredBy("enabled", &["name"]),
        Constraint::RequiredBy("masked", &["name"]),
    ]
}

module_args! {
    /// Starts, stops and enables services by whatever manages them on the host.
    pub struct ServiceArgs for "ansible.builtin.service" {
        /// The service.
        name: String => required(),
        /// `started` and `stopped` act only if needed; `restarted` always restarts, `reloaded` always reloads.
        state: Option<ServiceState>,
        /// Whether it starts at boot.
        enabled: Option<bool>,
        /// Text to look for in the process list where a script cannot tell its status.
        pattern: Option<String>,
        /// Seconds between stop and start of a restart.
        sleep: Option<i64>,
        /// Run level, with OpenRC.
        runlevel: String => default("default"),
        /// Further words for the service's script.
        arguments: String => default("").aliases(&["args"]),
        /// The service manager; found out if `auto`.
        r#use: String => named("use").default("auto"),
    }
    constraints [ Constraint::RequiredOneOf(&["state", "enabled"]) ]
}

module_args! {
    /// Facts about the services of the host.
    pub struct ServiceFactsArgs for "ansible.builtin.service_facts" { }
}
