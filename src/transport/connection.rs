//! A connection to a host, kept for the whole run, with one agent for each user that is become.

use super::agent::AgentHandle;
use super::bootstrap::{self, Exec, Line};
use super::error::{AgentError, ConnectError};
use super::local::Local;
use super::process::Process;
use super::ssh::Ssh;
use super::system_ssh::SystemSsh;
use super::target::{Become, BecomeMethod, Settings, Target, Via};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

/// What a command left behind that was run past the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawOutput {
    /// Exit code, or 128 plus the signal as shells have it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

#[derive(Debug)]
enum Way {
    Local(Local),
    Ssh(Box<Ssh>),
    System(Box<SystemSsh>),
}

impl Exec for Way {
    async fn exec(&self, line: Line<'_>, terminal: bool) -> Result<Process, ConnectError> {
        match self {
            Self::Local(way) => way.exec(line, terminal).await,
            Self::Ssh(way) => way.exec(line, terminal).await,
            Self::System(way) => way.exec(line, terminal).await,
        }
    }
    fn name(&self) -> &str {
        match self {
            Self::Local(way) => way.name(),
            Self::Ssh(way) => way.name(),
            Self::System(way) => way.name(),
        }
    }
    fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }
}

/// Tells users that are become apart.
type Who = Option<(BecomeMethod, String, [Option<String>; 3])>;

/// The place of an agent.
#[derive(Debug, Default)]
struct Slot {
    agent: Arc<OnceCell<AgentHandle>>,
    become_: Option<Become>,
}

/// Longest time that is spent on tidying up after an agent that was killed.
const TIDYING: Duration = Duration::from_secs(20);

/// An open connection. Dropping it ends its agents; [`Connection::close`] also waits for them.
#[derive(Debug)]
pub struct Connection {
    way: Way,
    settings: Arc<Settings>,
    agents: Mutex<HashMap<Who, Slot>>,
}

impl Connection {
    /// Connects to a host.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn open(target: &Target, settings: &Arc<Settings>) -> Result<Self, ConnectError> {
        let way = match target.via {
            Via::Local => Way::Local(Local { name: target.name.clone() }),
            Via::Ssh => Way::Ssh(Box::new(Ssh::open(target, settings).await?)),
            Via::SystemSsh => Way::System(Box::new(SystemSsh::open(target).await?)),
        };
        Ok(Self { way, settings: Arc::clone(settings), agents: Mutex::default() })
    }

    /// The agent for a user, started at the first call; `None` is the user who connected. One that has died is started anew.
    ///
    /// # Errors
    /// [`ConnectError`]; see [`ConnectError::is_unreachable`].
    pub async fn agent(&self, become_: Option<&Become>) -> Result<AgentHandle, ConnectError> {
        let who: Who =
            become_.map(|b| (b.method, b.user.clone(), [&b.flags, &b.exe, &b.chdir].map(Clone::clone)));
        let cell = {
            let mut agents = self.agents.lock().await;
            let slot = agents.entry(who).or_default();
            if slot.agent.get().is_some_and(AgentHandle::is_dead) {
                slot.agent = Arc::default();
            }
            slot.become_ = become_.cloned();
            Arc::clone(&slot.agent)
        };
        // Calls for the same user wait for one start; those for other users do not.
        let agent = cell.get_or_try_init(|| self.start(become_)).await?;
        Ok(agent.clone())
    }

    async fn start(&self, become_: Option<&Become>) -> Result<AgentHandle, ConnectError> {
        let host = self.way.name();
        let started = bootstrap::start(&self.way, become_, &self.settings).await;
        let started = started.map_err(|error| match (&self.way, error) {
            // This machine is reached in any case.
            (Way::Local(_), ConnectError::Program { program, reason, .. }) => ConnectError::Bootstrap {
                host: host.to_owned(),
                reason: format!("{program}: {reason}"),
                hint: None,
            },
            (_, error) => error,
        })?;
        AgentHandle::greet(started, host).await.map_err(|error| match error {
            AgentError::ConnectionLost { host, said } => {
                let reason = if said.is_empty() { "while the agent was started".to_owned() } else { said };
                ConnectError::Lost { host, reason }
            }
            other => ConnectError::Bootstrap {
                host: host.to_owned(),
                reason: other.to_string(),
                hint: other.hint(),
            },
        })
    }

    /// Runs a command by the login shell of the connecting user, past the agent: for `raw`. Locally by `/bin/sh`.
    /// With `become_`, by the other user's `/bin/sh`; then a password can only be given where the method reads it
    /// from standard input.
    ///
    /// # Errors
    /// [`ConnectError`] if it cannot be started or its end is not heard of.
    pub async fn raw_exec(
        &self,
        command: &str,
        stdin: &[u8],
        become_: Option<&Become>,
    ) -> Result<RawOutput, ConnectError> {
        super::raw::run(&self.way, command, stdin, become_, &self.settings).await
    }

    /// Whether the connection itself is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match &self.way {
            Way::Ssh(ssh) => ssh.is_closed(),
            Way::Local(_) | Way::System(_) => false,
        }
    }

    /// Ends the agents that work as another user, and waits until they are gone: a user with a process cannot be removed
    /// nor renumbered. A task that becomes that user again starts a new one.
    pub async fn dismiss(&self, user: &str) {
        let mut found = Vec::new();
        self.agents.lock().await.retain(|who, slot| {
            let theirs = who.as_ref().is_some_and(|(_, name, ..)| name == user);
            if theirs {
                found.extend(slot.agent.get().cloned());
            }
            !theirs
        });
        futures::future::join_all(found.iter().map(AgentHandle::close)).await;
    }

    /// Ends the agents, waits until they have cleaned up, and closes the connection.
    pub async fn close(self) {
        let slots = std::mem::take(&mut *self.agents.lock().await);
        let ending = slots.values().map(|slot| async {
            let Some(agent) = slot.agent.get() else { return };
            // A killed agent left its temporary files; another one of its user removes them when it starts.
            if agent.is_dead() && !self.is_closed() {
                let tidy = async {
                    if let Ok(agent) = self.start(slot.become_.as_ref()).await {
                        agent.close().await;
                    }
                };
                let _ = tokio::time::timeout(TIDYING, tidy).await;
            }
            agent.close().await;
        });
        futures::future::join_all(ending.collect::<Vec<_>>()).await;
        match self.way {
            Way::Ssh(ssh) => ssh.close().await,
            Way::System(ssh) => ssh.close().await,
            Way::Local(_) => {}
        }
    }
}
