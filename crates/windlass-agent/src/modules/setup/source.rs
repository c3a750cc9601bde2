//! Reading the small files that facts come from.

use crate::system::{Machine, Observe};
use std::path::Path;
use windlass_protocol::JsonMap;

/// What the collectors look at.
pub struct Source<'a> {
    /// The machine.
    pub sys: &'a dyn Observe,
    /// What system calls tell.
    pub machine: Machine,
    /// Limit for one slow fact.
    pub timeout_ms: u64,
    /// Folder of the host's own facts.
    pub fact_path: String,
    /// Environment of the task, on top of the agent's.
    pub environment: &'a [(String, String)],
    /// Facts so far, without the prefix.
    pub facts: JsonMap,
    /// Warnings so far.
    pub warnings: Vec<String>,
}

impl Source<'_> {
    /// A file's text without white space around it; `None` if it cannot be read or is empty.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.sys.read(Path::new(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
    /// A file's lines; none if it cannot be read.
    pub fn lines(&self, path: &str) -> Vec<String> {
        self.text(path).map(|t| t.lines().map(str::to_owned).collect()).unwrap_or_default()
    }
    /// Whether there is something.
    pub fn exists(&self, path: &str) -> bool {
        self.sys.stat(Path::new(path)).is_ok_and(|m| m.is_some())
    }
    /// Names in a directory; none if it is none.
    pub fn list(&self, path: &str) -> Vec<String> {
        self.sys.read_dir(Path::new(path)).unwrap_or_default()
    }
    /// Last part of a link's target.
    pub fn link_name(&self, path: &str) -> Option<String> {
        let target = self.sys.read_link(Path::new(path)).ok()?;
        target.rsplit('/').next().map(str::to_owned)
    }
    /// A fact gathered before, as text.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).and_then(|v| v.as_str()).unwrap_or("")
    }
    /// Output of a program that only reads, if it exits with 0.
    pub fn query(&self, argv: &[&str]) -> Option<String> {
        let run = windlass_protocol::RunSpec {
            env: vec![("LC_ALL".into(), "C".into()), ("LANG".into(), "C".into())],
            ..windlass_protocol::RunSpec::new(argv.iter().copied())
        };
        let output = self.sys.query(&run).ok()?;
        (output.code == 0).then(|| output.out())
    }
}

/// The value of `KEY=value` or `KEY="value"` in a text of such lines.
pub fn key_value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (k, v) = line.split_once('=')?;
        (k.trim() == key).then(|| v.trim().trim_matches(|c| c == '"' || c == '\'').to_owned())
    })
}
