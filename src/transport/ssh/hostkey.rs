//! Whether the host is the one that it claims to be.

use crate::transport::error::{ConnectError, plain};
use crate::transport::known_hosts::{self, KnownHosts, Marker, Verdict};
use crate::transport::ssh_config::{HostConfig, StrictHostKeyChecking};
use crate::transport::target::Settings;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};

/// Judges the keys that one host shows.
#[derive(Debug)]
pub(super) struct HostKeys {
    known: KnownHosts,
    config: HostConfig,
    settings: Settings,
    /// The name under which the key is looked for.
    name: String,
}

/// What a host's key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Full,
    /// The key is not the known one, and the user wants to go on: but no password may be sent.
    NoPasswords,
}

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// The key type of an algorithm, as known_hosts has it.
fn key_type(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.as_str().to_owned(),
    }
}

impl HostKeys {
    pub(super) fn new(config: &HostConfig, settings: &Settings) -> Self {
        let files = config.user_known_hosts.iter().chain(&config.global_known_hosts);
        let known = KnownHosts::load(files);
        for warning in &known.warnings {
            settings.warn(warning.clone());
        }
        let name = match &config.host_key_alias {
            Some(alias) => alias.to_lowercase(),
            None => known_hosts::canonical_name(&config.hostname, config.port),
        };
        Self { known, config: config.clone(), settings: settings.clone(), name }
    }

    /// The algorithms to ask the host for: those of its known keys first. Otherwise a host with several keys might
    /// show another one than we know, and look like a stranger.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let types: Vec<&str> =
            self.known.entries(&self.name, Marker::Key).map(|entry| entry.algorithm.as_str()).collect();
        let mut algorithms = ALGORITHMS.to_vec();
        algorithms.sort_by_key(|algorithm| !types.contains(&key_type(algorithm).as_str()));
        algorithms
    }

    /// Whether certificates of this host can be checked.
    pub(super) fn has_authority(&self) -> bool {
        self.known.entries(&self.name, Marker::Authority).next().is_some()
    }

    pub(super) fn check(&self, shown: &PublicKeyOrCertificate) -> Result<Trust, ConnectError> {
        if let PublicKeyOrCertificate::Certificate(certificate) = shown
            && self.check_certificate(certificate)?
        {
            return Ok(Trust::Full);
        }
        self.check_key(&shown.public_key())
    }

    /// `false` if its authority is none of ours: then the key in it may still be known.
    fn check_certificate(&self, certificate: &Certificate) -> Result<bool, ConnectError> {
        let bad = |reason: String| ConnectError::HostCertificate { host: self.name.clone(), reason };
        let authority = PublicKey::new(certificate.signature_key().clone(), "");
        let bytes = authority.to_bytes().map_err(|error| bad(error.to_string()))?;
        let own = PublicKey::new(certificate.public_key().clone(), "");
        let own_bytes = own.to_bytes().map_err(|error| bad(error.to_string()))?;
        for (key, bytes) in [(&authority, &bytes), (&own, &own_bytes)] {
            if let Err(entry) = self.known.trusts_authority(&self.name, bytes) {
                return Err(self.revoked(key, entry));
            }
        }
        if !matches!(self.known.trusts_authority(&self.name, &bytes), Ok(true)) {
            return Ok(false);
        }
        if certificate.cert_type() != CertType::Host {
            return Err(bad("it is a user's, not a host's".to_owned()));
        }
        let fingerprint = authority.fingerprint(HashAlg::Sha256);
        certificate
            .validate([&fingerprint])
            .map_err(|_| bad("its signature is wrong, or it has expired or is not valid yet".to_owned()))?;
        if !certificate.critical_options().is_empty() {
            return Err(bad("it has a critical option that is not known".to_owned()));
        }
        let host = self.config.host_key_alias.as_ref().unwrap_or(&self.config.hostname);
        let names = certificate.valid_principals();
        if !names.is_empty() && !names.iter().any(|name| known_hosts::principal_matches(name, host)) {
            return Err(bad(format!("it is for {}", names.join(", "))));
        }
        Ok(true)
    }

    fn check_key(&self, key: &PublicKey) -> Result<Trust, ConnectError> {
        let kind = key_type(&key.algorithm());
        let bytes = key.to_bytes().map_err(|error| ConnectError::Handshake {
            address: self.name.clone(),
            reason: format!("its host key makes no sense: {error}"),
        })?;
        let mut verdict = self.known.judge(&self.name, &kind, &bytes);
        let port_matters = self.config.host_key_alias.is_none() && self.config.port != 22;
        if matches!(verdict, Verdict::Unknown) && port_matters {
            // A key that was written down without the port is as good, as for OpenSSH.
            let plain_name = known_hosts::canonical_name(&self.config.hostname, 22);
            let other = self.known.judge(&plain_name, &kind, &bytes);
            if matches!(other, Verdict::Known | Verdict::Revoked(_)) {
                verdict = other;
            }
        }
        let fingerprint = || key.fingerprint(HashAlg::Sha256).to_string();
        match verdict {
            Verdict::Known => Ok(Trust::Full),
            Verdict::Revoked(entry) => Err(self.revoked(key, entry)),
            Verdict::Changed(entry) => {
                let error = ConnectError::HostKeyChanged {
                    host: self.name.clone(),
                    algorithm: kind,
                    fingerprint: fingerprint(),
                    file: entry.file.display().to_string(),
                    line: entry.line,
                };
                if self.config.strict != StrictHostKeyChecking::No {
                    return Err(error);
                }
                self.settings.warn(format!("{error}; going on because host key checking is off"));
                Ok(Trust::NoPasswords)
            }
            Verdict::Unknown => {
                if matches!(self.config.strict, StrictHostKeyChecking::Yes | StrictHostKeyChecking::Ask) {
                    return Err(ConnectError::HostKeyUnknown {
                        host: self.name.clone(),
                        algorithm: kind,
                        fingerprint: fingerprint(),
                        files: self.config.user_known_hosts.clone(),
                    });
                }
                self.write_down(&kind, &bytes);
                Ok(Trust::Full)
            }
        }
    }

    fn write_down(&self, kind: &str, bytes: &[u8]) {
        let Some(file) = self.config.user_known_hosts.first() else { return };
        if file == std::path::Path::new("/dev/null") {
            return;
        }
        let hashed = self.config.hash_known_hosts;
        if let Err(error) = known_hosts::append(file, &self.name, kind, bytes, hashed) {
            self.settings.warn(format!(
                "the host key of {} cannot be written to {}: {}",
                self.name,
                file.display(),
                plain(&error)
            ));
        }
    }

    fn revoked(&self, key: &PublicKey, entry: &known_hosts::Entry) -> ConnectError {
        ConnectError::HostKeyRevoked {
            host: self.name.clone(),
            algorithm: key_type(&key.algorithm()),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            file: entry.file.display().to_string(),
            line: entry.line,
        }
    }
}
