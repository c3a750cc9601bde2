//! The description of a tree, small: each path only says where it differs from the one before.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Regular file.
    File,
    /// Folder.
    Directory,
    /// Symbolic link.
    Link,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the root; empty for the root itself.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file.
    pub size: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// Permission bits.
    pub mode: u32,
    /// Owner, an index into [`Manifest::users`].
    pub user: u32,
    /// Group, an index into [`Manifest::groups`].
    pub group: u32,
    /// Target of a link.
    pub target: Option<String>,
    /// blake3 of a file's content, with `checksum`.
    pub hash: Option<[u8; 32]>,
}

/// A user or group of the sending side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Number.
    pub id: u32,
    /// Name, if it has one.
    pub name: Option<String>,
}

/// A tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Folders before what is in them.
    pub entries: Vec<Entry>,
    /// Owners that occur.
    pub users: Vec<Account>,
    /// Groups that occur.
    pub groups: Vec<Account>,
    /// Something could not be read: nothing may be removed.
    pub incomplete: bool,
}

/// Why a manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not one.
    #[error("the manifest of the tree cannot be decoded: {0}")]
    Malformed(#[from] postcard::Error),
    /// A path that says that more of it is as before than there is.
    #[error("the manifest of the tree has a damaged path at entry {0}")]
    Path(usize),
    /// A path that leaves the tree.
    #[error("the manifest of the tree has a path that leaves it: {0}")]
    Escape(String),
    /// A path in something that the manifest does not call a folder: it may be a link out of the tree.
    #[error("the manifest of the tree has a path that is in no folder of it: {0}")]
    NoFolder(String),
    /// A path that comes twice: the second may go through what the first made.
    #[error("the manifest of the tree has a path twice: {0}")]
    Twice(String),
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    /// Bytes that the path has in common with the one before.
    shared: u32,
    #[serde(borrow)]
    rest: std::borrow::Cow<'a, str>,
    kind: EntryKind,
    size: u64,
    mtime: (i64, u32),
    mode: u32,
    user: u32,
    group: u32,
    target: Option<String>,
    hash: Option<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    users: Vec<Account>,
    groups: Vec<Account>,
    incomplete: bool,
    count: u32,
}

/// The bytes of a manifest.
///
/// # Errors
/// None that occur in practice: the serializer's.
pub fn encode_manifest(manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    let head = Head {
        users: manifest.users.clone(),
        groups: manifest.groups.clone(),
        incomplete: manifest.incomplete,
        count: manifest.entries.len() as u32,
    };
    let mut out = postcard::to_stdvec(&head)?;
    let mut before = "";
    for entry in &manifest.entries {
        let mut shared = before.bytes().zip(entry.path.bytes()).take_while(|(a, b)| a == b).count();
        while !entry.path.is_char_boundary(shared) {
            shared -= 1;
        }
        let wire = Wire {
            shared: shared as u32,
            rest: entry.path[shared..].into(),
            kind: entry.kind,
            size: entry.size,
            mtime: entry.mtime,
            mode: entry.mode,
            user: entry.user,
            group: entry.group,
            target: entry.target.clone(),
            hash: entry.hash,
        };
        out = postcard::to_extend(&wire, out)?;
        before = &entry.path;
    }
    Ok(out)
}

/// Reads a manifest. Paths that leave the tree, by their parts or through a link, are refused.
///
/// # Errors
/// Bytes that are none, or unsafe paths.
pub fn decode_manifest(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let (head, mut rest) = postcard::take_from_bytes::<Head>(bytes)?;
    // The count is the sender's word: memory follows what is really there.
    let mut entries: Vec<Entry> = Vec::with_capacity((head.count as usize).min(rest.len() / 8));
    for index in 0..head.count as usize {
        let (wire, left) = postcard::take_from_bytes::<Wire<'_>>(rest)?;
        rest = left;
        let before = entries.last().map_or("", |entry| entry.path.as_str());
        let shared = before.get(..wire.shared as usize).ok_or(ManifestError::Path(index))?;
        let path = format!("{shared}{}", wire.rest);
        let unsafe_part = |part: &str| matches!(part, "" | "." | "..");
        if path.contains('\0') || (!path.is_empty() && path.split('/').any(unsafe_part)) {
            return Err(ManifestError::Escape(path));
        }
        entries.push(Entry {
            path,
            kind: wire.kind,
            size: wire.size,
            mtime: wire.mtime,
            mode: wire.mode & 0o7777,
            user: wire.user,
            group: wire.group,
            target: wire.target,
            hash: wire.hash,
        });
    }
    check_folders(&entries)?;
    Ok(Manifest { entries, users: head.users, groups: head.groups, incomplete: head.incomplete })
}

/// Every path comes once, and after the folder that it is in: so none leads through a link of the tree.
fn check_folders(entries: &[Entry]) -> Result<(), ManifestError> {
    let mut is_folder: HashMap<&str, bool> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let path = entry.path.as_str();
        let kind = entry.kind == EntryKind::Directory;
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        // The root is what the paths are relative to, whether it has an entry or not.
        let fits =
            if path.is_empty() { kind } else { parent.is_empty() || is_folder.get(parent) == Some(&true) };
        if !fits {
            return Err(ManifestError::NoFolder(entry.path.clone()));
        }
        if is_folder.insert(path, kind).is_some() {
            return Err(ManifestError::Twice(entry.path.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            path: path.into(),
            kind: EntryKind::File,
            size: 3,
            mtime: (5, 6),
            mode: 0o644,
            user: 0,
            group: 0,
            target: None,
            hash: None,
        }
    }

    fn folder(path: &str) -> Entry {
        Entry { kind: EntryKind::Directory, ..entry(path) }
    }

    fn link(path: &str) -> Entry {
        Entry { kind: EntryKind::Link, target: Some("/home/op/.ssh".into()), ..entry(path) }
    }

    fn decoded(entries: Vec<Entry>) -> Result<Manifest, ManifestError> {
        decode_manifest(&encode_manifest(&Manifest { entries, ..Manifest::default() }).unwrap())
    }

    #[test]
    fn no_path_leads_through_a_link() {
        let no_folder = |entries| matches!(decoded(entries), Err(ManifestError::NoFolder(_)));
        let twice = |entries| matches!(decoded(entries), Err(ManifestError::Twice(_)));
        assert!(no_folder(vec![link("x"), entry("x/authorized_keys")]));
        assert!(no_folder(vec![folder("y"), link("y/x"), folder("y/x/z")]));
        // A link that an earlier run made.
        assert!(no_folder(vec![folder(""), entry("x/authorized_keys")]));
        assert!(no_folder(vec![link(""), entry("authorized_keys")]));
        assert!(no_folder(vec![entry("x/a"), folder("x")]));
        assert!(twice(vec![folder("x"), link("x"), entry("x/a")]));
        assert!(twice(vec![link("x"), folder("x"), entry("x/a")]));
        assert!(decoded(vec![folder(""), folder("x"), link("x/l"), entry("x/a")]).is_ok());
        assert!(decoded(vec![entry("a"), link("b")]).is_ok());
    }

    #[test]
    fn a_tree_survives_the_way() {
        let mut link = entry("src/grün/b");
        (link.kind, link.target) = (EntryKind::Link, Some("../a".into()));
        let manifest = Manifest {
            entries: vec![
                folder(""),
                folder("src"),
                entry("src/a"),
                entry("src/grüß"),
                folder("src/grün"),
                link,
            ],
            users: vec![Account { id: 0, name: Some("root".into()) }],
            groups: vec![Account { id: 7, name: None }],
            incomplete: false,
        };
        let bytes = encode_manifest(&manifest).unwrap();
        assert_eq!(decode_manifest(&bytes).unwrap(), manifest);
        for cut in 0..bytes.len() {
            assert!(decode_manifest(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn paths_stay_in_the_tree() {
        for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "a/."] {
            let manifest = Manifest { entries: vec![entry(path)], ..Manifest::default() };
            let bytes = encode_manifest(&manifest).unwrap();
            assert!(matches!(decode_manifest(&bytes), Err(ManifestError::Escape(_))), "{path}");
        }
    }
}
