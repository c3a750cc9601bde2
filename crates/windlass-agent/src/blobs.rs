//! Contents that came with a request: small ones in memory, large ones spooled to the agent's private folder.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// One content.
#[derive(Debug, Clone)]
pub struct BlobRef {
    /// blake3.
    pub hash: [u8; 32],
    /// Bytes.
    pub size: u64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Memory(Vec<u8>),
    Spooled(PathBuf),
}

impl BlobRef {
    /// A content in memory.
    #[must_use]
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self {
            hash: *blake3::hash(&bytes).as_bytes(),
            size: bytes.len() as u64,
            source: Source::Memory(bytes),
        }
    }
    /// A content in a file of the agent.
    #[must_use]
    pub fn spooled(path: PathBuf, hash: [u8; 32], size: u64) -> Self {
        Self { hash, size, source: Source::Spooled(path) }
    }
    /// blake3 in hex.
    #[must_use]
    pub fn hex(&self) -> String {
        blake3::Hash::from(self.hash).to_hex().to_string()
    }
    /// Reads it from the beginning.
    ///
    /// # Errors
    /// As opening the spool file.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match &self.source {
            Source::Memory(bytes) => Box::new(bytes.as_slice()),
            Source::Spooled(path) => Box::new(std::fs::File::open(path)?),
        })
    }
    /// The file that it is in, if it is in one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::Memory(_) => None,
            Source::Spooled(path) => Some(path),
        }
    }
    /// All of it.
    ///
    /// # Errors
    /// As reading the spool file.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.size.min(64 << 20) as usize);
        self.open()?.read_to_end(&mut out)?;
        Ok(out)
    }
}

/// The contents of one request by name.
#[derive(Debug, Clone, Default)]
pub struct Blobs(HashMap<String, BlobRef>);

impl Blobs {
    /// Adds one.
    pub fn insert(&mut self, name: impl Into<String>, blob: BlobRef) {
        self.0.insert(name.into(), blob);
    }
    /// The content of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BlobRef> {
        self.0.get(name)
    }
}
