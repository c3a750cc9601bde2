//! A folder that came from the controller, entry by entry.

use super::{One, Source};
use crate::paths::{Wish, of_path, plan_missing_folders};
use crate::system::Observe;
use crate::{Context, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::modules::copy::{CopyArgs, TreeEntry, TreeKind};
use windlass_protocol::{FileAttrs, FileKind, Json, Op, What};

/// Folders that are missing, with owner and group of the task and `directory_mode`.
pub(super) fn plan_folders(
    plan: &mut Plan,
    folder: &Path,
    own: Option<&str>,
    args: &CopyArgs,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let wish = folder_wish(args, &folder.to_string_lossy(), own, sys)?;
    plan_missing_folders(plan, folder, |path| wish.for_new(FileKind::Directory, path, sys), sys)?;
    Ok(())
}

/// `own` is the mode that the folder has on the controller.
fn folder_wish(
    args: &CopyArgs,
    path: &str,
    own: Option<&str>,
    sys: &dyn Observe,
) -> Result<Wish, ModuleError> {
    let mode = args.directory_mode.clone().filter(|mode| !mode.is_null());
    let mode = if mode.as_ref().is_some_and(|mode| mode == "preserve") { own.map(Json::from) } else { mode };
    Ok(Wish::of(&args.common, path, sys)?.with_mode(mode))
}

pub(super) fn plan(
    plan: &mut Plan,
    args: &CopyArgs,
    entries: &Json,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let entries: Vec<TreeEntry> = serde_json::from_value(entries.clone())
        .map_err(|error| ModuleError::new(format!("the entries of the folder cannot be read: {error}")))?;
    let top = args.dest.trim_end_matches('/').to_owned();
    let own = entries.first().filter(|entry| entry.path.is_empty()).and_then(|entry| entry.mode.as_deref());
    plan_folders(plan, Path::new(&top), own, args, sys)?;
    // Folders of this very plan are not there yet.
    let mut planned: std::collections::HashSet<String> = std::collections::HashSet::new();
    for entry in &entries {
        if entry.path.starts_with('/') || entry.path.split('/').any(|part| part == "..") {
            return Err(ModuleError::new(format!("the entry '{}' leaves the folder", entry.path)));
        }
        let dest = if entry.path.is_empty() { top.clone() } else { format!("{top}/{}", entry.path) };
        match entry.kind {
            TreeKind::Directory => folder(plan, args, entry, &dest, &mut planned, sys)?,
            TreeKind::Link => {
                let wish = Wish::of(&args.common, &dest, sys)?.with_mode(None);
                let attrs = wish.for_new(FileKind::Link, Path::new(&dest), sys)?;
                link(plan, &dest, entry.target.as_deref().unwrap_or_default(), attrs, sys)?;
            }
            TreeKind::File => {
                let source =
                    Source::blob(&entry.path, entry.hash.as_deref(), entry.size, cx).ok_or_else(|| {
                        ModuleError::new(format!("the content of '{}' did not come", entry.path))
                    })?;
                let mode = entry.mode.as_ref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                let source = Source { mode, ..source };
                One { args, cx, sys, source: &source, dest: &dest, headers: false }.plan(plan)?;
            }
        }
    }
    // Contents that are missing: nothing is done before they are here.
    if plan.values.contains_key("needs") {
        plan.changes.clear();
        plan.diff.clear();
    }
    if let Some(src) = &args.src {
        plan.set("src", src.to_string());
    }
    plan.set("dest", args.dest.to_string());
    Ok(())
}

fn folder(
    plan: &mut Plan,
    args: &CopyArgs,
    entry: &TreeEntry,
    dest: &str,
    planned: &mut std::collections::HashSet<String>,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let at = Path::new(dest);
    let wish = folder_wish(args, dest, entry.mode.as_deref(), sys)?;
    match sys.stat(at).map_err(|error| of_path(at, &error))? {
        // The top and what is above it is planned already.
        None if entry.path.is_empty() => {}
        None => {
            if planned.insert(dest.to_owned()) {
                let attrs = wish.for_new(FileKind::Directory, at, sys)?;
                let path = dest.to_owned();
                plan.push(What::DirectoryMade { path: path.clone() }, Op::MakeDirectory { path, attrs });
            }
        }
        Some(meta) if meta.kind == FileKind::Directory => {
            let found = wish.difference(at, &meta, sys)?;
            if !found.is_empty() {
                let path = dest.to_owned();
                let what = What::AttributesSet {
                    path: path.clone(),
                    before: Json::Object(found.before).to_string(),
                    after: Json::Object(found.after).to_string(),
                };
                plan.push(what, Op::SetAttrs { path, attrs: found.attrs, follow: true });
            }
        }
        Some(_) => {
            return Err(
                ModuleError::new(format!("{dest} already exists and is no directory")).with("path", dest)
            );
        }
    }
    Ok(())
}

/// A symbolic link of a copied tree.
pub(super) fn link(
    plan: &mut Plan,
    dest: &str,
    target: &str,
    attrs: FileAttrs,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let before = match sys.lstat(Path::new(dest)).map_err(|error| of_path(Path::new(dest), &error))? {
        Some(meta) if meta.kind == FileKind::Link => Some(sys.read_link(Path::new(dest))?),
        Some(meta) if meta.kind == FileKind::Directory => {
            return Err(ModuleError::new(format!(
                "refusing to convert from directory to symlink for {dest}"
            ))
            .with("path", dest));
        }
        _ => None,
    };
    if before.as_deref() != Some(target) {
        let (path, target) = (dest.to_owned(), target.to_owned());
        let what = What::LinkMade { path: path.clone(), target: target.clone(), before };
        plan.push(what, Op::Symlink { path, target, attrs });
    }
    Ok(())
}
