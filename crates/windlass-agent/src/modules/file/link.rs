//! `state: link` and `state: hard`.

use super::{Job, Work};
use crate::ModuleError;
use crate::paths::{state_of, tidy};
use crate::system::Meta;
use std::path::Path;
use windlass_protocol::{FileAttrs, FileKind, Op, What};

/// Where a link at `path` with this target leads.
pub(super) fn beside(path: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    tidy(&format!("{folder}/{target}"))
}

impl Job<'_> {
    fn source(&self, current: Option<&Meta>, what: &str) -> Result<String, ModuleError> {
        if let Some(src) = self.args.src.as_ref().filter(|src| !src.is_empty()) {
            return Ok(src.to_string());
        }
        match current {
            // Without a source an existing link stays what it is.
            Some(meta) if meta.kind == FileKind::Link && what == "symlinks" => {
                self.sys.read_link(Path::new(&self.path)).map_err(self.at(&self.path))
            }
            _ => Err(ModuleError::new(format!("src is required for creating new {what}"))
                .with("path", self.path.as_str())),
        }
    }

    pub(super) fn link(&self, work: &mut Work) -> Result<(), ModuleError> {
        let (path, force) = (self.path.trim_end_matches('/'), self.args.force);
        let meta = self.lstat(path)?;
        let src = self.source(meta.as_ref(), "symlinks")?;
        let state = state_of(meta.as_ref());
        let is_folder = meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Directory);
        // The target of a link is relative to the folder of the link; for a folder that is to be replaced the
        // reference takes the folder itself.
        let led = if is_folder { beside(&format!("{path}/x"), &src) } else { beside(path, &src) };
        let reached = self.sys.stat(Path::new(&led)).map_err(self.at(&led))?;
        if !force && reached.is_none() {
            let text = format!(
                "src file does not exist, use 'force=yes' if you really want to create the link: {led}"
            );
            return Err(ModuleError::new(text).with("path", path).with("src", src));
        }
        work.turns(path, state, "link");
        work.plan.set("dest", path);
        work.plan.set("src", src.as_str());
        let refuse = || {
            ModuleError::new(format!("refusing to convert from {state} to symlink for {path}"))
                .with("path", path)
        };
        let mut before = None;
        let changed = match state {
            "absent" => true,
            "link" => {
                let old = self.sys.read_link(Path::new(path)).map_err(self.at(path))?;
                let changed = old != src;
                if changed {
                    work.before.insert("src".into(), old.clone().into());
                    work.after.insert("src".into(), src.clone().into());
                }
                before = Some(old);
                changed
            }
            "directory" => {
                if !force {
                    return Err(refuse());
                }
                if !self.sys.read_dir(Path::new(path)).map_err(self.at(path))?.is_empty() {
                    let text = format!("the directory {path} is not empty, refusing to convert it");
                    return Err(ModuleError::new(text).with("path", path));
                }
                self.remove(work, path, FileKind::Directory);
                true
            }
            _ if !force => return Err(refuse()),
            _ => true,
        };
        if changed {
            let what = What::LinkMade { path: path.to_owned(), target: src.clone(), before };
            let op = Op::Symlink { path: path.to_owned(), target: src, attrs: FileAttrs::default() };
            work.plan.push(what, op);
        }
        self.attributes_of_link(work, path, &led, meta.as_ref(), changed)
    }

    /// With `follow` the attributes are those of what the link leads to, else of the link itself.
    fn attributes_of_link(
        &self,
        work: &mut Work,
        path: &str,
        led: &str,
        old: Option<&Meta>,
        changed: bool,
    ) -> Result<(), ModuleError> {
        if self.args.follow {
            let Ok(real) = self.sys.canonicalize(Path::new(led)) else {
                work.plan.warnings.push(
                    "Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this."
                        .to_owned(),
                );
                return Ok(());
            };
            if let Some(meta) = self.lstat(&real)? {
                let found = self.wish.difference(Path::new(&real), &meta, self.sys)?;
                work.set_attrs(Path::new(&real), &meta, found, false, self.sys);
            }
            return Ok(());
        }
        let meta = match old.filter(|_| !changed) {
            Some(meta) => meta.clone(),
            None => {
                // A new link belongs to whoever makes it.
                let attrs = self.wish.for_new(FileKind::Link, Path::new(path), self.sys)?;
                let attrs = FileAttrs { mode: None, attributes: None, ..attrs };
                if let Some(Op::Symlink { attrs: slot, .. }) =
                    work.plan.changes.last_mut().map(|change| &mut change.op)
                {
                    *slot = attrs;
                }
                return Ok(());
            }
        };
        let found = self.wish.difference(Path::new(path), &meta, self.sys)?;
        work.set_attrs(Path::new(path), &meta, found, false, self.sys);
        Ok(())
    }

    fn remove(&self, work: &mut Work, path: &str, kind: FileKind) {
        let what = What::PathRemoved { path: path.to_owned(), kind };
        work.plan.push(what, Op::Remove { path: path.to_owned(), recursive: false });
    }

    pub(super) fn hard(&self, work: &mut Work) -> Result<(), ModuleError> {
        let (path, force) = (self.path.as_str(), self.args.force);
        let meta = self.lstat(path)?;
        let src = match (self.source(meta.as_ref(), "hardlinks"), &meta) {
            (Ok(src), _) => src,
            // An existing file may only be given attributes.
            (Err(_), Some(meta)) if meta.kind == FileKind::File => path.to_owned(),
            (Err(error), _) => return Err(error),
        };
        let state = state_of(meta.as_ref());
        let fail = |text: String| ModuleError::new(text).with("dest", path).with("src", src.as_str());
        let Some(source) = self.lstat(&src)? else { return Err(fail("src does not exist".into())) };
        let same = meta.as_ref().is_some_and(|meta| (meta.ino, meta.dev) == (source.ino, source.dev));
        work.turns(path, state, "hard");
        work.plan.set("dest", path);
        work.plan.set("src", src.as_str());
        let changed = match state {
            "absent" => true,
            "link" => {
                let old = self.sys.read_link(Path::new(path)).map_err(self.at(path))?;
                work.before.insert("src".into(), old.into());
                work.after.insert("src".into(), src.clone().into());
                true
            }
            "hard" | "file" if same => false,
            "hard" if !force => {
                return Err(fail("Cannot link, different hard link exists at destination".into()));
            }
            "file" if !force => {
                return Err(fail(format!("Cannot link, {state} exists at destination")));
            }
            "directory" if !force => {
                return Err(fail("Cannot link: different hard link exists at destination".into()));
            }
            _ => true,
        };
        if changed {
            if let Some(meta) = meta.as_ref().filter(|meta| meta.kind == FileKind::Directory) {
                self.remove(work, path, meta.kind);
            }
            let what = What::LinkMade { path: path.to_owned(), target: src.clone(), before: None };
            work.plan.push(what, Op::Hardlink { path: path.to_owned(), target: src.clone() });
        }
        let found = self.wish.difference(Path::new(&src), &source, self.sys)?;
        work.set_attrs(Path::new(path), &source, found, false, self.sys);
        Ok(())
    }
}
