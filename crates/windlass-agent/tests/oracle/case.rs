//! The files of tasks.
//!
//! A case is a list `[module, arguments]`, or `[module, arguments, settings]`; or a mapping with `steps`, each
//! `{module: arguments, ...settings}` or `{sh: script}`. A step's task runs in check mode, then twice. Settings are `except`,
//! with the differences that are intended and why (what differs: a return value's name, `changed`, `msg`, `diff`, `tree`,
//! `warnings`, or `*` for all but the tree), and `once: true` for a task that does not run a second time. In arguments and scripts `{root}` is the tree, `{web}` the web server.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A file of tasks.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Return values that are another each time, wherever they are in a result, and why.
    #[serde(default)]
    pub skip: BTreeMap<String, String>,
    /// Check mode is something that the reference does not have here, and why we do: only the trees are compared then.
    pub foreseen: Option<String>,
    /// Check mode is not tried, and why.
    pub unchecked: Option<String>,
    /// What is in these folders (or has this name) is not compared.
    #[serde(default)]
    pub unseen: Vec<String>,
    /// A script that runs first in every case.
    pub prepare: Option<String>,
    cases: Vec<Value>,
}

/// A step of a case.
pub enum Step {
    Shell(String),
    Task(Task),
}

/// A task.
pub struct Task {
    pub module: String,
    pub args: Value,
    pub except: BTreeMap<String, String>,
    pub once: bool,
}

impl File {
    pub fn read(text: &str) -> Self {
        serde_yaml::from_str(text).unwrap()
    }

    pub fn cases(&self) -> Vec<Vec<Step>> {
        self.cases.iter().map(case).collect()
    }
}

fn case(value: &Value) -> Vec<Step> {
    match value {
        Value::Array(short) => {
            let settings = short.get(2).and_then(Value::as_object).cloned().unwrap_or_default();
            vec![task(short[0].as_str().unwrap(), &short[1], &settings)]
        }
        Value::Object(long) => long["steps"].as_array().unwrap().iter().map(step).collect(),
        other => panic!("no case: {other}"),
    }
}

fn step(value: &Value) -> Step {
    let map = value.as_object().unwrap();
    if let Some(script) = map.get("sh") {
        return Step::Shell(script.as_str().unwrap().to_owned());
    }
    let (module, args) =
        map.iter().find(|(key, _)| !matches!(key.as_str(), "except" | "once")).expect("a step has a module");
    task(module, args, map)
}

fn task(module: &str, args: &Value, settings: &Map<String, Value>) -> Step {
    let except = settings.get("except").map(|e| serde_json::from_value(e.clone()).unwrap());
    Step::Task(Task {
        module: module.to_owned(),
        args: args.clone(),
        except: except.unwrap_or_default(),
        once: settings.get("once") == Some(&Value::Bool(true)),
    })
}
