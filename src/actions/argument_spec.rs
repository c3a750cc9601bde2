//! Arguments beside their description: what is missing, unknown, of another type, or none of the choices. All of it is told,
//! in ansible-core's order and words.

use super::argument_types::{convert, shown, text};
use crate::vars::{Key, Map, Value};
use std::collections::BTreeMap;

/// What is wrong with `given` by a description.
///
/// # Errors
/// If the description of an argument is no mapping.
pub(super) fn mistakes(spec: &Map, given: Map) -> Result<Vec<String>, String> {
    let mut check = Check::default();
    check.level(spec, given, &mut Vec::new(), &Map::new())?;
    check.unsupported();
    Ok(check.errors)
}

/// The names that may be given at a place, with their other names.
struct Supported {
    names: Vec<String>,
    aliases: Vec<String>,
}

#[derive(Default)]
struct Check {
    errors: Vec<String>,
    /// Arguments that nobody described, by their path.
    unknown: BTreeMap<String, Supported>,
}

impl Check {
    /// One level of arguments: those of the role, or those inside of one whose `rules` are given.
    fn level(&mut self, spec: &Map, mut given: Map, at: &mut Vec<String>, rules: &Map) -> Result<(), String> {
        for (name, rules) in spec {
            if rules.as_map().is_none() {
                return Err(format!("the description of '{name}' is no mapping but a {}", rules.type_name()));
            }
        }
        let found = aliases(spec, &mut given);
        self.errors.extend(found.as_ref().err().cloned());
        let aliases = found.as_deref().unwrap_or_default();
        if let Err(error) = secrets(spec, &given) {
            self.errors.push(error);
        }
        let is_known = |name: &String| spec.contains_key(name.as_str()) || aliases.contains(name);
        let unknown: Vec<String> = given.keys().map(Key::to_string).filter(|name| !is_known(name)).collect();
        match &found {
            // The reference asks for the other names again.
            Err(error) if !unknown.is_empty() => self.errors.push(error.clone()),
            _ => {
                for name in unknown {
                    let path: Vec<&str> = at.iter().map(String::as_str).chain([&*name]).collect();
                    let names = spec.keys().map(Key::to_string).collect();
                    self.unknown.insert(path.join("."), Supported { names, aliases: aliases.to_vec() });
                }
            }
        }
        self.exclusive(rules, &given, at);
        defaults(spec, &mut given, false);
        let mut missing: Vec<String> = spec
            .iter()
            .filter(|(name, rules)| flag(rules, "required") && !given.contains_key(*name))
            .map(|(name, _)| name.to_string())
            .collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            self.tell(format!("missing required arguments: {}", missing.join(", ")), at);
        }
        self.types(spec, &mut given, at);
        self.choices(spec, &mut given, at);
        self.companions(rules, &given, at);
        defaults(spec, &mut given, true);
        for (name, rules) in spec {
            let Some(rules) = rules.as_map() else { continue };
            let kind = rules.get("type").and_then(Value::as_str);
            let elements = rules.get("elements").and_then(Value::as_str);
            if kind != Some("dict") && !(kind == Some("list") && elements == Some("dict")) {
                continue;
            }
            let Some(Value::Map(inner)) = rules.get("options") else { continue };
            let value = match given.get(name) {
                Some(value) if !matches!(value, Value::Null) => value.clone(),
                _ if rules.get("apply_defaults").is_some_and(is_true) => Value::map(Map::new()),
                _ => continue,
            };
            let items = match value {
                Value::List(items) => items.to_vec(),
                other => vec![other],
            };
            at.push(name.to_string());
            for item in items {
                match item {
                    Value::Map(map) => self.level(inner, (*map).clone(), at, rules)?,
                    Value::Dynamic(_) => {}
                    _ => self.errors.push(format!("value of '{name}' must be of type dict or list of dicts")),
                }
            }
            at.pop();
        }
        Ok(())
    }

    /// Adds a mistake with the place where it is.
    fn tell(&mut self, message: String, at: &[String]) {
        self.errors.push(if at.is_empty() {
            message
        } else {
            format!("{message} found in {}", at.join(" -> "))
        });
    }

    fn types(&mut self, spec: &Map, given: &mut Map, at: &[String]) {
        let place = |end: &str| {
            if at.is_empty() { String::new() } else { format!(" found in '{}'{end}", at.join(" -> ")) }
        };
        for (name, rules) in spec {
            let Some(value) = given.get(name).cloned() else { continue };
            let set = |key: &str| rules.get(key).filter(|v| !matches!(v, Value::Null));
            if matches!(value, Value::Null) && !flag(rules, "required") && set("default").is_none() {
                continue;
            }
            let kind = set("type").map_or_else(|| "str".to_owned(), text);
            let secret = flag(rules, "no_log");
            let converted = match convert(&kind, &value, secret) {
                Ok(converted) => converted,
                Err(error) => {
                    self.errors.push(format!(
                        "argument '{name}' is of type {}{} and we were unable to convert to {kind}: {error}",
                        value.type_name(),
                        place("."),
                    ));
                    continue;
                }
            };
            let Some(elements) = set("elements").filter(|v| is_true(v)).map(text) else {
                given.insert(name.clone(), converted);
                continue;
            };
            if !matches!(converted, Value::List(_)) {
                self.errors.push(format!(
                    "Invalid type {kind} for option '{}'{}, elements value check is supported only with 'list' type",
                    shown(&text(&converted), secret),
                    place("."),
                ));
            }
            let items: Vec<Value> = match &converted {
                Value::List(items) => items.to_vec(),
                Value::Str(text) => text.as_str().chars().map(|c| Value::text(c.to_string())).collect(),
                Value::Map(map) => map.keys().map(|key| Value::text(key.to_string())).collect(),
                other => {
                    self.errors.push(format!(
                        "argument '{name}' is of type {}{} and we were unable to convert to {kind}: '{}' object is not iterable",
                        value.type_name(),
                        place("."),
                        other.type_name(),
                    ));
                    continue;
                }
            };
            let mut good = Vec::new();
            for item in &items {
                match convert(&elements, item, secret) {
                    Ok(item) => good.push(item),
                    Err(error) => self.errors.push(format!(
                        "Elements value for option '{name}'{} is of type {} and we were unable to convert to {elements}: {error}",
                        place(""),
                        item.type_name(),
                    )),
                }
            }
            given.insert(name.clone(), Value::list(good));
        }
    }

    fn choices(&mut self, spec: &Map, given: &mut Map, at: &[String]) {
        for (name, rules) in spec {
            let choices = match rules.get("choices") {
                None | Some(Value::Null) => continue,
                Some(Value::List(choices)) => choices,
                Some(other) => {
                    let message = format!(
                        "internal error: choices for argument {name} are not iterable: {}",
                        text(other)
                    );
                    self.tell(message, at);
                    continue;
                }
            };
            let Some(value) = given.get(name) else { continue };
            let secret = flag(rules, "no_log");
            let listed = |values: &[Value]| values.iter().map(text).collect::<Vec<_>>().join(", ");
            if let Value::List(items) = value {
                let others: Vec<Value> =
                    items.iter().filter(|item| !choices.contains(item)).cloned().collect();
                if !others.is_empty() {
                    let message = format!(
                        "value of {name} must be one or more of: {}. Got no match for: {}",
                        listed(choices),
                        shown(&listed(&others), secret)
                    );
                    self.tell(message, at);
                }
                continue;
            }
            if choices.contains(value) {
                continue;
            }
            // YAML makes booleans of words that were meant as such; where only one choice is meant by it, that one is.
            if let Some(meant) = unquoted(value, choices) {
                given.insert(name.clone(), meant);
                continue;
            }
            let message = format!(
                "value of {name} must be one of: {}, got: {}",
                listed(choices),
                shown(&text(value), secret)
            );
            self.tell(message, at);
        }
    }

    fn exclusive(&mut self, rules: &Map, given: &Map, at: &[String]) {
        let both: Vec<String> = groups(rules.get("mutually_exclusive"))
            .filter(|names| names.iter().filter(|n| given.contains_key(n.as_str())).count() > 1)
            .map(|names| names.join("|"))
            .collect();
        if !both.is_empty() {
            self.tell(format!("parameters are mutually exclusive: {}", both.join(", ")), at);
        }
    }

    /// Arguments that are wanted beside others. Of each kind of rule the first that is broken is told.
    fn companions(&mut self, rules: &Map, given: &Map, at: &[String]) {
        let is_given = |name: &String| given.contains_key(name.as_str());
        let together = groups(rules.get("required_together"))
            .find(|names| names.iter().any(is_given) && !names.iter().all(is_given));
        if let Some(names) = together {
            self.tell(format!("parameters are required together: {}", names.join(", ")), at);
        }
        let one_of = groups(rules.get("required_one_of")).find(|names| !names.iter().any(is_given));
        if let Some(names) = one_of {
            self.tell(format!("one of the following is required: {}", names.join(", ")), at);
        }
        let conditions = rules.get("required_if").and_then(Value::as_list).unwrap_or_default();
        let lacking = conditions.iter().filter_map(Value::as_list).find_map(|rule| {
            let [key, wanted, names, any @ ..] = rule else { return None };
            let key = text(key);
            if given.get(key.as_str()) != Some(wanted) {
                return None;
            }
            let any = any.first().is_some_and(is_true);
            let names: Vec<String> = names.as_list().unwrap_or_default().iter().map(text).collect();
            let missing: Vec<String> = names.iter().filter(|n| !is_given(n)).cloned().collect();
            let broken = !missing.is_empty() && (!any || missing.len() >= names.len());
            let how = if any { "any" } else { "all" };
            broken.then(|| {
                format!(
                    "{key} is {} but {how} of the following are missing: {}",
                    text(wanted),
                    missing.join(", ")
                )
            })
        });
        if let Some(message) = lacking {
            self.tell(message, at);
        }
        let has = |name: &str| given.get(name).is_some_and(|v| !matches!(v, Value::Null));
        let by = rules.get("required_by").and_then(Value::as_map);
        let lacking =
            by.into_iter().flatten().filter(|(key, _)| has(&key.to_string())).find_map(|(key, names)| {
                let names = match names {
                    Value::List(names) => names.iter().map(text).collect(),
                    other => vec![text(other)],
                };
                let missing: Vec<String> = names.into_iter().filter(|n| !has(n)).collect();
                (!missing.is_empty())
                    .then(|| format!("missing parameter(s) required by '{key}': {}", missing.join(", ")))
            });
        if let Some(message) = lacking {
            self.tell(message, at);
        }
    }

    /// All arguments that nobody described, with what may stand beside the last of them.
    fn unsupported(&mut self) {
        let Some((_, supported)) = self.unknown.last_key_value() else { return };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names.join(", ")
        };
        let mut known = sorted(&supported.names);
        if !supported.aliases.is_empty() {
            known.push_str(&format!(" ({})", sorted(&supported.aliases)));
        }
        let names: Vec<&str> = self.unknown.keys().map(String::as_str).collect();
        self.errors.push(format!("{}. Supported parameters include: {known}.", names.join(", ")));
    }
}

/// The other names of arguments. What was given under one of them is given under the argument's own name, too.
fn aliases(spec: &Map, given: &mut Map) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for (name, rules) in spec {
        let default = rules.get("default").is_some_and(|v| !matches!(v, Value::Null));
        if default && flag(rules, "required") {
            return Err(format!("internal error: required and default are mutually exclusive for {name}"));
        }
        match rules.get("aliases") {
            None | Some(Value::Null) => {}
            Some(Value::List(aliases)) => {
                for alias in aliases.iter().map(text) {
                    if let Some(value) = given.get(alias.as_str()).cloned() {
                        given.insert(name.clone(), value);
                    }
                    all.push(alias);
                }
            }
            Some(_) => return Err("internal error: aliases must be a list or tuple".to_owned()),
        }
    }
    Ok(all)
}

/// Whether what is inside of arguments can be looked at for secrets.
fn secrets(spec: &Map, given: &Map) -> Result<(), String> {
    for (name, rules) in spec {
        let Some(Value::Map(inner)) = rules.get("options") else { continue };
        let kind = rules.get("type").and_then(Value::as_str).unwrap_or_default();
        let elements = rules.get("elements").and_then(Value::as_str);
        if kind != "dict" && !(kind == "list" && elements == Some("dict")) {
            continue;
        }
        let items = match given.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::List(items)) => items.to_vec(),
            Some(other) => vec![other.clone()],
        };
        for item in items {
            let item = if item.as_str().is_some() { convert("dict", &item, true)? } else { item };
            match &item {
                Value::Map(map) => secrets(inner, map)?,
                Value::Dynamic(_) => {}
                other => {
                    return Err(format!(
                        "Value '{}' in the sub parameter field '{name}' must be a {kind}, not '{}'",
                        shown(&text(other), flag(rules, "no_log")),
                        other.type_name()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Fills in defaults; with `all`, null where there is none.
fn defaults(spec: &Map, given: &mut Map, all: bool) {
    for (name, rules) in spec {
        let default = rules.get("default").cloned().unwrap_or_default();
        if !given.contains_key(name) && (all || !matches!(default, Value::Null)) {
            given.insert(name.clone(), default);
        }
    }
}

/// The one choice that stands for the same boolean as a value that YAML read as one.
fn unquoted(value: &Value, choices: &[Value]) -> Option<Value> {
    let wanted = match value.as_str()? {
        "True" => true,
        "False" => false,
        _ => return None,
    };
    let words =
        if wanted { ["y", "yes", "on", "1", "true", "t"] } else { ["n", "no", "off", "0", "false", "f"] };
    let number = f64::from(u8::from(wanted));
    let same = |choice: &&Value| match choice {
        Value::Str(text) => words.contains(&text.as_str()),
        other => other.as_number() == Some(number),
    };
    let mut found = choices.iter().filter(same);
    let first = found.next()?;
    found.all(|other| other == first).then(|| first.clone())
}

/// Lists of names: groups of arguments that a rule is about.
fn groups(rule: Option<&Value>) -> impl Iterator<Item = Vec<String>> {
    rule.and_then(Value::as_list).unwrap_or_default().iter().map(|group| match group {
        Value::List(names) => names.iter().map(text).collect(),
        other => vec![text(other)],
    })
}

fn flag(rules: &Value, name: &str) -> bool {
    rules.get(name).is_some_and(is_true)
}

/// Whether Python takes a value for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Omit => false,
        Value::Str(text) => !text.as_str().is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        other => other.as_number().is_none_or(|n| n != 0.0),
    }
}
