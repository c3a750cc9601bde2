//! Ways to a host, and the agent at its end.
//!
//! [`Connection::open`] makes a connection ([`Via`]: the built-in SSH client, the system's `ssh`, or this machine),
//! [`Connection::agent`] starts an agent on it ([`bootstrap`]) for the connecting user or one that is become, and
//! [`AgentHandle::run`] has it execute modules. Errors tell an unreachable host from a refused elevation from an
//! agent that died, and each has a hint.

mod agent;
mod bootstrap;
mod connection;
mod elevate;
pub mod embedded;
mod error;
pub mod known_hosts;
mod local;
mod process;
mod raw;
mod ssh;
pub mod ssh_config;
mod system_ssh;
mod target;

pub use agent::{AgentHandle, Call, ProtocolFault, Sink, Source, UnpackError};
pub use connection::{Connection, RawOutput};
pub use error::{AgentError, BecomeError, BecomeFailure, ConnectError};
pub use ssh::keys::Passphrases;
pub use target::{Become, BecomeMethod, HostKeyChecking, Prompter, Secret, Settings, Target, Via, Warn};

/// Arguments as one line for a POSIX shell (and every other login shell that knows single quotes).
fn quote(argv: &[String]) -> String {
    let quoted = argv.iter().map(|word| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
        if !word.is_empty() && word.bytes().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
