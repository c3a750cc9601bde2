//! Arguments of `ansible.builtin.get_url`.

use crate::JsonMap;
use crate::modules::FileCommon;
use crate::spec::{PathArg, Support};

module_args! {
    /// Downloads a file.
    pub struct GetUrlArgs for "ansible.builtin.get_url" {
        /// The address.
        url: String => required(),
        /// Where it goes: a file, or a folder.
        dest: PathArg => required(),
        /// Downloads also what is there already, and replaces it if it differs.
        force: bool => default("false"),
        /// What the file has to be, as `sha256:HEX`, or `sha256:URL` of a list of checksums.
        checksum: String => default(""),
        /// Keeps a copy of the file that is replaced.
        backup: bool => default("false"),
        /// A folder for temporary files. It has to exist; what comes is kept in the agent's private folder until it is checked.
        tmp_dest: Option<PathArg>,
        /// Headers of the request.
        headers: Option<JsonMap>,
        /// Headers that a redirected request does not carry.
        unredirected_headers: Vec<String> => default(""),
        /// Seconds for which the other side may be silent.
        timeout: i64 => default("10"),
        /// User.
        url_username: Option<String> => aliases(&["username"]),
        /// Password.
        url_password: Option<String> => aliases(&["password"]).no_log(),
        /// Sends user and password without being asked.
        force_basic_auth: bool => default("false"),
        /// Checks certificates.
        validate_certs: bool => default("true"),
        /// The client's certificate.
        client_cert: Option<PathArg>,
        /// The client's key.
        client_key: Option<PathArg>,
        /// Ciphers for OpenSSL. Not used: the ciphers are those that are good today.
        ciphers: Option<Vec<String>>,
        /// Goes by the proxy of the environment.
        use_proxy: bool => default("true"),
        /// Takes credentials from `~/.netrc`.
        use_netrc: bool => default("true"),
        /// Kerberos. Not supported.
        use_gssapi: bool => default("false"),
        /// Unpacks an answer that is packed with gzip.
        decompress: bool => default("true"),
        /// How the client names itself.
        http_agent: String => default("ansible-httpget"),
    }
    flatten { file: FileCommon }
    settings { check: Support::Partial }
}
