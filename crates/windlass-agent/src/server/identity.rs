//! Who the agent runs as.

use nix::unistd::{Uid, User};
use windlass_protocol::message::AgentIdentity;

/// The effective user of this process.
pub(super) fn own() -> AgentIdentity {
    let uid = Uid::effective();
    let known = User::from_uid(uid).ok().flatten();
    let environment_home = std::env::var("HOME").ok();
    let (user, home) = match known {
        Some(user) => (user.name, user.dir.to_string_lossy().into_owned()),
        None => (uid.to_string(), environment_home.unwrap_or_else(|| "/".to_owned())),
    };
    AgentIdentity {
        pid: std::process::id(),
        uid: uid.as_raw(),
        user,
        home,
        machine: std::env::consts::ARCH.to_owned(),
    }
}
