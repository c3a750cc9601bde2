//! Arguments of `ansible.builtin.copy`.
//!
//! The target's side also serves `template`, `assemble` from the controller, and whatever else puts a content somewhere.
//! The controller's part of the module
//! - reads `src` (or renders a template, or takes `content`) and sends it as the blob `content`;
//! - passes `dest`, `backup`, `force`, `follow`, `validate`, `directory_mode` and the file arguments as they were given, with a `mode` of
//!   `preserve` replaced by the octal mode of the local file (`preserve` with `remote_src` is the target's work);
//! - passes `src` as the name to show, and `_original_basename` as the name to use where `dest` is a folder (absent for `content`);
//! - for a large content may leave the blob out and pass `_hash` (blake3 in hex) and `_size`: if the file there has another one, the
//!   answer is a plan of nothing with `needs: ["content"]` among its values, and the request is made again with the blob. A plan that
//!   is only to be shown does without the content, unless that is to be shown too;
//! - for a folder passes `_tree`, see [`TreeEntry`], with each file's content as a blob of the name of its path (or `hash` and `size`
//!   alone, and `needs` has the paths to send). `dest` is then the folder that the entries are relative to.

use super::FileCommon;
use crate::Json;
use crate::spec::{PathArg, Support};
use serde::{Deserialize, Serialize};

module_args! {
    /// Puts a file, a text or a folder in its place on the host.
    pub struct CopyArgs for "ansible.builtin.copy" {
        /// File or folder to copy; a local one unless `remote_src`. A folder with `/` at its end gives its contents.
        src: Option<PathArg>,
        /// Text to write instead of a file.
        content: Option<String>,
        /// Where to put it. With `/` at its end, or where a folder is, the name is that of the source.
        dest: PathArg => required(),
        /// Keep a copy of the file that is replaced.
        backup: bool => default("false"),
        /// Replace a file with another content; else only make one that is missing.
        force: bool => default("true"),
        /// The source is on the host already.
        remote_src: bool => default("false"),
        /// Mode of folders that are made.
        directory_mode: Option<Json>,
        /// Follow a link at the destination.
        follow: bool => default("false"),
        /// Follow links in the local tree.
        local_follow: Option<bool>,
        /// Decrypt a vaulted source.
        decrypt: bool => default("true"),
        /// SHA-1 that the content has to have.
        checksum: Option<String>,
        /// Command that has to accept the new file (`%s`) before it takes its place.
        validate: Option<String>,
        /// Name of the source, set by the controller.
        _original_basename: Option<String>,
        /// blake3 of a content that was left out, set by the controller.
        _hash: Option<String>,
        /// Its size in bytes, set by the controller.
        _size: Option<i64>,
        /// Entries of a folder, set by the controller.
        _tree: Option<Json>,
    }
    flatten { common: FileCommon }
    settings { diff: Support::Full }
    constraints [ crate::Constraint::MutuallyExclusive(&["src", "content"]) ]
}

/// One path of a copied folder, in an order in which folders come before what is in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// Path relative to `dest`, empty for `dest` itself; also the name of the blob with its content.
    pub path: String,
    /// What it is.
    pub kind: TreeKind,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Octal mode for `mode: preserve` (of a folder: `directory_mode: preserve`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// blake3 in hex of a file's content, where the blob is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Kind of a [`TreeEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TreeKind {
    /// Regular file.
    File,
    /// Folder.
    Directory,
    /// Symbolic link.
    Link,
}
