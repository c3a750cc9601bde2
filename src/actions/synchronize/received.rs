//! Contents that the host sends in a pull: large ones go to files, so that a tree may be larger than the memory.

use crate::transport::Sink;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use tempfile::TempDir;
use windlass_agent::blobs::BlobRef;

/// Contents larger than this go to a file of their own.
const SMALL: usize = 16 << 10;
/// How much small contents may take together.
const MEMORY: usize = 32 << 20;
/// A file may have grown since it was listed. By how much more than twofold, in bytes.
const GROWTH: u64 = 64 << 20;

/// Takes contents. The host is not trusted: it may send no more contents than it was asked for, and none much larger than it said.
#[derive(Default)]
pub struct Received {
    folder: Option<TempDir>,
    /// Bytes kept in memory so far.
    kept: usize,
    /// Files made so far.
    files: u64,
    incoming: Vec<Incoming>,
}

#[derive(Default)]
struct Incoming {
    announced: u64,
    size: u64,
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
    file: Option<(PathBuf, File)>,
    complete: bool,
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Received {
    /// Contents of these sizes are asked for next.
    pub fn expect(&mut self, sizes: impl IntoIterator<Item = u64>) {
        let expected = sizes.into_iter().map(|announced| Incoming { announced, ..Incoming::default() });
        self.incoming = expected.collect();
    }

    /// Those that were expected, if all have come. They live as long as `self`.
    pub fn take(&mut self) -> Option<Vec<BlobRef>> {
        let incoming = std::mem::take(&mut self.incoming);
        incoming
            .into_iter()
            .map(|one| {
                let hash = *one.hasher.finalize().as_bytes();
                one.complete.then(|| match one.file {
                    Some((path, _)) => BlobRef::spooled(path, hash, one.size),
                    None => BlobRef::memory(one.bytes),
                })
            })
            .collect()
    }

    fn new_file(&mut self) -> io::Result<(PathBuf, File)> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => make_folder()?,
        };
        let path = folder.path().join(self.files.to_string());
        self.files += 1;
        self.folder = Some(folder);
        Ok((path.clone(), File::create_new(path)?))
    }
}

/// `/tmp` is often kept in memory, which is what is to be saved here.
fn make_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("windlass-pull-");
    if std::env::var_os("TMPDIR").is_none()
        && let Ok(folder) = builder.tempdir_in("/var/tmp")
    {
        return Ok(folder);
    }
    builder.tempdir()
}

impl Sink for Received {
    fn write(&mut self, index: u32, piece: &[u8], last: bool) -> io::Result<()> {
        let index = index as usize;
        let budget = MEMORY.saturating_sub(self.kept);
        let one = self.incoming.get(index).ok_or_else(|| refused("a content that was not asked for"))?;
        if one.complete {
            return Err(refused("pieces of a content after its last one"));
        }
        let size = one.size + piece.len() as u64;
        if size > one.announced.saturating_mul(2).max(one.announced.saturating_add(GROWTH)) {
            return Err(refused("a content that is much larger than was announced"));
        }
        let spill = one.file.is_none() && one.bytes.len() + piece.len() > SMALL.min(budget);
        let file = if spill { Some(self.new_file()?) } else { None };
        let one = &mut self.incoming[index];
        if let Some((path, mut file)) = file {
            file.write_all(&one.bytes)?;
            self.kept -= one.bytes.len();
            one.bytes = Vec::new();
            one.file = Some((path, file));
        }
        one.hasher.update(piece);
        one.size = size;
        one.complete = last;
        match &mut one.file {
            Some((_, file)) => file.write_all(piece)?,
            None => {
                one.bytes.extend_from_slice(piece);
                self.kept += piece.len();
            }
        }
        if last && let Some((_, file)) = &mut one.file {
            file.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn small_contents_stay_in_memory_and_large_ones_go_to_files() {
        let mut received = Received::default();
        received.expect([3, 300_000, 0]);
        received.write(0, b"abc", true).unwrap();
        received.write(2, b"", true).unwrap();
        for piece in 0..3 {
            received.write(1, &[b'x'; 100_000], piece == 2).unwrap();
        }
        let blobs = received.take().unwrap();
        assert_eq!(blobs[0].bytes().unwrap(), b"abc");
        assert!(blobs[0].path().is_none() && blobs[1].path().is_some());
        assert_eq!(blobs[1].bytes().unwrap(), vec![b'x'; 300_000]);
        assert_eq!(blobs[1].hash, *blake3::hash(&vec![b'x'; 300_000]).as_bytes());
        assert_eq!((blobs[1].size, blobs[2].size), (300_000, 0));
        assert_eq!(received.kept, 3);
        // The memory of many small ones is bounded too.
        received.kept = MEMORY - 10;
        received.expect([100]);
        received.write(0, &[b'y'; 100], true).unwrap();
        assert!(received.take().unwrap()[0].path().is_some());
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        let mut received = Received::default();
        assert!(received.write(0, b"x", true).is_err());
        received.expect([1]);
        assert!(received.write(u32::MAX, b"x", true).is_err());
        received.write(0, b"x", true).unwrap();
        assert!(received.write(0, b"x", true).is_err(), "behind the last piece");
        received.expect([1]);
        let piece = vec![0; 1 << 20];
        assert!((0..100).any(|_| received.write(0, &piece, false).is_err()), "without end");
        received.expect([1, 1]);
        received.write(0, b"x", true).unwrap();
        assert!(received.take().is_none(), "one is missing");
    }
}
