#![allow(clippy::unwrap_used)]

use crate::system::fake::Task;
use crate::system::real::Real;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use windlass_protocol::{Diff, Json, Outcome};

/// A folder with a repository `up` of two commits on `main`, a branch `dev`, a tag `v1` and an annotated tag `v2`.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(room.path("up")).unwrap();
        room.git("up", &["init", "-q", "-b", "main"]);
        room.commit("up", "a", "one");
        room.git("up", &["tag", "v1"]);
        room.commit("up", "a", "two");
        room.git("up", &["tag", "-a", "-m", "second", "v2"]);
        room.git("up", &["checkout", "-q", "-b", "dev", "v1"]);
        room.commit("up", "b", "dev");
        room.git("up", &["checkout", "-q", "main"]);
        room
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn git(&self, folder: &str, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"])
            .args(words)
            .current_dir(self.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
    fn commit(&self, folder: &str, file: &str, text: &str) {
        std::fs::write(self.path(folder).join(file), text).unwrap();
        self.git(folder, &["add", "."]);
        self.git(folder, &["commit", "-q", "-m", text]);
    }
    fn sha(&self, folder: &str, revision: &str) -> String {
        self.git(folder, &["rev-parse", revision])
    }
    fn args(&self, more: Json) -> Json {
        let mut args = json!({"repo": self.path("up").to_str(), "dest": self.path("dest").to_str()});
        for (key, value) in more.as_object().unwrap() {
            args[key] = value.clone();
        }
        args
    }
    fn run(&self, more: Json) -> Outcome {
        let real = Real::new();
        Task::new(&real, "git", self.args(more)).diff().env("GIT_CONFIG_GLOBAL", "/dev/null").run()
    }
    fn good(&self, more: Json) -> Outcome {
        let outcome = self.run(more);
        assert!(!outcome.failed, "{:?} {:?}", outcome.msg, outcome.values());
        assert!(outcome.values().keys().all(|k| !k.starts_with('_')), "{:?}", outcome.values());
        outcome
    }
    fn check(&self, more: Json) -> Outcome {
        let real = Real::new();
        let outcome = Task::new(&real, "git", self.args(more)).diff().check().run();
        assert!(!outcome.failed, "{:?}", outcome.msg);
        outcome
    }
    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

fn value(outcome: &Outcome, key: &str) -> Json {
    outcome.values().get(key).cloned().unwrap_or(Json::Null)
}

#[test]
fn clones_then_finds_nothing_to_do() {
    let room = Room::new();
    let head = room.sha("up", "main");
    let check = room.check(json!({}));
    assert!(check.changed && !room.path("dest").exists());
    assert_eq!(value(&check, "after"), json!(head));
    let first = room.good(json!({}));
    assert!(first.changed);
    assert_eq!((value(&first, "before"), value(&first, "after")), (Json::Null, json!(head)));
    assert_eq!(first.diff, [Diff::Prepared(format!(">> Newly checked out {head}"))]);
    assert_eq!(room.text("dest/a"), "two");
    let second = room.good(json!({}));
    assert!(!second.changed && second.changes.is_empty(), "{:?}", second.changes);
    assert_eq!(value(&second, "before"), json!(head));
    assert_eq!(value(&second, "remote_url_changed"), json!(false));
}

#[test]
fn follows_the_remote() {
    let room = Room::new();
    room.good(json!({}));
    let before = room.sha("dest", "HEAD");
    room.commit("up", "a", "three");
    let after = room.sha("up", "HEAD");
    let check = room.check(json!({}));
    assert!(check.changed);
    assert_eq!(value(&check, "after"), json!(after));
    assert_eq!(room.sha("dest", "HEAD"), before);
    let outcome = room.good(json!({}));
    assert!(outcome.changed);
    assert_eq!((value(&outcome, "before"), value(&outcome, "after")), (json!(before), json!(after)));
    assert!(matches!(&outcome.diff[0], Diff::Prepared(text) if text.contains("+three")));
    assert!(!room.good(json!({})).changed);
}

#[test]
fn goes_between_branches_tags_and_commits() {
    let room = Room::new();
    let commits = [("dev", "dev"), ("v1", "v1"), ("main", "main"), ("v2", "v2^{commit}"), ("HEAD", "main")];
    for (version, revision) in commits {
        let wanted = room.sha("up", revision);
        room.good(json!({"version": version}));
        assert_eq!(room.sha("dest", "HEAD"), wanted, "{version}");
        let again = room.good(json!({"version": version}));
        assert!(!again.changed && again.changes.is_empty(), "{version}: {:?}", again.changes);
        assert!(!room.check(json!({"version": version})).changed, "{version}");
    }
    let sha = room.sha("up", "v1");
    assert!(room.good(json!({"version": sha})).changed);
    // A commit that is checked out needs no look at the remote, which may be gone.
    std::fs::rename(room.path("up"), room.path("gone")).unwrap();
    assert!(!room.good(json!({"version": sha})).changed);
}

#[test]
fn local_modifications_stop_it_unless_forced() {
    let room = Room::new();
    room.good(json!({}));
    std::fs::write(room.path("dest/a"), "mine").unwrap();
    std::fs::write(room.path("dest/untracked"), "x").unwrap();
    let refused = room.run(json!({}));
    let complaint = format!("Local modifications exist in the destination: {}", room.path("dest").display());
    assert!(refused.failed && !refused.changed);
    assert_eq!(refused.msg.unwrap(), format!("{complaint} (force=no)."));
    assert_eq!(room.text("dest/a"), "mine");
    let forced = room.good(json!({"force": true}));
    assert!(forced.changed);
    assert_eq!(forced.msg.unwrap(), complaint);
    assert_eq!((room.text("dest/a"), room.text("dest/untracked")), ("two".into(), "x".into()));
}

#[test]
fn shallow_and_single_branch_clones_change_branch_too() {
    for more in [json!({"depth": 1}), json!({"single_branch": true}), json!({"depth": 1, "version": "main"})]
    {
        let room = Room::new();
        let mut args = more.clone();
        room.good(args.clone());
        if more.get("depth").is_some() {
            assert_eq!(room.git("dest", &["rev-list", "--count", "HEAD"]), "1", "{more}");
        }
        args["version"] = json!("dev");
        assert!(room.good(args.clone()).changed, "{more}");
        assert_eq!(room.sha("dest", "HEAD"), room.sha("up", "dev"), "{more}");
        assert!(!room.good(args.clone()).changed, "{more}");
        room.git("up", &["checkout", "-q", "dev"]);
        room.commit("up", "b", "dev 2");
        assert!(room.good(args.clone()).changed, "{more}");
        assert_eq!(room.sha("dest", "HEAD"), room.sha("up", "dev"), "{more}");
    }
}

#[test]
fn another_address_is_set() {
    let room = Room::new();
    room.good(json!({}));
    room.git("", &["clone", "-q", "up", "other"]);
    let other = json!({"repo": room.path("other").to_str()});
    let check = room.check(other.clone());
    assert!(check.changed);
    let outcome = room.good(other.clone());
    assert!(outcome.changed);
    assert_eq!(value(&outcome, "remote_url_changed"), json!(true));
    assert_eq!(
        room.git("dest", &["remote", "get-url", "origin"]),
        format!("file://{}", room.path("other").display())
    );
    assert!(!room.good(other).changed);
}

#[test]
fn no_update_and_no_clone() {
    let room = Room::new();
    let info = room.good(json!({"clone": false, "version": "v2"}));
    assert_eq!(value(&info, "after"), json!(room.sha("up", "v2^{commit}")));
    assert!(info.changed && !room.path("dest").exists());
    room.good(json!({}));
    room.commit("up", "a", "three");
    let outcome = room.good(json!({"update": false}));
    assert!(!outcome.changed);
    assert_eq!(value(&outcome, "after"), json!(room.sha("dest", "HEAD")));
    assert_eq!(room.text("dest/a"), "two");
}

#[test]
fn bare_separate_and_archive() {
    let room = Room::new();
    assert!(room.good(json!({"bare": true})).changed);
    assert!(room.path("dest/config").exists());
    assert!(!room.good(json!({"bare": true})).changed);

    let room = Room::new();
    let separate = json!({"separate_git_dir": room.path("git").to_str()});
    room.good(separate.clone());
    assert!(room.path("git/config").exists() && room.path("dest/.git").is_file());
    assert!(!room.good(separate).changed);
    let moved = json!({"separate_git_dir": room.path("git2").to_str()});
    let outcome = room.good(moved.clone());
    assert!(outcome.changed);
    assert_eq!(value(&outcome, "git_dir_now"), moved["separate_git_dir"]);
    assert!(room.path("git2/config").exists() && !room.path("git").exists());

    let room = Room::new();
    let archive = json!({"archive": room.path("x.tar").to_str(), "archive_prefix": "p/"});
    assert!(room.good(archive.clone()).changed);
    let list = Command::new("tar").arg("tf").arg(room.path("x.tar")).output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap(), "p/\np/a\n");
    assert!(!room.good(archive.clone()).changed);
    std::fs::write(room.path("x.tar"), "other").unwrap();
    assert!(room.good(archive).changed);
    let bad = room.run(json!({"archive": "/x.rar"}));
    assert_eq!(bad.msg.unwrap(), "Unable to get file extension from archive file name : /x.rar");
}

#[test]
fn submodules_come_along() {
    let room = Room::new();
    std::fs::create_dir(room.path("sub")).unwrap();
    room.git("sub", &["init", "-q", "-b", "main"]);
    room.commit("sub", "s", "one");
    let address = room.path("sub").to_str().unwrap().to_owned();
    room.git("up", &["submodule", "--quiet", "add", &address, "lib"]);
    room.git("up", &["commit", "-q", "-m", "sub"]);
    let with = Real::new().with_environment(vec![
        ("GIT_CONFIG_COUNT".into(), "1".into()),
        ("GIT_CONFIG_KEY_0".into(), "protocol.file.allow".into()),
        ("GIT_CONFIG_VALUE_0".into(), "always".into()),
    ]);
    let run = |more: Json| {
        let outcome = Task::new(&with, "git", room.args(more)).run();
        assert!(!outcome.failed, "{:?}", outcome.msg);
        outcome
    };
    let outcome = run(json!({}));
    assert!(outcome.changed);
    assert_eq!(value(&outcome, "submodules_changed"), json!(true));
    assert_eq!(room.text("dest/lib/s"), "one");
    let again = run(json!({}));
    assert!(!again.changed && again.changes.is_empty(), "{:?}", again.changes);
    room.commit("sub", "s", "two");
    assert!(!run(json!({})).changed);
    assert!(run(json!({"track_submodules": true})).changed);
    assert_eq!(room.text("dest/lib/s"), "two");
    assert!(run(json!({"force": true})).changed, "the recorded commit again");
    assert_eq!(room.text("dest/lib/s"), "one");
}

#[test]
fn failures_say_what_git_said() {
    let room = Room::new();
    let missing = room.run(json!({"repo": room.path("nowhere").to_str()}));
    assert!(
        missing.failed && missing.msg.as_ref().unwrap().contains("does not appear to be a git repository")
            || missing.msg.as_ref().unwrap().contains("does not exist"),
        "{:?}",
        missing.msg
    );
    let version = room.run(json!({"version": "nothing"}));
    assert_eq!(version.msg.unwrap(), "Failed to checkout nothing");
    let umask = room.run(json!({"umask": 22}));
    assert_eq!(umask.msg.unwrap(), "umask must be defined as a quoted octal integer");
    let dest = Task::new(&Real::new(), "git", json!({"repo": "x"})).run();
    assert_eq!(dest.msg.unwrap(), "the destination directory must be specified unless clone=no");
}

#[test]
fn credentials_go_by_the_environment() {
    use crate::system::fake::{Fake, output};
    let fake = Fake::new();
    fake.file("/usr/bin/git", "");
    fake.program("git", |argv, _| {
        assert!(argv.iter().all(|a| !a.contains("s3cret")), "{argv:?}");
        output(0, "0123456789012345678901234567890123456789\tHEAD\n", "")
    });
    let args = json!({"repo": "https://me:s3cret@host/x.git", "dest": "/srv/x"});
    let outcome = fake.task("git", args).check().run();
    assert!(!outcome.failed, "{:?}", outcome.msg);
    let runs = fake.runs();
    let ls = &runs.last().unwrap().run;
    assert!(ls.secret);
    assert!(ls.env.contains(&("WINDLASS_GIT_PASSWORD".to_owned(), "s3cret".to_owned())));
    assert!(ls.argv.contains(&"https://host/x.git".to_owned()));
}

#[test]
fn credentials_are_told_to_no_helper_of_the_configuration() {
    use crate::system::fake::{Fake, output};
    let fake = Fake::new();
    fake.program("git", |_, _| output(0, "0123456789012345678901234567890123456789\tHEAD\n", ""));
    let args = json!({"repo": "https://me:s3cret@host/x.git", "dest": "/srv/x"});
    assert!(!fake.task("git", args).check().run().failed);
    let run = fake.runs().last().unwrap().run.clone();
    let settings: Vec<&String> = run.argv[1..].iter().take_while(|word| *word != "ls-remote").collect();
    // The real git, with a helper in its configuration that keeps what it is told.
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let config = folder.path().join("config");
    let helper = format!("[credential]\n\thelper = store --file={}\n", kept.display());
    std::fs::write(&config, format!("{helper}[credential \"https://host\"]\n\thelper = store\n")).unwrap();
    let ask = |settings: &[&String], what: &str, input: &str| {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut command = Command::new("git");
        command.args(settings).args(["credential", what]).envs(run.env.iter().map(|(k, v)| (k, v)));
        command.env("GIT_CONFIG_GLOBAL", &config).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let filled = ask(&settings, "fill", "protocol=https\nhost=host\n\n");
    assert!(filled.contains("username=me\npassword=s3cret\n"), "{filled}");
    ask(&settings, "approve", &filled);
    assert!(!kept.exists() && !folder.path().join(".git-credentials").exists());
    ask(&[], "approve", &filled);
    assert!(kept.exists(), "the helper of the configuration works");
}

#[test]
fn a_relative_destination_is_one_of_the_folder_where_the_agent_is() {
    let room = Room::new();
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count() - 1);
    let dest = format!("{up}{}", room.path("new/dest").display().to_string().trim_start_matches('/'));
    let commit = room.sha("up", "main");
    assert_eq!(value(&room.good(json!({"dest": dest})), "after"), json!(commit));
    assert_eq!(room.text("new/dest/a"), "two");
    assert!(!room.good(json!({"dest": dest})).changed);
    room.commit("up", "a", "three");
    assert!(room.good(json!({"dest": dest})).changed);
    assert_eq!(room.text("new/dest/a"), "three");
}

#[test]
fn the_umask_is_in_force() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    room.good(json!({"umask": "0077"}));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&room.path("dest/a")), 0o600);
}
