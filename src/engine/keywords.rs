//! What a task is asked to do on a host: its condition, keywords and arguments, rendered.

use super::exec::Exec;
use super::loops::truthy;
use super::result::TaskOutcome;
use crate::actions;
use crate::playbook::{Task, action_groups};
use crate::report::Event;
use crate::template::{TemplateContext, TemplateError};
use crate::vars::scope::Layers;
use crate::vars::{Key, Map, Value};
use windlass_protocol::args::python_text;
use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

/// Keywords of a task, rendered for one item.
#[derive(Debug, Clone, Default)]
pub struct Keywords {
    /// `check_mode`, or the run's.
    pub check: bool,
    /// `diff`, or the run's.
    pub diff: bool,
    /// `no_log`.
    pub no_log: bool,
    /// `environment`, merged.
    pub environment: Vec<(String, String)>,
    /// `delegate_to`.
    pub delegate: Option<String>,
    /// `delegate_facts`: what is found out is the other host's.
    pub delegate_facts: bool,
    /// `timeout` in seconds; 0 is none.
    pub timeout: u64,
    /// `async` and `poll`, if it runs apart.
    pub apart: Option<super::jobs::Apart>,
    /// `ignore_errors`.
    pub ignore_errors: bool,
    /// `ignore_unreachable`.
    pub ignore_unreachable: bool,
}

impl Exec {
    /// The condition: `None` if the task is to run, else the skip.
    pub(super) fn condition(&self, layers: &Layers) -> Result<Option<TaskOutcome>, TemplateError> {
        for condition in self.task.attrs.list("when") {
            if !self
                .shared
                .templar
                .condition(condition, &self.cx(layers))
                .map_err(|e| e.at(condition.span()))?
            {
                let mut skip = TaskOutcome::skip("Conditional result was False");
                skip.values.insert(Key::from("false_condition"), condition.clone());
                return Ok(Some(skip));
            }
        }
        Ok(None)
    }

    /// A keyword's value; `None` if it is not set, or omitted.
    fn keyword(&self, name: &str, layers: &Layers) -> Result<Option<Value>, TemplateError> {
        let Some(value) = self.task.attrs.get(name) else { return Ok(None) };
        let value = self.shared.templar.render(value, &self.cx(layers)).map_err(|mut error| {
            if name != "delegate_to" {
                error.message = format!("Error processing keyword '{name}': {}", error.message);
            }
            error.at(value.span())
        })?;
        Ok(Some(value).filter(|v| !matches!(v, Value::Omit | Value::Null)))
    }

    fn flag(&self, name: &str, default: bool, layers: &Layers) -> Result<bool, TemplateError> {
        match self.keyword(name, layers)? {
            None => Ok(default),
            Some(value) => truthy(&value).ok_or_else(|| self.unfit(name, &value, "bool")),
        }
    }

    /// The keywords that decide how a result is taken: what is printed of it, and whether its failure counts. They hold for
    /// tasks too that are skipped, or whose other keywords fail. One that fails itself counts as true: nothing is printed that
    /// may be a secret. With them, the first of them that fails.
    pub(super) fn manners(&self, layers: &Layers) -> (Keywords, Option<TemplateError>) {
        let options = &self.shared.options;
        let mut wrong = None;
        let mut flag = |name: &str, default: bool| {
            self.flag(name, default, layers).unwrap_or_else(|error| {
                wrong.get_or_insert(error);
                true
            })
        };
        let mut keywords = Keywords {
            no_log: flag("no_log", options.no_log),
            ignore_errors: flag("ignore_errors", false),
            ignore_unreachable: flag("ignore_unreachable", false),
            check: options.check,
            diff: options.diff,
            ..Keywords::default()
        };
        match self.keyword("delegate_to", layers) {
            Ok(name) => {
                let name = name.as_ref().and_then(Value::as_str).filter(|h| !h.is_empty());
                keywords.delegate = name.map(str::to_owned);
            }
            Err(error) => {
                wrong.get_or_insert(error);
            }
        }
        (keywords, wrong)
    }

    /// The keywords of the task in effect.
    ///
    /// # Errors
    /// If one of their templates fails; with what [`Self::manners`] gives.
    pub fn keywords(&self, layers: &Layers) -> Result<Keywords, Box<(Keywords, TemplateError)>> {
        let (manners, wrong) = self.manners(layers);
        match wrong.map_or_else(|| self.others(&manners, layers), Err) {
            Ok(keywords) => Ok(keywords),
            Err(error) => Err(Box::new((manners, error))),
        }
    }

    /// The keywords that only matter to a task that runs.
    fn others(&self, manners: &Keywords, layers: &Layers) -> Result<Keywords, TemplateError> {
        let cx = self.cx(layers);
        let mut environment = indexmap::IndexMap::new();
        for value in self.task.attrs.list("environment") {
            let rendered = self.shared.templar.render(value, &cx).map_err(|mut error| {
                error.message = format!("Error processing keyword 'environment': {}", error.message);
                error.at(value.span())
            })?;
            match rendered {
                Value::Map(map) => {
                    for (key, value) in map.iter() {
                        let text = crate::vars::value::scalar_text(value)
                            .unwrap_or_else(|| python_text(&value.to_json()));
                        environment.insert(key.to_string(), text);
                    }
                }
                Value::Null | Value::Omit => {}
                other => {
                    let shown = python_text(&other.to_json());
                    let text = format!("could not parse environment value, skipping: {shown}");
                    let warning = Diagnostic::warning(text).hint("it is a mapping: `NAME: value`");
                    self.shared.reporter.event(Event::Diagnostic(Box::new(match value.span() {
                        Some(span) => warning.at(span),
                        None => warning,
                    })));
                }
            }
        }
        let seconds = match self.keyword("timeout", layers)? {
            None => self.shared.options.task_timeout,
            Some(value) => whole(&value).ok_or_else(|| self.unfit("timeout", &value, "int"))?.max(0) as u64,
        };
        Ok(Keywords {
            check: self.flag("check_mode", manners.check, layers)?,
            diff: self.flag("diff", manners.diff, layers)?,
            delegate_facts: self.flag("delegate_facts", false, layers)?,
            environment: environment.into_iter().collect(),
            timeout: seconds,
            apart: self.apart(layers)?,
            ..manners.clone()
        })
    }

    /// `async` and `poll`.
    fn apart(&self, layers: &Layers) -> Result<Option<super::jobs::Apart>, TemplateError> {
        let number = |name: &str, written: &Option<Value>| -> Result<Option<u64>, TemplateError> {
            let Some(written) = written else { return Ok(None) };
            let value = self.shared.templar.render(written, &self.cx(layers)).map_err(|mut error| {
                error.message = format!("Error processing keyword '{name}': {}", error.message);
                error.at(written.span())
            })?;
            if matches!(value, Value::Null | Value::Omit) {
                return Ok(None);
            }
            let number = whole(&value).ok_or_else(|| self.unfit(name, &value, "int"));
            Ok(Some(number.map_err(|error| error.at(written.span()))?.max(0) as u64))
        };
        let Some(seconds) = number("async_val", &self.task.async_seconds)?.filter(|seconds| *seconds > 0)
        else {
            return Ok(None);
        };
        let poll = number("poll", &self.task.poll)?.unwrap_or(self.shared.options.poll_interval);
        Ok(Some(super::jobs::Apart { seconds, poll, folder: self.async_folder(layers)? }))
    }

    /// A keyword whose value cannot be used.
    pub(super) fn unfit(&self, name: &str, value: &Value, wanted: &str) -> TemplateError {
        unfit(&self.task, name, value, wanted)
    }

    /// Where an argument was written: its value, or its name.
    pub(super) fn place_of(&self, argument: &str) -> Option<Span> {
        let field = |name: &str| self.task.action.spec.field(name).map(|f| f.name);
        let same = |key: &Key| key.as_str().is_some_and(|k| k == argument || field(k) == Some(argument));
        let within = |map: &Map| {
            let (key, value) = map.iter().find(|(k, _)| same(k))?;
            let key = match key {
                Key::Str(text) => text.span().cloned(),
                _ => None,
            };
            value.span().cloned().or(key)
        };
        let defaults = self.task.attrs.list("module_defaults").iter().filter_map(Value::as_map);
        let mut defaults = defaults.flat_map(|modules| modules.values()).filter_map(Value::as_map);
        within(&self.task.args).or_else(|| defaults.find_map(within))
    }

    /// The arguments that `module_defaults` give a module, as they are written: those of its groups, its own over them. Of
    /// several defaults of one name the innermost counts alone.
    fn defaults_of(&self, module: &str, cx: &TemplateContext<'_>) -> Result<Map, TemplateError> {
        let loader = &self.shared.loader;
        let mut given: indexmap::IndexMap<String, &Value> = indexmap::IndexMap::new();
        for (name, args) in self.task.attrs.list("module_defaults").iter().filter_map(Value::as_map).flatten()
        {
            let Some(name) = name.as_str() else { continue };
            let name = match name.strip_prefix("group/") {
                Some(group) => format!("group/{}", action_groups::full_name(group)),
                None => actions::resolve(name).map_or(name, |action| action.spec.name).to_owned(),
            };
            given.insert(name, args);
        }
        let mut out = Map::new();
        let mut take = |args: &Value| -> Result<(), TemplateError> {
            let args = if matches!(args, Value::Str(_)) {
                self.shared.templar.render(args, cx)?
            } else {
                args.clone()
            };
            out.extend(args.as_map().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
            Ok(())
        };
        for (name, args) in &given {
            if name.strip_prefix("group/").is_some_and(|group| loader.is_in_group(module, group)) {
                take(args)?;
            }
        }
        if let Some(args) = given.get(module) {
            take(args)?;
        }
        Ok(out)
    }

    /// Arguments with the `module_defaults` of another module than the task's under them, which runs in its place.
    ///
    /// # Errors
    /// If a template in the defaults fails.
    pub fn with_defaults_of(&self, module: &str, args: &Map, layers: &Layers) -> Result<Map, TemplateError> {
        let cx = self.cx(layers);
        let mut out = args.clone();
        for (name, value) in self.defaults_of(module, &cx)? {
            if !out.contains_key(&name) {
                let value = self.shared.templar.render(&value, &cx)?;
                if !matches!(value, Value::Omit) {
                    out.insert(name, value);
                }
            }
        }
        Ok(out)
    }

    /// The rendered arguments, `module_defaults` under them.
    pub(super) fn arguments(&self, layers: &Layers) -> Result<Map, TemplateError> {
        let cx = self.cx(layers);
        let spec = self.task.action.spec;
        let mut written = Map::new();
        if !self.task.attrs.list("module_defaults").is_empty() {
            // What `gather_facts` runs is `setup`, with the defaults of both.
            if spec.name == "ansible.builtin.gather_facts" {
                written.extend(self.defaults_of("ansible.builtin.setup", &cx)?);
            }
            written.extend(self.defaults_of(spec.name, &cx)?);
        }
        let given = self.task.args.keys().map(Key::to_string).collect::<Vec<_>>();
        written.retain(|name, _| name.as_str().is_none_or(|name| !given.iter().any(|g| g == name)));
        let mut out = Map::new();
        for (key, value) in &written {
            let value = self.argument(&key.to_string(), value, &cx)?;
            if !matches!(value, Value::Omit) {
                out.insert(key.clone(), value);
            }
        }
        if let Some(template) = &self.task.args_template {
            match self.shared.templar.render(template, &cx)? {
                Value::Map(map) => out.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
                Value::Omit | Value::Null => {}
                other => {
                    return Err(TemplateError::new(
                        crate::template::TemplateErrorKind::Failed,
                        format!("the arguments have to be a mapping, this is a {}", other.type_name()),
                    )
                    .at(template.span()));
                }
            }
        }
        let keep_raw = actions::renders_itself(&self.task.action);
        for (key, value) in self.task.args.iter() {
            let name = key.to_string();
            let key = match key {
                Key::Str(text) if text.is_template() => match self.shared.templar.render_str(text, &cx)? {
                    Value::Str(name) => Key::from(name.as_str()),
                    Value::Bool(b) => Key::Bool(b),
                    Value::Int(i) => Key::Int(i),
                    _ => Key::from(text.as_str()),
                },
                key => key.clone(),
            };
            if keep_raw.contains(&name.as_str()) {
                out.insert(key, value.clone());
                continue;
            }
            let value = self.argument(&name, value, &cx)?;
            if matches!(value, Value::Omit) {
                out.shift_remove(&key);
            } else {
                out.insert(key, value);
            }
        }
        Ok(out)
    }

    /// An argument's value.
    fn argument(&self, name: &str, value: &Value, cx: &TemplateContext<'_>) -> Result<Value, TemplateError> {
        self.shared.templar.render(value, cx).map_err(|mut error| {
            error.message = format!("Error while resolving value for '{name}': {}", error.message);
            error.at(value.span())
        })
    }
}

/// A task's keyword whose value cannot be used.
pub(super) fn unfit(task: &Task, name: &str, value: &Value, wanted: &str) -> TemplateError {
    let shown = python_text(&value.to_json());
    let message = format!(
        "Error processing keyword '{name}': The value '{shown}' could not be converted to '{wanted}'."
    );
    let mut error = TemplateError::new(crate::template::TemplateErrorKind::Failed, message);
    error.span = task.attrs.get(name).and_then(Value::span).cloned();
    error
}

/// A whole number, or a text of one.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(i) => Some(*i),
        Value::Float(f) => Some(*f as i64),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Str(text) => text.as_str().trim().parse().ok(),
        _ => None,
    }
}
