//! Reading files: never waiting for somebody who writes, and no longer than the request may last.

use super::Real;
use crate::text::native;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a file to read it. A named pipe is refused: whoever may make files could keep the agent waiting with one.
///
/// # Errors
/// As opening a file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(native(path))?;
    if file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a named pipe"));
    }
    Ok(file)
}

/// A file that is read until its end, or that of the request.
pub(super) struct Reading {
    file: File,
    /// What knows when the request has to end.
    real: Real,
}

impl Real {
    pub(super) fn reading(&self, path: &Path) -> io::Result<Reading> {
        let real = Self { deadline: self.deadline, stop: self.stop.clone(), ..Self::default() };
        Ok(Reading { file: open(path)?, real })
    }
}

impl Reading {
    /// How much is likely to come.
    pub(super) fn size(&self) -> usize {
        self.file.metadata().map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(0).min(64 << 20))
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.real.why_to_end() {
            // Not as `Interrupted`: who reads tries those again.
            Some(error) => Err(io::Error::other(error.to_string())),
            None => self.file.read(buffer),
        }
    }
}
