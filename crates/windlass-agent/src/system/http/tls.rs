//! TLS with certificates checked against the machine's own store.
//!
//! The cryptography is all Rust and runs on every processor, so that the agent needs no C compiler to be built
//! and nothing of the target to run.

use super::connect::Socket;
use super::wire::broken;
use super::{HttpError, certificate};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_protocol::http::HttpRequest;

/// Where systems keep the certificates that they trust, in one file.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/share/ssl/certs/ca-bundle.crt",
];
/// Where they keep them one by one.
const FOLDER: &str = "/etc/ssl/certs";

/// A session that is about to begin.
pub(super) fn session(request: &HttpRequest, host: &str) -> Result<ClientConnection, HttpError> {
    let provider = Arc::new(rustls_rustcrypto::provider());
    let chains =
        if request.insecure { None } else { Some(Chains::new(trusted(request)?, Arc::clone(&provider))?) };
    let verifier = Arc::new(Verifier { chains, provider: Arc::clone(&provider) });
    let tls = |error: rustls::Error| HttpError::Tls(error.to_string());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &request.client_cert {
        Some(path) => {
            let (chain, key) = client_certificate(path, request.client_key.as_deref())?;
            builder.with_client_auth_cert(chain, key).map_err(tls)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| HttpError::Tls(format!("'{host}' is no name that a certificate could have")))?;
    ClientConnection::new(Arc::new(config), name).map_err(tls)
}

/// The certificates that are trusted: those of the task, of the environment, or of the system.
fn trusted(request: &HttpRequest) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    if let Some(path) = &request.ca_path {
        let missing = |e| HttpError::Trust(format!("ca_path {path} cannot be read: {e}"));
        let found = if Path::new(path).is_dir() {
            in_folder(Path::new(path))
        } else {
            in_file(Path::new(path)).map_err(missing)?
        };
        if found.is_empty() {
            return Err(HttpError::Trust(format!("there is no certificate in PEM form in ca_path {path}")));
        }
        return Ok(found);
    }
    let file = request.variable("SSL_CERT_FILE").map(PathBuf::from);
    let folder = request.variable("SSL_CERT_DIR").map(PathBuf::from);
    if file.is_none() && folder.is_none() {
        let bundles = BUNDLES.iter().filter_map(|path| in_file(Path::new(path)).ok());
        let found = bundles
            .into_iter()
            .find(|found| !found.is_empty())
            .unwrap_or_else(|| in_folder(Path::new(FOLDER)));
        return Ok(found);
    }
    let mut found = file.and_then(|path| in_file(&path).ok()).unwrap_or_default();
    found.extend(folder.iter().flat_map(|path| in_folder(path)));
    Ok(found)
}

fn in_file(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let bytes = std::fs::read(path)?;
    // One bad certificate among many does not spoil the others.
    Ok(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect())
}

fn in_folder(path: &Path) -> Vec<CertificateDer<'static>> {
    let entries =
        std::fs::read_dir(path).map(|entries| entries.flatten().map(|e| e.path()).collect::<Vec<_>>());
    let files = entries.unwrap_or_default().into_iter().filter(|p| p.is_file());
    files.filter_map(|p| in_file(&p).ok()).flatten().collect()
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_certificate(path: &str, key: Option<&str>) -> Result<Identity, HttpError> {
    let read = |what: &str, path: &str| {
        std::fs::read(path).map_err(|e| HttpError::Trust(format!("{what} {path} cannot be read: {e}")))
    };
    let bytes = read("client_cert", path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    if chain.is_empty() {
        return Err(HttpError::Trust(format!("there is no certificate in PEM form in client_cert {path}")));
    }
    let (key_path, key_bytes) = match key {
        Some(path) => (path, read("client_key", path)?),
        None => (path, bytes),
    };
    let key = PrivateKeyDer::from_pem_slice(&key_bytes)
        .map_err(|e| HttpError::Trust(format!("there is no private key in PEM form in {key_path}: {e}")))?;
    Ok((chain, key))
}

/// Checks certificates as OpenSSL does: by a chain to a trusted one, and a server's own certificate also when it is itself among
/// the trusted ones.
#[derive(Debug)]
struct Chains {
    /// `None` if nothing is trusted.
    chain: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Chains {
    fn new(trusted: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, HttpError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted.iter().cloned());
        let chain = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            Some(builder.build().map_err(|e| HttpError::Tls(e.to_string()))?)
        };
        Ok(Self { chain, trusted })
    }

    fn pinned(
        &self,
        end_entity: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        let summary = certificate::read(end_entity).ok_or(CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > summary.not_after {
            return Err(CertificateError::Expired.into());
        }
        if now < summary.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.trusted.iter().any(|known| known.as_ref() == end_entity.as_ref()) {
            return self.pinned(end_entity, server_name, now);
        }
        let result = match &self.chain {
            Some(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        // A certificate that signs itself and others is refused for its kind first; that nobody trusts it says more.
        result.map_err(|error| match certificate::read(end_entity) {
            Some(summary) if summary.self_issued && !is_about_name_or_time(&error) => SelfSigned::error(),
            _ => error,
        })
    }
}

/// What rustls asks about a server's certificate.
#[derive(Debug)]
struct Verifier {
    /// `None` with `validate_certs: false`.
    chains: Option<Chains>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.chains {
            Some(chains) => chains.verify(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_about_name_or_time(error: &rustls::Error) -> bool {
    use CertificateError as E;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. }
        )
    )
}

/// The server signed its certificate itself, and it is not among the trusted ones.
#[derive(Debug, thiserror::Error)]
#[error("self-signed certificate")]
struct SelfSigned;

impl SelfSigned {
    fn error() -> rustls::Error {
        CertificateError::Other(rustls::OtherError(Arc::new(Self))).into()
    }
}

/// An encrypted connection.
pub(super) struct TlsStream<'a>(rustls::StreamOwned<ClientConnection, Socket<'a>>);

impl<'a> TlsStream<'a> {
    pub(super) fn handshake(
        mut session: ClientConnection,
        mut socket: Socket<'a>,
        host: &str,
    ) -> Result<Self, HttpError> {
        while session.is_handshaking() {
            session.complete_io(&mut socket).map_err(|error| failed(error, host))?;
        }
        Ok(Self(rustls::StreamOwned::new(session, socket)))
    }
}

impl Read for TlsStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            // Many servers close without saying so; a body of known length still notices.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        }
    }
}

impl Write for TlsStream<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn failed(error: io::Error, host: &str) -> HttpError {
    match error.downcast::<rustls::Error>() {
        Ok(rustls::Error::InvalidCertificate(reason)) => certificate_error(&reason, host),
        Ok(other) => HttpError::Tls(other.to_string()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            HttpError::Tls(format!("{host} closed the connection before the encryption was agreed on"))
        }
        Err(error) => broken(error),
    }
}

fn certificate_error(reason: &CertificateError, host: &str) -> HttpError {
    use CertificateError as E;
    const TRUST: &str = "put the issuer's certificate into the target's store (/usr/local/share/ca-certificates and \
                         update-ca-certificates on Debian), or name its file with ca_path; validate_certs: false accepts any certificate";
    let (reason, hint) = match reason {
        E::Expired | E::ExpiredContext { .. } => (
            "certificate has expired".to_owned(),
            "renew the server's certificate, or look at the clock of the target",
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            ("certificate is not yet valid".to_owned(), "look at the clock of the target")
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            let kind = if host.parse::<std::net::IpAddr>().is_ok() { "IP address" } else { "Hostname" };
            let text = format!("{kind} mismatch, certificate is not valid for '{host}'.");
            (text, "use a name that the certificate has")
        }
        E::UnknownIssuer => ("unable to get local issuer certificate".to_owned(), TRUST),
        E::Other(other) if other.0.downcast_ref::<SelfSigned>().is_some() => {
            ("self-signed certificate".to_owned(), TRUST)
        }
        E::Revoked => ("certificate revoked".to_owned(), "renew the server's certificate"),
        other => (other.to_string(), TRUST),
    };
    HttpError::Certificate { reason, hint: hint.to_owned() }
}

/// Adds what the failure may come from, where the target itself lacks something.
pub(super) fn refine(error: HttpError, request: &HttpRequest, host: &str) -> HttpError {
    match error {
        HttpError::Certificate { reason, .. }
            if request.ca_path.is_none() && trusted(request).is_ok_and(|found| found.is_empty()) =>
        {
            let hint = format!(
                "the target trusts no certificates at all: install ca-certificates there, or give the one of {host} with ca_path"
            );
            HttpError::Certificate { reason, hint }
        }
        other => other,
    }
}
