//! Arguments of `ansible.builtin.blockinfile`.

use super::FileCommon;
use super::lineinfile::LineState;
use crate::Constraint;
use crate::spec::{PathArg, Support};

module_args! {
    /// Sees to it that a block of lines, between two marker lines, is in a file, or is not.
    pub struct BlockinfileArgs for "ansible.builtin.blockinfile" {
        /// The file.
        path: PathArg => required().aliases(&["dest", "destfile", "name"]),
        /// Whether the block has to be there.
        state: LineState => default("present"),
        /// Marker lines; `{mark}` becomes the words below.
        marker: String => default("# {mark} ANSIBLE MANAGED BLOCK"),
        /// The lines; without any the block is removed.
        block: String => default("").aliases(&["content"]),
        /// Put a new block after the last match of this expression, or at the end (`EOF`).
        insertafter: Option<String>,
        /// Put a new block before the last match of this expression, or at the beginning (`BOF`).
        insertbefore: Option<String>,
        /// Make the file if it is missing.
        create: bool => default("false"),
        /// Keep a copy of the old file.
        backup: bool => default("false"),
        /// Word for `{mark}` before the block.
        marker_begin: String => default("BEGIN"),
        /// Word for `{mark}` after the block.
        marker_end: String => default("END"),
        /// An empty line after the block.
        append_newline: bool => default("false"),
        /// An empty line before the block.
        prepend_newline: bool => default("false"),
        /// Command that has to accept the new file (`%s`) before it takes its place.
        validate: Option<String>,
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
    constraints [ Constraint::MutuallyExclusive(&["insertbefore", "insertafter"]) ]
}
