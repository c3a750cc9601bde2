//! The inventory plugin `community.proxmox.proxmox`: the guests of a Proxmox VE cluster as hosts.

mod facts;
mod fetch;
mod populate;

use super::constructed::{Constructed, Renderer, flag, list, text};
use super::error::Refused;
use super::model::Inventory;
use super::plugin;
use crate::proxmox::Login;
use crate::vars::value::scalar_text;
use crate::vars::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// Options of this plugin alone.
const OPTIONS: &[&str] = &[
    "url",
    "user",
    "password",
    "token_id",
    "token_secret",
    "validate_certs",
    "group_prefix",
    "facts_prefix",
    "want_facts",
    "qemu_extended_statuses",
    "want_proxmox_nodes_ansible_host",
    "exclude_nodes",
    "filters",
];

/// What a configuration says.
pub(super) struct Options {
    pub(super) url: String,
    pub(super) login: Login,
    pub(super) validate_certs: bool,
    pub(super) group_prefix: String,
    pub(super) facts_prefix: String,
    pub(super) want_facts: bool,
    pub(super) extended_statuses: bool,
    pub(super) nodes_ansible_host: bool,
    pub(super) exclude_nodes: bool,
    pub(super) filters: Vec<Value>,
    pub(super) constructed: Constructed,
}

/// Reads a cluster's guests into the inventory.
pub(super) fn read(inventory: &mut Inventory, path: &Path, config: &Value) -> Result<(), Refused> {
    let name = path.to_string_lossy();
    if !name.ends_with("proxmox.yml") && !name.ends_with("proxmox.yaml") {
        return Err(Refused::new(format!(
            "inventory config '{name}' could not be verified by plugin 'community.proxmox.proxmox'"
        ))
        .hint("the file's name has to end with `proxmox.yml` or `proxmox.yaml`"));
    }
    let empty = Map::new();
    let map = config.as_map().unwrap_or(&empty);
    plugin::warn_unknown(inventory, config, OPTIONS);
    let secrets = Arc::clone(&inventory.secrets);
    let renderer = Renderer::new(&secrets, path);
    let mut options = options(map, &renderer, &|name| std::env::var(name).ok())?;
    options.constructed.see_extra_vars(map, inventory)?;
    let (Login::Password { password: secret, .. } | Login::Token { secret, .. }) = &options.login;
    secrets.redactor().add(secret);
    let cluster = fetch::fetch(&options)?;
    populate::populate(inventory, path, &options, &renderer, &cluster)
}

/// The options, with the environment's in the place of those that are not given.
fn options(
    map: &Map,
    renderer: &Renderer,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Options, Refused> {
    let rendered = |name: &str, from: &str| -> Result<Option<String>, Refused> {
        let Some(value) = map.get(name).filter(|v| !matches!(v, Value::Null)) else {
            return Ok(variable(from).filter(|v| !v.is_empty()));
        };
        let value = renderer.render(value).map_err(|error| {
            let mut diagnostic = Diagnostic::error(format!("cannot render `{name}`: {}", error.message));
            diagnostic.span = error.span.or_else(|| value.span().cloned());
            diagnostic.hint = error.hint;
            Refused(Box::new(diagnostic))
        })?;
        Ok(scalar_text(&value).filter(|v| !v.is_empty()))
    };
    let url = rendered("url", "PROXMOX_URL")?.unwrap_or_else(|| "http://localhost:8006".to_owned());
    let Some(user) = rendered("user", "PROXMOX_USER")? else {
        return Err(Refused::new("No setting was provided for required configuration: user")
            .hint("give `user`, as in `user: ansible@pve`, or set PROXMOX_USER"));
    };
    let password = rendered("password", "PROXMOX_PASSWORD")?;
    let token_id = rendered("token_id", "PROXMOX_TOKEN_ID")?;
    let token_secret = rendered("token_secret", "PROXMOX_TOKEN_SECRET")?;
    let login = match (password, token_id, token_secret) {
        (Some(password), _, _) => Login::Password { user, password },
        (None, Some(id), Some(secret)) => Login::Token {
            user: user.trim().to_owned(),
            id: id.trim().to_owned(),
            secret: secret.trim().to_owned(),
        },
        _ => {
            return Err(Refused::new("nothing to log in with: neither `password` nor a token is given")
                .hint("give `password`, or `token_id` and `token_secret` together"));
        }
    };
    let want_facts = flag(map, "want_facts", false)?;
    let extended_statuses = flag(map, "qemu_extended_statuses", false)?;
    if extended_statuses && !want_facts {
        return Err(Refused::new("`qemu_extended_statuses` has no effect without `want_facts`")
            .hint("add `want_facts: true`"));
    }
    let prefix = |name: &str| Ok::<_, Refused>(text(map, name)?.unwrap_or_else(|| "proxmox_".to_owned()));
    Ok(Options {
        url: url.trim_end_matches('/').to_owned(),
        login,
        validate_certs: flag(map, "validate_certs", true)?,
        group_prefix: prefix("group_prefix")?,
        facts_prefix: prefix("facts_prefix")?,
        want_facts,
        extended_statuses,
        nodes_ansible_host: flag(map, "want_proxmox_nodes_ansible_host", false)?,
        exclude_nodes: flag(map, "exclude_nodes", false)?,
        filters: list(map, "filters")?,
        constructed: Constructed::read(map)?,
    })
}

#[cfg(test)]
mod tests;
