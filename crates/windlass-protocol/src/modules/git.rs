//! Arguments of `ansible.builtin.git`.

use crate::Constraint;
use crate::spec::{PathArg, Support};

module_args! {
    /// Checks out a git repository and keeps it at a version.
    pub struct GitArgs for "ansible.builtin.git" {
        /// Where the working tree goes.
        dest: Option<PathArg>,
        /// Address of the repository.
        repo: String => required().aliases(&["name"]),
        /// A branch, a tag, a commit, or `HEAD` for the default branch.
        version: String => default("HEAD"),
        /// Name of the remote.
        remote: String => default("origin"),
        /// One more refspec to fetch.
        refspec: Option<String>,
        /// A repository on the target to borrow objects from.
        reference: Option<String>,
        /// Throws away local modifications.
        force: bool => default("false"),
        /// Fetches only that many revisions.
        depth: Option<i64>,
        /// Makes the clone if there is none.
        clone: bool => default("true"),
        /// Fetches new revisions into an existing clone.
        update: bool => default("true"),
        /// The commit or tag has to have a good signature.
        verify_commit: bool => default("false"),
        /// Fingerprints of the keys that may have signed.
        gpg_allowlist: Vec<String> => default("").aliases(&["gpg_whitelist"]),
        /// Accepts any host key.
        accept_hostkey: bool => default("false"),
        /// Accepts the host key of a host that is not known yet.
        accept_newhostkey: bool => default("false"),
        /// Private key on the target.
        key_file: Option<PathArg>,
        /// Options for ssh.
        ssh_opts: Option<String>,
        /// The git to use.
        executable: Option<PathArg>,
        /// Makes a bare repository.
        bare: bool => default("false"),
        /// Brings submodules along.
        recursive: bool => default("true"),
        /// Clones the history of one branch only.
        single_branch: bool => default("false"),
        /// Submodules follow their branch in place of the recorded commit.
        track_submodules: bool => default("false"),
        /// The umask while git runs, a quoted octal number.
        umask: Option<serde_json::Value>,
        /// Also makes an archive of the version, with the format its name tells.
        archive: Option<PathArg>,
        /// Put before each path in the archive.
        archive_prefix: Option<String>,
        /// Where the repository goes if not into the working tree.
        separate_git_dir: Option<PathArg>,
    }
    settings { diff: Support::Full }
    constraints [
        Constraint::MutuallyExclusive(&["separate_git_dir", "bare"]),
        Constraint::MutuallyExclusive(&["accept_hostkey", "accept_newhostkey"]),
        Constraint::RequiredBy("archive_prefix", &["archive"]),
    ]
}
