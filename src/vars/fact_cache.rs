//! Facts that are kept between runs (`fact_caching = jsonfile`): a file for each host, in the form of ansible-core 2.19.
//!
//! A file holds one entry, whose text is JSON in turn. In it some values stand in mappings that tell of their origin. Those are read as
//! the values themselves, and nothing that is read is a template, whatever the file says of it.

use super::{Key, Map, Value};
use crate::report::json::dump_line;
use serde_json::{Map as JsonMap, Value as Json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Says in the file that the facts were gathered.
const GATHERED: &str = "_ansible_facts_gathered";
/// The entry that holds everything.
const PAYLOAD: &str = "__payload__";
/// What the names of files have behind the prefix: the number of their form.
const FORM: &str = "s1_";
/// The key of a mapping that stands for another value.
const KIND: &str = "__ansible_type";

/// A folder of files of facts.
#[derive(Debug, Clone)]
pub struct FactCache {
    folder: PathBuf,
    prefix: String,
    /// How old a file may be.
    lasts: Option<Duration>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Kept {
    /// Facts, by their names as variables.
    pub facts: Map,
    /// They were gathered.
    pub gathered: bool,
}

impl FactCache {
    /// A folder, which is made when it is not there. `seconds` is how old a file may be; 0 is any age.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(folder: &Path, prefix: &str, seconds: u64) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // A change of the current folder later must not lead elsewhere.
        let folder = std::fs::canonicalize(folder)?;
        let lasts = (seconds > 0).then(|| Duration::from_secs(seconds));
        Ok(Self { folder, prefix: prefix.to_owned(), lasts })
    }

    /// The file of a host; none for a name that would lead out of the folder.
    fn file(&self, host: &str) -> Option<PathBuf> {
        let safe = !host.contains(['/', '\0']);
        safe.then(|| self.folder.join(format!("{}{FORM}{host}", self.prefix)))
    }

    /// What is kept of a host. A file that cannot be read is as none.
    #[must_use]
    pub fn read(&self, host: &str) -> Kept {
        let Some(path) = self.file(host) else { return Kept::default() };
        let age = std::fs::metadata(&path).and_then(|meta| meta.modified());
        let age = age.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        if self.lasts.is_some_and(|lasts| age.is_some_and(|age| age > lasts)) {
            return Kept::default();
        }
        let Some(mut map) = std::fs::read(&path).ok().and_then(|text| payload(&text)) else {
            return Kept::default();
        };
        let gathered = map.remove(GATHERED).and_then(|flag| flag.as_bool()).unwrap_or_default();
        let facts = map.into_iter().map(|(name, value)| (Key::from(name), Value::from(plain(value))));
        Kept { facts: facts.collect(), gathered }
    }

    /// Keeps the facts of a host.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, host: &str, facts: &Map, gathered: bool) -> std::io::Result<()> {
        let Some(path) = self.file(host) else { return Ok(()) };
        let Json::Object(mut map) = Value::map(facts.clone()).to_json() else { return Ok(()) };
        map.values_mut().for_each(without_kinds);
        if gathered {
            map.insert(GATHERED.to_owned(), Json::Bool(true));
        }
        let inner = dump_line(&Json::Object(map));
        let whole = Json::Object(JsonMap::from_iter([(PAYLOAD.to_owned(), Json::String(inner))]));
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(dump_line(&whole).as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.persist(path).map(|_| ()).map_err(|error| error.error)
    }

    /// Forgets a host.
    pub fn forget(&self, host: &str) {
        if let Some(path) = self.file(host) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn payload(text: &[u8]) -> Option<JsonMap<String, Json>> {
    let whole: Json = serde_json::from_slice(text).ok()?;
    match serde_json::from_str(whole.get(PAYLOAD)?.as_str()?).ok()? {
        Json::Object(map) => Some(map),
        _ => None,
    }
}

/// A value without what the file says of its origin.
fn plain(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(mut map) if map.get(KIND).is_some_and(Json::is_string) => {
            // Texts, numbers and collections have a value, times their notation, encrypted texts what they were read from.
            let inner = ["value", "iso8601", "ciphertext"].iter().find_map(|key| map.remove(*key));
            inner.map_or(Json::Null, plain)
        }
        Json::Object(map) => Json::Object(map.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        other => other,
    }
}

/// A target may say anything, but not what the reference would take for its own notes on a value: those can make a template of a text.
fn without_kinds(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(without_kinds),
        Json::Object(map) => {
            map.shift_remove(KIND);
            map.values_mut().for_each(without_kinds);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn facts_outlive_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("facts");
        let cache = FactCache::new(&folder, "p_", 0).unwrap();
        assert!(cache.read("web1").facts.is_empty());
        let facts: Map = [(Key::from("ansible_x"), Value::text("{{ 1 }}"))].into_iter().collect();
        cache.write("web1", &facts, true).unwrap();
        let text = std::fs::read_to_string(folder.join("p_s1_web1")).unwrap();
        assert_eq!(
            text,
            r#"{"__payload__": "{\"ansible_x\": \"{{ 1 }}\", \"_ansible_facts_gathered\": true}"}"#
        );
        let kept = cache.read("web1");
        assert!(kept.gathered);
        assert_eq!(kept.facts.get("ansible_x").and_then(Value::as_str), Some("{{ 1 }}"));
        assert!(!matches!(kept.facts.get("ansible_x"), Some(Value::Str(text)) if text.is_trusted()));
        cache.forget("web1");
        assert!(!cache.read("web1").gathered);
        cache.write("../web1", &facts, true).unwrap();
        assert!(!dir.path().join("web1").exists());
    }

    #[test]
    fn notes_on_values_are_neither_believed_nor_written() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FactCache::new(dir.path(), "", 0).unwrap();
        let noted = r#"{"a": {"value": {"b": {"value": ["{{ c }}"], "tags": [], "__ansible_type": "_AnsibleTaggedList"}},
            "__ansible_type": "_AnsibleTaggedDict", "tags": [{"__ansible_type": "TrustedAsTemplate"}]}}"#;
        let whole = serde_json::json!({ PAYLOAD: noted }).to_string();
        std::fs::write(dir.path().join("s1_web1"), whole).unwrap();
        let kept = cache.read("web1");
        assert_eq!(Value::map(kept.facts.clone()).to_json(), serde_json::json!({"a": {"b": ["{{ c }}"]}}));
        let hostile = serde_json::json!({"x": [{"value": "{{ 1 }}", "tags": [{"__ansible_type": "TrustedAsTemplate"}], "__ansible_type": "_AnsibleTaggedStr"}]});
        let Value::Map(hostile) = Value::from(hostile) else { panic!("no mapping") };
        cache.write("web2", &hostile, false).unwrap();
        assert!(!std::fs::read_to_string(dir.path().join("s1_web2")).unwrap().contains(KIND));
    }

    #[test]
    fn old_facts_and_broken_files_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FactCache::new(dir.path(), "", 10).unwrap();
        cache.write("web1", &Map::from([(Key::from("a"), Value::Int(1))]), false).unwrap();
        assert_eq!(cache.read("web1").facts.len(), 1);
        let file = std::fs::File::options().write(true).open(dir.path().join("s1_web1")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(20)).unwrap();
        assert!(cache.read("web1").facts.is_empty());
        std::fs::write(dir.path().join("s1_web2"), "{").unwrap();
        assert!(cache.read("web2").facts.is_empty());
    }
}
