//! Arguments of `community.general.htpasswd`.

use crate::modules::FileCommon;
use crate::spec::{PathArg, Support};

arg_choices! {
    /// Whether the user has an entry.
    pub enum EntryState {
        /// There is one, and the password fits.
        Present = "present",
        /// There is none.
        Absent = "absent",
    }
}

module_args! {
    /// Adds, changes and removes users of a password file for basic authentication.
    pub struct HtpasswdArgs for "community.general.htpasswd" {
        /// The password file.
        path: PathArg => required().aliases(&["dest", "destfile"]),
        /// The user.
        name: String => required().aliases(&["username"]),
        /// The password. An entry that it fits is left alone, whatever its scheme.
        password: Option<String> => no_log(),
        /// How a new entry is hashed: `apr_md5_crypt`, `bcrypt`, `md5_crypt`, `sha256_crypt`, `sha512_crypt`, `ldap_sha1`, `plaintext`.
        hash_scheme: String => default("apr_md5_crypt").aliases(&["crypt_scheme"]),
        /// Whether the user has an entry.
        state: EntryState => default("present"),
        /// Whether the file is made if there is none.
        create: bool => default("true"),
    }
    flatten { file: FileCommon }
    settings { diff: Support::Full }
}
