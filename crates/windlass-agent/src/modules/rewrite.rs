//! Steps that give a small text file a new content.

use crate::text::encode;
use crate::{Context, Plan};
use windlass_protocol::change::{Content, DiffSide};
use windlass_protocol::{Diff, FileAttrs, Op, What};

/// A file with its old and new text, as [`decode`](crate::text::decode) gives it: what is no UTF-8 stays as it is.
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
        let hash = |text: &str| blake3::hash(&encode(text)).to_hex().to_string();
        let what = What::FileWritten {
            path: self.path.to_owned(),
            before: self.before.map(hash),
            after: hash(self.after),
        };
        let op = Op::Write {
            path: self.path.to_owned(),
            content: Content::Bytes(encode(self.after)),
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
        let shown = |text: &str| String::from_utf8_lossy(&encode(text)).into_owned();
        let side = |text: &str| DiffSide { header: header.to_owned(), text: shown(text) };
        plan.diff.push(Diff::Text { before: side(before), after: side(after) });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::system::Observe;
    use crate::system::fake::{Fake, Node};
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn what_is_no_utf8_stays_as_it_is() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVvZW9lb2Vvb2Vvb2Vvb2Vvb2Vvb2Vvb2Vvb2Vv";
        let known = format!("host {key}");
        let key = format!("{key} me");
        for (module, path, args) in [
            ("cron", "/etc/cron.d/x", json!({"name": "n", "job": "true", "cron_file": "x", "user": "root"})),
            ("sysctl", "/etc/sysctl.conf", json!({"name": "a.b", "value": "1", "reload": false})),
            ("authorized_key", "/srv/keys", json!({"user": "root", "key": key, "path": "/srv/keys"})),
            ("known_hosts", "/srv/known", json!({"name": "host", "key": known, "path": "/srv/known"})),
        ] {
            let fake = Fake::new();
            fake.put(path, Node::file(b"# caf\xe9\n"));
            let outcome = fake.run_module(module, args);
            assert!(outcome.changed && !outcome.failed, "{module}: {:?}", outcome.msg);
            let after = fake.read(Path::new(path)).unwrap();
            assert!(after.starts_with(b"# caf\xe9\n"), "{module}: {}", String::from_utf8_lossy(&after));
        }
    }
}
