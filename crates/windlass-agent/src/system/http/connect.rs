//! The connection: straight, by a proxy, or to a socket; with TLS or without.

use super::tls::{self, TlsStream};
use super::url::Url;
use super::wire::{self, broken};
use super::{HttpError, auth};
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use windlass_protocol::http::HttpRequest;

/// A connection.
pub(super) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Either kind of socket. Reading wakes up now and then to see whether the request was given up.
pub(super) struct Socket<'a> {
    kind: Kind,
    timeout: Duration,
    stopped: &'a dyn Fn() -> bool,
}

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// How long a read waits before it looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(250);

impl<'a> Socket<'a> {
    fn new(kind: Kind, timeout: Duration, stopped: &'a dyn Fn() -> bool) -> io::Result<Self> {
        let tick = Some(TICK.min(timeout));
        match &kind {
            Kind::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(tick)?;
                stream.set_write_timeout(tick)?;
            }
            Kind::Unix(stream) => {
                stream.set_read_timeout(tick)?;
                stream.set_write_timeout(tick)?;
            }
        }
        Ok(Self { kind, timeout, stopped })
    }

    fn patient(&mut self, mut act: impl FnMut(&mut Kind) -> io::Result<usize>) -> io::Result<usize> {
        let end = Instant::now() + self.timeout;
        loop {
            match act(&mut self.kind) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if (self.stopped)() {
                        return Err(io::Error::other(HttpError::Cancelled));
                    }
                    if Instant::now() >= end {
                        return Err(io::Error::from(io::ErrorKind::TimedOut));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patient(|kind| match kind {
            Kind::Tcp(stream) => stream.read(buffer),
            Kind::Unix(stream) => stream.read(buffer),
        })
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.patient(|kind| match kind {
            Kind::Tcp(stream) => stream.write(buffer),
            Kind::Unix(stream) => stream.write(buffer),
        })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An open connection, and how to write the target of a request on it.
pub(super) struct Connection<'a> {
    pub(super) stream: BufReader<Box<dyn Stream + 'a>>,
    /// The proxy wants the whole address in the request line.
    pub(super) whole_address: bool,
    /// Credentials for the proxy, where it is asked without a tunnel.
    pub(super) proxy_authorization: Option<String>,
}

/// Connects for a request to that address.
pub(super) fn open<'a>(
    request: &HttpRequest,
    url: &Url,
    stopped: &'a dyn Fn() -> bool,
) -> Result<Connection<'a>, HttpError> {
    let timeout = Duration::from_millis(request.timeout_ms.max(1));
    if let Some(path) = &request.unix_socket {
        let failed = |error: io::Error| HttpError::Connect { to: path.clone(), error: error.into() };
        let socket = UnixStream::connect(path).map_err(failed)?;
        let socket = Socket::new(Kind::Unix(socket), timeout, stopped).map_err(failed)?;
        return finish(request, url, socket, false, None);
    }
    let Some(proxy) = proxy_for(request, url)? else {
        return finish(request, url, tcp(&url.host, url.port, timeout, stopped)?, false, None);
    };
    let mut socket = tcp(&proxy.host, proxy.port, timeout, stopped)?;
    let authorization = proxy.credentials.as_ref().map(|(user, password)| auth::basic(user, password));
    if !url.secure {
        return finish(request, url, socket, true, authorization);
    }
    let place = format!("{}:{}", url.bracketed(), url.port);
    let mut headers = vec![("Host".to_owned(), place.clone())];
    headers.extend(authorization.map(|value| ("Proxy-Authorization".to_owned(), value)));
    wire::write_head(&mut socket, "CONNECT", &place, &headers)?;
    // Byte by byte: what follows the head belongs to TLS.
    let head = wire::read_head(&mut BufReader::with_capacity(1, &mut socket))?;
    if head.status / 100 != 2 {
        return Err(HttpError::Tunnel(format!("{} {}", head.status, head.reason)));
    }
    finish(request, url, socket, false, None)
}

fn finish<'a>(
    request: &HttpRequest,
    url: &Url,
    socket: Socket<'a>,
    whole_address: bool,
    proxy_authorization: Option<String>,
) -> Result<Connection<'a>, HttpError> {
    let stream: Box<dyn Stream + 'a> = if url.secure {
        let session = tls::session(request, &url.host)?;
        Box::new(
            TlsStream::handshake(session, socket, &url.host)
                .map_err(|e| tls::refine(e, request, &url.host))?,
        )
    } else {
        Box::new(socket)
    };
    Ok(Connection { stream: BufReader::with_capacity(16 << 10, stream), whole_address, proxy_authorization })
}

fn tcp<'a>(
    host: &str,
    port: u16,
    timeout: Duration,
    stopped: &'a dyn Fn() -> bool,
) -> Result<Socket<'a>, HttpError> {
    let candidates = (host, port).to_socket_addrs().map_err(|_| HttpError::Name { host: host.to_owned() })?;
    let end = Instant::now() + timeout;
    let mut last = None;
    for candidate in candidates {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HttpError::TimedOut { connecting: true });
        }
        match TcpStream::connect_timeout(&candidate, left) {
            Ok(stream) => return Socket::new(Kind::Tcp(stream), timeout, stopped).map_err(broken),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                last = Some(HttpError::TimedOut { connecting: true });
            }
            Err(error) => {
                last = Some(HttpError::Connect { to: format!("{host}:{port}"), error: error.into() })
            }
        }
        if stopped() {
            return Err(HttpError::Cancelled);
        }
    }
    Err(last.unwrap_or_else(|| HttpError::Name { host: host.to_owned() }))
}

/// The proxy for an address, by the variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`.
fn proxy_for(request: &HttpRequest, url: &Url) -> Result<Option<Url>, HttpError> {
    if !request.use_proxy {
        return Ok(None);
    }
    let variable =
        |name: &str| request.variable(name).or_else(|| request.variable(&name.to_ascii_uppercase()));
    if variable("no_proxy").is_some_and(|list| is_exempt(list, &url.host, url.port)) {
        return Ok(None);
    }
    let name = if url.secure { "https_proxy" } else { "http_proxy" };
    let Some(text) = variable(name).or_else(|| variable("all_proxy")) else { return Ok(None) };
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let proxy = Url::parse(&text)?;
    if proxy.secure {
        return Err(HttpError::Request(format!("the proxy of {name} has to be one of http://, without TLS")));
    }
    Ok(Some(proxy))
}

/// Whether a host is in a list such as `localhost,.example.org,10.0.0.1:8080`.
fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    if list.trim() == "*" {
        return true;
    }
    let with_port = format!("{host}:{port}");
    list.split(',').map(|name| name.trim().trim_start_matches('.').to_ascii_lowercase()).any(|name| {
        let fits = |whole: &str| whole == name || whole.ends_with(&format!(".{name}"));
        !name.is_empty() && (fits(host) || fits(&with_port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_from_the_proxy() {
        let list = "localhost, .Example.org,10.0.0.1:8080";
        assert!(
            is_exempt(list, "localhost", 80)
                && is_exempt(list, "a.example.org", 1)
                && is_exempt(list, "example.org", 1)
        );
        assert!(is_exempt(list, "10.0.0.1", 8080) && !is_exempt(list, "10.0.0.1", 80));
        assert!(!is_exempt(list, "notexample.org", 1) && is_exempt("*", "x", 1) && !is_exempt("", "x", 1));
    }
}
