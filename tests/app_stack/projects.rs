//! The example's own projects, as `main.yml` has them: all of them are provisioned, and pote goes through `site.yml` to a host.

use serde_json::{Value, json};
use std::path::Path;
use windlass_demo::app::{Repository, Stage};
use windlass_test_hosts::{Base, Suite, network_gateway, require_hosts};
use windlass_test_proxmox::{Hosts, Server};

/// What the project's guests have installed when they are configured, so that it need not be downloaded.
const POTE_PACKAGES: [&str; 9] =
    ["ca-certificates", "cron", "curl", "git", "openssh-client", "postgresql", "python3-venv", "sudo", "ufw"];

fn stage(server: windlass_test_proxmox::Builder) -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_windlass").as_ref(), server, 1).unwrap()
}

/// `app_projects` of the example.
fn projects() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/app_stack/inventories/production/group_vars/all/main.yml");
    let all: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    all["app_projects"].clone()
}

#[test]
fn all_projects_of_the_example_are_provisioned() {
    if !require_hosts() {
        return;
    }
    let mut stage = stage(Server::builder());
    stage.variables.as_object_mut().unwrap().remove("app_projects");
    // Nobody is at these addresses: nothing is pinged, started or waited for.
    let flags = ["-e", "allow_ip_conflicts=true", "-e", "lxc_start_after_create=false"];
    assert!(stage.run("provision_vms.yml", &flags, &mut |_| {}).unwrap().changed > 0);
    assert_eq!(stage.server.vmids(), [101, 102, 103, 111, 112, 113]);
    for project in projects().as_object().unwrap().values() {
        for guest in project["envs"].as_object().unwrap().values() {
            let made = stage.server.guest(guest["vmid"].as_u64().unwrap().try_into().unwrap()).unwrap();
            assert_eq!(made.config["hostname"], guest["name"].as_str().unwrap());
            for (key, value) in [("ip", &guest["ip"]), ("gw", &guest["gateway"])] {
                let part = format!("{key}={}", value.as_str().unwrap());
                assert!(made.config["net0"].split(',').any(|p| p == part), "{:?}", made.config);
            }
        }
    }
    assert_eq!(stage.run("provision_vms.yml", &flags, &mut |_| {}).unwrap().changed, 0);
}

#[test]
fn pote_goes_through_the_site() {
    if !require_hosts() {
        return;
    }
    let owned = POTE_PACKAGES.iter().map(|p| (*p).to_owned()).collect();
    Base { suite: Suite::Trixie, python: false, packages: owned }.ensure().unwrap();
    let backing = Hosts::new().packages("debian-13-standard", &POTE_PACKAGES);
    let mut stage = stage(Server::builder().backing(backing));
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/app_stack/pote");
    let repository = Repository::serve(&sample, folder.path(), network_gateway()).unwrap();

    // The example's project, at another address.
    let mut pote = projects()["pote"].clone();
    let dev = json!({"ip": stage.reservation(0).cidr(), "gateway": network_gateway().to_string()});
    for (name, value) in dev.as_object().unwrap() {
        pote["envs"]["dev"][name] = value.clone();
    }
    pote["envs"].as_object_mut().unwrap().retain(|env, _| env == "dev");
    pote["repo_url"] = repository.url().into();
    stage.variables["app_projects"] = json!({ "pote": pote });

    let site = |arguments: &[&str]| {
        stage.run("site.yml", &[&["-e", "app_project=pote"][..], arguments].concat(), &mut |_| {})
    };
    assert!(site(&[]).unwrap().changed > 0);
    assert_eq!(stage.server.vmids(), [111]);
    let again = site(&[]).unwrap();
    assert_eq!(again.changed, 0, "{:?}", again.changes());
    let login = |command: &str| stage.login(0, command).unwrap();
    assert_eq!(login("cat /opt/pote/.installed").split(' ').next().unwrap(), repository.head("dev").unwrap());
    // Settings of pote.yml, main.yml and the vault.
    let environment = login("cat /opt/pote/.env");
    for line in [
        "LOG_LEVEL=debug",
        "POTE_ENV=dev",
        "SMTP_HOST=smtp.example.com",
        "SMTP_PASSWORD=\"example mail password\"",
    ] {
        assert!(environment.lines().any(|l| l == line), "{environment}\nlacks: {line}");
    }
    assert!(
        login("cat /etc/cron.d/pote")
            .contains("0 7 * * 1 pote /opt/pote/bin/pote-run --job report pote-report")
    );
    // One variable reaches it by the tag of the role's own task, and by nothing else.
    stage.variables["app_projects"]["pote"]["envs"]["dev"]["env_vars"]["LOG_LEVEL"] = "info".into();
    let run = stage
        .run("configure_app.yml", &["-e", "app_project=pote", "--tags", "pote_environment"], &mut |_| {})
        .unwrap();
    assert_eq!(
        run.changes().into_values().flatten().collect::<Vec<_>>(),
        ["pote : Write the environment file"]
    );
}
