//! Arguments of `ansible.builtin.uri`.

use crate::modules::FileCommon;
use crate::spec::{PathArg, Support};
use crate::{Constraint, JsonMap};

arg_choices! {
    /// How the body is written.
    pub enum BodyFormat {
        /// As a form of a web page.
        Form = "form-urlencoded",
        /// As JSON.
        Json = "json",
        /// As it is.
        Raw = "raw",
        /// In parts, as an upload.
        Multipart = "form-multipart",
    }
}

arg_choices! {
    /// Which redirects are followed.
    pub enum FollowRedirects {
        /// All.
        All = "all",
        /// The old word for none.
        No = "no",
        /// None.
        None = "none",
        /// Those of GET and HEAD.
        Safe = "safe",
        /// As Python's urllib does.
        Urllib = "urllib2",
        /// The old word for all.
        Yes = "yes",
    }
}

module_args! {
    /// Talks to a web service.
    pub struct UriArgs for "ansible.builtin.uri" {
        /// The address.
        url: String => required(),
        /// The method, in capitals.
        method: String => default("GET"),
        /// What is sent.
        body: Option<serde_json::Value>,
        /// How the body is written.
        body_format: BodyFormat => default("raw"),
        /// A file to send.
        src: Option<PathArg>,
        /// The file is on the target.
        remote_src: bool => default("false"),
        /// Headers of the request.
        headers: JsonMap => default("{}"),
        /// The status codes of success.
        status_code: Vec<i64> => default("200"),
        /// Gives the body of the answer as `content`.
        return_content: bool => default("false"),
        /// Where to save the body: a file, or a folder.
        dest: Option<PathArg>,
        /// Does nothing if this is there.
        creates: Option<PathArg>,
        /// Does nothing unless this is there.
        removes: Option<PathArg>,
        /// Which redirects are followed.
        follow_redirects: FollowRedirects => default("safe"),
        /// Headers that a redirected request does not carry.
        unredirected_headers: Vec<String> => default(""),
        /// Seconds for which the other side may be silent.
        timeout: i64 => default("30"),
        /// User.
        url_username: Option<String> => aliases(&["user"]),
        /// Password.
        url_password: Option<String> => aliases(&["password"]).no_log(),
        /// Sends user and password without being asked.
        force_basic_auth: bool => default("false"),
        /// Checks certificates.
        validate_certs: bool => default("true"),
        /// File of certificates to trust.
        ca_path: Option<PathArg>,
        /// The client's certificate.
        client_cert: Option<PathArg>,
        /// The client's key.
        client_key: Option<PathArg>,
        /// Ciphers for OpenSSL. Not used: the ciphers are those that are good today.
        ciphers: Option<Vec<String>>,
        /// Connects to this socket.
        unix_socket: Option<PathArg>,
        /// Goes by the proxy of the environment.
        use_proxy: bool => default("true"),
        /// Takes credentials from `~/.netrc`.
        use_netrc: bool => default("true"),
        /// Kerberos. Not supported.
        use_gssapi: bool => default("false"),
        /// Unpacks an answer that is packed with gzip.
        decompress: bool => default("true"),
        /// Asks caches on the way for a fresh copy.
        force: bool => default("false"),
        /// How the client names itself.
        http_agent: String => default("ansible-httpget"),
    }
    flatten { file: FileCommon }
    settings { check: Support::None }
    constraints [Constraint::MutuallyExclusive(&["body", "src"])]
}
