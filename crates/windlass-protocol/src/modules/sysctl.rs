//! Arguments of `ansible.posix.sysctl`.

use crate::modules::user::AccountState;
use crate::spec::{Constraint, PathArg};

module_args! {
    /// Manages settings of the kernel.
    pub struct SysctlArgs for "ansible.posix.sysctl" {
        /// Name of the setting, `net.ipv4.ip_forward`.
        name: String => required().aliases(&["key"]),
        /// Its value.
        value: Option<String> => aliases(&["val"]),
        /// Whether it is in the file.
        state: AccountState => default("present"),
        /// Load the file afterwards.
        reload: bool => default("true"),
        /// Compare with the kernel's value and set that too.
        sysctl_set: bool => default("false"),
        /// Settings that the kernel does not know are no failure.
        ignoreerrors: bool => default("false"),
        /// The file.
        sysctl_file: PathArg => default("/etc/sysctl.conf"),
    }
    settings { aliases: &["ansible.builtin.sysctl"] }
    constraints [ Constraint::RequiredIf { key: "state", value: "present", needs: &["value"], any: false } ]
}
