//! Mistakes that can be seen before anything runs: keywords, their values, templates and arguments.

use super::attrs::Attrs;
use super::keywords;
use super::load::Loader;
use super::problems::{Problems, nearest};
use super::strategy::Strategy;
use super::task::Task;
use crate::actions::{self, Kind};
use crate::vars::{Key, Value};
use windlass_protocol::JsonMap;
use windlass_protocol::args::{self, ArgError};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Mapping, Node as Yaml, Span};

/// Keywords whose value is a boolean.
const FLAGS: &[&str] = &[
    "any_errors_fatal",
    "become",
    "check_mode",
    "delegate_facts",
    "diff",
    "force_handlers",
    "gather_facts",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "run_once",
];

/// Keywords whose value is a whole number.
const NUMBERS: &[&str] = &["async", "gather_timeout", "poll", "port", "retries", "throttle", "timeout"];

/// Other keywords whose value can be wrong by itself.
const OTHERS: &[&str] = &[
    "become_method",
    "changed_when",
    "delay",
    "failed_when",
    "module_defaults",
    "name",
    "notify",
    "until",
    "when",
];

const ORDERS: &[&str] = &["inventory", "reverse_inventory", "reverse_sorted", "shuffle", "sorted"];
const DEBUGGERS: &[&str] = &["always", "never", "on_failed", "on_skipped", "on_unreachable"];
const BECOME_METHODS: &[&str] = &["sudo", "su", "doas"];

/// Says that there is no such keyword there, and what was meant.
pub(super) fn unknown_keyword(place: &str, name: &str, span: &Span, known: &[&str], problems: &mut Problems) {
    let diagnostic = Diagnostic::error(format!("'{name}' is not a valid attribute for {place}")).at(span);
    let other = [
        ("plays", keywords::PLAY),
        ("tasks", keywords::TASK),
        ("blocks", keywords::BLOCK),
        ("handlers", keywords::HANDLER),
    ];
    let other = other.iter().find(|(_, list)| list.contains(&name));
    let hint = match (nearest(name, known.iter().copied()), other) {
        (_, Some((other, _))) => format!("`{name}` is a keyword of {other}"),
        (Some(near), None) => format!("did you mean `{near}`?"),
        (None, None) if place == "a play" && actions::resolve(name).is_some() => {
            "a module is called by a task: put it below `tasks:`".to_owned()
        }
        (None, None) => "a variable of your own belongs below `vars:`".to_owned(),
    };
    problems.push(diagnostic.hint(hint));
}

/// A value that needs no rendering; what is encrypted or a template is not looked at.
fn literal(value: &Value) -> bool {
    value.is_final() && !matches!(value, Value::Sealed(_) | Value::Null | Value::Omit)
}

/// Whether a task is there to fail.
pub(super) fn expects_failure(task: &Task, own: &Attrs) -> bool {
    own.get("ignore_errors").is_some()
        || task.attrs.get("ignore_errors").is_some()
        || !task.failed_when.is_empty()
        || !task.until.is_empty()
}

impl Loader {
    /// Values of keywords that can only be wrong.
    pub(super) fn check_keywords(&self, map: &Mapping, problems: &mut Problems) {
        for (key, node) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            if name == "module_defaults" && !node.is_null() {
                self.check_defaults(node, problems);
                continue;
            }
            // Of all others, among them whole blocks, nothing needs to be made to be looked at.
            if ![FLAGS, NUMBERS, OTHERS].iter().any(|names| names.contains(&name)) {
                continue;
            }
            let value = self.value(node);
            // In a task it is a module.
            let module = name == "gather_facts" && map.get("hosts").is_none();
            if module || !literal(&value) {
                continue;
            }
            let shown = crate::vars::value::scalar_text(&value).unwrap_or_else(|| node.kind().to_owned());
            let wrong = |wanted: &str, hint: String| {
                Diagnostic::error(format!("Error processing keyword '{name}': {wanted}, this is {shown}"))
                    .at(&node.span)
                    .hint(hint)
            };
            match name {
                "name" if matches!(value, Value::List(_) | Value::Map(_)) => problems.push(
                    Diagnostic::error(format!("the field 'name' is a text, this is {}", node.kind()))
                        .at(&node.span)
                        .hint("quote it if it is meant as text"),
                ),
                "notify" if matches!(value, Value::Map(_)) => problems.refuse(
                    Diagnostic::error("`notify` names one handler or a list of handlers, this is a mapping")
                        .at(&node.span)
                        .hint("as in `notify: Restart the app`"),
                ),
                _ if FLAGS.contains(&name) && crate::engine::loops::truthy(&value).is_none() => {
                    problems.foresee(wrong("a boolean is wanted", "write true or false".to_owned()));
                }
                _ if NUMBERS.contains(&name) && crate::engine::keywords::whole(&value).is_none() => {
                    let hint = "write a whole number, without a unit".to_owned();
                    problems.foresee(wrong("a whole number is wanted", hint));
                }
                "delay" => {
                    let text = value.as_str().and_then(|t| t.trim().parse().ok());
                    if value.as_number().or(text).is_none_or(|n: f64| !n.is_finite()) {
                        problems.foresee(wrong("a number of seconds is wanted", "write a number".to_owned()));
                    }
                }
                "debugger" if !DEBUGGERS.contains(&shown.as_str()) => problems.push(
                    Diagnostic::error(format!("'{shown}' is not a valid value for debugger"))
                        .at(&node.span)
                        .hint(one_of(&shown, DEBUGGERS)),
                ),
                "become_method" => {
                    let method = value.as_str().unwrap_or_default();
                    if crate::transport::BecomeMethod::parse(method).is_none() {
                        problems.foresee(
                            Diagnostic::error(format!("the become method '{shown}' is not supported"))
                                .at(&node.span)
                                .hint(one_of(method, BECOME_METHODS)),
                        );
                    }
                }
                "when" | "until" | "changed_when" | "failed_when" if matches!(value, Value::Map(_)) => {
                    problems.foresee(
                        Diagnostic::error(format!(
                            "a condition is an expression or a list of them, this is {}",
                            node.kind()
                        ))
                        .at(&node.span)
                        .hint("quote an expression with braces or a colon in it"),
                    );
                }
                _ => {}
            }
        }
    }

    /// Values of the keywords that only a play has.
    pub(super) fn check_play(&self, map: &Mapping, problems: &mut Problems) {
        self.check_keywords(map, problems);
        let given = |name: &str| map.get(name).map(|n| (n, self.value(n))).filter(|(_, v)| literal(v));
        for (name, known) in [("order", ORDERS), ("strategy", Strategy::NAMES)] {
            let Some((node, value)) = given(name) else { continue };
            let text = value.as_str().unwrap_or_default();
            let found = if name == "order" { known.contains(&text) } else { Strategy::parse(text).is_some() };
            if !found {
                problems.refuse(
                    Diagnostic::error(format!("Invalid play {name} specified: {text}"))
                        .at(&node.span)
                        .hint(one_of(text, known)),
                );
            }
        }
        if let Some((node, value)) = given("serial") {
            let items = match &value {
                Value::List(items) => items.to_vec(),
                other => vec![other.clone()],
            };
            for item in items.iter().filter(|v| literal(v)) {
                let text = crate::vars::value::scalar_text(item).unwrap_or_default();
                let number = text.trim().strip_suffix('%').unwrap_or(text.trim());
                if number.parse::<f64>().is_err() {
                    problems.refuse(
                        Diagnostic::error(format!(
                            "`serial` is a number of hosts or a percentage, this is '{text}'"
                        ))
                        .at(item.span().unwrap_or(&node.span))
                        .hint("as in `serial: 2`, `serial: 30%` or `serial: [1, 5, 100%]`"),
                    );
                }
            }
        }
        if let Some(node) = map.get("vars") {
            self.check_templates(node, problems);
        }
    }

    /// Jinja errors and unknown names in the texts below a node.
    pub(super) fn check_templates(&self, node: &Yaml, problems: &mut Problems) {
        for error in self.templar.check_syntax(&self.value(node)) {
            problems.foresee(diagnostic_of(error, &node.span));
        }
    }

    /// Jinja errors, unknown filters, tests and lookups in the texts of a task. One that `may_fail` is left to fail.
    pub(super) fn check_syntax(&self, map: &Mapping, may_fail: bool, problems: &mut Problems) {
        for (key, node) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            // Tasks inside are checked as tasks.
            if matches!(name, "block" | "rescue" | "always") {
                continue;
            }
            if let Some(lookup) = name.strip_prefix("with_").filter(|l| !l.is_empty())
                && !self.templar.has_lookup(lookup)
            {
                let error =
                    Diagnostic::error(format!("The lookup plugin '{lookup}' was not found.")).at(&key.span);
                problems.push(match self.templar.similar_lookup(lookup) {
                    Some(near) => error.hint(format!("did you mean `with_{near}`?")),
                    None => error.hint("`with_NAME` loops over what the lookup NAME gives"),
                });
            }
            if may_fail {
                continue;
            }
            let value = self.value(node);
            let bare = matches!(name, "when" | "until" | "changed_when" | "failed_when");
            let errors =
                if bare { self.templar.check_condition(&value) } else { self.templar.check_syntax(&value) };
            for error in errors {
                problems.foresee(diagnostic_of(error, &node.span));
            }
        }
    }

    /// Keywords that an include does not take.
    pub(super) fn check_include(&self, task: &Task, map: &Mapping, problems: &mut Problems) {
        if !matches!(task.action.kind, Kind::IncludeTasks | Kind::IncludeRole) {
            return;
        }
        for (key, _) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            if keywords::TASK.contains(&name) && !keywords::INCLUDE.contains(&name) {
                let what = task.action.spec.short_name();
                problems.push(
                    Diagnostic::error(format!("'{name}' is not a valid attribute for {what}"))
                        .at(&key.span)
                        .hint(format!("put it below `apply:`, so that the included tasks have it: `apply: {{{name}: ...}}`")),
                );
            }
        }
    }

    /// Arguments that the module does not have, and values that it does not take. A task that expects to fail is left to
    /// fail.
    pub(super) fn check_arguments(&self, task: &Task, may_fail: bool, span: &Span, problems: &mut Problems) {
        let reserved = task.args.keys().filter_map(Key::as_str).filter(|name| name.starts_with("_ansible_"));
        for name in reserved {
            let action = &task.action_written;
            problems.push(Diagnostic::error(format!(
                "Invalid parameter specified beginning with keyword '_ansible_' for action '{action}': '{name}'. The prefix '_ansible_' is reserved for internal use only."
            )).at(span));
        }
        if may_fail {
            return;
        }
        if let Some(loop_) = &task.loop_
            && loop_.lookup.is_none()
            && literal(&loop_.value)
            && !matches!(loop_.value, Value::List(_))
        {
            problems.foresee(crate::engine::loops::no_list(&loop_.value, &loop_.span));
        }
        let spec = task.action.spec;
        if spec.free_form.is_none()
            && let Some(Value::Str(raw)) = task.args.get("_raw_params")
        {
            problems.foresee(
                Diagnostic::error(format!(
                    "'{}' has extra params, which is only allowed in the following modules: command, shell, script, raw, include*, import*, meta, ...: {}",
                    spec.short_name(),
                    raw.as_str()
                ))
                .at(raw.span().unwrap_or(span))
                .hint("write arguments as `name=value` or as a mapping"),
            );
        }
        let names = task.args.keys().filter_map(Key::as_str).filter(|n| !n.starts_with('_'));
        for error in args::unknown_arguments(spec, names) {
            self.wrong_argument(task, &error, span, problems);
        }
        if task.action.kind == Kind::Meta {
            self.check_meta(task, problems);
        }
        if task.action.kind != Kind::Agent && !actions::is_checked(spec.name) {
            return;
        }
        let mut given = JsonMap::new();
        let mut later = Vec::new();
        for (key, value) in task.args.iter() {
            let Some(name) = key.as_str() else { continue };
            let templated = matches!(key, Key::Str(text) if text.is_template());
            if !templated && (literal(value) || matches!(value, Value::Null)) {
                given.insert(name.to_owned(), value.to_json());
            } else {
                later.push(name);
            }
        }
        let open = task.args_template.is_some()
            || task.args.keys().any(|k| matches!(k, Key::Str(text) if text.is_template()))
            || !task.attrs.list("module_defaults").is_empty();
        let unknown = !args::unknown_arguments(spec, task.args.keys().filter_map(Key::as_str)).is_empty();
        for error in args::mistakes(spec, &given, &later, open) {
            // What is missing was probably meant by the one that is unknown.
            if !(unknown && matches!(error, ArgError::Missing(_))) {
                self.wrong_argument(task, &error, span, problems);
            }
        }
    }

    /// An instruction that there is none of.
    fn check_meta(&self, task: &Task, problems: &mut Problems) {
        let given = task.args.get("_raw_params").or_else(|| task.args.get("free_form"));
        let Some(what) = given.filter(|v| literal(v)).and_then(Value::as_str).map(str::trim) else { return };
        let known = crate::engine::meta::KNOWN;
        if !known.contains(&what) {
            let place = given.and_then(Value::span).unwrap_or(&task.span);
            problems.refuse(
                Diagnostic::error(format!("invalid meta action requested: {what}"))
                    .at(place)
                    .hint(one_of(what, known)),
            );
        }
    }

    fn wrong_argument(&self, task: &Task, error: &ArgError, span: &Span, problems: &mut Problems) {
        let spec = task.action.spec;
        let named = error.names();
        let entry = task.args.iter().find(|(k, _)| k.as_str().is_some_and(|k| named.contains(&k)));
        let place = entry.and_then(|(key, value)| {
            let key = match key {
                Key::Str(text) => text.span(),
                _ => None,
            };
            match error {
                ArgError::Type { .. } | ArgError::Choice { .. } => value.span().or(key),
                _ => key,
            }
        });
        let mut text = error.to_string();
        if !matches!(error, ArgError::Unknown { .. }) {
            text = format!("{}: {text}", spec.short_name());
        }
        let hint = error
            .hint()
            .unwrap_or_else(|| format!("`windlass doc {}` lists its arguments", spec.short_name()));
        problems.foresee(Diagnostic::error(text).at(place.unwrap_or(span)).hint(hint));
    }
}

fn diagnostic_of(error: crate::template::TemplateError, span: &Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(span));
    diagnostic.hint = error.hint;
    diagnostic
}

fn one_of(given: &str, known: &[&str]) -> String {
    match nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}
