//! The example's own projects, as `main.yml` has them.

use serde_json::Value;
use std::path::Path;
use windlass_demo::app::Stage;
use windlass_test_hosts::require_hosts;
use windlass_test_proxmox::Server;

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
