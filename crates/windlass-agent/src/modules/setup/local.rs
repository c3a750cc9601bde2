//! The host's own facts: `*.fact` files, and those of facter and ohai.

use super::source::Source;
use std::path::Path;
use windlass_protocol::{Json, JsonMap, RunSpec};

/// `ansible_local`: each `NAME.fact` is JSON or INI text, or a program that prints one.
pub fn local(source: &mut Source<'_>) -> JsonMap {
    let folder = source.fact_path.clone();
    let mut facts = JsonMap::new();
    for name in source.list(&folder).into_iter().filter(|n| n.ends_with(".fact") && !n.starts_with('.')) {
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        let base = name.replace(".fact", "");
        let value = match text_of(source, &path) {
            Ok(text) => understand(&text).unwrap_or_else(|| {
                let said = format!("error loading facts as JSON or ini - please check content: {path}");
                source.warnings.push(said.clone());
                Json::String(said)
            }),
            Err(said) => {
                source.warnings.push(said.clone());
                Json::String(said)
            }
        };
        facts.insert(base, value);
    }
    JsonMap::from_iter([("local".to_owned(), Json::Object(facts))])
}

fn text_of(source: &Source<'_>, path: &str) -> Result<String, String> {
    let meta = match source.sys.stat(Path::new(path)) {
        Ok(Some(meta)) => meta,
        Ok(None) => return Err(format!("Could not stat fact ({path}): No such file or directory")),
        Err(error) => return Err(format!("Could not stat fact ({path}): {error}")),
    };
    let bytes = if meta.mode & 0o100 != 0 {
        let output = source
            .sys
            .query(&RunSpec { argv: vec![path.to_owned()], ..RunSpec::default() })
            .map_err(|error| format!("Could not execute fact script ({path}): {error}"))?;
        if output.code != 0 {
            let (code, said) = (output.code, output.err());
            return Err(format!("Failure executing fact script ({path}), rc: {code}, err: {said}"));
        }
        output.stdout
    } else {
        source.sys.read(Path::new(path)).unwrap_or_default()
    };
    String::from_utf8(bytes)
        .map_err(|_| format!("error loading fact - output of running \"{path}\" was not utf-8"))
}

/// JSON, or INI text with sections; `None` if it is neither.
fn understand(text: &str) -> Option<Json> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut sections = JsonMap::new();
    let mut defaults = JsonMap::new();
    let mut current: Option<String> = None;
    let mut last_key: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let target = |sections: &mut JsonMap, name: &Option<String>| -> Option<()> {
            let name = name.as_ref()?;
            if name != "DEFAULT" && !sections.contains_key(name) {
                sections.insert(name.clone(), Json::Object(JsonMap::new()));
            }
            Some(())
        };
        if let Some(name) = trimmed.strip_prefix('[').and_then(|l| l.split_once(']')).map(|(n, _)| n) {
            current = Some(name.to_owned());
            target(&mut sections, &current)?;
            last_key = None;
            continue;
        }
        let section = current.as_ref()?;
        let map = match section.as_str() {
            "DEFAULT" => &mut defaults,
            name => sections.get_mut(name)?.as_object_mut()?,
        };
        // An indented line goes on with the value before it.
        if line.starts_with([' ', '\t'])
            && let Some(key) = &last_key
            && let Some(Json::String(value)) = map.get_mut(key)
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = trimmed.split_once(['=', ':'])?;
        let key = key.trim().to_lowercase();
        map.insert(key.clone(), value.trim().into());
        last_key = Some(key);
    }
    for section in sections.values_mut().filter_map(Json::as_object_mut) {
        for (key, value) in &defaults {
            section.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Some(Json::Object(sections))
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
    use super::understand;
    use serde_json::json;

    #[test]
    fn json_ini_and_neither() {
        assert_eq!(understand("[1, 2]").unwrap(), json!([1, 2]));
        let ini = "[DEFAULT]\nx=1\n[Web]\nName = a b\n; no\nport: 80\nlong = a\n  b\n";
        assert_eq!(
            understand(ini).unwrap(),
            json!({"Web": {"name": "a b", "port": "80", "long": "a\nb", "x": "1"}})
        );
        assert_eq!(understand("nonsense"), None);
        assert_eq!(understand("").unwrap(), json!({}));
    }
}
