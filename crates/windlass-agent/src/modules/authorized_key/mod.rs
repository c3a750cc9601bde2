//! `authorized_key`: the SSH keys that may log in as a user.

mod line;
mod source;

use super::rewrite::Rewrite;
use crate::module::{Applied, Finish};
use crate::paths::add_path_info;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use line::Line;
use std::path::Path;
use windlass_protocol::modules::authorized_key::AuthorizedKeyArgs;
use windlass_protocol::modules::user::AccountState;
use windlass_protocol::{FileAttrs, FileKind, Json, Op, What};

/// The module.
pub struct AuthorizedKey;

impl Module for AuthorizedKey {
    type Args = AuthorizedKeyArgs;

    fn plan(args: &AuthorizedKeyArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let wanted = wanted(args, &source::keys(args, cx, sys)?)?;
        let user = sys.user(&args.user);
        let path = match (&args.path, &user) {
            (Some(path), user) if user.is_some() || cx.check => path.to_string(),
            (Some(_), _) => return Err(no_such_user(&args.user)),
            (None, Some(user)) => format!("{}/.ssh/authorized_keys", user.home.trim_end_matches('/')),
            (None, None) if cx.check => {
                return Err(ModuleError::new(
                    "Either user must exist or you must provide full path to key file in check mode",
                ));
            }
            (None, None) => return Err(no_such_user(&args.user)),
        };
        let named = path.clone();
        let folder_path = Path::new(&path).parent().unwrap_or(Path::new("/"));
        for place in [folder_path, Path::new(&path)] {
            refuse_foreign_link(place, sys)?;
        }
        let path = match sys.lstat(Path::new(&path))? {
            Some(meta) if args.follow && meta.kind == FileKind::Link => sys.canonicalize(Path::new(&path))?,
            _ => path,
        };
        let before = match sys.stat(Path::new(&path))? {
            Some(_) => Some(crate::text::decode(&sys.read(Path::new(&path))?)),
            None => None,
        };
        let mut lines: Vec<Line> = before.as_deref().unwrap_or("").lines().map(Line::parse).collect();
        let mut changed = false;
        match args.state {
            AccountState::Present => {
                for key in &wanted {
                    let known = lines.iter().position(|l| l.blob() == key.blob());
                    match known {
                        Some(at) if lines[at].is_like(key) => {}
                        known => {
                            if let Some(at) = known {
                                lines.remove(at);
                            }
                            lines.push(key.clone());
                            changed = true;
                        }
                    }
                }
                if args.exclusive {
                    let count = lines.len();
                    // Comments go too: only what the task names stays.
                    lines.retain(|l| wanted.iter().any(|w| w.blob() == l.blob()));
                    changed |= lines.len() != count;
                }
            }
            AccountState::Absent => {
                let count = lines.len();
                lines.retain(|l| l.blob().is_none() || wanted.iter().all(|w| w.blob() != l.blob()));
                changed = lines.len() != count;
            }
        }
        let mut plan = Plan::default();
        describe(args, &named, &mut plan);
        if !changed {
            return Ok(plan);
        }
        let mut after: String = lines.iter().map(Line::render).collect::<Vec<_>>().join("\n");
        if !after.is_empty() {
            after.push('\n');
        }
        let owned = |mode: u32| FileAttrs {
            mode: Some(mode),
            uid: user.as_ref().map(|u| u.uid),
            gid: user.as_ref().map(|u| u.gid),
            ..FileAttrs::default()
        };
        if args.manage_dir {
            folder(&path, &owned(0o700), sys, &mut plan)?;
        }
        Rewrite { path: &path, before: before.as_deref(), after: &after, attrs: owned(0o600), backup: false }
            .plan(cx, &mut plan);
        Ok(plan)
    }

    fn finish(
        _args: &AuthorizedKeyArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        _applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        add_path_info(&mut plan.values, sys);
        Ok(Finish::Done(plan))
    }
}

/// Who has a folder may put links there that lead to files of others; root would read and write those, and give them away.
fn refuse_foreign_link(path: &Path, sys: &dyn Observe) -> Result<(), ModuleError> {
    let Some(link) = sys.lstat(path)?.filter(|meta| meta.kind == FileKind::Link) else { return Ok(()) };
    // What root put there is meant; others than root get no further than their own rights.
    if link.uid == 0 || sys.euid() != 0 {
        return Ok(());
    }
    match sys.stat(path)? {
        Some(target) if target.uid == link.uid => Ok(()),
        target => {
            let name = |uid: u32| sys.user_by_id(uid).map_or_else(|| uid.to_string(), |user| user.name);
            let whose = target.map_or("not there".to_owned(), |target| format!("of {}", name(target.uid)));
            let text = format!(
                "{} is a symbolic link of {}, and what it leads to is {whose}: it is not followed",
                path.display(),
                name(link.uid)
            );
            Err(ModuleError::new(text).with("path", path.to_string_lossy().into_owned()))
        }
    }
}

fn no_such_user(name: &str) -> ModuleError {
    ModuleError::new(format!("Failed to lookup user {name}: \"getpwnam(): name not found: '{name}'\""))
}

/// The keys of the task.
fn wanted(args: &AuthorizedKeyArgs, keys: &str) -> Result<Vec<Line>, ModuleError> {
    let mut out: Vec<Line> = Vec::new();
    for text in keys.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let mut key = Line::parse(text);
        if key.blob().is_none() {
            return Err(ModuleError::new(format!("invalid key specified: {text}")));
        }
        if let Some(options) = &args.key_options {
            key.set_options(options);
        }
        if let Some(comment) = &args.comment {
            key.set_comment(comment);
        }
        if !out.iter().any(|k| k.blob() == key.blob()) {
            out.push(key);
        }
    }
    Ok(out)
}

/// The file's folder.
fn folder(path: &str, attrs: &FileAttrs, sys: &dyn Observe, plan: &mut Plan) -> Result<(), ModuleError> {
    let Some(folder) = Path::new(path).parent().map(|p| p.to_string_lossy().into_owned()) else {
        return Ok(());
    };
    match sys.stat(Path::new(&folder))? {
        None => {
            let what = What::DirectoryMade { path: folder.clone() };
            plan.push(what, Op::MakeDirectory { path: folder, attrs: attrs.clone() });
        }
        Some(meta) => {
            let same = Some(meta.mode) == attrs.mode
                && attrs.uid.is_none_or(|uid| uid == meta.uid)
                && attrs.gid.is_none_or(|gid| gid == meta.gid);
            if !same {
                let what = What::AttributesSet {
                    path: folder.clone(),
                    before: format!("{:04o} {}:{}", meta.mode, meta.uid, meta.gid),
                    after: format!("0700 {}", attrs.uid.map_or(String::new(), |u| u.to_string())),
                };
                plan.push(what, Op::SetAttrs { path: folder, attrs: attrs.clone(), follow: true });
            }
        }
    }
    Ok(())
}

/// Return values: the arguments, and the file.
fn describe(args: &AuthorizedKeyArgs, path: &str, plan: &mut Plan) {
    let text = |value: &Option<String>| value.clone().map_or(Json::Null, Json::String);
    plan.set("user", args.user.as_str());
    plan.set("key", args.key.as_str());
    plan.set("state", args.state.as_str());
    plan.set("path", args.path.as_ref().map_or(Json::Null, |p| Json::from(p.to_string())));
    plan.set("manage_dir", args.manage_dir);
    plan.set("key_options", text(&args.key_options));
    plan.set("comment", text(&args.comment));
    plan.set("exclusive", args.exclusive);
    plan.set("follow", args.follow);
    plan.set("validate_certs", args.validate_certs);
    plan.set("keyfile", path);
}
