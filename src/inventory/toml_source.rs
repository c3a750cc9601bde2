//! TOML inventories.

use std::path::Path;
use std::sync::Arc;

use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{SourceFile, Span};

use super::address;
use super::error::Refused;
use super::model::Inventory;
use super::sources::Origin;
use crate::secrets::LoadError;
use crate::vars::{Key, Map, Value};

/// Reads a TOML inventory into the inventory.
pub(crate) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let data = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let secrets = Arc::clone(&inventory.secrets);
    let opened =
        secrets.open_bytes(data).map_err(|source| LoadError::Secret { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&opened.plain).map_err(|_| LoadError::NotText(path.to_owned()))?;
    let root: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let refused = Refused::new(format!("not valid TOML: {}", error.message()));
        match error.span() {
            Some(range) if !opened.encrypted => {
                refused.at(&Span::new(&SourceFile::new(path, text), range.start, range.end))
            }
            _ => refused,
        }
    })?;
    if root.is_empty() {
        return Err(Refused::new(format!("{} is empty", path.display())));
    }
    let origin = Origin::of(path, opened.encrypted, &secrets);
    for (name, group) in &root {
        read_group(inventory, &origin, name, group)?;
    }
    Ok(())
}

fn read_group(
    inventory: &mut Inventory,
    origin: &Origin,
    name: &str,
    data: &toml::Value,
) -> Result<(), Refused> {
    let toml::Value::Table(table) = data else {
        inventory
            .warn(Diagnostic::warning(format!("Skipping '{name}' as this is not a valid group definition")));
        return Ok(());
    };
    origin.add_group(inventory, name, None)?;
    for (key, content) in table {
        let wrong = |wanted: &str| {
            Err(Refused::new(format!(
                "`{key}` of group `{name}` must be {wanted}, not {}",
                content.type_str()
            )))
        };
        match (key.as_str(), content) {
            ("vars", toml::Value::Table(vars)) => {
                for (key, item) in vars {
                    inventory.set_group_var(name, Key::from(key.as_str()), value(origin, item))?;
                }
            }
            ("children", toml::Value::Array(children)) => {
                for child in children {
                    let Some(child) = child.as_str() else { return wrong("a list of names") };
                    origin.add_group(inventory, child, None)?;
                    inventory.add_child(name, child)?;
                }
            }
            ("hosts", toml::Value::Table(hosts)) => {
                for (pattern, vars) in hosts {
                    read_host(inventory, origin, name, pattern, vars)?;
                }
            }
            ("vars" | "hosts", _) => return wrong("a table"),
            ("children", _) => return wrong("a list"),
            _ => inventory.warn(Diagnostic::warning(format!(
                "Skipping unexpected key \"{key}\" in group \"{name}\", only \"vars\", \"children\" and \"hosts\" are valid"
            ))),
        }
    }
    Ok(())
}

fn read_host(
    inventory: &mut Inventory,
    origin: &Origin,
    group: &str,
    pattern: &str,
    vars: &toml::Value,
) -> Result<(), Refused> {
    let toml::Value::Table(vars) = vars else {
        return Err(Refused::new(format!(
            "the variables of host `{pattern}` must be a table, not {}",
            vars.type_str()
        )));
    };
    let (hosts, port) = address::expand_entry(pattern)?;
    for host in &hosts {
        origin.add_host(inventory, host, Some(group), port)?;
        for (key, item) in vars {
            origin.set_var(inventory, host, Key::from(key.as_str()), value(origin, item))?;
        }
    }
    Ok(())
}

fn value(origin: &Origin, item: &toml::Value) -> Value {
    match item {
        toml::Value::String(text) => origin.text(text, None),
        toml::Value::Integer(i) => Value::Int(*i),
        toml::Value::Float(f) => Value::Float(*f),
        toml::Value::Boolean(b) => Value::Bool(*b),
        toml::Value::Datetime(time) => {
            let text = time.to_string();
            origin.moment(windlass_yaml::iso_format(&text).unwrap_or(text))
        }
        toml::Value::Array(items) => Value::list(items.iter().map(|item| value(origin, item)).collect()),
        toml::Value::Table(table) => Value::map(
            table.iter().map(|(key, item)| (Key::from(key.as_str()), value(origin, item))).collect::<Map>(),
        ),
    }
}
