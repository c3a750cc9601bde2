//! Steps that give a small text file a new content.

use crate::{Context, Plan};
use windlass_protocol::change::{Content, DiffSide};
use windlass_protocol::{Diff, FileAttrs, Op, What};

/// A file with its old and new text.
pub struct Rewrite<'a> {
    pub path: &'a str,
    pub before: Option<&'a str>,
    pub after: &'a str,
    pub attrs: FileAttrs,
    pub backup: bool,
}

impl Rewrite<'_> {
    /// Adds the step, and the diff if it is wanted.
    pub fn plan(self, cx: &Context<'_>, plan: &mut Plan) {
        let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        let what = What::FileWritten {
            path: self.path.to_owned(),
            before: self.before.map(hash),
            after: hash(self.after),
        };
        let op = Op::Write {
            path: self.path.to_owned(),
            content: Content::Bytes(self.after.as_bytes().to_vec()),
            attrs: self.attrs,
            backup: self.backup,
            validate: None,
            in_place: false,
        };
        plan.push(what, op);
        text_diff(cx, plan, self.path, self.before.unwrap_or(""), self.after);
    }
}

/// Adds before and after if they are wanted.
pub fn text_diff(cx: &Context<'_>, plan: &mut Plan, header: &str, before: &str, after: &str) {
    if cx.diff {
        let side = |text: &str| DiffSide { header: header.to_owned(), text: text.to_owned() };
        plan.diff.push(Diff::Text { before: side(before), after: side(after) });
    }
}
