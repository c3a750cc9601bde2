//! Boots real hosts. Needs root, and says so where it has none.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass_test_hosts::{
    Client, ExternalAddress, Host, LatencyProxy, Sudo, Suite, gc, leases, require_hosts, ssh_client,
};

fn ssh(host: &Host, user: &str, command: &str) -> String {
    let out = host.ssh(user).arg(command).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

#[test]
fn both_suites_at_once_with_root_and_sudo_users() {
    if !require_hosts() {
        return;
    }
    let boot = |suite: Suite, python: bool| {
        Host::builder()
            .suite(suite)
            .python(python)
            .user("ops", Sudo::Password("pw'x".into()))
            .user("free", Sudo::Passwordless)
            .user("plain", Sudo::None)
            .boot()
            .unwrap()
    };
    let (trixie, bookworm) = std::thread::scope(|s| {
        let trixie = s.spawn(|| boot(Suite::Trixie, false));
        let bookworm = s.spawn(|| boot(Suite::Bookworm, true));
        (trixie.join().unwrap(), bookworm.join().unwrap())
    });
    assert_ne!(trixie.ip(), bookworm.ip());
    assert!(trixie.read_text("/etc/os-release").unwrap().contains("VERSION_CODENAME=trixie"));
    assert!(bookworm.read_text("/etc/os-release").unwrap().contains("VERSION_CODENAME=bookworm"));
    let no_python = "command -v python3 perl-none; find / -xdev -name 'python3*' -path '*/bin/*' | wc -l";
    assert_eq!(ssh(&trixie, "root", no_python), "0", "this host must have no Python at all");
    assert_eq!(ssh(&bookworm, "root", "python3 -c 'import apt; print(1)'"), "1");
    for host in [&trixie, &bookworm] {
        assert_eq!(
            ssh(host, "root", "hostname; cat /proc/1/comm; id -u"),
            format!("{}\nsystemd\n0", host.name())
        );
        assert_eq!(ssh(host, "ops", "echo \"pw'x\" | sudo -S -p '' id -u"), "0");
        assert_eq!(ssh(host, "free", "sudo -n id -u"), "0");
        let refused = host.ssh("ops").arg("sudo -n true").output().unwrap();
        assert!(!refused.status.success(), "sudo must ask for the password");
        let refused = host.ssh("plain").arg("sudo -n true").output().unwrap();
        assert!(!refused.status.success());
        // A shell gets the certificate store's place from /etc/environment, also through sudo.
        assert!(
            ssh(host, "free", "sudo -n env").contains("SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
        );
    }
}

#[test]
fn a_service_of_one_host_is_not_one_of_another() {
    if !require_hosts() {
        return;
    }
    let one = Host::builder().boot().unwrap();
    let two = Host::builder().boot().unwrap();
    one.sh("systemctl stop cron").unwrap();
    assert_eq!(two.sh("systemctl is-active cron").unwrap().trim(), "active");
    let addresses = one.many_addresses(20).unwrap();
    assert_eq!(addresses.len(), 20);
    let mut command = ssh_client(&one.ssh_key_path(), &one.known_hosts_path());
    command.arg(format!("root@{}", addresses[19])).arg("hostname");
    let out = command.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&out.stdout).trim(),
        one.name(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn a_tree_can_be_compared_and_the_network_reached() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().name("web1").boot().unwrap();
    assert_eq!(host.name(), "web1");
    assert!(host.inventory_line().starts_with(&format!("web1 ansible_host={} ", host.ip())));
    host.sh("mkdir /srv/a; echo 1 > /srv/a/f; ln -s /etc/passwd /srv/a/l; echo x > /tmp/t").unwrap();
    let before = host.snapshot_tree(&["/srv/a", "/tmp/t", "/none"]).unwrap();
    assert_eq!(before.0.len(), 4);
    assert_eq!(before.differences(&host.snapshot_tree(&["/srv/a", "/tmp/t"]).unwrap()), Vec::<String>::new());
    host.write("/srv/a/f", "2\n").unwrap();
    host.sh("chmod 600 /tmp/t; rm /srv/a/l; touch /srv/a/new").unwrap();
    let differences = before.differences(&host.snapshot_tree(&["/srv/a", "/tmp/t"]).unwrap());
    let short: Vec<&str> = differences.iter().map(|d| d.split(" (").next().unwrap()).collect();
    assert_eq!(short, ["~ /srv/a/f", "- /srv/a/l", "~ /tmp/t", "+ /srv/a/new"]);
    // Small packages are at hand without the network.
    host.sh("apt-get install -y --no-download hello && hello").unwrap();
    // A port with a delay in front of it.
    let proxy = LatencyProxy::start(SocketAddr::from((host.ip(), 22)), Duration::from_millis(50)).unwrap();
    host.also_known_as(proxy.address()).unwrap();
    let begin = Instant::now();
    let mut command = ssh_client(&host.ssh_key_path(), &host.known_hosts_path());
    let port = proxy.address().port().to_string();
    let out = command.args(["-p", &port, "root@127.0.0.1", "true"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(begin.elapsed() > Duration::from_millis(400), "{:?}", begin.elapsed());
}

#[test]
fn a_client_from_outside_is_seen_as_one() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().python(true).boot().unwrap();
    host.sh("mkdir -p /srv/w; echo page > /srv/w/index.html").unwrap();
    host.write(
        "/etc/systemd/system/w.service",
        "[Service]\nExecStart=/usr/bin/python3 -m http.server -d /srv/w 8000\n",
    )
    .unwrap();
    host.sh("systemctl daemon-reload; systemctl start w; until ss -ltn | grep -q :8000; do sleep 0.1; done")
        .unwrap();
    let external = ExternalAddress::add(Ipv4Addr::new(198, 51, 100, 77)).unwrap();
    let inside = Client::http(host.ip(), 8000);
    for client in [inside, inside.coming_from(external.address())] {
        let answer = client.get("w.example", "/", &[]).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "page\n"));
    }
    let log = host.sh("journalctl -u w -o cat").unwrap();
    assert!(log.contains("198.51.100.77 - -"), "{log}");
    assert!(log.contains(&format!("{} - -", host.gateway())), "{log}");
}

/// Not a test of its own: what the next test starts and kills.
#[test]
fn crash_child() {
    if std::env::var_os("WINDLASS_HOSTS_CRASH_CHILD").is_none() {
        return;
    }
    let host = Host::builder().name("crashed").boot().unwrap();
    eprintln!("UP {}", host.ip());
    std::thread::sleep(Duration::from_secs(300));
}

#[test]
fn a_host_of_a_killed_process_is_reaped() {
    if !require_hosts() {
        return;
    }
    let keeper = Host::builder().boot().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash_child", "--nocapture"])
        .env("WINDLASS_HOSTS_CRASH_CHILD", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let up = lines.map_while(Result::ok).find(|l| l.starts_with("UP ")).unwrap();
    let lease = leases().unwrap().into_iter().find(|l| l.owner == child.id()).unwrap();
    assert_eq!(up, format!("UP {}", lease.address));
    child.kill().unwrap();
    child.wait().unwrap();
    // Other tests may reap it at this very moment: what counts is that it is gone.
    gc().unwrap();
    assert!(leases().unwrap().iter().all(|l| l.id != lease.id));
    assert!(!lease.dir.exists());
    assert!(!std::fs::read_to_string("/proc/self/mounts").unwrap().contains(lease.dir.to_str().unwrap()));
    // Ended, if perhaps not yet waited for by whoever inherited it.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", lease.supervisor)).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    assert!(!std::path::Path::new("/sys/class/net").join(format!("vb-{}", lease.id)).exists());
    assert_eq!(keeper.exec(&["echo", "still here"]).unwrap().stdout, "still here\n");
}
