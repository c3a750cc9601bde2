//! Arguments of `ansible.builtin.lineinfile`.

use super::FileCommon;
use crate::Constraint;
use crate::spec::{PathArg, Support};

arg_choices! {
    /// Whether the line has to be there.
    pub enum LineState { Present = "present", Absent = "absent" }
}

module_args! {
    /// Sees to it that a line is in a file, or is not.
    pub struct LineinfileArgs for "ansible.builtin.lineinfile" {
        /// The file.
        path: PathArg => required().aliases(&["dest", "destfile", "name"]),
        /// Expression for the line to replace or remove; of several the last one is replaced.
        regexp: Option<String> => aliases(&["regex"]),
        /// Text in the line to replace or remove.
        search_string: Option<String>,
        /// Whether the line has to be there.
        state: LineState => default("present"),
        /// The line.
        line: Option<String> => aliases(&["value"]),
        /// Fill `\1` and the like in the line from what the expression matched; without a match nothing is done.
        backrefs: bool => default("false"),
        /// Put a new line after the last line that this expression matches, or at the end (`EOF`).
        insertafter: Option<String>,
        /// Put a new line before the last line that this expression matches, or at the beginning (`BOF`).
        insertbefore: Option<String>,
        /// Make the file if it is missing.
        create: bool => default("false"),
        /// Keep a copy of the old file.
        backup: bool => default("false"),
        /// Take the first match in place of the last.
        firstmatch: bool => default("false"),
        /// Command that has to accept the new file (`%s`) before it takes its place.
        validate: Option<String>,
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
    constraints [
        Constraint::MutuallyExclusive(&["insertbefore", "insertafter"]),
        Constraint::MutuallyExclusive(&["regexp", "search_string"]),
        Constraint::MutuallyExclusive(&["backrefs", "search_string"]),
    ]
}
