//! The role `base_os` alone: a firewall that lets nobody in turns itself off again, and sudo goes with a user's name.

use crate::run::{Project, Run};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use windlass_test_hosts::{Host, Suite, require_hosts};

/// What the role installs, so that it need not be downloaded; the same as for the app stack's guests.
pub const PACKAGES: [&str; 8] =
    ["sudo", "ca-certificates", "git", "curl", "openssh-client", "nodejs", "npm", "ufw"];

fn answers(host: &Host) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((host.ip(), 22)), Duration::from_secs(1)).is_ok()
}

#[test]
fn base_os_never_locks_itself_out() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().suite(Suite::Trixie).name("base").packages(&PACKAGES).boot().unwrap();
    let mut project = Project::new(&host, "base_os", "import_role");
    let key = Command::new("ssh-keygen").arg("-yf").arg(host.ssh_key_path()).output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap().trim().to_owned();
    let settings = |user: &str| json!({"base_os_user": user, "base_os_authorized_keys": [key], "base_os_firewall_rollback_seconds": 20});
    let run = |project: &Project, settings: Value| -> Run {
        project.run(&settings.to_string(), &["-T", "3", "--skip-tags", "base_os_packages"])
    };
    run(&project, settings("root")).fails().says("base_os_user must be a user name other than root");
    assert!(!host.exists("/home/appuser"));

    // A rule of somebody else's, in front of the one for SSH.
    let shut = format!("deny from {} to any port 22 proto tcp", host.gateway());
    host.sh(&format!("ufw {shut}")).unwrap();
    let locked = run(&project, settings("appuser"));
    assert_eq!(locked.code, Some(4), "{}", locked.text);
    locked
        .says("UNREACHABLE")
        .says("should that fail, the host turns the firewall off again within 20 seconds");
    assert!(host.sh("ufw status").unwrap().contains("Status: active") && !answers(&host));
    let begin = Instant::now();
    while !answers(&host) {
        assert!(begin.elapsed() < Duration::from_secs(40), "nobody is let in again");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(host.sh("ufw status").unwrap().contains("Status: inactive"));

    host.sh(&format!("ufw delete {shut}")).unwrap();
    assert!(run(&project, settings("appuser")).changes() > 0);
    run(&project, settings("appuser")).passes();
    let status = host.sh("ufw status verbose; systemctl list-timers --all").unwrap();
    assert!(status.contains("Status: active") && status.contains("deny (incoming)"), "{status}");
    assert!(!status.contains("base-os-ufw-rollback") && answers(&host), "{status}");

    // Another user: the first one's sudo goes.
    assert!(host.exists("/etc/sudoers.d/appuser"));
    assert!(run(&project, settings("worker")).changes() > 0);
    run(&project, settings("worker")).passes();
    assert!(host.exists("/etc/sudoers.d/worker") && !host.exists("/etc/sudoers.d/appuser"));
    // Unless this run came in as that user, and needs it.
    project.log_in_as(&host, "worker");
    assert!(run(&project, settings("appuser")).changes() > 0);
    run(&project, settings("appuser")).passes();
    assert!(host.exists("/etc/sudoers.d/worker") && host.exists("/etc/sudoers.d/appuser"));
}
