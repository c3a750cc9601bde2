//! Connections of a run: one for each host and way to it, kept until the end.

use super::lanes::Lanes;
use super::said::{Said, text, unfit};
use crate::template::{Templar, TemplateError};
use crate::transport::{
    AgentHandle, Become, BecomeMethod, ConnectError, Connection, HostKeyChecking, Secret, Settings, Target,
    Via,
};
use crate::vars::scope::Layers;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// What the command line and the configuration say about connections; host variables go over it.
#[derive(Debug, Clone, Default)]
pub struct ConnectDefaults {
    /// `-c`
    pub connection: Option<String>,
    /// `-u`
    pub user: Option<String>,
    /// `-k`
    pub password: Option<Secret>,
    /// `--private-key`
    pub key_file: Option<PathBuf>,
    /// `-T`
    pub timeout: Option<u64>,
    /// `ssh_args` of the configuration.
    pub ssh_args: Option<String>,
    /// `--ssh-common-args`
    pub common_args: Option<String>,
    /// `--ssh-extra-args`
    pub extra_args: Option<String>,
    /// `host_key_checking` of the configuration.
    pub host_key_checking: Option<HostKeyChecking>,
    /// `remote_port` of the configuration.
    pub port: Option<u16>,
    /// `-b`
    pub become_: bool,
    /// `--become-method`
    pub become_method: Option<String>,
    /// `--become-user`
    pub become_user: Option<String>,
    /// `-K`
    pub become_password: Option<Secret>,
    /// `become_flags` of the configuration.
    pub become_flags: Option<String>,
    /// `become_exe` of the configuration.
    pub become_exe: Option<String>,
    /// `become_allow_same_user` of the configuration.
    pub become_same_user: bool,
}

/// How a task reaches its host.
#[derive(Debug, Clone)]
pub struct Way {
    /// Host and login.
    pub target: Target,
    /// The user that is become.
    pub become_: Option<Become>,
}

type Opened = Arc<OnceCell<Result<Arc<Connection>, ConnectError>>>;

/// Targets that share a connection: equal in everything, passwords among it.
#[derive(Clone, PartialEq, Eq, Hash)]
enum PoolKey {
    /// This machine, by lane.
    Local(usize),
    Host(Box<Target>),
}

impl PoolKey {
    fn of(target: &Target, lane: usize) -> Self {
        // This machine is one host, by whatever name it is called.
        if target.via == Via::Local { Self::Local(lane) } else { Self::Host(Box::new(target.clone())) }
    }

    /// Whether it leads there, by whichever lane.
    fn is_of(&self, target: &Target) -> bool {
        match self {
            Self::Local(_) => target.via == Via::Local,
            Self::Host(known) => **known == *target,
        }
    }
}

/// The connections of a run.
pub struct Pool {
    settings: Arc<Settings>,
    open: Mutex<HashMap<PoolKey, Opened>>,
    lanes: Arc<Lanes>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool without connections.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, open: Mutex::default(), lanes: Arc::default() }
    }

    /// What keeps hosts on this machine apart.
    #[must_use]
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// The connection to a host, made on first use. Who asks while it is being made waits for it, and shares its failure; who
    /// asks after a failure, or after the connection was lost, has it tried again.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub async fn connection(&self, target: &Target) -> Result<Arc<Connection>, ConnectError> {
        self.in_lane(target, 0).await
    }

    async fn in_lane(&self, target: &Target, lane: usize) -> Result<Arc<Connection>, ConnectError> {
        let key = PoolKey::of(target, lane);
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let stale = open.get(&key).and_then(|c| c.get()).is_some_and(|c| match c {
                Ok(connection) => connection.is_closed(),
                Err(_) => true,
            });
            if stale {
                open.remove(&key);
            }
            Arc::clone(open.entry(key).or_default())
        };
        cell.get_or_init(|| async { Connection::open(target, &self.settings).await.map(Arc::new) })
            .await
            .clone()
    }

    /// The agent at the end of a way; on this machine that of a lane.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn agent(&self, way: &Way, lane: usize) -> Result<AgentHandle, ConnectError> {
        let become_ = way.become_.as_ref();
        let first = self.connection(&way.target).await?.agent(become_).await?;
        if lane == 0 || way.target.via != Via::Local {
            return Ok(first);
        }
        // Now that there is a first one, the program is in the cache and the password is known to be right.
        self.in_lane(&way.target, lane).await?.agent(become_).await
    }

    /// Ends the agents that work as a user on a host.
    pub async fn dismiss(&self, target: &Target, user: &str) {
        let found: Vec<Opened> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter().filter(|(key, _)| key.is_of(target)).map(|(_, cell)| Arc::clone(cell)).collect()
        };
        let found = found.iter().filter_map(|cell| cell.get().cloned()).flatten();
        let ending = found.map(|connection| async move { connection.dismiss(user).await });
        futures::future::join_all(ending.collect::<Vec<_>>()).await;
    }

    /// Closes a connection, so that the next task makes a new one (`meta: reset_connection`).
    pub async fn forget(&self, target: &Target) {
        let found = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extract_if(|key, _| key.is_of(target)).map(|(_, cell)| cell).collect()
        };
        close_all(found).await;
    }

    /// Closes all connections; the agents remove what they left.
    pub async fn close(&self) {
        let all =
            self.open.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, cell)| cell).collect();
        close_all(all).await;
    }
}

async fn close_all(opened: Vec<Opened>) {
    let closing =
        opened.into_iter().filter_map(|cell| cell.get().cloned()).flatten().map(|connection| async move {
            if let Ok(connection) = Arc::try_unwrap(connection) {
                connection.close().await;
            }
        });
    futures::future::join_all(closing.collect::<Vec<_>>()).await;
}

/// Finds out how a host is reached: variables over keywords over defaults.
///
/// # Errors
/// If a template in one of the variables fails.
pub fn way(
    host: &str,
    layers: &Layers,
    task: &crate::playbook::Attrs,
    defaults: &ConnectDefaults,
    templar: &Templar,
    task_layers: &Layers,
) -> Result<Way, TemplateError> {
    let said = Said { layers, task, task_layers, defaults, templar };
    let var = |names: &[&str]| said.var(names);
    let keyword = |name: &str| said.keyword(name);

    let connection = said.connection()?;
    let kind = text(connection.clone());
    let via = match kind.as_deref().map(|n| n.rsplit('.').next().unwrap_or(n)) {
        Some("local") => Via::Local,
        Some("system_ssh") => Via::SystemSsh,
        None | Some("ssh" | "smart" | "paramiko" | "paramiko_ssh" | "libssh") => Via::Ssh,
        Some(other) => {
            let message = format!("the connection '{other}' is not supported");
            return Err(unfit(
                message,
                "known are ssh, system_ssh and local",
                &connection.unwrap_or_default(),
            ));
        }
    };
    let mut target = Target { name: host.to_owned(), via, ..Target::default() };
    target.host = said.address()?.unwrap_or_else(|| host.to_owned());
    if via != Via::Local {
        target.port = said.port()?;
        target.user = said.user()?;
        target.password = said.password()?;
        target.key_files = said.key_file()?.map(|k| PathBuf::from(expand_home(&k))).into_iter().collect();
        target.key_text = text(var(&["ansible_ssh_private_key", "ansible_private_key"])?).map(Secret::new);
        target.key_passphrase =
            text(var(&["ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"])?)
                .map(Secret::new);
        target.first_ssh_args = text(var(&["ansible_ssh_args"])?).or_else(|| defaults.ssh_args.clone());
        target.ssh_args = [
            text(var(&["ansible_ssh_common_args"])?).or_else(|| defaults.common_args.clone()),
            text(var(&["ansible_ssh_extra_args"])?).or_else(|| defaults.extra_args.clone()),
        ]
        .into_iter()
        .flatten()
        .collect();
        target.host_key_checking = match var(&["ansible_ssh_host_key_checking", "ansible_host_key_checking"])?
        {
            Some(value) => match super::loops::truthy(&value) {
                Some(true) => Some(HostKeyChecking::Strict),
                Some(false) => Some(HostKeyChecking::Off),
                None => Some(HostKeyChecking::AcceptNew).filter(|_| value.as_str() == Some("accept-new")),
            },
            None => defaults.host_key_checking,
        };
        target.connect_timeout = said.timeout()?.map(Duration::from_secs);
        target.ssh_executable = text(var(&["ansible_ssh_executable"])?).map(PathBuf::from);
    }
    let wanted = match var(&["ansible_become"])? {
        Some(value) => super::loops::truthy(&value).unwrap_or(false),
        None => match keyword("become")? {
            Some(value) => super::loops::truthy(&value).unwrap_or(false),
            None => defaults.become_,
        },
    };
    let become_ = if wanted {
        let method = match text(var(&["ansible_become_method"])?) {
            Some(method) => method,
            None => text(keyword("become_method")?)
                .or_else(|| defaults.become_method.clone())
                .unwrap_or_else(|| "sudo".to_owned()),
        };
        let user = match text(var(&["ansible_become_user"])?) {
            Some(user) => user,
            None => text(keyword("become_user")?)
                .or_else(|| defaults.become_user.clone())
                .unwrap_or_else(|| "root".to_owned()),
        };
        let Some(parsed) = BecomeMethod::parse(&method) else {
            return Err(TemplateError::new(
                crate::template::TemplateErrorKind::Failed,
                format!("the become method '{method}' is not supported; sudo, su and doas are"),
            ));
        };
        let own = |suffix: &str| format!("ansible_{}_{suffix}", parsed.name());
        let login = if via == Via::Local { own_user() } else { target.user.clone() };
        let same = login.as_ref() == Some(&user) && !defaults.become_same_user;
        Some(Become {
            method: parsed,
            user,
            password: text(var(&[
                "ansible_become_password",
                "ansible_become_pass",
                &own("password"),
                &own("pass"),
            ])?)
            .map(Secret::new)
            .or_else(|| defaults.become_password.clone()),
            flags: match text(var(&["ansible_become_flags", &own("flags")])?) {
                Some(flags) => Some(flags),
                None => text(keyword("become_flags")?).or_else(|| defaults.become_flags.clone()),
            },
            exe: match text(var(&["ansible_become_exe", &own("exe")])?) {
                Some(exe) => Some(exe),
                None => text(keyword("become_exe")?).or_else(|| defaults.become_exe.clone()),
            },
            chdir: text(var(&["ansible_sudo_chdir"])?).filter(|_| parsed == BecomeMethod::Sudo),
            prompts: match var(&["ansible_su_prompt_l10n"])? {
                Some(words) if parsed == BecomeMethod::Su => crate::actions::text_list(Some(&words)),
                _ => Vec::new(),
            },
            patience: Some(if via == Via::Local {
                let seconds =
                    var(&["ansible_local_become_success_timeout"])?.as_ref().and_then(super::keywords::whole);
                Duration::from_secs(
                    seconds.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0).unwrap_or(10),
                )
            } else {
                said.timeout()?.map_or(Duration::from_secs(10), Duration::from_secs) + Duration::from_secs(2)
            }),
        })
        .filter(|_| !same)
    } else {
        None
    };
    Ok(Way { target, become_ })
}

/// The name of the user who runs this.
fn own_user() -> Option<String> {
    // Asked for at every task with become: the answer stays the same.
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    NAME.get_or_init(|| {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
        });
        // Accounts of a directory are not in the file.
        found.or_else(|| std::env::var("USER").ok())
    })
    .clone()
}

/// `~` at the beginning of a path of this machine.
#[must_use]
pub fn expand_home(path: &str) -> String {
    match path.strip_prefix("~/") {
        Some(rest) => match std::env::var("HOME") {
            Ok(home) => format!("{home}/{rest}"),
            Err(_) => path.to_owned(),
        },
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::vars::{Key, Map, Value};

    #[test]
    fn a_hosts_common_args_leave_the_configured_ssh_args() {
        let defaults = ConnectDefaults {
            ssh_args: Some("-J bastion".to_owned()),
            common_args: Some("-o A=1".to_owned()),
            ..ConnectDefaults::default()
        };
        let templar = Templar::new(crate::template::TemplarSettings::default());
        let args = |vars: &[(&str, &str)]| {
            let vars: Map = vars.iter().map(|(k, v)| (Key::from(*k), Value::text(*v))).collect();
            let (layers, attrs) = (Layers::default().with(vars), crate::playbook::Attrs::default());
            let target = way("web", &layers, &attrs, &defaults, &templar, &layers).unwrap().target;
            (target.first_ssh_args.unwrap_or_default(), target.ssh_args)
        };
        assert_eq!(args(&[]), ("-J bastion".into(), vec!["-o A=1".into()]));
        let common = args(&[("ansible_ssh_common_args", "-o B=2"), ("ansible_ssh_extra_args", "-v")]);
        assert_eq!(common, ("-J bastion".into(), vec!["-o B=2".into(), "-v".into()]));
        assert_eq!(args(&[("ansible_ssh_args", "-C")]), ("-C".into(), vec!["-o A=1".into()]));
    }
}
