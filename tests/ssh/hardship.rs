//! Hosts that make it hard, and what is left behind.

use crate::*;
use std::time::{Duration, Instant};
use windlass::transport::{AgentError, Source};
use windlass_test_hosts::{Sudo, require_hosts};

/// What there is of us on a host besides the cached agent: processes and files.
fn leftovers(host: &Host) -> String {
    host.sh(
        "ls -d /root/.cache/windlass/run-* /home/*/.cache/windlass/run-* /tmp/windlass-run-* /var/tmp/windlass-run-* \
         /dev/shm/windlass-run-* /run/user/*/windlass-run-* 2>/dev/null || true; pgrep -af '[a]gent-[0-9a-f]|[s]leep 98' || true",
    )
    .unwrap()
}

fn until_nothing_is_left(host: &Host) {
    let start = Instant::now();
    while !leftovers(host).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(15), "left behind:\n{}", leftovers(host));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn folders_that_cannot_be_used() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("ops", Sudo::None).user("eve", Sudo::None).boot().unwrap();
    let path = |target: &Target| {
        wait(async {
            let connection = open(target).await?;
            let agent = connection.agent(None).await?;
            let path = stdout(&agent, "tr '\\0' '\\n' </proc/$PPID/cmdline | head -n 1").await;
            let scratch = leftovers(&host);
            connection.close().await;
            Ok::<_, ConnectError>((path, scratch))
        })
        .map_err(Box::new)
    };
    let ops = target(&host, "ops");
    assert!(path(&ops).unwrap().0.starts_with("/home/ops/.cache/windlass/agent-"));
    host.sh("rm -rf /home/ops/.cache; mkdir /home/ops/.cache; mount -t tmpfs -o noexec,mode=700,uid=$(id -u ops) none /home/ops/.cache").unwrap();
    let (at, _) = path(&ops).unwrap();
    assert!(!at.starts_with("/home/ops"), "{at}");
    host.sh("umount /home/ops/.cache; rm -rf /home/ops/.cache /var/tmp/windlass-*").unwrap();

    // No folder for temporary files can be written.
    host.sh("chmod 755 /tmp /var/tmp /dev/shm").unwrap();
    assert!(path(&ops).unwrap().0.starts_with("/home/ops/.cache/windlass/agent-"));

    // A home of somebody else's, as service accounts have, and nothing else either.
    host.sh("rm -rf /home/ops/.cache; chown root /home/ops; chmod 755 /home/ops /home/ops/.ssh; mount -o remount,ro /run/user/$(id -u ops) 2>/dev/null || true").unwrap();
    let error = match path(&ops) {
        Err(error) => error,
        Ok((at, _)) => panic!("{at}"),
    };
    assert!(matches!(*error, ConnectError::Bootstrap { .. }), "{error:?}");
    assert!(
        error.to_string().contains("/var/tmp/windlass-") && error.hint().unwrap().contains("XDG_CACHE_HOME"),
        "{error}"
    );
    assert!(!error.is_unreachable());

    // What somebody else prepared in a shared folder is not trusted.
    let uid = host.sh("id -u ops").unwrap();
    let uid = uid.trim();
    host.sh(&format!("chmod 1777 /var/tmp; su eve -s /bin/sh -c 'mkdir -m 777 /var/tmp/windlass-{uid}'; chmod 1777 /dev/shm")).unwrap();
    let (at, _) = path(&ops).unwrap();
    assert!(at.starts_with(&format!("/dev/shm/windlass-{uid}/agent-")), "{at}");
    until_nothing_is_left(&host);
}

#[test]
fn odd_login_shells_and_noise() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("ops", Sudo::None).boot().unwrap();
    host.sh("sed -i '1i echo welcome; echo to the host >&2; printf \"no newline\"' /home/ops/.bashrc /root/.bashrc; chsh -s /bin/bash ops").unwrap();
    assert_eq!(wait(who(&target(&host, "ops"), None)).unwrap(), "ops");
    host.sh("chsh -s /bin/dash ops; ln -sf /bin/dash /bin/sh").unwrap();
    assert_eq!(wait(who(&target(&host, "ops"), None)).unwrap(), "ops");
    host.sh("ln -sf /bin/bash /bin/sh; rm -rf /home/ops/.cache; mv /usr/bin/gzip /usr/bin/gzip.away")
        .unwrap();
    assert_eq!(wait(who(&target(&host, "ops"), None)).unwrap(), "ops");
    // A damaged cache is replaced.
    host.sh("for f in /home/ops/.cache/windlass/agent-*; do head -c 1000 $f > /tmp/x; cat /tmp/x > $f; done")
        .unwrap();
    assert_eq!(wait(who(&target(&host, "ops"), None)).unwrap(), "ops");
    host.sh("usermod -s /usr/sbin/nologin ops").unwrap();
    let error = wait(who(&target(&host, "ops"), None)).unwrap_err();
    assert!(
        matches!(&error, ConnectError::Bootstrap { reason, .. } if reason.contains("not available")),
        "{error:?}"
    );
}

#[test]
fn a_killed_agent_and_a_lost_connection() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    wait(async {
        let connection = open(&target(&host, "root")).await.unwrap();
        let agent = connection.agent(None).await.unwrap();
        let kill = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            host.sh(&format!("kill -9 {}; pkill -x sleep || true", agent.identity().pid)).unwrap();
        };
        let (result, ()) = tokio::join!(agent.run(shell_call("sleep 98")), kill);
        let error = result.unwrap_err();
        assert!(matches!(&error, AgentError::Died { .. }), "{error:?}");
        assert!(!error.is_unreachable());

        // The next one works, and sweeps what the killed one left.
        let agent = connection.agent(None).await.unwrap();
        let cut = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            host.sh("pkill -9 sshd-session || pkill -9 -f 'sshd: root'").unwrap();
        };
        let (result, ()) = tokio::join!(agent.run(shell_call("sleep 98")), cut);
        let error = result.unwrap_err();
        assert!(matches!(&error, AgentError::ConnectionLost { .. }), "{error:?}");
        assert!(error.is_unreachable());
        assert!(connection.is_closed());
        assert!(connection.agent(None).await.unwrap_err().is_unreachable());
    });
    until_nothing_is_left(&host);
}

const VICTIM: &str = "WINDLASS_TEST_VICTIM";

/// Not a test of its own: the process that the next test starts and kills.
#[test]
fn victim() {
    let Ok(text) = std::env::var(VICTIM) else { return };
    let fields: Vec<&str> = text.split('|').collect();
    let target = Target {
        host: fields[0].into(),
        user: Some("root".into()),
        key_files: vec![fields[1].into()],
        ssh_args: vec![format!("-o UserKnownHostsFile={} -o IdentityAgent=none", fields[2])],
        ..Target::default()
    };
    wait(async {
        let connection = open(&target).await.unwrap();
        let agent = connection.agent(None).await.unwrap();
        let mut call = shell_call("sleep 98 & sleep 98");
        call.blobs = vec![("large".into(), Source::Bytes(vec![7; 1 << 20].into()))];
        agent.run(call).await.unwrap();
    });
}

#[test]
fn a_killed_controller_leaves_nothing_behind() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let victim =
        format!("{}|{}|{}", host.ip(), host.ssh_key_path().display(), host.known_hosts_path().display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hardship::victim"])
        .env(VICTIM, victim)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !leftovers(&host).contains("sleep 98") {
        assert!(start.elapsed() < Duration::from_secs(20), "it did not get so far:\n{}", leftovers(&host));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(leftovers(&host).contains("/run-"));
    child.kill().unwrap();
    child.wait().unwrap();
    until_nothing_is_left(&host);
}

#[test]
fn large_contents_both_ways_and_many_calls() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    wait(async {
        let connection = open(&target(&host, "root")).await.unwrap();
        let agent = connection.agent(None).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("large");
        // Incompressible, larger than every window and buffer on the way.
        assert!(
            Command::new("dd")
                .args(["if=/dev/urandom", "bs=1M", "count=40", "status=none"])
                .arg(format!("of={}", file.display()))
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        let ping = || Call {
            module: "ansible.builtin.ping".into(),
            args: serde_json::json!({ "data": "pong" }).as_object().unwrap().clone(),
            ..Call::default()
        };
        let mut large = ping();
        large.blobs = vec![("content".into(), Source::File(file))];
        let outcome = agent.run(large).await.unwrap();
        assert!(!outcome.failed, "{:?}", outcome.msg);
        println!("40 MiB up: {:?}", start.elapsed());
        let start = Instant::now();
        let text = stdout(&agent, "head -c 9000000 /dev/zero | tr '\\0' x").await;
        assert_eq!(text.len(), 9_000_000);
        println!("9 MB of output: {:?}", start.elapsed());
        let start = Instant::now();
        let calls = (0..500).map(|_| agent.run(ping()));
        assert!(futures::future::join_all(calls).await.into_iter().all(|outcome| !outcome.unwrap().failed));
        println!("500 calls at once: {:?}", start.elapsed());
        let start = Instant::now();
        for _ in 0..100 {
            agent.run(ping()).await.unwrap();
        }
        println!("100 calls in a row: {:?}", start.elapsed());
        connection.close().await;
    });
    until_nothing_is_left(&host);
}
