//! The host's own facts: `*.fact` files, and those of facter and ohai.

use super::source::Source;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use windlass_protocol::{Json, JsonMap, RunSpec};

/// `ansible_local`: each `NAME.fact` is JSON or INI text, or a program that prints one.
pub fn local(source: &mut Source<'_>) -> JsonMap {
    let folder = source.fact_path.clone();
    let mut facts = JsonMap::new();
    for name in source.list(&folder).into_iter().filter(|n| n.ends_with(".fact") && !n.starts_with('.')) {
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        let base = name.replace(".fact", "");
        let value = fact(source, &path).unwrap_or_else(|reason| {
            let said = reason.said_of(&path);
            source.warnings.push(said.clone());
            Json::String(said)
        });
        facts.insert(base, value);
    }
    JsonMap::from_iter([("local".to_owned(), Json::Object(facts))])
}

fn fact(source: &Source<'_>, path: &str) -> Result<Json, FactError> {
    Ok(understand(&text_of(source, path)?)?)
}

/// Why a file gives no fact.
#[derive(Debug, thiserror::Error)]
enum FactError {
    #[error("No such file or directory")]
    Missing,
    #[error(transparent)]
    Stat(io::Error),
    /// It is a program that cannot be started.
    #[error(transparent)]
    Start(io::Error),
    /// It is a program that failed.
    #[error("rc: {code}, err: {said}")]
    Failed { code: i32, said: String },
    #[error("not utf-8")]
    Encoding,
    #[error(transparent)]
    Content(#[from] Wrong),
}

impl FactError {
    /// What is said of a file, in Ansible's words.
    fn said_of(&self, path: &str) -> String {
        match self {
            Self::Missing | Self::Stat(_) => format!("Could not stat fact ({path}): {self}"),
            Self::Start(_) => format!("Could not execute fact script ({path}): {self}"),
            Self::Failed { .. } => format!("Failure executing fact script ({path}), {self}"),
            Self::Encoding => format!("error loading fact - output of running \"{path}\" was {self}"),
            Self::Content(Wrong::Form) => {
                format!("error loading facts as JSON or ini - please check content: {path}")
            }
            Self::Content(Wrong::Value(_)) => {
                format!("error loading facts as ini - please check content: {path} ({self})")
            }
        }
    }
}

fn text_of(source: &Source<'_>, path: &str) -> Result<String, FactError> {
    let meta = source.sys.stat(Path::new(path)).map_err(FactError::Stat)?.ok_or(FactError::Missing)?;
    let bytes = if meta.mode & 0o100 != 0 {
        let output = source
            .sys
            .query(&RunSpec { argv: vec![path.to_owned()], ..RunSpec::default() })
            .map_err(FactError::Start)?;
        if output.code != 0 {
            return Err(FactError::Failed { code: output.code, said: output.err() });
        }
        output.stdout
    } else {
        source.sys.read(Path::new(path)).unwrap_or_default()
    };
    String::from_utf8(bytes).map_err(|_| FactError::Encoding)
}

/// Why a text is no fact.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("it is neither JSON nor INI")]
    Form,
    /// A value of INI text refers to something in a way that cannot be.
    #[error(transparent)]
    Value(#[from] ReferenceError),
}

/// Why a value of INI text cannot be put together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum ReferenceError {
    #[error("there is no value '{0}' to refer to")]
    Missing(String),
    #[error("the value '{0}' refers to itself")]
    Circle(String),
    /// A `%` with something else behind it than a name or another `%`.
    #[error("'%' must be followed by '%' or '(', found: '{0}'")]
    Sign(String),
}

/// JSON, or INI text with sections.
fn understand(text: &str) -> Result<Json, Wrong> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let raw = ini(text).ok_or(Wrong::Form)?;
    let mut out = JsonMap::new();
    for (name, section) in raw {
        let mut values = JsonMap::new();
        for key in section.keys() {
            values.insert(key.clone(), refer(&section, key, 0)?.into());
        }
        out.insert(name, Json::Object(values));
    }
    Ok(Json::Object(out))
}

type Section = BTreeMap<String, String>;

/// A value in which `%(other)s` stands for another one, and `%%` for the sign.
fn refer(section: &Section, key: &str, depth: usize) -> Result<String, ReferenceError> {
    let value = section.get(key).ok_or_else(|| ReferenceError::Missing(key.to_owned()))?;
    if depth > 10 {
        return Err(ReferenceError::Circle(key.to_owned()));
    }
    let mut out = String::new();
    let mut rest = value.as_str();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|t| t.split_once(")s")) {
            out.push_str(&refer(section, &name.to_lowercase(), depth + 1)?);
            rest = after;
        } else {
            return Err(ReferenceError::Sign(rest[at..].to_owned()));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// INI text: its sections with their values and the common ones; `None` if it is none.
fn ini(text: &str) -> Option<Vec<(String, Section)>> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    let mut defaults = Section::new();
    let mut current: Option<String> = None;
    let mut last_key: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|l| l.split_once(']')).map(|(n, _)| n) {
            if name != "DEFAULT" && !sections.iter().any(|(known, _)| known == name) {
                sections.push((name.to_owned(), Section::new()));
            }
            current = Some(name.to_owned());
            last_key = None;
            continue;
        }
        let map = match current.as_deref()? {
            "DEFAULT" => &mut defaults,
            name => sections.iter_mut().find(|(known, _)| known == name).map(|(_, map)| map)?,
        };
        // An indented line goes on with the value before it.
        if line.starts_with([' ', '\t'])
            && let Some(value) = last_key.as_ref().and_then(|key| map.get_mut(key))
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = trimmed.split_once(['=', ':'])?;
        let key = key.trim().to_lowercase();
        map.insert(key.clone(), value.trim().to_owned());
        last_key = Some(key);
    }
    for (_, section) in &mut sections {
        for (key, value) in &defaults {
            section.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Some(sections)
}

/// Facts of Puppet's facter, where it is installed.
pub fn facter(source: &mut Source<'_>) -> JsonMap {
    let program = ["facter", "cfacter"].into_iter().find_map(|p| source.sys.find_program(p));
    let Some(program) = program else { return JsonMap::new() };
    let text = source.query(&[&program, "--puppet", "--json"]).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Facts of Chef's ohai, where it is installed.
pub fn ohai(source: &mut Source<'_>) -> JsonMap {
    let Some(program) = source.sys.find_program("ohai") else { return JsonMap::new() };
    serde_json::from_str(&source.query(&[&program]).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Wrong, understand};
    use serde_json::json;

    #[test]
    fn json_ini_and_neither() {
        assert_eq!(understand("[1, 2]").unwrap(), json!([1, 2]));
        let ini = "[DEFAULT]\nx=1\n[Web]\nName = a b\n; no\nport: 80\nlong = a\n  b\n";
        assert_eq!(
            understand(ini).unwrap(),
            json!({"Web": {"name": "a b", "port": "80", "long": "a\nb", "x": "1"}})
        );
        assert_eq!(understand("nonsense"), Err(Wrong::Form));
        assert_eq!(
            understand("[a]\nhost=h\nurl=%(HOST)s/%%\n").unwrap(),
            json!({"a": {"host": "h", "url": "h/%"}})
        );
        let wrong = |text: &str| match understand(text) {
            Err(Wrong::Value(why)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong("[a]\nx = 5 % of it\n"), "'%' must be followed by '%' or '(', found: '% of it'");
        assert!(wrong("[a]\nx = %(y)s\n").contains("'y'"));
        assert!(wrong("[a]\nx = %(x)s\n").contains("refers to itself"));
        assert_eq!(understand("").unwrap(), json!({}));
    }
}
