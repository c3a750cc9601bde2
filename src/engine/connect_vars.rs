//! Variables about the connection that a task sees though nobody set them: `ansible_host`, `ansible_user` and the like, as they
//! are in effect for the host that the task works on.

use super::exec::Exec;
use super::run::Shared;
use super::said::{Said, text};
use crate::playbook::Task;
use crate::template::TemplateError;
use crate::vars::scope::{Floor, Layers};
use crate::vars::{Key, Map, Value};
use std::sync::Arc;

/// What there can be.
const NAMES: &[&str] = &[
    "ansible_connection",
    "ansible_shell_executable",
    "ansible_ssh_host",
    "ansible_host",
    "ansible_ssh_user",
    "ansible_user",
    "ansible_ssh_pass",
    "ansible_password",
    "ansible_ssh_port",
    "ansible_port",
    "ansible_ssh_pipelining",
    "ansible_pipelining",
    "ansible_ssh_timeout",
    "ansible_timeout",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_delegated_vars",
];

impl Exec {
    /// The variables of a task with those of its connection below them. What the host sets itself is above; so a task that is
    /// delegated sees the other host's address only if its own host has none in the inventory.
    pub(super) fn with_connection(&self, layers: &Layers) -> Layers {
        let (shared, play, task) = (Arc::clone(&self.shared), Arc::clone(&self.play), Arc::clone(&self.task));
        let (host, own) = (self.host.clone(), layers.clone());
        layers.over(Floor::new(
            NAMES,
            Box::new(move || {
                let said = said(&shared, &task, &own, &own);
                let Some(name) = text(said.keyword("delegate_to").ok().flatten()) else {
                    return of(address(&shared, &host), &said);
                };
                let theirs = shared.store.task_layers(&name, &play, &task);
                let mut map = of(&name, &Said { layers: &theirs, ..said });
                let views = Map::from([(Key::from(name.as_str()), shared.store.view(&name))]);
                map.insert(Key::from("ansible_delegated_vars"), Value::map(views));
                map
            }),
        ))
    }
}

/// The variables of a host with those of its connection below them. `own` is what the task's keywords see.
pub(super) fn reached(
    shared: &Arc<Shared>,
    task: &Arc<Task>,
    host: &str,
    theirs: &Layers,
    own: &Layers,
) -> Layers {
    let (shared, task, host) = (Arc::clone(shared), Arc::clone(task), host.to_owned());
    let (layers, own) = (theirs.clone(), own.clone());
    let make = move || of(address(&shared, &host), &said(&shared, &task, &layers, &own));
    theirs.over(Floor::new(NAMES, Box::new(make)))
}

fn address<'a>(shared: &Shared, host: &'a str) -> &'a str {
    if shared.store.is_implicit(host) { "127.0.0.1" } else { host }
}

fn said<'a>(shared: &'a Shared, task: &'a Task, layers: &'a Layers, task_layers: &'a Layers) -> Said<'a> {
    let (defaults, templar) = (&shared.options.connect, &*shared.templar);
    Said { layers, task: &task.attrs, task_layers, defaults, templar }
}

/// The variables of a connection. What fails here is left out: it fails again, and is told, when the connection is made.
fn of(address: &str, said: &Said<'_>) -> Map {
    let mut map = Map::new();
    let mut set = |names: &[&str], value: Result<Option<Value>, TemplateError>| {
        if let Ok(Some(value)) = value {
            names.iter().for_each(|name| {
                map.insert(Key::from(*name), value.clone());
            });
        }
    };
    let whole = |seconds: u64| Value::Int(i64::try_from(seconds).unwrap_or(i64::MAX));
    set(&["ansible_connection"], said.connection().map(|kind| kind.or_else(|| Some(Value::text("ssh")))));
    set(&["ansible_shell_executable"], Ok(Some(Value::text("/bin/sh"))));
    let host = said.address().map(|own| Some(own.map_or_else(|| Value::text(address), Value::from)));
    set(&["ansible_ssh_host", "ansible_host"], host);
    set(&["ansible_ssh_user", "ansible_user"], said.user().map(|user| user.map(Value::from)));
    let password = said.password().map(|password| password.map(|p| Value::text(p.expose())));
    set(&["ansible_ssh_pass", "ansible_password"], password);
    let port = said.port().map(|port| port.map(|p| Value::Int(i64::from(p))));
    set(&["ansible_ssh_port", "ansible_port"], port);
    set(&["ansible_ssh_pipelining", "ansible_pipelining"], Ok(Some(Value::Bool(false))));
    let seconds = said.timeout().map(|seconds| Some(whole(seconds.unwrap_or(10))));
    set(&["ansible_ssh_timeout", "ansible_timeout"], seconds);
    let key = said.key_file().map(|key| key.map(Value::from));
    set(&["ansible_ssh_private_key_file", "ansible_private_key_file"], key);
    map
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::connect::{ConnectDefaults, way};
    use crate::playbook::Attrs;
    use crate::template::{Templar, TemplarSettings};
    use crate::transport::{Secret, Target};
    use std::time::Duration;

    fn defaults() -> ConnectDefaults {
        ConnectDefaults {
            user: Some("u0".to_owned()),
            password: Some(Secret::new("p0".to_owned())),
            key_file: Some("k0".into()),
            timeout: Some(10),
            port: Some(2200),
            ..ConnectDefaults::default()
        }
    }

    /// The target by a host's variables, without a floor and over the floor that a task has; and that floor.
    fn both(vars: &[(&'static str, &str)]) -> (Target, Target, Map) {
        let (defaults, templar) = (Arc::new(defaults()), Arc::new(Templar::new(TemplarSettings::default())));
        let vars: Map = vars.iter().map(|(k, v)| (Key::from(*k), Value::text(*v))).collect();
        let (bare, task) = (Layers::default().with(vars), Arc::new(Attrs::default()));
        let floor = {
            let (bare, task) = (bare.clone(), Arc::clone(&task));
            let (defaults, templar) = (Arc::clone(&defaults), Arc::clone(&templar));
            move || {
                let said = Said {
                    layers: &bare,
                    task: &task,
                    task_layers: &bare,
                    defaults: &defaults,
                    templar: &templar,
                };
                of("h1", &said)
            }
        };
        let map = floor();
        let over = bare.over(Floor::new(NAMES, Box::new(floor)));
        let target = |layers: &Layers| way("h1", layers, &task, &defaults, &templar, layers).unwrap().target;
        (target(&bare), target(&over), map)
    }

    #[test]
    fn what_a_host_says_goes_over_the_defaults_by_either_name() {
        for name in ["ansible_timeout", "ansible_ssh_timeout"] {
            let (bare, over, floor) = both(&[(name, "60")]);
            assert_eq!(over.connect_timeout, Some(Duration::from_secs(60)), "{name}");
            assert!(bare == over, "{name}");
            assert_eq!(floor.get("ansible_timeout").unwrap().as_number(), Some(60.0));
            assert_eq!(floor.get("ansible_ssh_timeout").unwrap().as_number(), Some(60.0));
        }
        for name in ["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"] {
            let (bare, over, floor) = both(&[(name, "a")]);
            assert_eq!(over.password.as_ref().unwrap().expose(), "a", "{name}");
            assert!(bare == over, "{name}");
            assert_eq!(floor.get("ansible_password").unwrap().as_str(), Some("a"));
        }
        for name in ["ansible_private_key_file", "ansible_ssh_private_key_file"] {
            let (bare, over, _) = both(&[(name, "k1")]);
            assert_eq!(over.key_files, [std::path::PathBuf::from("k1")], "{name}");
            assert!(bare == over, "{name}");
        }
        for (user, port, host) in [
            ("ansible_user", "ansible_port", "ansible_host"),
            ("ansible_ssh_user", "ansible_ssh_port", "ansible_ssh_host"),
        ] {
            let (bare, over, floor) = both(&[(user, "u1"), (port, "2201"), (host, "192.0.2.1")]);
            assert_eq!((over.user.as_deref(), over.port), (Some("u1"), Some(2201)));
            assert_eq!(over.host, "192.0.2.1");
            assert!(bare == over);
            assert_eq!(floor.get("ansible_user").unwrap().as_str(), Some("u1"));
        }
    }

    #[test]
    fn without_a_word_of_the_host_the_defaults_hold() {
        let (bare, over, floor) = both(&[]);
        assert!(bare == over);
        assert_eq!(over.connect_timeout, Some(Duration::from_secs(10)));
        assert_eq!(over.password.as_ref().unwrap().expose(), "p0");
        assert_eq!(over.key_files, [std::path::PathBuf::from("k0")]);
        assert_eq!((over.user.as_deref(), over.port), (Some("u0"), Some(2200)));
        assert_eq!(floor.get("ansible_ssh_host").unwrap().as_str(), Some("h1"));
    }
}
