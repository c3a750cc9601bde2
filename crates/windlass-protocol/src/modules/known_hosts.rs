//! Arguments of `known_hosts`.

use crate::modules::user::AccountState;
use crate::spec::{PathArg, Support};

module_args! {
    /// Manages the keys of hosts in a `known_hosts` file.
    pub struct KnownHostsArgs for "ansible.builtin.known_hosts" {
        /// Name of the host, as it stands in the key's line; `[name]:port` for another port than 22.
        name: String => required().aliases(&["host"]),
        /// The line with the host's name, the type and the key.
        key: Option<String>,
        /// The file.
        path: PathArg => default("~/.ssh/known_hosts"),
        /// Keep the host's name only as a hash.
        hash_host: bool => default("false"),
        /// Whether the key is there.
        state: AccountState => default("present"),
    }
    settings { diff: Support::Full }
}
