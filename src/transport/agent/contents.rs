//! Contents on their way to an agent: small ones ride in the request, large ones go ahead of it in pieces.

use super::Source;
use crate::transport::error::{AgentError, plain};
use bytes::Bytes;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use windlass_protocol::frame::{self, CHUNK};
use windlass_protocol::{Blob, BlobData, ToAgent};

/// Contents up to this size ride in the request.
const INLINE: usize = CHUNK;
/// But no more than this in one request.
const INLINE_ALL: usize = 8 << 20;

/// Sends what does not fit into the request, and describes all. The error is `None` if the agent is gone.
pub(super) async fn send(
    sources: Vec<(String, Source)>,
    frames: &mpsc::Sender<Vec<u8>>,
    next: impl Fn() -> u64,
) -> Result<Vec<Blob>, Option<AgentError>> {
    let mut inline = 0;
    let mut blobs = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let small = match source {
            Source::Bytes(bytes) => Some(bytes),
            Source::File(path) => match read_small(path.clone()).await? {
                Some(bytes) => Some(bytes),
                None => {
                    blobs.push(spool_file(name.clone(), path, frames.clone(), next()).await?);
                    None
                }
            },
        };
        let Some(bytes) = small else { continue };
        if bytes.len() <= INLINE && inline + bytes.len() <= INLINE_ALL {
            inline += bytes.len();
            blobs.push(Blob {
                name,
                hash: *blake3::hash(&bytes).as_bytes(),
                size: bytes.len() as u64,
                data: BlobData::Inline(lz4_flex::compress_prepend_size(&bytes)),
            });
        } else {
            blobs.push(spool_bytes(name, bytes, frames.clone(), next()).await?);
        }
    }
    Ok(blobs)
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Option<AgentError> {
    let path = path.to_owned();
    move |error| Some(AgentError::Content { path: path.clone(), reason: plain(&error) })
}

/// Runs what reads, hashes and compresses off the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Option<AgentError>> + Send + 'static,
) -> Result<T, Option<AgentError>> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(None))
}

async fn read_small(path: PathBuf) -> Result<Option<Bytes>, Option<AgentError>> {
    blocking(move || {
        let file = File::open(&path).map_err(failed(&path))?;
        let mut bytes = Vec::new();
        file.take(INLINE as u64 + 1).read_to_end(&mut bytes).map_err(failed(&path))?;
        Ok((bytes.len() <= INLINE).then(|| bytes.into()))
    })
    .await
}

async fn spool_file(
    name: String,
    path: PathBuf,
    frames: mpsc::Sender<Vec<u8>>,
    number: u64,
) -> Result<Blob, Option<AgentError>> {
    blocking(move || {
        let mut file = File::open(&path).map_err(failed(&path))?;
        let mut spool = Spool::new(number, frames);
        let mut piece = vec![0; CHUNK];
        loop {
            let mut filled = 0;
            while filled < CHUNK {
                match file.read(&mut piece[filled..]) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed(&path)(error)),
                }
            }
            let last = filled < CHUNK;
            spool.add(&piece[..filled], last)?;
            if last {
                return Ok(spool.describe(name));
            }
        }
    })
    .await
}

async fn spool_bytes(
    name: String,
    bytes: Bytes,
    frames: mpsc::Sender<Vec<u8>>,
    number: u64,
) -> Result<Blob, Option<AgentError>> {
    blocking(move || {
        let mut spool = Spool::new(number, frames);
        let mut rest = &bytes[..];
        loop {
            let (piece, after) = rest.split_at(rest.len().min(CHUNK));
            rest = after;
            spool.add(piece, rest.is_empty())?;
            if rest.is_empty() {
                return Ok(spool.describe(name));
            }
        }
    })
    .await
}

struct Spool {
    number: u64,
    frames: mpsc::Sender<Vec<u8>>,
    hasher: blake3::Hasher,
    size: u64,
}

impl Spool {
    fn new(number: u64, frames: mpsc::Sender<Vec<u8>>) -> Self {
        Self { number, frames, hasher: blake3::Hasher::new(), size: 0 }
    }

    fn add(&mut self, piece: &[u8], last: bool) -> Result<(), Option<AgentError>> {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        let data = lz4_flex::compress_prepend_size(piece);
        let frame = frame::encode(&ToAgent::BlobChunk { blob: self.number, data, last }).map_err(|_| None)?;
        self.frames.blocking_send(frame).map_err(|_| None)
    }

    fn describe(self, name: String) -> Blob {
        let hash = *self.hasher.finalize().as_bytes();
        Blob { name, hash, size: self.size, data: BlobData::Spooled(self.number) }
    }
}

/// Undoes the compression of a piece that an agent sent, after a look at the size that it claims.
pub(super) fn unpack(data: &[u8]) -> Result<Vec<u8>, String> {
    let (size, block) = lz4_flex::block::uncompressed_size(data).map_err(|error| error.to_string())?;
    if size > CHUNK {
        return Err(format!("a piece of content claims {size} bytes, over the limit of {CHUNK}"));
    }
    lz4_flex::block::decompress(block, size).map_err(|error| error.to_string())
}
