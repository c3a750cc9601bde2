//! YAML inventories.

use std::path::Path;

use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Node, Yaml};

use super::address;
use super::error::Refused;
use super::model::Inventory;
use super::sources::Origin;
use crate::secrets::{load_node, register};
use crate::vars::Key;
use crate::vars::from_yaml::Reader;

/// How deep groups may nest in one file.
const MAX_DEPTH: usize = 100;

/// Reads a YAML (or JSON) inventory into the inventory.
pub(crate) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let secrets = std::sync::Arc::clone(&inventory.secrets);
    let loaded = load_node(path, &secrets)?;
    let Some(root) = loaded.node else {
        return Err(Refused::new(format!("{} is empty", path.display())));
    };
    let Some(groups) = root.as_map() else {
        return Err(Refused::new(format!(
            "a YAML inventory must be a mapping of groups, but this is {}",
            root.kind()
        ))
        .at(&root.span)
        .hint("begin it with `all:` and put `hosts:` and `children:` below"));
    };
    if groups.is_empty() {
        return Err(Refused::new("the file holds no groups").at(&root.span));
    }
    if let Some((key, _)) = groups.get_entry("plugin") {
        if loaded.encrypted && super::plugin::is_known(root.as_map().and_then(|m| m.get("plugin"))) {
            return super::plugin::read(inventory, path);
        }
        return Err(Refused::new("this configures an inventory plugin; it is no inventory itself")
            .at(&key.span)
            .hint("inventory plugins written in Python cannot be run; use a script that prints JSON"));
    }
    for warning in loaded.warnings {
        inventory.warn(warning);
    }
    let origin = Origin::of(path, loaded.encrypted, &secrets);
    let mut reader = Groups { inventory, origin };
    for (key, value) in groups {
        reader.group(key, value, 0)?;
    }
    Ok(())
}

struct Groups<'a> {
    inventory: &'a mut Inventory,
    origin: Origin,
}

impl Groups<'_> {
    /// Reads a group; false when it is skipped.
    fn group(&mut self, key: &Node, data: &Node, depth: usize) -> Result<Option<String>, Refused> {
        if depth > MAX_DEPTH {
            return Err(Refused::new("groups are nested too deeply").at(&key.span));
        }
        let Some(name) = key.as_str() else {
            return Err(Refused::new(format!(
                "the name of a group must be a string, but this is {}",
                key.kind()
            ))
            .at(&key.span)
            .hint("put it in quotes"));
        };
        let Yaml::Map(entries) = &data.value else {
            if data.is_null() {
                self.origin.add_group(self.inventory, name, Some(&key.span))?;
                return Ok(Some(name.to_owned()));
            }
            self.skip(format!("Skipping '{name}' as this is not a valid group definition"), key);
            return Ok(None);
        };
        self.origin.add_group(self.inventory, name, Some(&key.span))?;
        for (section, content) in entries {
            match (section.as_str(), &content.value) {
                (Some("vars" | "children" | "hosts"), Yaml::Map(_) | Yaml::Null) => {}
                // `hosts: one` stands for a mapping with that one key.
                (Some("hosts"), Yaml::Str(..)) => {
                    self.host(content, None, name)?;
                    continue;
                }
                (Some("children"), Yaml::Str(..)) => {
                    self.child(content, None, name, depth)?;
                    continue;
                }
                (Some(word @ ("vars" | "children" | "hosts")), _) => {
                    let message = format!(
                        "`{word}` of group `{name}` must be a mapping, but this is {}",
                        content.kind()
                    );
                    let hint = match word {
                        "vars" => "write `name: value`, one to a line",
                        "hosts" => "write `hostname:`, one to a line, without `-`",
                        _ => "write `groupname:`, one to a line, without `-`",
                    };
                    return Err(Refused::new(message).at(&content.span).hint(hint));
                }
                (word, Yaml::Map(_)) => {
                    let word = word.unwrap_or("?");
                    let text = format!(
                        "Skipping unexpected key ({word}) in group ({name}), only \"vars\", \"children\" and \"hosts\" are valid"
                    );
                    let known = ["vars", "children", "hosts"]
                        .into_iter()
                        .find(|k| strsim::damerau_levenshtein(k, word) <= 2);
                    let mut warning = Diagnostic::warning(text).at(&section.span);
                    if let Some(known) = known {
                        warning = warning.hint(format!("did you mean `{known}`?"));
                    }
                    self.inventory.warn(warning);
                }
                (word, _) => {
                    let word = word.unwrap_or("?");
                    let text = format!(
                        "Skipping key ({word}) in group ({name}) as it is not a mapping, it is {}",
                        content.kind()
                    );
                    self.skip(text, section);
                }
            }
            let Yaml::Map(entries) = &content.value else { continue };
            for (key, value) in entries {
                match section.as_str() {
                    Some("vars") => {
                        let (key, value) = self.variable(key, value);
                        self.inventory
                            .set_group_var(name, key, value)
                            .map_err(|error| Refused::from(error).at(&content.span))?;
                    }
                    Some("children") => self.child(key, Some(value), name, depth)?,
                    Some("hosts") => self.host(key, Some(value), name)?,
                    _ => {}
                }
            }
        }
        Ok(Some(name.to_owned()))
    }

    fn child(&mut self, key: &Node, value: Option<&Node>, parent: &str, depth: usize) -> Result<(), Refused> {
        let nothing = Node { value: Yaml::Null, span: key.span.clone(), tag: None };
        if let Some(child) = self.group(key, value.unwrap_or(&nothing), depth + 1)? {
            self.inventory.add_child(parent, &child).map_err(|error| Refused::from(error).at(&key.span))?;
        }
        Ok(())
    }

    fn host(&mut self, key: &Node, vars: Option<&Node>, group: &str) -> Result<(), Refused> {
        let Some(pattern) = key.as_str() else {
            return Err(Refused::new(format!("a host must be a string, but this is {}", key.kind()))
                .at(&key.span)
                .hint("put it in quotes"));
        };
        let (hosts, port) = address::expand_entry(pattern).map_err(|error| error.at(&key.span))?;
        let vars: Vec<_> = match vars.map(|node| (node, &node.value)) {
            None | Some((_, Yaml::Null)) => Vec::new(),
            Some((_, Yaml::Map(map))) => map.iter().map(|(key, value)| self.variable(key, value)).collect(),
            Some((node, _)) => {
                return Err(Refused::new(format!(
                    "the variables of host `{pattern}` must be a mapping, but this is {}",
                    node.kind()
                ))
                .at(&node.span)
                .hint(format!("write `{pattern}:` and the variables below, indented")));
            }
        };
        for host in &hosts {
            self.origin
                .add_host(self.inventory, host, Some(group), port)
                .map_err(|error| error.at(&key.span))?;
            for (key, value) in &vars {
                self.origin.set_var(self.inventory, host, key.clone(), value.clone())?;
            }
        }
        Ok(())
    }

    fn variable(&self, key: &Node, value: &Node) -> (Key, crate::vars::Value) {
        let reader = Reader { open: self.origin.secrets(), secret: self.origin.is_secret(), trusted: true };
        let value = reader.value(value);
        if self.origin.is_secret() {
            register(&value, self.origin.secrets());
        }
        (reader.key(key), value)
    }

    fn skip(&self, text: String, at: &Node) {
        self.inventory.warn(Diagnostic::warning(text).at(&at.span));
    }
}
