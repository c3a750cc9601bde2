//! The lines in which rsync says what changes.

use windlass_protocol::modules::synchronize::{Entry, EntryKind};

/// What differs about a path that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Content (with `checksum`), or a link's target.
    pub content: bool,
    /// Size.
    pub size: bool,
    /// Time: `t` set to the source's, `T` to now.
    pub time: Option<char>,
    /// Mode.
    pub perms: bool,
    /// Owner.
    pub owner: bool,
    /// Group.
    pub group: bool,
}

impl Flags {
    pub(super) fn any(&self) -> bool {
        *self != Self::default()
    }
}

fn letter(kind: EntryKind) -> char {
    match kind {
        EntryKind::File => 'f',
        EntryKind::Directory => 'd',
        EntryKind::Link => 'L',
    }
}

fn name(entry: &Entry) -> String {
    let target = entry.target.as_ref().map(|target| format!(" -> {target}")).unwrap_or_default();
    match entry.kind {
        EntryKind::Directory if entry.path.is_empty() => "./".into(),
        EntryKind::Directory => format!("{}/", entry.path),
        _ => format!("{}{target}", entry.path),
    }
}

/// A path that is made.
pub(super) fn new(entry: &Entry, sign: char) -> String {
    let sign = if entry.kind == EntryKind::File { sign } else { 'c' };
    format!("{sign}{}+++++++++ {}", letter(entry.kind), name(entry))
}

/// A path that is there and differs; `sign` is `.` if only attributes do.
pub(super) fn changed(entry: &Entry, sign: char, flags: Flags) -> String {
    let flag = |set: bool, letter: char| if set { letter } else { '.' };
    format!(
        "{sign}{}{}{}{}{}{}{}... {}",
        letter(entry.kind),
        flag(flags.content, 'c'),
        flag(flags.size, 's'),
        flags.time.unwrap_or('.'),
        flag(flags.perms, 'p'),
        flag(flags.owner, 'o'),
        flag(flags.group, 'g'),
        name(entry),
    )
}

/// A path that is removed.
pub(super) fn deleted(path: &str, is_folder: bool) -> String {
    format!("*deleting   {path}{}", if is_folder { "/" } else { "" })
}
