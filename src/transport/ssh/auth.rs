//! Logging in: the key that is meant first, so that one attempt is enough; then what else there is.

use super::Client;
use super::keys::{self, Agent, Loaded};
use crate::transport::error::ConnectError;
use crate::transport::ssh_config::{HostConfig, Machine};
use crate::transport::target::{Secret, Settings, Target};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A way to log in.
enum Attempt {
    /// The key in a file, with the certificates for it.
    File {
        path: PathBuf,
        named: bool,
    },
    /// A key whose text we were given.
    Text(Secret),
    /// All keys of the agent that were not tried.
    AgentKeys,
    Password,
    KeyboardInteractive,
}

impl Attempt {
    fn method(&self) -> MethodKind {
        match self {
            Self::File { .. } | Self::Text(_) | Self::AgentKeys => MethodKind::PublicKey,
            Self::Password => MethodKind::Password,
            Self::KeyboardInteractive => MethodKind::KeyboardInteractive,
        }
    }
}

enum Step {
    Done,
    Go(MethodSet),
    /// It could not even be tried.
    Passed,
}

pub(super) struct Login<'a> {
    pub(super) handle: &'a mut Handle<Client>,
    pub(super) config: &'a HostConfig,
    pub(super) password: Option<&'a Secret>,
    pub(super) key_passphrase: Option<&'a Secret>,
    pub(super) settings: &'a Settings,
    pub(super) machine: &'a Machine,
    /// The host's key is not the one that is known: no password is given to it.
    pub(super) distrusted: bool,
    agent: Option<Option<Agent>>,
    offered: Vec<PublicKey>,
    rsa: Option<Option<HashAlg>>,
    tried: Vec<String>,
    notes: Vec<String>,
    accepted: Option<MethodSet>,
}

impl<'a> Login<'a> {
    pub(super) fn new(
        handle: &'a mut Handle<Client>,
        config: &'a HostConfig,
        settings: &'a Settings,
        machine: &'a Machine,
        distrusted: bool,
    ) -> Self {
        Self {
            handle,
            config,
            password: None,
            key_passphrase: None,
            settings,
            machine,
            distrusted,
            agent: None,
            offered: Vec::new(),
            rsa: None,
            tried: Vec::new(),
            notes: Vec::new(),
            accepted: None,
        }
    }

    /// Logs in.
    pub(super) async fn run(mut self, target: Option<&Target>) -> Result<(), ConnectError> {
        let mut attempts = self.attempts(target);
        while let Some(at) = attempts.iter().position(|attempt| self.allows(attempt.method())) {
            let Some(attempt) = attempts.remove(at) else { break };
            match self.attempt(attempt).await {
                Ok(Step::Done) => return Ok(()),
                Ok(Step::Go(methods)) => self.accepted = Some(methods),
                Ok(Step::Passed) => {}
                Err(error) => {
                    // Most servers hang up after six attempts.
                    self.notes.push(format!("the server ended the login ({error})"));
                    break;
                }
            }
        }
        let accepted = self.accepted.iter().flat_map(|set| set.iter());
        Err(ConnectError::Auth {
            user: self.config.user.clone(),
            host: self.config.hostname.clone(),
            tried: self.tried,
            accepted: accepted.map(|method| <&'static str>::from(method).to_owned()).collect(),
            notes: self.notes,
        })
    }

    fn attempts(&mut self, target: Option<&Target>) -> VecDeque<Attempt> {
        let config = self.config;
        let mut attempts = VecDeque::new();
        if let Some(text) = target.and_then(|target| target.key_text.clone()) {
            attempts.push_back(Attempt::Text(text));
        }
        let named = !config.identity_files.is_empty();
        if named {
            let files = config.identity_files.iter().cloned();
            attempts.extend(files.map(|path| Attempt::File { path, named: true }));
        }
        let mut passwords = Vec::new();
        if self.password.is_some() && !self.distrusted {
            if config.password_authentication {
                passwords.push(Attempt::Password);
            }
            if config.kbd_interactive_authentication {
                passwords.push(Attempt::KeyboardInteractive);
            }
        }
        // Who gives a password and no key means the password.
        if !named {
            attempts.extend(passwords.drain(..));
        }
        if !config.identities_only {
            attempts.push_back(Attempt::AgentKeys);
        }
        if config.usual_identities {
            let usual = keys::usual(&self.machine.home);
            attempts.extend(usual.into_iter().map(|path| Attempt::File { path, named: false }));
        }
        attempts.extend(passwords);
        if !config.pubkey_authentication {
            attempts.retain(|attempt| attempt.method() != MethodKind::PublicKey);
        }
        if let Some(order) = &config.preferred_authentications {
            let rank = |attempt: &Attempt| {
                order.iter().position(|name| name == <&'static str>::from(&attempt.method()))
            };
            attempts.retain(|attempt| rank(attempt).is_some());
            attempts.make_contiguous().sort_by_key(rank);
        }
        attempts
    }

    fn allows(&self, method: MethodKind) -> bool {
        self.accepted.as_ref().is_none_or(|accepted| accepted.contains(&method))
    }

    async fn attempt(&mut self, attempt: Attempt) -> Result<Step, russh::Error> {
        match attempt {
            Attempt::File { path, named } => self.file(&path, named).await,
            Attempt::Text(text) => {
                let passphrase = self.key_passphrase.cloned();
                let decoded = tokio::task::spawn_blocking(move || {
                    keys::decode(text.expose(), passphrase.as_ref(), || None)
                });
                match decoded.await {
                    Ok(Loaded::Key(key)) => self.key(key, "the given key").await,
                    _ => {
                        self.notes.push("the given private key cannot be used".to_owned());
                        Ok(Step::Passed)
                    }
                }
            }
            Attempt::AgentKeys => self.agent_keys().await,
            Attempt::Password => self.with_password().await,
            Attempt::KeyboardInteractive => self.keyboard_interactive().await,
        }
    }

    async fn agent(&mut self) -> Option<&mut Agent> {
        if self.agent.is_none() {
            self.agent = Some(match &self.config.identity_agent {
                Some(socket) => Agent::connect(socket).await,
                None => None,
            });
        }
        self.agent.as_mut().and_then(Option::as_mut)
    }

    /// A key file: its certificates, then the key itself; by the agent if that has it and the file is encrypted.
    async fn file(&mut self, path: &Path, named: bool) -> Result<Step, russh::Error> {
        let public = keys::public_half(path);
        let mut loaded = self.settings.shared.key(path, self.key_passphrase).await;
        let in_agent = match (&loaded, &public) {
            (Loaded::Key(_), _) | (_, None) => false,
            (_, Some(public)) => {
                let data = public.key_data().clone();
                self.agent().await.is_some_and(|agent| agent.has(&data))
            }
        };
        if !in_agent && matches!(loaded, Loaded::Locked) {
            let prompter = self.settings.prompter.clone();
            loaded = self.settings.shared.ask(path, self.key_passphrase, prompter.as_ref()).await;
        }
        let shown = path.display().to_string();
        if !in_agent {
            match &loaded {
                Loaded::Key(_) => {}
                Loaded::Missing => {
                    if named {
                        self.notes.push(format!("{shown} does not exist"));
                    }
                    return Ok(Step::Passed);
                }
                Loaded::Locked => {
                    self.notes.push(format!(
                        "{shown} is encrypted, and there is no terminal to ask for its passphrase: load it by `ssh-add {shown}`, or set ansible_ssh_private_key_passphrase"
                    ));
                    return Ok(Step::Passed);
                }
                Loaded::Broken(reason) => {
                    self.notes.push(format!("{shown} cannot be used: {reason}"));
                    return Ok(Step::Passed);
                }
            }
        }
        let data = match (&loaded, public) {
            (Loaded::Key(key), _) => key.public_key().clone(),
            (_, Some(public)) => public,
            _ => return Ok(Step::Passed),
        };
        let mut last = Step::Passed;
        let certificates = keys::certificate_beside(path).into_iter();
        let certificates: Vec<_> =
            certificates.chain(self.config.certificate_files.iter().cloned()).collect();
        for file in certificates {
            let certificate = match keys::certificate(&file) {
                Ok(certificate) => certificate,
                Err(reason) => {
                    self.notes.push(format!("{}: {reason}", file.display()));
                    continue;
                }
            };
            if certificate.public_key() != data.key_data() {
                continue;
            }
            let key = if let Loaded::Key(key) = &loaded { Some(Arc::clone(key)) } else { None };
            last = self.certificate(key, certificate, &file.display().to_string()).await?;
            if matches!(last, Step::Done) {
                return Ok(last);
            }
        }
        if self.offered.iter().any(|offered| offered.key_data() == data.key_data()) {
            return Ok(last);
        }
        match loaded {
            Loaded::Key(key) => self.key(key, &shown).await,
            _ => self.agent_key(data, &format!("{shown} by ssh-agent")).await,
        }
    }

    /// The hash for RSA signatures. Asked for only with an RSA key: some servers make us wait for the answer.
    async fn rsa_hash(&mut self, is_rsa: bool) -> Result<Option<HashAlg>, russh::Error> {
        if !is_rsa {
            return Ok(None);
        }
        if self.rsa.is_none() {
            let best = self.handle.best_supported_rsa_hash().await?;
            // A server that says nothing may still know SHA-2; one that only knows SHA-1 says so.
            self.rsa = Some(best.unwrap_or(Some(HashAlg::Sha512)));
        }
        Ok(self.rsa.flatten())
    }

    fn step(&mut self, result: AuthResult, what: String) -> Step {
        self.tried.push(what);
        match result {
            AuthResult::Success => Step::Done,
            AuthResult::Failure { remaining_methods, partial_success } => {
                if partial_success {
                    self.notes.push("one method was accepted, and another is wanted besides".to_owned());
                }
                Step::Go(remaining_methods)
            }
        }
    }

    async fn key(&mut self, key: Arc<PrivateKey>, shown: &str) -> Result<Step, russh::Error> {
        self.offered.push(key.public_key().clone());
        let hash = self.rsa_hash(key.algorithm().is_rsa()).await?;
        let what = format!("publickey {shown}");
        let user = self.config.user.clone();
        let result = self.handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await?;
        Ok(self.step(result, what))
    }

    async fn certificate(
        &mut self,
        key: Option<Arc<PrivateKey>>,
        certificate: Certificate,
        shown: &str,
    ) -> Result<Step, russh::Error> {
        let hash = self.rsa_hash(certificate.algorithm().is_rsa()).await?;
        let what = format!("certificate {shown}");
        let user = self.config.user.clone();
        let result = match key {
            Some(key) => {
                let mut signer = FileSigner(key);
                self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer).await
            }
            None => {
                let Some(Some(agent)) = &mut self.agent else { return Ok(Step::Passed) };
                let mut signer = AgentSigner { agent, plain: true };
                self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer).await
            }
        };
        match result {
            Ok(result) => Ok(self.step(result, what)),
            Err(error) => {
                self.notes.push(format!("{shown}: no signature ({error})"));
                Ok(Step::Passed)
            }
        }
    }

    async fn agent_key(&mut self, key: PublicKey, shown: &str) -> Result<Step, russh::Error> {
        self.offered.push(key.clone());
        let hash = self.rsa_hash(key.algorithm().is_rsa()).await?;
        let Some(Some(agent)) = &mut self.agent else { return Ok(Step::Passed) };
        let user = self.config.user.clone();
        let mut signer = AgentSigner { agent, plain: false };
        match self.handle.authenticate_publickey_with(user, key, hash, &mut signer).await {
            Ok(result) => Ok(self.step(result, format!("publickey {shown}"))),
            Err(error) => {
                self.notes.push(format!("{shown}: the ssh-agent did not sign ({error})"));
                Ok(Step::Passed)
            }
        }
    }

    async fn agent_keys(&mut self) -> Result<Step, russh::Error> {
        let Some(agent) = self.agent().await else { return Ok(Step::Passed) };
        let identities = agent.identities.clone();
        let mut last = Step::Passed;
        for identity in identities {
            last = match identity {
                AgentIdentity::Certificate { certificate, comment } => {
                    let hash = self.rsa_hash(certificate.algorithm().is_rsa()).await?;
                    let Some(Some(agent)) = &mut self.agent else { return Ok(Step::Passed) };
                    let user = self.config.user.clone();
                    let mut signer = AgentSigner { agent, plain: false };
                    let result =
                        self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer).await;
                    match result {
                        Ok(result) => self.step(result, format!("certificate {comment} by ssh-agent")),
                        Err(_) => continue,
                    }
                }
                AgentIdentity::PublicKey { key, comment } => {
                    if self.offered.iter().any(|offered| offered.key_data() == key.key_data()) {
                        continue;
                    }
                    self.agent_key(key, &format!("{comment} by ssh-agent")).await?
                }
            };
            match &last {
                Step::Done => return Ok(last),
                Step::Go(methods) if !methods.contains(&MethodKind::PublicKey) => return Ok(last),
                _ => {}
            }
        }
        Ok(last)
    }

    async fn with_password(&mut self) -> Result<Step, russh::Error> {
        let Some(password) = self.password else { return Ok(Step::Passed) };
        let user = self.config.user.clone();
        let result = self.handle.authenticate_password(user, password.expose()).await?;
        Ok(self.step(result, "password".to_owned()))
    }

    /// Answers questions that are not echoed with the password, once.
    async fn keyboard_interactive(&mut self) -> Result<Step, russh::Error> {
        let Some(password) = self.password else { return Ok(Step::Passed) };
        let user = self.config.user.clone();
        let mut answer = self.handle.authenticate_keyboard_interactive_start(user, None::<String>).await?;
        let mut given = false;
        // PAM may have several rounds, most of them empty.
        for _ in 0..8 {
            let prompts = match answer {
                KeyboardInteractiveAuthResponse::Success => {
                    return Ok(self.step(AuthResult::Success, "keyboard-interactive".to_owned()));
                }
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    return Ok(self.step(result, "keyboard-interactive".to_owned()));
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let again = given && prompts.iter().any(|prompt| !prompt.echo);
            let responses = prompts.iter().map(|prompt| {
                if prompt.echo || again {
                    return String::new();
                }
                given = true;
                password.expose().to_owned()
            });
            let responses: Vec<String> = responses.collect();
            if again {
                self.notes.push("the server asks for more than the password".to_owned());
            }
            answer = self.handle.authenticate_keyboard_interactive_respond(responses).await?;
        }
        self.tried.push("keyboard-interactive".to_owned());
        Ok(Step::Passed)
    }
}

/// Signs with a key of ours, for certificates: there the library would sign RSA with SHA-1.
struct FileSigner(Arc<PrivateKey>);

impl russh::Signer for FileSigner {
    type Error = russh::AgentAuthError;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, russh::AgentAuthError> {
        use russh::keys::signature::Signer as _;
        let signature = match self.0.key_data() {
            KeypairData::Rsa(rsa) => (rsa, hash).try_sign(&data),
            _ => (*self.0).try_sign(&data),
        };
        let signature = signature.map_err(|_| russh::keys::Error::InvalidSignature)?;
        let mut encoded = Vec::new();
        signature.encode(&mut encoded).map_err(russh::keys::Error::from)?;
        encoded.encode(&mut data).map_err(russh::keys::Error::from)?;
        Ok(data)
    }
}

/// Lets an ssh-agent sign. `plain`: it holds the key without the certificate that we show.
struct AgentSigner<'a> {
    agent: &'a mut Agent,
    plain: bool,
}

impl russh::Signer for AgentSigner<'_> {
    type Error = russh::AgentAuthError;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, russh::AgentAuthError> {
        let bare;
        let key = match key {
            AgentIdentity::Certificate { certificate, comment } if self.plain => {
                let public = PublicKey::new(certificate.public_key().clone(), "");
                bare = AgentIdentity::PublicKey { key: public, comment: comment.clone() };
                &bare
            }
            other => other,
        };
        russh::Signer::auth_sign(&mut self.agent.client, key, hash, data).await
    }
}
