//! Arguments of `ansible.builtin.file`.

use super::FileCommon;
use crate::spec::{PathArg, Support};

arg_choices! {
    /// What the path has to be.
    pub enum FileState {
        Absent = "absent",
        Directory = "directory",
        File = "file",
        Hard = "hard",
        Link = "link",
        Touch = "touch",
    }
}

module_args! {
    /// Sets the attributes of files, folders and links, and makes or removes them.
    pub struct FileArgs for "ansible.builtin.file" {
        /// The path.
        path: PathArg => required().aliases(&["dest", "name"]),
        /// What it has to be: nothing (`absent`), a folder, a file that exists, a hard or symbolic link, or touched. Where it is
        /// not said, what it is already; else a folder with `recurse`, else a file.
        state: Option<FileState>,
        /// What a link leads to.
        src: Option<PathArg>,
        /// Give everything below a folder the same attributes.
        recurse: bool => default("false"),
        /// Make a link even if what it leads to is not there, or something else has its place.
        force: bool => default("false"),
        /// Follow a link at the path.
        follow: bool => default("true"),
        /// Modification time: `preserve`, `now`, or a time in the format below.
        modification_time: Option<String>,
        /// How the modification time is written.
        modification_time_format: String => default("%Y%m%d%H%M.%S"),
        /// Access time: `preserve`, `now`, or a time in the format below.
        access_time: Option<String>,
        /// How the access time is written.
        access_time_format: String => default("%Y%m%d%H%M.%S"),
        /// Name to use where the path is a folder; set by the controller.
        _original_basename: Option<String>,
        /// For the reference's sake; no effect.
        _diff_peek: Option<String>,
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
}
