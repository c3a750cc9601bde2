//! Where the code comes from other than by rsync: a git repository that goes on, and a package index with a newer version.

use crate::deploy::{Playbook, assert_changed, example};
use std::process::Stdio;
use windlass_test_hosts::{Host, Sudo, Suite, require_hosts};

/// Puts the example's project into a folder of the host.
fn put_project(host: &Host, folder: &str) {
    let mut tar = std::process::Command::new("tar")
        .arg("-C")
        .arg(example().join("nyxmon"))
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    host.sh(&format!("mkdir -p {folder}")).unwrap();
    let unpacked =
        host.ssh("root").args(["tar", "-C", folder, "-x"]).stdin(tar.stdout.take().unwrap()).status();
    assert!(unpacked.unwrap().success() && tar.wait().unwrap().success());
}

/// The processes of both services.
pub fn main_pids(host: &Host) -> Vec<String> {
    let text = host.sh("systemctl show --property MainPID --value nyxmon nyxmon-monitor").unwrap();
    let pids: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| pid != "0"), "{text}");
    pids
}

/// Both services were restarted.
pub fn assert_others(before: &[String], after: &[String]) {
    assert!(before.iter().zip(after).all(|(old, new)| old != new), "{before:?} {after:?}");
}

#[test]
fn a_commit_with_a_migration_is_deployed_by_git() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder()
        .suite(Suite::Trixie)
        .name("nyxmon-git")
        .user("deploy", Sudo::Passwordless)
        .packages(&["git"])
        .boot()
        .unwrap();
    put_project(&host, "/srv/checkout");
    host.sh(
        "cd /srv/checkout && git init -q -b main && git config user.name Test && git config user.email test@example.com \
         && git add -A && git commit -qm first && git clone -q --bare . /srv/git/nyxmon.git \
         && touch /srv/git/nyxmon.git/git-daemon-export-ok && git remote add origin /srv/git/nyxmon.git \
         && systemd-run --quiet --unit=git-daemon git daemon --base-path=/srv/git --listen=127.0.0.1",
    )
    .unwrap();
    let repository = [r#"{"nyxmon_git_repo": "git://127.0.0.1/nyxmon.git"}"#];
    assert_changed(&Playbook::Production.deploy(&host, &repository), None);
    assert_changed(&Playbook::Production.deploy(&host, &repository), Some(0));
    let before = main_pids(&host);

    host.write(
        "/srv/checkout/src/nyxboard/migrations/0002_target_note.py",
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n\n    dependencies = [\n        \
         (\"nyxboard\", \"0001_initial\"),\n    ]\n\n    operations = [\n        migrations.AddField(\"target\", \"note\", \
         models.CharField(default=\"\", max_length=50)),\n    ]\n",
    )
    .unwrap();
    host.sh(
        "cd /srv/checkout && sed -i '/alerted_at = /a\\    note = models.CharField(default=\"\", max_length=50)' src/nyxboard/models.py \
         && git add -A && git commit -qm second && git push -q origin main",
    )
    .unwrap();
    assert_changed(&Playbook::Production.deploy(&host, &repository), None);
    let heads = host
        .sh("git -C /srv/checkout rev-parse HEAD; runuser -u nyxmon -- git -C /home/nyxmon/site rev-parse HEAD")
        .unwrap();
    let heads: Vec<&str> = heads.lines().collect();
    assert!(heads.len() == 2 && heads[0] == heads[1], "{heads:?}");
    let columns = host
        .sh(
            "/home/nyxmon/site/.venv/bin/python -c 'import sqlite3; db = sqlite3.connect(\"/home/nyxmon/data/db.sqlite3\"); \
             print([row[1] for row in db.execute(\"pragma table_info(nyxboard_target)\")])'",
        )
        .unwrap();
    assert!(columns.contains("'note'"), "{columns}");
    assert_others(&before, &main_pids(&host));
    assert_changed(&Playbook::Production.deploy(&host, &repository), Some(0));
}

/// Builds version `version` of the example's packages as a wheel in the host's `/opt/wheels`.
fn publish(host: &Host, version: &str) {
    host.sh(&format!(
        "mkdir -p /opt/wheels && rm -rf /tmp/wheel && mkdir -p /tmp/wheel/nyxmon-{version}.dist-info && cd /tmp/wheel \
         && cp -r /srv/checkout/src/nyxmon /srv/checkout/src/nyxboard . \
         && printf 'Metadata-Version: 2.1\\nName: nyxmon\\nVersion: {version}\\n' > nyxmon-{version}.dist-info/METADATA \
         && printf 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' \
            > nyxmon-{version}.dist-info/WHEEL \
         && find nyxmon nyxboard nyxmon-{version}.dist-info -type f | sed 's/$/,,/' > /tmp/RECORD \
         && mv /tmp/RECORD nyxmon-{version}.dist-info/RECORD \
         && python3 -m zipfile -c /opt/wheels/nyxmon-{version}-py3-none-any.whl nyxmon nyxboard nyxmon-{version}.dist-info"
    ))
    .unwrap();
}

#[test]
fn a_newer_version_is_taken_from_the_package_index() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().suite(Suite::Trixie).name("nyxmon-index").python(true).boot().unwrap();
    put_project(&host, "/srv/checkout");
    publish(&host, "99.0.1");
    let settings = [
        r#"{"nyxmon_rsync_additional_paths": [], "nyxmon_rsync_extra_files": [], "nyxmon_use_source_pyproject": false,
            "nyxmon_pypi_requirement": "nyxmon>=99", "nyxmon_uv_environment": {"UV_FIND_LINKS": "/opt/wheels"}}"#,
    ];
    let installed = || {
        host.sh(
            "/home/nyxmon/site/.venv/bin/python -c 'import importlib.metadata as m; print(m.version(\"nyxmon\"))'",
        )
        .unwrap()
    };
    assert_changed(&Playbook::Development.deploy(&host, &settings), None);
    assert_eq!(installed().trim(), "99.0.1");
    assert!(!host.exists("/home/nyxmon/site/src/nyxmon"), "only the Django project is synced");
    assert!(host.read_text("/home/nyxmon/site/pyproject.toml").unwrap().contains("\"nyxmon>=99\""));
    assert_changed(&Playbook::Development.deploy(&host, &settings), Some(0));
    let before = main_pids(&host);

    publish(&host, "99.0.2");
    assert_changed(&Playbook::Development.deploy(&host, &settings), None);
    assert_eq!(installed().trim(), "99.0.2");
    assert_others(&before, &main_pids(&host));
    assert_changed(&Playbook::Development.deploy(&host, &settings), Some(0));
}
