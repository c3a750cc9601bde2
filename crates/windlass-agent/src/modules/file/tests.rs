#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Node};
use serde_json::json;
use windlass_protocol::ModuleArgs;
use windlass_protocol::modules::file::FileArgs;

#[test]
fn a_folder_gets_its_parents_all_with_the_wanted_mode() {
    let fake = Fake::new();
    let outcome =
        fake.run_module("file", json!({"path": "/srv/a/b/", "state": "directory", "mode": "u=rwx,go="}));
    assert!(outcome.changed);
    assert_eq!(outcome.values()["mode"], "0700");
    assert_eq!(fake.node("/srv/a").unwrap().meta.mode, 0o700);
    let kinds: Vec<String> = outcome.changes.iter().map(|c| format!("{:?}", c.what)).collect();
    assert_eq!(kinds, [r#"DirectoryMade { path: "/srv/a" }"#, r#"DirectoryMade { path: "/srv/a/b" }"#]);
}

#[test]
fn recursion_goes_through_followed_links_and_ends_in_a_loop() {
    let fake = Fake::new();
    fake.file("/srv/a/x", "");
    fake.file("/opt/y", "");
    fake.link("/srv/a/out", "/opt");
    fake.link("/srv/a/loop", "/srv/a");
    fake.link("/srv/a/broken", "/none");
    let args = json!({"path": "/srv/a", "state": "directory", "recurse": true, "mode": "o-rx"});
    assert!(fake.run_module("file", args.clone()).changed);
    assert_eq!(fake.node("/opt/y").unwrap().meta.mode, 0o640);
    assert_eq!(fake.node("/srv/a/x").unwrap().meta.mode, 0o640);
    assert!(!fake.run_module("file", args).changed);
}

#[test]
fn the_diff_names_what_differs() {
    let fake = Fake::new();
    fake.put("/srv/f", Node::file("x").mode(0o600));
    let outcome = fake.check_module("file", json!({"path": "/srv/f", "mode": "0644"}));
    let windlass_protocol::Diff::State { before, after } = &outcome.diff[0] else { panic!() };
    assert_eq!(before.text, r#"{"path":"/srv/f","mode":"0600"}"#);
    assert_eq!(after.text, r#"{"path":"/srv/f","mode":"0644"}"#);
}

#[test]
fn the_plan_of_a_new_file_tells_what_it_gets() {
    let fake = Fake::new();
    let args = json!({"path": "/srv/new", "state": "touch", "mode": "0600", "owner": "12"});
    let outcome = fake.check_module("file", args);
    let what = format!("{:?}", outcome.changes[1].what);
    assert_eq!(
        what,
        r#"AttributesSet { path: "/srv/new", before: "0644 root:root", after: "0600 12:root" }"#
    );
}

#[test]
fn a_tree_that_goes_is_looked_through_for_a_diff_only() {
    let fake = Fake::new();
    fake.file("/srv/a/x", "");
    let args = json!({"path": "/srv/a", "state": "absent"});
    let outcome = fake.task("file", args.clone()).check().diff().run();
    let windlass_protocol::Diff::State { before, .. } = &outcome.diff[0] else { panic!() };
    assert!(before.text.contains("/srv/a/x"), "{}", before.text);
    let mut work = super::Work::default();
    let args = windlass_protocol::args::normalize(&FileArgs::SPEC, args.as_object().unwrap()).unwrap();
    let typed: FileArgs = serde_json::from_value(args.into()).unwrap();
    super::Job::new(&typed, &fake).unwrap().absent(&mut work).unwrap();
    assert!(!work.before.contains_key("path_content"));
}

#[test]
fn what_is_made_gets_the_wished_parts_of_a_context() {
    let fake = Fake::new();
    let args = json!({"path": "/srv/new", "state": "touch", "setype": "httpd_t", "serole": "_default"});
    // Without SELinux there is nothing to set.
    assert_eq!(fake.check_module("file", args.clone()).changes.len(), 1);
    fake.put("/", Node { context: Some("system_u:object_r:root_t:s0".into()), ..Node::directory() });
    let outcome = fake.check_module("file", args);
    let windlass_protocol::Op::SetAttrs { attrs, .. } = &outcome.changes[1].op else { panic!() };
    assert_eq!(attrs.context.as_deref(), Some("::httpd_t:"));
}

#[test]
fn names_that_are_no_text_are_not_left_out() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::write(&odd, "x").unwrap();
    let args =
        json!({"path": folder.path().to_str(), "state": "directory", "recurse": true, "mode": "u=rwX,go="});
    let real = crate::system::real::Real::new();
    let outcome = crate::system::fake::Task::new(&real, "file", args).run();
    assert!(outcome.changed && !outcome.failed, "{outcome:?}");
    assert_eq!(std::fs::metadata(&odd).unwrap().permissions().mode() & 0o777, 0o600);
}
