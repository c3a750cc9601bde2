//! Arguments of `ansible.builtin.assemble`.

use super::FileCommon;
use crate::spec::{PathArg, Support};

module_args! {
    /// Makes a file of the fragments in a folder.
    pub struct AssembleArgs for "ansible.builtin.assemble" {
        /// Folder of the fragments, which are taken in the order of their names.
        src: PathArg => required(),
        /// The file.
        dest: PathArg => required(),
        /// Keep a copy of the old file.
        backup: bool => default("false"),
        /// Text between fragments.
        delimiter: Option<String>,
        /// The folder is on the host.
        remote_src: bool => default("true"),
        /// Only fragments with names that this expression matches.
        regexp: Option<String>,
        /// Leave out names with a dot in front.
        ignore_hidden: bool => default("false"),
        /// Command that has to accept the new file (`%s`) before it takes its place.
        validate: Option<String>,
        /// Decrypt vaulted fragments of the controller.
        decrypt: bool => default("true"),
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
}
