//! Arguments of `ansible.builtin.stat`.

use crate::spec::PathArg;

arg_choices! {
    /// A hash function.
    pub enum ChecksumAlgorithm {
        Md5 = "md5",
        Sha1 = "sha1",
        Sha224 = "sha224",
        Sha256 = "sha256",
        Sha384 = "sha384",
        Sha512 = "sha512",
    }
}

module_args! {
    /// Says what is at a path.
    pub struct StatArgs for "ansible.builtin.stat" {
        /// The path.
        path: PathArg => required().aliases(&["dest", "name"]),
        /// Follow a link.
        follow: bool => default("false"),
        /// Give the checksum of a file.
        get_checksum: bool => default("true"),
        /// How the checksum is made.
        checksum_algorithm: ChecksumAlgorithm => default("sha1").aliases(&["checksum", "checksum_algo"]),
        /// Give the media type and character set.
        get_mime: bool => default("true").aliases(&["mime", "mime_type", "mime-type"]),
        /// Give the attributes that lsattr shows.
        get_attributes: bool => default("true").aliases(&["attr", "attributes"]),
    }
}
