//! Who asks, and what they may: tickets with their tokens against forged requests, API tokens with privileges of
//! their own, and access lists.
//!
//! Sources: `pveum(1)` ("Privileges", "API Tokens"), the API viewer's `/access/ticket`, and the texts of
//! pve-access-control.

use crate::reply::Failure;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a ticket is good for, in seconds, unless a test says otherwise.
const LIFETIME: u64 = 2 * 60 * 60;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `root@pam`, or `root@pam!name` for a token: as tasks name it.
    pub(crate) name: String,
    /// `root@pam`.
    pub(crate) user: String,
}

impl Caller {
    pub(crate) fn token(&self) -> Option<&str> {
        self.name.split_once('!').map(|(_, token)| token)
    }
}

/// Paths and the privileges on them and below.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acl(Vec<(String, Vec<String>)>);

impl Acl {
    pub(crate) fn new(entries: &[(&str, &str)]) -> Self {
        let words = |privileges: &str| {
            privileges.split([' ', ',']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        Self(entries.iter().map(|(path, privileges)| ((*path).to_owned(), words(privileges))).collect())
    }

    /// The entry for the longest path counts, as in the original.
    fn has(&self, path: &str, privilege: &str) -> bool {
        let covers = |entry: &str| entry == "/" || path == entry || path.starts_with(&format!("{entry}/"));
        let best = self.0.iter().filter(|(entry, _)| covers(entry)).max_by_key(|(entry, _)| entry.len());
        best.is_some_and(|(_, all)| all.iter().any(|p| p == "*" || p == privilege))
    }
}

struct User {
    password: String,
    acl: Acl,
}

struct Token {
    secret: String,
    /// Its own access list; without one it may what its user may.
    separate: Option<Acl>,
}

/// The users of a cluster.
pub(crate) struct Access {
    users: BTreeMap<String, User>,
    tokens: BTreeMap<String, Token>,
    key: [u8; 32],
    lifetime: u64,
}

impl Access {
    pub(crate) fn new() -> Self {
        let mut access =
            Self { users: BTreeMap::new(), tokens: BTreeMap::new(), key: [0; 32], lifetime: LIFETIME };
        access.expire_tickets();
        access
    }

    pub(crate) fn add_user(&mut self, name: &str, password: &str, acl: Acl) {
        self.users.insert(name.to_owned(), User { password: password.to_owned(), acl });
    }

    pub(crate) fn add_token(&mut self, id: &str, secret: &str, separate: Option<Acl>) {
        self.tokens.insert(id.to_owned(), Token { secret: secret.to_owned(), separate });
    }

    /// Tickets are good for so many seconds.
    pub(crate) fn set_lifetime(&mut self, seconds: u64) {
        self.lifetime = seconds;
    }

    /// Makes every ticket so far invalid.
    pub(crate) fn expire_tickets(&mut self) {
        let mut seed = Vec::new();
        (0..4).for_each(|_| seed.extend(crate::cluster::random().to_le_bytes()));
        self.key = *blake3::hash(&seed).as_bytes();
    }

    fn sign(&self, text: &str) -> String {
        base64::engine::general_purpose::STANDARD
            .encode(blake3::keyed_hash(&self.key, text.as_bytes()).as_bytes())
    }

    /// A ticket, and the token that requests which change something carry with it.
    pub(crate) fn ticket(&self, user: &str) -> (String, String) {
        let now = now();
        let ticket = format!("PVE:{user}:{now:08X}");
        let csrf = format!("{now:08X}:{}", self.sign(&format!("csrf:{now:08X}:{user}")));
        (format!("{ticket}::{}", self.sign(&ticket)), csrf)
    }

    fn verify_ticket(&self, ticket: &str) -> Option<String> {
        let (text, signature) = ticket.split_once("::")?;
        let (user, time) = text.strip_prefix("PVE:")?.rsplit_once(':')?;
        let age = now().checked_sub(u64::from_str_radix(time, 16).ok()?)?;
        (self.sign(text) == signature && age < self.lifetime && self.users.contains_key(user))
            .then(|| user.to_owned())
    }

    fn verify_csrf(&self, user: &str, token: &str) -> bool {
        let Some((time, signature)) = token.split_once(':') else { return false };
        self.sign(&format!("csrf:{time}:{user}")) == signature
    }

    /// `POST /access/ticket`: a password, or a ticket that is still good.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Result<(), Failure> {
        let good = self.users.get(user).is_some_and(|u| u.password == password)
            || self.verify_ticket(password).is_some_and(|owner| owner == user);
        if good { Ok(()) } else { Err(Failure::new(401, "authentication failure")) }
    }

    fn verify_token(&self, id: &str, secret: &str) -> Result<Caller, Failure> {
        let wrong = || Failure::unauthorized(format!("no such token '{id}'"));
        let (user, name) = id.split_once('!').ok_or_else(wrong)?;
        if !self.users.contains_key(user) {
            return Err(Failure::unauthorized(format!("no such user ('{user}')")));
        }
        let token = self
            .tokens
            .get(id)
            .ok_or_else(|| Failure::unauthorized(format!("no such token '{name}' for user '{user}'")))?;
        if token.secret != secret {
            return Err(Failure::unauthorized("invalid token value!"));
        }
        Ok(Caller { name: id.to_owned(), user: user.to_owned() })
    }

    /// Who sent this request, or why it is refused. `path` is without its prefix.
    pub(crate) fn caller(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<Caller, Failure> {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(token) = text(header::AUTHORIZATION).and_then(|v| v.strip_prefix("PVEAPIToken=")) {
            let (id, secret) = token.split_once('=').ok_or_else(|| Failure::unauthorized("No ticket"))?;
            return self.verify_token(id, secret);
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        let mut cookies = cookies.flat_map(|c| c.split(';')).map(str::trim);
        let Some(ticket) = cookies.find_map(|c| c.strip_prefix("PVEAuthCookie=")) else {
            return Err(Failure::unauthorized("No ticket"));
        };
        let ticket = unescape(ticket.trim_matches('"'));
        let Some(user) = self.verify_ticket(&ticket) else {
            return Err(Failure::unauthorized("permission denied - invalid PVE ticket"));
        };
        let upload = method == Method::POST && path.starts_with("/nodes/") && path.ends_with("/upload");
        let csrf = headers.get("CSRFPreventionToken").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if method != Method::GET && !upload && !self.verify_csrf(&user, csrf) {
            return Err(Failure::unauthorized("Permission denied - invalid csrf token"));
        }
        Ok(Caller { name: user.clone(), user })
    }

    /// Whether a caller has a privilege.
    pub(crate) fn may(&self, caller: &Caller, path: &str, privilege: &str) -> bool {
        let user = caller.user == "root@pam"
            || self.users.get(&caller.user).is_some_and(|user| user.acl.has(path, privilege));
        let token = caller.token().is_none_or(|_| {
            self.tokens
                .get(&caller.name)
                .is_some_and(|token| token.separate.as_ref().is_none_or(|acl| acl.has(path, privilege)))
        });
        user && token
    }

    /// All of these, or the original's refusal, which names the first that lacks.
    pub(crate) fn all(&self, caller: &Caller, path: &str, privileges: &[&str]) -> Result<(), Failure> {
        match privileges.iter().find(|p| !self.may(caller, path, p)) {
            None => Ok(()),
            Some(lacking) => Err(Failure::forbidden(Some(&format!("{path}, {lacking}")))),
        }
    }

    /// One of these, or the original's refusal.
    pub(crate) fn any(&self, caller: &Caller, path: &str, privileges: &[&str]) -> Result<(), Failure> {
        if privileges.iter().any(|p| self.may(caller, path, p)) {
            return Ok(());
        }
        Err(Failure::forbidden(Some(&format!("{path}, {}", privileges.join("|")))))
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

/// A text that came escaped as in an address: a cookie's value, or a machine's keys.
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn access() -> Access {
        let mut access = Access::new();
        access.add_user("root@pam", "secret", Acl::default());
        access.add_user("ops@pve", "word", Acl::new(&[("/vms", "VM.Audit"), ("/vms/101", "VM.Allocate")]));
        access.add_token("root@pam!all", "s1", None);
        access.add_token("root@pam!some", "s2", Some(Acl::new(&[("/", "VM.Audit")])));
        access
    }

    #[test]
    fn the_longest_path_of_an_access_list_counts() {
        let access = access();
        let ops = Caller { name: "ops@pve".into(), user: "ops@pve".into() };
        assert!(access.may(&ops, "/vms/100", "VM.Audit") && !access.may(&ops, "/vms/101", "VM.Audit"));
        assert!(access.may(&ops, "/vms/101", "VM.Allocate") && !access.may(&ops, "/vms/1010", "VM.Allocate"));
        let refused = access.all(&ops, "/vms/100", &["VM.Allocate"]).unwrap_err();
        assert_eq!(
            (refused.status, refused.message.as_str()),
            (403, "Permission check failed (/vms/100, VM.Allocate)")
        );
    }

    #[test]
    fn a_token_may_what_its_user_may_unless_it_is_separate() {
        let access = access();
        let all = access.verify_token("root@pam!all", "s1").unwrap();
        let some = access.verify_token("root@pam!some", "s2").unwrap();
        assert!(access.may(&all, "/vms/1", "VM.Allocate"));
        assert!(access.may(&some, "/vms/1", "VM.Audit") && !access.may(&some, "/vms/1", "VM.Allocate"));
        let message = |id, secret| access.verify_token(id, secret).unwrap_err().message;
        assert_eq!(message("root@pam!none", "s"), "no such token 'none' for user 'root@pam'");
        assert_eq!(message("root@pam!all", "s"), "invalid token value!");
    }

    #[test]
    fn tickets_end() {
        let mut access = access();
        let (ticket, csrf) = access.ticket("root@pam");
        assert_eq!(access.verify_ticket(&ticket).as_deref(), Some("root@pam"));
        assert!(access.verify_csrf("root@pam", &csrf) && !access.verify_csrf("ops@pve", &csrf));
        assert!(access.log_in("root@pam", &ticket).is_ok() && access.log_in("ops@pve", &ticket).is_err());
        access.expire_tickets();
        assert_eq!(access.verify_ticket(&ticket), None);
        let (ticket, _) = access.ticket("root@pam");
        access.set_lifetime(0);
        assert_eq!(access.verify_ticket(&ticket), None);
    }

    #[test]
    fn a_cookie_may_be_escaped() {
        assert_eq!(unescape("PVE%3Aroot%40pam%3A1%3A%3Aa+b%2F%3D"), "PVE:root@pam:1::a+b/=");
        assert_eq!(unescape("PVE:root@pam:1::a+b/="), "PVE:root@pam:1::a+b/=");
    }
}
