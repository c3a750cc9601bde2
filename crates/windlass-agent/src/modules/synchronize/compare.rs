//! What has to be done to make a tree like a manifest.

use super::filter::Filter;
use super::itemize::{self, Flags};
use crate::paths::{of_path, owner_text, with_attrs};
use crate::system::{Meta, Observe};
use crate::{Context, ModuleError, Plan};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::synchronize::{
    Account, Entry, EntryKind, Manifest, SyncOptions, content_name,
};
use windlass_protocol::{FileAttrs, FileKind, Json, Op, What};

/// A plan in the making.
pub(super) struct Work<'a> {
    pub(super) options: &'a SyncOptions,
    pub(super) sys: &'a dyn Observe,
    pub(super) cx: &'a Context<'a>,
    /// Destination without a slash at its end; empty for `/`.
    pub(super) root: String,
    pub(super) filter: Filter,
    pub(super) plan: Plan,
    pub(super) lines: Vec<String>,
    needs: Vec<usize>,
    /// Files that this plan writes, by their whole path, with the names of their contents.
    pub(super) arriving: HashMap<String, String>,
    /// Folders that this plan makes: nothing is in them.
    fresh: HashSet<String>,
    /// Folders whose content this plan changes, and with it their time.
    stirred: HashSet<String>,
    uids: Vec<Option<u32>>,
    gids: Vec<Option<u32>>,
    umask: u32,
}

pub(super) fn plan(
    dest: &str,
    single: bool,
    options: &SyncOptions,
    mut manifest: Manifest,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<(Plan, Vec<String>), ModuleError> {
    for clause in &options.chmod {
        if chmod(clause, FileKind::File, 0, 0).is_none() {
            return Err(ModuleError::new(format!("Invalid argument passed to --chmod ({clause})")));
        }
    }
    let root = place(dest, single, &mut manifest, sys)?;
    let mut work = Work {
        options,
        sys,
        cx,
        root: if root == "/" { String::new() } else { root },
        filter: Filter::new(&options.rules),
        plan: Plan::default(),
        lines: Vec::new(),
        needs: Vec::new(),
        arriving: HashMap::new(),
        fresh: HashSet::new(),
        stirred: HashSet::new(),
        uids: uids(options, &manifest.users, sys),
        gids: gids(options, &manifest.groups, sys),
        umask: sys.umask(),
    };
    work.make_root(&manifest)?;
    for (index, entry) in manifest.entries.iter().enumerate() {
        work.entry(index, entry)?;
    }
    if options.delete && !manifest.incomplete {
        work.delete(&manifest)?;
    }
    if !work.needs.is_empty() {
        // Nothing is done before all contents are here.
        let mut plan = Plan::default();
        plan.set("needs", work.needs.iter().map(|index| Json::from(*index)).collect::<Vec<_>>());
        return Ok((plan, Vec::new()));
    }
    work.folder_times(&manifest);
    if options.fsync && !work.plan.changes.is_empty() {
        let path = if work.root.is_empty() { "/".to_owned() } else { work.root.clone() };
        let what = What::Setting { kind: "sync".into(), name: path.clone(), before: None, after: None };
        work.plan.push(what, Op::SyncFileSystem { path });
    }
    Ok((work.plan, work.lines))
}

/// The folder that the manifest's paths are relative to here. A single file may get a new name.
fn place(
    dest: &str,
    single: bool,
    manifest: &mut Manifest,
    sys: &dyn Observe,
) -> Result<String, ModuleError> {
    let path = if dest.len() > 1 { dest.trim_end_matches('/') } else { dest };
    let path = if path.is_empty() { "/" } else { path };
    let meta = sys.stat(Path::new(path)).map_err(|error| of_path(Path::new(path), &error))?;
    let is_folder = meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Directory);
    if single && !is_folder && !dest.ends_with('/') {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        if let [entry] = manifest.entries.as_mut_slice() {
            entry.path = name.to_owned();
        }
        return Ok(if folder.is_empty() { "/".into() } else { folder.to_owned() });
    }
    if meta.is_some() && !is_folder {
        return Err(ModuleError::new(format!("the destination {path} is not a directory")).with("dest", dest));
    }
    Ok(path.to_owned())
}

fn uids(options: &SyncOptions, users: &[Account], sys: &dyn Observe) -> Vec<Option<u32>> {
    let find = |name: &str| name.parse().ok().or_else(|| sys.user(name).map(|user| user.uid));
    let given = options.chown_user.as_deref().and_then(find);
    // Only root may give files away; for others the owner stays, as with rsync.
    let may = sys.euid() == 0 && (options.owner || given.is_some());
    let resolve = |account: &Account| {
        let named = account.name.as_deref().filter(|_| !options.numeric_ids);
        given.or_else(|| named.and_then(|name| sys.user(name)).map(|user| user.uid)).unwrap_or(account.id)
    };
    users.iter().map(|account| may.then(|| resolve(account))).collect()
}

fn gids(options: &SyncOptions, groups: &[Account], sys: &dyn Observe) -> Vec<Option<u32>> {
    let find = |name: &str| name.parse().ok().or_else(|| sys.group(name).map(|group| group.gid));
    let given = options.chown_group.as_deref().and_then(find);
    let is_root = sys.euid() == 0;
    let own_name = sys.user_by_id(sys.euid()).map(|user| user.name).unwrap_or_default();
    let member = |gid: u32| {
        let group = sys.group_by_id(gid);
        gid == sys.egid() || group.is_some_and(|group| group.members.contains(&own_name))
    };
    let resolve = |account: &Account| {
        let named = account.name.as_deref().filter(|_| !options.numeric_ids);
        given.or_else(|| named.and_then(|name| sys.group(name)).map(|group| group.gid)).unwrap_or(account.id)
    };
    let wanted = options.group || given.is_some();
    groups
        .iter()
        .map(|account| Some(resolve(account)).filter(|gid| wanted && (is_root || member(*gid))))
        .collect()
}

/// The mode by a clause of `--chmod`; nothing if it is none.
fn chmod(clause: &str, kind: FileKind, mode: u32, umask: u32) -> Option<u32> {
    // `D` and `F` say for which kind a clause is.
    let (clause, fits) = match clause.split_at_checked(1) {
        Some(("D", rest)) => (rest, kind == FileKind::Directory),
        Some(("F", rest)) => (rest, kind == FileKind::File),
        _ => (clause, true),
    };
    let changed = crate::paths::parse_mode(&Json::from(clause), kind, mode, umask).ok()?;
    Some(if fits { changed } else { mode })
}

impl Work<'_> {
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.is_empty() {
            return if self.root.is_empty() { "/".into() } else { self.root.clone() };
        }
        format!("{}/{path}", self.root)
    }

    pub(super) fn is_fresh(&self, path: &str) -> bool {
        self.fresh.contains(path)
    }

    /// Notes that the folder of this path gets another content.
    pub(super) fn touched(&mut self, path: &str) {
        if !path.is_empty() {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !self.stirred.contains(folder) {
                self.stirred.insert(folder.to_owned());
            }
        }
    }

    /// The destination itself, where it is missing.
    fn make_root(&mut self, manifest: &Manifest) -> Result<(), ModuleError> {
        let root = self.absolute("");
        let at = Path::new(&root);
        if self.sys.stat(at).map_err(|error| of_path(at, &error))?.is_some() || manifest.entries.is_empty() {
            return Ok(());
        }
        let parent = at.parent().unwrap_or(Path::new("/"));
        let has_parent = self.sys.stat(parent).ok().flatten().is_some();
        if !has_parent && !self.options.mkpath {
            let text = format!("the destination's folder {} does not exist", parent.display());
            return Err(ModuleError::new(text).with("dest", root));
        }
        self.fresh.insert(String::new());
        // An entry for the root itself makes it below, with its attributes.
        let own = manifest.entries.first().is_some_and(|entry| entry.path.is_empty());
        let upto = if own { parent } else { at };
        crate::paths::plan_missing_folders(&mut self.plan, upto, |_| Ok(FileAttrs::default()), self.sys)?;
        Ok(())
    }

    fn look(&self, entry: &Entry) -> Result<Option<Meta>, ModuleError> {
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if self.fresh.contains(folder) {
            return Ok(None);
        }
        let absolute = self.absolute(&entry.path);
        let at = Path::new(&absolute);
        // The destination itself may be a link to a folder.
        let meta = if entry.path.is_empty() { self.sys.stat(at) } else { self.sys.lstat(at) };
        meta.map_err(|error| of_path(at, &error))
    }

    fn entry(&mut self, index: usize, entry: &Entry) -> Result<(), ModuleError> {
        let meta = self.look(entry)?;
        match entry.kind {
            EntryKind::Directory => self.folder(entry, meta),
            EntryKind::Link => self.link(entry, meta),
            EntryKind::File => self.file(index, entry, meta),
        }
    }

    fn wanted_mode(&self, entry: &Entry) -> u32 {
        let kind = if entry.kind == EntryKind::Directory { FileKind::Directory } else { FileKind::File };
        let mut mode = entry.mode;
        for clause in &self.options.chmod {
            // Those that cannot be read were refused at the beginning.
            mode = chmod(clause, kind, mode, self.umask).unwrap_or(mode);
        }
        mode
    }

    /// Attributes for a path that is made.
    fn new_attrs(&self, entry: &Entry) -> FileAttrs {
        let mode = self.wanted_mode(entry);
        let mode =
            if self.options.perms || !self.options.chmod.is_empty() { mode } else { mode & !self.umask };
        FileAttrs {
            mode: (entry.kind != EntryKind::Link).then_some(mode),
            uid: self.uids.get(entry.user as usize).copied().flatten(),
            gid: self.gids.get(entry.group as usize).copied().flatten(),
            ..FileAttrs::default()
        }
    }

    /// What differs in mode and owner, and the attributes that mend it.
    fn attrs_of(&self, entry: &Entry, meta: &Meta) -> (FileAttrs, Flags) {
        let mut attrs = self.new_attrs(entry);
        let keeps_mode = !self.options.perms && self.options.chmod.is_empty();
        attrs.mode = attrs.mode.filter(|mode| !keeps_mode && *mode != meta.mode);
        attrs.uid = attrs.uid.filter(|uid| *uid != meta.uid);
        attrs.gid = attrs.gid.filter(|gid| *gid != meta.gid);
        let flags = Flags {
            perms: attrs.mode.is_some(),
            owner: attrs.uid.is_some(),
            group: attrs.gid.is_some(),
            ..Flags::default()
        };
        (attrs, flags)
    }

    fn set_attrs(&mut self, entry: &Entry, meta: &Meta, attrs: FileAttrs) {
        if !attrs.is_empty() {
            let path = self.absolute(&entry.path);
            let what = What::AttributesSet {
                path: path.clone(),
                before: owner_text(meta, self.sys),
                after: owner_text(&with_attrs(meta, &attrs), self.sys),
            };
            self.plan.push(what, Op::SetAttrs { path, attrs, follow: entry.path.is_empty() });
        }
    }

    /// `meta` is of what is there now, if that is not made by this plan.
    fn set_time(&mut self, entry: &Entry, meta: Option<&Meta>) {
        let path = self.absolute(&entry.path);
        let what = What::AttributesSet {
            path: path.clone(),
            before: meta.map(|meta| format!("modified {}", meta.mtime.0)).unwrap_or_default(),
            after: format!("modified {}", entry.mtime.0),
        };
        let follow = entry.path.is_empty();
        self.plan.push(what, Op::Touch { path, atime: None, mtime: Some(entry.mtime), follow });
    }

    /// Takes away what has the place of an entry of another kind.
    fn make_way(&mut self, entry: &Entry, meta: &Meta) -> Result<(), ModuleError> {
        let path = self.absolute(&entry.path);
        let is_folder = meta.kind == FileKind::Directory;
        let full = is_folder && !self.sys.read_dir(Path::new(&path)).unwrap_or_default().is_empty();
        if full && !self.options.delete {
            let text = format!(
                "{path} is a directory that is not empty, and delete is off: nothing else can take its place"
            );
            return Err(ModuleError::new(text).with("path", path));
        }
        // A file's or link's place is taken by a rename; only folders stand in the way, or are in need of it.
        if is_folder || entry.kind == EntryKind::Directory {
            let what = What::PathRemoved { path: path.clone(), kind: meta.kind };
            self.plan.push(what, Op::Remove { path, recursive: is_folder });
        }
        Ok(())
    }

    fn folder(&mut self, entry: &Entry, meta: Option<Meta>) -> Result<(), ModuleError> {
        if let Some(meta) = meta.as_ref().filter(|meta| meta.kind == FileKind::Directory) {
            let (attrs, mut flags) = self.attrs_of(entry, meta);
            let timed = self.options.times && !self.options.omit_dir_times;
            flags.time = (timed && meta.mtime.0 != entry.mtime.0).then_some('t');
            if flags.any() {
                self.lines.push(itemize::changed(entry, '.', flags));
                self.set_attrs(entry, meta, attrs);
            }
            if flags.time.is_some() {
                self.stirred.insert(entry.path.clone());
            }
            return Ok(());
        }
        if self.options.existing {
            self.fresh.insert(entry.path.clone());
            return Ok(());
        }
        if let Some(meta) = &meta {
            self.make_way(entry, meta)?;
        }
        self.lines.push(itemize::new(entry, 'c'));
        let path = self.absolute(&entry.path);
        let attrs = self.new_attrs(entry);
        self.plan.push(What::DirectoryMade { path: path.clone() }, Op::MakeDirectory { path, attrs });
        self.fresh.insert(entry.path.clone());
        self.stirred.insert(entry.path.clone());
        self.touched(&entry.path);
        Ok(())
    }

    fn link(&mut self, entry: &Entry, meta: Option<Meta>) -> Result<(), ModuleError> {
        let target = entry.target.clone().unwrap_or_default();
        let path = self.absolute(&entry.path);
        let mut before = None;
        if let Some(meta) = meta.as_ref().filter(|meta| meta.kind == FileKind::Link) {
            let old =
                self.sys.read_link(Path::new(&path)).map_err(|error| of_path(Path::new(&path), &error))?;
            let (attrs, mut flags) = self.attrs_of(entry, meta);
            flags.content = old != target;
            flags.time = (self.options.times && meta.mtime.0 != entry.mtime.0).then_some('t');
            if flags.content && !self.options.times {
                flags.time = Some('T');
            }
            if !flags.any() || (flags.content && self.options.ignore_existing) {
                return Ok(());
            }
            let sign = if flags.content { 'c' } else { '.' };
            self.lines.push(itemize::changed(entry, sign, flags));
            if !flags.content {
                self.set_attrs(entry, meta, attrs);
                if flags.time.is_some() {
                    self.set_time(entry, Some(meta));
                }
                return Ok(());
            }
            before = Some(old);
        } else if self.options.existing || (meta.is_some() && self.options.ignore_existing) {
            return Ok(());
        } else {
            if let Some(meta) = &meta {
                self.make_way(entry, meta)?;
            }
            self.lines.push(itemize::new(entry, 'c'));
        }
        let attrs = self.new_attrs(entry);
        let what = What::LinkMade { path: path.clone(), target: target.clone(), before };
        self.plan.push(what, Op::Symlink { path, target, attrs });
        if self.options.times {
            self.set_time(entry, None);
        }
        self.touched(&entry.path);
        Ok(())
    }

    fn file(&mut self, index: usize, entry: &Entry, meta: Option<Meta>) -> Result<(), ModuleError> {
        let sign = if self.options.sent { '<' } else { '>' };
        let Some(old) = meta.as_ref().filter(|meta| meta.kind == FileKind::File) else {
            if self.options.existing
                || (meta.is_some() && self.options.ignore_existing)
                || self.in_unmade(entry)
            {
                return Ok(());
            }
            if let Some(meta) = &meta {
                self.make_way(entry, meta)?;
            }
            self.lines.push(itemize::new(entry, sign));
            self.write(index, entry, self.new_attrs(entry), None);
            return Ok(());
        };
        let newer_here = self.options.update && old.mtime.0 > entry.mtime.0;
        if self.options.ignore_existing || newer_here {
            return Ok(());
        }
        let (attrs, mut flags) = self.attrs_of(entry, old);
        let same_time = old.mtime.0 == entry.mtime.0;
        flags.size = old.size != entry.size;
        let differs = if flags.size || self.options.ignore_times {
            true
        } else if self.options.checksum {
            flags.content = !self.same_content(entry)?;
            flags.content
        } else {
            !self.options.size_only && !same_time
        };
        flags.time = (self.options.times && !same_time).then_some('t');
        if differs {
            flags.content |= self.options.checksum;
            if !self.options.times {
                flags.time = Some('T');
            }
            self.lines.push(itemize::changed(entry, sign, flags));
            let before = self.hash_of(index, entry);
            self.write(index, entry, attrs, before);
        } else if flags.any() {
            self.lines.push(itemize::changed(entry, '.', flags));
            self.set_attrs(entry, old, attrs);
            if flags.time.is_some() {
                self.set_time(entry, Some(old));
            }
        }
        Ok(())
    }

    /// With `existing` a folder that is missing stays missing, and so does what would be in it.
    fn in_unmade(&self, entry: &Entry) -> bool {
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.options.existing && self.fresh.contains(folder)
    }

    fn same_content(&self, entry: &Entry) -> Result<bool, ModuleError> {
        let path = self.absolute(&entry.path);
        let at = Path::new(&path);
        let mut file = self.sys.open(at).map_err(|error| of_path(at, &error))?;
        let sum = crate::paths::blake3_bytes(&mut file).map_err(|error| of_path(at, &error))?;
        Ok(entry.hash == Some(sum))
    }

    /// What is in a file that gets another content, for the plan. It is read only once that content is here.
    fn hash_of(&self, index: usize, entry: &Entry) -> Option<String> {
        self.cx.blobs.get(&content_name(index))?;
        let mut file = self.sys.open(Path::new(&self.absolute(&entry.path))).ok()?;
        crate::paths::blake3_of(&mut file).ok()
    }

    fn write(&mut self, index: usize, entry: &Entry, attrs: FileAttrs, before: Option<String>) {
        let name = content_name(index);
        let blob = self.cx.blobs.get(&name);
        if blob.is_none() && !self.cx.check {
            self.needs.push(index);
        }
        let path = self.absolute(&entry.path);
        let after = blob.map(crate::blobs::BlobRef::hex).unwrap_or_default();
        let mtime = self.options.times.then_some(entry.mtime);
        if self.options.delete && self.filter.is_per_folder() {
            self.arriving.insert(path.clone(), name.clone());
        }
        let what = What::FileWritten { path: path.clone(), before, after };
        self.plan.push(what, Op::WriteLoose { path, content: Content::Blob(name), attrs, mtime });
        self.touched(&entry.path);
    }

    /// Writing into a folder changes its time: the folders' own times come last, innermost first.
    fn folder_times(&mut self, manifest: &Manifest) {
        if !self.options.times || self.options.omit_dir_times {
            return;
        }
        for entry in manifest.entries.iter().rev() {
            if entry.kind == EntryKind::Directory && self.stirred.contains(&entry.path) {
                let now =
                    if self.fresh.contains(&entry.path) { None } else { self.look(entry).ok().flatten() };
                self.set_time(entry, now.as_ref());
            }
        }
    }
}
