//! `remote_src` with a folder: a tree of the host is copied on the host.

use super::{One, Source, tree};
use crate::paths::{Wish, of_path};
use crate::system::Observe;
use crate::{Context, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::modules::copy::CopyArgs;
use windlass_protocol::{Change, FileAttrs, FileKind, Json, Op, What};

pub(super) fn is_folder(args: &CopyArgs, sys: &dyn Observe) -> Result<bool, ModuleError> {
    let Some(src) = &args.src else { return Ok(false) };
    let meta = sys.stat(Path::new(&**src)).map_err(|error| of_path(Path::new(&**src), &error))?;
    Ok(meta.is_some_and(|meta| meta.kind == FileKind::Directory))
}

pub(super) fn plan(
    plan: &mut Plan,
    args: &CopyArgs,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let src = args.src.as_deref().unwrap_or_default();
    let from = src.trim_end_matches('/').to_owned();
    let top = args.dest.trim_end_matches('/').to_owned();
    let there = sys.stat(Path::new(&top)).map_err(|error| of_path(Path::new(&top), &error))?;
    if there.as_ref().is_some_and(|meta| meta.kind != FileKind::Directory) {
        let text = format!("remote_src: the destination {top} is no directory, but the source {src} is");
        return Err(ModuleError::new(text).with("dest", top));
    }
    // As with rsync and cp: with a `/` at the end the contents are meant, else the folder itself.
    let to = if src.ends_with('/') {
        top.clone()
    } else {
        format!("{top}/{}", from.rsplit('/').next().unwrap_or_default())
    };
    if to == from || to.starts_with(&format!("{from}/")) {
        return Err(ModuleError::new(format!("cannot copy {from} into itself")).with("dest", to));
    }
    tree::plan_folders(plan, Path::new(&top), None, args, sys)?;
    let is_planned = |change: &Change| matches!(&change.op, Op::MakeDirectory { path, .. } if *path == to);
    let planned = plan.changes.iter().any(is_planned);
    Walk { args, cx, sys }.folder(plan, &from, &to, planned)?;
    plan.set("src", src);
    let into = there.is_some() || args.dest.ends_with('/');
    let dest = if into { format!("{top}/{}", src.rsplit('/').next().unwrap_or_default()) } else { top };
    plan.set("dest", dest);
    // A folder has none.
    plan.set("checksum", Json::Null);
    plan.set("md5sum", Json::Null);
    Ok(())
}

struct Walk<'a> {
    args: &'a CopyArgs,
    cx: &'a Context<'a>,
    sys: &'a dyn Observe,
}

impl Walk<'_> {
    /// `planned`: that the folder is made is planned already.
    fn folder(&self, plan: &mut Plan, from: &str, to: &str, planned: bool) -> Result<(), ModuleError> {
        let sys = self.sys;
        let at = |path: &str| {
            let path = path.to_owned();
            move |error: std::io::Error| of_path(Path::new(&path), &error)
        };
        let meta = sys.stat(Path::new(from)).map_err(at(from))?;
        let there = sys.stat(Path::new(to)).map_err(at(to))?;
        if there.is_none() && !planned {
            let wish = Wish::of(&self.args.common, to, sys)?;
            let mode = self.args.directory_mode.clone().filter(|mode| !mode.is_null());
            let own = meta.map(|meta| Json::from(meta.mode));
            let attrs = wish.with_mode(mode.or(own)).for_new(FileKind::Directory, Path::new(to), sys)?;
            let path = to.to_owned();
            plan.push(What::DirectoryMade { path: path.clone() }, Op::MakeDirectory { path, attrs });
        }
        for name in sys.read_dir(Path::new(from)).map_err(at(from))? {
            let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
            let Some(meta) = sys.lstat(Path::new(&from)).map_err(at(&from))? else { continue };
            // Links are copied as links unless it is said otherwise.
            let follow = self.args.local_follow.unwrap_or(false);
            let meta = match meta.kind {
                FileKind::Link if follow => sys.stat(Path::new(&from)).map_err(at(&from))?.unwrap_or(meta),
                _ => meta,
            };
            match meta.kind {
                FileKind::Directory => self.folder(plan, &from, &to, false)?,
                FileKind::Link => {
                    let target = sys.read_link(Path::new(&from)).map_err(at(&from))?;
                    tree::link(plan, &to, &target, FileAttrs::default(), sys)?;
                }
                _ => self.file(plan, &from, &to)?,
            }
        }
        Ok(())
    }

    fn file(&self, plan: &mut Plan, from: &str, to: &str) -> Result<(), ModuleError> {
        let source = Source::file(from, self.sys)?;
        let steps = plan.changes.len();
        let one =
            One { args: self.args, cx: self.cx, sys: self.sys, source: &source, dest: to, headers: false };
        one.plan(plan)?;
        // A file that is new gets the mode of its source, as a copied tree does.
        if self.args.common.mode.is_none()
            && plan.changes.len() > steps
            && self.sys.lstat(Path::new(to)).ok().flatten().is_none()
            && let Some(Op::Write { attrs: FileAttrs { mode, .. }, .. }) =
                plan.changes.last_mut().map(|change| &mut change.op)
        {
            *mode = source.mode;
        }
        Ok(())
    }
}
