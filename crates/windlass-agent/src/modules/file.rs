//! `file`: attributes of files, folders and links; making and removing them.

mod link;
mod recurse;
mod times;

use crate::paths::{self, Difference, Wish, forgive_unknown, of_path, owner_text, state_of, with_attrs};
use crate::system::{Meta, Observe};
use crate::{Context, Module, ModuleError, Plan};
use std::borrow::Cow;
use std::path::Path;
use windlass_protocol::modules::file::{FileArgs, FileState};
use windlass_protocol::{Diff, DiffSide, FileKind, Json, JsonMap, Op, What};

/// The module.
pub struct File;

impl Module for File {
    type Args = FileArgs;

    fn plan(args: &FileArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut work = Work { diff: cx.diff, ..Work::default() };
        let mut args = Cow::Borrowed(args);
        if cx.check {
            work.plan.warnings.extend(forgive_unknown(&mut args.to_mut().common, sys));
        }
        let job = Job::new(&args, sys)?;
        let state = job.state;
        match state {
            FileState::Absent => job.absent(&mut work)?,
            FileState::Directory => job.directory(&mut work)?,
            FileState::File => job.file(&mut work)?,
            FileState::Touch => job.touch(&mut work)?,
            FileState::Link => job.link(&mut work)?,
            FileState::Hard => job.hard(&mut work)?,
        }
        let mut plan = work.plan;
        // A file that is not there and shall not be there has no two sides.
        let idle = state == FileState::Absent && plan.changes.is_empty();
        if cx.diff && !idle {
            let side = |map: JsonMap| DiffSide { header: String::new(), text: Json::Object(map).to_string() };
            plan.diff.push(Diff::State { before: side(work.before), after: side(work.after) });
        }
        Ok(plan)
    }
}

/// A plan, and the two sides of its diff.
#[derive(Default)]
struct Work {
    plan: Plan,
    before: JsonMap,
    after: JsonMap,
    /// The two sides are wanted.
    diff: bool,
    /// What follows is below the path of the task.
    below: bool,
}

impl Work {
    /// Notes a difference of attributes, and how to set it.
    fn set_attrs(&mut self, path: &Path, meta: &Meta, found: Difference, follow: bool, sys: &dyn Observe) {
        if found.is_empty() {
            return;
        }
        let after = with_attrs(meta, &found.attrs);
        let text = path.to_string_lossy().into_owned();
        let what = What::AttributesSet {
            path: text.clone(),
            before: owner_text(meta, sys),
            after: owner_text(&after, sys),
        };
        self.plan.push(what, Op::SetAttrs { path: text.clone(), attrs: found.attrs, follow });
        // The diff is of the path of the task, not of what is below it.
        if !self.below {
            self.before.extend(found.before);
            self.after.extend(found.after);
        }
    }

    fn turns(&mut self, path: &str, from: &str, to: &str) {
        self.before.insert("path".into(), path.into());
        self.after.insert("path".into(), path.into());
        if from != to {
            self.before.insert("state".into(), from.into());
            self.after.insert("state".into(), to.into());
        }
    }
}

/// One task, with what was seen at the beginning.
struct Job<'a> {
    args: &'a FileArgs,
    sys: &'a dyn Observe,
    state: FileState,
    path: String,
    wish: Wish,
}

impl<'a> Job<'a> {
    fn new(args: &'a FileArgs, sys: &'a dyn Observe) -> Result<Self, ModuleError> {
        let mut path = args.path.to_string();
        let fail = |text: &str| Err(ModuleError::new(text).with("path", args.path.to_string()));
        if args.recurse && args.state.is_some_and(|state| state != FileState::Directory) {
            return fail("recurse option requires state to be 'directory'");
        }
        let is_link = matches!(args.state, Some(FileState::Link | FileState::Hard));
        if args.src.is_some() && !is_link {
            return fail("src option requires state to be 'link' or 'hard'");
        }
        // A source's name is added to a folder, except where a link takes the folder's place.
        if !is_link && args.state != Some(FileState::Absent) {
            let meta = sys.stat(Path::new(&path)).map_err(|e| of_path(Path::new(&path), &e))?;
            if meta.is_some_and(|meta| meta.kind == FileKind::Directory)
                && let Some(name) = args._original_basename.as_deref().filter(|name| !name.is_empty())
            {
                path = format!("{}/{name}", path.trim_end_matches('/'));
            }
        }
        let state = match args.state {
            Some(state) => state,
            None => {
                let meta = sys.lstat(Path::new(&path)).map_err(|e| of_path(Path::new(&path), &e))?;
                match state_of(meta.as_ref()) {
                    "directory" => FileState::Directory,
                    "link" => FileState::Link,
                    "hard" => FileState::Hard,
                    "absent" if args.recurse => FileState::Directory,
                    _ => FileState::File,
                }
            }
        };
        let wish = Wish::of(&args.common, &path, sys)?;
        Ok(Self { args, sys, state, path, wish })
    }

    fn at(&self, path: &str) -> impl Fn(std::io::Error) -> ModuleError + use<> {
        let path = path.to_owned();
        move |error| of_path(Path::new(&path), &error)
    }

    fn lstat(&self, path: &str) -> Result<Option<Meta>, ModuleError> {
        self.sys.lstat(Path::new(path)).map_err(self.at(path))
    }

    /// The path behind a link at the path, if links are followed and it leads somewhere.
    fn followed(&self) -> Result<(String, Option<Meta>), ModuleError> {
        let meta = self.lstat(&self.path)?;
        if self.args.follow && meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Link) {
            let path = match self.sys.canonicalize(Path::new(&self.path)) {
                Ok(path) => path,
                // What a link leads to need not be there yet.
                Err(_) => {
                    let target = self.sys.read_link(Path::new(&self.path)).map_err(self.at(&self.path))?;
                    link::beside(&self.path, &target)
                }
            };
            let meta = self.lstat(&path)?;
            return Ok((path, meta));
        }
        Ok((self.path.clone(), meta))
    }

    fn absent(&self, work: &mut Work) -> Result<(), ModuleError> {
        let path = self.path.trim_end_matches('/');
        let path = if path.is_empty() { "/" } else { path };
        let meta = self.lstat(path)?;
        work.turns(&self.path, state_of(meta.as_ref()), "absent");
        if let Some(meta) = meta {
            if work.diff && meta.kind == FileKind::Directory {
                work.before.insert("path_content".into(), self.content_of(path));
            }
            let what = What::PathRemoved { path: path.to_owned(), kind: meta.kind };
            work.plan.push(what, Op::Remove { path: path.to_owned(), recursive: true });
        }
        work.plan.set("path", self.path.as_str());
        work.plan.set("state", "absent");
        Ok(())
    }

    /// The names of everything below a folder, for the diff of its removal.
    fn content_of(&self, path: &str) -> Json {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let mut open = vec![path.to_owned()];
        while let Some(folder) = open.pop() {
            for name in self.sys.read_dir(Path::new(&folder)).unwrap_or_default() {
                let child = format!("{folder}/{name}");
                match self.sys.lstat(Path::new(&child)) {
                    Ok(Some(meta)) if meta.kind == FileKind::Directory => {
                        folders.push(Json::from(child.clone()));
                        open.push(child);
                    }
                    _ => files.push(Json::from(child)),
                }
            }
        }
        serde_json::json!({"directories": folders, "files": files})
    }

    fn file(&self, work: &mut Work) -> Result<(), ModuleError> {
        let (path, meta) = self.followed()?;
        let state = state_of(meta.as_ref());
        let Some(meta) = meta.filter(|_| matches!(state, "file" | "hard")) else {
            return Err(ModuleError::new(format!("file ({path}) is {state}, cannot continue"))
                .with("path", path)
                .with("state", state));
        };
        work.turns(&path, "file", "file");
        let found = self.wish.difference(Path::new(&path), &meta, self.sys)?;
        work.set_attrs(Path::new(&path), &meta, found, false, self.sys);
        work.plan.set("path", path);
        Ok(())
    }

    fn touch(&self, work: &mut Work) -> Result<(), ModuleError> {
        let (path, meta) = self.followed()?;
        let at = Path::new(&path);
        let times = times::Wanted::of(self.args, self.sys)?;
        work.turns(&path, state_of(meta.as_ref()), "touch");
        match &meta {
            None => {
                let (atime, mtime) = times.for_new(self.sys);
                let what = What::FileWritten { path: path.clone(), before: None, after: empty_hash() };
                let op = Op::Touch { path: path.clone(), atime, mtime, follow: false };
                work.plan.push(what, op);
                let attrs = self.wish.for_new(FileKind::File, at, self.sys)?;
                if !attrs.is_empty() {
                    let new = Meta::new_file(self.sys);
                    let before = owner_text(&new, self.sys);
                    let after = owner_text(&with_attrs(&new, &attrs), self.sys);
                    let what = What::AttributesSet { path: path.clone(), before, after };
                    work.plan.push(what, Op::SetAttrs { path: path.clone(), attrs, follow: false });
                }
            }
            Some(meta) => {
                let found = self.wish.difference(at, meta, self.sys)?;
                work.set_attrs(at, meta, found, false, self.sys);
                times.plan(work, &path, meta, self.sys);
            }
        }
        work.plan.set("dest", path);
        Ok(())
    }

    fn directory(&self, work: &mut Work) -> Result<(), ModuleError> {
        let (path, meta) = self.followed()?;
        let state = state_of(meta.as_ref());
        work.turns(&path, state, "directory");
        work.plan.set("path", path.as_str());
        let path = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path };
        let at = Path::new(&path);
        match meta {
            None => {
                let attrs = |folder: &Path| self.wish.for_new(FileKind::Directory, folder, self.sys);
                paths::plan_missing_folders(&mut work.plan, at, attrs, self.sys)?;
                Ok(())
            }
            Some(meta) if meta.kind == FileKind::Directory => {
                let found = self.wish.difference(at, &meta, self.sys)?;
                work.set_attrs(at, &meta, found, false, self.sys);
                if self.args.recurse {
                    self.recurse(work, &path)?;
                }
                Ok(())
            }
            Some(_) => {
                Err(ModuleError::new(format!("{path} already exists as a {state}")).with("path", path))
            }
        }
    }
}

/// blake3 of nothing.
fn empty_hash() -> String {
    blake3::hash(b"").to_hex().to_string()
}

#[cfg(test)]
mod tests;
