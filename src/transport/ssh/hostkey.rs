//! Whether the host is the one that it claims to be.

use crate::transport::error::{ConnectError, plain};
use crate::transport::known_hosts::{self, KnownHosts, Marker, Verdict};
use crate::transport::ssh_config::{ConfigMistake, HostConfig, StrictHostKeyChecking};
use crate::transport::target::Settings;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};
use std::path::Path;
use std::sync::Arc;

/// Judges the keys that one host shows.
#[derive(Debug)]
pub(super) struct HostKeys {
    known: KnownHosts,
    config: HostConfig,
    settings: Settings,
    /// The name under which the key is looked for.
    name: String,
    /// The name without the port, as good as the first where that one is not found.
    plain_name: Option<String>,
    /// Keys in the wire format that no host may show, and where they are written.
    revoked: Vec<(Vec<u8>, usize)>,
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
    /// Reads the files.
    pub(super) fn new(config: &HostConfig, settings: &Settings) -> Result<Self, ConnectError> {
        let files = config.user_known_hosts.iter().chain(&config.global_known_hosts);
        let known = KnownHosts::load(files);
        for warning in &known.warnings {
            settings.warn_once(warning.clone());
        }
        if !config.passed_over.is_empty() {
            settings.warn_once(format!(
                "ssh_config sets {}, which the built-in client does not obey; ansible_connection=system_ssh does",
                config.passed_over.join(", ")
            ));
        }
        let name = match &config.host_key_alias {
            Some(alias) => alias.to_lowercase(),
            None => known_hosts::canonical_name(&config.hostname, config.port),
        };
        let port_matters = config.host_key_alias.is_none() && config.port != 22;
        let plain_name = port_matters.then(|| known_hosts::canonical_name(&config.hostname, 22));
        let revoked = config.revoked_host_keys.as_deref().map(revoked_keys).transpose()?.unwrap_or_default();
        Ok(Self { known, config: config.clone(), settings: settings.clone(), name, plain_name, revoked })
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.plain_name)
    }

    /// The algorithms to ask the host for: those of its known keys first. Otherwise a host with several keys might
    /// show another one than we know, and look like a stranger.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        // The first name that is known counts, as when the key is judged.
        let types = self
            .names()
            .map(|name| self.known.entries(name, Marker::Key).map(|entry| entry.algorithm.as_str()))
            .map(Iterator::collect::<Vec<_>>)
            .find(|types| !types.is_empty())
            .unwrap_or_default();
        let mut algorithms = ALGORITHMS.to_vec();
        algorithms.sort_by_key(|algorithm| !types.contains(&key_type(algorithm).as_str()));
        algorithms
    }

    /// Whether certificates of this host can be checked.
    pub(super) fn has_authority(&self) -> bool {
        self.names().any(|name| self.known.entries(name, Marker::Authority).next().is_some())
    }

    /// `RevokedHostKeys` has the key.
    fn check_revoked(&self, key: &PublicKey, bytes: &[u8]) -> Result<(), ConnectError> {
        let Some((_, line)) = self.revoked.iter().find(|(revoked, _)| revoked == bytes) else {
            return Ok(());
        };
        Err(ConnectError::HostKeyRevoked {
            host: self.name.clone(),
            algorithm: key_type(&key.algorithm()),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            file: self
                .config
                .revoked_host_keys
                .as_ref()
                .map(|file| file.display().to_string())
                .unwrap_or_default(),
            line: *line,
        })
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
        let mut trusted = false;
        for name in self.names() {
            for (key, bytes) in [(&authority, &bytes), (&own, &own_bytes)] {
                self.check_revoked(key, bytes)?;
                if let Err(entry) = self.known.trusts_authority(name, bytes) {
                    return Err(self.revoked(key, entry));
                }
            }
            trusted |= matches!(self.known.trusts_authority(name, &bytes), Ok(true));
        }
        if !trusted {
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
        self.check_revoked(key, &bytes)?;
        let mut verdict = self.known.judge(&self.name, &kind, &bytes);
        if let Some(plain_name) = self.plain_name.as_ref().filter(|_| matches!(verdict, Verdict::Unknown)) {
            // A key that was written down without the port is as good, as for OpenSSH.
            let other = self.known.judge(plain_name, &kind, &bytes);
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
        if file == Path::new("/dev/null") {
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

/// The keys of a file of `RevokedHostKeys`, with their lines. As for OpenSSH no host is trusted if the file cannot be read.
fn revoked_keys(file: &Path) -> Result<Vec<(Vec<u8>, usize)>, ConnectError> {
    let failed = |mistake: ConfigMistake| mistake.at(format!("RevokedHostKeys {}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(ConfigMistake::Read(Arc::new(error))))?;
    if bytes.starts_with(b"SSHKRL") {
        return Err(failed(ConfigMistake::RevocationList).into());
    }
    let text = String::from_utf8_lossy(&bytes);
    let key = |line: &str| PublicKey::from_openssh(line.trim()).ok()?.to_bytes().ok();
    Ok(text.lines().enumerate().filter_map(|(at, line)| Some((key(line)?, at + 1))).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::transport::ssh_config::{Args, Files, Machine, resolve};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn keys(known: &str, more: &str) -> Result<HostKeys, ConnectError> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("known"), known).unwrap();
        std::fs::write(at("keys"), format!("# a comment\n\n{KEY} old\n")).unwrap();
        std::fs::write(at("krl"), b"SSHKRL\n\0rest").unwrap();
        let mut args = Args::default();
        let more = more.replace("@", folder.path().to_str().unwrap());
        let text =
            format!("-o UserKnownHostsFile={} -o GlobalKnownHostsFile=none {more}", at("known").display());
        args.parse(&text, "args").unwrap();
        let config = resolve("web", &args, &Files { user: None, system: None }, &Machine::own()).unwrap();
        HostKeys::new(&config, &Settings::default())
    }

    #[test]
    fn an_authority_without_the_port_counts_for_any_port() {
        let known = format!("@cert-authority web {KEY}\n");
        assert!(keys(&known, "-p 22").unwrap().has_authority());
        assert!(keys(&known, "-p 2222").unwrap().has_authority());
        assert!(!keys(&known, "-p 2222 -o HostKeyAlias=other").unwrap().has_authority());
        assert!(!keys(&format!("@cert-authority db {KEY}\n"), "-p 2222").unwrap().has_authority());
    }

    #[test]
    fn revoked_host_keys_are_refused_though_they_are_known() {
        let known = format!("web {KEY}\n");
        let shown = PublicKey::from_openssh(KEY).unwrap();
        assert!(matches!(keys(&known, "").unwrap().check_key(&shown), Ok(Trust::Full)));
        let refused = keys(&known, "-o RevokedHostKeys=@/keys").unwrap().check_key(&shown);
        assert!(matches!(refused, Err(ConnectError::HostKeyRevoked { line: 3, .. })), "{refused:?}");
        for file in ["missing", "krl"] {
            let refused = keys(&known, &format!("-o RevokedHostKeys=@/{file}"));
            assert!(matches!(refused, Err(ConnectError::Config(_))), "{file}");
        }
    }

    #[test]
    fn what_is_not_obeyed_is_said_once() {
        let said: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
        let to = std::sync::Arc::clone(&said);
        let warn = crate::transport::Warn(std::sync::Arc::new(move |text| to.lock().unwrap().push(text)));
        let settings = Settings { warn: Some(warn), ..Settings::default() };
        let mut args = Args::default();
        args.parse("-o Ciphers=aes256-ctr -o UserKnownHostsFile=none -o GlobalKnownHostsFile=none", "args")
            .unwrap();
        for host in ["a", "b"] {
            let config = resolve(host, &args, &Files { user: None, system: None }, &Machine::own()).unwrap();
            HostKeys::new(&config, &settings.clone()).unwrap();
        }
        let said = said.lock().unwrap();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("sets Ciphers") && said[0].contains("system_ssh"), "{said:?}");
    }
}
