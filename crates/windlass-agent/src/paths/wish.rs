//! Mode, owner, group, attributes and SELinux context that a task wants, compared with what is there.

use super::{mode_text, parse_mode};
use crate::module::ModuleError;
use crate::system::{Meta, Observe};
use std::path::Path;
use windlass_protocol::modules::FileCommon;
use windlass_protocol::{FileAttrs, FileKind, Json, JsonMap};

/// What a task wants, names resolved to numbers.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    mode: Option<Json>,
    uid: Option<u32>,
    gid: Option<u32>,
    attributes: Option<String>,
    context: [Option<String>; 4],
}

/// What differs between a wish and what is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// To be set.
    pub attrs: FileAttrs,
    /// As it is, in the words of a diff.
    pub before: JsonMap,
    /// As it will be.
    pub after: JsonMap,
}

impl Difference {
    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attrs.is_empty()
    }
}

/// In check mode an owner or a group may be missing, because the task that makes it only said that it would. Takes
/// what is unknown out, and returns a warning for each.
pub fn forgive_unknown(common: &mut FileCommon, sys: &dyn Observe) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut check = |kind: &str, field: &mut Option<String>, known: &dyn Fn(&str) -> bool| {
        if let Some(name) =
            field.take_if(|name| !name.is_empty() && name.parse::<u32>().is_err() && !known(name))
        {
            warnings.push(format!(
                "failed to look up {kind} {name}. Create {kind} up to this point in real play"
            ));
        }
    };
    check("user", &mut common.owner, &|name| sys.user(name).is_some());
    check("group", &mut common.group, &|name| sys.group(name).is_some());
    warnings
}

/// Mode and owner of the file that a link leads to, for a file that takes the place of the link; nothing if there is no link.
///
/// # Errors
/// A path that cannot be looked at.
pub fn behind_link(path: &Path, sys: &dyn Observe) -> Result<FileAttrs, ModuleError> {
    let at = |error: std::io::Error| super::of_path(path, &error);
    if sys.lstat(path).map_err(at)?.is_none_or(|meta| meta.kind != FileKind::Link) {
        return Ok(FileAttrs::default());
    }
    let behind = sys.stat(path).map_err(at)?.filter(|meta| meta.kind == FileKind::File);
    let Some(behind) = behind else { return Ok(FileAttrs::default()) };
    // Who may not give files away keeps what is made.
    let is_root = sys.euid() == 0;
    let own_name = sys.user_by_id(sys.euid()).map(|user| user.name).unwrap_or_default();
    let is_member = |gid| sys.group_by_id(gid).is_some_and(|group| group.members.contains(&own_name));
    Ok(FileAttrs {
        mode: Some(behind.mode),
        uid: is_root.then_some(behind.uid),
        gid: Some(behind.gid).filter(|gid| is_root || is_member(*gid)),
        ..FileAttrs::default()
    })
}

impl Wish {
    /// Resolves names. `path` is for the messages.
    ///
    /// # Errors
    /// An unknown user or group.
    pub fn of(common: &FileCommon, path: &str, sys: &dyn Observe) -> Result<Self, ModuleError> {
        let unknown = |verb: &str, kind: &str, name: &str| {
            ModuleError::new(format!("{verb} failed: failed to look up {kind} {name}")).with("path", path)
        };
        let uid = match common.owner.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Some(match name.parse() {
                Ok(uid) => uid,
                Err(_) => sys.user(name).ok_or_else(|| unknown("chown", "user", name))?.uid,
            }),
            None => None,
        };
        let gid = match common.group.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Some(match name.parse() {
                Ok(gid) => gid,
                Err(_) => sys.group(name).ok_or_else(|| unknown("chgrp", "group", name))?.gid,
            }),
            None => None,
        };
        let parts = [&common.seuser, &common.serole, &common.setype, &common.selevel];
        Ok(Self {
            mode: common.mode.clone().filter(|mode| !mode.is_null()),
            uid,
            gid,
            attributes: common.attributes.clone().filter(|text| !text.is_empty()),
            context: parts.map(Clone::clone),
        })
    }

    /// The same with another mode.
    #[must_use]
    pub fn with_mode(&self, mode: Option<Json>) -> Self {
        Self { mode, ..self.clone() }
    }

    /// The wanted mode of something that has `current`.
    ///
    /// # Errors
    /// A mode that cannot be read.
    pub fn mode_for(
        &self,
        kind: FileKind,
        current: u32,
        path: &Path,
        sys: &dyn Observe,
    ) -> Result<Option<u32>, ModuleError> {
        let Some(mode) = &self.mode else { return Ok(None) };
        // The umask is asked for only where a symbolic mode may need it.
        let umask = if mode.is_string() { sys.umask() } else { 0 };
        parse_mode(mode, kind, current, umask).map(Some).map_err(|error| {
            let path = path.to_string_lossy().into_owned();
            ModuleError::new(error.to_string()).with("path", path).with("details", error.to_string())
        })
    }

    /// Attributes for something that is to be made: everything that is wished for.
    ///
    /// # Errors
    /// A mode that cannot be read.
    pub fn for_new(&self, kind: FileKind, path: &Path, sys: &dyn Observe) -> Result<FileAttrs, ModuleError> {
        let base = if kind == FileKind::Directory { 0o777 } else { 0o666 };
        let base = if self.mode.as_ref().is_some_and(Json::is_string) { base & !sys.umask() } else { base };
        Ok(FileAttrs {
            mode: self.mode_for(kind, base, path, sys)?,
            uid: self.uid,
            gid: self.gid,
            attributes: self.attributes.clone(),
            context: self.new_context(sys),
        })
    }

    /// The wished parts of a context, the others empty: what is made has those from the system's rules.
    fn new_context(&self, sys: &dyn Observe) -> Option<String> {
        let part = |part: &Option<String>| part.clone().filter(|part| part != "_default").unwrap_or_default();
        let parts = self.context.each_ref().map(part);
        let asked = parts.iter().any(|part| !part.is_empty());
        (asked && sys.selinux_context(Path::new("/")).is_some()).then(|| parts.join(":"))
    }

    /// Attributes for a file that takes the place of another: what is wished for and differs from what the other had. If
    /// `old` is what a link at the path leads to, what takes the link's place gets its mode and owner.
    ///
    /// # Errors
    /// A mode that cannot be read.
    pub fn for_replacement(
        &self,
        old: Option<&Meta>,
        path: &Path,
        sys: &dyn Observe,
    ) -> Result<FileAttrs, ModuleError> {
        match old.filter(|meta| meta.kind == FileKind::File) {
            Some(meta) => {
                let wanted = self.difference(path, meta, sys)?.attrs;
                let kept = behind_link(path, sys)?;
                Ok(FileAttrs {
                    mode: wanted.mode.or(kept.mode),
                    uid: wanted.uid.or(kept.uid),
                    gid: wanted.gid.or(kept.gid),
                    ..wanted
                })
            }
            None => self.for_new(FileKind::File, path, sys),
        }
    }

    /// Whether anything is wished for.
    #[must_use]
    pub fn asks_for_something(&self) -> bool {
        self.mode.is_some()
            || self.uid.is_some()
            || self.gid.is_some()
            || self.attributes.is_some()
            || self.context.iter().any(Option::is_some)
    }

    /// What differs from what is there.
    ///
    /// # Errors
    /// A mode that cannot be read.
    pub fn difference(&self, path: &Path, meta: &Meta, sys: &dyn Observe) -> Result<Difference, ModuleError> {
        let mut found = Difference::default();
        let mut note = |key: &str, before: Json, after: Json| {
            found.before.insert(key.to_owned(), before);
            found.after.insert(key.to_owned(), after);
        };
        let mut attrs = FileAttrs::default();
        if let Some(now) = sys.selinux_context(path).filter(|_| self.context.iter().any(Option::is_some)) {
            let mut parts: Vec<String> = now.splitn(4, ':').map(str::to_owned).collect();
            for (part, wanted) in parts.iter_mut().zip(&self.context) {
                if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != "_default") {
                    part.clone_from(wanted);
                }
            }
            let wanted = parts.join(":");
            if wanted != now {
                note("secontext", now.into(), wanted.clone().into());
                attrs.context = Some(wanted);
            }
        }
        if let Some(uid) = self.uid.filter(|uid| *uid != meta.uid) {
            note("owner", meta.uid.into(), uid.into());
            attrs.uid = Some(uid);
        }
        if let Some(gid) = self.gid.filter(|gid| *gid != meta.gid) {
            note("group", meta.gid.into(), gid.into());
            attrs.gid = Some(gid);
        }
        // A link has no mode of its own on Linux.
        if meta.kind != FileKind::Link
            && let Some(mode) = self.mode_for(meta.kind, meta.mode, path, sys)?
        {
            if mode != meta.mode {
                note("mode", mode_text(meta.mode).into(), mode_text(mode).into());
                attrs.mode = Some(mode);
            } else if mode & 0o6000 != 0 && (attrs.uid.is_some() || attrs.gid.is_some()) {
                // A new owner takes set-id bits away.
                attrs.mode = Some(mode);
            }
        }
        if let Some(wanted) = &self.attributes {
            let now = sys.attributes(path);
            let (sign, letters) = match wanted.split_at_checked(1) {
                Some((sign @ ("+" | "-" | "="), letters)) => (sign, letters),
                _ => ("=", wanted.as_str()),
            };
            let done = match sign {
                "+" => letters.chars().all(|c| now.contains(c)),
                "-" => letters.chars().all(|c| !now.contains(c)),
                _ => {
                    // `e` (extents) cannot be taken away and does not count.
                    let plain = |text: &str| {
                        let mut letters: Vec<char> = text.chars().filter(|c| *c != 'e').collect();
                        letters.sort_unstable();
                        letters
                    };
                    plain(&now) == plain(letters)
                }
            };
            if !done {
                note("attributes", now.into(), format!("{sign}{letters}").into());
                attrs.attributes = Some(wanted.clone());
            }
        }
        found.attrs = attrs;
        Ok(found)
    }
}
