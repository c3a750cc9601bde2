//! Changing the machine.

use super::write::{Manner, Temporary, sync_folder_of, write_file};
use super::{Real, attrs, tree};
use crate::system::{HttpError, HttpResponse, Mutate, Observe, OutputSink, RunOutput};
use crate::text::native;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use windlass_protocol::frame::MAX_FRAME;
use windlass_protocol::{FileAttrs, HttpRequest, RunSpec};

impl Mutate for Real {
    fn write_file(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        in_place: bool,
        check: &mut dyn FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let manner = Manner { in_place, durable: true, umask: self.umask(), mark: self.mark.as_deref() };
        let mut content = Endable { content, real: self };
        write_file(&native(path), &mut content, attrs, &manner, check)
    }

    fn write_loose(
        &self,
        path: &Path,
        content: &mut dyn io::Read,
        attrs: &FileAttrs,
        mtime: Option<(i64, u32)>,
    ) -> io::Result<()> {
        // Reading the umask from /proc would cost more than the write where the mode is given.
        let umask = if attrs.mode.is_some() { 0 } else { self.umask() };
        let manner = Manner { in_place: false, durable: false, umask, mark: self.mark.as_deref() };
        let mut content = Endable { content, real: self };
        write_file(&native(path), &mut content, attrs, &manner, &mut |temporary| match mtime {
            Some(_) => set_times(temporary, None, mtime, false),
            None => Ok(()),
        })
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        let folder = std::fs::File::open(native(path))?;
        rustix::fs::syncfs(folder).map_err(io::Error::from)
    }

    fn make_dir(&self, path: &Path, wanted: &FileAttrs) -> io::Result<()> {
        let path = &*native(path);
        // A folder with a mode of its own is closed to others until it has it.
        let first = if wanted.mode.is_some() { 0o700 } else { 0o777 };
        match std::fs::DirBuilder::new().mode(first).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            other => other?,
        }
        attrs::set(path, wanted, true)
    }

    fn set_attrs(&self, path: &Path, attrs: &FileAttrs, follow: bool) -> io::Result<()> {
        attrs::set(&native(path), attrs, follow)
    }

    fn symlink(&self, path: &Path, target: &str) -> io::Result<()> {
        let (path, target) = (&*native(path), &*native(Path::new(target)));
        let (temporary, ()) =
            Temporary::beside(path, self.mark.as_deref(), |name| std::os::unix::fs::symlink(target, name))?;
        std::fs::rename(&temporary.path, path)?;
        temporary.keep();
        sync_folder_of(path);
        Ok(())
    }

    fn hardlink(&self, path: &Path, target: &Path) -> io::Result<()> {
        let (path, target) = (&*native(path), &*native(target));
        let (temporary, ()) =
            Temporary::beside(path, self.mark.as_deref(), |name| std::fs::hard_link(target, name))?;
        // Renaming one name of a file over another of its names does nothing; then the temporary one is dropped.
        std::fs::rename(&temporary.path, path)?;
        drop(temporary);
        sync_folder_of(path);
        Ok(())
    }

    fn remove(&self, path: &Path, recursive: bool) -> io::Result<()> {
        tree::remove(&native(path), recursive)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (&*native(from), &*native(to));
        match std::fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                // Under a name of its own first: what has the wanted one stays until all is there.
                let (temporary, ()) =
                    Temporary::beside(to, self.mark.as_deref(), |name| tree::copy(from, name))?;
                if let Err(error) = std::fs::rename(&temporary.path, to) {
                    let _ = tree::remove(&temporary.path, true);
                    return Err(error);
                }
                temporary.keep();
                tree::remove(from, true)
            }
            other => other,
        }
    }

    fn touch(
        &self,
        path: &Path,
        atime: Option<(i64, u32)>,
        mtime: Option<(i64, u32)>,
        follow: bool,
    ) -> io::Result<()> {
        let path = &*native(path);
        if self.lstat(path)?.is_none() {
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o666).open(path)?;
        }
        if atime.is_none() && mtime.is_none() {
            return Ok(());
        }
        set_times(path, atime, mtime, follow)
    }

    fn copy_tree(&self, from: &Path, to: &Path) -> io::Result<()> {
        tree::copy(&native(from), &native(to))
    }

    fn http_change(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.http(request)
    }

    fn run(&self, run: &RunSpec, sink: Option<OutputSink<'_>>) -> io::Result<RunOutput> {
        self.execute(run, sink, MAX_FRAME).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => {
                let text = format!("{error}; redirect large output to a file on the target and fetch it");
                io::Error::new(error.kind(), text)
            }
            _ => error,
        })
    }
}

/// A content that ends with an error when the request was ended, so that a long write does too.
struct Endable<'a> {
    content: &'a mut dyn io::Read,
    real: &'a Real,
}

impl io::Read for Endable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.real.why_to_end() {
            // Not as `Interrupted`: who reads tries those again.
            return Err(io::Error::other(error.to_string()));
        }
        self.content.read(buffer)
    }
}

fn set_times(
    path: &Path,
    atime: Option<(i64, u32)>,
    mtime: Option<(i64, u32)>,
    follow: bool,
) -> io::Result<()> {
    let spec = |time: Option<(i64, u32)>| match time {
        Some((seconds, nanos)) => Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) as _ },
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    };
    let times = Timestamps { last_access: spec(atime), last_modification: spec(mtime) };
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    rustix::fs::utimensat(CWD, path, &times, flags).map_err(io::Error::from)
}
