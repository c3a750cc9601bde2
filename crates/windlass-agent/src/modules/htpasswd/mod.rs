//! `htpasswd`: users of a password file for basic authentication.

mod entries;
mod hash;

use crate::module::{Context, Module, ModuleError, Plan};
use crate::paths::{Wish, followed, forgive_unknown, owner_text, plan_missing_folders};
use crate::system::{Meta, Observe};
use entries::Entries;
use hash::Scheme;
use std::borrow::Cow;
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::htpasswd::{EntryState, HtpasswdArgs};
use windlass_protocol::{Diff, DiffSide, FileAttrs, Json, Op, What};

/// The module.
pub struct Htpasswd;

impl Module for Htpasswd {
    type Args = HtpasswdArgs;

    fn plan(args: &HtpasswdArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let name = args.name.as_str();
        if name.is_empty() || name.contains([':', '\n', '\r', '\t', '\0']) {
            return Err(ModuleError::new("username contains invalid characters"));
        }
        // A link stays one: what it leads to is written.
        let real = followed(&args.path, sys);
        let path = Path::new(&real);
        let there = sys.stat(path)?;
        let before = match there {
            Some(_) => Some(sys.read(path)?),
            None => None,
        };
        let mut plan = Plan::default();
        let mut file = Cow::Borrowed(&args.file);
        if cx.check {
            plan.warnings.extend(forgive_unknown(file.to_mut(), sys));
        }
        let wish = Wish::of(&file, &args.path, sys)?;
        let mut entries = Entries::parse(before.as_deref().unwrap_or_default());
        let mut message = match args.state {
            EntryState::Present => present(args, cx, before.is_some(), &mut entries)?,
            EntryState::Absent if before.is_none() => {
                plan.warnings.push(format!("{} does not exist", &*args.path));
                plan.msg = Some(format!("{name} not present"));
                return Ok(plan);
            }
            EntryState::Absent if entries.remove(name) => format!("Remove {name}"),
            EntryState::Absent => format!("{name} not present"),
        };
        let after = entries.bytes();
        let other_content = before.as_deref() != Some(after.as_slice());
        let other_attributes = match &there {
            Some(meta) => !wish.difference(path, meta, sys)?.is_empty(),
            // Of a file that is not there, whatever is asked for would change.
            None if cx.check => wish.asks_for_something(),
            None => !wish.difference(path, &Meta::new_file(sys), sys)?.is_empty(),
        };
        if other_attributes {
            message.push_str(if other_content { " and " } else { "" });
            message.push_str("ownership, perms or SE linux context changed");
        }
        if other_content {
            if before.is_none() {
                let parent = path.parent().unwrap_or(Path::new("/"));
                plan_missing_folders(&mut plan, parent, |_| Ok(FileAttrs::default()), sys)?;
            }
            if cx.diff {
                plan.diff.push(diff(&args.path, before.as_deref().unwrap_or_default(), &after));
            }
            let what = What::FileWritten {
                path: real.clone(),
                before: before.as_deref().map(|b| blake3::hash(b).to_hex().to_string()),
                after: blake3::hash(&after).to_hex().to_string(),
            };
            let op = Op::Write {
                path: real.clone(),
                content: Content::Bytes(after),
                attrs: wish.for_replacement(there.as_ref(), path, sys)?,
                backup: false,
                validate: None,
                in_place: args.file.unsafe_writes.unwrap_or(false),
            };
            plan.push(what, op);
        } else if let Some(meta) = &there {
            let found = wish.difference(path, meta, sys)?;
            if !found.is_empty() {
                let what = What::AttributesSet {
                    path: real.clone(),
                    before: owner_text(meta, sys),
                    after: Json::Object(found.after).to_string(),
                };
                plan.push(what, Op::SetAttrs { path: real.clone(), attrs: found.attrs, follow: true });
            }
        }
        plan.msg = Some(message);
        Ok(plan)
    }
}

/// Brings the entry in order and says in Ansible's words what that was.
fn present(
    args: &HtpasswdArgs,
    cx: &Context<'_>,
    exists: bool,
    entries: &mut Entries,
) -> Result<String, ModuleError> {
    let (path, name) = (&*args.path, args.name.as_str());
    if !exists && !args.create {
        return Err(ModuleError::new(format!("Destination {path} does not exist")));
    }
    let password = args
        .password
        .as_deref()
        .ok_or_else(|| ModuleError::new("password is required to add a user or to compare with an entry"))?;
    if entries.get(name).is_some_and(|old| hash::fits(old, password)) {
        return Ok(format!("{name} already present"));
    }
    let scheme = Scheme::named(&args.hash_scheme)?;
    entries.set(name, &scheme.hash(password)?);
    Ok(match (exists, cx.check) {
        (true, _) => format!("Add/update {name}"),
        (false, true) => format!("Create {path}"),
        (false, false) => format!("Created {path} and added {name}"),
    })
}

/// The two texts with a mark in the place of each hash. A hash that changes has another mark than before.
fn diff(path: &str, before: &[u8], after: &[u8]) -> Diff {
    let (old, new) = (Entries::parse(before), Entries::parse(after));
    let side = |text: String| DiffSide { header: path.to_owned(), text };
    let after = new.masked(|name, hash| match old.get(name) {
        Some(before) if before != hash => "(another hash)",
        _ => "(hash)",
    });
    Diff::Text { before: side(old.masked(|_, _| "(hash)")), after: side(after) }
}

#[cfg(test)]
mod tests;
