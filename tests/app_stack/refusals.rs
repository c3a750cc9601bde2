//! What stops a run, and in which words: conflicts before the first change, and what the server refuses.

use serde_json::json;
use windlass_demo::app::{Stage, hosts};
use windlass_test_hosts::{network_gateway, network_prefix, require_hosts};
use windlass_test_proxmox::{Builder, Guest, Server};

fn stage(server: Builder) -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_windlass").as_ref(), server, 2).unwrap()
}

/// The run failed, and said this.
#[track_caller]
fn assert_fails(stage: &Stage, arguments: &[&str], because: &str) {
    let (code, output) = stage.attempt("provision_vms.yml", arguments).unwrap();
    assert_eq!(code, Some(2), "{output}");
    // A long message may be wrapped where it is printed.
    let flat = output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(because), "{output}\nlacks: {because}");
}

/// The run failed, said this, and nothing had been asked of the API but questions.
#[track_caller]
fn assert_refused(stage: &Stage, arguments: &[&str], because: &str) {
    assert_fails(stage, arguments, because);
    let writes = stage.server.writes();
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn conflicts_are_found_before_the_first_change() {
    if !require_hosts() {
        return;
    }
    let mut stage = stage(Server::builder().node("pve2").guest(Guest::lxc(900, "other").node("pve2")));
    assert_refused(
        &stage,
        &["-e", "app_project=projectX"],
        "which app_projects does not have: it knows projectA",
    );

    let (dev, qa) = (stage.reservation(0).cidr(), stage.reservation(1).cidr());
    let address = stage.address(0);
    stage.guest(1)["ip"] = dev.clone().into();
    assert_refused(&stage, &[], &format!("address {address} is used twice: projectA/dev, projectA/qa"));
    // Also when only one of them is provisioned now, and across projects.
    assert_refused(
        &stage,
        &["-e", "app_env=qa"],
        &format!("address {address} is used twice: projectA/dev, projectA/qa"),
    );
    stage.guest(1)["ip"] = qa.clone().into();
    let other = json!({
        "name": "projectb-prod", "vmid": 120, "ip": dev, "gateway": network_gateway().to_string(), "branch": "main",
        "env_vars": {},
    });
    stage.variables["app_projects"]["projectB"] =
        json!({ "repo_url": stage.repository.url(), "envs": { "prod": other } });
    assert_refused(
        &stage,
        &["-e", "app_project=projectB"],
        &format!("address {address} is used twice: projectA/dev, projectB/prod"),
    );
    stage.variables["app_projects"]["projectB"]["envs"]["prod"]["ip"] = "10.0.99.99/24".into();
    stage.variables["app_projects"]["projectB"]["envs"]["prod"]["gateway"] = "10.0.99.1".into();
    stage.variables["app_projects"]["projectB"]["envs"]["prod"]["vmid"] = 101.into();
    assert_refused(&stage, &[], "vmid 101 is used twice: projectA/dev, projectB/prod");
    stage.variables["app_projects"].as_object_mut().unwrap().remove("projectB");

    // The gateway is somebody who answers.
    stage.guest(1)["ip"] = format!("{}/{}", network_gateway(), network_prefix()).into();
    stage.guest(1)["gateway"] = address.to_string().into();
    assert_refused(&stage, &[], "answers to ping");
    stage.guest(1)["ip"] = qa.clone().into();

    // A gateway that is none of the guest's network, and none at all; also where another guest is provisioned.
    stage.guest(1)["gateway"] = "192.0.2.1".into();
    let misplaced = format!("projectA/qa: the gateway 192.0.2.1 is not in the network of {qa}");
    assert_refused(&stage, &["-e", "allow_ip_conflicts=true"], &misplaced);
    assert_refused(&stage, &["-e", "app_env=dev"], &misplaced);
    stage.guest(1).as_object_mut().unwrap().remove("gateway");
    assert_refused(&stage, &[], "projectA/qa has no gateway (nothing was changed)");
    stage.guest(1)["gateway"] = network_gateway().to_string().into();

    // A container that does not run answers nothing, and has its address all the same.
    stage.server.set_config(
        900,
        "net0",
        &format!("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip={qa},type=veth"),
    );
    assert_refused(&stage, &[], "is already the address of container 900 (other) on pve2");

    // Whose vmid it is cannot be overridden.
    stage.guest(0)["vmid"] = 900.into();
    assert_refused(
        &stage,
        &["-e", "allow_ip_conflicts=true"],
        "vmid 900 belongs to container other on pve2, and is not projectA/dev",
    );
    stage.guest(0)["vmid"] = 101.into();

    // Whoever knows better may go on.
    let run = stage.run(
        "provision_vms.yml",
        &["-e", "allow_ip_conflicts=true", "-e", "lxc_start_after_create=false"],
        &mut |_| {},
    );
    assert!(run.unwrap().changed > 0);
    assert_eq!(stage.server.vmids(), [101, 102, 900]);
}

/// Phase 2 looks at its settings before anything is changed, and before anybody is logged in to: no guest is there.
#[test]
fn settings_of_the_application_are_checked_before_the_first_change() {
    if !require_hosts() {
        return;
    }
    let mut stage = stage(Server::builder());
    let project = |stage: &mut Stage, name: &str, value: serde_json::Value| {
        stage.variables["app_projects"]["projectA"][name] = value;
    };
    let refused = |stage: &Stage, because: &str| {
        let (code, output) = stage.attempt("configure_app.yml", &["-e", "app_env=dev"]).unwrap();
        let flat = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, Some(2), "{output}");
        assert!(flat.contains(because) && !flat.contains("hunter2"), "{output}\nlacks: {because}");
    };
    let url = stage.variables["app_projects"]["projectA"]["repo_url"].clone();
    for secret in ["https://deploy:hunter2@git.example.com/a.git", "https://hunter2@git.example.com/a.git"] {
        project(&mut stage, "repo_url", secret.into());
        refused(&stage, "app_repo_url holds a user name with a password or a token");
        project(&mut stage, "role", "pote".into());
        refused(&stage, "pote_git_repo holds a user name with a password or a token");
        project(&mut stage, "role", "app_setup".into());
    }
    project(&mut stage, "repo_url", url);
    for key in [
        "/root/.ssh/hunter2",
        "ssh-ed25519 AAAAhunter2 me",
        // The line breaks were lost on the way.
        "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAABG5vbmUhunter2 -----END OPENSSH PRIVATE KEY-----",
        // With a passphrase, in both forms.
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIhunter2\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ] {
        project(&mut stage, "deploy_key", key.into());
        refused(&stage, "app_deploy_key must be the text of a private key without a passphrase");
    }
}

#[test]
fn what_the_server_refuses_is_said_in_its_words() {
    if !require_hosts() {
        return;
    }
    let without = stage(Server::builder().without_templates());
    assert_refused(
        &without,
        &[],
        "ostemplate local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst does not exist on node pve and storage local",
    );

    let acl = [("/", "VM.Audit Sys.Audit Datastore.Audit")];
    let mut few = stage(Server::builder().token_with("root@pam!few", "few", &acl));
    few.variables["proxmox_token_id"] = "few".into();
    few.variables["proxmox_token"] = "few".into();
    assert_fails(&few, &[], "Permission check failed");
    assert!(few.server.vmids().is_empty());

    let failing = stage(Server::builder());
    let why = "unable to create CT 101 - command 'lvcreate' failed: exit code 5";
    failing.server.fail_next("vzcreate", why);
    assert_fails(&failing, &[], why);
    assert!(failing.server.vmids().is_empty());
    // The one after it goes through, as if nothing had been.
    let run = failing.run("provision_vms.yml", &["-e", "lxc_start_after_create=false"], &mut |_| {});
    assert!(run.unwrap().changed > 0);
    assert_eq!(failing.server.vmids(), [101, 102]);
}

#[test]
fn a_guest_that_never_opens_ssh_is_given_up() {
    if !require_hosts() {
        return;
    }
    let stage = stage(Server::builder().backing(hosts().unwrap().never_ssh(101)));
    let because =
        format!("projecta-dev ({}) did not answer on SSH port 22 within 3 seconds", stage.address(0));
    assert_fails(&stage, &["-e", "app_env=dev", "-e", "lxc_ssh_timeout=3"], &because);
    assert_eq!(stage.server.guest(101).unwrap().status, "running");
}
