//! Every setting that ansible-core 2.19 knows, honoured here or not: names, types, defaults, and where they are set.

use super::{Config, SETTINGS};
use serde_json::Value as Json;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// One line each: name, type, default as JSON, environment variables, places in the file, variables; `-` where there is none.
const TABLE: &str = include_str!("known.tsv");

/// What has no meaning here, and changes nothing that anybody could miss: there is no warning where it is set.
const WITHOUT_MEANING: &[&str] = &[
    "ACTION_WARNINGS",
    "AGNOSTIC_BECOME_PROMPT",
    "ANSIBLE_COW_ACCEPTLIST",
    "ANSIBLE_COW_PATH",
    "ANSIBLE_COW_SELECTION",
    "ANSIBLE_HOME",
    "ANSIBLE_NOCOWS",
    "ANSIBLE_PIPELINING",
    "COLLECTIONS_ON_ANSIBLE_VERSION_MISMATCH",
    "DEFAULT_INTERNAL_POLL_INTERVAL",
    "DEFAULT_LOCAL_TMP",
    "DEFAULT_MODULE_COMPRESSION",
    "DEFAULT_STRATEGY_PLUGIN_PATH",
    "DEPRECATION_WARNINGS",
    "DEVEL_WARNING",
    "DOCSITE_ROOT_URL",
    "EDITOR",
    "INTERPRETER_PYTHON",
    "INTERPRETER_PYTHON_FALLBACK",
    "PAGER",
    "PYTHON_MODULE_RLIMIT_NOFILE",
    "RETRY_FILES_ENABLED",
    "RETRY_FILES_SAVE_PATH",
    "SYSTEM_WARNINGS",
    "WORKER_SHUTDOWN_POLL_COUNT",
    "WORKER_SHUTDOWN_POLL_DELAY",
];

/// A setting that there is.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Its type as the reference names it; `None` is any text.
    pub kind: Option<&'static str>,
    /// Its default, where it has one.
    pub default: Option<Json>,
    /// The environment variables that set it.
    pub env: Vec<&'static str>,
    /// Section and key in the file.
    pub ini: Vec<(&'static str, &'static str)>,
    /// The variables that set it.
    pub vars: Vec<&'static str>,
}

impl Known {
    /// Whether it is honoured.
    #[must_use]
    pub fn is_honoured(&self) -> bool {
        SETTINGS.iter().any(|setting| setting.name == self.name)
    }

    /// What it is for, if it is honoured.
    #[must_use]
    pub fn doc(&self) -> Option<&'static str> {
        SETTINGS.iter().find(|setting| setting.name == self.name).map(|setting| setting.doc)
    }

    /// Whether somebody who sets it has to be told that it is not honoured.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        let silent = self.name.starts_with("COLOR_") || self.name.starts_with("GALAXY_");
        !self.is_honoured() && !silent && !WITHOUT_MEANING.contains(&self.name)
    }

    /// Whether a value changes nothing: it is the default, or names folders that are not there.
    #[must_use]
    pub(super) fn is_idle(&self, value: &str) -> bool {
        if self.kind == Some("pathspec") {
            return value.split(':').all(|path| !Path::new(&resolved(path, None)).is_dir());
        }
        let given = self.typed(&Json::String(value.to_owned()), None);
        self.default.as_ref().is_some_and(|default| given == self.typed(default, None))
    }

    /// Its value and where that comes from: `default`, the file, or the environment variable.
    #[must_use]
    pub fn value(&self, config: &Config) -> (Json, String) {
        let by_env =
            self.env.iter().rev().find_map(|name| std::env::var(name).ok().map(|value| (value, *name)));
        if let Some((value, name)) = by_env {
            return (self.typed(&Json::String(value), None), format!("env: {name}"));
        }
        let file = config.file.as_deref();
        if let Some((value, file)) = self.ini.iter().rev().find_map(|at| config.in_file(*at)).zip(file) {
            let value = self.typed(&Json::String(value.to_owned()), file.parent());
            let value = match value {
                Json::String(text) => Json::String(unquoted(&text).to_owned()),
                other => other,
            };
            return (value, file.display().to_string());
        }
        let default = self.default.clone().unwrap_or_default();
        (self.typed(&filled(&default, config), None), "default".to_owned())
    }

    /// The default as `init` writes it, without a type.
    #[must_use]
    pub fn default_text(&self, config: &Config) -> Json {
        filled(self.default.as_ref().unwrap_or(&Json::Null), config)
    }

    fn typed(&self, value: &Json, base: Option<&Path>) -> Json {
        let text = value.as_str();
        let parts =
            |text: &str, by: char| text.split(by).map(|part| part.trim().to_owned()).collect::<Vec<_>>();
        let paths =
            |parts: Vec<String>| Json::from(parts.iter().map(|p| resolved(p, base)).collect::<Vec<_>>());
        let texts =
            |items: &[Json]| items.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>();
        match (self.kind, text, value) {
            (Some("boolean" | "bool"), Some(text), _) => {
                Json::Bool(windlass_protocol::args::parse_bool(text).unwrap_or_default())
            }
            (Some("integer" | "int"), Some(text), _) => {
                text.trim().parse::<i64>().map_or(value.clone(), Json::from)
            }
            (Some("float"), Some(text), _) => text.trim().parse::<f64>().map_or(value.clone(), Json::from),
            (Some("list"), Some(text), _) => {
                Json::from(parts(text, ',').iter().map(|part| unquoted(part)).collect::<Vec<_>>())
            }
            (Some("path" | "tmppath"), Some(text), _) => Json::String(resolved(text, base)),
            (Some("pathspec"), Some(text), _) => paths(text.split(':').map(str::to_owned).collect()),
            (Some("pathlist"), Some(text), _) => paths(parts(text, ',')),
            (Some("pathspec" | "pathlist"), None, Json::Array(items)) => paths(texts(items)),
            (Some("string" | "str"), None, Json::Number(number)) => Json::String(number.to_string()),
            _ => value.clone(),
        }
    }
}

/// The home of Ansible's own files put into a default that names it.
fn filled(default: &Json, config: &Config) -> Json {
    let Some(rest) = default.as_str().and_then(|text| text.strip_prefix("{ANSIBLE_HOME}")) else {
        return default.clone();
    };
    let home = all().iter().find(|known| known.name == "ANSIBLE_HOME").map(|known| known.value(config).0);
    let home = home.as_ref().and_then(Json::as_str).unwrap_or_default();
    Json::String(format!("{home}{rest}"))
}

/// A text without the quotes around it.
pub(crate) fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// A path with the home folder and variables put in, absolute and without `..`.
#[must_use]
pub fn resolved(path: &str, base: Option<&Path>) -> String {
    let here = || std::env::current_dir().unwrap_or_default();
    let path = path.replace("{{CWD}}", &here().display().to_string());
    let path = PathBuf::from(crate::engine::connect::expand_home(&with_variables(&path)));
    let whole = if path.is_absolute() { path } else { base.map_or_else(here, Path::to_path_buf).join(path) };
    let mut out = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out.display().to_string()
}

/// `$NAME` and `${NAME}` of the environment; those that are not set stay.
fn with_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end =
                    after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match std::env::var(name).ok().filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..at + 1 + length]),
        }
        rest = &after[length..];
    }
    out + rest
}

/// All settings, in the order of their names.
#[must_use]
pub fn all() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| TABLE.lines().filter_map(line).collect())
}

fn line(line: &'static str) -> Option<Known> {
    let mut fields = line.split('\t').map(|field| Some(field).filter(|field| *field != "-"));
    let name = fields.next()??;
    let kind = fields.next()?;
    let default = fields.next()?;
    let mut list = || fields.next().flatten().map(|list| list.split(',').collect()).unwrap_or_default();
    let (env, ini, vars): (Vec<&str>, Vec<&str>, Vec<&str>) = (list(), list(), list());
    let ini = ini.into_iter().filter_map(|place| place.split_once('.')).collect();
    let default = default.and_then(|text| serde_json::from_str(text).ok());
    Some(Known { name, kind, default, env, ini, vars })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> &'static Known {
        all().iter().find(|known| known.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(all().len(), 207);
        assert!(
            all()
                .iter()
                .all(|known| known.default.is_some() || known.kind.is_some() || !known.env.is_empty())
        );
        assert_eq!(known("DEFAULT_FORKS").default, Some(Json::from(5)));
        assert_eq!(known("INVENTORY_IGNORE_EXTS").ini[1], ("inventory", "ignore_extensions"));
    }

    #[test]
    fn no_name_is_left_over() {
        let names: Vec<&str> = all().iter().map(|known| known.name).collect();
        assert!(WITHOUT_MEANING.iter().all(|name| names.contains(name)));
        let both: Vec<_> = WITHOUT_MEANING.iter().filter(|name| known(name).is_honoured()).collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn what_changes_nothing() {
        for (name, value) in [
            ("DISPLAY_TRACEBACK", "never"),
            ("DEFAULT_MODULE_PATH", "/dev/null"),
            ("DEFAULT_HASH_BEHAVIOUR", "replace"),
            ("INJECT_FACTS_AS_VARS", "yes"),
        ] {
            assert!(known(name).is_idle(value), "{name}");
        }
        for (name, value) in [
            ("DISPLAY_TRACEBACK", "always"),
            ("DEFAULT_MODULE_PATH", "/dev/null:/usr"),
            ("DEFAULT_HASH_BEHAVIOUR", "merge"),
            ("INJECT_FACTS_AS_VARS", "no"),
        ] {
            assert!(!known(name).is_idle(value), "{name}");
        }
    }

    #[test]
    fn values_have_types() {
        let typed = |name: &str, text: &str| known(name).typed(&Json::from(text), Some(Path::new("/a/b")));
        assert_eq!(typed("DEFAULT_FORKS", " 7"), Json::from(7));
        assert_eq!(typed("HOST_KEY_CHECKING", "no"), Json::Bool(false));
        assert_eq!(typed("CALLBACKS_ENABLED", "a, 'b'"), Json::from(vec!["a", "b"]));
        assert_eq!(typed("DEFAULT_ROLES_PATH", "../c:/d/./e"), Json::from(vec!["/a/c", "/d/e"]));
        assert_eq!(typed("DEFAULT_HOST_LIST", "x, /y"), Json::from(vec!["/a/b/x", "/y"]));
        assert_eq!(typed("DEFAULT_REMOTE_USER", "ops"), Json::from("ops"));
    }
}
