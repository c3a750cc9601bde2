//! Home directories that `useradd` cannot make.

use crate::paths::{mode_text, plan_missing_folders};
use crate::system::{Observe, User as Account};
use crate::{ModuleError, Plan};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::user::UserArgs;
use windlass_protocol::{FileAttrs, FileKind, Op, What};

fn make(plan: &mut Plan, path: &Path, attrs: FileAttrs) {
    let path = path.to_string_lossy().into_owned();
    plan.push(What::DirectoryMade { path: path.clone() }, Op::MakeDirectory { path, attrs });
}

/// Folders above the wanted home directory that are not there: `useradd` makes only the last one.
pub fn parents(args: &UserArgs, sys: &dyn Observe, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(home) = args.home.as_deref().filter(|_| args.create_home) else { return Ok(()) };
    above(Path::new(home), sys, plan)
}

fn above(home: &Path, sys: &dyn Observe, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(parent) = home.parent() else { return Ok(()) };
    let attrs = |_: &Path| Ok(FileAttrs { mode: Some(0o755), ..FileAttrs::default() });
    plan_missing_folders(plan, parent, attrs, sys).map(drop)
}

/// Makes the home directory of a user that exists, with the files of the skeleton.
pub fn missing(
    args: &UserArgs,
    user: &Account,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    let home = args.home.as_deref().unwrap_or(&user.home);
    let moved = args.move_home && home != user.home && sys.stat(Path::new(&user.home))?.is_some();
    if !args.create_home || home.is_empty() || moved || sys.stat(Path::new(home))?.is_some() {
        return Ok(());
    }
    above(Path::new(home), sys, plan)?;
    let uid = args.uid.and_then(|uid| u32::try_from(uid).ok()).unwrap_or(user.uid);
    let named = args.group.as_ref().and_then(|g| sys.group(g)).map(|g| g.gid);
    let owned = FileAttrs { uid: Some(uid), gid: Some(named.unwrap_or(user.gid)), ..FileAttrs::default() };
    let skeleton = args.skeleton.as_deref().unwrap_or("/etc/skel");
    let attrs = FileAttrs { mode: Some(0o777 & !umask(args, sys)), ..owned.clone() };
    fill(Path::new(skeleton), Path::new(home), attrs, &owned, sys, plan)
}

/// Makes a folder with what is in another. Only when everything is in place it is the user's, who could put links there else
/// while it is filled.
fn fill(
    from: &Path,
    folder: &Path,
    attrs: FileAttrs,
    owned: &FileAttrs,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    make(plan, folder, FileAttrs { mode: Some(0o700), ..FileAttrs::default() });
    copy(from, folder, owned, sys, plan)?;
    let path = folder.to_string_lossy().into_owned();
    let id = |id: Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
    let what = What::AttributesSet {
        path: path.clone(),
        before: mode_text(0o700),
        after: format!(
            "{} {}:{}",
            attrs.mode.map(mode_text).unwrap_or_default(),
            id(attrs.uid),
            id(attrs.gid)
        ),
    };
    plan.push(what, Op::SetAttrs { path, attrs, follow: false });
    Ok(())
}

/// The umask for home directories: the task's, or that of `/etc/login.defs`.
fn umask(args: &UserArgs, sys: &dyn Observe) -> u32 {
    let octal = |text: &str| u32::from_str_radix(text.trim(), 8).ok();
    if let Some(umask) = args.umask.as_deref().and_then(octal) {
        return umask;
    }
    let bytes = sys.read(Path::new("/etc/login.defs")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let value = |key: &str| {
        let lines = text.lines().map(str::split_whitespace);
        lines.filter_map(|mut w| (w.next()? == key).then(|| w.next()).flatten()).find_map(octal)
    };
    match value("HOME_MODE") {
        Some(mode) => 0o777 & !mode,
        None => value("UMASK").unwrap_or(0o022),
    }
}

fn copy(
    from: &Path,
    to: &Path,
    owned: &FileAttrs,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    for name in sys.read_dir(from).unwrap_or_default() {
        let (source, target) = (from.join(&name), to.join(&name));
        let Some(meta) = sys.lstat(&source)? else { continue };
        let attrs = FileAttrs { mode: Some(meta.mode), ..owned.clone() };
        let path = target.to_string_lossy().into_owned();
        match meta.kind {
            FileKind::Directory => {
                fill(&source, &target, attrs, owned, sys, plan)?;
            }
            FileKind::Link => {
                let link = sys.read_link(&source)?;
                let what = What::LinkMade { path: path.clone(), target: link.clone(), before: None };
                plan.push(what, Op::Symlink { path, target: link, attrs: owned.clone() });
            }
            FileKind::File => {
                let after = blake3::hash(&sys.read(&source)?).to_hex().to_string();
                let what = What::FileWritten { path: path.clone(), before: None, after };
                let content = Content::File(source.to_string_lossy().into_owned());
                plan.push(
                    what,
                    Op::Write { path, content, attrs, backup: false, validate: None, in_place: false },
                );
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::system::fake::{Fake, Node};
    use serde_json::json;

    #[test]
    fn a_home_is_handed_over_when_everything_is_in_it() {
        let fake = Fake::new();
        fake.user_named("web", 1000, "/home/web");
        fake.file("/etc/skel/.config/x", "x");
        fake.put("/etc/skel/bin", Node::directory().mode(0o750));
        let outcome = fake.run_module("user", json!({"name": "web"}));
        assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
        let calls = fake.calls();
        let at = |what: &str, path: &str| calls.iter().position(|(w, p)| w == what && p == path);
        assert!(at("make_dir", "/home/web") < at("write", "/home/web/.config/x"), "{calls:?}");
        assert!(at("write", "/home/web/.config/x") < at("set_attrs", "/home/web/.config"), "{calls:?}");
        assert_eq!(at("set_attrs", "/home/web"), Some(calls.len() - 1), "{calls:?}");
        for (path, mode) in [("/home/web", 0o755), ("/home/web/.config", 0o755), ("/home/web/bin", 0o750)] {
            let meta = fake.node(path).map(|node| (node.meta.mode, node.meta.uid));
            assert_eq!(meta, Some((mode, 1000)), "{path}");
        }
    }
}
