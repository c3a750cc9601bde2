//! `assemble`: a file made of fragments of the host.

use crate::paths::{checksum, of_path};
use crate::system::Observe;
use crate::text::pattern::{compile, is_match};
use crate::text::{Edit, Writing, decode, encode};
use crate::{Context, Module, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::FileKind;
use windlass_protocol::modules::assemble::AssembleArgs;
use windlass_protocol::modules::stat::ChecksumAlgorithm;

/// The module.
pub struct Assemble;

impl Module for Assemble {
    type Args = AssembleArgs;

    fn plan(args: &AssembleArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let joined = match cx.blobs.get("content") {
            // The controller's own fragments come joined.
            Some(blob) => blob.bytes()?,
            None => join(args, sys)?,
        };
        let mut plan = Plan::default();
        let edit = Edit::open(&args.dest, sys)?;
        let text = decode(&joined);
        let new = (edit.old.as_deref() != Some(text.as_str())).then_some(text);
        let how = Writing {
            common: &args.common,
            backup: args.backup,
            validate: args.validate.as_deref(),
            diff: cx.diff,
            header: "",
            check: cx.check,
        };
        edit.plan(&mut plan, new.as_deref(), "", &how, sys)?;
        plan.msg = Some("OK".into());
        plan.set("src", args.src.to_string());
        plan.set("dest", args.dest.to_string());
        for (key, algorithm) in [("md5sum", ChecksumAlgorithm::Md5), ("checksum", ChecksumAlgorithm::Sha1)] {
            plan.set(key, checksum(algorithm, &mut joined.as_slice())?);
        }
        Ok(plan)
    }
}

fn join(args: &AssembleArgs, sys: &dyn Observe) -> Result<Vec<u8>, ModuleError> {
    let folder = Path::new(&*args.src);
    let src = &*args.src;
    match sys.stat(folder).map_err(|error| of_path(folder, &error))? {
        None => return Err(ModuleError::new(format!("Source ({src}) does not exist"))),
        Some(meta) if meta.kind != FileKind::Directory => {
            return Err(ModuleError::new(format!("Source ({src}) is not a directory")));
        }
        Some(_) => {}
    }
    let pattern = match args.regexp.as_deref() {
        Some(text) => Some(
            compile(text, "")
                .map_err(|error| ModuleError::new(format!("Invalid Regexp ({}) in \"{text}\"", error.msg)))?,
        ),
        None => None,
    };
    let delimiter = args.delimiter.as_deref().filter(|text| !text.is_empty()).map(unescape);
    let mut out = Vec::new();
    let (mut any, mut open_line) = (false, false);
    for name in sys.read_dir(folder).map_err(|error| of_path(folder, &error))? {
        let path = folder.join(&name);
        let is_file = sys.stat(&path).ok().flatten().is_some_and(|meta| meta.kind == FileKind::File);
        let hidden = args.ignore_hidden && name.starts_with('.');
        if !is_file || hidden {
            continue;
        }
        if let Some(pattern) = &pattern
            && !is_match(pattern, &name)?
        {
            continue;
        }
        let content = sys.read(&path).map_err(|error| of_path(&path, &error))?;
        if open_line {
            out.push(b'\n');
        }
        if let Some(delimiter) = delimiter.as_ref().filter(|_| any) {
            out.extend_from_slice(delimiter);
            if !delimiter.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        open_line = !content.ends_with(b"\n");
        out.extend(content);
        any = true;
    }
    Ok(out)
}

/// `\n` and the like in a delimiter.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    encode(&out)
}
