//! Lanes: hosts on local connections are all this machine, and still do not wait for one another.
//!
//! An agent does one thing after the other, and within a host order matters (items of a loop). So a task that works on this
//! machine takes a lane for itself, with an agent of its own, and leaves it at its end; the next one takes the lowest that
//! is free. There are never more lanes than hosts that are at work, and a single host always has the first.
//!
//! What changes the same file, or the same accounts, takes turns even so: of two at once one could undo what the other did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;
use windlass_protocol::JsonMap;

/// From this number of known turns on those that nobody waits for are forgotten.
const MANY: usize = 256;

/// The lanes of a run.
#[derive(Debug, Default)]
pub struct Lanes {
    taken: Mutex<Vec<bool>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A lane that somebody has; it is free again when this is dropped.
#[derive(Debug)]
pub struct Lane {
    number: usize,
    lanes: Arc<Lanes>,
}

/// Nobody else changes that thing until this is dropped.
#[derive(Debug)]
pub struct Turn {
    _held: OwnedMutexGuard<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here leaves its state half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes {
    /// Takes the first lane that is free.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> Lane {
        let mut taken = lock(&self.taken);
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
        } else {
            taken[number] = true;
        }
        Lane { number, lanes: Arc::clone(self) }
    }

    /// Waits until nobody else changes what a call will change. Who asked first is first.
    pub async fn turn(&self, module: &str, args: &JsonMap) -> Option<Turn> {
        let thing = changes(module, args)?;
        let turn = {
            let mut turns = lock(&self.turns);
            if turns.len() >= MANY {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry(thing).or_default())
        };
        Some(Turn { _held: turn.lock_owned().await })
    }
}

impl Lane {
    /// Which it is, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(taken) = lock(&self.lanes.taken).get_mut(self.number) {
            *taken = false;
        }
    }
}

/// What a call changes, as far as somebody else may change it too; `None` if it changes nothing, or what it changes is
/// for who wrote it to know, as with a command.
fn changes(module: &str, args: &JsonMap) -> Option<String> {
    let text = |name: &str| args.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let module = module.rsplit('.').next().unwrap_or(module);
    match module {
        "apt" | "package" => Some("the packages".to_owned()),
        "user" | "group" => Some("the accounts".to_owned()),
        // The file of `authorized_key` and `cron` is the user's, which the target alone knows.
        "authorized_key" | "cron" | "hostname" | "sysctl" | "ufw" => Some(module.to_owned()),
        "service" | "systemd" | "systemd_service" => Some(format!("service {}", text("name")?)),
        "assemble" | "blockinfile" | "copy" | "file" | "get_url" | "git" | "htpasswd" | "known_hosts"
        | "lineinfile" | "pip" | "replace" | "synchronize" | "unarchive" => {
            let path = ["path", "dest", "virtualenv"].into_iter().find_map(text)?;
            Some(format!("file {}", path.trim_end_matches('/')))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn args(json: serde_json::Value) -> JsonMap {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_lowest_free_lane_is_taken() {
        let lanes = Arc::new(Lanes::default());
        let (first, second, third) = (lanes.take(), lanes.take(), lanes.take());
        assert_eq!([first.number(), second.number(), third.number()], [0, 1, 2]);
        drop(second);
        drop(first);
        let again = lanes.take();
        assert_eq!((again.number(), lanes.take().number(), third.number()), (0, 1, 2));
        drop(again);
        assert_eq!(lanes.take().number(), 0);
    }

    #[test]
    fn what_is_changed() {
        let file = changes("ansible.builtin.lineinfile", &args(serde_json::json!({"path": "/etc/hosts"})));
        let copy =
            changes("ansible.builtin.copy", &args(serde_json::json!({"dest": "/etc/hosts", "src": "x"})));
        assert_eq!(file.as_deref(), Some("file /etc/hosts"));
        assert_eq!(file, copy);
        let venv = args(serde_json::json!({"virtualenv": "/srv/venv/", "name": ["x"]}));
        assert_eq!(changes("ansible.builtin.pip", &venv).as_deref(), Some("file /srv/venv"));
        let user = changes("ansible.builtin.user", &args(serde_json::json!({"name": "app"})));
        assert_eq!(user, changes("ansible.builtin.group", &JsonMap::new()));
        assert_eq!(changes("ansible.builtin.shell", &args(serde_json::json!({"chdir": "/tmp"}))), None);
        assert_eq!(changes("ansible.builtin.stat", &args(serde_json::json!({"path": "/etc/hosts"}))), None);
    }

    #[tokio::test]
    async fn who_changes_the_same_takes_turns() {
        let lanes = Lanes::default();
        let soon = Duration::from_millis(20);
        let of = |path: &str| args(serde_json::json!({ "path": path }));
        let held = lanes.turn("ansible.builtin.lineinfile", &of("/etc/hosts")).await;
        assert!(held.is_some());
        let (same, other) = (of("/etc/hosts"), of("/etc/fstab"));
        assert!(timeout(soon, lanes.turn("ansible.builtin.replace", &same)).await.is_err());
        assert!(timeout(soon, lanes.turn("ansible.builtin.replace", &other)).await.is_ok());
        drop(held);
        assert!(timeout(soon, lanes.turn("ansible.builtin.replace", &same)).await.is_ok());
        for n in 0..2 * MANY {
            lanes.turn("ansible.builtin.file", &of(&format!("/tmp/{n}"))).await;
        }
        assert!(lock(&lanes.turns).len() <= MANY);
    }
}
