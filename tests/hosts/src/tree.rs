//! Pictures of file trees, to compare.

use crate::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What an entry is, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file: its size and the BLAKE3 hash of its content.
    File(u64, String),
    /// A folder.
    Folder,
    /// A symbolic link: its target.
    Link(String),
    /// A device, socket or pipe.
    Other,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-uid and the like.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o} {}:{} ", self.mode, self.uid, self.gid)?;
        match &self.kind {
            Kind::File(size, hash) => write!(f, "file {size} {}", &hash[..12]),
            Kind::Folder => write!(f, "folder"),
            Kind::Link(target) => write!(f, "link to {target}"),
            Kind::Other => write!(f, "special"),
        }
    }
}

/// Paths, as the host names them, and what is there. Times are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(pub BTreeMap<String, Entry>);

impl Tree {
    /// Reads the trees below some absolute paths of a root. A path that does not exist is left out.
    pub fn read(root: &Path, paths: &[&str]) -> Result<Self, Error> {
        let mut tree = Self::default();
        for path in paths {
            tree.add(root, path.trim_end_matches('/'))?;
        }
        Ok(tree)
    }

    fn add(&mut self, root: &Path, path: &str) -> Result<(), Error> {
        let real = root.join(path.trim_start_matches('/'));
        let Ok(meta) = real.symlink_metadata() else { return Ok(()) };
        let kind = meta.file_type();
        let kind = if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link(std::fs::read_link(&real).map_err(Error::io(&real))?.to_string_lossy().into_owned())
        } else if kind.is_file() {
            let data = std::fs::read(&real).map_err(Error::io(&real))?;
            Kind::File(meta.len(), blake3::hash(&data).to_hex().to_string())
        } else {
            debug_assert!(
                kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device()
            );
            Kind::Other
        };
        let folder = kind == Kind::Folder;
        let entry = Entry { kind, mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid() };
        self.0.insert(path.to_owned(), entry);
        if folder {
            for child in std::fs::read_dir(&real).map_err(Error::io(&real))? {
                let child = child.map_err(Error::io(&real))?;
                self.add(root, &format!("{path}/{}", child.file_name().to_string_lossy()))?;
            }
        }
        Ok(())
    }

    /// The differences to a later picture, one line each: `-` gone, `+` new, `~` changed.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, entry) in &self.0 {
            match later.0.get(path) {
                None => found.push(format!("- {path} ({entry})")),
                Some(now) if now != entry => found.push(format!("~ {path} ({entry} -> {now})")),
                Some(_) => {}
            }
        }
        found.extend(
            later
                .0
                .iter()
                .filter(|(path, _)| !self.0.contains_key(*path))
                .map(|(p, e)| format!("+ {p} ({e})")),
        );
        found
    }
}
