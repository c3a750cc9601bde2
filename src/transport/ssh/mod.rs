//! The built-in SSH client.

mod auth;
mod hostkey;
pub(crate) mod keys;
mod short_scalar;
mod stream;

use super::bootstrap::{Exec, Line};
use super::error::ConnectError;
use super::process::{Event, Exit, Input, Process};
use super::ssh_config::{self, Args, ConfigMistake, Files, HostConfig, Machine};
use super::target::{HostKeyChecking, Settings, Target};
use hostkey::{HostKeys, Trust};
use russh::client::{self, DisconnectReason, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Preferred, cipher, compression};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Ansible's default for the connection timeout.
const CONNECT: Duration = Duration::from_secs(10);
/// Logging in may take longer than connecting: servers delay answers to wrong passwords, PAM asks a directory.
const LOGIN: Duration = Duration::from_secs(60);
/// Silence after which we ask whether the host is still there, if nothing else is configured.
const ALIVE: Duration = Duration::from_secs(15);

/// How long a program may go on after its input has ended, before its channel is closed.
const HANGING: Duration = Duration::from_secs(15);
/// How long output may come after the news that the program has ended: the server sends both as they happen.
const TRAILING: Duration = Duration::from_secs(1);

/// What the session's task tells us.
#[derive(Debug, Default)]
struct Told {
    refused: Option<ConnectError>,
    trust: Option<Trust>,
    lost: Option<String>,
}

/// The callbacks of one session.
#[derive(Debug)]
pub(crate) struct Client {
    keys: HostKeys,
    told: Arc<Mutex<Told>>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let result = self.keys.check(shown);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(trust) => {
                told.trust = Some(trust);
                Ok(true)
            }
            Err(error) => {
                told.refused = Some(error);
                Ok(false)
            }
        }
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                told.lost.get_or_insert(info.message);
                Ok(())
            }
            DisconnectReason::Error(error) => {
                told.lost.get_or_insert(error.to_string());
                Err(error)
            }
        }
    }
}

/// A session with one host.
struct Session {
    handle: Handle<Client>,
    told: Arc<Mutex<Told>>,
}

/// A logged-in connection, with those to the hosts on the way.
pub(crate) struct Ssh {
    name: String,
    session: Session,
    /// In order from this machine. They carry the session and must outlive it.
    jumps: Vec<Session>,
}

impl std::fmt::Debug for Ssh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ssh").field("name", &self.name).finish_non_exhaustive()
    }
}

/// More hops in front of one another are hardly meant.
const MOST_HOPS: usize = 16;

/// What the target itself says, in front of the configuration files.
fn arguments(target: &Target) -> Result<Args, ConnectError> {
    let mut args = Args::default();
    // Of several values for an option the first one holds.
    if let Some(text) = &target.first_ssh_args {
        args.parse(text, "the arguments for ssh")?;
    }
    if let Some(checking) = target.host_key_checking {
        let value = match checking {
            HostKeyChecking::Strict => "yes",
            HostKeyChecking::AcceptNew => "accept-new",
            HostKeyChecking::Off => "no",
        };
        args.set("stricthostkeychecking", value);
    }
    if let Some(port) = target.port {
        args.set("port", port.to_string());
    }
    if let Some(user) = &target.user {
        args.set("user", user.clone());
    }
    if let Some(timeout) = target.connect_timeout {
        args.set("connecttimeout", timeout.as_secs().max(1).to_string());
    }
    for file in &target.key_files {
        args.set("identityfile", file.display().to_string());
    }
    for text in &target.ssh_args {
        args.parse(text, "the arguments for ssh")?;
    }
    Ok(args)
}

/// `[user@]host[:port]`, with `[...]` around an IPv6 address, or `ssh://` in front.
fn hop(text: &str) -> (Args, String) {
    let mut args = Args::default();
    let text = text.strip_prefix("ssh://").unwrap_or(text);
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    if let Some(user) = user {
        args.set("user", user);
    }
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match rest.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (rest, None),
        },
    };
    if let Some(port) = port {
        args.set("port", port);
    }
    (args, host.to_owned())
}

impl Ssh {
    /// Connects and logs in.
    pub(crate) async fn open(target: &Target, settings: &Settings) -> Result<Self, ConnectError> {
        let machine = Machine::own();
        let files = match &settings.ssh_config {
            Some(path) => Files::only(path),
            None => Files::usual(&machine),
        };
        let args = arguments(target)?;
        let config = ssh_config::resolve(&target.host, &args, &files, &machine)?;
        let mut jumps: Vec<Session> = Vec::new();
        let mut pending: Vec<(HostConfig, String)> = Vec::new();
        if config.proxy_command.is_none() {
            // The first hop may itself need hops, and so on.
            let mut hops = config.proxy_jump.clone();
            // An address may be another host when it is seen from elsewhere, so it is the name that counts.
            let place =
                |config: &HostConfig| (config.original.to_lowercase(), config.port, config.user.clone());
            let mut seen = vec![place(&config)];
            while let Some(first) = hops.first().cloned() {
                let (mut jump_args, host) = hop(&first);
                jump_args.config.clone_from(&args.config);
                let mut jump = ssh_config::resolve(&host, &jump_args, &files, &machine)?;
                let before = std::mem::take(&mut jump.proxy_jump);
                if before.is_empty() || jump.proxy_command.is_some() {
                    break;
                }
                if seen.contains(&place(&jump)) || seen.len() > MOST_HOPS {
                    return Err(ConfigMistake::JumpLoop(first).at("ProxyJump").into());
                }
                seen.push(place(&jump));
                hops.splice(0..0, before);
            }
            for hop_text in hops {
                let (mut jump_args, host) = hop(&hop_text);
                jump_args.config.clone_from(&args.config);
                let mut jump = ssh_config::resolve(&host, &jump_args, &files, &machine)?;
                jump.proxy_jump.clear();
                pending.push((jump, hop_text));
            }
        }
        for (jump, shown) in pending {
            let wrap = |error| ConnectError::Jump { jump: shown.clone(), error: Box::new(error) };
            let session = connect(&jump, jumps.last(), settings, &machine, None).await.map_err(wrap)?;
            jumps.push(session);
        }
        let session = connect(&config, jumps.last(), settings, &machine, Some(target)).await?;
        Ok(Self { name: target.name.clone(), session, jumps })
    }

    /// Whether it is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.session.handle.is_closed()
    }

    /// Says goodbye, from the far end on.
    pub(crate) async fn close(self) {
        let sessions = std::iter::once(self.session).chain(self.jumps.into_iter().rev());
        for session in sessions {
            let goodbye = session.handle.disconnect(Disconnect::ByApplication, "", "");
            let _ = tokio::time::timeout(Duration::from_secs(2), goodbye).await;
        }
    }

    fn lost(&self, error: &russh::Error) -> ConnectError {
        let told = self.session.told.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = told.lost.clone().unwrap_or_else(|| error.to_string());
        ConnectError::Lost { host: self.name.clone(), reason }
    }
}

fn options(config: &HostConfig, keys: &HostKeys) -> client::Config {
    let algorithms = keys.algorithms();
    let certificates = if keys.has_authority() { algorithms.clone() } else { Vec::new() };
    let compression: &'static [compression::Name] = if config.compression {
        &[compression::ZLIB, compression::ZLIB_LEGACY, compression::NONE]
    } else {
        &[compression::NONE]
    };
    client::Config {
        window_size: 16 << 20,
        maximum_packet_size: 32 << 10,
        channel_buffer_size: 256,
        nodelay: true,
        keepalive_interval: Some(config.alive_interval.unwrap_or(ALIVE)),
        keepalive_max: config.alive_count_max.max(1) as usize,
        preferred: Preferred {
            key: Cow::Owned(algorithms),
            host_key_certificates: Cow::Owned(certificates),
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            compression: Cow::Borrowed(compression),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// Connects to one host, through another if there is one, and logs in. `target` is `None` for a jump host, which
/// has nothing but its configuration, as for OpenSSH.
async fn connect(
    config: &HostConfig,
    through: Option<&Session>,
    settings: &Settings,
    machine: &Machine,
    target: Option<&Target>,
) -> Result<Session, ConnectError> {
    let limit = config.connect_timeout.unwrap_or(CONNECT);
    let started = Instant::now();
    let address = format!("{}:{}", config.hostname, config.port);
    let late = |stage: &'static str| ConnectError::Timeout { address: address.clone(), after: limit, stage };
    let way = match through {
        Some(session) => stream::through(&session.handle, config, &address, limit).await?,
        None => stream::open(config, limit).await?,
    };
    let read = {
        let (config, settings) = (config.clone(), settings.clone());
        move || HostKeys::new(&config, &settings)
    };
    let keys = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| ConnectError::Handshake { address: address.clone(), reason: error.to_string() })??;
    let options = Arc::new(options(config, &keys));
    let told: Arc<Mutex<Told>> = Arc::default();
    let client = Client { keys, told: Arc::clone(&told) };
    let said = way.said.clone();
    let handshake = client::connect_stream(options, way.stream, client);
    let left = limit.saturating_sub(started.elapsed()).max(Duration::from_secs(1));
    let handle = match tokio::time::timeout(left, handshake).await {
        Err(_) => return Err(late("waiting for the SSH handshake")),
        Ok(Ok(handle)) => handle,
        Ok(Err(error)) => {
            let refused = told.lock().unwrap_or_else(PoisonError::into_inner).refused.take();
            if refused.is_none() && config.proxy_command.is_some() {
                // What the program says about it comes by another pipe.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            return Err(refused.unwrap_or_else(|| {
                let said = said.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned();
                if said.is_empty() {
                    ConnectError::Handshake { address: address.clone(), reason: error.to_string() }
                } else {
                    let program = config.proxy_command.clone().unwrap_or_default();
                    ConnectError::Program { program, reason: said, kind: None }
                }
            }));
        }
    };
    let mut session = Session { handle, told };
    let trust = session.told.lock().unwrap_or_else(PoisonError::into_inner).trust;
    let distrusted = trust != Some(Trust::Full);
    let mut login = auth::Login::new(&mut session.handle, config, settings, machine, distrusted);
    login.password = target.and_then(|target| target.password.as_ref());
    login.key_passphrase = target.and_then(|target| target.key_passphrase.as_ref());
    match tokio::time::timeout(LOGIN.max(limit), login.run(target)).await {
        Ok(result) => result?,
        Err(_) => return Err(late("logging in")),
    }
    Ok(session)
}

impl Exec for Ssh {
    async fn exec(&self, line: Line<'_>, terminal: bool) -> Result<Process, ConnectError> {
        let channel = self.session.handle.channel_open_session().await.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(reason) => ConnectError::Program {
                program: "sshd".to_owned(),
                reason: format!("the server opens no further session on this connection ({reason:?})"),
                kind: None,
            },
            other => self.lost(&other),
        })?;
        let lost = |error: russh::Error| self.lost(&error);
        if terminal {
            channel.request_pty(false, "dumb", 80, 24, 0, 0, &[]).await.map_err(lost)?;
        }
        let command = match line {
            Line::Words(argv) => super::quote(argv),
            Line::Text(text) => text.to_owned(),
        };
        // The answer comes with the output; waiting for it would cost a round trip.
        channel.exec(true, command).await.map_err(lost)?;
        let (from, to) = channel.split();
        let (input, hung_up) = Input::new(to.make_writer());
        let (sender, events) = mpsc::channel(64);
        tokio::spawn(relay(from, to, sender, hung_up));
        Ok(Process { input, events })
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Turns a channel's messages into events, and the end of our input into the end of the channel.
async fn relay(
    mut from: ChannelReadHalf,
    to: ChannelWriteHalf<client::Msg>,
    sender: mpsc::Sender<Event>,
    hung_up: oneshot::Receiver<()>,
) {
    let mut hung_up = Some(hung_up);
    // When to close a channel whose program does not end although its input has.
    let mut closing: Option<Instant> = None;
    // How the program ended, and until when to wait for output that the server sends after that.
    let mut ended: Option<(Exit, Instant)> = None;
    loop {
        let due = match (&ended, closing) {
            (Some((_, until)), _) => Some(*until),
            (None, closing) => closing,
        };
        let message = tokio::select! {
            message = from.wait() => message,
            () = dropped(&mut hung_up) => {
                hung_up = None;
                let _ = to.eof().await;
                closing = Some(Instant::now() + HANGING);
                continue;
            }
            () = sleep_until(due) => {
                if let Some((exit, _)) = ended.take() {
                    // Something in the background holds the pipes; the program itself is done.
                    let _ = sender.send(Event::Exit(exit)).await;
                }
                let _ = to.close().await;
                return;
            }
        };
        let event = match message {
            Some(ChannelMsg::Data { data }) => Event::Stdout(data),
            Some(ChannelMsg::ExtendedData { data, .. }) => Event::Stderr(data),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                ended = Some((Exit::Code(exit_status), Instant::now() + TRAILING));
                continue;
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                ended = Some((Exit::Signal(signal_text(&signal_name)), Instant::now() + TRAILING));
                continue;
            }
            Some(ChannelMsg::Failure) => {
                ended = Some((Exit::Code(255), Instant::now()));
                Event::Stderr("the server refuses to run commands\n".into())
            }
            Some(ChannelMsg::Close) | None => {
                if let Some((exit, _)) = ended {
                    let _ = sender.send(Event::Exit(exit)).await;
                }
                return;
            }
            Some(_) => continue,
        };
        if sender.send(event).await.is_err() && hung_up.is_none() {
            let _ = to.close().await;
            return;
        }
    }
}

/// A signal's name as SSH has it: without `SIG`.
fn signal_text(signal: &russh::Sig) -> String {
    match signal {
        russh::Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

/// Ends when the other side of this was dropped; never if that was seen before.
async fn dropped(hung_up: &mut Option<oneshot::Receiver<()>>) {
    match hung_up {
        Some(end) => {
            let _ = end.await;
        }
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn arguments_stand_where_the_reference_puts_them() {
        let mut target = Target { port: Some(1), host: "h".into(), ..Target::default() };
        target.ssh_args = vec!["-p 2 -o User=common".into()];
        let port = |target: &Target| {
            let (args, files) = (arguments(target).unwrap(), Files { user: None, system: None });
            let config = ssh_config::resolve("h", &args, &files, &Machine::own()).unwrap();
            (config.port, config.user, config.proxy_jump)
        };
        assert_eq!(port(&target), (1, "common".into(), vec![]));
        target.first_ssh_args = Some("-o Port=3 -J bastion".into());
        assert_eq!(port(&target), (3, "common".into(), vec!["bastion".into()]));
    }

    #[tokio::test]
    async fn jump_hosts_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let settings = Settings { ssh_config: Some(file.clone()), ..Settings::default() };
        let target = Target { host: "a".into(), ..Target::default() };
        for text in ["Host *\n  ProxyJump bastion\n", "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n"] {
            std::fs::write(&file, text).unwrap();
            let error = Ssh::open(&target, &settings).await.unwrap_err();
            assert!(error.to_string().starts_with("ProxyJump: jumphost loop via "), "{error}");
        }
    }

    #[test]
    fn hops_are_read() {
        let read = |text: &str| {
            let (args, host) = hop(text);
            let get = |keyword: &str| {
                let found = args.options.iter().find(|(known, _)| known == keyword);
                found.map(|(_, values)| values[0].clone()).unwrap_or_default()
            };
            (get("user"), host, get("port"))
        };
        let is = |user: &str, host: &str, port: &str| (user.to_owned(), host.to_owned(), port.to_owned());
        assert_eq!(read("gw"), is("", "gw", ""));
        assert_eq!(read("me@gw:2222"), is("me", "gw", "2222"));
        assert_eq!(read("me@[fe80::1]:22"), is("me", "fe80::1", "22"));
        assert_eq!(read("fe80::1"), is("", "fe80::1", ""));
        assert_eq!(read("ssh://a@b@gw:1"), is("a@b", "gw", "1"));
    }
}
