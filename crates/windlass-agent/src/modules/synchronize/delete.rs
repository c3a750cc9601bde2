//! Removing what the source does not have.

use super::compare::Work;
use super::filter::Side;
use super::itemize;
use crate::ModuleError;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use windlass_protocol::modules::synchronize::{EntryKind, Manifest};
use windlass_protocol::{FileKind, Op, What};

impl Work<'_> {
    /// Plans the removals in every folder of the manifest that is there already.
    pub(super) fn delete(&mut self, manifest: &Manifest) -> Result<(), ModuleError> {
        let mut children: HashMap<&str, HashSet<&str>> = HashMap::new();
        for entry in &manifest.entries {
            if !entry.path.is_empty() {
                let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
                children.entry(folder).or_default().insert(name);
            }
        }
        let none = HashSet::new();
        for entry in &manifest.entries {
            if entry.kind != EntryKind::Directory || self.is_fresh(&entry.path) {
                continue;
            }
            let absolute = self.absolute(&entry.path);
            // A folder that is not there, or that may not be read, has nothing to remove.
            let Ok(names) = self.sys.read_dir(Path::new(&absolute)) else { continue };
            let wanted = children.get(entry.path.as_str()).unwrap_or(&none);
            let extra: Vec<&String> = names.iter().filter(|name| !wanted.contains(name.as_str())).collect();
            if extra.is_empty() {
                continue;
            }
            let mark = self.enter_all(&entry.path)?;
            // As rsync does: from the last to the first, folders (which come last) before files.
            for name in self.backwards(&absolute, extra) {
                let path =
                    if entry.path.is_empty() { name.clone() } else { format!("{}/{name}", entry.path) };
                self.remove(&path)?;
            }
            self.filter.leave(mark);
        }
        Ok(())
    }

    /// The names of a folder in the order in which they go: folders, then the rest, each from the last to the first.
    fn backwards(&self, folder: &str, names: Vec<&String>) -> Vec<String> {
        let is_folder = |name: &str| {
            let meta = self.sys.lstat(&Path::new(folder).join(name));
            meta.is_ok_and(|meta| meta.is_some_and(|meta| meta.kind == FileKind::Directory))
        };
        let (mut first, rest): (Vec<String>, Vec<String>) =
            names.into_iter().rev().cloned().partition(|name| is_folder(name));
        first.extend(rest);
        first
    }

    /// Reads the rules of a folder, as they will be when the contents of this run are in place: removals come last.
    fn enter(&mut self, folder: &str) -> Result<usize, ModuleError> {
        let Self { root, filter, arriving, cx, sys, .. } = self;
        filter.enter(root, folder, |path| match arriving.get(path).and_then(|name| cx.blobs.get(name)) {
            Some(blob) => blob.bytes().ok(),
            None => sys.read(Path::new(path)).ok(),
        })
    }

    /// Reads the rules of a folder and of those above it.
    fn enter_all(&mut self, folder: &str) -> Result<usize, ModuleError> {
        let mark = self.enter("")?;
        let mut at = 0;
        while at < folder.len() {
            at = folder[at..].find('/').map_or(folder.len(), |next| at + next);
            self.enter(&folder[..at])?;
            at += 1;
        }
        Ok(mark)
    }

    fn remove(&mut self, path: &str) -> Result<(), ModuleError> {
        let mut removal = Removal::default();
        self.collect(path, &mut removal)?;
        self.lines.extend(removal.lines);
        for (path, kind, recursive) in removal.steps {
            let absolute = self.absolute(&path);
            self.touched(&path);
            self.plan.push(
                What::PathRemoved { path: absolute.clone(), kind },
                Op::Remove { path: absolute, recursive },
            );
        }
        Ok(())
    }

    /// Whether everything at the path goes. What is protected stays, and so do the folders above it.
    fn collect(&mut self, path: &str, removal: &mut Removal) -> Result<bool, ModuleError> {
        let absolute = self.absolute(path);
        let at = Path::new(&absolute);
        let Some(meta) = self.sys.lstat(at).map_err(|error| crate::paths::of_path(at, &error))? else {
            return Ok(true);
        };
        let is_folder = meta.kind == FileKind::Directory;
        if self.filter.excludes(Side::Receiver, path, is_folder) {
            return Ok(false);
        }
        let mut all = true;
        if is_folder {
            let mark = self.enter(path)?;
            let first = removal.steps.len();
            let names = self.sys.read_dir(at).map_err(|error| crate::paths::of_path(at, &error))?;
            for name in self.backwards(&absolute, names.iter().collect()) {
                all &= self.collect(&format!("{path}/{name}"), removal)?;
            }
            self.filter.leave(mark);
            if all {
                // One step for the whole folder.
                removal.steps.truncate(first);
            }
        }
        if all {
            removal.lines.push(itemize::deleted(path, is_folder));
            removal.steps.push((path.to_owned(), meta.kind, is_folder));
        }
        Ok(all)
    }
}

#[derive(Default)]
struct Removal {
    lines: Vec<String>,
    steps: Vec<(String, FileKind, bool)>,
}
