//! What the demonstration does not show of the role `nyxmon_deploy`: that it refuses half a source before it touches
//! the host, notices a monitor that runs with stale settings, and finishes what an interrupted deploy left behind.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use windlass_test_hosts::{Host, Suite, require_hosts};

const PLACES: [&str; 5] = ["/etc", "/home", "/opt", "/srv", "/usr/local"];

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nyxmon")
}

/// Runs the development playbook; `settings` are extra variables, as JSON.
fn deploy(host: &Host, settings: &[&str]) -> (Option<i32>, String) {
    let folder = example();
    let connection = format!(
        "{{\"ansible_host\": \"{}\", \"ansible_ssh_private_key_file\": {:?}, \"ansible_ssh_common_args\": \
         \"-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes\"}}",
        host.ip(),
        host.ssh_key_path(),
        host.known_hosts_path().display()
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.args(["playbook", "deploy-dev.yml", "-e", &connection]).current_dir(&folder);
    for setting in settings {
        command.args(["-e", setting]);
    }
    command.env("WINDLASS_AGE_IDENTITY", folder.join("secrets/example-age-identity.txt"));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), text)
}

fn assert_changed(run: &(Option<i32>, String), expected: Option<u32>) {
    let (code, text) = run;
    assert_eq!(*code, Some(0), "{text}");
    let (_, recap) = text.rsplit_once("PLAY RECAP").unwrap();
    let changed: u32 =
        recap.split_whitespace().find_map(|w| w.strip_prefix("changed=")).unwrap().parse().unwrap();
    match expected {
        Some(expected) => assert_eq!(changed, expected, "{text}"),
        None => assert!(changed > 0, "{text}"),
    }
}

fn assert_refused(run: &(Option<i32>, String), because: &str) {
    assert_eq!(run.0, Some(2), "{}", run.1);
    // A long message may be wrapped where it is printed.
    let flat = run.1.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(because), "{}", run.1);
}

#[test]
fn the_deploy_refuses_what_would_break_the_host() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().suite(Suite::Trixie).name("nyxmon-roles").boot().unwrap();

    // Half a checkout: with `delete` it would empty the host.
    let half = tempfile::tempdir().unwrap();
    for folder in ["src/django", "src/nyxmon", "src/nyxboard"] {
        std::fs::create_dir_all(half.path().join(folder)).unwrap();
    }
    for file in ["src/django/manage.py", "src/nyxboard/models.py", "pyproject.toml", "README.md"] {
        std::fs::write(half.path().join(file), "").unwrap();
    }
    let source = format!("{{\"nyxmon_source_path\": {:?}}}", half.path());
    let before = host.snapshot_tree(&PLACES).unwrap();
    assert_refused(
        &deploy(&host, &[&source]),
        "src/nyxmon/ is missing, or holds no files (nothing was changed)",
    );
    assert_refused(
        &deploy(&host, &[r#"{"nyxmon_rsync_additional_paths": ["src/../../etc"]}"#]),
        "must be a path inside nyxmon_source_path",
    );
    assert_refused(
        &deploy(&host, &[r#"{"nyxmon_basic_auth_password": "$2b$12$abcdefghijklmnopqrstuu"}"#]),
        "in plain text and not as a hash",
    );
    assert_refused(&deploy(&host, &["nyxmon_django_secret_key="]), "nyxmon_django_secret_key");
    let touched = before.differences(&host.snapshot_tree(&PLACES).unwrap());
    assert!(touched.is_empty(), "{touched:?}");

    // A whole one goes through, and then leaves nothing to do.
    assert_changed(&deploy(&host, &[]), None);
    assert_changed(&deploy(&host, &[]), Some(0));

    // A deploy that was interrupted after the environment was written and before the restart.
    host.sh("sleep 1; touch /home/nyxmon/.env").unwrap();
    assert_changed(&deploy(&host, &[]), Some(1));
    assert_changed(&deploy(&host, &[]), Some(0));

    // A monitor that was restarted with other settings than the deployed ones.
    host.sh(
        "mkdir -p /run/systemd/system/nyxmon-monitor.service.d && cd /run/systemd/system/nyxmon-monitor.service.d \
         && sed s,https://opsgate,http://stale, /home/nyxmon/.env > /root/stale.env \
         && printf '[Service]\\nEnvironmentFile=\\nEnvironmentFile=/root/stale.env\\n' > stale.conf \
         && systemctl daemon-reload && systemctl restart nyxmon-monitor && rm stale.conf && systemctl daemon-reload",
    )
    .unwrap();
    let stale = deploy(&host, &[]);
    assert_refused(&stale, "still runs with another OPSGATE_APPROVAL_BASE_URL");
    assert!(!stale.1.contains("example-opsgate-token"), "{}", stale.1);
    host.sh("systemctl restart nyxmon-monitor").unwrap();
    assert_changed(&deploy(&host, &[]), Some(0));

    // What the service wrote survives a sync, and what the source does not have does not.
    host.sh("runuser -u nyxmon -- sh -c 'cd /home/nyxmon/site && echo x > media/kept && echo x > src/nyxmon/gone.py'")
        .unwrap();
    assert_changed(&deploy(&host, &[]), None);
    assert!(host.exists("/home/nyxmon/site/media/kept"));
    assert!(!host.exists("/home/nyxmon/site/src/nyxmon/gone.py"));
    assert!(host.exists("/home/nyxmon/data/db.sqlite3"));
}
