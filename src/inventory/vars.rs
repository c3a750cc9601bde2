//! The variables of a host, in layers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::InventoryError;
use super::model::Inventory;
use crate::secrets::load_vars_file;
use crate::vars::{Key, Map, Text, Value, merge};

/// Where a layer of variables comes from. Later ones in this list win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerKind {
    /// Group variables in the inventory itself.
    InventoryGroup,
    /// `group_vars/all` beside the inventory.
    InventoryGroupVarsAll,
    /// `group_vars/all` beside the playbook.
    PlaybookGroupVarsAll,
    /// `group_vars/*` beside the inventory.
    InventoryGroupVars,
    /// `group_vars/*` beside the playbook.
    PlaybookGroupVars,
    /// Host variables in the inventory itself.
    InventoryHost,
    /// `host_vars/*` beside the inventory.
    InventoryHostVars,
    /// `host_vars/*` beside the playbook.
    PlaybookHostVars,
}

/// Whose variables a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Group,
    Host,
}

impl Subject {
    fn folder(self) -> &'static str {
        match self {
            Self::Group => "group_vars",
            Self::Host => "host_vars",
        }
    }
}

/// A folder, and whose variables in it.
type CacheKey = (PathBuf, Subject, String);

/// What was read from `group_vars` and `host_vars`; nothing is read twice.
#[derive(Debug, Default)]
pub(super) struct VarsCache {
    /// Whether a folder exists.
    folders: Mutex<HashMap<PathBuf, bool>>,
    vars: Mutex<HashMap<CacheKey, Option<Arc<Map>>>>,
}

/// The endings of files of variables, in the order in which they are looked for.
const EXTENSIONS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

impl Inventory {
    /// The variables that the inventory and the files beside it and beside the playbook give a host, from the weakest
    /// layer to the strongest. A kind may come several times (once per group, in their order). Empty layers are left out.
    ///
    /// Files are read when a host first needs them. The implicit localhost has the variables of `all`.
    pub fn host_vars_layers(
        &self,
        host: &str,
        playbook_dir: Option<&Path>,
    ) -> Result<Vec<(LayerKind, Arc<Map>)>, InventoryError> {
        let mut out: Vec<(LayerKind, Arc<Map>)> = Vec::new();
        let mut groups = self.groups_of(host);
        groups.retain(|group| group.name != "all");
        let all = self.groups.get("all");
        let own = all.into_iter().chain(groups.iter().copied());
        out.extend(own.map(|group| (LayerKind::InventoryGroup, Arc::clone(&group.vars))));
        let beside: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).collect();
        let playbook: Vec<&Path> = playbook_dir.into_iter().collect();
        for (kind, folders) in
            [(LayerKind::InventoryGroupVarsAll, &beside), (LayerKind::PlaybookGroupVarsAll, &playbook)]
        {
            self.files(kind, folders, Subject::Group, "all", &mut out)?;
        }
        for (kind, folders) in
            [(LayerKind::InventoryGroupVars, &beside), (LayerKind::PlaybookGroupVars, &playbook)]
        {
            // Each folder's files for all groups before the next folder's.
            for folder in folders {
                for group in &groups {
                    self.files(kind, &[folder], Subject::Group, &group.name, &mut out)?;
                }
            }
        }
        match self.hosts.get(host) {
            Some(found) => out.push((LayerKind::InventoryHost, Arc::clone(&found.vars))),
            None if self.is_implicit(host) => {
                let python = Text::trusted("{{ ansible_playbook_python }}", None);
                let vars = Map::from_iter([
                    (Key::from("ansible_connection"), Value::from("local")),
                    (Key::from("ansible_python_interpreter"), Value::Str(python)),
                ]);
                out.push((LayerKind::InventoryHost, Arc::new(vars)));
            }
            None => {}
        }
        for (kind, folders) in
            [(LayerKind::InventoryHostVars, &beside), (LayerKind::PlaybookHostVars, &playbook)]
        {
            self.files(kind, folders, Subject::Host, host, &mut out)?;
        }
        out.retain(|(_, vars)| !vars.is_empty());
        Ok(out)
    }

    /// The layers of [`Inventory::host_vars_layers`] laid over each other.
    pub fn host_vars(&self, host: &str, playbook_dir: Option<&Path>) -> Result<Map, InventoryError> {
        let mut out = Map::new();
        for (_, layer) in self.host_vars_layers(host, playbook_dir)? {
            self.lay_over(&mut out, &layer);
        }
        Ok(out)
    }

    /// The variables of a group from the inventory and the files beside it (and beside a playbook), without those of
    /// its parents.
    pub fn group_vars(&self, group: &str, playbook_dir: Option<&Path>) -> Result<Map, InventoryError> {
        let mut layers = Vec::new();
        if let Some(found) = self.groups.get(group) {
            layers.push((LayerKind::InventoryGroup, Arc::clone(&found.vars)));
        }
        let folders: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).chain(playbook_dir).collect();
        self.files(LayerKind::InventoryGroupVars, &folders, Subject::Group, group, &mut layers)?;
        let mut out = Map::new();
        for (_, layer) in layers {
            self.lay_over(&mut out, &layer);
        }
        Ok(out)
    }

    /// Sets variables over those that are there.
    pub fn lay_over(&self, below: &mut Map, above: &Map) {
        for (key, value) in above {
            if self.rules.merge {
                merge::insert(below, key.clone(), value);
            } else {
                below.insert(key.clone(), value.clone());
            }
        }
    }

    fn files(
        &self,
        kind: LayerKind,
        folders: &[&Path],
        subject: Subject,
        name: &str,
        out: &mut Vec<(LayerKind, Arc<Map>)>,
    ) -> Result<(), InventoryError> {
        for folder in folders {
            if let Some(vars) = self.read_vars(folder, subject, name)? {
                out.push((kind, vars));
            }
        }
        Ok(())
    }

    fn read_vars(
        &self,
        folder: &Path,
        subject: Subject,
        name: &str,
    ) -> Result<Option<Arc<Map>>, InventoryError> {
        // A host may be named like a path (for chroots); that must not lead out of the folder.
        if name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Ok(None);
        }
        let dir = folder.join(subject.folder());
        let exists = {
            let mut folders = self.cache.folders.lock().unwrap_or_else(PoisonError::into_inner);
            *folders.entry(dir.clone()).or_insert_with(|| dir.is_dir())
        };
        if !exists {
            return Ok(None);
        }
        let key = (dir, subject, name.to_owned());
        if let Some(found) = self.cache.vars.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let files = find_files(&key.0, name);
        let mut merged: Option<Arc<Map>> = None;
        for file in files {
            let loaded = load_vars_file(&file, &self.secrets).map_err(Box::new)?;
            for warning in loaded.warnings {
                self.warn(warning);
            }
            match &mut merged {
                None => merged = Some(loaded.vars),
                Some(map) => {
                    self.lay_over(Arc::make_mut(map), &loaded.vars);
                }
            }
        }
        let mut vars = self.cache.vars.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(vars.entry(key).or_insert(merged).clone())
    }
}

/// The files of one host or group: the first of `name`, `name.yml`, `name.yaml` and `name.json` that exists; if it is a
/// folder, everything in it.
fn find_files(dir: &Path, name: &str) -> Vec<PathBuf> {
    for extension in EXTENSIONS {
        let path = dir.join(format!("{name}{extension}"));
        if path.is_dir() {
            let mut out = Vec::new();
            walk(&path, 0, &mut out);
            return out;
        }
        if path.exists() {
            return vec![path];
        }
    }
    Vec::new()
}

fn walk(dir: &Path, depth: usize, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    for name in names {
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let path = dir.join(&name);
        let extension = path.extension().map(|ext| format!(".{}", ext.to_string_lossy())).unwrap_or_default();
        if path.is_dir() {
            // A symbolic link may point at a folder above.
            if extension.is_empty() && depth < 32 {
                walk(&path, depth + 1, out);
            }
        } else if EXTENSIONS.contains(&extension.as_str()) {
            out.push(path);
        }
    }
}
