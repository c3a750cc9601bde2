//! Push and pull.

use super::received::Received;
use super::{OptionError, Remote, Reply, Upload, UploadSource, sync_options};
use std::path::PathBuf;
use windlass_agent::blobs::{BlobRef, Blobs};
use windlass_agent::modules::synchronize::{Listing, list, unpack_manifest};
use windlass_agent::system::real::Real;
use windlass_agent::text::native;
use windlass_agent::{Context, ModuleError, registry};
use windlass_protocol::modules::synchronize::{
    Direction, Entry, EntryKind, Manifest, ManifestError, SyncJob, SyncOptions, SynchronizeArgs,
    content_name, encode_manifest,
};
use windlass_protocol::{Json, JsonMap, ModuleArgs, Outcome};

/// How often contents are asked for again, where the other side changes meanwhile.
const ROUNDS: usize = 4;
/// How much is asked for at once in a pull, in bytes and files.
const BATCH: (u64, usize) = (16 << 20, 2000);

/// The circumstances of the task.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Only the plan is wanted.
    pub check: bool,
    /// The itemized lines are wanted as a diff.
    pub diff: bool,
    /// The "host" is this machine: nothing is sent anywhere, and rsync's lines say so (`>f` for `<f`).
    pub local: bool,
}

/// Why a tree could not be brought over.
#[derive(Debug, thiserror::Error)]
pub enum SyncError<E: std::error::Error + 'static> {
    /// The task's options.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The local tree.
    #[error(transparent)]
    Local(#[from] ModuleError),
    /// The description of a tree.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The way to the host.
    #[error(transparent)]
    Remote(E),
    /// The agent answered something that makes no sense.
    #[error("the agent's answer lacks '{0}'")]
    Answer(&'static str),
    /// The target offers something else than was asked for.
    #[error("the target answers with '{0}', which is not what was asked for")]
    Strange(String),
    /// The tree does not stand still.
    #[error("the tree changed again and again while it was copied")]
    Restless,
}

/// Does a task. The outcome is the module's: `changed`, `msg` and `stdout_lines` as rsync itemizes them, `rc`, `cmd`.
///
/// # Errors
/// What keeps it from being done; a failure on the host is a failed outcome.
pub async fn run<R: Remote>(
    args: &SynchronizeArgs,
    how: How,
    remote: &mut R,
) -> Result<Outcome, SyncError<R::Error>> {
    let mut options = sync_options(args)?;
    let mut outcome = match args.mode {
        Direction::Push => {
            options.sent = !how.local;
            push(args, &options, remote).await?
        }
        Direction::Pull => pull(args, &options, how, remote).await?,
    };
    let mut values = outcome.values();
    values.insert("cmd".into(), command_text(args).into());
    outcome.set_values(&values);
    Ok(outcome)
}

/// What the task would be as a command line of rsync, for the record.
fn command_text(args: &SynchronizeArgs) -> String {
    let mut words = vec!["rsync".to_owned()];
    for (set, word) in
        [(args.archive, "--archive"), (args.checksum, "--checksum"), (args.delete, "--delete-after")]
    {
        if set {
            words.push(word.to_owned());
        }
    }
    words.extend(args.rsync_opts.iter().cloned());
    words.extend([args.src.to_string(), args.dest.to_string()]);
    words.join(" ")
}

fn job_args(args: &SynchronizeArgs, job: &SyncJob) -> JsonMap {
    let mut args = args.clone();
    args._job = serde_json::to_value(job).ok();
    match serde_json::to_value(args) {
        Ok(Json::Object(map)) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => JsonMap::new(),
    }
}

fn needs(outcome: &Outcome) -> Option<Vec<usize>> {
    let values = outcome.values();
    let list = values.get("needs")?.as_array()?;
    Some(list.iter().filter_map(Json::as_u64).map(|index| index as usize).collect())
}

async fn push<R: Remote>(
    args: &SynchronizeArgs,
    options: &SyncOptions,
    remote: &mut R,
) -> Result<Outcome, SyncError<R::Error>> {
    let module = SynchronizeArgs::SPEC.name;
    let Listing { root, single, manifest, warnings } = list(&args.src, options, &Real::new())?;
    let bytes = encode_manifest(&manifest)?;
    let job = SyncJob::Apply { dest: args.dest.to_string(), single, options: options.clone() };
    let mut wanted: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS {
        let mut blobs = vec![Upload { name: "manifest".into(), source: UploadSource::Bytes(bytes.clone()) }];
        for index in &wanted {
            // The agent asks by number: what it cannot name it does not get.
            let entry = manifest.entries.get(*index).ok_or(SyncError::Answer("needs"))?;
            let path = native(&PathBuf::from(&root).join(&entry.path)).into_owned();
            blobs.push(Upload { name: content_name(*index), source: UploadSource::File(path) });
        }
        let Reply { mut outcome } =
            remote.request(module, job_args(args, &job), blobs, None).await.map_err(SyncError::Remote)?;
        match needs(&outcome) {
            Some(more) if !outcome.failed => {
                wanted.extend(more);
                wanted.sort_unstable();
                wanted.dedup();
            }
            _ => {
                outcome.warnings.splice(0..0, warnings);
                return Ok(outcome);
            }
        }
    }
    Err(SyncError::Restless)
}

async fn pull<R: Remote>(
    args: &SynchronizeArgs,
    options: &SyncOptions,
    how: How,
    remote: &mut R,
) -> Result<Outcome, SyncError<R::Error>> {
    let module = SynchronizeArgs::SPEC.name;
    let job = SyncJob::List { src: args.src.to_string(), options: options.clone() };
    let reply =
        remote.request(module, job_args(args, &job), Vec::new(), None).await.map_err(SyncError::Remote)?;
    if reply.outcome.failed {
        return Ok(reply.outcome);
    }
    let values = reply.outcome.values();
    let text = |key: &'static str| values.get(key).and_then(Json::as_str).ok_or(SyncError::Answer(key));
    let root = text("root")?.to_owned();
    let manifest = unpack_manifest(text("manifest")?)?;
    let single = values.get("single").and_then(Json::as_bool).ok_or(SyncError::Answer("single"))?;
    check_names(&args.src, single, &manifest)?;
    let mut blobs = Blobs::default();
    blobs.insert("manifest", BlobRef::memory(encode_manifest(&manifest)?));
    let job = SyncJob::Apply { dest: args.dest.to_string(), single, options: options.clone() };
    let apply = job_args(args, &job);
    let mut received = Received::default();
    for _ in 0..ROUNDS {
        let mut outcome = apply_here(&apply, &blobs, how);
        let Some(wanted) = needs(&outcome).filter(|_| !outcome.failed) else {
            outcome.warnings.splice(0..0, reply.outcome.warnings);
            return Ok(outcome);
        };
        let from = Source { root: &root, manifest: &manifest };
        fetch(args, from, &wanted, (&mut received, &mut blobs), remote).await?;
    }
    Err(SyncError::Restless)
}

/// The target says what it has. It may not put another name than the one that was asked for beside the operator's files.
pub(super) fn check_names<E: std::error::Error>(
    src: &str,
    single: bool,
    manifest: &Manifest,
) -> Result<(), SyncError<E>> {
    let top = |entry: &Entry| entry.path.split('/').next().unwrap_or_default().to_owned();
    let strange = |path: &str| Err(SyncError::Strange(path.to_owned()));
    if single && let Some(entry) = manifest.entries.get(1) {
        return strange(&entry.path);
    }
    if let Some(entry) = manifest.entries.first().filter(|entry| single && entry.kind == EntryKind::Directory)
    {
        return strange(&entry.path);
    }
    let name = src.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // What `~` and variables stand for, and what `..` is called, only the target knows.
    let unknown = src.ends_with('/') || matches!(name, "." | "..") || name.contains(['~', '$']);
    match manifest.entries.iter().find(|entry| !unknown && top(entry) != name) {
        Some(entry) => strange(&entry.path),
        None => Ok(()),
    }
}

/// Runs the agent's own code on this machine.
fn apply_here(args: &JsonMap, blobs: &Blobs, how: How) -> Outcome {
    let Some(entry) = registry::find(SynchronizeArgs::SPEC.name) else {
        return Outcome::failure("the module is not there");
    };
    let scratch = std::env::temp_dir();
    let cx = Context {
        check: how.check,
        diff: how.diff,
        no_log: false,
        environment: &[],
        blobs,
        scratch: &scratch,
    };
    let args = serde_json::to_vec(args).unwrap_or_default();
    entry.run(&args, &cx, &Real::new(), None).outcome
}

/// The tree on the host.
struct Source<'a> {
    root: &'a str,
    manifest: &'a Manifest,
}

async fn fetch<R: Remote>(
    args: &SynchronizeArgs,
    from: Source<'_>,
    wanted: &[usize],
    (received, blobs): (&mut Received, &mut Blobs),
    remote: &mut R,
) -> Result<(), SyncError<R::Error>> {
    let root = from.root.trim_end_matches('/');
    let mut rest = wanted;
    while !rest.is_empty() {
        let mut bytes: u64 = 0;
        let (mut paths, mut sizes) = (Vec::new(), Vec::new());
        for index in rest {
            let entry = from.manifest.entries.get(*index).ok_or(SyncError::Answer("needs"))?;
            // The sizes are the host's word.
            let with_this = bytes.saturating_add(entry.size);
            if !paths.is_empty() && (with_this > BATCH.0 || paths.len() >= BATCH.1) {
                break;
            }
            bytes = with_this;
            sizes.push(entry.size);
            paths.push(format!("{root}/{}", entry.path));
        }
        let (now, later) = rest.split_at(paths.len());
        rest = later;
        let job = job_args(args, &SyncJob::Send { paths });
        received.expect(sizes);
        let reply = remote.request(SynchronizeArgs::SPEC.name, job, Vec::new(), Some(received)).await;
        let reply = reply.map_err(SyncError::Remote)?;
        if reply.outcome.failed {
            return Err(SyncError::Local(ModuleError::new(reply.outcome.msg.unwrap_or_default())));
        }
        let contents = received.take().ok_or(SyncError::Answer("contents"))?;
        for (index, content) in now.iter().zip(contents) {
            blobs.insert(content_name(*index), content);
        }
    }
    Ok(())
}
