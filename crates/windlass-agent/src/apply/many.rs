//! Many files of a tree at once. Making files keeps one processor busy in the kernel, so several threads make them.

use super::step;
use crate::blobs::Blobs;
use crate::module::{Applied, ModuleError};
use crate::system::Mutate;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass_protocol::{Change, Op};

/// Fewer files are not worth a thread.
const FEW: usize = 32;
/// More threads only wait for the file system's journal.
const MOST_THREADS: usize = 4;

/// How many of the first changes are folders and loosely written files, in any order. No two of them have the same path, and
/// none takes anything away: once the folders are there, the order of the files is of no account.
pub(super) fn run_length(changes: &[Change]) -> usize {
    let independent =
        |change: &&Change| matches!(change.op, Op::WriteLoose { .. } | Op::MakeDirectory { .. });
    changes.iter().take_while(independent).count()
}

/// Whether so many changes are worth more than one thread.
pub(super) fn is_worth_it(count: usize) -> bool {
    count >= FEW
}

/// Applies a run of such changes: the folders first, in order, then the files.
///
/// # Errors
/// Of several failures the first in the order of the changes, with all that was done; the other threads stop at their
/// next file.
pub(super) fn apply(
    run: &[Change],
    blobs: &Blobs,
    sys: &dyn Mutate,
    applied: &mut Applied,
) -> Result<(), ModuleError> {
    let (files, folders): (Vec<&Change>, Vec<&Change>) =
        run.iter().partition(|change| matches!(change.op, Op::WriteLoose { .. }));
    for (at, folder) in folders.iter().enumerate() {
        let done = |mut error: ModuleError| {
            error.changes.extend(folders[..at].iter().map(|change| (*change).clone()));
            error
        };
        step(folder, blobs, sys, None, applied).map_err(done)?;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    // The first file that failed; those behind it need not be begun.
    let failed = AtomicUsize::new(usize::MAX);
    let size = files.len().div_ceil(threads).max(1);
    let write = |part: usize, files: &[&Change]| {
        let mut unused = Applied::default();
        for (at, file) in files.iter().enumerate() {
            let number = part * size + at;
            if number > failed.load(Ordering::Relaxed) {
                return (at, None);
            }
            if let Err(error) = step(file, blobs, sys, None, &mut unused) {
                failed.fetch_min(number, Ordering::Relaxed);
                return (at, Some((number, error)));
            }
        }
        (files.len(), None)
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let write = &write;
        let running: Vec<_> = files
            .chunks(size)
            .enumerate()
            .map(|(part, files)| scope.spawn(move || write(part, files)))
            .collect();
        running.into_iter().map(|thread| thread.join()).collect()
    });
    let mut first: Option<(usize, ModuleError)> = None;
    let mut done = folders;
    for (files, result) in files.chunks(size).zip(results) {
        let (count, failure) = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        done.extend(&files[..count]);
        if let Some(found) =
            failure.filter(|found| first.as_ref().is_none_or(|(number, _)| found.0 < *number))
        {
            first = Some(found);
        }
    }
    match first {
        Some((_, mut error)) => {
            error.changes.extend(done.into_iter().cloned());
            Err(error)
        }
        None => {
            applied.outputs.extend(run.iter().map(|_| None));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::Plan;
    use crate::blobs::{BlobRef, Blobs};
    use crate::system::real::Real;
    use std::path::Path;
    use windlass_protocol::change::Content;
    use windlass_protocol::{FileAttrs, Op, What};

    /// Three folders with seventy files each below `root`.
    fn tree(root: &Path) -> (Plan, Blobs) {
        let (mut plan, mut blobs) = (Plan::default(), Blobs::default());
        let mode = |mode| FileAttrs { mode: Some(mode), ..FileAttrs::default() };
        for folder in 0..3 {
            let path = format!("{}/d{folder}", root.display());
            let what = What::DirectoryMade { path: path.clone() };
            plan.push(what, Op::MakeDirectory { path: path.clone(), attrs: mode(0o750) });
            for file in 0..70 {
                let (path, name) = (format!("{path}/f{file}"), format!("{folder}.{file}"));
                blobs.insert(name.clone(), BlobRef::memory(name.clone().into_bytes()));
                let what = What::FileWritten { path: path.clone(), before: None, after: String::new() };
                let (content, mtime) = (Content::Blob(name), Some((1_000, 0)));
                plan.push(what, Op::WriteLoose { path, content, attrs: mode(0o640), mtime });
            }
        }
        (plan, blobs)
    }

    #[test]
    fn every_file_gets_its_own_content() {
        let root = tempfile::tempdir().unwrap();
        let (plan, blobs) = tree(root.path());
        let applied = crate::apply::apply(&plan.changes, &blobs, &Real::new(), None).unwrap();
        assert_eq!(applied.outputs.len(), plan.changes.len());
        for folder in 0..3 {
            for file in 0..70 {
                let path = root.path().join(format!("d{folder}/f{file}"));
                assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{folder}.{file}"));
            }
            assert_eq!(std::fs::read_dir(root.path().join(format!("d{folder}"))).unwrap().count(), 70);
        }
    }

    #[test]
    fn the_first_failure_is_told() {
        let root = tempfile::tempdir().unwrap();
        let (plan, blobs) = tree(root.path());
        // Folders in the way of one of the first files and of one of the last.
        for path in ["d0/f5", "d2/f60"] {
            std::fs::create_dir_all(root.path().join(path)).unwrap();
        }
        let error = crate::apply::apply(&plan.changes, &blobs, &Real::new(), None).unwrap_err();
        assert!(error.msg.starts_with(&format!("{}/d0/f5: ", root.path().display())), "{}", error.msg);
        assert!(root.path().join("d0/f4").is_file(), "what came before it is done");
        let told = format!("{:?}", error.changes);
        assert!(told.contains("d0/f4\"") && !told.contains("d0/f5\""), "and is told: {told}");
        for change in &error.changes {
            let Op::WriteLoose { path, .. } = &change.op else { continue };
            assert!(Path::new(path).is_file(), "{path} is said to be done");
        }
    }
}
