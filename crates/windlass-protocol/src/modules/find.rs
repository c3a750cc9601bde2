//! Arguments of `ansible.builtin.find`.

use super::stat::ChecksumAlgorithm;
use crate::Json;
use crate::spec::PathArg;

arg_choices! {
    /// What is looked for.
    pub enum FindType { Any = "any", Directory = "directory", File = "file", Link = "link" }
}
arg_choices! {
    /// Which of its times.
    pub enum FindStamp { Atime = "atime", Ctime = "ctime", Mtime = "mtime" }
}

module_args! {
    /// Finds files by name, age, size, content, mode.
    pub struct FindArgs for "ansible.builtin.find" {
        /// Folders to look in.
        paths: Vec<PathArg> => required().aliases(&["name", "path"]),
        /// Names to find: wildcards, or with `use_regex` expressions.
        patterns: Vec<String> => default("").aliases(&["pattern"]),
        /// Names to leave out.
        excludes: Option<Vec<String>> => aliases(&["exclude"]),
        /// Expression for a line of the file.
        contains: Option<String>,
        /// Try `contains` on the whole file.
        read_whole_file: bool => default("false"),
        /// Kind of path.
        file_type: FindType => default("file"),
        /// Older than this (`2d`), or with a minus sign younger.
        age: Option<String>,
        /// Which time `age` is about.
        age_stamp: FindStamp => default("mtime"),
        /// At least this size (`10k`), or with a minus sign at most.
        size: Option<String>,
        /// Go down.
        recurse: bool => default("false"),
        /// Names with a dot in front too.
        hidden: bool => default("false"),
        /// Follow links.
        follow: bool => default("false"),
        /// Give checksums.
        get_checksum: bool => default("false"),
        /// How checksums are made.
        checksum_algorithm: ChecksumAlgorithm => default("sha1").aliases(&["checksum", "checksum_algo"]),
        /// Patterns are expressions.
        use_regex: bool => default("false"),
        /// How many folders deep.
        depth: Option<i64>,
        /// Permission bits.
        mode: Option<Json>,
        /// These bits exactly; else at least one of them.
        exact_mode: bool => default("true"),
        /// Stop after so many.
        limit: Option<i64>,
        /// Character set of the files; expressions see bytes that are none of it too.
        encoding: Option<String>,
    }
}
