//! Arguments of `community.general.ufw`.

use crate::spec::{Constraint, Support};

arg_choices! {
    /// Of the whole firewall.
    pub enum UfwState { Disabled = "disabled", Enabled = "enabled", Reloaded = "reloaded", Reset = "reset" }
}

module_args! {
    /// Manages the firewall by ufw.
    pub struct UfwArgs for "community.general.ufw" {
        /// Turn the firewall on or off, reload its rules, or remove all of them.
        state: Option<UfwState>,
        /// What happens to traffic without a rule.
        default: Option<String> => aliases(&["policy"]).choices(&["allow", "deny", "reject"]),
        /// Direction of the rule or the default.
        direction: Option<String> => choices(&["in", "incoming", "out", "outgoing", "routed"]),
        /// How much is logged.
        logging: Option<String> => choices(&["full", "high", "low", "medium", "off", "on"]),
        /// Position of the rule.
        insert: Option<i64>,
        /// What the position is counted from.
        insert_relative_to: String => default("zero").choices(&["first-ipv4", "first-ipv6", "last-ipv4", "last-ipv6", "zero"]),
        /// What the rule does.
        rule: Option<String> => choices(&["allow", "deny", "limit", "reject"]),
        /// Log new connections of the rule.
        log: bool => default("false"),
        /// Source address.
        from_ip: String => default("any").aliases(&["from", "src"]),
        /// Source port.
        from_port: Option<String>,
        /// Destination address.
        to_ip: String => default("any").aliases(&["dest", "to"]),
        /// Destination port.
        to_port: Option<String> => aliases(&["port"]),
        /// Protocol.
        proto: Option<String> => aliases(&["protocol"]).choices(&["ah", "any", "esp", "gre", "igmp", "ipv6", "tcp", "udp", "vrrp"]),
        /// Name of an application profile.
        name: Option<String> => aliases(&["app"]),
        /// Remove the rule.
        delete: bool => default("false"),
        /// Interface of the rule; `direction` says which way.
        interface: Option<String> => aliases(&["if"]),
        /// Interface that traffic comes in by.
        interface_in: Option<String> => aliases(&["if_in"]),
        /// Interface that traffic goes out by.
        interface_out: Option<String> => aliases(&["if_out"]),
        /// The rule is for forwarded traffic.
        route: bool => default("false"),
        /// Remark of the rule.
        comment: Option<String>,
    }
    settings { aliases: &["ansible.builtin.ufw"], check: Support::Full }
    constraints [
        Constraint::RequiredOneOf(&["state", "default", "rule", "logging"]),
        Constraint::MutuallyExclusive(&["name", "proto", "logging"]),
        Constraint::RequiredBy("interface", &["direction"]),
    ]
}
