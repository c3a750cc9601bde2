//! A certificate authority of this server's own, made when it starts, and its certificate.

use crate::Error;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// What a server needs of TLS.
pub(crate) struct Identity {
    /// For the listener.
    pub(crate) config: Arc<rustls::ServerConfig>,
    /// What clients have to trust, as PEM.
    pub(crate) ca: String,
}

pub(crate) fn identity(node: &str) -> Result<Identity, Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "Proxmox Virtual Environment");
    let ca_certificate = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", "::1", "localhost", node].map(str::to_owned);
    let mut own = CertificateParams::new(names)?;
    own.distinguished_name.push(DnType::CommonName, node);
    own.use_authority_key_identifier_extension = true;
    let certificate = own.signed_by(&key, &Issuer::from_params(&ca, &ca_key))?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone(), ca_certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    // The original speaks no HTTP/2, which has no reason phrase, and its messages are in the reason phrase.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), ca: ca_certificate.pem() })
}
