//! Checks and converts the rendered arguments of a task by the module's description, as Ansible converts them.

use crate::spec::{ArgKind, Constraint, FieldSpec, ModuleSpec};
use crate::{Json, JsonMap};

/// What is wrong with one argument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    /// The module has no such argument.
    #[error("{module} has no argument '{name}'")]
    Unknown {
        /// Short module name.
        module: String,
        /// What was written.
        name: String,
        /// The nearest argument that exists, if one is near.
        nearest: Option<String>,
        /// All names, for a hint.
        supported: Vec<String>,
    },
    /// A required one is not there.
    #[error("missing required arguments: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// The value cannot be converted.
    #[error("argument '{name}' is of type {found} and cannot be converted to {wanted}: {value}")]
    Type {
        /// The argument.
        name: String,
        /// The type it has.
        found: &'static str,
        /// The type it should have.
        wanted: &'static str,
        /// The value, shortened; for a secret, stars.
        value: String,
    },
    /// The value is none of the allowed ones.
    #[error("value of {name} must be one of: {}, got: {value}", .choices.join(", "))]
    Choice {
        /// The argument.
        name: String,
        /// The value.
        value: String,
        /// The allowed ones.
        choices: Vec<String>,
    },
    /// Two that exclude each other.
    #[error("parameters are mutually exclusive: {}", .0.join("|"))]
    Exclusive(Vec<String>),
    /// One without its companion.
    #[error("parameters are required together: {}", .0.join(", "))]
    Together(Vec<String>),
    /// None of a group.
    #[error("one of the following is required: {}", .0.join(", "))]
    OneOf(Vec<String>),
    /// A value that asks for others.
    #[error("{key} is {value} but {} of the following are missing: {}", if *.any { "any" } else { "all" }, .needs.join(", "))]
    RequiredIf {
        /// The argument.
        key: String,
        /// Its value.
        value: String,
        /// What is missing.
        needs: Vec<String>,
        /// One of them would do.
        any: bool,
    },
    /// One that asks for others.
    #[error("missing parameter(s) required by '{key}': {}", .needs.join(", "))]
    RequiredBy {
        /// The argument.
        key: String,
        /// What is missing.
        needs: Vec<String>,
    },
}

/// Checks `given` by `spec`: aliases are replaced by names, values converted, defaults filled in. Null counts as not given.
/// The result deserializes into the module's argument struct (absent optional ones are absent).
///
/// # Errors
/// Everything that is wrong, not just the first.
pub fn normalize(spec: &ModuleSpec, given: &JsonMap) -> Result<JsonMap, Vec<ArgError>> {
    complete(spec, given, true)
}

/// As [`normalize`]; defaults that nothing needs for the check are left out unless `fill` asks for them.
fn complete(spec: &ModuleSpec, given: &JsonMap, fill: bool) -> Result<JsonMap, Vec<ArgError>> {
    let mut errors = Vec::new();
    let mut out = JsonMap::new();
    for (name, value) in given {
        let Some(field) = spec.field(name) else {
            if spec.open {
                out.insert(name.clone(), value.clone());
            } else {
                errors.push(unknown(spec, name));
            }
            continue;
        };
        if value.is_null() {
            continue;
        }
        // The real name wins over an alias when both are given.
        if field.name != name && given.get(field.name).is_some_and(|v| !v.is_null()) {
            continue;
        }
        match convert(field, &field.kind, value).and_then(|v| check_choices(field, v)) {
            Ok(value) => {
                out.insert(field.name.to_owned(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    let given_names: Vec<String> = out.keys().cloned().collect();
    let is_given = |name: &str| given_names.iter().any(|g| g == name);
    let missing: Vec<String> = spec
        .all_fields()
        .filter(|f| f.required && !is_given(f.name) && !given.contains_key(f.name))
        .filter(|f| !f.aliases.iter().any(|a| given.get(*a).is_some_and(|v| !v.is_null())))
        .map(|f| f.name.to_owned())
        .collect();
    let null_required = spec
        .all_fields()
        .filter(|f| f.required && !is_given(f.name) && given.get(f.name).is_some_and(Json::is_null));
    let missing: Vec<String> = missing.into_iter().chain(null_required.map(|f| f.name.to_owned())).collect();
    if !missing.is_empty() {
        errors.push(ArgError::Missing(missing));
    }
    let needed = fill || !spec.constraints.is_empty();
    for field in spec.all_fields().filter(|_| needed) {
        if let Some(default) = field.default
            && !out.contains_key(field.name)
            && let Ok(value) = convert(field, &field.kind, &Json::String(default.to_owned()))
        {
            out.insert(field.name.to_owned(), value);
        }
    }
    for constraint in spec.constraints {
        check_constraint(constraint, &out, &is_given, &mut errors);
    }
    // Lists that are not optional in the struct still have to be there.
    for field in spec.all_fields() {
        if matches!(field.kind, ArgKind::List(_))
            && !out.contains_key(field.name)
            && field.default == Some("")
        {
            out.insert(field.name.to_owned(), Json::Array(Vec::new()));
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// What is wrong with arguments as an operator wrote them, before templates are rendered. `later` are the names whose values
/// are not known yet; `open` says that there may be further ones. What only the whole can tell is left out then.
#[must_use]
pub fn mistakes(spec: &ModuleSpec, given: &JsonMap, later: &[&str], open: bool) -> Vec<ArgError> {
    let Err(errors) = complete(spec, given, false) else { return Vec::new() };
    let comes = |name: &str| {
        later.iter().any(|l| *l == name || spec.field(l).is_some_and(|field| field.name == name))
    };
    let mut out = Vec::new();
    for error in errors {
        match error {
            ArgError::Type { .. } | ArgError::Choice { .. } | ArgError::Exclusive(_) => out.push(error),
            ArgError::Unknown { .. } => {}
            ArgError::Missing(names) if !open => {
                let names: Vec<String> = names.into_iter().filter(|n| !comes(n)).collect();
                if !names.is_empty() {
                    out.push(ArgError::Missing(names));
                }
            }
            other if !open && later.is_empty() => out.push(other),
            _ => {}
        }
    }
    out
}

impl ArgError {
    /// The arguments that it is about.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Unknown { name, .. } | Self::Type { name, .. } | Self::Choice { name, .. } => vec![name],
            Self::Missing(_) | Self::OneOf(_) => Vec::new(),
            Self::Exclusive(names) | Self::Together(names) => names.iter().map(String::as_str).collect(),
            Self::RequiredIf { key, .. } | Self::RequiredBy { key, .. } => vec![key],
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest, .. } => nearest.as_ref().map(|n| format!("did you mean `{n}`?")),
            Self::Type { wanted: "bool", .. } => Some("write true or false".to_owned()),
            Self::Type { wanted: "int", .. } => Some("write a whole number".to_owned()),
            Self::Type { wanted: "list", .. } => Some("write `[a, b]`, or one `- a` to a line".to_owned()),
            Self::Type { wanted: "dict", .. } => {
                Some("write `{name: value}`, or one `name: value` to a line".to_owned())
            }
            Self::Choice { value, choices, .. } => {
                near(value, choices).map(|n| format!("did you mean `{n}`?"))
            }
            Self::Exclusive(_) => Some("give one of them".to_owned()),
            _ => None,
        }
    }
}

/// The nearest of some names, if one is near enough to be meant.
fn near(name: &str, names: &[String]) -> Option<String> {
    names
        .iter()
        .map(|s| (distance(s, name), s))
        .filter(|(d, s)| *d <= 1 + s.len().max(name.len()) / 4 && *d < s.len().max(name.len()))
        .min()
        .map(|(_, s)| s.clone())
}

/// Only the unknown names among `names`; used on a playbook before anything is rendered.
#[must_use]
pub fn unknown_arguments<'a>(spec: &ModuleSpec, names: impl Iterator<Item = &'a str>) -> Vec<ArgError> {
    if spec.open {
        return Vec::new();
    }
    names.filter(|n| spec.field(n).is_none()).map(|n| unknown(spec, n)).collect()
}

fn unknown(spec: &ModuleSpec, name: &str) -> ArgError {
    let supported: Vec<String> = spec
        .all_fields()
        .flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()))
        .map(str::to_owned)
        .collect();
    let mut supported: Vec<String> = supported.into_iter().filter(|n| !n.starts_with('_')).collect();
    supported.sort();
    let nearest = near(name, &supported);
    ArgError::Unknown { module: spec.short_name().to_owned(), name: name.to_owned(), nearest, supported }
}

/// Edit distance between two short names; two letters that changed places count once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(row[j - 1] + 1).min(rows[i - 1][j] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

fn check_constraint(
    constraint: &Constraint,
    out: &JsonMap,
    is_given: &impl Fn(&str) -> bool,
    errors: &mut Vec<ArgError>,
) {
    let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let missing_of = |names: &[&str]| {
        names
            .iter()
            .filter(|n| out.get(**n).is_none_or(Json::is_null))
            .map(|n| (*n).to_owned())
            .collect::<Vec<_>>()
    };
    match constraint {
        Constraint::MutuallyExclusive(names) => {
            if names.iter().filter(|n| is_given(n)).count() > 1 {
                errors.push(ArgError::Exclusive(own(names)));
            }
        }
        Constraint::RequiredTogether(names) => {
            let count = names.iter().filter(|n| is_given(n)).count();
            if count > 0 && count < names.len() {
                errors.push(ArgError::Together(own(names)));
            }
        }
        Constraint::RequiredOneOf(names) => {
            if missing_of(names).len() == names.len() {
                errors.push(ArgError::OneOf(own(names)));
            }
        }
        Constraint::RequiredIf { key, value, needs, any } => {
            let matches = out.get(*key).is_some_and(|v| match v {
                Json::String(s) => s == value,
                Json::Bool(b) => value.parse::<bool>() == Ok(*b),
                other => other.to_string().as_str() == *value,
            });
            let missing = missing_of(needs);
            if matches && (if *any { missing.len() == needs.len() } else { !missing.is_empty() }) {
                let (key, value) = ((*key).to_owned(), (*value).to_owned());
                errors.push(ArgError::RequiredIf { key, value, needs: missing, any: *any });
            }
        }
        Constraint::RequiredBy(key, needs) => {
            let missing = missing_of(needs);
            if is_given(key) && !missing.is_empty() {
                errors.push(ArgError::RequiredBy { key: (*key).to_owned(), needs: missing });
            }
        }
    }
}

fn check_choices(field: &FieldSpec, value: Json) -> Result<Json, ArgError> {
    if field.choices.is_empty() {
        return Ok(value);
    }
    // `yes` in YAML is a boolean; where only one spelling of it is a choice, that one is meant.
    let fix = |value: Json| -> Result<Json, ArgError> {
        let text = match &value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if field.choices.contains(&text.as_str()) {
            return Ok(value);
        }
        let same_bool: Vec<&&str> = match parse_bool(&text) {
            Some(b) => field.choices.iter().filter(|c| parse_bool(c) == Some(b)).collect(),
            None => Vec::new(),
        };
        if let [only] = same_bool.as_slice() {
            return Ok(Json::String((**only).to_owned()));
        }
        let choices = field.choices.iter().map(|c| (*c).to_owned()).collect();
        Err(ArgError::Choice { name: field.name.to_owned(), value: text, choices })
    };
    match value {
        Json::Array(items) => items.into_iter().map(fix).collect::<Result<Vec<_>, _>>().map(Json::Array),
        value => fix(value),
    }
}

/// Ansible's reading of a text as a boolean: `yes`, `on`, `1`, `true`, `t`, `y` and their opposites, in any case.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" | "true" | "t" | "y" | "1.0" => Some(true),
        "no" | "off" | "0" | "false" | "f" | "n" | "0.0" => Some(false),
        _ => None,
    }
}

/// A scalar as Python's `str()` prints it.
#[must_use]
pub fn scalar_text(value: &Json) -> Option<String> {
    Some(match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    })
}

fn convert(field: &FieldSpec, kind: &ArgKind, value: &Json) -> Result<Json, ArgError> {
    let wrong = || {
        let mut text = value.to_string();
        if field.no_log {
            text = "********".into();
        } else if let Some((cut, _)) = text.char_indices().nth(80) {
            text.truncate(cut);
            text.push('…');
        }
        ArgError::Type {
            name: field.name.to_owned(),
            found: type_name(value),
            wanted: kind.name(),
            value: text,
        }
    };
    match kind {
        ArgKind::Raw => Ok(value.clone()),
        ArgKind::Str | ArgKind::Path => match scalar_text(value) {
            Some(text) => Ok(Json::String(text)),
            None => Ok(Json::String(python_text(value))),
        },
        ArgKind::Json => match value {
            Json::String(text) => Ok(Json::String(text.trim().to_owned())),
            Json::Array(_) | Json::Object(_) => Ok(Json::String(value.to_string())),
            _ => Err(wrong()),
        },
        ArgKind::Bool => match value {
            Json::Bool(_) => Ok(value.clone()),
            Json::Number(n) if n.as_f64() == Some(0.0) => Ok(Json::Bool(false)),
            Json::Number(n) if n.as_f64() == Some(1.0) => Ok(Json::Bool(true)),
            Json::String(text) => parse_bool(text).map(Json::Bool).ok_or_else(wrong),
            _ => Err(wrong()),
        },
        ArgKind::Int => match value {
            Json::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => Ok(Json::from(i)),
                (None, Some(f)) if f.fract() == 0.0 && f.abs() < 9e15 => Ok(Json::from(f as i64)),
                _ => Err(wrong()),
            },
            Json::String(text) => {
                text.trim().replace('_', "").parse::<i64>().map(Json::from).map_err(|_| wrong())
            }
            Json::Bool(b) => Ok(Json::from(i64::from(*b))),
            _ => Err(wrong()),
        },
        ArgKind::Float => match value {
            Json::Number(_) => Ok(value.clone()),
            Json::String(text) => text.trim().parse::<f64>().map(Json::from).map_err(|_| wrong()),
            _ => Err(wrong()),
        },
        ArgKind::List(element) => {
            let items = match value {
                Json::Array(items) => items.clone(),
                Json::String(text) if text.is_empty() && field.default == Some("") => Vec::new(),
                Json::String(text) => text.split(',').map(|p| Json::String(p.trim().to_owned())).collect(),
                Json::Number(_) | Json::Bool(_) => vec![Json::String(scalar_text(value).unwrap_or_default())],
                Json::Object(_) if matches!(element, ArgKind::Dict | ArgKind::Raw) => vec![value.clone()],
                _ => return Err(wrong()),
            };
            items
                .iter()
                .map(|item| convert(field, element, item))
                .collect::<Result<Vec<_>, _>>()
                .map(Json::Array)
        }
        ArgKind::Dict => match value {
            Json::Object(_) => Ok(value.clone()),
            Json::String(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str::<JsonMap>(text).map(Json::Object).map_err(|_| wrong())
            }
            Json::String(text) if text.contains('=') => {
                let pairs = text.split([',', ' ']).filter(|p| !p.trim().is_empty());
                let pairs = pairs.map(|p| p.trim().split_once('=').ok_or_else(wrong));
                let pairs = pairs.map(|p| p.map(|(k, v)| (k.to_owned(), Json::String(v.to_owned()))));
                pairs.collect::<Result<JsonMap, _>>().map(Json::Object)
            }
            _ => Err(wrong()),
        },
    }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(n) if n.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

/// A value as Python's `str()` prints it, which is what Ansible makes of a list or mapping given for a text.
#[must_use]
pub fn python_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => python_repr(other),
    }
}

fn python_repr(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(_) | Json::Number(_) => scalar_text(value).unwrap_or_default(),
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut out = String::from(quote);
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    c if c == quote => {
                        out.push('\\');
                        out.push(c);
                    }
                    c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                        out.push_str(&format!("\\x{:02x}", c as u32))
                    }
                    c => out.push(c),
                }
            }
            out.push(quote);
            out
        }
        Json::Array(items) => format!("[{}]", items.iter().map(python_repr).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries = map
                .iter()
                .map(|(k, v)| format!("{}: {}", python_repr(&Json::String(k.clone())), python_repr(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::spec::{ModuleArgs, PathArg};
    use serde_json::json;

    crate::arg_choices! { pub enum State { Present = "present", Absent = "absent", Off = "no" } }
    crate::module_args! {
        /// A module for these tests.
        pub struct ThingArgs for "test.thing" {
            /// Path.
            path: PathArg => required().aliases(&["dest", "name"]),
            /// State.
            state: State => default("present"),
            /// Flag.
            flag: bool => default("false"),
            /// Names.
            names: Vec<String> => default(""),
            /// Number.
            count: Option<i64>,
        }
        constraints [Constraint::RequiredIf { key: "state", value: "absent", needs: &["count"], any: false }]
    }

    fn run(value: Json) -> Result<ThingArgs, Vec<ArgError>> {
        let map = value.as_object().unwrap();
        normalize(&ThingArgs::SPEC, map).map(|m| serde_json::from_value(Json::Object(m)).unwrap())
    }

    #[test]
    fn aliases_defaults_and_conversions() {
        let args = run(json!({"dest": "/x", "flag": "yes", "names": "a, b", "count": "3"})).unwrap();
        assert_eq!((&*args.path, args.flag, args.count), ("/x", true, Some(3)));
        assert_eq!(args.names, ["a", "b"]);
        assert_eq!(args.state, State::Present);
        assert!(run(json!({"path": "/x", "names": []})).unwrap().names.is_empty());
        assert_eq!(run(json!({"path": "/x", "names": 5})).unwrap().names, ["5"]);
        assert_eq!(run(json!({"path": "/x", "state": false})).unwrap().state, State::Off);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let errors = run(json!({"pth": "/x", "flag": "maybe", "state": "gone"})).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "thing has no argument 'pth'",
                "argument 'flag' is of type str and cannot be converted to bool: \"maybe\"",
                "value of state must be one of: present, absent, no, got: gone",
                "missing required arguments: path",
            ]
        );
        assert!(matches!(&errors[0], ArgError::Unknown { nearest: Some(n), .. } if n == "path"));
    }

    #[test]
    fn constraints_look_at_values() {
        let errors = run(json!({"path": "/x", "state": "absent"})).unwrap_err();
        assert_eq!(errors[0].to_string(), "state is absent but all of the following are missing: count");
    }

    #[test]
    fn a_mapping_given_for_a_text_is_printed_as_python_prints_it() {
        assert_eq!(python_text(&json!({"a": [1, null, true, "it's"]})), "{'a': [1, None, True, \"it's\"]}");
    }
}
