//! What a rendering is given: variables, folders to search, settings.

use super::Scope;
use super::error::TemplateError;
use super::syntax::Syntax;
use crate::inventory::PatternError;
use crate::secrets::SecretError;
use crate::vars::{Key, Map, Value};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens and seals ansible-vault envelopes for the filters `vault`, `unvault` and the lookup `unvault`, and for
/// files that lookups read.
pub trait Vault: Send + Sync {
    /// The plain bytes of an envelope. Whoever prints knows from then on that they are secret.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn open(&self, envelope: &str) -> Result<Vec<u8>, SecretError>;
}

/// What the lookup `config` asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The setting's name.
    pub name: &'a str,
    /// Kind and name of the plugin that it belongs to.
    pub plugin: Option<(&'a str, &'a str)>,
}

/// A setting.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its value.
    pub value: Value,
    /// Where that comes from.
    pub origin: String,
    /// Variables that go over it, the last one first.
    pub variables: &'static [&'static str],
}

/// Why there is no setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// None has that name.
    #[error("No config definition exists for '{0}'.")]
    Unknown(String),
    /// There is no such plugin.
    #[error("Unable to load {kind} plugin '{plugin}'.")]
    NoPlugin {
        /// Its kind.
        kind: String,
        /// Its name.
        plugin: String,
    },
    /// The plugin has no such option.
    #[error("No config definition exists for '{option}' for '{plugin}' {kind} plugin.")]
    NoOption {
        /// The name that was asked for.
        option: String,
        /// The plugin's kind.
        kind: String,
        /// The plugin's name.
        plugin: String,
    },
}

/// Finds a setting, or says that there is none.
pub type FindSetting = dyn Fn(&Asked<'_>) -> Result<Setting, SettingError> + Send + Sync;

/// Finds the hosts that match a pattern.
pub type FindHosts = dyn Fn(&str) -> Result<Vec<String>, PatternError> + Send + Sync;

/// Settings that hold for a whole run.
#[derive(Clone)]
pub struct TemplarSettings {
    /// `ALLOW_BROKEN_CONDITIONALS`: a condition may give something else than a boolean.
    pub allow_broken_conditionals: bool,
    /// Opens vaulted files for lookups.
    pub vault: Option<Arc<dyn Vault>>,
    /// Is told the secrets that templates come upon, so that they are not printed.
    pub learn: Option<Arc<dyn Fn(&str) + Send + Sync>>,
    /// Is told what a user should know though it is no error.
    pub warn: Option<Arc<dyn Fn(String) + Send + Sync>>,
    /// `_ANSIBLE_TEMPLAR_UNTRUSTED_TEMPLATE_BEHAVIOR=warning`: a text that looks like a template and is none is told of.
    pub warn_untrusted: bool,
    /// Settings for the lookup `config`.
    pub config: Option<Arc<FindSetting>>,
    /// Lookups may start programs (`pipe`) and open connections (`url`).
    pub allow_side_effects: bool,
    /// The inventory's hosts that match a pattern, for the lookup `inventory_hostnames`.
    pub hostnames: Option<Arc<FindHosts>>,
    /// `DEFAULT_MANAGED_STR`
    pub managed: String,
}

impl Default for TemplarSettings {
    fn default() -> Self {
        Self {
            allow_broken_conditionals: false,
            vault: None,
            learn: None,
            warn: None,
            warn_untrusted: false,
            config: None,
            allow_side_effects: true,
            hostnames: None,
            managed: "Ansible managed".to_owned(),
        }
    }
}

impl fmt::Debug for TemplarSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplarSettings")
            .field("allow_broken_conditionals", &self.allow_broken_conditionals)
            .finish_non_exhaustive()
    }
}

/// Where files are looked for, most specific first: task file's folder, role, parent roles, playbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// The folders, without `files/` or `templates/`.
    pub roots: Vec<PathBuf>,
}

impl SearchPath {
    /// A search path of these folders.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots }
    }

    /// The first existing file of that name: each root's `kind` folder (`files`, `templates`, `vars`), then the root itself.
    #[must_use]
    pub fn find(&self, kind: &str, name: &str) -> Option<PathBuf> {
        let path = Path::new(name);
        if path.is_absolute() {
            return path.exists().then(|| path.to_owned());
        }
        self.candidates(kind, name).into_iter().find(|p| p.exists())
    }

    /// Every place where a file of that name is looked for, in order.
    #[must_use]
    pub fn candidates(&self, kind: &str, name: &str) -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = Vec::new();
        for root in &self.roots {
            for place in [root.join(kind).join(name), root.join(name)] {
                if !out.contains(&place) {
                    out.push(place);
                }
            }
        }
        out
    }
}

/// What a rendering sees.
#[derive(Clone, Copy)]
pub struct TemplateContext<'a> {
    /// Variables.
    pub scope: &'a dyn Scope,
    /// Folders for files and templates.
    pub search: &'a SearchPath,
}

impl<'a> TemplateContext<'a> {
    /// A context.
    #[must_use]
    pub fn new(scope: &'a dyn Scope, search: &'a SearchPath) -> Self {
        Self { scope, search }
    }
}

/// How a template file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// Delimiters and whitespace rules.
    pub syntax: Syntax,
}

impl Default for FileOptions {
    /// As the `template` module reads files: blocks are trimmed. Newlines at the end are put back after rendering.
    fn default() -> Self {
        Self { syntax: Syntax { trim_blocks: true, raw_strings: false, ..Syntax::default() } }
    }
}

/// Variables in front of others: `template_vars`, loop items and the like.
pub struct Overlay<'a> {
    /// Looked at first.
    pub front: &'a Map,
    /// Looked at where `front` has no such name.
    pub behind: &'a dyn Scope,
}

impl Scope for Overlay<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        self.front.get(name).cloned().or_else(|| self.behind.get(name))
    }
    fn names(&self) -> Vec<Key> {
        let mut names: Vec<Key> = self.front.keys().cloned().collect();
        names.extend(self.behind.names());
        names
    }
}

/// A mapping is a scope by itself.
impl Scope for Map {
    fn get(&self, name: &str) -> Option<Value> {
        indexmap::IndexMap::get(self, name).cloned()
    }
    fn names(&self) -> Vec<Key> {
        self.keys().cloned().collect()
    }
}

/// Results of the crate's fallible functions.
pub type Rendered<T> = Result<T, TemplateError>;
