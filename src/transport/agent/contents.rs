//! Contents on their way to an agent: small ones ride in the request, large ones go ahead of it in pieces.

use super::Source;
use crate::transport::error::{AgentError, plain};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use windlass_protocol::frame::{self, CHUNK};
use windlass_protocol::{Blob, BlobData, ToAgent};

/// Contents up to this size ride in the request.
const INLINE: usize = CHUNK;
/// But no more than this in one request.
const INLINE_ALL: usize = 8 << 20;

/// Contents that one thread prepares at a time: handing over each by itself would cost more than reading it.
const GROUP: usize = 128;

/// Sends what does not fit into the request, and describes all. The error is `None` if the agent is gone.
pub(super) async fn send(
    sources: Vec<(String, Source)>,
    frames: &mpsc::Sender<Vec<u8>>,
    next: impl Fn() -> u64,
) -> Result<Vec<Blob>, Option<AgentError>> {
    let inline = Arc::new(AtomicUsize::new(0));
    let mut blobs = Vec::with_capacity(sources.len());
    let mut sources = sources.into_iter();
    let mut running = VecDeque::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        while running.len() < threads {
            let group: Vec<_> = sources.by_ref().take(GROUP).collect();
            if group.is_empty() {
                break;
            }
            let inline = Arc::clone(&inline);
            running.push_back(tokio::task::spawn_blocking(move || prepare(group, &inline)));
        }
        let Some(group) = running.pop_front() else { return Ok(blobs) };
        for prepared in group.await.unwrap_or(Err(None))? {
            blobs.push(match prepared {
                Prepared::Inline(blob) => blob,
                Prepared::Large(name, Source::File(path)) => {
                    spool_file(name, path, frames.clone(), next()).await?
                }
                Prepared::Large(name, Source::Bytes(bytes)) => {
                    spool_bytes(name, bytes, frames.clone(), next()).await?
                }
            });
        }
    }
}

/// What has been read of a content.
enum Prepared {
    /// It rides in the request.
    Inline(Blob),
    /// It goes ahead of the request.
    Large(String, Source),
}

/// Reads, hashes and compresses the small ones of a group. `inline` counts the bytes of the whole request.
fn prepare(group: Vec<(String, Source)>, inline: &AtomicUsize) -> Result<Vec<Prepared>, Option<AgentError>> {
    // One byte more than is taken, so that a file that just fits is told from one that does not.
    let mut buffer = vec![0; INLINE + 1];
    let mut one = |(name, source): (String, Source)| {
        let bytes = match &source {
            Source::Bytes(bytes) => &bytes[..],
            Source::File(path) => {
                let filled = File::open(path).and_then(|mut file| fill(&mut file, &mut buffer));
                &buffer[..filled.map_err(failed(path))?]
            }
        };
        if bytes.len() > INLINE || !take(inline, bytes.len()) {
            return Ok(Prepared::Large(name, source));
        }
        Ok(Prepared::Inline(Blob {
            name,
            hash: *blake3::hash(bytes).as_bytes(),
            size: bytes.len() as u64,
            data: BlobData::Inline(lz4_flex::compress_prepend_size(bytes)),
        }))
    };
    group.into_iter().map(&mut one).collect()
}

/// Takes so much of what may ride in a request, if there is so much left.
fn take(inline: &AtomicUsize, size: usize) -> bool {
    let fits = |taken: usize| (taken + size <= INLINE_ALL).then_some(taken + size);
    inline.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
}

/// Reads until the buffer is full or there is no more; how much it was.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
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
            let filled = fill(&mut file, &mut piece).map_err(failed(&path))?;
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

/// Why a piece of content cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] lz4_flex::block::DecompressError),
    /// It claims to be larger than pieces are.
    #[error("a piece of content claims {0} bytes, over the limit of {CHUNK}")]
    TooLarge(usize),
}

/// Undoes the compression of a piece that an agent sent, after a look at the size that it claims.
pub(super) fn unpack(data: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let (size, block) = lz4_flex::block::uncompressed_size(data)?;
    if size > CHUNK {
        return Err(UnpackError::TooLarge(size));
    }
    Ok(lz4_flex::block::decompress(block, size)?)
}
