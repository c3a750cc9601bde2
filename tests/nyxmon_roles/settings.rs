//! What each setting of the role does to a deployment that is there: secrets that change, services that are renamed or
//! switched off, routers that are no longer wanted, and values that come as text from the command line.

use crate::deploy::{Playbook, assert_changed, assert_refused, example};
use crate::sources::{assert_others, main_pids};
use windlass_test_hosts::{Host, Suite, require_hosts};

const UNIT: &str = "/etc/systemd/system/nyxmon.service";
const ROUTERS: &str = "/etc/traefik/dynamic/nyxmon.yml";

fn text_of(host: &Host, path: &str) -> String {
    host.sh(&format!("cat {path}")).unwrap()
}

/// The environment of the process that runs a service.
fn environment(host: &Host, service: &str) -> String {
    host.sh(&format!("tr '\\0' '\\n' < /proc/$(systemctl show --property MainPID --value {service})/environ"))
        .unwrap()
}

#[test]
fn half_a_source_and_wrong_values_change_nothing() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().suite(Suite::Bookworm).name("nyxmon-wrong").boot().unwrap();
    let places = ["/etc", "/home", "/opt", "/srv", "/usr/local"];
    let before = host.snapshot_tree(&places).unwrap();
    for (gone, because) in [
        ("README.md", "/README.md is missing (nothing was changed)"),
        ("pyproject.toml", "/pyproject.toml is missing (nothing was changed)"),
        ("src/django/manage.py", "/src/django/manage.py is missing (nothing was changed)"),
        ("src/django", "/src/django/ is missing, or holds no files (nothing was changed)"),
    ] {
        let source = tempfile::tempdir().unwrap();
        let copy = std::process::Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", example().join("nyxmon").display()))
            .arg(source.path())
            .status();
        assert!(copy.unwrap().success());
        let path = source.path().join(gone);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        let setting = format!("{{\"nyxmon_source_path\": {:?}}}", source.path());
        assert_refused(&Playbook::Development.deploy(&host, &[&setting]), because);
    }
    for (setting, because) in [
        ("nyxmon_source_path=nyxmon", "it must be the absolute path of a Nyxmon checkout"),
        ("nyxmon_deploy_method=ftp", "nyxmon_deploy_method"),
        (
            r#"{"nyxmon_telegram_chat_id": "1\nDJANGO_DEBUG=true"}"#,
            "holds a line break: look at the secret key",
        ),
        ("uv_path=/opt/none/uv", "Look for the uv that was asked for"),
        ("nyxmon_opsgate_submit_token=", "needs nyxmon_opsgate_submit_token"),
    ] {
        assert_refused(&Playbook::Development.deploy(&host, &[setting]), because);
    }
    let touched = before.differences(&host.snapshot_tree(&places).unwrap());
    assert!(touched.is_empty(), "{touched:?}");
}

#[test]
fn a_deployment_follows_its_settings() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().suite(Suite::Trixie).name("nyxmon-settings").boot().unwrap();
    let deploy = |settings: &[&str]| Playbook::Development.deploy(&host, settings);
    assert_changed(&deploy(&[]), None);
    let active =
        |service: &str| host.sh(&format!("systemctl is-active {service} || true")).unwrap().trim().to_owned();

    // Another token: the file, and both processes.
    let before = main_pids(&host);
    let token = ["nyxmon_telegram_bot_token=4711:another-token"];
    let run = deploy(&token);
    assert_changed(&run, None);
    assert!(!run.1.contains("another-token"), "{}", run.1);
    assert_others(&before, &main_pids(&host));
    for service in ["nyxmon", "nyxmon-monitor"] {
        assert!(environment(&host, service).contains("TELEGRAM_BOT_TOKEN=4711:another-token"), "{service}");
    }
    assert_changed(&deploy(&token), Some(0));
    let mode = host.sh("stat -c '%a %U' /home/nyxmon/.env").unwrap();
    assert_eq!(mode.trim(), "600 nyxmon");

    // Without restarts the file changes alone.
    let before = main_pids(&host);
    assert_changed(&deploy(&["nyxmon_service_restart_on_change=false"]), Some(1));
    assert_eq!(main_pids(&host), before);
    assert!(!text_of(&host, "/home/nyxmon/.env").contains("another-token"));
    // The next deploy finds processes that are older than their settings.
    assert_changed(&deploy(&[]), Some(1));
    assert_others(&before, &main_pids(&host));

    // Texts from the command line mean what they say.
    assert!(
        text_of(&host, UNIT).contains("ProtectSystem=strict") && text_of(&host, ROUTERS).contains("tls:")
    );
    assert_changed(&deploy(&["nyxmon_service_hardening=false", "nyxmon_traefik_tls=no"]), None);
    assert!(!text_of(&host, UNIT).contains("ProtectSystem") && !text_of(&host, ROUTERS).contains("tls:"));
    assert_changed(&deploy(&[]), None);

    // Another password: a new hash, and a router that names it.
    let users = text_of(&host, "/etc/traefik/auth/nyxmon.htpasswd");
    let routers = text_of(&host, ROUTERS);
    let run = deploy(&["nyxmon_basic_auth_password=another-password"]);
    assert_changed(&run, Some(2));
    assert!(!run.1.contains("another-password"), "{}", run.1);
    assert_ne!(text_of(&host, "/etc/traefik/auth/nyxmon.htpasswd"), users);
    assert_ne!(text_of(&host, ROUTERS), routers);

    // A service of the operator's own with the same settings, made with the shared plumbing, is none of ours.
    let worker = "/etc/systemd/system/nyxmon-worker.service";
    let unit = "# Managed by a deploy role (nyxmon-worker): edits are lost.\n[Unit]\nDescription=worker\n[Service]\n\
                ExecStart=/bin/sleep inf\nEnvironmentFile=/home/nyxmon/.env\n";
    host.write(worker, unit).unwrap();

    // A renamed monitor replaces the old one, and one that is switched off stops.
    assert_changed(&deploy(&["nyxmon_monitoring_service_name=watcher"]), None);
    assert_eq!((active("watcher"), active("nyxmon-monitor")), ("active".into(), "inactive".into()));
    assert!(host.exists(worker));
    assert!(!host.exists("/etc/systemd/system/nyxmon-monitor.service"));
    assert_changed(&deploy(&[]), None);
    assert_eq!((active("watcher"), active("nyxmon-monitor")), ("inactive".into(), "active".into()));
    assert_changed(&deploy(&["nyxmon_monitoring_enabled=false"]), Some(1));
    assert_eq!(active("nyxmon-monitor"), "inactive");
    assert_changed(&deploy(&["nyxmon_monitoring_enabled=false"]), Some(0));

    // One router without a password, then none.
    let open = ["nyxmon_monitoring_enabled=false", "nyxmon_basic_auth_enabled=false"];
    assert_changed(&deploy(&open), Some(2));
    assert!(!text_of(&host, ROUTERS).contains("basicAuth"));
    assert!(!host.exists("/etc/traefik/auth/nyxmon.htpasswd"));
    assert_changed(&deploy(&open[..1]), Some(2));
    assert!(host.exists("/etc/traefik/auth/nyxmon.htpasswd"));
    let none = ["nyxmon_monitoring_enabled=false", "nyxmon_traefik_enabled=false"];
    assert_changed(&deploy(&none), Some(2));
    assert!(!host.exists(ROUTERS) && !host.exists("/etc/traefik/auth/nyxmon.htpasswd"));
    assert_changed(&deploy(&none), Some(0));

    // A uv of the operator's own is taken as it is.
    host.sh("cp -a /opt/uv/bin/uv /usr/local/bin/own-uv").unwrap();
    let own = [none[0], none[1], "uv_install_method=existing", "uv_path=/usr/local/bin/own-uv"];
    assert_changed(&deploy(&own), Some(0));
}
