//! Inventory plugins: files with `plugin: NAME`, which say where hosts are to be had.

use super::error::Refused;
use super::model::Inventory;
use super::{constructed, generator, proxmox};
use crate::secrets::load_data_file;
use crate::vars::Value;
use std::path::Path;
use std::sync::Arc;

type Read = fn(&mut Inventory, &Path, &Value) -> Result<(), Refused>;

/// The plugins by their names.
const PLUGINS: &[(&str, Read)] = &[
    ("community.proxmox.proxmox", proxmox::read),
    ("community.general.proxmox", proxmox::read),
    ("ansible.builtin.constructed", constructed::read),
    ("constructed", constructed::read),
    ("ansible.builtin.generator", generator::read),
    ("generator", generator::read),
];

fn find(name: &str) -> Option<Read> {
    PLUGINS.iter().find(|(known, _)| *known == name).map(|(_, read)| *read)
}

/// The name of a plugin as messages have it, if there is such a plugin.
pub(super) fn named(name: &str) -> Option<&'static str> {
    let full = PLUGINS.iter().find(|(known, _)| *known == name)?.0;
    Some(full.rsplit('.').next().unwrap_or(full))
}

/// Whether a file configures a plugin that there is, or the very one that is named.
pub(super) fn configures(path: &Path, wanted: Option<&str>) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("plugin:"));
    let bare = |name: &str| {
        let name = name.split(" #").next().unwrap_or_default();
        name.trim().trim_matches(['"', '\'']).to_owned()
    };
    line.map(bare).is_some_and(|name| {
        let known = named(&name);
        known.is_some() && wanted.is_none_or(|wanted| named(wanted) == known)
    })
}

/// Whether a node is the name of a plugin that there is: an encrypted file is only then seen to configure one.
pub(super) fn is_known(name: Option<&windlass_yaml::Node>) -> bool {
    name.and_then(windlass_yaml::Node::as_str).is_some_and(|name| find(name).is_some())
}

/// Reads what a plugin finds into the inventory.
pub(super) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let secrets = Arc::clone(&inventory.secrets);
    let file = load_data_file(path, &secrets)?;
    for warning in file.warnings {
        inventory.warn(warning);
    }
    let name = file.value.as_map().and_then(|map| map.get("plugin")).and_then(Value::as_str);
    match name.and_then(find) {
        Some(read) => read(inventory, path, &file.value),
        None => Err(Refused::new("there is no inventory plugin of that name").at(&file.span)),
    }
}

/// Warns of options that a plugin does not have.
pub(super) fn warn_unknown(inventory: &Inventory, options: &Value, own: &[&str]) {
    let known: Vec<&str> = own
        .iter()
        .chain(constructed::OPTIONS)
        .chain(&["plugin", "cache", "cache_plugin", "cache_timeout", "cache_connection", "cache_prefix"])
        .copied()
        .collect();
    for (key, value) in options.as_map().into_iter().flatten() {
        let name = key.to_string();
        if known.contains(&name.as_str()) {
            continue;
        }
        let mut warning = windlass_yaml::diagnostic::Diagnostic::warning(format!(
            "the inventory plugin has no option `{name}`"
        ));
        if let Some(span) = value.span() {
            warning = warning.at(span);
        }
        if let Some(near) = crate::playbook::problems::nearest(&name, known.iter().copied()) {
            warning = warning.hint(format!("did you mean `{near}`?"));
        }
        inventory.warn(warning);
    }
}
