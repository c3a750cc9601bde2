//! Arguments of `ansible.posix.authorized_key`.

use crate::modules::user::AccountState;
use crate::spec::{PathArg, Support};

module_args! {
    /// Manages the SSH keys that may log in as a user.
    pub struct AuthorizedKeyArgs for "ansible.posix.authorized_key" {
        /// The user.
        user: String => required(),
        /// Public keys, one in each line.
        key: String => required(),
        /// Whether the keys are there.
        state: AccountState => default("present"),
        /// The file; `~/.ssh/authorized_keys` of the user if not given.
        path: Option<PathArg>,
        /// Make the file's folder, and give it owner and mode.
        manage_dir: bool => default("true"),
        /// Options in front of the keys.
        key_options: Option<String>,
        /// Remark behind the keys, in the place of their own.
        comment: Option<String>,
        /// Remove all other keys.
        exclusive: bool => default("false"),
        /// Follow a symbolic link in the place of the file.
        follow: bool => default("false"),
        /// Has no effect here: keys are not fetched.
        validate_certs: bool => default("true"),
    }
    settings { diff: Support::Full, aliases: &["ansible.builtin.authorized_key"] }
}
