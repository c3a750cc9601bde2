//! What the demonstration does not show of the role: that it refuses half a source before it touches the host, notices
//! a monitor that runs with stale settings, and finishes what an interrupted deploy left behind.

use crate::deploy::{Playbook, assert_changed, assert_refused};
use windlass_test_hosts::{Host, Suite, require_hosts};

const PLACES: [&str; 5] = ["/etc", "/home", "/opt", "/srv", "/usr/local"];

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
        &Playbook::Development.deploy(&host, &[&source]),
        "src/nyxmon/ is missing, or holds no files (nothing was changed)",
    );
    assert_refused(
        &Playbook::Development.deploy(&host, &[r#"{"nyxmon_rsync_additional_paths": ["src/../../etc"]}"#]),
        "must be a path inside nyxmon_source_path",
    );
    assert_refused(
        &Playbook::Development
            .deploy(&host, &[r#"{"nyxmon_basic_auth_password": "$2b$12$abcdefghijklmnopqrstuu"}"#]),
        "in plain text and not as a hash",
    );
    assert_refused(
        &Playbook::Development.deploy(&host, &["nyxmon_django_secret_key="]),
        "nyxmon_django_secret_key",
    );
    let touched = before.differences(&host.snapshot_tree(&PLACES).unwrap());
    assert!(touched.is_empty(), "{touched:?}");

    // A whole one goes through, and then leaves nothing to do.
    assert_changed(&Playbook::Development.deploy(&host, &[]), None);
    assert_changed(&Playbook::Development.deploy(&host, &[]), Some(0));

    // A deploy that was interrupted after the environment was written and before the restart.
    host.sh("sleep 1; touch /home/nyxmon/.env").unwrap();
    assert_changed(&Playbook::Development.deploy(&host, &[]), Some(1));
    assert_changed(&Playbook::Development.deploy(&host, &[]), Some(0));

    // A monitor that was restarted with other settings than the deployed ones.
    host.sh(
        "mkdir -p /run/systemd/system/nyxmon-monitor.service.d && cd /run/systemd/system/nyxmon-monitor.service.d \
         && sed s,https://opsgate,http://stale, /home/nyxmon/.env > /root/stale.env \
         && printf '[Service]\\nEnvironmentFile=\\nEnvironmentFile=/root/stale.env\\n' > stale.conf \
         && systemctl daemon-reload && systemctl restart nyxmon-monitor && rm stale.conf && systemctl daemon-reload",
    )
    .unwrap();
    let stale = Playbook::Development.deploy(&host, &[]);
    assert_refused(&stale, "still runs with another OPSGATE_APPROVAL_BASE_URL");
    assert!(!stale.1.contains("example-opsgate-token"), "{}", stale.1);
    host.sh("systemctl restart nyxmon-monitor").unwrap();
    assert_changed(&Playbook::Development.deploy(&host, &[]), Some(0));

    // What the service wrote survives a sync, and what the source does not have does not.
    host.sh("runuser -u nyxmon -- sh -c 'cd /home/nyxmon/site && echo x > media/kept && echo x > src/nyxmon/gone.py'")
        .unwrap();
    assert_changed(&Playbook::Development.deploy(&host, &[]), None);
    assert!(host.exists("/home/nyxmon/site/media/kept"));
    assert!(!host.exists("/home/nyxmon/site/src/nyxmon/gone.py"));
    assert!(host.exists("/home/nyxmon/data/db.sqlite3"));
}
