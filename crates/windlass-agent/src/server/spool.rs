//! Contents that arrive in pieces before the request that refers to them.

use super::matches;
use crate::blobs::{BlobRef, Blobs};
use crate::module::ModuleError;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use windlass_protocol::frame::{self, FrameError};
use windlass_protocol::frame::{CHUNK, MAX_FRAME};
use windlass_protocol::{Blob, BlobData, ToAgent};

/// The largest content that is kept in memory where no scratch folder can be had.
const MEMORY: usize = 64 << 20;

/// The contents that have arrived, or of which a part has.
pub(super) struct Spool {
    folder: PathBuf,
    contents: HashMap<u64, Incoming>,
}

struct Incoming {
    hasher: blake3::Hasher,
    size: u64,
    complete: bool,
    target: Target,
}

enum Target {
    File(PathBuf, File),
    Memory(Vec<u8>),
    /// It could not be kept; the request that wants it fails with this.
    Failed(String),
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Target::File(path, _) = &self.target {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), contents: HashMap::new() }
    }

    /// Adds a piece. What goes wrong is told when the content is asked for.
    pub(super) fn add(&mut self, number: u64, piece: &[u8], last: bool) {
        let folder = &self.folder;
        let incoming = self.contents.entry(number).or_insert_with(|| Incoming {
            hasher: blake3::Hasher::new(),
            size: 0,
            complete: false,
            target: open(folder, number),
        });
        if incoming.complete {
            incoming.target = Target::Failed("pieces came after the last one".to_owned());
        }
        if let Err(error) = incoming.write(piece) {
            let said = format!("the content could not be stored in {}: {error}", folder.display());
            if let Target::File(path, _) = &incoming.target {
                let _ = std::fs::remove_file(path);
            }
            incoming.target = Target::Failed(said);
        }
        incoming.complete = last;
    }

    /// Takes out what these contents refer to.
    pub(super) fn split_off(&mut self, blobs: &[Blob]) -> Self {
        let mut contents = HashMap::new();
        for blob in blobs {
            if let BlobData::Spooled(number) = blob.data
                && let Some(incoming) = self.contents.remove(&number)
            {
                contents.insert(number, incoming);
            }
        }
        Self { folder: self.folder.clone(), contents }
    }

    /// Sends the contents that came in pieces on, as they came.
    pub(super) fn hand_over(&self, blobs: &[Blob], to: &mut impl io::Write) -> Result<(), FrameError> {
        for blob in blobs {
            let BlobData::Spooled(number) = blob.data else { continue };
            let Some(incoming) = self.contents.get(&number).filter(|incoming| incoming.complete) else {
                continue;
            };
            let mut from: Box<dyn io::Read + '_> = match &incoming.target {
                Target::File(path, _) => Box::new(File::open(path)?),
                Target::Memory(bytes) => Box::new(bytes.as_slice()),
                Target::Failed(why) => return Err(io::Error::other(why.clone()).into()),
            };
            loop {
                let mut piece = Vec::new();
                from.by_ref().take(CHUNK as u64).read_to_end(&mut piece)?;
                let last = piece.len() < CHUNK;
                let data = lz4_flex::compress_prepend_size(&piece);
                frame::write(to, &ToAgent::BlobChunk { blob: number, data, last })?;
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The contents of a request, each checked against what was announced. They live as long as `self`.
    pub(super) fn contents(&self, blobs: Vec<Blob>) -> Result<Blobs, ModuleError> {
        let mut found = Blobs::default();
        for blob in blobs {
            let broken = |what: &str| ModuleError::new(format!("the content '{}' {what}", blob.name));
            let content = match &blob.data {
                BlobData::Inline(data) => {
                    let bytes =
                        decompress(data, MAX_FRAME * 4).map_err(|error| broken(&error.to_string()))?;
                    BlobRef::memory(bytes)
                }
                BlobData::Spooled(number) => {
                    let incoming =
                        self.contents.get(number).ok_or_else(|| broken("did not come with the request"))?;
                    if let Target::Failed(why) = &incoming.target {
                        return Err(ModuleError::new(why.clone()));
                    }
                    if !incoming.complete {
                        return Err(broken("came incompletely"));
                    }
                    let hash = *incoming.hasher.finalize().as_bytes();
                    match &incoming.target {
                        Target::File(path, _) => BlobRef::spooled(path.clone(), hash, incoming.size),
                        Target::Memory(bytes) => BlobRef::memory(bytes.clone()),
                        Target::Failed(why) => return Err(ModuleError::new(why.clone())),
                    }
                }
            };
            if !matches(&blob, &content.hash, content.size) {
                return Err(broken("was damaged on the way"));
            }
            found.insert(blob.name, content);
        }
        Ok(found)
    }
}

impl Incoming {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if matches!(self.target, Target::Failed(_)) {
            return Ok(());
        }
        let bytes = decompress(piece, CHUNK)?;
        self.hasher.update(&bytes);
        self.size += bytes.len() as u64;
        match &mut self.target {
            Target::File(_, file) => file.write_all(&bytes),
            Target::Memory(kept) if kept.len() + bytes.len() > MEMORY => Err(io::Error::other(
                "no folder for temporary files can be written, and it is too large for memory",
            )),
            Target::Memory(kept) => {
                kept.extend_from_slice(&bytes);
                Ok(())
            }
            Target::Failed(_) => Ok(()),
        }
    }
}

fn open(folder: &Path, number: u64) -> Target {
    let path = folder.join(format!("content-{number}"));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(file) => Target::File(path, file),
        Err(_) => Target::Memory(Vec::new()),
    }
}

/// Decompresses a block whose size is in front, if that is within the limit: the size is looked at before
/// anything is allocated.
fn decompress(data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let (size, block) = lz4_flex::block::uncompressed_size(data).map_err(|error| wrong(error.to_string()))?;
    if size > limit {
        return Err(wrong(format!("a piece claims {size} bytes, over the limit of {limit}")));
    }
    lz4_flex::block::decompress(block, size).map_err(|error| wrong(error.to_string()))
}
