//! Variables about the connection that a task sees though nobody set them: `ansible_host`, `ansible_user` and the like, as they
//! are in effect for the host that the task works on.

use super::connect::{ConnectDefaults, Said, text};
use super::exec::Exec;
use crate::playbook::Attrs;
use crate::template::{Templar, TemplateError};
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
                let keyword = |theirs: &Layers, name: &str| {
                    let said = Said {
                        layers: theirs,
                        task: &task.attrs,
                        task_layers: &own,
                        templar: &shared.templar,
                    };
                    text(said.keyword(name).ok().flatten())
                };
                let delegate = keyword(&own, "delegate_to");
                let theirs = delegate.as_ref().map(|name| shared.store.play_layers(name, &play));
                let target = delegate.as_deref().unwrap_or(&host);
                let implicit = delegate.is_none() && shared.store.is_implicit(target);
                let address = if implicit { "127.0.0.1" } else { target };
                let layers = theirs.as_ref().unwrap_or(&own);
                // What fails here fails again, and is told, when the connection is made.
                let mut map =
                    of(address, layers, &task.attrs, &shared.options.connect, &shared.templar, &own)
                        .unwrap_or_default();
                if let Some(name) = &delegate {
                    let views = Map::from([(Key::from(name.as_str()), shared.store.view(name))]);
                    map.insert(Key::from("ansible_delegated_vars"), Value::map(views));
                }
                map
            }),
        ))
    }
}

fn of(
    address: &str,
    layers: &Layers,
    task: &Attrs,
    defaults: &ConnectDefaults,
    templar: &Templar,
    task_layers: &Layers,
) -> Result<Map, TemplateError> {
    let said = Said { layers, task, task_layers, templar };
    let mut map = Map::new();
    let mut set = |names: &[&str], value: Option<Value>| {
        if let Some(value) = value {
            names.iter().for_each(|name| {
                map.insert(Key::from(*name), value.clone());
            });
        }
    };
    let either = |names: &[&str], keyword: &str| -> Result<Option<Value>, TemplateError> {
        match said.var(names)? {
            Some(value) => Ok(Some(value)),
            None => said.keyword(keyword),
        }
    };
    let connection = either(&["ansible_connection"], "connection")?;
    let connection = connection.or_else(|| defaults.connection.as_deref().map(Value::text));
    set(&["ansible_connection"], Some(connection.unwrap_or_else(|| Value::text("ssh"))));
    set(&["ansible_shell_executable"], Some(Value::text("/bin/sh")));
    let host = text(said.var(&["ansible_ssh_host", "ansible_host"])?);
    set(&["ansible_ssh_host", "ansible_host"], Some(host.map_or_else(|| Value::text(address), Value::from)));
    let user = text(either(&["ansible_ssh_user", "ansible_user"], "remote_user")?);
    set(&["ansible_ssh_user", "ansible_user"], user.or_else(|| defaults.user.clone()).map(Value::from));
    let password = defaults.password.as_ref().map(|p| Value::text(p.expose()));
    set(&["ansible_ssh_pass", "ansible_password"], password);
    let port = either(&["ansible_ssh_port", "ansible_port"], "port")?;
    let port = port.or_else(|| defaults.port.map(|p| Value::Int(i64::from(p))));
    set(&["ansible_ssh_port", "ansible_port"], port);
    set(&["ansible_ssh_pipelining", "ansible_pipelining"], Some(Value::Bool(false)));
    let seconds = defaults.timeout.unwrap_or(10);
    set(
        &["ansible_ssh_timeout", "ansible_timeout"],
        Some(Value::Int(i64::try_from(seconds).unwrap_or(i64::MAX))),
    );
    let key = defaults.key_file.as_ref().map(|p| Value::text(p.to_string_lossy()));
    set(&["ansible_ssh_private_key_file", "ansible_private_key_file"], key);
    Ok(map)
}
