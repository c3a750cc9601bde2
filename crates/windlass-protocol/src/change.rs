//! The plan of a module: a list of [`Change`]s. Check mode stops in front of it, apply executes it.
//!
//! A change has two sides: [`What`] it is to people, and the [`Op`] that the agent executes.

#![allow(missing_docs)] // the fields of the variants below are named for what they are

use crate::http::HttpRequest;
use serde::{Deserialize, Serialize};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changes, in the operator's terms.
    pub what: What,
    /// How the agent does it.
    pub op: Op,
    /// It is done also after an earlier step failed or was ended: it takes away what was there only for the other steps.
    pub always: bool,
}

impl Change {
    /// A change of this kind by that operation.
    #[must_use]
    pub fn new(what: What, op: Op) -> Self {
        Self { what, op, always: false }
    }
    /// The same, to be done also after an earlier step failed.
    #[must_use]
    pub fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

/// What changes, in the operator's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A file's content is written; `before` is the content's blake3 in hex, if it existed.
    FileWritten { path: String, before: Option<String>, after: String },
    /// A directory is made.
    DirectoryMade { path: String },
    /// Mode, owner, group, times or attributes of a path are set. Texts like `0644 root:root`.
    AttributesSet { path: String, before: String, after: String },
    /// A symbolic or hard link is made or turned.
    LinkMade { path: String, target: String, before: Option<String> },
    /// A path is removed.
    PathRemoved { path: String, kind: FileKind },
    /// A path is renamed.
    PathMoved { from: String, to: String },
    /// A unit is enabled, disabled, started, stopped, restarted, reloaded, masked, unmasked.
    Unit { unit: String, action: String },
    /// A package is installed, upgraded or removed. `before` is the version that was there.
    Package { name: String, action: String, before: Option<String>, after: Option<String> },
    /// A user or group is added, changed or removed.
    Account { kind: String, name: String, action: String },
    /// Some other named setting (cron job, host name, firewall rule, key, ...).
    Setting { kind: String, name: String, before: Option<String>, after: Option<String> },
    /// A source tree is brought to a revision.
    Checkout { path: String, before: Option<String>, after: Option<String> },
    /// A command runs. It cannot be undone.
    Command { text: String },
}

/// Kind of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

/// Attributes to give a path. `None` leaves one as it is (or at its default on a new path).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAttrs {
    /// Permission bits including set-id and sticky.
    pub mode: Option<u32>,
    /// Owner's user id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
    /// Attributes as of chattr, such as `+i`.
    pub attributes: Option<String>,
    /// SELinux context as `user:role:type:level`, of which empty parts stay as they are; ignored where SELinux is off.
    pub context: Option<String>,
}

impl FileAttrs {
    /// True if nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the content of a written file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A content of the request, by its name.
    Blob(String),
    /// A file on the target.
    File(String),
}

/// A command to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Program and arguments. Never joined to a shell string.
    pub argv: Vec<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// Standard input; empty means `/dev/null`.
    pub stdin: Vec<u8>,
    /// Umask in force, if not the agent's.
    pub umask: Option<u32>,
    /// Stop with the error `msg` if it exits with another code than these; empty means any code is fine.
    pub ok_codes: Vec<i32>,
    /// What to say then, before what the program said (empty: only that); otherwise that the program failed.
    pub failure: Option<String>,
    /// This much of `stdin` or `env` is secret: never log.
    pub secret: bool,
}

impl RunSpec {
    /// A command that has to exit with 0.
    #[must_use]
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ok_codes: vec![0], ..Self::default() }
    }
}

/// An operation that the agent can execute. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Replace a file atomically: temporary name beside it, fsync, attributes, `validate`, rename, fsync of the directory.
    Write {
        path: String,
        content: Content,
        attrs: FileAttrs,
        /// Keep a copy of the old one under Ansible's backup name.
        backup: bool,
        /// argv with `%s` for the temporary file; must exit 0 before the rename.
        validate: Option<Vec<String>>,
        /// Write in place instead of by rename (`unsafe_writes` where rename is refused).
        in_place: bool,
    },
    /// Write one file of a tree: atomically for readers, but without waiting for the disk; a `SyncFileSystem` at the end does.
    WriteLoose { path: String, content: Content, attrs: FileAttrs, mtime: Option<(i64, u32)> },
    /// Wait until all that was written to the file system of this path is on the disk.
    SyncFileSystem { path: String },
    /// Make one directory (its parent exists or is made by an earlier change).
    MakeDirectory { path: String, attrs: FileAttrs },
    /// Set attributes.
    SetAttrs { path: String, attrs: FileAttrs, follow: bool },
    /// Make or replace (atomically) a symbolic link.
    Symlink { path: String, target: String, attrs: FileAttrs },
    /// Make or replace a hard link.
    Hardlink { path: String, target: String },
    /// Remove a file, link or a whole directory tree.
    Remove { path: String, recursive: bool },
    /// Rename.
    Rename { from: String, to: String },
    /// Set access and modification time, seconds and nanoseconds since the epoch; `None` leaves one.
    /// Makes an empty file if there is none.
    Touch { path: String, atime: Option<(i64, u32)>, mtime: Option<(i64, u32)>, follow: bool },
    /// Copy a tree on the target, attributes kept.
    CopyTree { from: String, to: String },
    /// Run a program.
    Run(RunSpec),
    /// Make a request that changes something on the other side (`POST`).
    Http(Box<HttpRequest>),
    /// Wait until a condition holds, in milliseconds between looks. The module looks again in `finish`.
    Sleep { ms: u64 },
    /// Nothing to execute: the change is a note (in check mode only), or was done by an earlier operation.
    Nothing,
}

/// One side of a diff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffSide {
    /// Header, mostly the path.
    pub header: String,
    /// The text.
    pub text: String,
}

/// Before and after, as `--diff` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Diff {
    /// Two texts, to be shown as a unified diff.
    Text { before: DiffSide, after: DiffSide },
    /// Attributes (JSON objects as text), shown as a diff of their pretty-printed form.
    State { before: DiffSide, after: DiffSide },
    /// Shown as it is.
    Prepared(String),
    /// The content is binary or too large to show; which side is said, a line for each reason.
    Omitted { path: String, reason: String },
}
