//! Lookups of variables, the environment and settings.

use super::{Call, Lookup, of};
use crate::template::context::{Asked, SettingError};
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Undefined, Val, failed};
use crate::template::filters;

pub(super) const LOOKUPS: &[Lookup] = &[
    of("vars", vars),
    of("varnames", varnames),
    of("env", env),
    of("config", config),
    of("inventory_hostnames", hostnames),
];

fn vars(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    // A default of nothing is none.
    let fallback = call.get("default").cloned();
    if let Some(other) = call.terms.iter().find(|t| !matches!(t, Val::Str(_))) {
        return Err(failed(format!("Variable name must be 'str' not '{}'.", other.type_name())));
    }
    let mut out = Vec::new();
    for name in call.texts(it)? {
        match it.cx.scope.get(&name) {
            Some(value) => out.push(it.lift(&value)?.defined()?),
            None => match &fallback {
                Some(fallback) => out.push(fallback.clone()),
                None => {
                    return Err(TemplateError::new(
                        TemplateErrorKind::Undefined,
                        format!("No variable named '{name}' was found."),
                    ));
                }
            },
        }
    }
    Ok(out)
}

fn varnames(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let names: Vec<String> =
        it.cx.scope.names().iter().filter_map(|k| k.as_str().map(str::to_owned)).collect();
    let mut out = Vec::new();
    for term in &call.terms {
        let Some(pattern) = term.as_str() else {
            return Err(failed(format!(
                "Invalid setting identifier, \"{}\" is not a string, it is a <class '{}'>",
                it.str(term)?,
                term.type_name()
            )));
        };
        let regex = filters::compile_regex(pattern, false, false, false).map_err(|e| {
            failed(format!("Unable to use \"{pattern}\" as a search parameter: {}", e.message))
        })?;
        for name in &names {
            if regex.is_match(name).map_err(|e| failed(e.to_string()))? {
                out.push(Val::from(name.as_str()));
            }
        }
    }
    Ok(out)
}

fn env(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let fallback = call.get("default").cloned();
    let mut out = Vec::new();
    for name in call.texts(it)? {
        let name = name.split_whitespace().next().unwrap_or_default();
        out.push(match (std::env::var(name), &fallback) {
            (Ok(value), _) => Val::from(value),
            (Err(_), Some(Val::Undefined(_))) => {
                let message = format!("The environment variable '{name}' is not set.");
                Val::Undefined(std::rc::Rc::new(Undefined {
                    error: TemplateError::new(TemplateErrorKind::Undefined, message),
                    name: None,
                    blank: false,
                    at: None,
                }))
            }
            (Err(_), Some(fallback)) => fallback.clone(),
            (Err(_), None) => Val::from(""),
        });
    }
    Ok(out)
}

fn config(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    if let Some(other) = call.terms.iter().find(|t| !matches!(t, Val::Str(_))) {
        let (shown, kind) = (it.repr(other)?, other.type_name());
        return Err(failed(format!(
            "Invalid setting identifier, {shown} is not a <class 'str'>, its a <class '{kind}'>."
        )));
    }
    let on_missing = call.str(it, "on_missing")?.unwrap_or_else(|| "error".to_owned());
    if !matches!(on_missing.as_str(), "error" | "warn" | "skip") {
        return Err(failed(format!(
            "Invalid value '{on_missing}' for config 'on_missing' for 'config' lookup plugin."
        )));
    }
    let (kind, plugin) = (call.str(it, "plugin_type")?, call.str(it, "plugin_name")?);
    let plugin = match (&kind, &plugin) {
        (None, None) => None,
        (Some(kind), Some(plugin)) => Some((kind.as_str(), plugin.as_str())),
        _ => {
            return Err(failed(
                "Both plugin_type and plugin_name are required, cannot use one without the other.",
            ));
        }
    };
    let show_origin = call.flag(it, "show_origin", false)?;
    let mut out = Vec::new();
    for name in call.texts(it)? {
        let found = match it.shared.settings.config.clone() {
            Some(find) => find(&Asked { name: &name, plugin }),
            None => Err(SettingError::Unknown(name.clone())),
        };
        let setting = match found {
            Ok(setting) => setting,
            Err(error) if on_missing == "error" => return Err(failed(error.to_string())),
            Err(_) => continue,
        };
        let over = setting.variables.iter().rev().find_map(|v| Some((*v, it.cx.scope.get(v)?)));
        let (value, origin) = match over {
            Some((variable, value)) => (it.lift(&value)?.defined()?, format!("var: {variable}")),
            None => (it.lift(&setting.value)?, setting.origin),
        };
        out.push(if show_origin { Val::tuple(vec![value, Val::from(origin)]) } else { value });
    }
    Ok(out)
}

fn hostnames(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let pattern = call.texts(it)?.join(",");
    let Some(find) = it.shared.settings.hostnames.clone() else {
        return Err(failed("there is no inventory here"));
    };
    let found = find(&pattern).map_err(|error| failed(error.to_string()))?;
    Ok(found.into_iter().map(Val::from).collect())
}
