//! What a template file knows of itself: `template_path`, `template_host` and the like.

use crate::vars::{Key, Map, Value};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use windlass_agent::system::{Observe, real::Real};

/// The variables of a template file. `asked` is the path as the task has it, `dest` where the result goes.
#[must_use]
pub fn variables(path: &Path, asked: &str, dest: Option<&str>) -> Map {
    let meta = std::fs::metadata(path).ok();
    let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let time = |t: std::time::SystemTime| {
        chrono::DateTime::<chrono::Local>::from(t).format("%Y-%m-%d %H:%M:%S").to_string()
    };
    let mtime = meta.as_ref().and_then(|m| m.modified().ok()).map(time).unwrap_or_default();
    let uid = meta.as_ref().map(MetadataExt::uid).unwrap_or_default();
    let owner = Real::new().user_by_id(uid).map_or_else(|| uid.to_string(), |u| u.name);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [
        ("template_host", Value::text(host)),
        ("template_path", Value::text(asked)),
        ("template_fullpath", Value::text(full.to_string_lossy())),
        ("template_destpath", dest.map_or(Value::Null, Value::text)),
        ("template_mtime", Value::text(mtime)),
        ("template_uid", Value::text(owner)),
        ("template_run_date", Value::text(time(std::time::SystemTime::now()))),
    ]
    .into_iter()
    .map(|(k, v)| (Key::from(k), v))
    .collect()
}
