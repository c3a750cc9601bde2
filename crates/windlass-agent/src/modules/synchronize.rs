//! `synchronize`: the target's side of a tree sync, and what the controller needs of it for its own side.
//!
//! A tree is written without waiting for the disk after each file (as rsync does): renames keep readers from seeing half a
//! file, and a file that a power cut damaged is found by its size or time in the next run. `--fsync` among `rsync_opts` waits
//! once, at the end.

mod compare;
mod delete;
mod itemize;
mod list;

pub mod filter;
pub mod pattern;

pub use list::{Listing, list};

use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use base64::Engine as _;
use std::path::{Path, PathBuf};
use windlass_protocol::modules::synchronize::{
    Manifest, SyncJob, SynchronizeArgs, decode_manifest, encode_manifest,
};
use windlass_protocol::{Diff, Json};

/// The module.
pub struct Synchronize;

impl Module for Synchronize {
    type Args = SynchronizeArgs;

    fn plan(args: &SynchronizeArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let job =
            args._job.clone().ok_or_else(|| ModuleError::new("the controller did not say what to do"))?;
        let job: SyncJob = serde_json::from_value(job)
            .map_err(|error| ModuleError::new(format!("the controller's job cannot be read: {error}")))?;
        match job {
            SyncJob::Apply { dest, single, options } => {
                let blob =
                    cx.blobs.get("manifest").ok_or_else(|| ModuleError::new("the manifest did not come"))?;
                let manifest =
                    decode_manifest(&blob.bytes()?).map_err(|error| ModuleError::new(error.to_string()))?;
                let dest = crate::expand::expand(&dest, sys);
                let (mut plan, lines) = compare::plan(&dest, single, &options, manifest, cx, sys)?;
                let mut lines = lines;
                if !single && !lines.is_empty() && sys.stat(Path::new(&dest)).is_ok_and(|m| m.is_none()) {
                    let shown = if dest == "/" { "/" } else { dest.trim_end_matches('/') };
                    lines.insert(0, format!("created directory {shown}"));
                }
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                if cx.diff && !text.is_empty() {
                    plan.diff.push(Diff::Prepared(text.clone()));
                }
                plan.msg = Some(text);
                plan.set("rc", 0);
                plan.set("stdout_lines", lines.into_iter().map(Json::from).collect::<Vec<_>>());
                Ok(plan)
            }
            SyncJob::List { src, options } => {
                let listing = list(&crate::expand::expand(&src, sys), &options, sys)?;
                let mut plan = Plan { warnings: listing.warnings, ..Plan::default() };
                plan.set("root", listing.root);
                plan.set("single", listing.single);
                plan.set("manifest", pack_manifest(&listing.manifest)?);
                Ok(plan)
            }
            SyncJob::Send { paths } => {
                Ok(Plan { send: paths.into_iter().map(PathBuf::from).collect(), ..Plan::default() })
            }
        }
    }
}

/// A manifest as text, for a return value.
///
/// # Errors
/// As [`encode_manifest`].
pub fn pack_manifest(manifest: &Manifest) -> Result<String, ModuleError> {
    let bytes = encode_manifest(manifest).map_err(|error| ModuleError::new(error.to_string()))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(lz4_flex::compress_prepend_size(&bytes)))
}

/// The manifest in such a text.
///
/// # Errors
/// A text that is none, or that claims to be larger than any tree that fits a return value.
pub fn unpack_manifest(text: &str) -> Result<Manifest, ModuleError> {
    let bad =
        |error: &dyn std::fmt::Display| ModuleError::new(format!("the manifest cannot be read: {error}"));
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| bad(&error))?;
    let size = bytes.first_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    if size > 1 << 28 {
        return Err(bad(&"it claims to be too large"));
    }
    let bytes = lz4_flex::decompress_size_prepended(&bytes).map_err(|error| bad(&error))?;
    decode_manifest(&bytes).map_err(|error| bad(&error))
}

#[cfg(test)]
mod tests;
