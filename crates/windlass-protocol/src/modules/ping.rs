//! Arguments of `ansible.builtin.ping`.

module_args! {
    /// Answers, to show that the agent runs on the host.
    pub struct PingArgs for "ansible.builtin.ping" {
        /// What to answer; `crash` makes the module fail.
        data: String => default("pong"),
    }
}
