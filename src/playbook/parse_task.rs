//! A mapping to a task.

use super::check::{expects_failure, unknown_keyword};
use super::conceal;
use super::freeform;
use super::keywords;
use super::load::{Loader, Made, Under};
use super::problems::{Problems, nearest};
use super::task::{Loop, LoopControl, Node, Task};
use crate::actions::{self, ActionRef, Kind};
use crate::vars::{Key, Map, Text, Value};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Mapping, Node as Yaml, Span};

/// What a task calls, with its arguments as written.
struct Call<'a> {
    written: String,
    action: ActionRef,
    node: Option<&'a Yaml>,
    /// Place of the name.
    span: Span,
    local: bool,
    /// Arguments that came with `action: {module: ...}`.
    args: Map,
    raw: Option<String>,
    /// The action's name, if that is a template.
    template: Option<Value>,
}

impl Loader {
    pub(super) fn task(
        &self,
        map: &Mapping,
        span: &Span,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
        out: &mut Vec<Node>,
    ) {
        let Some(call) = self.call(map, span, under, problems) else { return };
        let explicit = ["action", "local_action"].iter().find_map(|name| map.get(name));
        for node in [call.node, explicit, map.get("args")].into_iter().flatten() {
            conceal::arguments(call.action.spec, node);
        }
        let mut own = self.attrs(map, problems);
        if call.local {
            own.set("delegate_to", Value::text("localhost"));
        }
        let mut args = call.args;
        let mut args_template = None;
        if let Some(node) = map.get("args") {
            match self.value(node) {
                Value::Map(more) => {
                    for (key, value) in more.iter() {
                        args.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
                Value::Null => {}
                value @ Value::Str(_) => args_template = Some(value),
                _ => problems.push(
                    Diagnostic::error(format!("`args` is a mapping, this is {}", node.kind())).at(&node.span),
                ),
            }
        }
        if let Some(raw) = call.raw {
            let text =
                Text::trusted(raw, Some(call.node.map_or_else(|| call.span.clone(), |n| n.span.clone())));
            args.insert(Key::from("_raw_params"), Value::Str(text));
        } else if let Some(node) = call.node {
            self.module_args(&call.action, node, &mut args, &mut args_template, problems);
        }
        let listed = |name: &str| self.listed(map, name);
        let single = |name: &str| map.get(name).map(|n| self.value(n)).filter(|v| !matches!(v, Value::Null));
        let mut vars = under.vars.clone();
        if let Some(node) = map.get("vars") {
            vars.push(self.vars_of(node, problems));
        }
        let register = match map.get("register").filter(|node| !node.is_null()) {
            None => None,
            Some(node) => match node.as_str().filter(|t| valid_name(t)) {
                Some(name) => Some(name.to_owned()),
                None => {
                    let said = node.as_str().unwrap_or(node.kind());
                    problems.push(
                        Diagnostic::error(format!("Invalid variable name in 'register' specified: '{said}'"))
                            .at(&node.span)
                            .hint(NAME_HINT),
                    );
                    None
                }
            },
        };
        let attrs = own.clone().child_of(&under.attrs);
        let task = Task {
            id: Task::next_id(),
            name: map.get("name").map(|n| self.value(n)).filter(|v| !matches!(v, Value::Null)),
            action: call.action,
            action_written: call.written,
            action_template: call.template,
            args: Arc::new(args),
            args_template,
            attrs,
            inherited: Arc::clone(&under.attrs),
            vars,
            outer_vars: under.vars.len(),
            include_params: under.include_params.clone(),
            loop_: self.loop_of(map, problems),
            loop_control: self.loop_control(map, problems),
            register,
            until: listed("until"),
            retries: single("retries"),
            delay: single("delay"),
            changed_when: listed("changed_when"),
            failed_when: listed("failed_when"),
            async_seconds: single("async"),
            poll: single("poll"),
            listen: listed("listen"),
            role: under.role.clone(),
            dir: under.dir.clone(),
            span: span.clone(),
            implicit: false,
            role_chain: under.role_chain.clone(),
        };
        self.check_keywords(map, problems);
        self.check_include(&task, map, problems);
        let may_fail = under.rescued || expects_failure(&task, &own);
        self.check_syntax(map, may_fail, problems);
        self.check_arguments(&task, may_fail, &call.span, problems);
        if under.handlers && matches!(task.action.kind, Kind::IncludeRole | Kind::ImportRole) {
            let text = format!("Using '{}' as a handler is not supported.", task.action_written);
            problems.push(
                Diagnostic::error(text).at(&task.span).hint(
                    "notify a handler that the role defines, or include its tasks with `include_tasks`",
                ),
            );
            return;
        }
        match task.action.kind {
            Kind::ImportTasks => self.import_tasks(&task, &own, under, made, problems, out),
            Kind::ImportRole => self.import_role(&task, &own, under, made, problems, out),
            _ => out.push(Node::Task(Arc::new(task))),
        }
    }

    /// The action of a name in `action:`, which may be a template.
    fn action_of(&self, name: &str) -> Option<ActionRef> {
        if name.contains("{{") { Some(actions::by_template()) } else { self.action(name) }
    }

    /// Which action the mapping calls.
    fn call<'a>(
        &self,
        map: &'a Mapping,
        span: &Span,
        under: &Under,
        problems: &mut Problems,
    ) -> Option<Call<'a>> {
        let known: Vec<&str> = if under.handlers {
            keywords::TASK.iter().chain(keywords::HANDLER).copied().collect()
        } else {
            keywords::TASK.to_vec()
        };
        let place = if under.handlers { "a handler" } else { "a task" };
        let keyword = |name: &str| known.contains(&name) || is_with(name);
        let others: Vec<(&Yaml, &Yaml)> =
            map.iter().filter(|(k, _)| !keyword(k.as_str().unwrap_or_default())).collect();
        let explicit = ["action", "local_action"].iter().find_map(|k| map.get_entry(k).map(|e| (*k, e)));
        if let Some((key, (key_node, node))) = explicit {
            for (other, _) in &others {
                let name = other.as_str().unwrap_or_default();
                if self.action(name).is_some() {
                    problems.push(
                        Diagnostic::error(format!("conflicting action statements: {key}, {name}"))
                            .at(&other.span),
                    );
                } else {
                    unknown_keyword(place, name, &other.span, &known, problems);
                }
            }
            return self.explicit_call(key == "local_action", key_node, node, problems);
        }
        let (called, unknown): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(k, _)| self.action(k.as_str().unwrap_or_default()).is_some());
        match called.as_slice() {
            [] => {
                match unknown.as_slice() {
                    [] => problems.push(
                        Diagnostic::error("no module/action detected in task.")
                            .at(span)
                            .hint("a task calls one module: `- ansible.builtin.command: ...`"),
                    ),
                    all => {
                        for (key, _) in all {
                            unknown_module(key.as_str().unwrap_or_default(), &key.span, problems);
                        }
                    }
                }
                None
            }
            [(key, node), rest @ ..] => {
                for (other, _) in &unknown {
                    let name = other.as_str().unwrap_or_default();
                    unknown_keyword(place, name, &other.span, &known, problems);
                }
                let written = key.as_str().unwrap_or_default().to_owned();
                if matches!(written.as_str(), "include" | "ansible.builtin.include") {
                    problems.refuse(
                        Diagnostic::error(format!("the action '{written}' has been removed"))
                            .at(&key.span)
                            .hint("use include_tasks (while the play runs) or import_tasks (before it)"),
                    );
                    return None;
                }
                if let Some((other, _)) = rest.first() {
                    let second = other.as_str().unwrap_or_default();
                    problems.push(
                        Diagnostic::error(format!("conflicting action statements: {written}, {second}"))
                            .at(&other.span)
                            .related(&key.span, "the first one")
                            .hint("a task calls one module: begin another task with `- `"),
                    );
                    return None;
                }
                let action = self.action(&written)?;
                let (span, args) = (key.span.clone(), Map::new());
                Some(Call {
                    written,
                    action,
                    node: Some(node),
                    span,
                    local: false,
                    args,
                    raw: None,
                    template: None,
                })
            }
        }
    }

    /// `action: copy src=a dest=b`, or `action: {module: copy, src: a}`.
    fn explicit_call<'a>(
        &self,
        local: bool,
        key: &Yaml,
        node: &'a Yaml,
        problems: &mut Problems,
    ) -> Option<Call<'a>> {
        let mut args = Map::new();
        let mut raw = None;
        let written = match self.value(node) {
            Value::Str(text) => {
                let (name, rest) = name_and_rest(text.as_str());
                if let Some(action) = self.action_of(name) {
                    let command = action.kind != Kind::ByTemplate && action.is_command();
                    match freeform::split(rest, command) {
                        Ok(free) => {
                            args.extend(
                                free.pairs
                                    .into_iter()
                                    .map(|(k, v)| (argument_name(k, &node.span), trusted(v, &node.span))),
                            );
                            raw = Some(free.raw).filter(|r| !r.is_empty());
                        }
                        Err(error) => problems.push(error.at(&node.span)),
                    }
                }
                name.to_owned()
            }
            Value::Map(map) => {
                let name = map.get("module").and_then(Value::as_str).unwrap_or_default().to_owned();
                args.extend(
                    map.iter()
                        .filter(|(k, _)| k.as_str() != Some("module"))
                        .map(|(k, v)| (k.clone(), v.clone())),
                );
                // `module: copy src=a` holds arguments too.
                match name_and_rest(&name) {
                    (name, rest) if !rest.is_empty() => {
                        if let Ok(free) = freeform::split(rest, false) {
                            args.extend(
                                free.pairs
                                    .into_iter()
                                    .map(|(k, v)| (argument_name(k, &node.span), trusted(v, &node.span))),
                            );
                        }
                        name.to_owned()
                    }
                    _ => name,
                }
            }
            _ => String::new(),
        };
        let Some(action) = self.action_of(&written) else {
            if written.is_empty() {
                problems.push(Diagnostic::error("no module/action detected in task.").at(&key.span));
            } else {
                let span = match node.span.text().find(&written) {
                    Some(at) => {
                        let start = node.span.start + at;
                        Span::new(&node.span.file, start, start + written.len())
                    }
                    None => node.span.clone(),
                };
                unknown_module(&written, &span, problems);
            }
            return None;
        };
        let template = (action.kind == Kind::ByTemplate).then(|| trusted(written.clone(), &node.span));
        Some(Call { written, action, node: None, span: key.span.clone(), local, args, raw, template })
    }

    /// The value behind a module's name: a mapping, a free-form text, or nothing.
    fn module_args(
        &self,
        action: &ActionRef,
        node: &Yaml,
        args: &mut Map,
        template: &mut Option<Value>,
        problems: &mut Problems,
    ) {
        match self.value(node) {
            Value::Null => {}
            Value::Map(map) => args.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
            Value::Str(text) => {
                let whole = text.as_str().trim();
                if action.spec.free_form.is_none() && is_one_expression(whole) {
                    *template = Some(Value::Str(text));
                    return;
                }
                let given = if action.is_command() { text.as_str() } else { whole };
                match freeform::split(given, action.is_command()) {
                    Ok(free) => {
                        args.extend(
                            free.pairs
                                .into_iter()
                                .map(|(k, v)| (argument_name(k, &node.span), trusted(v, &node.span))),
                        );
                        if free.raw.is_empty() {
                            return;
                        }
                        args.insert(Key::from("_raw_params"), trusted(free.raw, &node.span));
                    }
                    Err(error) => problems.push(error.at(&node.span)),
                }
            }
            Value::List(items) if action.spec.free_form.is_some() => {
                // `command: [ls, -l]` is an argument vector.
                args.insert(Key::from("argv"), Value::List(items));
            }
            other if action.spec.free_form.is_some() => {
                let text = crate::vars::value::scalar_text(&other).unwrap_or_default();
                args.insert(Key::from("_raw_params"), Value::text(text));
            }
            _ => problems.push(
                Diagnostic::error(format!(
                    "the arguments of '{}' are a mapping or `name=value` text, this is {}",
                    action.spec.short_name(),
                    node.kind()
                ))
                .at(&node.span)
                .hint("write one `name: value` to a line, without `-`"),
            ),
        }
    }

    fn loop_of(&self, map: &Mapping, problems: &mut Problems) -> Option<Loop> {
        let mut found: Option<(String, Loop)> = None;
        for (key, node) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            let lookup = match name {
                "loop" => None,
                _ if is_with(name) => Some(name["with_".len()..].to_owned()),
                _ => continue,
            };
            if let Some((first, _)) = &found {
                problems.refuse(
                    Diagnostic::error(format!("duplicate loop in task: {first}, {name}"))
                        .at(&key.span)
                        .hint("a task has one loop: use `loop` with the filter `product`, or include a file in a loop"),
                );
                continue;
            }
            if lookup.is_none() && node.is_null() {
                continue;
            }
            found =
                Some((name.to_owned(), Loop { lookup, value: self.value(node), span: node.span.clone() }));
        }
        found.map(|(_, l)| l)
    }

    fn loop_control(&self, map: &Mapping, problems: &mut Problems) -> LoopControl {
        let Some(node) = map.get("loop_control") else { return LoopControl::default() };
        let Some(control) = node.as_map() else {
            if !node.is_null() {
                problems.push(
                    Diagnostic::error(format!("`loop_control` is a mapping, this is {}", node.kind()))
                        .at(&node.span)
                        .hint("as in `loop_control: {label: \"{{ item.name }}\"}`"),
                );
            }
            return LoopControl::default();
        };
        for (key, _) in control.iter() {
            let name = key.as_str().unwrap_or_default();
            if !keywords::LOOP_CONTROL.contains(&name) {
                unknown_keyword("loop_control", name, &key.span, keywords::LOOP_CONTROL, problems);
            }
        }
        let value = |name: &str| control.get(name).map(|n| self.value(n));
        LoopControl {
            loop_var: value("loop_var"),
            index_var: value("index_var"),
            label: value("label"),
            pause: value("pause"),
            extended: value("extended"),
            extended_allitems: value("extended_allitems"),
            break_when: match value("break_when") {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::List(items)) => items.to_vec(),
                Some(other) => vec![other],
            },
        }
    }
}

/// How names of variables are made.
pub(super) const NAME_HINT: &str =
    "a name begins with a letter or underscore and goes on with letters, digits and underscores";

fn trusted(text: String, span: &Span) -> Value {
    Value::Str(Text::trusted(text, Some(span.clone())))
}

/// The name of an action, a word that may have expressions in braces in it, and what follows it.
fn name_and_rest(text: &str) -> (&str, &str) {
    let text = text.trim();
    let mut end = 0;
    loop {
        let rest = &text[end..];
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match rest.find("{{").filter(|open| *open < word) {
            Some(open) => match rest[open..].find("}}") {
                Some(close) => end += open + close + 2,
                None => return (text, ""),
            },
            None => return (&text[..end + word], text[end + word..].trim_start()),
        }
    }
}

/// The name in a `name=value`, which may be a template.
fn argument_name(name: String, span: &Span) -> Key {
    if name.contains("{{") { Key::Str(Text::trusted(name, Some(span.clone()))) } else { Key::from(name) }
}

fn is_with(name: &str) -> bool {
    name.strip_prefix("with_").is_some_and(|l| !l.is_empty())
}

/// Whether a text is one `{{ ... }}` and nothing else.
fn is_one_expression(text: &str) -> bool {
    text.starts_with("{{") && text.ends_with("}}") && text.matches("{{").count() == 1
}

/// Whether a text can name a variable.
#[must_use]
pub fn valid_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !["True", "False", "None", "true", "false", "none"].contains(&text)
}

fn unknown_module(name: &str, span: &Span, problems: &mut Problems) {
    let mut diagnostic = Diagnostic::error(format!("couldn't resolve module/action '{name}'")).at(span);
    let names = actions::all_names();
    let keyword = nearest(name, keywords::TASK.iter().copied());
    let module = nearest(name, names.iter().map(String::as_str));
    diagnostic = match (module, keyword) {
        (Some(module), _) => diagnostic.hint(format!("did you mean `{module}`?")),
        (None, Some(keyword)) => diagnostic.hint(format!("did you mean the keyword `{keyword}`?")),
        (None, None) => diagnostic.hint("`windlass doc --list` names the modules that windlass has"),
    };
    problems.push(diagnostic);
}
