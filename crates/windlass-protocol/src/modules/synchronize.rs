//! Arguments of `ansible.posix.synchronize`, and what the two sides of a tree sync say to each other.
//!
//! The controller turns the operator's arguments into a [`SyncJob`] and passes it as `_job`:
//! - [`SyncJob::Apply`] with the blob `manifest` ([`encode_manifest`]) describes the tree as it has to be. If contents are missing from the
//!   request the agent changes nothing and answers `needs`, the indexes of the entries whose contents it wants; the same
//!   request with these contents (blobs named by [`content_name`]) does everything. In check mode nothing is needed. `lines` are the
//!   itemized changes as rsync prints them.
//! - [`SyncJob::List`] sends the manifest of a tree back (`Plan::send`, one content), for a pull.
//! - [`SyncJob::Send`] sends the contents of these paths back, in their order.

mod manifest;

pub use manifest::{Account, Entry, EntryKind, Manifest, ManifestError, decode_manifest, encode_manifest};

use crate::Json;
use crate::spec::{PathArg, Support};
use serde::{Deserialize, Serialize};

arg_choices! {
    /// Which way a tree goes.
    pub enum Direction { Push = "push", Pull = "pull" }
}

module_args! {
    /// Makes a tree on one side like the tree on the other. Neither side needs rsync.
    pub struct SynchronizeArgs for "ansible.posix.synchronize" {
        /// The tree to copy; with `/` at its end its contents, else the folder itself.
        src: PathArg => required(),
        /// Where to copy it.
        dest: PathArg => required(),
        /// To the host, or from it.
        mode: Direction => default("push"),
        /// `recursive`, `links`, `perms`, `times`, `owner` and `group`, unless one of them says otherwise.
        archive: bool => default("true"),
        /// Compare contents, not only size and time.
        checksum: bool => default("false"),
        /// Compress; contents always are.
        compress: bool => default("true"),
        /// Only change what is there already.
        existing_only: bool => default("false"),
        /// Remove what the source does not have.
        delete: bool => default("false"),
        /// Folders without what is in them.
        dirs: bool => default("false"),
        /// Go down into folders.
        recursive: Option<bool>,
        /// Copy links as links.
        links: Option<bool>,
        /// Copy what links lead to.
        copy_links: bool => default("false"),
        /// Keep modes.
        perms: Option<bool>,
        /// Keep modification times.
        times: Option<bool>,
        /// Keep owners (as root).
        owner: Option<bool>,
        /// Keep groups.
        group: Option<bool>,
        /// Options as rsync's, such as `--exclude=.git` and `--filter=P .env`.
        rsync_opts: Vec<String> => default(""),
        /// No effect: there is no second connection.
        dest_port: Option<i64>,
        /// No effect: there is no rsync on the host.
        rsync_path: Option<String>,
        /// No effect: the task's own timeout counts.
        rsync_timeout: i64 => default("0"),
        /// No effect: there is no second connection.
        set_remote_user: bool => default("true"),
        /// No effect: there is no second connection.
        use_ssh_args: bool => default("false"),
        /// No effect: there is no second connection.
        ssh_connection_multiplexing: bool => default("false"),
        /// No effect: a content arrives whole or not at all.
        partial: bool => default("false"),
        /// No effect: the host was verified by the connection.
        verify_host: bool => default("false"),
        /// No effect: there is no second connection.
        private_key: Option<PathArg>,
        /// No effect.
        link_dest: Option<Vec<String>>,
        /// No effect: every file appears at once.
        delay_updates: bool => default("true"),
        /// What to do, set by the controller.
        _job: Option<Json>,
    }
    settings {
        aliases: &["ansible.builtin.synchronize", "synchronize"],
        diff: Support::Full,
    }
}

/// What the agent has to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncJob {
    /// Make the tree at `dest` like the manifest.
    Apply {
        /// Destination as the operator wrote it.
        dest: String,
        /// The manifest is of one file: `dest` may be its new name.
        single: bool,
        /// How.
        options: SyncOptions,
    },
    /// Give the manifest of a tree.
    List {
        /// Source as the operator wrote it.
        src: String,
        /// How.
        options: SyncOptions,
    },
    /// Give contents.
    Send {
        /// Absolute paths.
        paths: Vec<String>,
    },
}

/// How a tree is compared and copied. The names are those of rsync's options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncOptions {
    /// Go down.
    pub recursive: bool,
    /// Folders, without going down.
    pub dirs: bool,
    /// Links as links.
    pub links: bool,
    /// What links lead to.
    pub copy_links: bool,
    /// Modes.
    pub perms: bool,
    /// Modification times.
    pub times: bool,
    /// Not those of folders.
    pub omit_dir_times: bool,
    /// Owners.
    pub owner: bool,
    /// Groups.
    pub group: bool,
    /// By number even where the name is known.
    pub numeric_ids: bool,
    /// Compare contents.
    pub checksum: bool,
    /// Compare sizes only.
    pub size_only: bool,
    /// Copy even what looks the same.
    pub ignore_times: bool,
    /// Nothing new.
    pub existing: bool,
    /// Nothing that is there.
    pub ignore_existing: bool,
    /// Nothing that is newer there.
    pub update: bool,
    /// Remove what the source does not have.
    pub delete: bool,
    /// Make missing folders above the destination.
    pub mkpath: bool,
    /// Wait for the disk at the end.
    pub fsync: bool,
    /// Owner to give, by name or number (`--chown`).
    pub chown_user: Option<String>,
    /// Group to give.
    pub chown_group: Option<String>,
    /// Modes to give (`--chmod`), clause by clause.
    pub chmod: Vec<String>,
    /// Filter rules in their order.
    pub rules: Vec<Rule>,
    /// Files go to another machine: itemized as `<f`, as rsync shows it to the sender.
    pub sent: bool,
}

/// One filter rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Include or exclude what a pattern matches.
    Match(MatchRule),
    /// Read more rules from this file of every folder.
    PerFolder {
        /// Name of the file.
        file: String,
        /// Its lines are patterns to exclude (`Some(false)`) or include (`Some(true)`), or whole rules (`None`).
        plain: Option<bool>,
        /// The file itself is left out.
        exclude_self: bool,
        /// Folders below do not inherit its rules.
        no_inherit: bool,
    },
}

/// A pattern and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRule {
    /// Include; else exclude.
    pub include: bool,
    /// It counts for what is sent.
    pub sender: bool,
    /// It counts for what is removed.
    pub receiver: bool,
    /// It counts where the pattern does not match.
    pub negate: bool,
    /// The pattern as written.
    pub pattern: String,
}

/// Name of the blob with the content of the entry at this index of the manifest.
#[must_use]
pub fn content_name(index: usize) -> String {
    format!("content/{index}")
}
