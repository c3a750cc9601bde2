//! The OpenSSH client, as tests call it.

use std::path::Path;
use std::process::Command;

/// An OpenSSH client that nothing of this machine's user decides upon: a key to log in with, and the known_hosts file that
/// has to have the host's key. Whatever is missing is a failure, never a question. Add the user, the host and the remote
/// command to it, and `-o StrictHostKeyChecking=accept-new` for a host that nobody knows yet.
pub fn ssh_client(key: &Path, known_hosts: &Path) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o"]);
    ssh.arg(format!("UserKnownHostsFile={}", known_hosts.display())).arg("-i").arg(key);
    ssh
}
