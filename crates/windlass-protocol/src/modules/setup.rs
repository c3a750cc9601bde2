//! Arguments of `ansible.builtin.setup`.

use crate::spec::PathArg;

module_args! {
    /// Gathers facts about the host.
    pub struct SetupArgs for "ansible.builtin.setup" {
        /// Which groups of facts to gather; `!name` leaves one out, `!all` keeps only the minimal ones, `!all,!min` none of them.
        gather_subset: Vec<String> => default("all"),
        /// Seconds after which one slow fact (a dead network file system) is given up.
        gather_timeout: i64 => default("10"),
        /// Shell-style patterns; only facts that match one are returned.
        filter: Vec<String> => default(""),
        /// Folder with the host's own facts, `*.fact` files.
        fact_path: PathArg => default("/etc/ansible/facts.d"),
    }
    settings { aliases: &["ansible.legacy.setup"] }
}
