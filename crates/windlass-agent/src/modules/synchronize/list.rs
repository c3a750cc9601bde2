//! Describing a tree.

use super::filter::{Filter, Side};
use crate::ModuleError;
use crate::paths::of_path;
use crate::system::{Meta, Observe};
use std::collections::HashMap;
use std::path::Path;
use windlass_protocol::FileKind;
use windlass_protocol::modules::synchronize::{Account, Entry, EntryKind, Manifest, SyncOptions};

/// A tree and where it is.
#[derive(Debug)]
pub struct Listing {
    /// Folder that the paths of the manifest are relative to.
    pub root: String,
    /// The source is one file or link.
    pub single: bool,
    /// The tree.
    pub manifest: Manifest,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Describes the tree at `src`: its contents if that ends with `/`, else the folder itself.
///
/// # Errors
/// No such path, a file of filter rules that cannot be read.
pub fn list(src: &str, options: &SyncOptions, sys: &dyn Observe) -> Result<Listing, ModuleError> {
    let inside = src.ends_with('/');
    let path = if src.len() > 1 { src.trim_end_matches('/') } else { src };
    let at = Path::new(path);
    let look = if inside || options.copy_links { sys.stat(at) } else { sys.lstat(at) };
    let meta = look.map_err(|error| of_path(at, &error))?;
    let Some(meta) = meta else {
        return Err(ModuleError::new(format!("the source {path} does not exist")).with("src", src));
    };
    let is_folder = meta.kind == FileKind::Directory;
    if inside && !is_folder {
        return Err(ModuleError::new(format!("the source {path} is not a directory")).with("src", src));
    }
    let (root, top) = if inside {
        (path.to_owned(), String::new())
    } else {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        (if folder.is_empty() { "/".into() } else { folder.to_owned() }, name.to_owned())
    };
    let mut walk = Walk {
        options,
        sys,
        root: if root == "/" { String::new() } else { root.clone() },
        filter: Filter::new(&options.rules),
        manifest: Manifest::default(),
        users: HashMap::new(),
        groups: HashMap::new(),
        warnings: Vec::new(),
    };
    if is_folder {
        if !(options.recursive || options.dirs || inside) {
            return Err(
                ModuleError::new(format!("{path} is a directory, and recursive is off")).with("src", src)
            );
        }
        if !walk.filter.excludes(Side::Sender, &top, true) || top.is_empty() {
            walk.add(&top, &meta);
            if options.recursive || (options.dirs && inside) {
                walk.folder(&top)?;
            }
        }
    } else if !walk.filter.excludes(Side::Sender, &top, false) {
        walk.leaf(&top, &meta);
    }
    Ok(Listing { root, single: !is_folder, manifest: walk.manifest, warnings: walk.warnings })
}

struct Walk<'a> {
    options: &'a SyncOptions,
    sys: &'a dyn Observe,
    root: String,
    filter: Filter,
    manifest: Manifest,
    users: HashMap<u32, u32>,
    groups: HashMap<u32, u32>,
    warnings: Vec<String>,
}

impl Walk<'_> {
    fn absolute(&self, path: &str) -> String {
        if path.is_empty() { self.root.clone() } else { format!("{}/{path}", self.root) }
    }

    fn add(&mut self, path: &str, meta: &Meta) {
        let kind = match meta.kind {
            FileKind::Directory => EntryKind::Directory,
            FileKind::Link => EntryKind::Link,
            _ => EntryKind::File,
        };
        let absolute = self.absolute(path);
        let at = Path::new(&absolute);
        let target = (kind == EntryKind::Link).then(|| self.sys.read_link(at).unwrap_or_default());
        let mut hash = None;
        if kind == EntryKind::File && self.options.checksum {
            let sum = self.sys.open(at).and_then(|mut file| crate::paths::blake3_bytes(&mut file));
            match sum {
                Ok(sum) => hash = Some(sum),
                Err(error) => return self.skip(path, &error.to_string()),
            }
        }
        let sys = self.sys;
        let user = index(&mut self.users, &mut self.manifest.users, meta.uid, || {
            sys.user_by_id(meta.uid).map(|u| u.name)
        });
        let group = index(&mut self.groups, &mut self.manifest.groups, meta.gid, || {
            sys.group_by_id(meta.gid).map(|g| g.name)
        });
        let size = if kind == EntryKind::File { meta.size } else { 0 };
        let path = path.to_owned();
        let entry = Entry { path, kind, size, mtime: meta.mtime, mode: meta.mode, user, group, target, hash };
        self.manifest.entries.push(entry);
    }

    /// Leaves a path out. What cannot be read must not look as if it were gone.
    fn skip(&mut self, path: &str, why: &str) {
        self.manifest.incomplete = true;
        self.warnings
            .push(format!("{}: {why}; nothing will be removed at the destination", self.absolute(path)));
    }

    fn leaf(&mut self, path: &str, meta: &Meta) {
        match meta.kind {
            FileKind::File => self.add(path, meta),
            FileKind::Link if self.options.links => self.add(path, meta),
            _ => self.warnings.push(format!("skipping non-regular file \"{path}\"")),
        }
    }

    fn folder(&mut self, folder: &str) -> Result<(), ModuleError> {
        let absolute = self.absolute(folder);
        let names = match self.sys.read_dir(Path::new(if absolute.is_empty() { "/" } else { &absolute })) {
            Ok(names) => names,
            Err(error) => {
                self.skip(folder, &error.to_string());
                return Ok(());
            }
        };
        let sys = self.sys;
        let mark = self.filter.enter(&self.root, folder, |path| sys.read(Path::new(path)).ok())?;
        let mut folders = Vec::new();
        // Files first, then the folders, as rsync has them.
        for name in names {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let absolute = self.absolute(&path);
            let at = Path::new(&absolute);
            let look = if self.options.copy_links { self.sys.stat(at) } else { self.sys.lstat(at) };
            let meta = match look {
                Ok(Some(meta)) => meta,
                // It has gone in the meantime, or a link leads nowhere.
                Ok(None) if self.options.copy_links => {
                    self.skip(&path, "symlink has no referent");
                    continue;
                }
                Ok(None) => continue,
                Err(error) => {
                    self.skip(&path, &error.to_string());
                    continue;
                }
            };
            let is_folder = meta.kind == FileKind::Directory;
            if self.filter.excludes(Side::Sender, &path, is_folder) {
                continue;
            }
            if is_folder {
                folders.push((path, meta));
            } else {
                self.leaf(&path, &meta);
            }
        }
        for (path, meta) in folders {
            self.add(&path, &meta);
            if self.options.recursive {
                self.folder(&path)?;
            }
        }
        self.filter.leave(mark);
        Ok(())
    }
}

fn index(
    known: &mut HashMap<u32, u32>,
    table: &mut Vec<Account>,
    id: u32,
    name: impl FnOnce() -> Option<String>,
) -> u32 {
    *known.entry(id).or_insert_with(|| {
        table.push(Account { id, name: name() });
        table.len() as u32 - 1
    })
}
