//! The callbacks that the configuration asks for: how results are printed, and what else listens to a run.

use super::setup::Refusal;
use crate::config::Config;
use crate::config::known::unquoted;
use crate::report::callbacks::{
    Callback, JUnit, JUnitSettings, ProfileSettings, ProfileTasks, Timer, Tree, Whole,
};
use crate::report::dump::{self, Dump};
use crate::report::terminal::{Form, Style};
use crate::secrets::Redactor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_protocol::args::parse_bool;
use windlass_yaml::diagnostic::Diagnostic;

/// What callbacks of a run begin with.
pub struct Surroundings<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Hides secrets.
    pub redactor: &'a Arc<Redactor>,
    /// How the text looks.
    pub style: &'a Style,
    /// Folder of the playbook.
    pub playbook_dir: &'a Path,
}

/// Names of callbacks that are in collections and not here.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("ansible.posix", &["cgroup_perf_recap", "jsonl", "profile_roles"]),
    (
        "community.general",
        &[
            "cgroup_memory_recap",
            "context_demo",
            "counter_enabled",
            "default_without_diff",
            "dense",
            "diy",
            "elastic",
            "jabber",
            "log_plays",
            "loganalytics",
            "logdna",
            "logentries",
            "logstash",
            "mail",
            "nrdp",
            "opentelemetry",
            "print_task",
            "say",
            "selective",
            "slack",
            "splunk",
            "sumologic",
            "syslog_json",
            "tasks_only",
            "timestamp",
            "unixy",
        ],
    ),
];

/// A callback's own name, if it is of this collection or, as callbacks once were, of none.
fn own_name<'a>(name: &'a str, collections: &[&str]) -> Option<&'a str> {
    match name.rsplit_once('.') {
        None => Some(name),
        Some((collection, own)) => collections.contains(&collection).then_some(own),
    }
}

const BUILTIN: &[&str] = &["ansible.builtin", "ansible.legacy"];

/// How a stdout callback prints, if it is here.
fn forms(name: &str) -> Option<(Form, dump::Form)> {
    match own_name(name, BUILTIN) {
        Some("default") => return Some((Form::Full, dump::Form::Json)),
        Some("minimal") => return Some((Form::Minimal, dump::Form::Json)),
        Some("oneline") => return Some((Form::OneLine, dump::Form::Json)),
        _ => {}
    }
    match own_name(name, &["ansible.posix"]) {
        Some("json") => return Some((Form::Silent, dump::Form::Json)),
        Some("debug") => return Some((Form::Full, dump::Form::Apart)),
        _ => {}
    }
    match own_name(name, &["community.general"]) {
        Some("yaml") => Some((Form::Full, dump::Form::Readable)),
        Some("null") => Some((Form::Silent, dump::Form::Json)),
        _ => None,
    }
}

fn stdout_callback(config: &Config) -> String {
    config.given("DEFAULT_STDOUT_CALLBACK").unwrap_or_else(|| "default".to_owned())
}

/// How results are printed.
#[must_use]
pub fn printed(config: &Config, verbosity: u8) -> (Form, Dump) {
    let (form, values) = forms(&stdout_callback(config)).unwrap_or_default();
    let yaml = values == dump::Form::Json && config.text("CALLBACK_RESULT_FORMAT") == "yaml";
    let own = matches!(form, Form::Full | Form::Minimal) && values == dump::Form::Json;
    let pretty = config.given("CALLBACK_FORMAT_PRETTY").and_then(|text| parse_bool(&text)).filter(|_| own);
    (form, Dump { form: if yaml { dump::Form::Yaml } else { values }, pretty, verbosity })
}

/// What listens to the run, and warnings about what is not there.
///
/// # Errors
/// If the output that is asked for cannot be had.
pub fn listeners(around: &Surroundings<'_>) -> Result<(Vec<Box<dyn Callback>>, Vec<Diagnostic>), Refusal> {
    let (config, style) = (around.config, around.style);
    let format = config.text("CALLBACK_RESULT_FORMAT");
    if !matches!(format.as_str(), "json" | "yaml") {
        let text = format!("'{format}' is no format of results");
        let hint = format!("{} sets it: write json or yaml", config.origin("CALLBACK_RESULT_FORMAT"));
        return Err(Refusal { diagnostic: Box::new(Diagnostic::error(text).hint(hint)), code: 5 });
    }
    let mut found: Vec<Box<dyn Callback>> = Vec::new();
    let mut warnings = Vec::new();
    let output = stdout_callback(config);
    if forms(&output).is_none() {
        if !is_elsewhere(&output, around) {
            let error = Diagnostic::error(format!("Could not load '{output}' callback plugin."));
            let hint = "stdout_callback may be default, minimal, oneline, or one of ansible.posix.json, ansible.posix.debug, community.general.yaml, community.general.null";
            return Err(Refusal { diagnostic: Box::new(error.hint(hint)), code: 1 });
        }
        let text = format!("the callback {output} is not there in windlass: the output is that of default");
        warnings.push(Diagnostic::warning(text));
    }
    if own_name(&output, &["ansible.posix"]) == Some("json") {
        let indent = config.text("JSON_INDENT").trim().parse::<i64>().unwrap_or(4);
        let indent = usize::try_from(indent).unwrap_or(0);
        found.push(Box::new(Whole::new(indent, style.custom_stats)));
    }
    let names = config.text("CALLBACKS_ENABLED");
    let mut enabled: Vec<&str> = Vec::new();
    for name in names.split(',').map(|name| unquoted(name.trim())).filter(|name| !name.is_empty()) {
        if enabled.contains(&name) || forms(name).is_some() {
            continue;
        }
        enabled.push(name);
        match listener(name, around) {
            Some(callback) => found.push(callback),
            None if is_elsewhere(name, around) => {
                warnings.push(Diagnostic::warning(format!("the callback {name} is not there in windlass")));
            }
            None => {
                let text = format!("Skipping callback plugin '{name}', unable to load");
                warnings.push(Diagnostic::warning(text));
            }
        }
    }
    Ok((found, warnings))
}

fn listener(name: &str, around: &Surroundings<'_>) -> Option<Box<dyn Callback>> {
    let (config, style) = (around.config, around.style);
    match own_name(name, BUILTIN) {
        Some("junit") => {
            let settings = junit(config);
            return Some(Box::new(JUnit::new(settings, Arc::clone(around.redactor), style.verbosity)));
        }
        Some("tree") => {
            let folder = config.path("CALLBACK_TREE_DIR").unwrap_or_else(|| home("~/.ansible/tree"));
            return Some(Box::new(Tree {
                folder,
                verbosity: style.verbosity,
                redactor: Arc::clone(around.redactor),
            }));
        }
        _ => {}
    }
    match own_name(name, &["ansible.posix"]) {
        Some("timer") => Some(Box::new(Timer::default())),
        Some("profile_tasks") => {
            let limit = config.text("PROFILE_TASKS_TASK_OUTPUT_LIMIT");
            let settings = ProfileSettings {
                limit: limit.trim().parse().ok(),
                descending: match config.text("PROFILE_TASKS_SORT_ORDER").as_str() {
                    "ascending" => Some(false),
                    "none" => None,
                    _ => Some(true),
                },
                summary_only: config.flag("PROFILE_TASKS_SUMMARY_ONLY"),
                width: style.width,
                paths: style.verbosity > 1,
            };
            Some(Box::new(ProfileTasks::new(settings)))
        }
        _ => None,
    }
}

fn junit(config: &Config) -> JUnitSettings {
    // As in the original, nothing but the word `true` is true here.
    let flag = |name: &str| config.text(name).eq_ignore_ascii_case("true");
    JUnitSettings {
        folder: config.given("JUNIT_OUTPUT_DIR").map_or_else(|| home("~/.ansible.log"), PathBuf::from),
        class_of_file: flag("JUNIT_TASK_CLASS"),
        relative_to: config.given("JUNIT_TASK_RELATIVE_PATH").map(PathBuf::from),
        out_of_tree: config.given("JUNIT_REPLACE_OUT_OF_TREE_PATH"),
        fail_on_change: flag("JUNIT_FAIL_ON_CHANGE"),
        fail_on_ignore: flag("JUNIT_FAIL_ON_IGNORE"),
        with_setup: !config.text("JUNIT_INCLUDE_SETUP_TASKS_IN_REPORT").eq_ignore_ascii_case("false"),
        hide_arguments: !config.text("JUNIT_HIDE_TASK_ARGUMENTS").eq_ignore_ascii_case("false"),
        prefix: config.text("JUNIT_TEST_CASE_PREFIX"),
    }
}

fn home(path: &str) -> PathBuf {
    PathBuf::from(crate::engine::connect::expand_home(path))
}

/// Whether there is such a callback, written in Python: in a known collection, or where the operator keeps plugins.
fn is_elsewhere(name: &str, around: &Surroundings<'_>) -> bool {
    let known = |(collection, names): &(&str, &[&str])| {
        own_name(name, &[collection]).is_some_and(|own| names.contains(&own))
    };
    if ELSEWHERE.iter().any(known) {
        return true;
    }
    if name.contains('/') {
        return false;
    }
    let own = name.rsplit('.').next().unwrap_or(name);
    let mut folders = vec![around.playbook_dir.join("callback_plugins")];
    folders.extend(around.config.paths("DEFAULT_CALLBACK_PLUGIN_PATH"));
    if let [namespace, collection, _] = name.split('.').collect::<Vec<_>>()[..] {
        let mut roots = around.config.paths("COLLECTIONS_PATHS");
        roots.push(around.playbook_dir.join("collections"));
        let inside =
            Path::new("ansible_collections").join(namespace).join(collection).join("plugins/callback");
        folders.extend(roots.iter().map(|root| root.join(&inside)));
    }
    folders.iter().any(|folder| folder.join(format!("{own}.py")).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_or_whole() {
        assert_eq!(forms("minimal").map(|f| f.0), Some(Form::Minimal));
        assert_eq!(forms("ansible.builtin.oneline").map(|f| f.0), Some(Form::OneLine));
        assert_eq!(forms("ansible.posix.json").map(|f| f.0), Some(Form::Silent));
        assert_eq!(forms("yaml").map(|f| f.1), Some(dump::Form::Readable));
        assert!(forms("ansible.posix.yaml").is_none() && forms("community.general.json").is_none());
        assert!(forms("nope").is_none());
    }

    #[test]
    fn what_is_elsewhere_is_told_apart_from_what_is_nowhere() {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let plugins = dir.path().join("callback_plugins");
        std::fs::create_dir(&plugins)
            .and_then(|()| std::fs::write(plugins.join("own.py"), ""))
            .unwrap_or_else(|e| panic!("{e}"));
        let (config, redactor, style) = (Config::default(), Redactor::new(), Style::default());
        let around =
            Surroundings { config: &config, redactor: &redactor, style: &style, playbook_dir: dir.path() };
        for name in ["dense", "community.general.slack", "ansible.posix.profile_roles", "own"] {
            assert!(is_elsewhere(name, &around), "{name}");
        }
        for name in ["nope", "ansible.posix.dense", "../own"] {
            assert!(!is_elsewhere(name, &around), "{name}");
        }
    }
}
