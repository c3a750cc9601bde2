#![allow(clippy::unwrap_used)]

use crate::system::fake::{Fake, Task};
use crate::system::real::Real;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_protocol::Outcome;

/// A folder with a tree to pack (`in`), and one to unpack into (`out`).
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(room.path("in/app/sub")).unwrap();
        std::fs::create_dir(room.path("out")).unwrap();
        std::fs::write(room.path("in/app/one"), "one\n").unwrap();
        std::fs::write(room.path("in/app/sub/two"), "two\n").unwrap();
        std::fs::set_permissions(room.path("in/app/one"), std::fs::Permissions::from_mode(0o640)).unwrap();
        room
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn pack(&self, argv: &[&str]) {
        let status = Command::new(argv[0]).args(&argv[1..]).current_dir(self.path("in")).status().unwrap();
        assert!(status.success());
    }
    fn task(&self, name: &str, more: Value, check: bool) -> Outcome {
        let mut args =
            json!({"src": self.path(name).to_str(), "dest": self.path("out").to_str(), "remote_src": true});
        for (key, value) in more.as_object().unwrap() {
            args[key] = value.clone();
        }
        let real = Real::new();
        let task = Task::new(&real, "unarchive", args).diff();
        if check { task.check().run() } else { { task }.run() }
    }
    fn run(&self, name: &str, more: Value) -> Outcome {
        let outcome = self.task(name, more, false);
        assert!(!outcome.failed, "{:?} {:?}", outcome.msg, outcome.values());
        outcome
    }
    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn unpacks_every_format_once() {
    let room = Room::new();
    room.pack(&["tar", "czf", "../a.tgz", "app"]);
    room.pack(&["tar", "cf", "../a.tar", "app"]);
    room.pack(&["zip", "-qr", "../a.zip", "app"]);
    for (name, handler) in [("a.tgz", "TgzArchive"), ("a.tar", "TarArchive"), ("a.zip", "ZipArchive")] {
        let check = room.task(name, json!({}), true);
        assert!(check.changed && !check.failed && !room.path("out/app").exists(), "{name}: {:?}", check.msg);
        let outcome = room.run(name, json!({"list_files": true}));
        assert!(outcome.changed, "{name}");
        assert_eq!(outcome.values()["handler"], json!(handler));
        assert_eq!(outcome.values()["extract_results"]["rc"], json!(0));
        assert_eq!(outcome.values()["state"], json!("directory"));
        assert!(outcome.values()["files"].as_array().unwrap().contains(&json!("app/sub/two")), "{name}");
        assert_eq!(room.text("out/app/sub/two").as_deref(), Some("two\n"));
        assert_eq!(mode(&room.path("out/app/one")), 0o640);
        let again = room.run(name, json!({}));
        assert!(!again.changed && again.changes.is_empty(), "{name}: {:?}", again.diff);
        assert!(!room.task(name, json!({}), true).changed);
        std::fs::write(room.path("out/app/one"), "changed").unwrap();
        assert!(room.task(name, json!({}), true).changed);
        assert!(room.run(name, json!({})).changed);
        assert_eq!(room.text("out/app/one").as_deref(), Some("one\n"));
        std::fs::remove_dir_all(room.path("out/app")).unwrap();
    }
}

#[test]
fn parts_and_attributes() {
    let room = Room::new();
    room.pack(&["tar", "czf", "../a.tgz", "app"]);
    room.pack(&["zip", "-qr", "../a.zip", "app"]);
    for name in ["a.tgz", "a.zip"] {
        assert!(room.run(name, json!({"include": "app/one"})).changed, "{name}");
        assert!(room.path("out/app/one").exists() && !room.path("out/app/sub").exists(), "{name}");
        assert!(!room.run(name, json!({"include": "app/one"})).changed, "{name}");
        std::fs::remove_dir_all(room.path("out/app")).unwrap();
        let args = json!({"exclude": ["app/one"], "mode": "u=rwX,g=rX,o="});
        assert!(room.run(name, args.clone()).changed, "{name}");
        assert!(!room.path("out/app/one").exists(), "{name}");
        assert_eq!(
            (mode(&room.path("out/app/sub")), mode(&room.path("out/app/sub/two"))),
            (0o750, 0o640),
            "{name}"
        );
        let again = room.run(name, args);
        assert!(!again.changed, "{name}: {:?}", again.changes);
        std::fs::remove_dir_all(room.path("out/app")).unwrap();
    }
    assert!(room.run("a.tgz", json!({"extra_opts": ["--strip-components=1"]})).changed);
    assert!(room.path("out/one").exists());
    assert!(!room.run("a.tgz", json!({"extra_opts": ["--strip-components=1"]})).changed);
}

#[test]
fn what_is_newer_stays() {
    let room = Room::new();
    room.pack(&["tar", "czf", "../a.tgz", "app"]);
    room.pack(&["zip", "-qr", "../a.zip", "app"]);
    for name in ["a.tgz", "a.zip"] {
        room.run(name, json!({}));
        std::fs::write(room.path("out/app/one"), "newer\n").unwrap();
        let file = std::fs::File::options().write(true).open(room.path("out/app/one")).unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3600)).unwrap();
        room.run(name, json!({"keep_newer": true}));
        assert_eq!(room.text("out/app/one").as_deref(), Some("newer\n"), "{name}");
        std::fs::remove_dir_all(room.path("out/app")).unwrap();
    }
}

#[test]
fn from_the_controller_and_from_the_web() {
    let room = Room::new();
    room.pack(&["tar", "czf", "../a.tgz", "app"]);
    let bytes = std::fs::read(room.path("a.tgz")).unwrap();
    let real = Real::new();
    let args = json!({"src": "a.tgz", "dest": room.path("out").to_str()});
    let outcome = Task::new(&real, "unarchive", args).blob("content", &bytes).run();
    assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
    assert_eq!(room.text("out/app/one").as_deref(), Some("one\n"));
    let fake = Fake::new();
    fake.web(|request| Ok(crate::system::fake::answer(request, 404, &[], b"")));
    let missing =
        fake.run_module("unarchive", json!({"src": "http://h/a.tgz", "dest": "/srv", "remote_src": true}));
    assert_eq!(missing.msg.unwrap(), "Failure downloading http://h/a.tgz, HTTP Error 404: Not Found");
}

#[test]
fn failures() {
    let room = Room::new();
    std::fs::write(room.path("rubbish"), "no archive at all").unwrap();
    std::fs::write(room.path("empty"), "").unwrap();
    std::fs::write(room.path("bad.zip"), b"PK\x03\x04 damaged").unwrap();
    let msg = |name: &str, more: Value| room.task(name, more, false).msg.unwrap();
    assert!(msg("rubbish", json!({})).starts_with("Failed to find handler for"));
    assert!(msg("bad.zip", json!({})).starts_with("Failed to find handler for"));
    assert!(msg("empty", json!({})).ends_with("the file is 0 bytes"));
    assert!(msg("nothing", json!({})).ends_with("does not exist"));
    assert!(msg("nothing", json!({"remote_src": false})).ends_with("failed to transfer"));
    assert!(msg("rubbish", json!({"dest": "/no/such"})).ends_with("is not a directory"));
    let creates = room.task("nothing", json!({"creates": room.path("in").to_str()}), false);
    assert!(creates.skipped && !creates.changed);
}

#[test]
fn damaged_directories_are_refused() {
    use super::zip::entries;
    assert_eq!(entries(b""), None);
    let end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\xff\xff\xff\xff\x10\0\0\0\0\0".to_vec();
    assert_eq!(entries(&end), None);
    assert_eq!(entries(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), Some(Vec::new()));
}
