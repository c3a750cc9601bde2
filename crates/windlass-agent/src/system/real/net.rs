//! Connecting to a port or socket, to see whether something listens.

use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub(super) fn connect(address: &str, timeout_ms: u64, read: usize) -> io::Result<Vec<u8>> {
    let end = Instant::now() + Duration::from_millis(timeout_ms.max(1));
    let left = || end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    if let Some(path) = address.strip_prefix("unix:") {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(left()))?;
        return first_bytes(&mut stream, read);
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{address} has no address"));
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, left()) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(left()))?;
                return first_bytes(&mut stream, read);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What the other side sends first, at most `wanted` bytes; nothing if it is silent until the timeout.
fn first_bytes(stream: &mut dyn Read, wanted: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; wanted.min(1 << 20)];
    if buffer.is_empty() {
        return Ok(buffer);
    }
    let count = match stream.read(&mut buffer) {
        Ok(count) => count,
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => 0,
        Err(error) => return Err(error),
    };
    buffer.truncate(count);
    Ok(buffer)
}
