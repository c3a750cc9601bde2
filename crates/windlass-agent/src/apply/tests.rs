#![allow(clippy::unwrap_used)]

use super::*;
use crate::system::fake::{Fake, output};
use serde_json::json;
use windlass_protocol::{FileKind, What};

/// The paths of the backups beside `/etc/a`.
fn backups(fake: &Fake) -> Vec<String> {
    let names = fake.paths().into_iter();
    names.filter(|path| path.starts_with("/etc/a.") && path.ends_with('~')).collect()
}

#[test]
fn backups_of_one_second_have_names_of_their_own() {
    let fake = Fake::new();
    fake.file("/etc/a", "original\n");
    fake.set_now(1_763_000_000);
    for line in ["one", "two", "three"] {
        let args = json!({"path": "/etc/a", "line": line, "backup": true});
        assert!(!fake.task("lineinfile", args).run().failed);
    }
    let found = backups(&fake);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|path| path.ends_with(".2025-11-13@02:13:20~")), "{found:?}");
    assert_eq!(fake.text(&found[0]).unwrap(), "original\n");
    assert_eq!(fake.text(&found[1]).unwrap(), "original\none\n");
}

#[test]
fn a_backup_goes_through_no_planted_link() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a"), "old").unwrap();
    std::fs::write(at("shadow"), "secret").unwrap();
    let sys = crate::system::real::Real::new();
    let now = crate::system::Observe::now(&sys).0;
    // Names that the backup might get in the next seconds.
    for second in now..now + 30 {
        let time = stamp(&crate::system::Observe::local_time(&sys, second));
        std::os::unix::fs::symlink("shadow", at(&format!("a.{}.{time}~", std::process::id()))).unwrap();
    }
    let copy = back_up(&sys, &at("a")).unwrap();
    assert_eq!(std::fs::read_to_string(at("shadow")).unwrap(), "secret");
    assert!(std::fs::symlink_metadata(&copy).unwrap().is_file());
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "old");
}

#[test]
fn what_was_done_before_a_failure_is_told() {
    let fake = Fake::new();
    fake.file("/a/x", "");
    fake.fail("make_dir", "/a/b/c", io::ErrorKind::PermissionDenied);
    let outcome = fake.task("file", json!({"path": "/a/b/c/d", "state": "directory"})).run();
    assert!(outcome.failed && outcome.changed, "{outcome:?}");
    assert_eq!(outcome.changes.len(), 1, "{outcome:?}");
    assert_eq!(outcome.changes[0].what, windlass_protocol::What::DirectoryMade { path: "/a/b".into() });
    // Where nothing was done, nothing is told.
    fake.fail("make_dir", "/x", io::ErrorKind::PermissionDenied);
    let outcome = fake.task("file", json!({"path": "/x/y", "state": "directory"})).run();
    assert!(outcome.failed && !outcome.changed && outcome.changes.is_empty(), "{outcome:?}");
}

#[test]
fn what_was_for_the_other_steps_is_taken_away_after_a_failure() {
    let change = |op| Change::new(What::PathRemoved { path: "/x".into(), kind: FileKind::File }, op);
    let remove = |path: &str| change(Op::Remove { path: path.into(), recursive: false });
    for ends in ["not there", "fails", "well"] {
        let fake = Fake::new();
        for path in ["/srv/a", "/srv/b", "/srv/c"] {
            fake.file(path, "");
        }
        if ends != "not there" {
            let code = i32::from(ends == "fails");
            fake.program("work", move |_, _| output(code, "", "no"));
        }
        let work = change(Op::Run(RunSpec::new(["work"])));
        let changes = [work, remove("/srv/a"), remove("/srv/b").always(), remove("/srv/c").always()];
        let result = apply(&changes, &Blobs::default(), &fake, None);
        assert_eq!(result.is_ok(), ends == "well");
        assert_eq!(fake.node("/srv/a").is_none(), ends == "well", "{ends}");
        assert!(fake.node("/srv/b").is_none() && fake.node("/srv/c").is_none(), "{ends}");
    }
    let fake = Fake::new();
    fake.file("/srv/b", "");
    fake.fail("remove", "/srv/b", io::ErrorKind::PermissionDenied);
    let changes = [change(Op::Run(RunSpec::new(["work"]))), remove("/srv/b").always()];
    let error = apply(&changes, &Blobs::default(), &fake, None).unwrap_err();
    assert!(error.msg.contains("'work'; and afterwards: /srv/b: "), "{}", error.msg);
}
