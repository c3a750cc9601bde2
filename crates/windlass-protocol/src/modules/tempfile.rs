//! Arguments of `ansible.builtin.tempfile`.

use crate::spec::{PathArg, Support};

arg_choices! {
    /// What is made.
    pub enum TempfileState { File = "file", Directory = "directory" }
}

module_args! {
    /// Makes a temporary file or folder.
    pub struct TempfileArgs for "ansible.builtin.tempfile" {
        /// A file or a folder.
        state: TempfileState => default("file"),
        /// Folder to make it in; the system's own if not given.
        path: Option<PathArg>,
        /// Beginning of its name.
        prefix: String => default("ansible."),
        /// End of its name.
        suffix: String => default(""),
    }
    settings { check: Support::None }
}
