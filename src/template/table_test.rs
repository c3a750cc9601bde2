//! Every line of `tests/data/templates/cases/` gives what ansible-core gave (`expected/`, written by `make.py`).
#![allow(clippy::unwrap_used)]

use super::{SearchPath, Templar, TemplarSettings, TemplateContext};
use crate::vars::from_yaml::{OpenNothing, Reader};
use crate::vars::{Key, Map, Text, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use windlass_yaml::SourceFile;

/// Lines whose outcome differs from the reference's, each with the reason. The test fails when another one differs, and
/// when one of these no longer does.
const DIFFERS: &str = include_str!("../../tests/data/templates/differs.json");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/templates")
}

fn variables(tree: &Path) -> Map {
    let file = SourceFile::new("vars.yml", std::fs::read_to_string(folder().join("vars.yml")).unwrap());
    let (node, _) = windlass_yaml::load_one(file).unwrap();
    let reader = Reader { open: &OpenNothing, secret: false, trusted: true };
    let mut map = match reader.value(&node.unwrap()) {
        Value::Map(map) => (*map).clone(),
        other => panic!("vars.yml holds a {}", other.type_name()),
    };
    map.insert(Key::from("tree"), Value::text(tree.display().to_string()));
    map
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            std::fs::copy(&entry, to.join(name)).unwrap();
        }
    }
}

fn outcome(templar: &Templar, source: &str, scope: &Map, search: &SearchPath) -> Result<Json, String> {
    let cx = TemplateContext::new(scope, search);
    let result = if let Some(condition) = source.strip_prefix('?') {
        templar.condition(&Value::Str(Text::trusted(condition, None)), &cx).map(Value::Bool)
    } else if let Some(expression) = source.strip_prefix('=') {
        templar.expression(expression, None, &cx)
    } else {
        templar.render_str(&Text::trusted(source.replace("\\n", "\n"), None), &cx)
    };
    match result {
        Ok(Value::Omit) => Err("<omit>".to_owned()),
        Ok(value) => Ok(json(&value)),
        Err(error) => Err(error.message),
    }
}

/// JSON, with texts for the numbers that it does not have.
fn json(value: &Value) -> Json {
    match value {
        Value::Float(f) if !f.is_finite() => Json::from(f.to_string().to_lowercase()),
        // The tables have them as `str` writes them.
        Value::Str(text) if text.is_moment() => Json::from(text.as_str().replacen('T', " ", 1)),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.to_string(), json(value))).collect())
        }
        other => other.to_json(),
    }
}

/// The reference's message without the names that its own classes have.
fn plain_names(text: &str) -> String {
    let mut out = text.to_owned();
    for (internal, name) in [
        ("ansible._internal._templating._lazy_containers.", ""),
        ("_AnsibleTaggedStr", "str"),
        ("_AnsibleTaggedInt", "int"),
        ("_AnsibleTaggedFloat", "float"),
        ("_AnsibleLazyTemplateDict", "dict"),
        ("_AnsibleLazyTemplateList", "list"),
        ("_AnsibleLazyAccessTuple", "tuple"),
    ] {
        out = out.replace(internal, name);
    }
    out
}

/// Errors of the same cause: Ansible's wording as far as its users know it.
fn same_error(ours: &str, theirs: &str) -> bool {
    let theirs = plain_names(theirs);
    if !ours.is_empty() && (theirs.starts_with(ours) || ours.starts_with(&theirs)) {
        return true;
    }
    // Python names its own function in complaints about arguments.
    let about_arguments = |text: &str| {
        let (head, tail) = text.split_once(" failed: ")?;
        (tail.contains("argument")).then(|| head.to_owned())
    };
    about_arguments(ours).is_some() && about_arguments(ours) == about_arguments(&theirs)
}

fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x.is_f64() == y.is_f64() && (x.as_f64() == y.as_f64()),
        (Json::Array(x), Json::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same_json(x, y))
        }
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len()
                && x.iter().all(|(k, v)| {
                    // Keys that are no texts are named differently in JSON.
                    let python = match k.as_str() {
                        "true" => "True",
                        "false" => "False",
                        "null" => "None",
                        other => other,
                    };
                    y.get(python).or_else(|| y.get(k)).is_some_and(|w| same_json(v, w))
                })
        }
        _ => a == b,
    }
}

fn shown(outcome: &Result<Json, String>) -> String {
    match outcome {
        Ok(value) => value.to_string(),
        Err(message) => format!("ERROR {message:?}"),
    }
}

/// Compares the lines of one file of cases.
fn agrees_with_ansible(name: &str) {
    let text = std::fs::read_to_string(folder().join(format!("expected/{name}.json"))).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    let listed = std::fs::read_to_string(folder().join(format!("cases/{name}.txt"))).unwrap();
    let listed: Vec<&str> = listed.lines().filter(|l| !l.is_empty() && !l.starts_with("##")).collect();
    let asked: Vec<&str> = cases.iter().filter_map(|c| c["source"].as_str()).collect();
    assert_eq!(listed, asked, "run make.py {name}");
    let reasons: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(DIFFERS).unwrap();
    let no_reasons = BTreeMap::new();
    let reasons = reasons.get(name).unwrap_or(&no_reasons);

    let tree = tempfile::tempdir().unwrap();
    copy(&folder().join("tree"), tree.path());
    let scope = variables(tree.path());
    let search = SearchPath::new(vec![tree.path().to_owned()]);
    let templar = Templar::new(TemplarSettings::default());
    let (mut mended, mut wrong) = (Vec::new(), Vec::new());
    for case in &cases {
        let source = case["source"].as_str().unwrap();
        let hide = |text: String| text.replace(&tree.path().display().to_string(), "<tree>");
        let ours = match outcome(&templar, source, &scope, &search) {
            Ok(value) => Ok(serde_json::from_str(&hide(value.to_string())).unwrap()),
            Err(message) => Err(hide(message)),
        };
        let theirs = match case.get("error") {
            None => Ok(case["value"].clone()),
            Some(message) => Err(message.as_str().unwrap().to_owned()),
        };
        let good = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => same_json(ours, theirs),
            (Err(ours), Err(theirs)) => same_error(ours, theirs),
            _ => false,
        };
        match (good, reasons.contains_key(source)) {
            (true, true) => mended.push(source),
            (false, false) => {
                wrong.push(format!("{source}\n    ours:   {}\n    theirs: {}", shown(&ours), shown(&theirs)))
            }
            _ => {}
        }
    }
    let known: Vec<&String> = reasons.keys().filter(|k| !asked.contains(&k.as_str())).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(mended.is_empty(), "these agree now, take them from differs.json: {mended:#?}");
    assert!(known.is_empty(), "differs.json knows lines that are no cases: {known:#?}");
}

macro_rules! tables {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            let run = || agrees_with_ansible(stringify!($name));
            std::thread::Builder::new().stack_size(super::STACK).spawn(run).unwrap().join().unwrap();
        })*

        #[test]
        fn every_file_of_cases_is_compared() {
            let mut found: Vec<String> = std::fs::read_dir(folder().join("cases"))
                .unwrap()
                .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),*]);
        }
    };
}

tables!(basics, collections, conditions, data, filters, lookups, methods, statements, tests);
