//! The task of a play: the engine's connection as a [`Remote`].

use super::{How, Remote, Reply, SyncError, Upload, UploadSource, run};
use crate::actions::Cx;
use crate::engine::delegate::{self, RemoteError};
use crate::engine::result::TaskOutcome;
use crate::transport::{Sink, Source};
use windlass_protocol::modules::synchronize::{Direction, SynchronizeArgs};
use windlass_protocol::spec::PathArg;
use windlass_protocol::{Json, JsonMap};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failure(#[from] RemoteError);

struct Connection<'a>(&'a delegate::Remote<'a>);

impl Remote for Connection<'_> {
    type Error = Failure;

    async fn request(
        &mut self,
        module: &str,
        args: JsonMap,
        blobs: Vec<Upload>,
        sink: Option<&mut dyn Sink>,
    ) -> Result<Reply, Failure> {
        let blobs = blobs.into_iter().map(|upload| {
            let source = match upload.source {
                UploadSource::Bytes(bytes) => Source::Bytes(bytes.into()),
                UploadSource::File(path) => Source::File(path),
            };
            (upload.name, source)
        });
        let outcome = self.0.request(module, args, blobs.collect(), sink).await.map_err(Failure)?;
        Ok(Reply { outcome })
    }
}

/// Does the task.
pub(in crate::actions) async fn task(cx: &Cx<'_>) -> TaskOutcome {
    let checked = match delegate::check(cx.exec.task.action.spec, &cx.args) {
        Ok(checked) => checked,
        Err(outcome) => return *outcome,
    };
    let mut args: SynchronizeArgs = match serde_json::from_value(Json::Object(checked)) {
        Ok(args) => args,
        Err(error) => return TaskOutcome::failure(format!("the arguments do not fit the module: {error}")),
    };
    match args.mode {
        Direction::Push => args.src = PathArg(local_source(cx, &args.src)),
        Direction::Pull => {
            let path = crate::engine::connect::expand_home(&args.dest);
            let slash = if args.dest.ends_with('/') { "/" } else { "" };
            let path = cx.exec.shared.playbook_dir.join(path);
            args.dest = PathArg(format!("{}{slash}", path.to_string_lossy().trim_end_matches('/')));
        }
    }
    let local = cx.remote.way().is_ok_and(|way| way.target.via == crate::transport::Via::Local);
    let how = How { check: cx.keywords.check, diff: cx.keywords.diff, local };
    match run(&args, how, &mut Connection(cx.remote)).await {
        Ok(outcome) => TaskOutcome::from_agent(outcome),
        Err(SyncError::Remote(Failure(error))) => error.into(),
        Err(error) => TaskOutcome::failure(error.to_string()),
    }
}

/// Where a local source is: as other modules look for their files; the slash at its end stays.
fn local_source(cx: &Cx<'_>, src: &str) -> String {
    let slash = if src.len() > 1 && src.ends_with('/') { "/" } else { "" };
    let plain = if src.len() > 1 { src.trim_end_matches('/') } else { src };
    let found = cx.exec.search.find("files", plain);
    let path =
        found.unwrap_or_else(|| cx.exec.shared.playbook_dir.join(crate::engine::connect::expand_home(plain)));
    format!("{}{slash}", path.to_string_lossy())
}
