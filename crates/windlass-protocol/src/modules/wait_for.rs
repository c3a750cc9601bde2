//! Arguments of `wait_for`.

use crate::spec::{PathArg, Support};

arg_choices! {
    /// What is waited for.
    pub enum WaitState { Absent = "absent", Drained = "drained", Present = "present", Started = "started", Stopped = "stopped" }
}

module_args! {
    /// Waits for a port, a file or a text in one of them, or just waits.
    pub struct WaitForArgs for "ansible.builtin.wait_for" {
        /// Name or address of the port's host.
        host: String => default("127.0.0.1"),
        /// The port.
        port: Option<i64>,
        /// The file.
        path: Option<PathArg>,
        /// What to wait for.
        state: WaitState => default("started"),
        /// Regular expression to find in the file, or in what the port says.
        search_regex: Option<String>,
        /// Longest wait in seconds.
        timeout: i64 => default("300"),
        /// Seconds to wait before the first look.
        delay: i64 => default("0"),
        /// Seconds between two looks.
        sleep: i64 => default("1"),
        /// Seconds for one connection.
        connect_timeout: i64 => default("5"),
        /// What to say at the timeout.
        msg: Option<String>,
        /// Hosts whose connections do not count, with `drained`.
        exclude_hosts: Option<Vec<String>>,
        /// States of connections that count, with `drained`.
        active_connection_states: Vec<String> => default("ESTABLISHED,FIN_WAIT1,FIN_WAIT2,SYN_RECV,SYN_SENT,TIME_WAIT"),
    }
    settings { check: Support::None }
}
