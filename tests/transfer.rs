//! Files on their way to a real host: what is there already is not sent again, and however large a file is, neither side
//! holds it in memory.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass_test_hosts::{Host, require_hosts};

/// The size of the large file.
const LARGE: usize = 40 << 20;
/// Neither side may ever have this much in memory more than before, in KiB: half of the file.
const MEMORY: u64 = 20 << 10;

/// Bytes that the host received so far.
fn received(host: &Host) -> u64 {
    let text = host
        .sh("for i in /sys/class/net/*; do [ \"${i##*/}\" = lo ] || cat $i/statistics/rx_bytes; done")
        .unwrap();
    text.lines().map(|line| line.parse::<u64>().unwrap()).sum()
}

/// What does not get smaller by compression.
fn noise(seed: &str, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

struct Run {
    text: String,
    changed: u32,
    /// What the host received, in bytes.
    received: u64,
    took: Duration,
    /// The most memory that the controller had, in KiB.
    memory: u64,
}

fn play(host: &Host, folder: &Path, tasks: &str, options: &[&str]) -> Run {
    std::fs::write(folder.join("hosts"), format!("{}\n", host.inventory_line())).unwrap();
    let play = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
    std::fs::write(folder.join("play.yml"), play).unwrap();
    let before = received(host);
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["playbook", "-i", "hosts", "play.yml"])
        .args(options)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(anonymous(&std::fs::read_to_string(&status).unwrap_or_default()));
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = begin.elapsed();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let recap = text.rsplit_once("PLAY RECAP").unwrap().1;
    let changed = recap.split_whitespace().find_map(|word| word.strip_prefix("changed=")).unwrap();
    let changed = changed.parse().unwrap();
    Run { changed, received: received(host) - before, took, memory, text }
}

/// Memory of its own in the status of a process, in KiB: the program itself does not count.
fn anonymous(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|text| text.split_whitespace().next()).map_or(0, |number| number.parse().unwrap())
}

#[test]
fn a_large_file_is_sent_once_and_never_held_in_memory() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().name("transfer").boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let large = noise("large", LARGE);
    std::fs::write(folder.path().join("large"), &large).unwrap();
    // The agent is brought there first, and is the parent of what it runs.
    let idle = play(&host, folder.path(), "    - raw: 'true'\n    - ping:\n", &[]);
    let watch = "    - shell: |\n        (while grep RssAnon /proc/$0/status; do sleep 0.01; done) >/srv/memory 2>/dev/null &\n      args:\n        executable: /bin/sh\n";
    let watch = watch.replace("$0", "$PPID");
    let copy = "    - copy:\n        src: large\n        dest: /srv/large\n        mode: '0640'\n";
    let tasks = format!("{watch}{copy}");

    let checked = play(&host, folder.path(), copy, &["--check"]);
    assert_eq!(checked.changed, 1, "{}", checked.text);
    assert!(checked.received < 1 << 20, "{} bytes were sent to look", checked.received);
    assert!(!host.exists("/srv/large"));

    let first = play(&host, folder.path(), &tasks, &[]);
    assert!(host.read("/srv/large").unwrap() == large);
    let agent = host.read_text("/srv/memory").unwrap();
    let agent = agent.lines().map(anonymous).max().unwrap();
    let second = play(&host, folder.path(), copy, &[]);
    let rate = |run: &Run| LARGE as f64 / 1e6 / (run.took.saturating_sub(idle.took)).as_secs_f64().max(1e-3);
    println!(
        "{} MiB: first {:?} ({:.0} MB/s, {} bytes received), unchanged {:?} ({:.0} MB/s, {} bytes); memory: \
         controller {} KiB (idle {}), agent {agent} KiB",
        LARGE >> 20,
        first.took,
        rate(&first),
        first.received,
        second.took,
        rate(&second),
        second.received,
        first.memory,
        idle.memory,
    );
    assert!(first.received > LARGE as u64, "noise does not get smaller");
    assert_eq!(second.changed, 0, "{}", second.text);
    assert!(second.received < 1 << 20, "{} bytes were sent again", second.received);
    assert!(first.memory < idle.memory + MEMORY + (8 << 10), "{} KiB on this side", first.memory);
    assert!(agent < MEMORY, "{agent} KiB on the host");

    // Another content of the same size.
    std::fs::write(folder.path().join("large"), noise("other", LARGE)).unwrap();
    let third = play(&host, folder.path(), copy, &[]);
    assert_eq!(third.changed, 1, "{}", third.text);
    assert!(host.read("/srv/large").unwrap() == noise("other", LARGE));
}

#[test]
fn of_a_folder_only_what_differs_is_sent() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().name("folders").boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |n: usize| folder.path().join(format!("site/d{}/f{n}", n % 7));
    for n in 0..600 {
        std::fs::create_dir_all(path(n).parent().unwrap()).unwrap();
        std::fs::write(path(n), noise(&n.to_string(), 8 << 10)).unwrap();
    }
    std::os::unix::fs::symlink("d1/f1", folder.path().join("site/link")).unwrap();
    std::fs::write(folder.path().join("site/vars.j2"), "{{ not_rendered }}\n").unwrap();
    play(&host, folder.path(), "    - ping:\n", &[]);
    let copy = "    - copy:\n        src: site\n        dest: /srv\n        local_follow: false\n        mode: '0644'\n        directory_mode: '0755'\n        owner: daemon\n";
    let first = play(&host, folder.path(), copy, &[]);
    assert_eq!(first.changed, 1, "{}", first.text);
    assert!(first.received > 600 * (8 << 10));
    let same = || {
        for n in (0..600).step_by(37).chain([599]) {
            let there = host.read(&format!("/srv/site/d{}/f{n}", n % 7)).unwrap();
            assert!(there == std::fs::read(path(n)).unwrap(), "{n}");
        }
    };
    same();
    assert_eq!(host.read_text("/srv/site/vars.j2").unwrap(), "{{ not_rendered }}\n");
    let shown = host
        .sh("readlink /srv/site/link; stat -c '%a %U' /srv/site /srv/site/d1 /srv/site/d1/f1; stat -c %U /srv/site/link")
        .unwrap();
    assert_eq!(shown.trim(), "d1/f1\n755 daemon\n755 daemon\n644 daemon\ndaemon");
    let second = play(&host, folder.path(), copy, &[]);
    assert_eq!(second.changed, 0, "{}", second.text);
    assert!(second.received < 400 << 10, "{} bytes were sent for nothing", second.received);
    std::fs::write(path(599), noise("new", 8 << 10)).unwrap();
    let third = play(&host, folder.path(), copy, &[]);
    assert_eq!(third.changed, 1, "{}", third.text);
    assert!(third.received < 400 << 10, "{} bytes were sent for one file", third.received);
    same();
    println!(
        "600 files: first {:?} ({} bytes), unchanged {:?} ({}), one changed {:?} ({})",
        first.took, first.received, second.took, second.received, third.took, third.received
    );
}

#[test]
fn an_archive_is_sent_only_where_it_is_unpacked() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().name("archives").boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("content"), noise("archive", 4 << 20)).unwrap();
    let tar = Command::new("tar").args(["cf", "a.tar", "content"]).current_dir(folder.path()).status();
    assert!(tar.unwrap().success());
    play(&host, folder.path(), "    - ping:\n", &[]);
    let tasks = "    - unarchive:\n        src: a.tar\n        dest: /srv\n        creates: /srv/content\n";
    let first = play(&host, folder.path(), tasks, &[]);
    assert_eq!(first.changed, 1, "{}", first.text);
    assert!(host.read("/srv/content").unwrap() == noise("archive", 4 << 20));
    let second = play(&host, folder.path(), tasks, &[]);
    assert_eq!(second.changed, 0, "{}", second.text);
    assert!(second.received < 1 << 20, "{} bytes were sent for nothing", second.received);
}
