//! `fetch`: sends a file back.

use crate::paths::{checksum, of_path};
use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use std::path::{Path, PathBuf};
use windlass_protocol::FileKind;
use windlass_protocol::modules::fetch::FetchArgs;
use windlass_protocol::modules::stat::ChecksumAlgorithm;

/// The module.
pub struct Fetch;

impl Module for Fetch {
    type Args = FetchArgs;

    fn plan(args: &FetchArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let path = Path::new(&*args.src);
        let mut plan = Plan::default();
        plan.set("file", args.src.to_string());
        let refuse = |mut plan: Plan, text: &str| {
            if args.fail_on_missing {
                return Err(ModuleError::new(text));
            }
            plan.msg = Some(format!("{text}, not transferring, ignored"));
            plan.set("sent", false);
            Ok(plan)
        };
        match sys.stat(path).map_err(|error| of_path(path, &error))? {
            // The words are the same whether it matters or not.
            None if args.fail_on_missing => {
                return refuse(plan, "the remote file does not exist, not transferring, ignored");
            }
            None => return refuse(plan, "the remote file does not exist"),
            Some(meta) if meta.kind == FileKind::Directory => {
                return refuse(plan, "remote file is a directory, fetch cannot work on directories");
            }
            Some(meta) => plan.set("size", meta.size),
        }
        if !sys.access(path, 4) {
            return refuse(plan, "the remote file is not readable");
        }
        let mut file = sys.open(path).map_err(|error| of_path(path, &error))?;
        let sum = checksum(ChecksumAlgorithm::Sha1, &mut file).map_err(|error| of_path(path, &error))?;
        let send = args._have.as_deref() != Some(sum.as_str());
        plan.set("checksum", sum);
        plan.set("sent", send && !cx.check);
        if send && !cx.check {
            plan.send.push(PathBuf::from(&*args.src));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::system::fake::Fake;
    use serde_json::json;
    use std::path::PathBuf;

    #[test]
    fn a_file_is_sent_unless_the_controller_has_it() {
        let fake = Fake::new();
        fake.file("/srv/f", "hi\n");
        let mut task = fake.task("fetch", json!({"src": "/srv/f", "dest": "x"}));
        let outcome = task.run();
        assert!(!outcome.failed && !outcome.changed);
        assert_eq!(task.sent(), [PathBuf::from("/srv/f")]);
        let sum = outcome.values()["checksum"].clone();
        let mut task = fake.task("fetch", json!({"src": "/srv/f", "dest": "x", "_have": sum}));
        assert_eq!(task.run().values()["sent"], false);
        assert!(task.sent().is_empty());
        assert!(fake.run_module("fetch", json!({"src": "/srv/none", "dest": "x"})).failed);
        let lenient = fake.run_module("fetch", json!({"src": "/srv", "dest": "x", "fail_on_missing": false}));
        assert!(!lenient.failed && lenient.msg.unwrap().contains("is a directory"));
    }
}
