//! Arguments of `ansible.builtin.replace`.

use super::FileCommon;
use crate::spec::{PathArg, Support};

module_args! {
    /// Replaces everything in a file that an expression matches.
    pub struct ReplaceArgs for "ansible.builtin.replace" {
        /// The file.
        path: PathArg => required().aliases(&["dest", "destfile", "name"]),
        /// The expression; `^` and `$` match at each line.
        regexp: String => required(),
        /// What takes the place of a match; `\1` and `\g<name>` are filled from it.
        replace: String => default(""),
        /// Only what follows a match of this expression.
        after: Option<String>,
        /// Only what precedes a match of this expression.
        before: Option<String>,
        /// Keep a copy of the old file.
        backup: bool => default("false"),
        /// Command that has to accept the new file (`%s`) before it takes its place.
        validate: Option<String>,
        /// Character set of the file; bytes are kept as they are in any case.
        encoding: String => default("utf-8"),
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
}
