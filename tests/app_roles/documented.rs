//! What the roles of the app stack say of their variables: `defaults/main.yml`, `meta/argument_specs.yml` and the README agree.

use regex::Regex;
use serde_json::{Map, Value};
use std::path::Path;

const ROLES: [&str; 5] = ["app_setup", "base_os", "pote", "proxmox_vm", "smoke_check"];

fn read(role: &str, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("roles").join(role).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A default as a README shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The rows of the tables of variables: the names, and the cell of the default.
fn rows(readme: &str) -> Vec<(Vec<String>, String)> {
    let name = Regex::new("`([a-z][a-z0-9_]*)`").unwrap();
    let mut rows = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("| Variable | Default |") {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("|---") {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let names = name.captures_iter(cells[1]).map(|found| found[1].to_owned()).collect();
            rows.push((names, cells[2].to_owned()));
        }
    }
    rows
}

/// What is wrong with the variables of a role.
fn disagreements(role: &str) -> Vec<String> {
    let defaults: Map<String, Value> = serde_yaml::from_str(&read(role, "defaults/main.yml")).unwrap();
    let specs: Value = serde_yaml::from_str(&read(role, "meta/argument_specs.yml")).unwrap();
    let readme = read(role, "README.md");
    let mut wrong = Vec::new();
    let mut described = Vec::new();
    for (entry, spec) in specs["argument_specs"].as_object().unwrap() {
        for (name, option) in spec["options"].as_object().unwrap() {
            described.push(name.clone());
            let required = option["required"] == true;
            match (defaults.get(name), option.get("default")) {
                (Some(_), _) if required => {
                    wrong.push(format!("{name} is required by {entry} and has a default"))
                }
                (real, said) if real != said => {
                    wrong.push(format!(
                        "the default of {name} is {real:?}, and {said:?} in the spec of {entry}"
                    ));
                }
                _ => {}
            }
        }
    }
    let undescribed = defaults.keys().filter(|name| !described.contains(name));
    wrong.extend(undescribed.map(|name| format!("{name} is in no spec")));

    let rows = rows(&readme);
    let value = Regex::new("^`([^`]+)`$").unwrap();
    for name in &described {
        let Some((names, cell)) = rows.iter().find(|(names, _)| names.contains(name)) else {
            wrong.push(format!("{name} is in no table of the README"));
            continue;
        };
        let Some(default) = defaults.get(name) else {
            if cell != "required" {
                wrong.push(format!("{name} has no default, and {cell} in the README"));
            }
            continue;
        };
        if cell == "required" {
            wrong.push(format!("{name} has a default, and is required in the README"));
        }
        // Lists are code with commas in it; anything but code is prose, which nobody can compare.
        let cells: Vec<&str> = if names.len() == 1 { vec![cell] } else { cell.split(", ").collect() };
        let at = names.iter().position(|other| other == name).unwrap();
        let Some(cell) = (if cells.len() == 1 { cells.first() } else { cells.get(at) }) else {
            wrong.push(format!("{name} has no default in the README: {cell}"));
            continue;
        };
        let (Some(said), real) = (value.captures(cell), shown(default)) else { continue };
        let same = match said[1].strip_suffix("...") {
            Some(begin) => real.starts_with(begin),
            None => real == said[1] || real.contains("{{"),
        };
        if !same {
            wrong.push(format!("the default of {name} is {real}, and {} in the README", &said[1]));
        }
    }
    wrong
}

#[test]
fn variables_are_documented_as_they_are() {
    let wrong: Vec<String> = ROLES
        .iter()
        .flat_map(|role| disagreements(role).into_iter().map(move |w| format!("{role}: {w}")))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
