//! `windlass inventory`.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_protocol::{Json, JsonMap};
use windlass_yaml::diagnostic::Diagnostic;

use super::console::Console;
use super::plain_yaml;
use crate::cli::inventory::InventoryArgs;
use crate::inventory::{Group, Inventory, InventoryError, PatternError, Rules};
use crate::secrets::{MASK, SecretError, Secrets};
use crate::vars::{Key, Map, Value};

/// The profile that Ansible names in what it prints.
const PROFILE: &str = "inventory_legacy";
/// Variables that say where a host was found; they are not part of what is shown.
const INTERNAL: [&str; 2] = ["inventory_file", "inventory_dir"];

/// What the command needs beside its own options.
pub struct Given {
    /// Opens encrypted files.
    pub secrets: Arc<Secrets>,
    /// The sources to read.
    pub sources: Vec<String>,
    /// `-e`.
    pub extra_vars: Arc<Map>,
    /// `--export` is configured.
    pub export: bool,
    /// The folder of the playbook, by `--playbook-dir` or the configuration.
    pub playbook_dir: Option<PathBuf>,
    /// How sources are read.
    pub rules: Rules,
}

impl Given {
    /// From the options and the environment alone, without a configuration file and without extra variables.
    pub fn from_options(args: &InventoryArgs, console: &Console<'_>) -> Result<Self, SecretError> {
        let options = args.secrets.options();
        let secrets = Secrets::new(&options, Arc::clone(&console.ask), Arc::clone(&console.redactor))?;
        let mut sources = args.inventory.clone();
        if sources.is_empty() {
            sources = match std::env::var("ANSIBLE_INVENTORY") {
                Ok(list) if !list.is_empty() => list.split(',').map(|part| part.trim().to_owned()).collect(),
                _ => vec!["/etc/ansible/hosts".to_owned()],
            };
        }
        Ok(Self {
            secrets: Arc::new(secrets),
            sources,
            extra_vars: Arc::default(),
            export: false,
            playbook_dir: args.playbook_dir.clone(),
            rules: Rules::default(),
        })
    }
}

/// Why the command fails.
#[derive(Debug, thiserror::Error)]
pub enum InventoryCommandError {
    /// The inventory or its files.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// A pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// `--host` did not name one host.
    #[error("You must pass a single valid host to --host parameter")]
    OneHost {
        /// What was given.
        pattern: String,
        /// How many hosts it means.
        count: usize,
    },
    /// None of `--list`, `--host` and `--graph`.
    #[error("No action selected, at least one of --host, --graph or --list needs to be specified.")]
    NoAction,
    /// Several of them.
    #[error("Conflicting options used, only one of --host, --graph or --list can be used at the same time.")]
    Actions,
    /// `--graph` with something that is no group.
    #[error("Pattern must be valid group name when using --graph")]
    NoGroup(String),
    /// It cannot be shown as TOML.
    #[error("cannot be written as TOML: {0}")]
    Toml(#[from] toml::ser::Error),
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl InventoryCommandError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            Self::Inventory(error) => error.to_diagnostic(),
            Self::Pattern(error) => error.to_diagnostic(),
            Self::OneHost { pattern, count } => {
                Diagnostic::error(self.to_string()).hint(format!("`{pattern}` means {count} hosts"))
            }
            Self::NoGroup(name) => {
                Diagnostic::error(self.to_string()).hint(format!("there is no group `{name}`"))
            }
            _ => Diagnostic::error(self.to_string()),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::OneHost { .. } | Self::NoGroup(_) | Self::NoAction | Self::Actions => 5,
            Self::Inventory(InventoryError::Unparsed { .. } | InventoryError::NothingParsed { .. }) => 1,
            Self::Inventory(_) => 4,
            _ => 1,
        }
    }
}

/// Runs the command; the result is its exit code.
pub fn run(args: &InventoryArgs, given: &Given, console: &mut Console<'_>) -> u8 {
    let chosen = [args.list, args.graph, args.host.is_some()].into_iter().filter(|chosen| *chosen).count();
    if chosen != 1 {
        let error =
            if chosen == 0 { InventoryCommandError::NoAction } else { InventoryCommandError::Actions };
        console.report(&error.to_diagnostic());
        return error.code();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let loaded = Inventory::load_by(given.rules.clone(), &given.sources, &here, &given.secrets);
    let result = loaded.map_err(InventoryCommandError::from).and_then(|(inventory, warnings)| {
        warnings.iter().for_each(|warning| console.report(warning));
        let view = View { inventory: &inventory, args, given, here };
        let text = view.text();
        inventory.take_warnings().iter().for_each(|warning| console.report(warning));
        view.put(&text?, console)
    });
    match result {
        Ok(()) => 0,
        Err(error) => {
            console.report(&error.to_diagnostic());
            error.code()
        }
    }
}

struct View<'a> {
    inventory: &'a Inventory,
    args: &'a InventoryArgs,
    given: &'a Given,
    here: PathBuf,
}

impl View<'_> {
    fn text(&self) -> Result<String, InventoryCommandError> {
        if let Some(pattern) = &self.args.host {
            let hosts = self.inventory.match_pattern(pattern, None)?;
            let [host] = hosts.as_slice() else {
                return Err(InventoryCommandError::OneHost { pattern: pattern.clone(), count: hosts.len() });
            };
            return self.dump(Json::Object(self.host_vars(host)?));
        }
        if self.args.graph {
            let name = self.args.group.as_deref().unwrap_or("all");
            let group = self.inventory.groups.get(name);
            let group = group.ok_or_else(|| InventoryCommandError::NoGroup(name.to_owned()))?;
            let mut out = String::new();
            self.graph(group, 0, &mut out)?;
            return Ok(out);
        }
        let hosts: Vec<String> = self.inventory.match_pattern("all", self.args.limit.as_deref())?;
        let tree = if self.args.yaml {
            let mut seen = (HashSet::new(), HashSet::new());
            self.nested("all", &hosts.iter().map(String::as_str).collect(), &mut seen)?
        } else if self.args.toml {
            let mut seen = HashSet::new();
            let mut out = JsonMap::new();
            self.tables("all", &hosts.iter().map(String::as_str).collect(), &mut seen, &mut out)?;
            Json::Object(out)
        } else {
            self.flat(&hosts)?
        };
        self.dump(tree)
    }

    fn export(&self) -> bool {
        self.args.export || self.given.export
    }

    /// Whether what is no template is marked as such.
    fn marks(&self) -> bool {
        self.args.list && !(self.args.yaml || self.args.toml)
    }

    /// The folder whose `host_vars` and `group_vars` hosts see: as in a run, this one, but for an export.
    fn playbook_dir(&self) -> Option<&Path> {
        self.given.playbook_dir.as_deref().or((!self.export()).then_some(&*self.here))
    }

    fn put(&self, text: &str, console: &mut Console<'_>) -> Result<(), InventoryCommandError> {
        match &self.args.output {
            // It may hold what is meant for nobody else.
            Some(path) => crate::secrets::write_private(path, text.as_bytes())
                .map_err(|source| InventoryCommandError::Write { path: path.clone(), source }),
            None => console
                .print(text)
                .map_err(|source| InventoryCommandError::Write { path: "standard output".into(), source }),
        }
    }

    fn dump(&self, tree: Json) -> Result<String, InventoryCommandError> {
        let tree = sorted(tree);
        Ok(if self.args.yaml {
            plain_yaml::write(&tree)
        } else if self.args.toml {
            toml::to_string(&without_null(tree))?
        } else {
            json_text(&tree) + "\n"
        })
    }

    /// As an inventory script prints it.
    fn flat(&self, hosts: &[String]) -> Result<Json, InventoryCommandError> {
        let available: HashSet<&str> = hosts.iter().map(String::as_str).collect();
        let mut out = JsonMap::new();
        let mut open = vec!["all"];
        let mut seen = HashSet::from(["all"]);
        while let Some(name) = open.pop() {
            let Some(group) = self.inventory.groups.get(name) else { continue };
            let mut entry = JsonMap::new();
            let members = if name == "all" { Vec::new() } else { listed(group, &available) };
            if !members.is_empty() {
                entry.insert("hosts".into(), Json::from(members));
            }
            if !group.children.is_empty() {
                entry.insert("children".into(), Json::from_iter(group.children.iter().map(String::as_str)));
            }
            open.extend(group.children.iter().map(String::as_str).filter(|child| seen.insert(child)));
            if self.export() {
                let vars = self.group_vars(group)?;
                if !vars.is_empty() {
                    entry.insert("vars".into(), Json::Object(vars));
                }
            }
            if !entry.is_empty() {
                out.insert(name.to_owned(), Json::Object(entry));
            }
        }
        let mut meta = JsonMap::new();
        for host in hosts {
            let vars = self.host_vars(host)?;
            if !vars.is_empty() {
                meta.insert(host.clone(), Json::Object(vars));
            }
        }
        out.insert("_meta".into(), serde_json::json!({"hostvars": meta, "profile": PROFILE}));
        Ok(Json::Object(out))
    }

    /// As a YAML inventory: a group within its parent; each host's variables only once.
    fn nested<'v>(
        &'v self,
        name: &'v str,
        available: &HashSet<&str>,
        seen: &mut (HashSet<&'v str>, HashSet<&'v str>),
    ) -> Result<Json, InventoryCommandError> {
        let mut entry = JsonMap::new();
        let Some(group) = self.inventory.groups.get(name) else { return Ok(Json::Object(entry)) };
        let mut children = JsonMap::new();
        for child in &group.children {
            if seen.0.contains(child.as_str()) {
                children.insert(child.clone(), Json::Object(JsonMap::new()));
            } else {
                if let Json::Object(inner) = self.nested(child, available, seen)? {
                    children.extend(inner);
                }
                seen.0.insert(child);
            }
        }
        let mut hosts = JsonMap::new();
        for host in group.hosts.iter().filter(|host| name != "all" && available.contains(host.as_str())) {
            let vars = if seen.1.insert(host) { self.host_vars(host)? } else { JsonMap::new() };
            hosts.insert(host.clone(), Json::Object(vars));
        }
        let vars = if self.export() { self.group_vars(group)? } else { JsonMap::new() };
        for (key, map) in [("children", children), ("hosts", hosts), ("vars", vars)] {
            if !map.is_empty() {
                entry.insert(key.into(), Json::Object(map));
            }
        }
        let mut out = JsonMap::new();
        if !entry.is_empty() {
            out.insert(name.to_owned(), Json::Object(entry));
        }
        Ok(Json::Object(out))
    }

    /// As a TOML inventory: one table per group.
    fn tables<'v>(
        &'v self,
        name: &'v str,
        available: &HashSet<&str>,
        seen: &mut HashSet<&'v str>,
        out: &mut JsonMap,
    ) -> Result<(), InventoryCommandError> {
        let Some(group) = self.inventory.groups.get(name) else { return Ok(()) };
        let mut entry = JsonMap::new();
        for child in &group.children {
            self.tables(child, available, seen, out)?;
        }
        if name != "all" && !group.children.is_empty() {
            entry.insert("children".into(), Json::from_iter(group.children.iter().map(String::as_str)));
        }
        let mut hosts = JsonMap::new();
        for host in group.hosts.iter().filter(|host| name != "all" && available.contains(host.as_str())) {
            let vars = if seen.insert(host) { self.host_vars(host)? } else { JsonMap::new() };
            hosts.insert(host.clone(), Json::Object(vars));
        }
        if !hosts.is_empty() {
            entry.insert("hosts".into(), Json::Object(hosts));
        }
        if self.export() {
            let vars = self.group_vars(group)?;
            if !vars.is_empty() {
                entry.insert("vars".into(), Json::Object(vars));
            }
        }
        if !entry.is_empty() {
            out.insert(name.to_owned(), Json::Object(entry));
        }
        Ok(())
    }

    fn graph(&self, group: &Group, depth: usize, out: &mut String) -> Result<(), InventoryCommandError> {
        push(out, depth, &format!("@{}:", group.name));
        for child in group.children.iter().filter_map(|name| self.inventory.groups.get(name)) {
            self.graph(child, depth + 1, out)?;
        }
        if group.name != "all" {
            for host in &group.hosts {
                push(out, depth + 1, host);
                if self.args.vars {
                    show_vars(out, depth + 2, self.host_vars(host)?);
                }
            }
        }
        if self.args.vars {
            show_vars(out, depth + 1, self.group_vars(group)?);
        }
        Ok(())
    }

    fn host_vars(&self, host: &str) -> Result<JsonMap, InventoryCommandError> {
        use crate::inventory::LayerKind as Kind;
        let mut out = Map::new();
        for (kind, layer) in self.inventory.host_vars_layers(host, self.playbook_dir())? {
            let own = matches!(kind, Kind::InventoryHost | Kind::InventoryHostVars | Kind::PlaybookHostVars);
            if own || !self.export() {
                self.inventory.lay_over(&mut out, &layer);
            }
        }
        if !self.export() {
            out.extend(self.given.extra_vars.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Ok(self.shown(&out))
    }

    fn group_vars(&self, group: &Group) -> Result<JsonMap, InventoryCommandError> {
        let mut out = self.inventory.group_vars(&group.name, self.given.playbook_dir.as_deref())?;
        if group.priority != 1 {
            out.insert(Key::from("ansible_group_priority"), Value::Int(group.priority));
        }
        Ok(self.shown(&out))
    }

    fn shown(&self, vars: &Map) -> JsonMap {
        let visible = vars.iter().filter(|(key, _)| !key.as_str().is_some_and(|key| INTERNAL.contains(&key)));
        visible.map(|(key, value)| (key.to_string(), self.json(value))).collect()
    }

    /// The value as it is shown: secrets are not, unless that is asked for.
    fn json(&self, value: &Value) -> Json {
        match value {
            Value::Str(text) if text.is_secret() && !self.args.show_secrets => Json::from(MASK),
            // Read back by a script's reader, what a plugin was told must not become a template.
            Value::Str(text) if !text.is_trusted() && self.marks() => {
                serde_json::json!({"__ansible_unsafe": text.as_str()})
            }
            Value::Sealed(sealed) => serde_json::json!({"__ansible_vault": sealed.ciphertext}),
            Value::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Map(map) => {
                Json::Object(map.iter().map(|(key, value)| (key.to_string(), self.json(value))).collect())
            }
            other => other.to_json(),
        }
    }
}

fn listed<'g>(group: &'g Group, available: &HashSet<&str>) -> Vec<&'g str> {
    group.hosts.iter().map(String::as_str).filter(|host| available.contains(host)).collect()
}

fn push(out: &mut String, depth: usize, name: &str) {
    out.push_str(&"  |".repeat(depth));
    if depth > 0 {
        out.push_str("--");
    }
    out.push_str(name);
    out.push('\n');
}

fn show_vars(out: &mut String, depth: usize, vars: JsonMap) {
    let mut vars: Vec<_> = vars.into_iter().collect();
    vars.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (key, value) in vars {
        push(out, depth, &format!("{{{key} = {}}}", python(&value, false)));
    }
}

/// A value as Python prints it.
fn python(value: &Json, quoted: bool) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string(),
        Json::String(text) if !quoted => text.clone(),
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let escaped =
                text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
            let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
            format!("{quote}{escaped}{quote}")
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(|item| python(item, true)).collect::<Vec<_>>().join(", "))
        }
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| {
                format!("{}: {}", python(&Json::from(key.as_str()), true), python(value, true))
            };
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

fn sorted(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Json::Object(entries.into_iter().collect())
        }
        other => other,
    }
}

/// TOML knows no null: such variables are left out.
fn without_null(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(without_null).collect(),
        Json::Object(map) => Json::Object(
            map.into_iter()
                .filter(|(_, item)| !item.is_null())
                .map(|(key, item)| (key, without_null(item)))
                .collect(),
        ),
        other => other,
    }
}

/// JSON as Ansible prints it: with four blanks of indentation.
fn json_text(value: &Json) -> String {
    use serde::Serialize;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    // Writing a JSON value to memory cannot fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
