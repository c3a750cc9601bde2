//! Arguments of `ansible.builtin.slurp`.

use crate::spec::PathArg;

module_args! {
    /// Reads a file of the host into a variable.
    pub struct SlurpArgs for "ansible.builtin.slurp" {
        /// The file.
        src: PathArg => required().aliases(&["path"]),
    }
}
