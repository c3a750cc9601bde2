//! `copy` (and what the controller makes of `template`): puts contents in their place.

mod one;
mod remote;
mod source;
mod tree;

use crate::paths::forgive_unknown;
use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use one::One;
use source::Source;
use std::borrow::Cow;
use std::path::Path;
use windlass_protocol::FileKind;
use windlass_protocol::modules::copy::CopyArgs;

/// The module.
pub struct Copy;

impl Module for Copy {
    type Args = CopyArgs;

    fn plan(args: &CopyArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        let mut args = Cow::Borrowed(args);
        if cx.check {
            plan.warnings.extend(forgive_unknown(&mut args.to_mut().common, sys));
        }
        let args = &*args;
        if let Some(entries) = &args._tree {
            tree::plan(&mut plan, args, entries, cx, sys)?;
            return Ok(plan);
        }
        if args.remote_src && remote::is_folder(args, sys)? {
            remote::plan(&mut plan, args, cx, sys)?;
            return Ok(plan);
        }
        let source = Source::of(args, cx, sys)?;
        let dest = destination(args, cx.check, &mut plan, sys)?;
        if let Some(src) = &args.src {
            plan.set("src", src.to_string());
        }
        let real = One { args, cx, sys, source: &source, dest: &dest, headers: true }.plan(&mut plan)?;
        plan.set("dest", real);
        Ok(plan)
    }
}

/// The name under which the source is put into a folder.
fn base_name(args: &CopyArgs) -> Option<String> {
    let given = args._original_basename.clone().filter(|name| !name.is_empty());
    given.or_else(|| {
        let src = args.src.as_ref().filter(|_| args.remote_src)?;
        Some(src.trim_end_matches('/').rsplit('/').next()?.to_owned()).filter(|name| !name.is_empty())
    })
}

/// Where the file goes: `dest`, or below it where it is (or by its `/` at the end has to be) a folder. Folders that are
/// missing are made only for a `/` at the end; in check mode an earlier task may have been going to make them.
fn destination(
    args: &CopyArgs,
    check: bool,
    plan: &mut Plan,
    sys: &dyn Observe,
) -> Result<String, ModuleError> {
    let dest = args.dest.to_string();
    let name = base_name(args);
    let fail = |text: String| Err(ModuleError::new(text).with("dest", args.dest.to_string()));
    let inside = |name: Option<String>| match name {
        Some(name) => Ok(format!("{}/{name}", dest.trim_end_matches('/'))),
        None => fail("can not use content with a dir as dest".into()),
    };
    if dest.ends_with('/') {
        let path = inside(name)?;
        let folder = Path::new(dest.trim_end_matches('/'));
        tree::plan_folders(plan, folder, None, args, sys)?;
        return Ok(path);
    }
    let meta = sys.stat(Path::new(&dest)).map_err(|error| crate::paths::of_path(Path::new(&dest), &error))?;
    if meta.is_some_and(|meta| meta.kind == FileKind::Directory) {
        return inside(name);
    }
    let folder = match Path::new(&dest).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match sys.stat(folder) {
        Ok(Some(_)) => Ok(dest),
        Ok(None) if check => Ok(dest),
        Ok(None) => fail(format!("Destination directory {} does not exist", folder.display())),
        Err(_) => fail(format!("Destination directory {} is not accessible", folder.display())),
    }
}

#[cfg(test)]
mod tests;
