//! Finding out what a source is, and reading it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use windlass_yaml::diagnostic::{Diagnostic, Level};
use windlass_yaml::{SourceFile, Span};

use super::error::{InventoryError, Refused};
use super::model::Inventory;
use super::rules::{GroupNames, Rules};
use super::{LOCALHOST, address, ini, plugin, script, toml_source, yaml_source};
use crate::secrets::{LoadError, Secrets};
use crate::vars::{Key, Text, Value};

/// What is said where there is no inventory at all.
pub(crate) const NOTHING_PARSED: &str = "No inventory was parsed, only implicit localhost is available";

impl Inventory {
    /// Reads the sources, in order, into one inventory. Relative paths are below `basedir`.
    ///
    /// As in Ansible, a source that cannot be read is a warning, not an error: the warnings come back with the
    /// inventory.
    pub fn load(
        sources: &[String],
        basedir: &Path,
        secrets: &Arc<Secrets>,
    ) -> Result<(Self, Vec<Diagnostic>), InventoryError> {
        Self::load_by(Rules::default(), sources, basedir, secrets)
    }

    /// The same, as the configuration wants it.
    pub fn load_by(
        rules: Rules,
        sources: &[String],
        basedir: &Path,
        secrets: &Arc<Secrets>,
    ) -> Result<(Self, Vec<Diagnostic>), InventoryError> {
        let mut inventory = Self::empty(secrets);
        inventory.rules = rules;
        for name in inventory.rules.enabled.iter().filter(|name| !is_reader(name)) {
            let text = format!("Failed to load inventory plugin, skipping {name}");
            inventory.warn(
                Diagnostic::warning(text).hint("`enable_plugins` names it; plugins in Python cannot be run"),
            );
        }
        let mut any = false;
        for source in sources.iter().filter(|source| !source.is_empty()) {
            let path = absolute(basedir, source);
            if source.contains(',') && !path.exists() {
                any |= inventory.read_list(source)?;
                continue;
            }
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            if let Some(folder) = folder
                && !inventory.folders.iter().any(|known| known == folder)
            {
                inventory.folders.push(folder.to_owned());
            }
            any |= inventory.read_source(&path, source)?;
        }
        inventory.reconcile();
        if !any && inventory.rules.one_must_parse {
            return Err(InventoryError::NothingParsed { why: inventory.take_warnings() });
        }
        if !any && inventory.rules.warn_unparsed && sources.iter().any(|source| !source.is_empty()) {
            inventory.warn(Diagnostic::warning(NOTHING_PARSED));
        }
        inventory.check_names();
        let warnings = inventory.take_warnings();
        Ok((inventory, warnings))
    }

    /// `host1,host2:2222,`, and by `advanced_host_list` `web[1:3],`.
    fn read_list(&mut self, list: &str) -> Result<bool, InventoryError> {
        let readers = ["host_list", "advanced_host_list"];
        let Some(reader) = self.rules.enabled.iter().find(|name| readers.contains(&name.as_str())) else {
            return self.unparsed(list, None);
        };
        let ranges = reader == "advanced_host_list";
        let origin =
            Origin { file: list.to_owned(), folder: None, secret: false, secrets: Arc::clone(&self.secrets) };
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let unchanged = || (vec![entry.to_owned()], None);
            let (hosts, port) = if ranges {
                address::expand_entry(entry).unwrap_or_else(|_| unchanged())
            } else {
                match address::parse(entry) {
                    Some((host, port)) if !host.contains('[') => (vec![host.to_owned()], port),
                    _ => unchanged(),
                }
            };
            for host in hosts {
                if !self.hosts.contains_key(&host)
                    && let Err(Refused(error)) = origin.add_host(self, &host, Some("ungrouped"), port)
                {
                    self.warn(*error);
                }
            }
        }
        Ok(true)
    }

    /// A source that nothing can read: a warning, or an error where the configuration says so.
    fn unparsed(&self, source: &str, hint: Option<String>) -> Result<bool, InventoryError> {
        if self.rules.all_must_parse {
            return Err(InventoryError::Unparsed {
                source_name: source.to_owned(),
                why: self.take_warnings(),
            });
        }
        let warning = Diagnostic::warning(format!("Unable to parse {source} as an inventory source"));
        self.warn(match hint {
            Some(hint) => warning.hint(hint),
            None => warning,
        });
        Ok(false)
    }

    fn read_source(&mut self, path: &Path, shown: &str) -> Result<bool, InventoryError> {
        if path.is_dir() {
            return self.read_folder(path);
        }
        let mut refusals: Vec<(&str, Box<Diagnostic>)> = Vec::new();
        if path.is_file() {
            for (name, read) in readers(path, &self.rules.enabled) {
                let before = self.snapshot();
                match read(self, path) {
                    Ok(()) => return Ok(true),
                    Err(Refused(reason)) => {
                        (self.hosts, self.groups) = before;
                        refusals.push((name, reason));
                    }
                }
            }
        }
        for (name, mut reason) in most_telling(path, refusals) {
            reason.level = Level::Warning;
            reason.message = format!("Failed to parse inventory with '{name}' plugin: {}", reason.message);
            self.warn(*reason);
        }
        let hint =
            (!path.exists()).then(|| format!("there is no such file; for a list of hosts write `{shown},`"));
        self.unparsed(&path.to_string_lossy(), hint)
    }

    fn read_folder(&mut self, path: &Path) -> Result<bool, InventoryError> {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.warn(Diagnostic::warning(format!("cannot read {}: {error}", path.display())));
                return Ok(false);
            }
        };
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort();
        let mut any = false;
        for name in names {
            let text = name.to_string_lossy();
            if !self.rules.ignores(&text) {
                let inner = path.join(&name);
                any |= self.read_source(&inner, &inner.to_string_lossy())?;
            }
        }
        Ok(any)
    }

    /// Warns about names that will surprise.
    fn check_names(&self) {
        for name in self.groups.keys().filter(|name| self.hosts.contains_key(*name)) {
            self.warn(Diagnostic::warning(format!("Found both group and host with same name: {name}")));
        }
        let odd: Vec<&str> = if self.rules.group_names == GroupNames::Never {
            self.groups.keys().map(String::as_str).filter(|name| !is_identifier(name)).collect()
        } else {
            Vec::new()
        };
        if !self.renamed.is_empty() && self.rules.group_names == GroupNames::Always {
            let names: Vec<&str> = self.renamed.iter().map(String::as_str).collect();
            self.warn(Diagnostic::warning(format!(
                "Invalid characters were found in group names and automatically replaced: {}",
                names.join(", ")
            )));
        }
        if !odd.is_empty() {
            self.warn(
                Diagnostic::warning(format!(
                    "Invalid characters were found in group names but not replaced: {}",
                    odd.join(", ")
                ))
                .hint("use letters, digits and `_` only, so that the name can be used in templates"),
            );
        }
        let local: Vec<&str> =
            self.hosts.keys().map(String::as_str).filter(|name| LOCALHOST.contains(name)).collect();
        if let [first, others @ ..] = local.as_slice()
            && !others.is_empty()
        {
            for other in others {
                self.warn(Diagnostic::warning(format!(
                    "A duplicate localhost-like entry was found ({other}). First found localhost was {first}"
                )));
            }
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

type Read = fn(&mut Inventory, &Path) -> Result<(), Refused>;

/// Whether there is a reader of that name.
fn is_reader(name: &str) -> bool {
    let own = ["host_list", "advanced_host_list", "script", "auto", "yaml", "ini", "toml"];
    own.contains(&name) || plugin::named(name).is_some()
}

/// What may read a file, in the order in which it is tried.
fn readers(path: &Path, enabled: &[String]) -> Vec<(&'static str, Read)> {
    let extension = path.extension().map(|ext| ext.to_string_lossy().into_owned());
    let extension = extension.as_deref();
    let executable = || std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    let mut out: Vec<(&'static str, Read)> = Vec::new();
    for name in enabled {
        match name.as_str() {
            "script" if executable() => out.push(("script", script::read)),
            "auto" if matches!(extension, Some("yml" | "yaml")) && plugin::configures(path, None) => {
                out.push(("auto", plugin::read));
                return out;
            }
            "yaml" if matches!(extension, None | Some("yml" | "yaml" | "json")) => {
                out.push(("yaml", yaml_source::read));
            }
            // What is TOML would be taken for strange INI.
            "ini" if extension != Some("toml") => out.push(("ini", read_ini)),
            "toml" if extension == Some("toml") => out.push(("toml", toml_source::read)),
            other => {
                let fits = matches!(extension, None | Some("config" | "yml" | "yaml" | "json"));
                if let Some(name) =
                    plugin::named(other).filter(|_| fits && plugin::configures(path, Some(other)))
                {
                    out.push((name, plugin::read));
                }
            }
        }
    }
    out
}

/// Whether the first line that says something is a section or the line of a host.
fn looks_like_ini(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let first = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    first.is_some_and(|line| line.starts_with('[') || (line.contains('=') && !line.contains(": ")))
}

/// Of the reasons why a file could not be read, those that its name makes likely to help.
fn most_telling<'a>(
    path: &Path,
    refusals: Vec<(&'a str, Box<Diagnostic>)>,
) -> Vec<(&'a str, Box<Diagnostic>)> {
    let extension = path.extension().map(|ext| ext.to_string_lossy().into_owned());
    let tried = |kind: &str| refusals.iter().any(|(name, _)| *name == kind);
    let drop = match extension.as_deref() {
        // What is executable is meant to be run.
        _ if tried("script") => ["yaml", "ini"].as_slice(),
        Some("yml" | "yaml" | "json") if tried("yaml") => &["ini"],
        None if tried("yaml") && looks_like_ini(path) => &["yaml"],
        _ => &[],
    };
    let mut refusals = refusals;
    refusals.retain(|(name, _)| !drop.contains(name));
    refusals
}

fn read_ini(inventory: &mut Inventory, path: &Path) -> Result<(), Refused> {
    let data = std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let opened = inventory
        .secrets
        .open_bytes(data)
        .map_err(|source| LoadError::Secret { path: path.to_owned(), source })?;
    let text = match std::str::from_utf8(&opened.plain) {
        Ok(text) => text.to_owned(),
        // A comment may be in any encoding.
        Err(_) => ascii_comments(&opened.plain).ok_or_else(|| LoadError::NotText(path.to_owned()))?,
    };
    let file = SourceFile::new(path, text);
    let origin = Origin::of(path, opened.encrypted, &inventory.secrets);
    let result = ini::parse(inventory, &origin, &file);
    if opened.encrypted {
        // The reason would quote what must not be shown.
        return result.map_err(|Refused(reason)| {
            let line = reason.span.map_or(0, |span| span.line);
            Refused::new(format!("line {line} of the encrypted file {} cannot be read", path.display()))
                .hint("look at it with `windlass vault view` or `windlass secret view`")
        });
    }
    result
}

fn ascii_comments(data: &[u8]) -> Option<String> {
    let mut out = String::new();
    for line in data.split(|byte| *byte == b'\n') {
        if !matches!(line.first(), Some(b'#' | b';')) {
            out.push_str(std::str::from_utf8(line).ok()?);
        }
        out.push('\n');
    }
    Some(out)
}

/// The path, absolute and without `.` and `..`, but with its symbolic links as they are.
fn absolute(basedir: &Path, source: &str) -> PathBuf {
    let source = match (source.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(source),
    };
    let joined = basedir.join(source);
    let joined = std::path::absolute(&joined).unwrap_or(joined);
    let mut out = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// Where the things being added come from.
pub(crate) struct Origin {
    file: String,
    folder: Option<String>,
    /// The file was encrypted.
    secret: bool,
    secrets: Arc<Secrets>,
}

impl Origin {
    pub(crate) fn of(path: &Path, secret: bool, secrets: &Arc<Secrets>) -> Self {
        Self {
            file: path.to_string_lossy().into_owned(),
            folder: path.parent().map(|dir| dir.to_string_lossy().into_owned()),
            secret,
            secrets: Arc::clone(secrets),
        }
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.secret
    }

    /// A date or time in the form of Python's `isoformat`.
    pub(crate) fn moment(&self, text: String) -> Value {
        let moment = Text::moment(text, None);
        Value::Str(if self.secret { moment.into_secret() } else { moment })
    }

    /// A string of the inventory: a template if it looks like one.
    pub(crate) fn text(&self, text: &str, span: Option<&Span>) -> Value {
        if self.secret {
            self.secrets.redactor().add(text);
            // The place would show the plain text.
            return Value::Str(Text::trusted(text, None).into_secret());
        }
        Value::Str(Text::trusted(text, span.cloned()))
    }

    pub(crate) fn add_group(
        &self,
        inventory: &mut Inventory,
        name: &str,
        span: Option<&Span>,
    ) -> Result<(), Refused> {
        inventory.add_group(name).map_err(|error| {
            let error = Refused::from(error);
            match span {
                Some(span) => error.at(span),
                None => error,
            }
        })
    }

    /// Adds a host; a new one gets its port and the variables that say where it was found.
    pub(crate) fn add_host(
        &self,
        inventory: &mut Inventory,
        name: &str,
        group: Option<&str>,
        port: Option<u32>,
    ) -> Result<(), Refused> {
        let new = !inventory.hosts.contains_key(name);
        inventory.add_host(name, group)?;
        if new {
            if let Some(port) = port {
                inventory.set_host_var(name, Key::from("ansible_port"), Value::Int(i64::from(port)));
            }
            inventory.set_host_var(name, Key::from("inventory_file"), Value::from(self.file.as_str()));
            let folder = self.folder.as_deref().map_or(Value::Null, Value::from);
            inventory.set_host_var(name, Key::from("inventory_dir"), folder);
        }
        Ok(())
    }

    /// Sets a variable of a host; a group of that name gets it instead, as in Ansible.
    pub(crate) fn set_var(
        &self,
        inventory: &mut Inventory,
        host: &str,
        key: Key,
        value: Value,
    ) -> Result<(), Refused> {
        if inventory.groups.contains_key(host) {
            inventory.set_group_var(host, key, value)?;
        } else {
            inventory.set_host_var(host, key, value);
        }
        Ok(())
    }
}
