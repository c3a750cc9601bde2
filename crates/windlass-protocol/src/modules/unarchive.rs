//! Arguments of `ansible.builtin.unarchive`.

use crate::Constraint;
use crate::modules::FileCommon;
use crate::spec::{PathArg, Support};

module_args! {
    /// Unpacks an archive.
    pub struct UnarchiveArgs for "ansible.builtin.unarchive" {
        /// The archive: a file of the controller, or with `remote_src` a file on the target or an address.
        src: PathArg => required(),
        /// The folder to unpack into. It has to exist.
        dest: PathArg => required(),
        /// The archive is on the target.
        remote_src: bool => default("false"),
        /// The old way to say that the archive is on the controller.
        copy: bool => default("true"),
        /// Does nothing if this is there.
        creates: Option<PathArg>,
        /// Gives the names in the archive.
        list_files: bool => default("false"),
        /// Leaves alone what is newer than in the archive.
        keep_newer: bool => default("false"),
        /// What not to unpack.
        exclude: Vec<String> => default(""),
        /// What to unpack and nothing else.
        include: Vec<String> => default(""),
        /// More arguments for `tar` or `unzip`.
        extra_opts: Vec<String> => default(""),
        /// Checks the certificate of an address.
        validate_certs: bool => default("true"),
        /// Bytes that are read at once. Not used.
        io_buffer_size: i64 => default("65536"),
        /// The controller decrypts the archive first, if it is encrypted.
        decrypt: bool => default("true"),
        /// The content was left out and is sent when it is asked for, set by the controller.
        _ask: bool => default("false"),
    }
    flatten { file: FileCommon }
    settings { diff: Support::Partial }
    constraints [Constraint::MutuallyExclusive(&["include", "exclude"])]
}
