#![allow(clippy::unwrap_used)]

use super::{Real, Stop};
use crate::system::{Mutate, Observe};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};
use windlass_protocol::{FileAttrs, RunSpec, Stream};

fn write(path: &Path, text: &str, attrs: &FileAttrs) -> io::Result<()> {
    Real::new().write_file(path, &mut text.as_bytes(), attrs, false, &mut |_| Ok(()))
}

fn names(folder: &Path) -> Vec<String> {
    Real::new().read_dir(folder).unwrap()
}

#[test]
fn a_new_file_has_the_mode_of_the_umask_and_a_replaced_one_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, "one", &FileAttrs::default()).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().mode() & 0o7777;
    assert_eq!(mode(&path), 0o666 & !Real::new().umask());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    write(&path, "two", &FileAttrs::default()).unwrap();
    assert_eq!((mode(&path), std::fs::read_to_string(&path).unwrap().as_str()), (0o640, "two"));
    write(&path, "three", &FileAttrs { mode: Some(0o600), ..FileAttrs::default() }).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn a_refused_check_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, "good", &FileAttrs::default()).unwrap();
    let refused =
        Real::new().write_file(&path, &mut &b"bad"[..], &FileAttrs::default(), false, &mut |temporary| {
            assert_eq!(std::fs::read(temporary)?, b"bad");
            Err(io::Error::other("no"))
        });
    assert!(refused.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"good");
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Broken(bool);
    impl io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("lost"));
            }
            buffer[0] = b'x';
            Ok(1)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let result =
        Real::new().write_file(&path, &mut Broken(false), &FileAttrs::default(), false, &mut |_| Ok(()));
    assert!(result.is_err());
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_full_disk_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let size = "size=64k";
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", size, "tmpfs"])
        .arg(folder.path())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("NOT RUN: a_full_disk_is_said_clearly needs the right to mount a tmpfs");
        }
        return;
    }
    let path = folder.path().join("a");
    write(&path, "old", &FileAttrs::default()).unwrap();
    let error = write(&path, &"x".repeat(1 << 20), &FileAttrs::default()).unwrap_err();
    let (text, left) = (std::fs::read_to_string(&path).unwrap(), names(folder.path()));
    std::process::Command::new("umount").arg(folder.path()).status().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("no space left on the file system of"), "{error}");
    assert_eq!((text.as_str(), left), ("old", vec!["a".to_owned()]));
}

#[test]
fn a_link_is_replaced_and_a_hard_link_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("target"), "t", &FileAttrs::default()).unwrap();
    Real::new().symlink(&at("link"), "target").unwrap();
    write(&at("link"), "own", &FileAttrs::default()).unwrap();
    assert!(std::fs::symlink_metadata(at("link")).unwrap().is_file());
    assert_eq!(std::fs::read(at("target")).unwrap(), b"t");
    Real::new().hardlink(&at("second"), &at("target")).unwrap();
    write(&at("second"), "both", &FileAttrs::default()).unwrap();
    assert_eq!(std::fs::read(at("target")).unwrap(), b"both");
    // Linking what is linked already leaves no temporary name.
    Real::new().hardlink(&at("second"), &at("target")).unwrap();
    assert_eq!(names(folder.path()), ["link", "second", "target"]);
}

#[test]
fn both_streams_and_a_large_input_are_pumped_without_a_deadlock() {
    let script = "cat >&2; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
    let run = RunSpec { stdin: vec![b'i'; 500_000], ..RunSpec::new(["sh", "-c", script]) };
    let mut seen = 0;
    let mut sink = |stream: Stream, bytes: &[u8]| {
        if stream == Stream::Stdout {
            seen += bytes.len();
        }
    };
    let output = Real::new().run(&run, Some(&mut sink)).unwrap();
    assert_eq!((output.code, output.stdout.len(), output.stderr.len()), (0, 300_000, 800_000));
    assert_eq!(seen, 300_000);
}

#[test]
fn a_program_that_does_not_read_its_input_is_no_error() {
    let run = RunSpec { stdin: vec![b'i'; 500_000], ..RunSpec::new(["true"]) };
    assert_eq!(Real::new().run(&run, None).unwrap().code, 0);
}

#[test]
fn a_timeout_kills_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("(sleep 1; touch {}) & sleep 30", mark.display());
    let real = Real::new().with_timeout(Duration::from_millis(200));
    let start = Instant::now();
    let error = real.run(&RunSpec::new(["sh", "-c", &script]), None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(3));
    std::thread::sleep(Duration::from_millis(1200));
    assert!(!mark.exists(), "a child outlived its group");
}

#[test]
fn a_cancel_ends_it() {
    let stop = Stop::default();
    let real = Real::new().with_stop(stop.clone());
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        stop.stop();
    });
    let error = real.run(&RunSpec::new(["sleep", "30"]), None).unwrap_err();
    thread.join().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
}

#[test]
fn what_stays_in_the_background_does_not_hold_the_task() {
    let start = Instant::now();
    let output = Real::new().run(&RunSpec::new(["sh", "-c", "sleep 20 & echo started"]), None).unwrap();
    assert_eq!(output.out(), "started\n");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn umask_environment_and_folder_of_a_program() {
    let real = Real::new().with_environment(vec![("APP".into(), "nyx".into())]);
    let run = RunSpec {
        cwd: Some("/".into()),
        umask: Some(0o077),
        env: vec![("MORE".into(), "x y".into())],
        ..RunSpec::new(["sh", "-c", "umask; pwd; echo $APP $MORE"])
    };
    assert_eq!(real.run(&run, None).unwrap().out(), "0077\n/\nnyx x y\n");
    let killed = real.run(&RunSpec { ok_codes: vec![], ..RunSpec::new(["sh", "-c", "kill -9 $$"]) }, None);
    assert_eq!(killed.unwrap().code, -9);
    assert_eq!(real.run(&RunSpec::new(["/no/such"]), None).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn trees_are_copied_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let real = Real::new();
    real.make_dir(&at("d"), &FileAttrs { mode: Some(0o751), ..FileAttrs::default() }).unwrap();
    write(&at("d/f"), "f", &FileAttrs { mode: Some(0o604), ..FileAttrs::default() }).unwrap();
    real.symlink(&at("d/l"), "nowhere").unwrap();
    real.touch(&at("d/f"), Some((5, 0)), Some((7, 9)), true).unwrap();
    real.copy_tree(&at("d"), &at("e")).unwrap();
    let copied = real.lstat(&at("e/f")).unwrap().unwrap();
    assert_eq!((copied.mode, copied.mtime), (0o604, (7, 9)));
    assert_eq!(real.read_link(&at("e/l")).unwrap(), "nowhere");
    assert!(real.remove(&at("e"), false).is_err());
    real.remove(&at("e"), true).unwrap();
    real.remove(&at("e"), true).unwrap();
    assert_eq!(names(folder.path()), ["d"]);
}

#[test]
fn users_and_groups_are_known_by_name_and_number() {
    let real = Real::new();
    assert_eq!(real.user("root").map(|u| u.uid), Some(0));
    assert_eq!(real.user_by_id(0).map(|u| u.name).as_deref(), Some("root"));
    assert_eq!(real.group_by_id(0).map(|g| g.name).as_deref(), Some("root"));
    assert_eq!(real.user("no-such-user-here"), None);
}

#[test]
fn what_a_port_says_is_heard_until_it_is_enough() {
    use std::io::Write as _;
    use std::net::TcpListener;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = std::thread::spawn(move || {
        for stays in [true, false] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220-one\r\n").unwrap();
            std::thread::sleep(Duration::from_millis(150));
            stream.write_all(b"220 two\r\n").unwrap();
            if stays {
                // Until the other side hangs up.
                let _ = io::Read::read(&mut stream, &mut [0; 1]);
            }
        }
    });
    let real = Real::new();
    let hear = |text: &'static [u8]| {
        let started = Instant::now();
        let mut enough = |heard: &[u8]| heard.windows(text.len()).any(|part| part == text);
        let found = real.hear(&address, 1000, 1500, &mut enough).unwrap();
        (found, started.elapsed())
    };
    let (found, time) = hear(b"one\r\n220 two");
    assert!(found && time < Duration::from_millis(1200), "{time:?}");
    let (found, time) = hear(b"three");
    assert!(!found && time < Duration::from_millis(1200), "the end of the stream is the end: {time:?}");
    other.join().unwrap();
    assert!(real.connect(&address, 1000).is_err());
    assert!(real.resolve("localhost").iter().any(std::net::IpAddr::is_loopback));
}

#[test]
fn a_working_directory_that_is_missing_is_named() {
    let real = Real::new();
    let run = |argv: &str, cwd: &str| {
        let run = RunSpec { cwd: Some(cwd.to_owned()), ..RunSpec::new([argv]) };
        real.query(&run).unwrap_err().to_string()
    };
    assert_eq!(run("true", "/no/such/folder"), "there is no working directory /no/such/folder");
    assert_eq!(run("no-such-program", "/"), "No such file or directory (os error 2)");
}

#[test]
fn a_copy_goes_through_no_link_and_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let real = Real::new();
    let private = FileAttrs { mode: Some(0o600), ..FileAttrs::default() };
    write(&at("config"), "new", &FileAttrs { mode: Some(0o644), ..FileAttrs::default() }).unwrap();
    write(&at("shadow"), "secret", &private).unwrap();
    for trap in ["shadow", "nothing"] {
        real.symlink(&at("trap"), trap).unwrap();
        let error = real.copy_tree(&at("config"), &at("trap")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
    let error = real.copy_tree(&at("config"), &at("shadow")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    let shadow = real.lstat(&at("shadow")).unwrap().unwrap();
    assert_eq!((std::fs::read_to_string(at("shadow")).unwrap().as_str(), shadow.mode), ("secret", 0o600));
    assert_eq!(names(folder.path()), ["config", "shadow", "trap"]);
}

#[test]
fn a_mode_is_not_given_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("target"), "t", &FileAttrs { mode: Some(0o600), ..FileAttrs::default() }).unwrap();
    Real::new().symlink(&at("link"), "target").unwrap();
    // Whatever the kernel says of it, the target keeps its mode.
    let _ = super::attrs::chmod(&at("link"), 0o666, false);
    let mode = |name: &str| std::fs::metadata(at(name)).unwrap().mode() & 0o7777;
    assert_eq!(mode("target"), 0o600);
    super::attrs::chmod(&at("target"), 0o640, false).unwrap();
    assert_eq!(mode("target"), 0o640);
}

#[test]
fn more_output_than_can_be_sent_is_drained_but_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("head -c 20000000 /dev/zero; touch {}", mark.display());
    let error = Real::new().run(&RunSpec::new(["sh", "-c", &script]), None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert!(error.to_string().contains("printed 20000000 bytes, more than the 16777216"), "{error}");
    assert!(mark.exists(), "it ran to its end");
}

#[test]
fn names_that_are_no_text_are_found_again() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&odd).unwrap();
    std::fs::write(odd.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    let real = Real::new();
    let [name] = &real.read_dir(folder.path()).unwrap()[..] else { panic!() };
    let inner = folder.path().join(name);
    let [file] = &real.read_dir(&inner).unwrap()[..] else { panic!() };
    let file = inner.join(file);
    assert_eq!(real.read(&file).unwrap(), b"x");
    write(&file, "new", &FileAttrs::default()).unwrap();
    let link = inner.join("l");
    real.symlink(&link, file.to_str().unwrap()).unwrap();
    assert_eq!(real.read_link(&link).unwrap(), file.to_str().unwrap());
    assert_eq!(real.canonicalize(&link).unwrap(), file.to_str().unwrap());
    let cat = real.run(&RunSpec::new(["cat", file.to_str().unwrap()]), None).unwrap();
    assert_eq!(cat.out(), "new");
    real.copy_tree(&inner, &folder.path().join(format!("{name}2"))).unwrap();
    real.rename(&file, &inner.join("plain")).unwrap();
    real.remove(&folder.path().join(format!("{name}2")), true).unwrap();
    assert_eq!(std::fs::read(odd.join("plain")).unwrap(), b"new");
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn a_pipe_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = Real::new().read(&pipe).unwrap_err();
    assert_eq!(error.to_string(), "it is a named pipe");
    assert!(Real::new().open(&pipe).is_err());
    assert_eq!(Real::new().read(Path::new("/dev/null")).unwrap(), b"");
    assert!(!Real::new().read(Path::new("/proc/self/status")).unwrap().is_empty());
    let stop = Stop::default();
    let mut endless = Real::new().with_stop(stop.clone()).open(Path::new("/dev/zero")).unwrap();
    endless.read_exact(&mut [1; 10]).unwrap();
    stop.stop();
    assert!(endless.read(&mut [1; 10]).is_err());
}
