//! The names of secrets: what the example uses, what `vault.example.yml` describes, and what `vault.yml` holds.

use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/app_stack")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(example().join(file)).unwrap()
}

fn names(yaml: &str) -> BTreeSet<String> {
    serde_yaml::from_str::<Map<String, Value>>(yaml).unwrap().keys().cloned().collect()
}

/// Everything in the example's templates that begins so; and what has no default besides.
fn used() -> (BTreeSet<String>, BTreeSet<String>) {
    let name = Regex::new(r"\b(vault_[a-z0-9_]+)( \| default\()?").unwrap();
    let mut files = vec!["ansible.cfg".to_owned()];
    for folder in
        ["inventories/production", "inventories/production/group_vars/all", "playbooks", "playbooks/app"]
    {
        for entry in std::fs::read_dir(example().join(folder)).unwrap().map(Result::unwrap) {
            let file = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_file() && !file.starts_with("vault.") {
                files.push(format!("{folder}/{file}"));
            }
        }
    }
    let environments: Value =
        serde_yaml::from_str(&read("inventories/production/group_vars/all/main.yml")).unwrap();
    let environments = environments["app_projects"]["pote"]["envs"].as_object().unwrap().clone();
    let (mut all, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        for found in name.captures_iter(&read(&file)) {
            // A setting of ansible.cfg.
            if &found[1] == "vault_password_file" {
                continue;
            }
            // One for each environment: vault_..._ ~ app_env.
            let these: Vec<String> = if found[1].ends_with('_') {
                environments.keys().map(|env| format!("{}{env}", &found[1])).collect()
            } else {
                vec![found[1].to_owned()]
            };
            if found.get(2).is_none() {
                needed.extend(these.clone());
            }
            all.extend(these);
        }
    }
    (all, needed)
}

#[test]
fn every_secret_is_in_the_example_of_the_vault() {
    let vaults = "inventories/production/group_vars/all/vault";
    let text = read(&format!("{vaults}.example.yml"));
    // As the file itself says it is to be used.
    let described: String =
        text.lines().filter_map(|l| l.strip_prefix("#= ")).map(|l| format!("{l}\n")).collect();
    let described = names(&described);
    let (all, needed) = used();
    assert!(needed.len() > 5 && all.contains("vault_pote_db_password_qa"), "{all:?}");
    assert_eq!(all, described, "used, and described in vault.example.yml");
    assert!(
        text.lines().all(|l| l.starts_with('#') || l == "---"),
        "vault.example.yml is read as group_vars too"
    );

    let view = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["vault", "view", &format!("{vaults}.yml")])
        .current_dir(example())
        .output()
        .unwrap();
    assert!(view.status.success(), "{}", String::from_utf8_lossy(&view.stderr));
    let held = names(&String::from_utf8(view.stdout).unwrap());
    assert!(
        held.is_subset(&described),
        "in vault.yml, and nowhere described: {:?}",
        held.difference(&described)
    );
    assert!(needed.is_subset(&held), "needed, and not in vault.yml: {:?}", needed.difference(&held));
}
