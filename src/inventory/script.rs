//! Inventory scripts: programs that print an inventory as JSON.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use indexmap::IndexSet;
use windlass_protocol::{Json, JsonMap};
use windlass_yaml::diagnostic::Diagnostic;

use super::error::Refused;
use super::model::Inventory;
use super::sources::Origin;
use crate::vars::from_yaml::Open;
use crate::vars::{Key, Text, Value};

/// The layout of values that scripts print.
const PROFILE: &str = "inventory_legacy";

/// Runs a script and reads what it prints into the inventory.
pub(crate) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let secrets = Arc::clone(&inventory.secrets);
    let origin = Origin::of(path, false, &secrets);
    let output = run(path, &["--list"])?;
    if inventory.rules.script_stderr && !output.stderr.is_empty() {
        inventory.warn(Diagnostic::warning(format!("the inventory script says: {}", output.stderr)));
    }
    fill(inventory, &origin, path, &output).map_err(|refused| output.explain(refused))
}

fn fill(inventory: &mut Inventory, origin: &Origin, path: &Path, output: &Output) -> Result<(), Refused> {
    let parsed = parse(output.text()?).ok_or_else(|| {
        undecodable("Value could not be parsed as JSON")
            .hint("if this is no script, remove its executable bit")
    })?;
    let Json::Object(groups) = parsed else {
        return Err(undecodable(&format!("Value is '{}' instead of 'dict'", python_type(&parsed))));
    };
    let mut found: IndexSet<String> = IndexSet::new();
    let mut meta: Option<JsonMap> = match groups.get("_meta") {
        None => None,
        Some(meta) => hostvars(meta)?,
    };
    // What could be mistaken for an encrypted value or an untrusted one.
    let marked = ["__ansible_vault", "__ansible_unsafe"].iter().any(|mark| groups.contains_key(*mark));
    if marked {
        return Err(Refused::new("Inventory script result could not be parsed as JSON: a mark is no group"));
    }
    for (name, data) in groups.into_iter().filter(|(name, _)| name != "_meta") {
        read_group(inventory, origin, &name, data, &mut found)?;
    }
    for host in found {
        let vars = match &mut meta {
            Some(meta) => match meta.shift_remove(&host) {
                Some(Json::Object(vars)) => vars,
                None => continue,
                Some(other) => {
                    let kind = python_type(&other);
                    let text =
                        format!("Invalid data from file, expected dictionary and got: {kind} for '{host}'");
                    return Err(Refused::new(text));
                }
            },
            None => {
                let output = run(path, &["--host", &host])?;
                let text = output.text()?;
                if text.trim().is_empty() {
                    continue;
                }
                match parse(text) {
                    Some(Json::Object(vars)) => vars,
                    Some(other) => {
                        let kind = python_type(&other);
                        let text = format!(
                            "Inventory script result for host '{host}' is '{kind}' instead of 'dict'"
                        );
                        return Err(output.explain(Refused::new(text)));
                    }
                    None => {
                        let text =
                            format!("Inventory script result for host '{host}' could not be parsed as JSON");
                        return Err(output.explain(Refused::new(text)));
                    }
                }
            }
        };
        for (key, item) in vars {
            let value = value(origin, item);
            origin.set_var(inventory, &host, Key::from(key), value)?;
        }
    }
    Ok(())
}

/// The variables of hosts in `_meta`, if there are any.
fn hostvars(meta: &Json) -> Result<Option<JsonMap>, Refused> {
    let Json::Object(meta) = meta else {
        let kind = python_type(meta);
        return Err(undecodable(&format!("Value contains '_meta' which is '{kind}' instead of 'dict'")));
    };
    match meta.get("profile") {
        None => {}
        Some(Json::String(profile)) if profile == PROFILE => {}
        Some(Json::String(profile)) if profile.starts_with("inventory_") => {
            return Err(undecodable(&format!("Unknown profile name '{profile}'")));
        }
        Some(Json::String(profile)) => {
            return Err(undecodable(&format!("Non-inventory profile '{profile}' is not allowed.")));
        }
        Some(other) => {
            let kind = python_type(other);
            let text = format!("Value contains '_meta.profile' which is '{kind}' instead of 'str'");
            return Err(undecodable(&text));
        }
    }
    match meta.get("hostvars") {
        None => Ok(None),
        Some(Json::Object(vars)) => Ok(Some(vars.clone())),
        Some(other) => {
            let kind = python_type(other);
            Err(Refused::new(format!("Value contains '_meta.hostvars' which is '{kind}' instead of 'dict'")))
        }
    }
}

fn undecodable(reason: &str) -> Refused {
    Refused::new(format!("Unable to get JSON decoder for inventory script result. {reason}"))
}

/// The words of Python for what a value is, which the messages of Ansible have.
fn python_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

fn read_group(
    inventory: &mut Inventory,
    origin: &Origin,
    name: &str,
    data: Json,
    found: &mut IndexSet<String>,
) -> Result<(), Refused> {
    origin.add_group(inventory, name, None)?;
    let mut trusted = true;
    let data = match data {
        Json::Object(data) if ["hosts", "vars", "children"].iter().any(|key| data.contains_key(*key)) => data,
        // An object without the usual keys is a host with its variables.
        Json::Object(vars) => {
            inventory.warn(Diagnostic::warning(format!(
                "Treating malformed group '{name}' as the sole host of that group: it has none of hosts, vars and children"
            )));
            trusted = false;
            let mut data = JsonMap::new();
            data.insert("hosts".into(), Json::Array(vec![Json::String(name.to_owned())]));
            data.insert("vars".into(), Json::Object(vars));
            data
        }
        hosts => {
            if !matches!(hosts, Json::Null | Json::Array(_)) {
                let kind = python_type(&hosts);
                let text = format!("Group '{name}' was converted to 'dict' from '{kind}'");
                inventory.warn(Diagnostic::warning(text).hint("write `{\"hosts\": [...]}`"));
            }
            JsonMap::from_iter([("hosts".to_owned(), hosts)])
        }
    };
    let wrong = |key: &str, wanted: &str, found: &Json| {
        let kind = python_type(found);
        Err(Refused::new(format!("Value contains '{name}.{key}' which is '{kind}' instead of '{wanted}'")))
    };
    for (key, content) in data {
        match (key.as_str(), content) {
            ("hosts", Json::Array(hosts)) => {
                for host in hosts {
                    let Json::String(host) = host else { return wrong("hosts[]", "str", &host) };
                    origin.add_host(inventory, &host, Some(name), None)?;
                    found.insert(host);
                }
            }
            ("vars", Json::Object(vars)) => {
                for (key, item) in vars {
                    let value = if trusted { value(origin, item) } else { untrusted(origin, item) };
                    inventory.set_group_var(name, Key::from(key), value)?;
                }
            }
            ("children", Json::Array(children)) => {
                for child in children {
                    let Json::String(child) = child else { return wrong("children[]", "str", &child) };
                    origin.add_group(inventory, &child, None)?;
                    inventory.add_child(name, &child)?;
                }
            }
            ("hosts" | "children", other) => return wrong(&key, "list", &other),
            ("vars", other) => return wrong("vars", "dict", &other),
            _ => {}
        }
    }
    Ok(())
}

/// What a script printed.
struct Output {
    stdout: Vec<u8>,
    stderr: String,
}

impl Output {
    fn text(&self) -> Result<&str, Refused> {
        std::str::from_utf8(&self.stdout).map_err(|_| {
            Refused::new("Inventory script result contained characters that cannot be interpreted as UTF-8")
        })
    }
    /// A refusal with what the script said.
    fn explain(&self, Refused(reason): Refused) -> Refused {
        if self.stderr.is_empty() {
            Refused(reason)
        } else {
            Refused(Box::new(reason.note(self.stderr.clone())))
        }
    }
}

fn run(path: &Path, args: &[&str]) -> Result<Output, Refused> {
    let output = Command::new(path).args(args).stdin(Stdio::null()).output().map_err(|error| {
        Refused::new(format!("Failed to execute inventory script command {}: {error}", path.display()))
    })?;
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = Output { stdout: output.stdout, stderr };
    if !output.status.success() {
        let how = match output.status.code() {
            Some(code) => format!("Inventory script returned non-zero exit code {code}"),
            None => format!("Inventory script was ended by a signal ({})", output.status),
        };
        let how = format!("{how}: {} {}", path.display(), args.join(" "));
        return Err(said.explain(Refused::new(how)));
    }
    Ok(said)
}

fn parse(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok()
}

/// A value of which nothing is a template.
fn untrusted(origin: &Origin, item: Json) -> Value {
    fn plain(value: Value) -> Value {
        match value {
            Value::Str(text) => Value::Str(text.into_untrusted()),
            Value::List(items) => Value::list(items.iter().cloned().map(plain).collect()),
            Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), plain(v.clone()))).collect()),
            other => other,
        }
    }
    plain(value(origin, item))
}

/// What a script says is the operator's own word: its strings may be templates, unless it marks them.
fn value(origin: &Origin, item: Json) -> Value {
    match item {
        Json::String(text) => origin.text(&text, None),
        Json::Array(items) => Value::list(items.into_iter().map(|item| value(origin, item)).collect()),
        Json::Object(map) => {
            if let (1, Some(Json::String(text))) = (map.len(), map.get("__ansible_unsafe")) {
                return Value::Str(Text::plain(text.as_str()));
            }
            if let (1, Some(Json::String(text))) = (map.len(), map.get("__ansible_vault"))
                && let Ok(plain) = origin.secrets().open(text)
            {
                return Value::Str(Text::trusted(plain, None).into_secret());
            }
            Value::map(map.into_iter().map(|(key, item)| (Key::from(key), value(origin, item))).collect())
        }
        other => Value::from(other),
    }
}
