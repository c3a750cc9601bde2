//! The inventory plugin `ansible.builtin.generator`: hosts and groups with names that are made of layers.

use super::constructed::Renderer;
use super::error::Refused;
use super::model::Inventory;
use super::plugin;
use super::sources::Origin;
use crate::template::TemplateError;
use crate::vars::value::scalar_text;
use crate::vars::{Key, Map, Value};
use std::path::Path;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

const OPTIONS: &[&str] = &["hosts", "layers"];
/// So many hosts are a mistake.
const MOST: usize = 1_000_000;
/// So deep are no groups.
const MAX_DEPTH: usize = 100;

/// Adds the hosts of all combinations of the layers, and the groups that they belong to.
pub(super) fn read(inventory: &mut Inventory, path: &Path, config: &Value) -> Result<(), Refused> {
    plugin::warn_unknown(inventory, config, OPTIONS);
    let secrets = Arc::clone(&inventory.secrets);
    let generator =
        Generator { renderer: Renderer::new(&secrets, path), origin: Origin::of(path, false, &secrets) };
    let required = |name: &str| {
        let found = config.as_map().and_then(|map| map.get(name)).and_then(Value::as_map);
        found.ok_or_else(|| {
            Refused::new(format!("`{name}` has to be a mapping"))
                .hint("`hosts` has the `name` of a host and its `parents`, `layers` a list of words by name")
        })
    };
    let hosts = required("hosts")?;
    for layers in combinations(required("layers")?)? {
        let Some(name) = hosts.get("name") else {
            return Err(
                Refused::new("`hosts` has no `name`").hint("as in `name: \"{{ application }}_{{ site }}\"`")
            );
        };
        let name = generator.text(name, &layers)?;
        generator.origin.add_host(inventory, &name, None, None)?;
        generator.join(inventory, &name, hosts, &layers, 0)?;
    }
    Ok(())
}

/// Every way to take one word of each layer.
fn combinations(layers: &Map) -> Result<Vec<Map>, Refused> {
    let mut out = vec![Map::new()];
    for (name, words) in layers {
        let Value::List(words) = words else {
            return Err(Refused::new(format!("the layer `{name}` has to be a list")));
        };
        if out.len().saturating_mul(words.len()) > MOST {
            return Err(Refused::new(format!("the layers make more than {MOST} hosts")));
        }
        let with = |map: &Map, word: &Value| {
            let mut map = map.clone();
            map.insert(name.clone(), word.clone());
            map
        };
        out = out.iter().flat_map(|map| words.iter().map(move |word| with(map, word))).collect();
    }
    Ok(out)
}

fn wrong(template: &Value, error: TemplateError) -> Refused {
    let mut diagnostic = Diagnostic::error(format!("cannot render a template of a layer: {}", error.message));
    diagnostic.span = error.span.or_else(|| template.span().cloned());
    diagnostic.hint = error.hint;
    Refused(Box::new(diagnostic))
}

struct Generator {
    renderer: Renderer,
    origin: Origin,
}

impl Generator {
    fn text(&self, template: &Value, layers: &Map) -> Result<String, Refused> {
        let value = self.renderer.render_with(template, layers).map_err(|error| wrong(template, error))?;
        scalar_text(&value)
            .ok_or_else(|| Refused::new(format!("a name is a text, this is a {}", value.type_name())))
    }

    /// A variable of a group: a text is rendered now, lists and mappings when they are used.
    fn value(&self, value: &Value, layers: &Map) -> Result<Value, Refused> {
        match value {
            Value::Str(_) => self.renderer.render_with(value, layers).map_err(|error| wrong(value, error)),
            other => Ok(other.clone()),
        }
    }

    /// Adds the groups that a host or a group names as its parents.
    fn join(
        &self,
        inventory: &mut Inventory,
        child: &str,
        described: &Map,
        layers: &Map,
        depth: usize,
    ) -> Result<(), Refused> {
        if depth > MAX_DEPTH {
            return Err(Refused::new("parents are nested too deeply"));
        }
        let Some(parents) = described.get("parents").filter(|parents| !matches!(parents, Value::Null)) else {
            return Ok(());
        };
        let Value::List(parents) = parents else {
            return Err(Refused::new(format!("the parents of {child} have to be a list")));
        };
        for parent in parents.iter() {
            let nameless = || Refused::new(format!("Element {child} has a parent with no name."));
            let parent = parent.as_map().ok_or_else(nameless)?;
            let name = self.text(parent.get("name").ok_or_else(nameless)?, layers)?;
            self.origin.add_group(inventory, &name, None)?;
            for (key, value) in parent.get("vars").and_then(Value::as_map).into_iter().flatten() {
                inventory.set_group_var(&name, Key::clone(key), self.value(value, layers)?)?;
            }
            if depth == 0 {
                inventory.add_host(child, Some(&name))?;
            } else {
                inventory.add_child(&name, child)?;
            }
            self.join(inventory, &name, parent, layers, depth + 1)?;
        }
        Ok(())
    }
}
