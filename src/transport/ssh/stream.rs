//! What carries an SSH connection: TCP, a program's input and output, or a channel of another connection.

use super::Client;
use crate::transport::error::{ConnectError, plain};
use crate::transport::ssh_config::HostConfig;
use russh::client::Handle;
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Anything that bytes go over both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(super) struct Way {
    pub(super) stream: Box<dyn Duplex>,
    /// What a ProxyCommand says on standard error.
    pub(super) said: Arc<Mutex<String>>,
}

impl Way {
    fn new(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), said: Arc::default() }
    }
}

/// A way to the host from this machine.
pub(super) async fn open(config: &HostConfig, limit: Duration) -> Result<Way, ConnectError> {
    match &config.proxy_command {
        Some(command) => program(command),
        None => tcp(config, limit).await.map(Way::new),
    }
}

/// A way to the host through one that we are logged in to.
pub(super) async fn through(
    handle: &Handle<Client>,
    config: &HostConfig,
    address: &str,
    limit: Duration,
) -> Result<Way, ConnectError> {
    let opening =
        handle.channel_open_direct_tcpip(config.hostname.clone(), u32::from(config.port), "127.0.0.1", 0);
    match timeout(limit, opening).await {
        Ok(Ok(channel)) => Ok(Way::new(channel.into_stream())),
        Ok(Err(error)) => Err(ConnectError::Unreachable {
            address: address.to_owned(),
            refused: false,
            reason: format!("the jump host cannot connect to it ({error})"),
        }),
        Err(_) => Err(ConnectError::Timeout {
            address: address.to_owned(),
            after: limit,
            stage: "connecting from the jump host",
        }),
    }
}

fn program(command: &str) -> Result<Way, ConnectError> {
    let failed = |reason: String| ConnectError::Program { program: command.to_owned(), reason, kind: None };
    // The user's own command line, by the user's own shell, as OpenSSH runs it.
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut child = tokio::process::Command::new(shell.unwrap_or_else(|| "/bin/sh".into()))
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(plain(&error)))?;
    let (Some(stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("no pipes".to_owned()));
    };
    let way = Way::new(tokio::io::join(stdout, stdin));
    let said = Arc::clone(&way.said);
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < 4096 {
                said.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        }
        // It ends when its pipes are closed; this only collects it.
        let _ = child.wait().await;
    });
    Ok(way)
}

async fn tcp(config: &HostConfig, limit: Duration) -> Result<TcpStream, ConnectError> {
    let started = Instant::now();
    let address = format!("{}:{}", config.hostname, config.port);
    let late = |stage: &'static str| ConnectError::Timeout { address: address.clone(), after: limit, stage };
    let unknown = |reason: String| ConnectError::Resolve { host: config.hostname.clone(), reason };
    let lookup = tokio::net::lookup_host((config.hostname.as_str(), config.port));
    let found = timeout(limit, lookup).await.map_err(|_| late("resolving the name"))?;
    let mut addresses: Vec<SocketAddr> = found
        .map_err(|error| {
            let text = plain(&error);
            unknown(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned())
        })?
        .collect();
    match config.address_family {
        Some(4) => addresses.retain(SocketAddr::is_ipv4),
        Some(6) => addresses.retain(SocketAddr::is_ipv6),
        _ => {}
    }
    if addresses.is_empty() {
        return Err(unknown("it has no address of the wanted kind".to_owned()));
    }
    let mut last = None;
    for (at, socket) in addresses.iter().enumerate() {
        let left = limit.saturating_sub(started.elapsed());
        // No address may use up the time of those after it.
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(1);
        match timeout(share, dial(config, *socket)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => {}
        }
    }
    match last {
        None => Err(late("connecting")),
        Some(error) => Err(ConnectError::Unreachable {
            address: address.clone(),
            refused: error.kind() == io::ErrorKind::ConnectionRefused,
            reason: plain(&error),
        }),
    }
}

async fn dial(config: &HostConfig, address: SocketAddr) -> io::Result<TcpStream> {
    let Some(own) = &config.bind_address else { return TcpStream::connect(address).await };
    let own: std::net::IpAddr =
        own.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "BindAddress is no address"))?;
    let socket = if own.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(own, 0))?;
    socket.connect(address).await
}
