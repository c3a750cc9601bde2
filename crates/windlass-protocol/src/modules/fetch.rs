//! Arguments of `ansible.builtin.fetch`.
//!
//! The target's side looks at `src`, answers with its `checksum` (SHA-1) and `size`, and sends the file back unless the controller has it
//! already (`_have`); `sent` says which. Where it goes is the controller's work.

use crate::spec::PathArg;

module_args! {
    /// Brings a file of the host to the controller.
    pub struct FetchArgs for "ansible.builtin.fetch" {
        /// The file on the host.
        src: PathArg => required(),
        /// Folder on the controller, or with `flat` the file itself.
        dest: String => required(),
        /// Put it at `dest` itself instead of below `dest/host/path`.
        flat: bool => default("false"),
        /// Fail if there is no such file.
        fail_on_missing: bool => default("true"),
        /// Compare checksums after the transfer.
        validate_checksum: bool => default("true"),
        /// SHA-1 of what the controller has, set by the controller.
        _have: Option<String>,
    }
}
