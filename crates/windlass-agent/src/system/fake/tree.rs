//! The tree of the imagined machine.

use crate::system::Meta;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use windlass_protocol::FileKind;

/// Something in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What `stat` says of it.
    pub meta: Meta,
    /// Content of a file.
    pub content: Vec<u8>,
    /// Target of a symbolic link.
    pub target: String,
    /// chattr's letters.
    pub attributes: String,
    /// SELinux context.
    pub context: Option<String>,
}

impl Node {
    fn new(kind: FileKind, mode: u32) -> Self {
        let meta = Meta {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            atime: (0, 0),
            mtime: (0, 0),
            ctime: (0, 0),
            ino: 0,
            dev: 1,
            nlink: 1,
            blksize: 4096,
            blocks: 0,
            rdev: 0,
        };
        Self { meta, content: Vec::new(), target: String::new(), attributes: String::new(), context: None }
    }
    /// A file, 0644 root:root.
    #[must_use]
    pub fn file(content: impl AsRef<[u8]>) -> Self {
        Self { content: content.as_ref().to_vec(), ..Self::new(FileKind::File, 0o644) }
    }
    /// A folder, 0755 root:root.
    #[must_use]
    pub fn directory() -> Self {
        Self::new(FileKind::Directory, 0o755)
    }
    /// A symbolic link.
    #[must_use]
    pub fn link(target: &str) -> Self {
        Self { target: target.to_owned(), ..Self::new(FileKind::Link, 0o777) }
    }
    /// A device, pipe or socket.
    #[must_use]
    pub fn special(kind: FileKind) -> Self {
        Self::new(kind, 0o644)
    }
    /// With another mode.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.meta.mode = mode;
        self
    }
    /// With another owner and group.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        (self.meta.uid, self.meta.gid) = (uid, gid);
        self
    }
    /// With another time (access and modification), seconds since the epoch.
    #[must_use]
    pub fn time(mut self, seconds: i64) -> Self {
        self.meta.mtime = (seconds, 0);
        self.meta.atime = (seconds, 0);
        self
    }
}

/// Names and what they name; several names of one inode are hard links.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    names: BTreeMap<PathBuf, u64>,
    inodes: HashMap<u64, Node>,
    next: u64,
    pub(super) now: (i64, u32),
}

impl Default for Tree {
    fn default() -> Self {
        let mut tree =
            Self { names: BTreeMap::new(), inodes: HashMap::new(), next: 2, now: (1_700_000_000, 0) };
        tree.add(Path::new("/"), Node::directory());
        tree
    }
}

fn error(kind: io::ErrorKind) -> io::Error {
    io::Error::from(kind)
}

impl Tree {
    fn add(&mut self, path: &Path, mut node: Node) {
        let number = self.next;
        self.next += 1;
        node.meta.ino = number;
        node.meta.size = match node.meta.kind {
            FileKind::Link => node.target.len() as u64,
            FileKind::Directory => 4096,
            _ => node.content.len() as u64,
        };
        node.meta.blocks = node.meta.size.div_ceil(512);
        for time in [&mut node.meta.atime, &mut node.meta.mtime, &mut node.meta.ctime] {
            if *time == (0, 0) {
                *time = self.now;
            }
        }
        self.inodes.insert(number, node);
        if let Some(old) = self.names.insert(path.to_owned(), number) {
            self.let_go(old);
        }
    }

    fn let_go(&mut self, number: u64) {
        let count = self.names.values().filter(|n| **n == number).count() as u64;
        if count == 0 {
            self.inodes.remove(&number);
        } else if let Some(node) = self.inodes.get_mut(&number) {
            node.meta.nlink = count;
        }
    }

    /// Puts a node there without asking; missing folders are made.
    pub(super) fn place(&mut self, path: &Path, node: Node) {
        if let Some(parent) = path.parent()
            && !self.names.contains_key(parent)
        {
            self.place(parent, Node::directory());
        }
        self.add(path, node);
    }

    /// Takes a path and all below it away without asking.
    pub(super) fn delete(&mut self, path: &Path) {
        let gone: Vec<PathBuf> = self.names.keys().filter(|name| name.starts_with(path)).cloned().collect();
        for name in gone {
            if let Some(number) = self.names.remove(&name) {
                self.let_go(number);
            }
        }
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Node> {
        self.inodes.get(self.names.get(path)?)
    }

    pub(super) fn get_mut(&mut self, path: &Path) -> Option<&mut Node> {
        self.inodes.get_mut(self.names.get(path)?)
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.names.keys().map(|path| path.to_string_lossy().into_owned()).collect()
    }

    /// Everything but times, for comparing two moments.
    pub(super) fn picture(&self) -> Vec<String> {
        let line = |(path, number): (&PathBuf, &u64)| {
            let node = &self.inodes[number];
            format!(
                "{} {:?} {:o} {}:{} {:?} {:?} -> {} [{}] {:?}",
                path.display(),
                node.meta.kind,
                node.meta.mode,
                node.meta.uid,
                node.meta.gid,
                String::from_utf8_lossy(&node.content),
                node.meta.mtime,
                node.target,
                node.attributes,
                node.context,
            )
        };
        self.names.iter().map(line).collect()
    }

    /// The path with its links resolved; the last part only if `follow`. The last part need not exist.
    pub(super) fn resolve(&self, path: &Path, follow: bool) -> io::Result<PathBuf> {
        self.resolve_deep(path, follow, 0)
    }

    fn resolve_deep(&self, path: &Path, follow: bool, depth: u32) -> io::Result<PathBuf> {
        if depth > 40 {
            return Err(io::Error::from_raw_os_error(40));
        }
        let parts: Vec<Component<'_>> = path.components().collect();
        let mut at = PathBuf::from("/");
        for (index, part) in parts.iter().enumerate() {
            let is_last = index + 1 == parts.len();
            match part {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
                Component::ParentDir => {
                    at.pop();
                    continue;
                }
                Component::Normal(name) => at.push(name),
            }
            match self.get(&at) {
                Some(node) if node.meta.kind == FileKind::Link && (!is_last || follow) => {
                    let base = at.parent().unwrap_or(Path::new("/")).join(&node.target);
                    at = self.resolve_deep(&base, true, depth + 1)?;
                }
                Some(node) if !is_last && node.meta.kind != FileKind::Directory => {
                    return Err(error(io::ErrorKind::NotADirectory));
                }
                Some(_) => {}
                None if is_last => {}
                None => return Err(error(io::ErrorKind::NotFound)),
            }
        }
        Ok(at)
    }

    /// Children's names of a folder.
    pub(super) fn children(&self, folder: &Path) -> Vec<String> {
        self.names
            .keys()
            .filter(|name| name.parent() == Some(folder))
            .filter_map(|name| name.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    /// Makes something new in an existing folder, or takes the place of what is there.
    pub(super) fn create(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let path = self.resolve(path, false)?;
        let folder = path.parent().ok_or_else(|| error(io::ErrorKind::AlreadyExists))?;
        match self.get(folder) {
            None => return Err(error(io::ErrorKind::NotFound)),
            Some(parent) if parent.meta.kind != FileKind::Directory => {
                return Err(error(io::ErrorKind::NotADirectory));
            }
            Some(_) => {}
        }
        self.add(&path, node);
        Ok(())
    }

    /// A second name for an existing file.
    pub(super) fn second_name(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let target = self.resolve(target, false)?;
        let number = *self.names.get(&target).ok_or_else(|| error(io::ErrorKind::NotFound))?;
        let path = self.resolve(path, false)?;
        if let Some(old) = self.names.insert(path, number) {
            self.let_go(old);
        }
        self.let_go(number);
        Ok(())
    }

    /// Renames a path with all below it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.resolve(from, false)?, self.resolve(to, false)?);
        if !self.names.contains_key(&from) {
            return Err(error(io::ErrorKind::NotFound));
        }
        if from == to {
            return Ok(());
        }
        self.delete(&to);
        let moved: Vec<PathBuf> = self.names.keys().filter(|name| name.starts_with(&from)).cloned().collect();
        for name in moved {
            let rest = name.strip_prefix(&from).unwrap_or(Path::new("")).to_owned();
            if let Some(number) = self.names.remove(&name) {
                let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                self.names.insert(new, number);
            }
        }
        Ok(())
    }

    /// Copies a path with all below it.
    pub(super) fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.resolve(from, false)?, self.resolve(to, false)?);
        let copies: Vec<(PathBuf, Node)> = self
            .names
            .iter()
            .filter(|(name, _)| name.starts_with(&from))
            .map(|(name, number)| (name.clone(), self.inodes[number].clone()))
            .collect();
        if copies.is_empty() {
            return Err(error(io::ErrorKind::NotFound));
        }
        for (name, mut node) in copies {
            let rest = name.strip_prefix(&from).unwrap_or(Path::new("")).to_owned();
            node.meta.nlink = 1;
            self.create(&if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) }, node)?;
        }
        Ok(())
    }
}
