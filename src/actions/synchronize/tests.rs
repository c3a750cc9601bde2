#![allow(clippy::unwrap_used)]

use super::{How, OptionError, Remote, Reply, Upload, UploadSource, run, sync_options};
use crate::transport::Sink;
use serde_json::json;
use std::convert::Infallible;
use std::path::Path;
use windlass_agent::blobs::{BlobRef, Blobs};
use windlass_agent::system::real::Real;
use windlass_agent::{Context, registry};
use windlass_protocol::modules::synchronize::{Rule, SynchronizeArgs};
use windlass_protocol::{Json, JsonMap, ModuleArgs, Outcome, args::normalize};

/// An agent in this process, with the real file system.
#[derive(Default)]
struct Here {
    requests: Vec<usize>,
    check: bool,
}

impl Remote for Here {
    type Error = Infallible;

    async fn request(
        &mut self,
        module: &str,
        args: JsonMap,
        uploads: Vec<Upload>,
        mut sink: Option<&mut dyn Sink>,
    ) -> Result<Reply, Infallible> {
        self.requests.push(uploads.len());
        let mut blobs = Blobs::default();
        for upload in uploads {
            let bytes = match upload.source {
                UploadSource::Bytes(bytes) => bytes,
                UploadSource::File(path) => std::fs::read(path).unwrap(),
            };
            blobs.insert(upload.name, BlobRef::memory(bytes));
        }
        let scratch = std::env::temp_dir();
        let cx = Context {
            check: self.check,
            diff: false,
            no_log: false,
            environment: &[],
            blobs: &blobs,
            scratch: &scratch,
        };
        let args = serde_json::to_vec(&args).unwrap();
        let ran = registry::find(module).unwrap().run(&args, &cx, &Real::new(), None);
        for (index, path) in ran.send.iter().enumerate() {
            let bytes = std::fs::read(path).unwrap();
            sink.as_mut().unwrap().write(index as u32, &bytes, true).unwrap();
        }
        Ok(Reply { outcome: ran.outcome })
    }
}

fn args(value: Json) -> SynchronizeArgs {
    let map = normalize(&SynchronizeArgs::SPEC, value.as_object().unwrap()).unwrap();
    serde_json::from_value(Json::Object(map)).unwrap()
}

fn lines(outcome: &Outcome) -> Vec<String> {
    assert!(!outcome.failed, "{outcome:?}");
    serde_json::from_value(outcome.values()["stdout_lines"].clone()).unwrap()
}

fn tree(root: &Path) {
    std::fs::create_dir_all(root.join("src/django")).unwrap();
    std::fs::write(root.join("src/django/manage.py"), "print()\n").unwrap();
    std::fs::write(root.join("README.md"), "hi\n").unwrap();
    std::fs::write(root.join("x.pyc"), "x").unwrap();
}

#[tokio::test]
async fn a_push_sends_what_is_needed_and_a_second_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    tree(&here);
    std::fs::create_dir_all(&there).unwrap();
    std::fs::write(there.join(".env"), "SECRET").unwrap();
    std::fs::write(there.join("old"), "").unwrap();
    let task = args(json!({
        "src": format!("{}/", here.display()), "dest": there.to_str(), "delete": true,
        "rsync_opts": ["--exclude=*.pyc", "--filter=P .env", "-O"],
    }));
    let mut agent = Here { check: true, ..Here::default() };
    let how = How { check: true, ..How::default() };
    let planned = run(&task, how, &mut agent).await.unwrap();
    assert!(planned.changed && there.join("old").exists());
    let mut agent = Here::default();
    let done = run(&task, How::default(), &mut agent).await.unwrap();
    assert_eq!(lines(&done), lines(&planned));
    assert_eq!(
        lines(&done),
        [
            "<f+++++++++ README.md",
            "cd+++++++++ src/",
            "cd+++++++++ src/django/",
            "<f+++++++++ src/django/manage.py",
            "*deleting   old"
        ]
    );
    assert_eq!(agent.requests, [1, 3]);
    assert!(there.join(".env").exists() && !there.join("x.pyc").exists());
    let again = run(&task, How::default(), &mut agent).await.unwrap();
    assert!(!again.changed && lines(&again).is_empty());
    assert_eq!(agent.requests, [1, 3, 1]);
    assert_eq!(again.values()["rc"], 0);
}

#[tokio::test]
async fn a_pull_is_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    tree(&there);
    let task = args(json!({"src": there.to_str(), "dest": here.to_str(), "mode": "pull"}));
    let mut agent = Here::default();
    let how = How { check: true, ..How::default() };
    assert!(run(&task, how, &mut agent).await.unwrap().changed && !here.exists());
    let done = run(&task, How::default(), &mut agent).await.unwrap();
    assert!(
        lines(&done).contains(&">f+++++++++ there/src/django/manage.py".to_owned()),
        "{:?}",
        lines(&done)
    );
    assert_eq!(std::fs::read(here.join("there/README.md")).unwrap(), b"hi\n");
    assert!(!run(&task, How::default(), &mut agent).await.unwrap().changed);
}

#[test]
fn a_target_gives_what_was_asked_for() {
    use super::transfer::check_names;
    use windlass_protocol::modules::synchronize::{Entry, EntryKind, Manifest};
    let entry = |path: &str, kind| Entry {
        path: path.into(),
        kind,
        size: 0,
        mtime: (0, 0),
        mode: 0,
        user: 0,
        group: 0,
        target: None,
        hash: None,
    };
    let (file, folder) = (|path| entry(path, EntryKind::File), |path| entry(path, EntryKind::Directory));
    let strange = |src: &str, single, entries: Vec<Entry>| {
        check_names::<std::io::Error>(src, single, &Manifest { entries, ..Manifest::default() }).is_err()
    };
    assert!(!strange("/srv/f", true, vec![file("f")]));
    assert!(strange("/srv/f", true, vec![file(".bashrc")]));
    assert!(strange("/srv/f", true, vec![folder(".ssh"), file(".ssh/authorized_keys")]));
    assert!(strange("/srv/f", true, vec![folder("f")]));
    assert!(!strange("/srv/d", false, vec![folder("d"), file("d/x")]));
    assert!(strange("/srv/d", false, vec![folder("d"), file(".bashrc")]));
    assert!(!strange("/srv/d/", false, vec![folder(""), file("x")]));
    assert!(!strange("~", false, vec![folder("op"), file("op/x")]));
}

#[tokio::test]
async fn a_source_that_is_not_there_is_said() {
    let task = args(json!({"src": "/no/such/tree/", "dest": "/tmp/x"}));
    let error = run(&task, How::default(), &mut Here::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the source /no/such/tree does not exist");
}

#[test]
fn options_of_rsync_are_read() {
    let read = |opts: Json| sync_options(&args(json!({"src": "a", "dest": "b", "rsync_opts": opts})));
    let options = read(json!([
        "--exclude=.git",
        "--exclude '*.pyc'",
        "--filter=- /x",
        "-f",
        "P .env",
        "-rlc",
        "--no-perms",
        "--chown=www:www",
        "--chmod=D755,F644",
        "--timeout=5"
    ]))
    .unwrap();
    // The first is that of `delay_updates`.
    assert_eq!(options.rules.len(), 5);
    assert!(matches!(&options.rules[2], Rule::Match(rule) if rule.pattern == "*.pyc" && !rule.include));
    assert!(options.checksum && !options.perms && options.owner);
    assert_eq!((options.chown_user.as_deref(), options.chmod.len()), (Some("www"), 2));
    assert!(matches!(read(json!(["--fuzzy"])), Err(OptionError::Unsupported(_))));
    assert!(matches!(read(json!(["--exclude"])), Err(OptionError::Value(_))));
    let bare = args(json!({"src": "a", "dest": "b", "archive": false, "times": true, "delete": true}));
    assert!(matches!(sync_options(&bare), Err(OptionError::Delete)));
}
