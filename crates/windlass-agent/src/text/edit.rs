//! What the modules that edit a file have in common: reading it, and planning its new content with its attributes.

use super::{decode, encode, text_diff, validation};
use crate::module::{ModuleError, Plan};
use crate::paths::{Wish, followed, of_path, owner_text, plan_missing_folders};
use crate::system::{Meta, Observe};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::FileCommon;
use windlass_protocol::{Diff, DiffSide, FileAttrs, FileKind, Json, JsonMap, Op, What};

/// A file that is edited.
#[derive(Debug)]
pub struct Edit {
    /// As the task names it.
    pub path: String,
    /// Links resolved.
    pub real: String,
    /// The text, `None` if there is no file.
    pub old: Option<String>,
    meta: Option<Meta>,
}

/// How the new content is written.
#[derive(Debug)]
pub struct Writing<'a> {
    /// Mode, owner and the like.
    pub common: &'a FileCommon,
    /// Keep a copy.
    pub backup: bool,
    /// Command that checks.
    pub validate: Option<&'a str>,
    /// Give before and after.
    pub diff: bool,
    /// Said after the path in the diff's headers, such as ` (content)`.
    pub header: &'static str,
    /// Only the plan is wanted.
    pub check: bool,
}

impl Edit {
    /// Reads the file.
    ///
    /// # Errors
    /// A folder at the path, or a file that cannot be read.
    pub fn open(path: &str, sys: &dyn Observe) -> Result<Self, ModuleError> {
        let at = Path::new(path);
        let meta = sys.stat(at).map_err(|error| of_path(at, &error))?;
        if meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Err(ModuleError::new(format!("Path {path} is a directory !")).with("rc", 256));
        }
        let old = match &meta {
            Some(_) => Some(decode(&sys.read(at).map_err(|error| of_path(at, &error))?)),
            None => None,
        };
        Ok(Self { path: path.to_owned(), real: followed(path, sys), old, meta })
    }

    /// Plans the folders that are missing for a file that is to be made.
    ///
    /// # Errors
    /// Something else in a folder's place.
    pub fn make_folders(&self, plan: &mut Plan, sys: &dyn Observe) -> Result<(), ModuleError> {
        if self.old.is_none()
            && let Some(folder) = Path::new(&self.real).parent()
        {
            plan_missing_folders(plan, folder, |_| Ok(FileAttrs::default()), sys)?;
        }
        Ok(())
    }

    /// Plans the new content, if it is another one, and the attributes. `said` is the module's word for the change of the content.
    ///
    /// # Errors
    /// Unknown owners, a mode that cannot be read, a validation without `%s`.
    pub fn plan(
        &self,
        plan: &mut Plan,
        new: Option<&str>,
        said: &str,
        how: &Writing<'_>,
        sys: &dyn Observe,
    ) -> Result<(), ModuleError> {
        let real = Path::new(&self.real);
        let wish = Wish::of(how.common, &self.path, sys)?;
        // What a new file has before anything is asked for.
        let base = match &self.meta {
            Some(meta) => meta.clone(),
            None => Meta::new_file(sys),
        };
        let found = wish.difference(real, &base, sys)?;
        let mut message = if new.is_some() { said.to_owned() } else { String::new() };
        if let Some(new) = new {
            let bytes = encode(new);
            if how.diff {
                let header = format!("{}{}", self.path, how.header);
                let old = self.old.as_deref().map(encode).unwrap_or_default();
                plan.diff.push(text_diff((&header, &header), &old, &bytes));
            }
            let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
            let before = self.old.as_deref().map(|old| hash(&encode(old)));
            let what = What::FileWritten { path: self.real.clone(), before, after: hash(&bytes) };
            let attrs = match &self.meta {
                Some(_) => found.attrs.clone(),
                None => wish.for_new(FileKind::File, real, sys)?,
            };
            let op = Op::Write {
                path: self.real.clone(),
                content: Content::Bytes(bytes),
                attrs,
                backup: how.backup,
                validate: validation(how.validate)?,
                in_place: how.common.unsafe_writes.unwrap_or(false),
            };
            plan.push(what, op);
        } else if let Some(meta) = self.meta.as_ref().filter(|_| !found.is_empty()) {
            let what = What::AttributesSet {
                path: self.real.clone(),
                before: owner_text(meta, sys),
                after: Json::Object(found.after.clone()).to_string(),
            };
            plan.push(
                what,
                Op::SetAttrs { path: self.real.clone(), attrs: found.attrs.clone(), follow: true },
            );
        }
        let exists_for_attributes = self.meta.is_some() || (new.is_some() && !how.check);
        if !found.is_empty() && exists_for_attributes {
            if !message.is_empty() {
                message.push_str(" and ");
            }
            message.push_str("ownership, perms or SE linux context changed");
            if how.diff {
                let header = format!("{} (file attributes)", self.path);
                let side =
                    |map: JsonMap| DiffSide { header: header.clone(), text: Json::Object(map).to_string() };
                plan.diff.push(Diff::State { before: side(found.before), after: side(found.after) });
            }
        }
        plan.msg = Some(message);
        Ok(())
    }
}

/// The lines of a text, each with its end.
#[must_use]
pub fn lines_of(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// A warning where a task names an encoding that texts are not read in here.
#[must_use]
pub fn other_encoding(name: &str) -> Option<String> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let same = ["utf8", "ascii", "usascii", "utf8sig"].contains(&plain.as_str());
    (!same).then(|| format!("files are read as UTF-8: 'encoding: {name}' has no effect"))
}
