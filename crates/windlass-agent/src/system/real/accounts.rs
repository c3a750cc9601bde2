//! Users and groups of the machine. A static binary has no NSS: the files are read here, and `getent` is asked for
//! names that they do not have (LDAP, SSSD, systemd's dynamic users).

use crate::system::accounts::{Group, User, parse_group, parse_user};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long an answer of `getent` is believed.
const FRESH: Duration = Duration::from_secs(5);

type Stamp = (SystemTime, u64);

/// What is known of users and groups, read again when the files change.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Mutex<Option<(Stamp, Arc<Vec<User>>)>>,
    groups: Mutex<Option<(Stamp, Arc<Vec<Group>>)>>,
    asked: Mutex<HashMap<(&'static str, String), (Instant, Option<String>)>>,
}

impl Accounts {
    /// The first user that fits; `key` is what `getent` is asked for.
    pub fn user(&self, key: &str, fits: impl Fn(&User) -> bool) -> Option<User> {
        let users = cached(&self.users, Path::new("/etc/passwd"), parse_user);
        if let Some(user) = users.iter().find(|u| fits(u)) {
            return Some(user.clone());
        }
        self.getent("passwd", key).and_then(|line| parse_user(&line)).filter(fits)
    }

    /// The first group that fits; `key` is what `getent` is asked for.
    pub fn group(&self, key: &str, fits: impl Fn(&Group) -> bool) -> Option<Group> {
        let groups = cached(&self.groups, Path::new("/etc/group"), parse_group);
        if let Some(group) = groups.iter().find(|g| fits(g)) {
            return Some(group.clone());
        }
        self.getent("group", key).and_then(|line| parse_group(&line)).filter(fits)
    }

    fn getent(&self, database: &'static str, key: &str) -> Option<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (database, key.to_owned());
        if let Some((when, answer)) = asked.get(&slot)
            && when.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = ask_getent(database, key);
        asked.insert(slot, (Instant::now(), answer.clone()));
        answer
    }
}

fn cached<T>(
    slot: &Mutex<Option<(Stamp, Arc<Vec<T>>)>>,
    path: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Arc<Vec<T>> {
    let stamp = std::fs::metadata(path)
        .and_then(|m| Ok((m.modified()?, m.len())))
        .unwrap_or((SystemTime::UNIX_EPOCH, 0));
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, entries)) = slot.as_ref()
        && *known == stamp
    {
        return Arc::clone(entries);
    }
    let bytes = std::fs::read(path).unwrap_or_default();
    let entries = Arc::new(String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect::<Vec<_>>());
    *slot = Some((stamp, Arc::clone(&entries)));
    entries
}

fn ask_getent(database: &str, key: &str) -> Option<String> {
    // An empty key would list the whole database.
    if key.is_empty() || key.starts_with('-') {
        return None;
    }
    let output = Command::new("getent")
        .args([database, key])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}
