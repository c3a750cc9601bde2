#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Node, output};
use serde_json::json;
use windlass_protocol::Diff;

#[test]
fn a_blob_is_written_once() {
    let fake = Fake::new();
    let args =
        json!({"dest": "/srv/", "src": "files/app.conf", "_original_basename": "app.conf", "mode": "0640"});
    let put = || fake.task("copy", args.clone()).blob("content", "hi\n").diff().run();
    let outcome = put();
    assert!(outcome.changed, "{outcome:?}");
    let values = outcome.values();
    assert_eq!(values["dest"], "/srv/app.conf");
    assert_eq!(values["checksum"], "55ca6286e3e4f4fba5d0448333fa99fc5a404a73");
    assert_eq!(values["md5sum"], "764efa883dda1e11db47671c4a3bbd9e");
    assert_eq!(
        (&values["mode"], &values["size"], &values["state"]),
        (&json!("0640"), &json!(3), &json!("file"))
    );
    let Diff::Text { before, after } = &outcome.diff[0] else { panic!() };
    assert_eq!((before.header.as_str(), after.header.as_str()), ("", "files/app.conf"));
    let second = put();
    assert!(!second.changed && second.values().get("md5sum").is_none());
}

#[test]
fn a_refused_validation_leaves_the_old_file() {
    let fake = Fake::new();
    fake.file("/etc/sudoers", "old");
    fake.program_with("visudo", |fake, run| {
        let bad = fake.text(run.argv.last().unwrap()).unwrap().contains("bad");
        output(i32::from(bad), "", if bad { "syntax error" } else { "" })
    });
    let args = json!({"dest": "/etc/sudoers", "content": "bad", "validate": "visudo -cf %s", "backup": true});
    let outcome = fake.run_module("copy", args);
    assert!(outcome.failed);
    assert_eq!(outcome.msg.as_deref(), Some("failed to validate: rc:1 error:syntax error"));
    assert_eq!(outcome.values()["stderr"], "syntax error");
    assert_eq!(fake.text("/etc/sudoers").as_deref(), Some("old"));
    let args =
        json!({"dest": "/etc/sudoers", "content": "good", "validate": "visudo -cf %s", "backup": true});
    let outcome = fake.run_module("copy", args);
    assert!(outcome.changed, "{outcome:?}");
    let backup = outcome.values()["backup_file"].as_str().unwrap().to_owned();
    assert_eq!(fake.text(&backup).as_deref(), Some("old"));
}

#[test]
fn what_was_left_out_is_asked_for() {
    let fake = Fake::new();
    let hash = blake3::hash(b"hi\n").to_hex().to_string();
    let args = json!({"dest": "/srv/x", "_hash": hash});
    let outcome = fake.run_module("copy", args.clone());
    assert!(!outcome.changed && !outcome.failed);
    assert_eq!(outcome.values()["needs"], json!(["content"]));
    assert!(fake.task("copy", args.clone()).blob("content", "hi\n").run().changed);
    let again = fake.run_module("copy", args);
    assert!(!again.changed && again.values().get("needs").is_none());
    assert_eq!(again.values()["checksum"], "55ca6286e3e4f4fba5d0448333fa99fc5a404a73");
}

#[test]
fn a_folder_comes_as_entries() {
    let fake = Fake::new();
    let tree = json!([
        {"path": "sub", "kind": "directory"},
        {"path": "sub/a", "kind": "file", "mode": "0755"},
        {"path": "l", "kind": "link", "target": "sub/a"},
    ]);
    let args = json!({"dest": "/srv/app", "mode": "preserve", "directory_mode": "0750", "_tree": tree});
    let put = || fake.task("copy", args.clone()).blob("sub/a", "x").run();
    let outcome = put();
    assert!(outcome.changed, "{outcome:?}");
    assert_eq!(fake.node("/srv/app/sub").unwrap().meta.mode, 0o750);
    assert_eq!(fake.node("/srv/app/sub/a").unwrap().meta.mode, 0o755);
    assert_eq!(fake.node("/srv/app/l").unwrap().target, "sub/a");
    assert!(!put().changed);
    let bad = json!({"dest": "/srv/app", "_tree": [{"path": "../x", "kind": "link", "target": "y"}]});
    assert!(fake.run_module("copy", bad).failed);
}

#[test]
fn a_tree_of_the_host_is_copied_on_the_host() {
    let fake = Fake::new();
    fake.put("/opt/a/x", Node::file("x").mode(0o700));
    fake.file("/opt/a/d/y", "y");
    let args = json!({"src": "/opt/a", "dest": "/srv", "remote_src": true});
    assert!(fake.run_module("copy", args.clone()).changed);
    assert_eq!(fake.node("/srv/a/x").unwrap().meta.mode, 0o700);
    assert_eq!(fake.text("/srv/a/d/y").as_deref(), Some("y"));
    assert!(!fake.run_module("copy", args).changed);
    let inside = json!({"src": "/opt/a", "dest": "/opt/a/d", "remote_src": true});
    assert!(fake.run_module("copy", inside).failed);
}

#[test]
fn check_mode_takes_what_earlier_tasks_would_have_made_for_granted() {
    let fake = Fake::new();
    let args = json!({"dest": "/home/app/site/x", "content": "hi\n", "owner": "app", "group": "app"});
    let outcome = fake.check_module("copy", args.clone());
    assert!(outcome.changed && !outcome.failed, "{outcome:?}");
    assert_eq!(outcome.warnings.len(), 2, "{outcome:?}");
    let outcome = fake.run_module("copy", args);
    assert!(outcome.failed, "{outcome:?}");
    let folder = json!({"path": "/home/app", "state": "directory", "owner": "app"});
    assert!(fake.check_module("file", folder.clone()).changed);
    assert!(fake.run_module("file", folder).failed);
}
