//! A very small HTTP client that can choose the address it comes from, to look at deployed services as an
//! internal or an external client would.

use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A client: which server it asks, from which address, and how.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    server: SocketAddrV4,
    from: Option<Ipv4Addr>,
    tls: bool,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines as they came.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// A client that speaks plain HTTP.
    pub fn http(server: Ipv4Addr, port: u16) -> Self {
        Self { server: SocketAddrV4::new(server, port), from: None, tls: false }
    }

    /// A client that speaks HTTPS and takes any certificate: a throwaway host has no trusted one.
    pub fn https(server: Ipv4Addr, port: u16) -> Self {
        Self { tls: true, ..Self::http(server, port) }
    }

    /// Lets it come from a certain address of this machine.
    pub fn coming_from(self, address: Ipv4Addr) -> Self {
        Self { from: Some(address), ..self }
    }

    /// Asks for a path of a site, with further headers. Redirects are not followed.
    pub fn get(&self, site: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        let url = format!("{}://{}{path}", if self.tls { "https" } else { "http" }, self.server);
        let bad = |reason: String| Error::Http { url: url.clone(), reason };
        let mut request =
            format!("GET {path} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\nAccept: */*\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let answer = self.exchange(site, request.as_bytes()).map_err(|e| bad(e.to_string()))?;
        parse(&answer).ok_or_else(|| bad("the answer is not HTTP".to_owned()))
    }

    fn exchange(&self, site: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect()?;
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        let mut answer = Vec::new();
        if !self.tls {
            stream.write_all(request)?;
            stream.read_to_end(&mut answer)?;
            return Ok(answer);
        }
        let name = ServerName::try_from(site.to_owned()).map_err(std::io::Error::other)?;
        let session = rustls::ClientConnection::new(tls_settings()?, name).map_err(std::io::Error::other)?;
        let mut stream = rustls::StreamOwned::new(session, stream);
        stream.write_all(request)?;
        match stream.read_to_end(&mut answer) {
            // Many servers end without saying goodbye.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof && !answer.is_empty() => Ok(answer),
            other => other.map(|_| answer),
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let Some(from) = self.from else { return TcpStream::connect(self.server) };
        let fd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&fd, &SocketAddrV4::new(from, 0))?;
        connect(&fd, &self.server)?;
        Ok(TcpStream::from(fd))
    }
}

fn tls_settings() -> std::io::Result<Arc<rustls::ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(Arc::new(settings))
}

/// Takes any certificate, but still checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        .collect();
    let body = &answer[end + 4..];
    let chunked = headers
        .iter()
        .any(|(n, v)| n.eq_ignore_ascii_case("transfer-encoding") && v.eq_ignore_ascii_case("chunked"));
    let body = if chunked { dechunk(body)? } else { body.to_vec() };
    Some(Response { status, headers, body })
}

fn dechunk(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = data.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&data[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = end + 2;
        body.extend_from_slice(data.get(start..start + size)?);
        data = data.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_a_plain_and_a_chunked_answer() {
        let plain = parse(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\nno").unwrap();
        assert_eq!(
            (plain.status, plain.header("www-authenticate"), plain.text().as_str()),
            (401, Some("Basic"), "no")
        );
        let chunked =
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n")
                .unwrap();
        assert_eq!(chunked.text(), "abcde");
        assert!(parse(b"nonsense").is_none());
    }
}
