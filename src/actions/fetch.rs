//! `fetch`: a file from the target to the controller.

use super::Cx;
use crate::engine::result::TaskOutcome;
use crate::transport::Sink;
use crate::vars::{Key, Map, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use windlass_protocol::args;

/// Writes what comes to a temporary file.
struct ToFile {
    file: tempfile::NamedTempFile,
    sha1: sha1::Sha1,
    md5: md5::Md5,
    any: bool,
}

impl Sink for ToFile {
    fn write(&mut self, index: u32, piece: &[u8], _last: bool) -> std::io::Result<()> {
        if index != 0 {
            return Err(std::io::Error::other("a content that was not asked for"));
        }
        use sha1::Digest;
        self.any = true;
        self.sha1.update(piece);
        self.md5.update(piece);
        self.file.write_all(piece)
    }
}

/// Where a fetched file goes.
fn destination(dest: &str, source: &str, host: &str, flat: bool, dir: &Path) -> PathBuf {
    let given = dir.join(crate::engine::connect::expand_home(dest));
    if flat {
        let is_dir = dest.ends_with('/') || given.is_dir();
        let name = Path::new(source).file_name().unwrap_or_default();
        return if is_dir { given.join(name) } else { given };
    }
    given.join(host).join(source.trim_start_matches('/'))
}

pub(super) async fn run(cx: &Cx<'_>) -> TaskOutcome {
    let (Some(source), Some(dest)) = (cx.text("src"), cx.text("dest")) else {
        return TaskOutcome::failure("src and dest are required");
    };
    if cx.keywords.check {
        let mut out = TaskOutcome::skip("");
        out.values.clear();
        out.set("msg", "check mode not (yet) supported for this module");
        return out;
    }
    let flat = cx.flag("flat", false);
    let fail_on_missing = cx.flag("fail_on_missing", true);
    let host =
        cx.layers.find("inventory_hostname").and_then(Value::as_str).unwrap_or(&cx.exec.host).to_owned();
    let target = destination(&dest, &source, &host, flat, &cx.exec.shared.playbook_dir);
    let folder = target.parent().map(Path::to_path_buf).unwrap_or_default();
    if let Err(error) = std::fs::create_dir_all(&folder) {
        return TaskOutcome::failure(format!("cannot make {}: {error}", folder.display()));
    }
    let file = match tempfile::NamedTempFile::new_in(&folder) {
        Ok(file) => file,
        Err(error) => {
            return TaskOutcome::failure(format!("cannot write into {}: {error}", folder.display()));
        }
    };
    let mut sink = ToFile { file, sha1: sha1::Sha1::default(), md5: md5::Md5::default(), any: false };
    let Some(spec) = windlass_agent::registry::find("ansible.builtin.fetch").map(|e| e.spec) else {
        return TaskOutcome::failure("the agent has no module fetch");
    };
    let given: Map = [
        (Key::from("src"), Value::text(source.as_str())),
        (Key::from("dest"), Value::text(dest.as_str())),
        (Key::from("fail_on_missing"), Value::Bool(fail_on_missing)),
    ]
    .into_iter()
    .collect();
    let checked = match args::normalize(spec, &crate::vars::value::map_to_json(&given)) {
        Ok(checked) => checked,
        Err(errors) => {
            return TaskOutcome::failure(
                errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            );
        }
    };
    let outcome = match cx.remote.request(spec.name, checked, Vec::new(), Some(&mut sink)).await {
        Ok(outcome) => outcome,
        Err(error) => return error.into(),
    };
    if outcome.failed {
        let mut out = TaskOutcome::from_agent(outcome);
        out.changed = false;
        return out;
    }
    if !sink.any {
        let mut out = TaskOutcome::from_agent(outcome);
        out.changed = false;
        out.values.shift_remove(&Key::from("sent"));
        out.set("file", source);
        return out;
    }
    let sum = {
        use sha1::Digest;
        sink.sha1.clone().finalize().iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let md5: String = {
        use md5::Digest;
        sink.md5.clone().finalize().iter().map(|b| format!("{b:02x}")).collect()
    };
    let before = std::fs::read(&target).ok().map(|old| {
        use sha1::Digest;
        sha1::Sha1::digest(old).iter().map(|b| format!("{b:02x}")).collect::<String>()
    });
    let changed = before.as_deref() != Some(&sum);
    if changed {
        use std::os::unix::fs::PermissionsExt;
        let kept = std::fs::metadata(&target).map(|m| m.permissions());
        // As a file that the user makes would have it.
        let mode = kept.unwrap_or_else(|_| std::fs::Permissions::from_mode(0o644));
        let placed = sink
            .file
            .as_file()
            .set_permissions(mode)
            .and_then(|()| sink.file.as_file().sync_all())
            .and_then(|()| sink.file.persist(&target).map(|_| ()).map_err(|e| e.error));
        if let Err(error) = placed {
            return TaskOutcome::failure(format!("cannot write {}: {error}", target.display()));
        }
    }
    let mut out = TaskOutcome { changed, ..TaskOutcome::default() };
    if !changed {
        out.set("file", source);
    }
    out.set("dest", target.to_string_lossy().into_owned());
    out.set("checksum", sum.clone());
    if changed {
        out.set("remote_checksum", sum);
        out.set("md5sum", md5.clone());
        out.set("remote_md5sum", Value::Null);
    }
    out
}
