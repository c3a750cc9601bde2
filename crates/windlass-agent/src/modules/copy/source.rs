//! Where the content of one file comes from.

use crate::paths::{blake3_of, checksum, of_path};
use crate::system::Observe;
use crate::{Context, ModuleError};
use std::io::Read;
use std::path::Path;
use windlass_protocol::FileKind;
use windlass_protocol::change::Content;
use windlass_protocol::modules::copy::CopyArgs;
use windlass_protocol::modules::stat::ChecksumAlgorithm;

/// A content, with what is needed to compare it.
pub(super) struct Source {
    /// For the plan; `None` if the controller left it out.
    pub(super) content: Option<Content>,
    /// Name of the blob to ask for.
    pub(super) name: String,
    /// blake3 in hex.
    pub(super) hash: String,
    /// Bytes, where known without reading.
    pub(super) size: Option<u64>,
    /// Permission bits of a file of the host.
    pub(super) mode: Option<u32>,
}

impl Source {
    pub(super) fn of(args: &CopyArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Self, ModuleError> {
        if args.remote_src {
            let src = args.src.as_ref().ok_or_else(|| ModuleError::new("src is required with remote_src"))?;
            return Self::file(src, sys);
        }
        if let Some(text) = args.content.as_ref().filter(|_| cx.blobs.get("content").is_none()) {
            return Ok(Self::bytes(text.clone().into_bytes()));
        }
        let size = args._size.and_then(|size| u64::try_from(size).ok());
        Self::blob("content", args._hash.as_deref(), size, cx)
            .ok_or_else(|| ModuleError::new("src (or content) is required"))
    }

    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            hash: blake3::hash(&bytes).to_hex().to_string(),
            size: Some(bytes.len() as u64),
            name: "content".into(),
            mode: None,
            content: Some(Content::Bytes(bytes)),
        }
    }

    /// A content of the request, or one that was left out and of which only the hash is known.
    pub(super) fn blob(name: &str, hash: Option<&str>, size: Option<u64>, cx: &Context<'_>) -> Option<Self> {
        if let Some(blob) = cx.blobs.get(name) {
            return Some(Self {
                content: Some(Content::Blob(name.to_owned())),
                name: name.to_owned(),
                hash: blob.hex(),
                size: Some(blob.size),
                mode: None,
            });
        }
        Some(Self { content: None, name: name.to_owned(), hash: hash?.to_owned(), size, mode: None })
    }

    /// A file of the host.
    pub(super) fn file(path: &str, sys: &dyn Observe) -> Result<Self, ModuleError> {
        let at = Path::new(path);
        let meta = sys.stat(at).map_err(|error| of_path(at, &error))?;
        let Some(meta) = meta else { return Err(ModuleError::new(format!("Source {path} not found"))) };
        if !sys.access(at, 4) {
            return Err(ModuleError::new(format!("Source {path} not readable")));
        }
        if meta.kind == FileKind::Directory {
            return Err(ModuleError::new(format!("Source {path} is a directory")));
        }
        let mut file = sys.open(at).map_err(|error| of_path(at, &error))?;
        let hash = blake3_of(&mut file).map_err(|error| of_path(at, &error))?;
        Ok(Self {
            content: Some(Content::File(path.to_owned())),
            name: path.to_owned(),
            hash,
            size: Some(meta.size),
            mode: Some(meta.mode),
        })
    }

    fn reader<'a>(
        &'a self,
        cx: &'a Context<'_>,
        sys: &dyn Observe,
    ) -> Result<Option<Box<dyn Read + 'a>>, ModuleError> {
        Ok(match &self.content {
            None => None,
            Some(Content::Bytes(bytes)) => Some(Box::new(bytes.as_slice())),
            Some(Content::Blob(name)) => match cx.blobs.get(name) {
                Some(blob) => Some(Box::new(blob.open()?)),
                None => None,
            },
            Some(Content::File(path)) => Some(Box::new(sys.open(Path::new(path))?)),
        })
    }

    pub(super) fn checksum(
        &self,
        algorithm: ChecksumAlgorithm,
        cx: &Context<'_>,
        sys: &dyn Observe,
    ) -> Result<Option<String>, ModuleError> {
        match self.reader(cx, sys)? {
            Some(mut reader) => Ok(Some(checksum(algorithm, &mut reader)?)),
            None => Ok(None),
        }
    }

    /// The beginning of the content, at most so many bytes.
    pub(super) fn head(
        &self,
        limit: u64,
        cx: &Context<'_>,
        sys: &dyn Observe,
    ) -> Result<Vec<u8>, ModuleError> {
        let mut bytes = Vec::new();
        if let Some(reader) = self.reader(cx, sys)? {
            reader.take(limit).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }
}
