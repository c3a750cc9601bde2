//! One file.

use super::Source;
use crate::paths::{Wish, blake3_of, checksum, of_path, owner_text};
use crate::system::{Meta, Observe};
use crate::text::{LIMIT, omitted, text_diff, validation};
use crate::{Context, ModuleError, Plan};
use std::io::Read;
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::copy::CopyArgs;
use windlass_protocol::modules::stat::ChecksumAlgorithm;
use windlass_protocol::{Diff, DiffSide, FileKind, Json, Op, What};

/// More than this is not shown in a diff, and not read for it.
const SHOWN: u64 = 200_000;

/// A file to be put in its place.
pub(super) struct One<'a> {
    pub(super) args: &'a CopyArgs,
    pub(super) cx: &'a Context<'a>,
    pub(super) sys: &'a dyn Observe,
    pub(super) source: &'a Source,
    pub(super) dest: &'a str,
    /// Give the values of a single file (checksums).
    pub(super) headers: bool,
}

impl One<'_> {
    /// Adds what has to be done. Names what the controller has to send, if the content was left out and is needed.
    /// The result is where the file is, links followed if they are to be.
    pub(super) fn plan(&self, plan: &mut Plan) -> Result<String, ModuleError> {
        let Self { args, cx, sys, source, .. } = self;
        let mut dest = self.dest.to_owned();
        let at = |path: &str| {
            let path = path.to_owned();
            move |error: std::io::Error| of_path(Path::new(&path), &error)
        };
        let mut there = sys.lstat(Path::new(&dest)).map_err(at(&dest))?;
        if args.follow
            && there.as_ref().is_some_and(|meta| meta.kind == FileKind::Link)
            && let Ok(real) = sys.canonicalize(Path::new(&dest))
        {
            dest = real;
            there = sys.lstat(Path::new(&dest)).map_err(at(&dest))?;
        }
        let exists = sys.stat(Path::new(&dest)).map_err(at(&dest))?.is_some();
        if exists && !args.force {
            plan.msg = Some("file already exists".into());
            return Ok(dest);
        }
        if self.headers {
            self.checksums(plan)?;
        }
        let wish = self.wish(&dest)?;
        let old = match &there {
            Some(meta) if meta.kind == FileKind::File => Some(meta),
            _ => None,
        };
        let old_hash = match old {
            // Another size is another content: there is no need to read it.
            Some(meta)
                if source.size.is_none_or(|size| size == meta.size) && sys.access(Path::new(&dest), 4) =>
            {
                let mut file = sys.open(Path::new(&dest)).map_err(at(&dest))?;
                Some(blake3_of(&mut file).map_err(at(&dest))?)
            }
            _ => None,
        };
        if let (Some(meta), true) = (&there, old_hash.as_deref() == Some(source.hash.as_str())) {
            if self.headers && source.content.is_none() {
                self.checksum_of_old(plan, &dest)?;
            }
            self.attributes(plan, &wish, &dest, meta)?;
            if self.headers && !args.remote_src {
                plan.set("path", dest.as_str());
            }
            return Ok(dest);
        }
        let content = source.content.clone().or_else(|| self.not_looked_at());
        let Some(content) = content else {
            let needs = plan.values.entry("needs").or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(names) = needs {
                names.push(source.name.as_str().into());
            }
            return Ok(dest);
        };
        if !exists && !cx.check && plan.changes.is_empty() {
            let folder = Path::new(&dest).parent().filter(|f| !f.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if sys.stat(folder).is_ok_and(|meta| meta.is_some()) && !sys.access(folder, 2) {
                return Err(ModuleError::new(format!("Destination {} not writable", folder.display())));
            }
        }
        if cx.diff {
            plan.diff.push(self.content_diff(&dest, there.as_ref())?);
        }
        if self.headers
            && !args.remote_src
            && let Some(sum) = source.checksum(ChecksumAlgorithm::Md5, cx, *sys)?
        {
            plan.set("md5sum", sum);
        }
        let mut attrs = wish.for_replacement(old, Path::new(&dest), *sys)?;
        if args.remote_src && exists {
            // A file of the host takes its mode along, and belongs to who copies it.
            let wanted = wish.for_new(FileKind::File, Path::new(&dest), *sys)?;
            attrs.mode = wanted.mode.or(source.mode);
            attrs.uid = wanted.uid.or(Some(sys.euid()));
            attrs.gid = wanted.gid.or(Some(sys.egid()));
        }
        let before = match old {
            Some(_) if old_hash.is_none() => {
                sys.open(Path::new(&dest)).and_then(|mut file| blake3_of(&mut file)).ok()
            }
            _ => old_hash,
        };
        let what = What::FileWritten { path: dest.clone(), before, after: source.hash.clone() };
        let validate = if cx.check { None } else { validation(args.validate.as_deref())? };
        let in_place = args.common.unsafe_writes.unwrap_or(false);
        let path = dest.clone();
        plan.push(what, Op::Write { path, content, attrs, backup: args.backup, validate, in_place });
        Ok(dest)
    }

    /// `preserve` is the mode of a file on the host; for others the controller has replaced it.
    fn wish(&self, dest: &str) -> Result<Wish, ModuleError> {
        let wish = Wish::of(&self.args.common, dest, self.sys)?;
        let preserve = self.args.common.mode.as_ref().is_some_and(|mode| mode == "preserve");
        Ok(match self.source.mode {
            _ if !preserve => wish,
            Some(mode) => wish.with_mode(Some(Json::from(mode))),
            None => wish.with_mode(None),
        })
    }

    fn checksums(&self, plan: &mut Plan) -> Result<(), ModuleError> {
        // Of a content that was left out nothing is known before it is found to be there.
        let Some(sum) = self.source.checksum(ChecksumAlgorithm::Sha1, self.cx, self.sys)? else {
            return Ok(());
        };
        self.compare(&sum)?;
        plan.set("checksum", sum);
        if self.args.remote_src {
            plan.set("md5sum", self.source.checksum(ChecksumAlgorithm::Md5, self.cx, self.sys)?);
        }
        Ok(())
    }

    /// The file there has the very content that was left out.
    fn checksum_of_old(&self, plan: &mut Plan, dest: &str) -> Result<(), ModuleError> {
        let mut file = self.sys.open(Path::new(dest))?;
        let sum = checksum(ChecksumAlgorithm::Sha1, &mut file)?;
        self.compare(&sum)?;
        plan.set("checksum", sum);
        Ok(())
    }

    /// Holds a checksum against the one that the task asks for.
    fn compare(&self, sum: &str) -> Result<(), ModuleError> {
        if let Some(wanted) = &self.args.checksum
            && !wanted.eq_ignore_ascii_case(sum)
        {
            let text = "Copied file does not match the expected checksum. Transfer failed.";
            return Err(ModuleError::new(text)
                .with("checksum", sum)
                .with("expected_checksum", wanted.as_str()));
        }
        Ok(())
    }

    /// A plan that is only shown does without a content that was left out, if that would not be shown either.
    fn not_looked_at(&self) -> Option<Content> {
        let shown = self.cx.diff && self.source.size.is_none_or(|size| size <= LIMIT as u64);
        let wanted = shown || self.args.checksum.is_some();
        (self.cx.check && !wanted).then(|| Content::Blob(self.source.name.clone()))
    }

    fn attributes(&self, plan: &mut Plan, wish: &Wish, dest: &str, meta: &Meta) -> Result<(), ModuleError> {
        let found = wish.difference(Path::new(dest), meta, self.sys)?;
        if found.is_empty() {
            return Ok(());
        }
        let after = Meta {
            mode: found.attrs.mode.unwrap_or(meta.mode),
            uid: found.attrs.uid.unwrap_or(meta.uid),
            gid: found.attrs.gid.unwrap_or(meta.gid),
            ..meta.clone()
        };
        let what = What::AttributesSet {
            path: dest.to_owned(),
            before: owner_text(meta, self.sys),
            after: owner_text(&after, self.sys),
        };
        if self.cx.diff {
            let side = |mut map: windlass_protocol::JsonMap| {
                map.insert("path".into(), dest.into());
                DiffSide { header: String::new(), text: Json::Object(map).to_string() }
            };
            plan.diff.push(Diff::State { before: side(found.before), after: side(found.after) });
        }
        plan.push(what, Op::SetAttrs { path: dest.to_owned(), attrs: found.attrs, follow: false });
        Ok(())
    }

    fn content_diff(&self, dest: &str, there: Option<&Meta>) -> Result<Diff, ModuleError> {
        let before = if there.is_some() { dest } else { "" };
        let after = self.args.src.as_deref().unwrap_or(dest);
        if self.source.content.is_none() {
            return Ok(omitted(after));
        }
        let mut old = Vec::new();
        if there.is_some()
            && let Ok(file) = self.sys.open(Path::new(dest))
        {
            file.take(SHOWN).read_to_end(&mut old)?;
        }
        let new = self.source.head(SHOWN, self.cx, self.sys)?;
        Ok(text_diff((before, after), &old, &new))
    }
}
