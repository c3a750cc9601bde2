//! `tempfile`: makes a temporary file or folder.

use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::tempfile::{TempfileArgs, TempfileState};
use windlass_protocol::{FileAttrs, Op, What};

/// The module.
pub struct Tempfile;

impl Module for Tempfile {
    type Args = TempfileArgs;

    fn plan(args: &TempfileArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        for (name, part) in [("prefix", &args.prefix), ("suffix", &args.suffix)] {
            if part.contains('/') {
                return Err(ModuleError::new(format!(
                    "{name} must be a valid file name component, got '{part}'"
                )));
            }
        }
        let folder = match &args.path {
            Some(path) => path.to_string(),
            None => ["TMPDIR", "TEMP", "TMP"]
                .iter()
                .find_map(|name| sys.env(name).filter(|path| !path.is_empty()))
                .unwrap_or_else(|| "/tmp".into()),
        };
        let mut path = free_name(&folder, args);
        while sys.lstat(Path::new(&path))?.is_some() {
            path = free_name(&folder, args);
        }
        let mut plan = Plan::default();
        plan.set("path", path.as_str());
        match args.state {
            TempfileState::File => {
                let attrs = FileAttrs { mode: Some(0o600), ..FileAttrs::default() };
                let after = blake3::hash(b"").to_hex().to_string();
                let what = What::FileWritten { path: path.clone(), before: None, after };
                let content = Content::Bytes(Vec::new());
                plan.push(
                    what,
                    Op::Write { path, content, attrs, backup: false, validate: None, in_place: false },
                );
            }
            TempfileState::Directory => {
                let attrs = FileAttrs { mode: Some(0o700), ..FileAttrs::default() };
                plan.push(What::DirectoryMade { path: path.clone() }, Op::MakeDirectory { path, attrs });
            }
        }
        Ok(plan)
    }
}

/// A name that nobody can foresee: the hasher's keys come from the system's random source.
fn free_name(folder: &str, args: &TempfileArgs) -> String {
    const SIGNS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let middle: String = (0..8).map(|i| char::from(SIGNS[(random >> (i * 5) & 31) as usize])).collect();
    format!("{}/{}{middle}{}", folder.trim_end_matches('/'), args.prefix, args.suffix)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::system::fake::Fake;
    use serde_json::json;

    #[test]
    fn names_have_their_ends_and_are_all_different() {
        let fake = Fake::new();
        let first = fake.run_module("tempfile", json!({"suffix": ".x"}));
        let path = first.values()["path"].as_str().unwrap().to_owned();
        assert!(path.starts_with("/tmp/ansible.") && path.ends_with(".x"), "{path}");
        assert_eq!(fake.node(&path).unwrap().meta.mode, 0o600);
        let args = json!({"state": "directory", "path": "/srv", "prefix": "d_"});
        let second = fake.run_module("tempfile", args.clone());
        assert_eq!(
            (&second.values()["mode"], &second.values()["state"]),
            (&json!("0700"), &json!("directory"))
        );
        assert_ne!(second.values()["path"], fake.run_module("tempfile", args).values()["path"]);
    }
}
