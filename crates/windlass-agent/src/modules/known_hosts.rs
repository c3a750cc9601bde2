//! `known_hosts`: keys of hosts, by which ssh recognizes them. Names may be hashed.

use super::rewrite::Rewrite;
use crate::paths::behind_link;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::path::Path;
use windlass_protocol::modules::known_hosts::KnownHostsArgs;
use windlass_protocol::modules::user::AccountState;
use windlass_protocol::{Diff, FileAttrs, Json, Op, What};

/// The module.
pub struct KnownHosts;

/// The parts of a line that make it a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// `@cert-authority` or `@revoked`.
    marker: Option<String>,
    hosts: String,
    kind: String,
    key: String,
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|w| w.starts_with('@')).map(str::to_owned);
        let (hosts, kind, key) = (words.next()?, words.next()?, words.next()?);
        Some(Self { marker, hosts: hosts.into(), kind: kind.into(), key: key.into() })
    }

    /// Whether it is about the host, by name, pattern or hash.
    fn names(&self, host: &str) -> bool {
        if let Some(hash) = self.hosts.strip_prefix("|1|") {
            let Some((salt, wanted)) = hash.split_once('|') else { return false };
            let (Ok(salt), Ok(wanted)) = (STANDARD.decode(salt), STANDARD.decode(wanted)) else {
                return false;
            };
            return hmac_sha1(&salt, host.as_bytes())[..] == wanted[..];
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            let (negated, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, pattern),
            };
            if wildcard(&pattern.to_lowercase(), host) {
                if negated {
                    return false;
                }
                found = true;
            }
        }
        found
    }
}

/// `*` and `?`; brackets are those of `[host]:port`.
fn wildcard(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            let mut tails = text.char_indices().map(|(at, _)| &text[at..]).chain([""]);
            tails.any(|tail| wildcard(rest, tail))
        }
        (Some('?'), Some(c)) => wildcard(&pattern[1..], &text[c.len_utf8()..]),
        (Some(p), Some(c)) if p == c => wildcard(&pattern[p.len_utf8()..], &text[c.len_utf8()..]),
        _ => false,
    }
}

fn hmac_sha1(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha1::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha1::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

/// The host's name as a salted hash.
fn hashed(host: &str, key: &str, sys: &dyn Observe) -> String {
    // The salt only has to differ from host to host.
    let seed = format!("{host}\n{key}\n{:?}\n{}", sys.now(), std::process::id());
    let seed = blake3::hash(seed.as_bytes());
    let salt = &seed.as_bytes()[..20];
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hmac_sha1(salt, host.as_bytes())))
}

impl Module for KnownHosts {
    type Args = KnownHostsArgs;

    fn plan(args: &KnownHostsArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let host = args.name.to_lowercase();
        let present = args.state == AccountState::Present;
        let given = args.key.as_deref().map(str::trim).filter(|k| !k.is_empty());
        if present && given.is_none() {
            return Err(ModuleError::new("No key specified when adding a host"));
        }
        if given.is_some() && host.contains(',') {
            return Err(ModuleError::new(
                "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file.",
            ));
        }
        let mut wanted = None;
        if let Some(line) = given {
            let unfit =
                || ModuleError::new("Host parameter does not match hashed host field in supplied key");
            let mut entry =
                Entry::parse(line).filter(|e| args.hash_host || e.names(&host)).ok_or_else(unfit)?;
            let mut line = line.to_owned();
            if args.hash_host {
                let name = hashed(&host, &entry.key, sys);
                line = line.replacen(&entry.hosts, &name, 1);
                entry.hosts = name;
            }
            wanted = Some((entry, line));
        }
        let path = args.path.to_string();
        let before = match sys.stat(Path::new(&path))? {
            Some(_) => Some(crate::text::decode(&sys.read(Path::new(&path))?)),
            None => None,
        };
        let mut plan = Plan::default();
        if !cx.check {
            plan.set("name", args.name.as_str());
            plan.set("path", path.as_str());
            plan.set("state", args.state.as_str());
            plan.set("hash_host", args.hash_host);
            plan.set("key", args.key.clone().map_or(Json::Null, Json::String));
        }
        let mut lines: Vec<&str> = before.as_deref().unwrap_or("").lines().collect();
        let count = lines.len();
        let about = |line: &str| Entry::parse(line).filter(|e| e.names(&host));
        match &wanted {
            None => lines.retain(|line| about(line).is_none()),
            Some((entry, text)) => {
                let same = |found: &Entry| {
                    let hosts = found.hosts == entry.hosts
                        || (found.hosts.starts_with("|1|") && entry.hosts.starts_with("|1|"));
                    hosts
                        && found.marker == entry.marker
                        && found.kind == entry.kind
                        && found.key == entry.key
                };
                let exact = lines.iter().position(|l| about(l).is_some_and(|f| same(&f)));
                let other = lines
                    .iter()
                    .position(|l| about(l).is_some_and(|f| f.marker.is_none() && f.kind == entry.kind));
                match (present, exact, other) {
                    (true, Some(_), _) => return Ok(plan),
                    (true, None, other) => {
                        if let Some(at) = other {
                            lines.remove(at);
                        }
                        lines.push(text);
                    }
                    (false, exact, other) => {
                        if let Some(at) = exact.or(other) {
                            lines.remove(at);
                        }
                    }
                }
            }
        }
        if !present && lines.len() == count {
            return Ok(plan);
        }
        let mut after = lines.join("\n");
        if !after.is_empty() {
            after.push('\n');
        }
        if let Some(folder) = Path::new(&path).parent()
            && sys.stat(folder)?.is_none()
        {
            let folder = folder.to_string_lossy().into_owned();
            let attrs = FileAttrs { mode: Some(0o700), ..FileAttrs::default() };
            plan.push(
                What::DirectoryMade { path: folder.clone() },
                Op::MakeDirectory { path: folder, attrs },
            );
        }
        let attrs = behind_link(Path::new(&path), sys)?;
        Rewrite { path: &path, before: before.as_deref(), after: &after, attrs, backup: false }
            .plan(cx, &mut plan);
        if before.is_none()
            && let Some(Diff::Text { before, .. }) = plan.diff.last_mut()
        {
            before.header = "/dev/null".into();
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hosts_are_found_by_name_pattern_and_hash() {
        let entry = |hosts: &str| Entry::parse(&format!("{hosts} ssh-ed25519 AAAA")).unwrap();
        assert!(entry("a.example,b").names("b"));
        assert!(entry("*.example,!x.example").names("a.example"));
        assert!(!entry("*.example,!x.example").names("x.example"));
        assert!(entry("[a]:2222").names("[a]:2222") && !entry("[a]:2222").names("a"));
        // The example of RFC 2202.
        assert_eq!(hmac_sha1(b"Jefe", b"what do ya want for nothing?")[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        let fake = crate::system::fake::Fake::new();
        assert!(entry(&hashed("web", "AAAA", &fake)).names("web"));
        assert!(!entry(&hashed("web", "AAAA", &fake)).names("db"));
    }
}
