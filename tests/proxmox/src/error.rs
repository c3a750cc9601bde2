//! Why a server could not be started.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate.
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The settings of TLS.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The listener, its thread, or the file with the certificate.
    #[error("the server cannot be started: {0}")]
    Io(#[from] std::io::Error),
}
