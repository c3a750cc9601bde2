//! Contents of this machine for the target: a small one goes with the request, of a large one first its hash, so that what
//! is there already is not sent again.

use super::Cx;
use crate::engine::delegate::{self, RemoteError};
use crate::engine::result::TaskOutcome;
use crate::transport::Source;
use crate::vars::Map;
use std::io::Read as _;
use std::path::Path;
use windlass_protocol::{Diff, Json, JsonMap, ModuleSpec, Outcome};

/// Up to this size in bytes asking costs more than sending.
const ASK_FROM: u64 = 64 << 10;

/// A content, with its size.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) source: Source,
    pub(super) size: u64,
    /// It was encrypted here: how it differs from what is there is not shown.
    pub(super) secret: bool,
}

impl Content {
    /// One that is in memory.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, source: Source::Bytes(bytes.into()), secret: false }
    }

    /// The same, kept out of sight if `secret`.
    pub(super) fn hidden(self, secret: bool) -> Self {
        Self { secret, ..self }
    }

    /// That of a file, decrypted if it is encrypted and that is not declined.
    pub(super) fn of_file(cx: &Cx<'_>, path: &Path) -> Result<Self, Box<TaskOutcome>> {
        let wrong = |reason: &dyn std::error::Error| {
            Box::new(TaskOutcome::failure(format!("cannot read {}: {reason}", path.display())))
        };
        let mut head = [0u8; 64];
        let opened = std::fs::File::open(path)
            .and_then(|mut file| Ok((file.read(&mut head)?, file.metadata()?.len())));
        let (read, size) = opened.map_err(|error| wrong(&error))?;
        if cx.flag("decrypt", true) && head[..read].starts_with(b"$ANSIBLE_VAULT;") {
            let opened = cx.exec.shared.loader.content(path).map_err(|error| wrong(&error))?;
            return Ok(Self::of(opened.plain.to_vec()).hidden(opened.encrypted));
        }
        Ok(Self { source: Source::File(path.to_owned()), size, secret: false })
    }

    /// Whether it is better to ask first.
    pub(super) fn is_large(&self) -> bool {
        self.size > ASK_FROM
    }

    /// Its blake3 in hex, and its size when it was read for that.
    pub(super) async fn hash(&self) -> Result<(String, u64), Box<TaskOutcome>> {
        let source = self.source.clone();
        let work = move || match source {
            Source::Bytes(bytes) => Ok((blake3::hash(&bytes).to_hex().to_string(), bytes.len() as u64)),
            Source::File(path) => hash_file(&path).map_err(|error| {
                Box::new(TaskOutcome::failure(format!("cannot read {}: {error}", path.display())))
            }),
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(Box::new(TaskOutcome::failure(error.to_string()))))
    }
}

/// The blake3 of a file in hex, and its size.
pub(super) fn hash_file(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let size = std::io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finalize().to_hex().to_string(), size))
}

/// What a target wants sent, where the answer is a question.
pub(super) fn needs(outcome: &Outcome) -> Option<Vec<String>> {
    let values = outcome.values();
    let names = values.get("needs")?.as_array()?;
    Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// Has the target's `copy` write a content.
pub(super) async fn send(cx: &Cx<'_>, args: Map, content: Content, source: &Path) -> TaskOutcome {
    let Some(spec) = copy_spec() else { return TaskOutcome::failure("the agent has no module copy") };
    let mut checked = match delegate::check(spec, &args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    if content.is_large() {
        let (hash, size) = match content.hash().await {
            Ok(known) => known,
            Err(outcome) => return *outcome,
        };
        checked.insert("_hash".into(), hash.into());
        checked.insert("_size".into(), size.into());
    }
    let secret = content.secret;
    match asking(cx, spec, checked, "content", content).await {
        Ok(mut outcome) => {
            for diff in &mut outcome.diff {
                // A content without a name is shown under its destination's.
                if let Diff::Text { after, .. } = diff
                    && !source.as_os_str().is_empty()
                {
                    after.header = source.display().to_string();
                }
                if secret {
                    hide(diff);
                }
            }
            let listed = outcome.diff.iter().any(|d| !matches!(d, Diff::State { .. }));
            TaskOutcome { diff_list: listed, ..TaskOutcome::from_agent(outcome) }
        }
        Err(error) => error.into(),
    }
}

/// Takes the texts out of the diff of a secret content.
pub(super) fn hide(diff: &mut Diff) {
    if let Diff::Text { after, .. } = diff {
        let path = std::mem::take(&mut after.header);
        *diff = Diff::Omitted { path, reason: "the source is encrypted".to_owned() };
    }
}

/// Makes a request with one content. A large one is sent only when the target asks for it.
pub(super) async fn asking(
    cx: &Cx<'_>,
    spec: &ModuleSpec,
    args: JsonMap,
    name: &str,
    content: Content,
) -> Result<Outcome, RemoteError> {
    if content.is_large() {
        let outcome = cx.remote.request(spec.name, args.clone(), Vec::new(), None).await?;
        if outcome.failed || needs(&outcome).is_none() {
            return Ok(outcome);
        }
    }
    cx.remote.request(spec.name, args, vec![(name.to_owned(), content.source)], None).await
}

/// The target's `copy`.
pub(super) fn copy_spec() -> Option<&'static ModuleSpec> {
    windlass_agent::registry::find("ansible.builtin.copy").map(|e| e.spec)
}

/// Arguments of the target's `copy` for a folder.
pub(super) fn with_tree(
    mut args: JsonMap,
    entries: &[windlass_protocol::modules::copy::TreeEntry],
) -> JsonMap {
    args.insert("_tree".into(), serde_json::to_value(entries).unwrap_or(Json::Null));
    args
}
