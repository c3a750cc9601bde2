#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Node};
use serde_json::json;

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
