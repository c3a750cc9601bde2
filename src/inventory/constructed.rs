//! Variables and groups that are made from a host's variables: `compose`, `groups` and `keyed_groups`, which several
//! inventory plugins have in common.

use super::error::Refused;
use super::model::Inventory;
use super::plugin;
use super::rules::safe_group;
use crate::secrets::Secrets;
use crate::template::{SearchPath, Templar, TemplarSettings, TemplateContext, TemplateError, Vault};
use crate::vars::value::{scalar_text, truthy};
use crate::vars::{Key, Map, Value};
use std::path::Path;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// Renders what stands in the configuration of an inventory plugin.
pub(super) struct Renderer {
    templar: Templar,
    search: SearchPath,
}

impl Renderer {
    /// Files of lookups are looked for beside the configuration.
    pub(super) fn new(secrets: &Arc<Secrets>, path: &Path) -> Self {
        let vault: Arc<dyn Vault> = Arc::clone(secrets) as Arc<dyn Vault>;
        let known = Arc::clone(secrets);
        let settings = TemplarSettings {
            vault: Some(vault),
            learn: Some(Arc::new(move |secret: &str| known.redactor().add(secret))),
            ..TemplarSettings::default()
        };
        let folders = path.parent().map(Path::to_owned).into_iter().collect();
        Self { templar: Templar::new(settings), search: SearchPath::new(folders) }
    }

    /// A value with its templates rendered.
    pub(super) fn render(&self, value: &Value) -> Result<Value, TemplateError> {
        let none = Map::new();
        self.templar.render(value, &TemplateContext::new(&none, &self.search))
    }

    /// The value of an expression. What is no text stands for itself.
    pub(super) fn compose(&self, expression: &Value, variables: &Map) -> Result<Value, TemplateError> {
        match expression {
            Value::Str(text) => {
                let cx = TemplateContext::new(variables, &self.search);
                self.templar.expression(text.as_str(), text.span(), &cx).map(untrusted)
            }
            other => Ok(other.clone()),
        }
    }

    fn holds(&self, condition: &Value, variables: &Map) -> Result<bool, TemplateError> {
        self.templar.condition(condition, &TemplateContext::new(variables, &self.search))
    }
}

/// A value in which no text is a template: what an expression gives has been rendered.
fn untrusted(value: Value) -> Value {
    match value {
        Value::Str(text) => Value::Str(text.into_untrusted()),
        Value::List(items) => Value::list(items.iter().cloned().map(untrusted).collect()),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), untrusted(v.clone()))).collect()),
        other => other,
    }
}

/// Whether Python takes a value for true.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Omit | Value::Sealed(_) => false,
        Value::Bool(flag) => *flag,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Str(text) => !text.as_str().is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Dynamic(map) => !map.keys().is_empty(),
    }
}

/// Which variables expressions see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sees {
    /// The host's own of the inventory.
    #[default]
    Own,
    /// Those of its groups as well.
    Groups,
    /// Those of `group_vars` and `host_vars` as well.
    Files,
}

/// What a plugin's configuration says about variables and groups.
#[derive(Debug, Clone)]
pub(super) struct Constructed {
    pub(super) strict: bool,
    pub(super) sees: Sees,
    /// Expressions see `-e`.
    extra: Arc<Map>,
    compose: Map,
    groups: Map,
    keyed_groups: Vec<KeyedGroup>,
    leading_separator: bool,
}

/// An entry of `keyed_groups`.
#[derive(Debug, Clone)]
struct KeyedGroup {
    key: Value,
    prefix: String,
    separator: String,
    parent: Option<Value>,
    default_value: Option<String>,
    trailing_separator: bool,
}

/// The options that [`Constructed::read`] takes.
pub(super) const OPTIONS: &[&str] =
    &["strict", "compose", "groups", "keyed_groups", "leading_separator", "use_extra_vars"];

fn wrong(name: &str, wanted: &str, value: &Value) -> Refused {
    let refused = Refused::new(format!("`{name}` is {wanted}, this is a {}", value.type_name()));
    match value.span() {
        Some(span) => refused.at(span),
        None => refused,
    }
}

/// A boolean option.
pub(super) fn flag(options: &Map, name: &str, default: bool) -> Result<bool, Refused> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => truthy(value).ok_or_else(|| wrong(name, "true or false", value)),
    }
}

/// A text option.
pub(super) fn text(options: &Map, name: &str) -> Result<Option<String>, Refused> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => scalar_text(value).map(Some).ok_or_else(|| wrong(name, "a text", value)),
    }
}

fn mapping(options: &Map, name: &str) -> Result<Map, Refused> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Map(map)) => Ok((**map).clone()),
        Some(other) => Err(wrong(name, "a mapping", other)),
    }
}

/// A list option.
pub(super) fn list(options: &Map, name: &str) -> Result<Vec<Value>, Refused> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => Ok(items.to_vec()),
        Some(other) => Err(wrong(name, "a list", other)),
    }
}

impl KeyedGroup {
    fn read(value: &Value) -> Result<Self, Refused> {
        let Value::Map(map) = value else {
            return Err(wrong("keyed_groups", "a list of mappings", value)
                .hint("as in `- key: proxmox_status` with `prefix` and `separator` below"));
        };
        let default_value = text(map, "default_value")?;
        if default_value.is_some() && map.contains_key("trailing_separator") {
            return Err(Refused::new(
                "parameters are mutually exclusive for keyed groups: default_value|trailing_separator",
            ));
        }
        let key = map.get("key").cloned().unwrap_or(Value::Null);
        if matches!(key, Value::Null) {
            return Err(wrong("key", "an expression", value).hint("each of `keyed_groups` needs a `key`"));
        }
        Ok(Self {
            key,
            prefix: text(map, "prefix")?.unwrap_or_default(),
            separator: text(map, "separator")?.unwrap_or_else(|| "_".to_owned()),
            parent: map.get("parent_group").filter(|v| is_true(v)).cloned(),
            default_value,
            trailing_separator: flag(map, "trailing_separator", true)?,
        })
    }

    /// The names that a key makes, without prefix.
    fn names(&self, key: &Value) -> Result<Vec<String>, Refused> {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::Str(text) => text.as_str().is_empty(),
            _ => false,
        };
        let shown = |value: &Value| windlass_protocol::args::python_text(&value.to_json());
        Ok(match key {
            key if empty(key) => self.default_value.iter().cloned().collect(),
            Value::Str(text) => vec![text.as_str().to_owned()],
            Value::List(items) => items
                .iter()
                .map(|item| match &self.default_value {
                    Some(default) if empty(item) => default.clone(),
                    _ => shown(item),
                })
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(name, value)| match &self.default_value {
                    Some(default) if empty(value) => format!("{name}{}{default}", self.separator),
                    None if empty(value) && !self.trailing_separator => name.to_string(),
                    _ => format!("{name}{}{}", self.separator, shown(value)),
                })
                .collect(),
            other => {
                return Err(Refused::new(format!(
                    "Invalid group name format, expected a string or a list of them or dictionary, got: {}",
                    other.type_name()
                ))
                .hint("turn it into a text: `key: proxmox_vmid | string`"));
            }
        })
    }
}

impl Constructed {
    /// Reads the options.
    pub(super) fn read(options: &Map) -> Result<Self, Refused> {
        Ok(Self {
            strict: flag(options, "strict", false)?,
            sees: Sees::default(),
            extra: Arc::default(),
            compose: mapping(options, "compose")?,
            groups: mapping(options, "groups")?,
            keyed_groups: list(options, "keyed_groups")?
                .iter()
                .map(KeyedGroup::read)
                .collect::<Result<_, _>>()?,
            leading_separator: flag(options, "leading_separator", true)?,
        })
    }

    /// Lets expressions see `-e`, if the configuration wants that.
    pub(super) fn see_extra_vars(&mut self, options: &Map, inventory: &Inventory) -> Result<(), Refused> {
        if flag(options, "use_extra_vars", inventory.rules.use_extra_vars)? {
            self.extra = Arc::clone(&inventory.rules.extra_vars);
        }
        Ok(())
    }

    fn with_extra(&self, mut variables: Map) -> Map {
        variables.extend(self.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        variables
    }

    /// Sets the variables of `compose`.
    pub(super) fn set_variables(
        &self,
        inventory: &mut Inventory,
        renderer: &Renderer,
        host: &str,
    ) -> Result<(), Refused> {
        let variables = self.with_extra(variables_of(inventory, host, self.sees)?);
        for (name, expression) in &self.compose {
            match renderer.compose(expression, &variables) {
                Ok(value) => inventory.set_host_var(host, name.clone(), value),
                Err(error) if self.strict => {
                    return Err(complaint(format!("Could not set {name} for host {host}: "), &error));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Puts a host into the groups whose condition it meets, and into those that its values make.
    pub(super) fn join_groups(
        &self,
        inventory: &mut Inventory,
        renderer: &Renderer,
        host: &str,
    ) -> Result<(), Refused> {
        let variables = variables_of(inventory, host, self.sees)?;
        for (group, condition) in &self.groups {
            match renderer.holds(condition, &variables) {
                Ok(true) => {
                    inventory.add_host(host, Some(&safe_group(&group.to_string())))?;
                }
                Ok(false) => {}
                Err(error) if self.strict => {
                    return Err(complaint(format!("Could not add host {host} to group {group}: "), &error));
                }
                Err(_) => {}
            }
        }
        for keyed in &self.keyed_groups {
            self.join_keyed(inventory, renderer, host, keyed)?;
        }
        Ok(())
    }

    fn join_keyed(
        &self,
        inventory: &mut Inventory,
        renderer: &Renderer,
        host: &str,
        keyed: &KeyedGroup,
    ) -> Result<(), Refused> {
        let variables = self.with_extra(variables_of(inventory, host, self.sees)?);
        let source = scalar_text(&keyed.key).unwrap_or_default();
        let key = match renderer.compose(&keyed.key, &variables) {
            Ok(key) => key,
            Err(error) if self.strict => {
                let what = format!("Could not generate group for host {host} from {source} entry: ");
                return Err(complaint(what, &error));
            }
            Err(_) => return Ok(()),
        };
        let nothing = matches!(key, Value::Null) || key.as_str() == Some("");
        let has_names = is_true(&key) || (nothing && keyed.default_value.is_some());
        if !has_names {
            let valid = matches!(key, Value::List(_) | Value::Map(_));
            if self.strict && !valid {
                return Err(Refused::new(format!(
                    "No key or key resulted empty for {source} in host {host}, invalid entry"
                )));
            }
            return Ok(());
        }
        let parent = match keyed.parent.as_ref().map(|p| renderer.render_with(p, &variables)).transpose() {
            Ok(parent) => parent.and_then(|p| scalar_text(&p)).filter(|p| !p.is_empty()),
            Err(error) if self.strict => {
                return Err(complaint("Could not generate parent group: ".to_owned(), &error));
            }
            Err(_) => return Ok(()),
        };
        let no_lead = keyed.prefix.is_empty() && !self.leading_separator;
        let separator = if no_lead { "" } else { keyed.separator.as_str() };
        for name in keyed.names(&key)? {
            let group = safe_group(&format!("{}{separator}{name}", keyed.prefix)).into_owned();
            inventory.add_host(host, Some(&group))?;
            if let Some(parent) = &parent {
                let parent = safe_group(parent);
                inventory.add_group(&parent)?;
                inventory.add_child(&parent, &group)?;
            }
        }
        Ok(())
    }
}

impl Renderer {
    /// A value with its templates rendered, which see these variables.
    pub(super) fn render_with(&self, value: &Value, variables: &Map) -> Result<Value, TemplateError> {
        self.templar.render(value, &TemplateContext::new(variables, &self.search))
    }
}

fn complaint(what: String, error: &TemplateError) -> Refused {
    let mut diagnostic = Diagnostic::error(format!("{what}{}", error.message));
    if let Some(span) = &error.span {
        diagnostic = diagnostic.at(span);
    }
    diagnostic.hint.clone_from(&error.hint);
    Refused(Box::new(diagnostic))
}

/// What expressions see: the host's variables, its name and its groups.
fn variables_of(inventory: &Inventory, host: &str, sees: Sees) -> Result<Map, Refused> {
    let own = || inventory.hosts.get(host).map(|h| (*h.vars).clone()).unwrap_or_default();
    let mut out: Map = match sees {
        Sees::Own => own(),
        Sees::Groups => {
            let groups = inventory.groups_of(host);
            let groups = groups.iter().flat_map(|group| group.vars.iter());
            groups.map(|(key, value)| (key.clone(), value.clone())).chain(own()).collect()
        }
        Sees::Files => inventory.host_vars(host, None).map_err(|e| Refused(Box::new(e.to_diagnostic())))?,
    };
    let short = match host.parse::<std::net::IpAddr>() {
        Ok(_) => host,
        Err(_) => host.split('.').next().unwrap_or(host),
    };
    let groups = inventory.group_names(host).into_iter().map(Value::from).collect();
    out.insert(Key::from("inventory_hostname"), Value::from(host));
    out.insert(Key::from("inventory_hostname_short"), Value::from(short));
    out.insert(Key::from("group_names"), Value::list(groups));
    Ok(out)
}

/// Options of the plugin `constructed` alone.
const OWN_OPTIONS: &[&str] = &["use_vars_plugins"];

/// The inventory plugin `ansible.builtin.constructed`: variables and groups for the hosts of the sources before it.
pub(super) fn read(inventory: &mut Inventory, path: &Path, config: &Value) -> Result<(), Refused> {
    plugin::warn_unknown(inventory, config, OWN_OPTIONS);
    let empty = Map::new();
    let options = config.as_map().unwrap_or(&empty);
    let mut constructed = Constructed::read(options)?;
    constructed.see_extra_vars(options, inventory)?;
    constructed.sees = if flag(options, "use_vars_plugins", false)? { Sees::Files } else { Sees::Groups };
    let secrets = Arc::clone(&inventory.secrets);
    let renderer = Renderer::new(&secrets, path);
    // Which groups a host has is known when all groups are below `all`.
    inventory.reconcile();
    let hosts: Vec<String> = inventory.hosts.keys().cloned().collect();
    for host in &hosts {
        constructed.set_variables(inventory, &renderer, host)?;
        constructed.join_groups(inventory, &renderer, host)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::vars::from_yaml::{OpenNothing, Reader};
    use windlass_yaml::{SourceFile, load_one};

    fn options(text: &str) -> Map {
        let node = load_one(SourceFile::new("x.proxmox.yml", text)).unwrap().0.unwrap();
        let value = Reader { open: &OpenNothing, secret: false, trusted: true }.value(&node);
        value.as_map().unwrap().clone()
    }

    /// The groups of a host with these variables, or why there are none.
    fn groups(config: &str) -> Result<Vec<String>, String> {
        let secrets = Arc::new(Secrets::none());
        let renderer = Renderer::new(&secrets, Path::new("/x/a.yml"));
        let mut inventory = Inventory::empty(&secrets);
        inventory.add_host("web1.example", None).unwrap();
        for (name, value) in
            options("{status: running, tags: [web, ''], id: 5, none: , nested: {role: db, zone: ''}}")
        {
            inventory.set_host_var("web1.example", name, value);
        }
        let made = Constructed::read(&options(config)).and_then(|c| {
            c.set_variables(&mut inventory, &renderer, "web1.example")?;
            c.join_groups(&mut inventory, &renderer, "web1.example")
        });
        made.map_err(|e| e.to_string())?;
        inventory.reconcile();
        Ok(inventory.group_names("web1.example").into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn groups_from_values() {
        assert_eq!(groups("keyed_groups: [{key: status}]").unwrap(), ["_running"]);
        assert_eq!(groups("{keyed_groups: [{key: status}], leading_separator: false}").unwrap(), ["running"]);
        assert_eq!(
            groups("keyed_groups: [{key: status, prefix: is, separator: '-'}]").unwrap(),
            ["is_running"]
        );
        let defaulted = "keyed_groups: [{key: tags, prefix: tag, default_value: empty}]";
        assert_eq!(groups(defaulted).unwrap(), ["tag_empty", "tag_web"]);
        assert_eq!(groups("keyed_groups: [{key: none, default_value: empty}]").unwrap(), ["_empty"]);
        let nested = "keyed_groups: [{key: nested, prefix: n, trailing_separator: false}]";
        assert_eq!(groups(nested).unwrap(), ["n_role_db", "n_zone"]);
        let parent = "keyed_groups: [{key: status, prefix: s, parent_group: '{{ status }}_all'}]";
        assert_eq!(groups(parent).unwrap(), ["running_all", "s_running"]);
    }

    #[test]
    fn conditions_see_composed_variables() {
        let config =
            "{compose: {port: id + 1, n: 2222}, groups: {six: port == 6, two: n == 2222, no: id == 1}}";
        assert_eq!(groups(config).unwrap(), ["six", "two"]);
        assert_eq!(groups("groups: {short: inventory_hostname_short == 'web1'}").unwrap(), ["short"]);
    }

    #[test]
    fn mistakes_count_when_strict() {
        assert_eq!(groups("groups: {x: nothing.here}").unwrap(), ["ungrouped"]);
        assert!(groups("{groups: {x: nothing.here}, strict: true}").unwrap_err().contains("to group x"));
        assert!(groups("{compose: {y: nothing}, strict: true}").unwrap_err().contains("Could not set y"));
        assert!(
            groups("{keyed_groups: [{key: none}], strict: true}").unwrap_err().contains("resulted empty")
        );
        assert!(groups("keyed_groups: [{key: id}]").unwrap_err().starts_with("Invalid group name format"));
        assert!(groups("keyed_groups: [{prefix: x}]").unwrap_err().contains("`key`"));
        assert!(groups("groups: [a]").unwrap_err().contains("a mapping"));
        let both = "keyed_groups: [{key: id, default_value: x, trailing_separator: true}]";
        assert!(groups(both).unwrap_err().contains("mutually exclusive"));
    }
}
