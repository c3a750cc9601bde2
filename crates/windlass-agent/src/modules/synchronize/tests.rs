#![allow(clippy::unwrap_used)]

use super::filter::parse_rule;
use super::{list, pack_manifest, unpack_manifest};
use crate::system::Observe;
use crate::system::fake::{Fake, Node, Task};
use crate::system::real::Real;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use windlass_protocol::Outcome;
use windlass_protocol::modules::synchronize::{SyncJob, SyncOptions, content_name, encode_manifest};

fn archive() -> SyncOptions {
    SyncOptions {
        recursive: true,
        links: true,
        perms: true,
        times: true,
        owner: true,
        group: true,
        ..SyncOptions::default()
    }
}

fn with_rules(options: SyncOptions, rules: &[&str]) -> SyncOptions {
    let rules = rules.iter().filter_map(|text| parse_rule(text).unwrap()).collect();
    SyncOptions { rules, ..options }
}

/// Both sides on one machine: asks, then sends what is needed.
fn sync(
    sys: &dyn crate::system::Mutate,
    src: &str,
    dest: &str,
    options: &SyncOptions,
    check: bool,
) -> Outcome {
    let listing = list(src, options, sys).unwrap();
    let bytes = encode_manifest(&listing.manifest).unwrap();
    let job = SyncJob::Apply { dest: dest.into(), single: listing.single, options: options.clone() };
    let args = json!({"src": src, "dest": dest, "_job": serde_json::to_value(job).unwrap()});
    let ask = |contents: &[usize]| {
        let mut task = Task::new(sys, "synchronize", args.clone()).blob("manifest", &bytes);
        if check {
            task = task.check();
        }
        for index in contents {
            let path = format!("{}/{}", listing.root, listing.manifest.entries[*index].path);
            task = task.blob(&content_name(*index), sys.read(Path::new(&path)).unwrap());
        }
        task.run()
    };
    let first = ask(&[]);
    let needs: Vec<usize> = match first.values().get("needs") {
        Some(needs) => serde_json::from_value(needs.clone()).unwrap(),
        None => return first,
    };
    assert!(!first.changed && !check);
    ask(&needs)
}

fn lines(outcome: &Outcome) -> Vec<String> {
    assert!(!outcome.failed, "{outcome:?}");
    serde_json::from_value(outcome.values()["stdout_lines"].clone()).unwrap()
}

fn sample() -> Fake {
    let fake = Fake::new();
    fake.put("/src/f", Node::file("1\n").time(1000));
    fake.put("/src/d/g", Node::file("2\n").time(1001).mode(0o600));
    fake.put("/src/l", Node::link("f").time(1002));
    fake.put("/src/e", Node::directory().time(1003));
    fake
}

#[test]
fn a_tree_is_made_then_left_alone_then_mended() {
    let fake = sample();
    fake.file("/dst/x/y/z", "old");
    fake.file("/dst/w", "old");
    let options = SyncOptions { delete: true, ..archive() };
    let checked = sync(&fake, "/src/", "/dst", &options, true);
    let wanted = [
        ".d..t...... ./",
        ">f+++++++++ f",
        "cL+++++++++ l -> f",
        "cd+++++++++ d/",
        ">f+++++++++ d/g",
        "cd+++++++++ e/",
        "*deleting   x/y/z",
        "*deleting   x/y/",
        "*deleting   x/",
        "*deleting   w",
    ];
    fake.put("/src", Node::directory().time(77));
    assert_eq!(lines(&checked)[..], wanted[1..]);
    assert!(checked.changed && fake.text("/dst/w").is_some());
    let done = sync(&fake, "/src/", "/dst/", &options, false);
    assert_eq!(lines(&done), wanted);
    assert_eq!(fake.node("/dst/d/g").unwrap().meta.mode, 0o600);
    assert_eq!(fake.node("/dst/d/g").unwrap().meta.mtime.0, 1001);
    assert_eq!(fake.node("/dst").unwrap().meta.mtime.0, 77);
    assert!(fake.text("/dst/w").is_none());
    let again = sync(&fake, "/src/", "/dst", &options, false);
    assert!(!again.changed && lines(&again).is_empty(), "{:?}", lines(&again));

    fake.put("/src/f", Node::file("22\n").time(2000));
    fake.put("/src/d/g", Node::file("2\n").time(1001).mode(0o640));
    fake.put("/src/l", Node::link("d/g").time(2001));
    let third = sync(&fake, "/src/", "/dst", &options, false);
    assert_eq!(lines(&third), [">f.st...... f", "cLc.t...... l -> d/g", ".f...p..... d/g"]);
    assert!(!sync(&fake, "/src/", "/dst", &options, false).changed);
}

#[test]
fn excluded_and_protected_paths_stay() {
    let fake = sample();
    fake.file("/src/a.pyc", "x");
    fake.file("/dst/.env", "SECRET");
    fake.file("/dst/old/.env", "SECRET");
    fake.file("/dst/old/x", "");
    fake.file("/dst/cache/b.pyc", "x");
    fake.file("/dst/gone", "");
    let rules = ["- *.pyc", "P .env"];
    let options = with_rules(SyncOptions { delete: true, omit_dir_times: true, ..archive() }, &rules);
    let outcome = sync(&fake, "/src/", "/dst", &options, false);
    let deleted: Vec<String> = lines(&outcome).into_iter().filter(|l| l.starts_with('*')).collect();
    assert_eq!(deleted, ["*deleting   old/x", "*deleting   gone"]);
    for kept in ["/dst/.env", "/dst/old/.env", "/dst/cache/b.pyc"] {
        assert!(fake.text(kept).is_some(), "{kept}");
    }
    assert!(fake.text("/dst/a.pyc").is_none());
    assert!(!sync(&fake, "/src/", "/dst", &options, false).changed);
}

#[test]
fn a_filter_file_that_arrives_protects_at_once() {
    let fake = sample();
    fake.file("/src/d/.rules", "P kept\n");
    for kept in ["/dst/d/kept", "/dst/d/old", "/dst/kept"] {
        fake.file(kept, "");
    }
    let options = with_rules(SyncOptions { delete: true, ..archive() }, &[": .rules"]);
    assert!(sync(&fake, "/src/", "/dst", &options, false).changed);
    assert!(fake.text("/dst/d/kept").is_some());
    assert!(fake.text("/dst/d/old").is_none() && fake.text("/dst/kept").is_none());
    // The next version of the file counts, and not the one that it replaces.
    fake.file("/src/d/.rules", "# no rule any more\n");
    assert!(sync(&fake, "/src/", "/dst", &options, false).changed);
    assert!(fake.text("/dst/d/kept").is_none());
}

#[test]
fn a_folder_without_a_slash_goes_into_the_destination() {
    let fake = sample();
    fake.file("/dst/other", "");
    let options = SyncOptions { delete: true, ..archive() };
    assert!(sync(&fake, "/src", "/dst", &options, false).changed);
    assert_eq!(fake.text("/dst/src/f").as_deref(), Some("1\n"));
    assert!(fake.text("/dst/other").is_some());
    assert!(!sync(&fake, "/src", "/dst/", &options, false).changed);
}

#[test]
fn one_file_may_get_a_new_name() {
    let fake = sample();
    let outcome = sync(&fake, "/src/f", "/srv/new", &archive(), false);
    assert_eq!(lines(&outcome), [">f+++++++++ new"]);
    assert_eq!(fake.text("/srv/new").as_deref(), Some("1\n"));
    assert!(sync(&fake, "/src/f", "/srv/", &archive(), false).changed);
    assert!(fake.text("/srv/f").is_some());
    assert!(sync(&fake, "/src/f", "/no/where/f", &archive(), false).failed);
}

#[test]
fn a_mode_that_is_none_is_refused_before_anything_is_done() {
    for clause in ["nonsense", "D", "Fu+q", "999", ""] {
        let fake = sample();
        let options = SyncOptions { chmod: vec!["D755".into(), clause.into()], ..archive() };
        let outcome = sync(&fake, "/src/", "/dst", &options, false);
        let msg = format!("Invalid argument passed to --chmod ({clause})");
        assert_eq!(outcome.msg.as_deref(), Some(msg.as_str()));
        assert!(fake.node("/dst").is_none());
    }
}

#[test]
fn checksums_find_what_size_and_time_hide() {
    let fake = Fake::new();
    fake.put("/src/f", Node::file("abc").time(5));
    fake.put("/dst/f", Node::file("abd").time(5));
    let quick = SyncOptions { omit_dir_times: true, ..archive() };
    assert!(!sync(&fake, "/src/", "/dst", &quick, false).changed);
    let thorough = SyncOptions { checksum: true, ..quick };
    assert_eq!(lines(&sync(&fake, "/src/", "/dst", &thorough, false)), [">fc........ f"]);
    assert!(!sync(&fake, "/src/", "/dst", &thorough, false).changed);
}

#[test]
fn a_link_at_the_destination_does_not_lead_out_of_the_tree() {
    let fake = sample();
    fake.file("/etc/keep", "k");
    fake.link("/dst/d", "/etc");
    let options = SyncOptions { delete: true, ..archive() };
    assert!(!sync(&fake, "/src/", "/dst", &options, false).failed);
    assert!(fake.text("/etc/g").is_none() && fake.text("/etc/keep").is_some());
    assert_eq!(fake.text("/dst/d/g").as_deref(), Some("2\n"));
}

#[test]
fn nothing_is_removed_if_the_source_could_not_be_read() {
    let fake = sample();
    fake.file("/dst/x", "");
    fake.fail("read", "/src/d", std::io::ErrorKind::PermissionDenied);
    let options = SyncOptions { delete: true, ..archive() };
    let listing = list("/src/", &options, &fake).unwrap();
    assert!(listing.manifest.incomplete && !listing.warnings.is_empty());
    assert!(sync(&fake, "/src/", "/dst", &options, false).changed);
    assert!(fake.text("/dst/x").is_some());
}

#[test]
fn a_manifest_survives_as_text() {
    let fake = sample();
    let manifest = list("/src/", &archive(), &fake).unwrap().manifest;
    assert_eq!(unpack_manifest(&pack_manifest(&manifest).unwrap()).unwrap(), manifest);
    assert!(unpack_manifest("AAAA").is_err());
    assert!(unpack_manifest("/////w==").is_err());
}

#[test]
fn five_thousand_unchanged_files_are_compared_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let (src, dst) = (folder.path().join("src"), folder.path().join("dst"));
    for number in 0..5000 {
        let sub = src.join(format!("d{}", number % 50));
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join(format!("f{number}")), format!("{number}\n")).unwrap();
    }
    let real = Real::new();
    let (src, dst) = (format!("{}/", src.display()), dst.display().to_string());
    let options = SyncOptions { delete: true, ..archive() };
    let start = Instant::now();
    assert!(sync(&real, &src, &dst, &options, false).changed);
    let cold = start.elapsed();
    assert_eq!(real.read_dir(Path::new(&dst)).unwrap().len(), 50);
    let start = Instant::now();
    assert!(!sync(&real, &src, &dst, &options, false).changed);
    let warm = start.elapsed();
    // An unoptimized build on a busy machine: the figures of a release build are a fraction.
    assert!(warm.as_millis() < 1500, "cold {cold:?}, unchanged {warm:?}");
}

#[test]
fn no_file_is_written_through_a_link_of_the_sender() {
    use windlass_protocol::modules::synchronize::{Entry, EntryKind, Manifest};
    let fake = Fake::new();
    fake.dir("/home/op/.ssh");
    let entry = |path: &str, kind, target: Option<&str>| Entry {
        path: path.into(),
        kind,
        size: 1,
        mtime: (1, 0),
        mode: 0o600,
        user: 0,
        group: 0,
        target: target.map(str::to_owned),
        hash: None,
    };
    let file = entry("x/authorized_keys", EntryKind::File, None);
    for entries in [vec![entry("x", EntryKind::Link, Some("/home/op/.ssh")), file.clone()], vec![file]] {
        let bytes = encode_manifest(&Manifest { entries, ..Manifest::default() }).unwrap();
        let job = SyncJob::Apply { dest: "/srv/here".into(), single: false, options: archive() };
        let args = json!({"src": "x", "dest": "/srv/here", "_job": serde_json::to_value(job).unwrap()});
        let mut task = fake.task("synchronize", args).blob("manifest", &bytes);
        for index in 0..2 {
            task = task.blob(&content_name(index), b"k");
        }
        let outcome = task.run();
        assert!(outcome.failed && outcome.msg.unwrap().contains("in no folder of it"));
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn a_mode_that_cannot_be_read_is_said() {
    let fake = sample();
    let options = SyncOptions { chmod: vec!["D755".into(), "Fu=q".into()], ..archive() };
    let outcome = sync(&fake, "/src/", "/dst", &options, false);
    assert_eq!(outcome.msg.as_deref(), Some("Invalid argument passed to --chmod (Fu=q)"));
    assert!(outcome.failed && fake.node("/dst").is_none());
}

#[test]
fn the_plan_keeps_what_was_there() {
    let fake = sample();
    fake.put("/dst/f", Node::file("old").time(5));
    fake.put("/dst/d/g", Node::file("2\n").time(1001).mode(0o644));
    let outcome = sync(&fake, "/src/", "/dst", &archive(), false);
    let kept: Vec<String> = outcome.changes.iter().map(|change| format!("{:?}", change.what)).collect();
    let old = blake3::hash(b"old").to_hex().to_string();
    assert!(kept.iter().any(|what| what.contains("/dst/f\"") && what.contains(&old)), "{kept:?}");
    let mode = r#"AttributesSet { path: "/dst/d/g", before: "0644 root:root", after: "0600 root:root" }"#;
    assert!(kept.iter().any(|what| what == mode), "{kept:?}");
}

#[test]
fn names_that_are_no_text_come_along() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let (src, dst) = (folder.path().join("src"), folder.path().join("dst"));
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::create_dir_all(src.join(odd)).unwrap();
    std::fs::write(src.join(odd).join(odd), "x").unwrap();
    std::os::unix::fs::symlink(odd, src.join("link")).unwrap();
    std::fs::create_dir_all(dst.join("gone").join(odd)).unwrap();
    let options = SyncOptions { delete: true, ..archive() };
    let source = format!("{}/", src.display());
    assert!(sync(&Real::new(), &source, dst.to_str().unwrap(), &options, false).changed);
    assert_eq!(std::fs::read(dst.join(odd).join(odd)).unwrap(), b"x");
    assert_eq!(std::fs::read_link(dst.join("link")).unwrap(), odd);
    assert!(!dst.join("gone").exists());
    assert!(!sync(&Real::new(), &source, dst.to_str().unwrap(), &options, false).changed);
}
