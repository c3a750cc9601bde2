//! Every line of `tests/data/templates/cases.txt` gives what ansible-core gave (`expected.json`, written by `oracle.py`).
#![allow(clippy::unwrap_used)]

use super::{SearchPath, Templar, TemplarSettings, TemplateContext};
use crate::vars::from_yaml::{OpenNothing, Reader};
use crate::vars::{Map, Text, Value};
use serde_json::Value as Json;
use windlass_yaml::SourceFile;

const EXPECTED: &str = include_str!("../../tests/data/templates/expected.json");
const VARS: &str = include_str!("../../tests/data/templates/vars.yml");

/// Expressions whose outcome still differs from the reference's, one JSON text to a line. The test fails when another one
/// differs, and when one of these no longer does.
const DIFFERS: &str = include_str!("../../tests/data/templates/differs.jsonl");

pub(super) fn variables() -> Map {
    let file = SourceFile::new("vars.yml", VARS);
    let (node, _) = windlass_yaml::load_one(file).unwrap();
    let reader = Reader { open: &OpenNothing, secret: false, trusted: true };
    match reader.value(&node.unwrap()) {
        Value::Map(map) => (*map).clone(),
        _ => Map::new(),
    }
}

fn outcome(templar: &Templar, source: &str, scope: &Map) -> Result<Json, String> {
    let search = SearchPath::default();
    let cx = TemplateContext::new(scope, &search);
    let result = if let Some(condition) = source.strip_prefix('?') {
        templar.condition(&Value::Str(Text::trusted(condition, None)), &cx).map(Value::Bool)
    } else if let Some(expression) = source.strip_prefix('=') {
        templar.expression(expression, None, &cx)
    } else {
        templar.render_str(&Text::trusted(source.replace("\\n", "\n"), None), &cx)
    };
    match result {
        Ok(Value::Omit) => Err("<omit>".to_owned()),
        Ok(value) => Ok(value.to_json()),
        Err(error) => Err(error.message),
    }
}

/// Errors of the same cause: Ansible's wording as far as its users know it.
fn same_error(ours: &str, theirs: &str) -> bool {
    if ours == theirs || theirs.starts_with(ours) || ours.starts_with(theirs) {
        return true;
    }
    // Python names its own function in complaints about arguments.
    let about_arguments = |text: &str| {
        let (head, tail) = text.split_once(" failed: ")?;
        (tail.contains("argument")).then(|| head.to_owned())
    };
    about_arguments(ours).is_some() && about_arguments(ours) == about_arguments(theirs)
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

#[test]
fn agrees_with_ansible() {
    let cases: Vec<Json> = serde_json::from_str(EXPECTED).unwrap();
    assert!(cases.len() > 700);
    let templar = Templar::new(TemplarSettings::default());
    let scope = variables();
    let known: Vec<String> = DIFFERS.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut mended = Vec::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let source = case["source"].as_str().unwrap();
        let expected_to_differ = known.iter().any(|k| k == source);
        let ours = outcome(&templar, source, &scope);
        let good = match (&ours, case.get("error").and_then(Json::as_str)) {
            (Ok(value), None) => same_json(value, &case["value"]),
            (Err(message), Some(theirs)) => same_error(message, theirs),
            _ => false,
        };
        if good && expected_to_differ {
            mended.push(source);
        }
        if !good && !expected_to_differ {
            let theirs =
                case.get("error").map_or_else(|| case["value"].to_string(), |e| format!("ERROR {e}"));
            let ours = match ours {
                Ok(value) => value.to_string(),
                Err(message) => format!("ERROR {message:?}"),
            };
            wrong.push(format!("{source}\n    ours:   {ours}\n    theirs: {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(mended.is_empty(), "these agree now, take them from differs.jsonl: {mended:#?}");
}
