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

/// Runs a script and reads what it prints into the inventory.
pub(crate) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let secrets = Arc::clone(&inventory.secrets);
    let origin = Origin::of(path, false, &secrets);
    let output = run(path, &["--list"])?;
    let Json::Object(groups) = parse(path, &output)? else {
        return Err(Refused::new(format!("{} printed JSON that is no object", path.display())));
    };
    let mut found: IndexSet<String> = IndexSet::new();
    let mut meta: Option<JsonMap> = None;
    for (name, data) in groups {
        if name == "_meta" {
            meta = match data.get("hostvars") {
                Some(Json::Object(vars)) => Some(vars.clone()),
                None => None,
                Some(_) => return Err(Refused::new("`_meta.hostvars` must be an object")),
            };
        } else {
            read_group(inventory, &origin, &name, data, &mut found)?;
        }
    }
    for host in found {
        let vars = match &mut meta {
            Some(meta) => match meta.shift_remove(&host) {
                Some(Json::Object(vars)) => vars,
                _ => continue,
            },
            None => {
                let output = run(path, &["--host", &host])?;
                if output.trim().is_empty() {
                    continue;
                }
                match parse(path, &output)? {
                    Json::Object(vars) => vars,
                    _ => {
                        return Err(Refused::new(format!(
                            "{} --host {host} printed no object",
                            path.display()
                        )));
                    }
                }
            }
        };
        for (key, item) in vars {
            let value = value(&origin, item);
            origin.set_var(inventory, &host, Key::from(key), value)?;
        }
    }
    Ok(())
}

fn read_group(
    inventory: &mut Inventory,
    origin: &Origin,
    name: &str,
    data: Json,
    found: &mut IndexSet<String>,
) -> Result<(), Refused> {
    origin.add_group(inventory, name, None)?;
    let data = match data {
        Json::Object(data) if ["hosts", "vars", "children"].iter().any(|key| data.contains_key(*key)) => data,
        // An object without the usual keys is a host with its variables.
        Json::Object(vars) => {
            let mut data = JsonMap::new();
            data.insert("hosts".into(), Json::Array(vec![Json::String(name.to_owned())]));
            data.insert("vars".into(), Json::Object(vars));
            data
        }
        hosts => JsonMap::from_iter([("hosts".to_owned(), hosts)]),
    };
    let wrong =
        |key: &str, wanted: &str| Err(Refused::new(format!("`{key}` of group `{name}` must be {wanted}")));
    for (key, content) in data {
        match (key.as_str(), content) {
            ("hosts", Json::Array(hosts)) => {
                for host in hosts {
                    let Json::String(host) = host else { return wrong("hosts", "a list of names") };
                    origin.add_host(inventory, &host, Some(name), None)?;
                    found.insert(host);
                }
            }
            ("vars", Json::Object(vars)) => {
                for (key, item) in vars {
                    inventory.set_group_var(name, Key::from(key), value(origin, item))?;
                }
            }
            ("children", Json::Array(children)) => {
                for child in children {
                    let Json::String(child) = child else { return wrong("children", "a list of names") };
                    origin.add_group(inventory, &child, None)?;
                    inventory.add_child(name, &child)?;
                }
            }
            ("hosts" | "children", _) => return wrong(&key, "a list"),
            ("vars", _) => return wrong("vars", "an object"),
            _ => {}
        }
    }
    Ok(())
}

fn run(path: &Path, args: &[&str]) -> Result<String, Refused> {
    let output = Command::new(path)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Refused::new(format!("cannot run {}: {error}", path.display())))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let mut refused =
            Diagnostic::error(format!("{} {} failed ({})", path.display(), args.join(" "), output.status));
        if !stderr.trim().is_empty() {
            refused = refused.note(stderr.trim().to_owned());
        }
        return Err(Refused(Box::new(refused)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Refused::new(format!("{} printed no UTF-8 text", path.display())))
}

fn parse(path: &Path, output: &str) -> Result<Json, Refused> {
    serde_json::from_str(output).map_err(|error| {
        Refused::new(format!("{} printed no valid JSON: {error}", path.display()))
            .hint("if this is no script, remove its executable bit")
    })
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
