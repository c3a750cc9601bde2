//! Describing a path in a result.

use crate::system::{Meta, Observe};
use std::path::Path;
use windlass_protocol::{FileAttrs, FileKind, JsonMap};

/// Ansible's text of a mode: `0644`, `04755`.
#[must_use]
pub fn mode_text(mode: u32) -> String {
    format!("0{mode:03o}")
}

/// `0644 root:www`, for plans.
#[must_use]
pub fn owner_text(meta: &Meta, sys: &dyn Observe) -> String {
    let (owner, group) = names(meta, sys);
    format!("{} {owner}:{group}", mode_text(meta.mode))
}

/// What `meta` will be with these attributes.
#[must_use]
pub fn with_attrs(meta: &Meta, attrs: &FileAttrs) -> Meta {
    Meta {
        mode: attrs.mode.unwrap_or(meta.mode),
        uid: attrs.uid.unwrap_or(meta.uid),
        gid: attrs.gid.unwrap_or(meta.gid),
        ..meta.clone()
    }
}

fn names(meta: &Meta, sys: &dyn Observe) -> (String, String) {
    let owner = sys.user_by_id(meta.uid).map_or_else(|| meta.uid.to_string(), |user| user.name);
    let group = sys.group_by_id(meta.gid).map_or_else(|| meta.gid.to_string(), |group| group.name);
    (owner, group)
}

/// What is at a path, in the words of `file`'s `state`.
#[must_use]
pub fn state_of(meta: Option<&Meta>) -> &'static str {
    match meta {
        None => "absent",
        Some(meta) => match meta.kind {
            FileKind::Link => "link",
            FileKind::Directory => "directory",
            _ if meta.nlink > 1 => "hard",
            _ => "file",
        },
    }
}

/// Adds what the result of every module with a `path` or `dest` among its values says of it: owner, group, mode, size, state.
/// Of what is not there, and of a link to nothing, nothing is said.
pub fn add_path_info(values: &mut JsonMap, sys: &dyn Observe) {
    let Some(path) = values.get("path").or_else(|| values.get("dest")).and_then(|v| v.as_str()) else {
        return;
    };
    let path = path.to_owned();
    let path = Path::new(&path);
    let Ok(Some(_)) = sys.stat(path) else { return };
    let Ok(Some(meta)) = sys.lstat(path) else { return };
    let (owner, group) = names(&meta, sys);
    values.insert("uid".into(), meta.uid.into());
    values.insert("gid".into(), meta.gid.into());
    values.insert("owner".into(), owner.into());
    values.insert("group".into(), group.into());
    values.insert("mode".into(), mode_text(meta.mode).into());
    values.insert("state".into(), state_of(Some(&meta)).into());
    if let Some(context) = sys.selinux_context(path) {
        values.insert("secontext".into(), context.into());
    }
    values.insert("size".into(), meta.size.into());
}
