//! Connecting to a port or socket, to see whether something listens and what it says.

use std::io::{self, Read};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How often it is looked whether the task was ended.
const LOOK: Duration = Duration::from_millis(100);
/// Nobody waits for a text behind this much.
const MOST: usize = 16 << 20;

/// A connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

pub(super) fn resolve(host: &str) -> Vec<IpAddr> {
    (host, 0).to_socket_addrs().map(|all| all.map(|address| address.ip()).collect()).unwrap_or_default()
}

pub(super) fn connect(address: &str, timeout_ms: u64) -> io::Result<Stream> {
    if let Some(path) = address.strip_prefix("unix:") {
        return UnixStream::connect(path).map(Stream::Unix);
    }
    let end = Instant::now() + Duration::from_millis(timeout_ms.max(1));
    let left = || end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{address} has no address"));
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, left()) {
            Ok(stream) => return Ok(Stream::Tcp(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until what came is enough, or no more will come in time.
pub(super) fn hear(
    stream: &mut Stream,
    longest_ms: u64,
    enough: &mut dyn FnMut(&[u8]) -> bool,
    is_given_up: &dyn Fn() -> bool,
) -> io::Result<bool> {
    let end = Instant::now() + Duration::from_millis(longest_ms);
    let mut heard = Vec::new();
    // To look at everything again for each piece would take the longer the more there is.
    let mut seen = 0;
    let mut buffer = [0; 8 << 10];
    while heard.len() < MOST && !is_given_up() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(left.min(LOOK))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                heard.extend_from_slice(&buffer[..count]);
                let is_pause = count < buffer.len();
                if is_pause || heard.len() >= 2 * seen {
                    seen = heard.len();
                    if enough(&heard) {
                        return Ok(true);
                    }
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                // It hung up in another way.
                _ => break,
            },
        }
    }
    Ok(heard.len() > seen && enough(&heard))
}
