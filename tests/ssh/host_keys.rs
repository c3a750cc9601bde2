//! Known, unknown, changed, revoked and certified host keys.

use crate::*;
use std::os::unix::fs::PermissionsExt as _;
use windlass::transport::HostKeyChecking;
use windlass_test_hosts::require_hosts;

#[test]
fn strangers_and_impostors() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ssh/known_hosts");
    let with = |checking: Option<HostKeyChecking>| Target {
        host_key_checking: checking,
        ssh_args: vec![format!("-o UserKnownHostsFile={} -o IdentityAgent=none", file.display())],
        ..target(&host, "root")
    };
    for checking in [None, Some(HostKeyChecking::Strict)] {
        let error = wait(open(&with(checking))).unwrap_err();
        let ConnectError::HostKeyUnknown { algorithm, fingerprint, .. } = &error else { panic!("{error:?}") };
        assert_eq!(algorithm, "ssh-ed25519");
        assert!(fingerprint.starts_with("SHA256:"));
        assert!(error.hint().unwrap().contains("accept-new"));
    }
    assert!(!file.exists());

    wait(who(&with(Some(HostKeyChecking::AcceptNew)), None)).unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 1);
    assert!(written.starts_with(&format!("{} ssh-ed25519 ", host.ip())));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    wait(who(&with(Some(HostKeyChecking::Strict)), None)).unwrap();

    // The same host after a new installation, or somebody else.
    let other = keygen(folder.path(), "other", &["-t", "ed25519"]);
    std::fs::write(&file, format!("# mine\nbad line\n{} {}", host.ip(), public(&other))).unwrap();
    for checking in [HostKeyChecking::Strict, HostKeyChecking::AcceptNew] {
        let error = wait(open(&with(Some(checking)))).unwrap_err();
        let ConnectError::HostKeyChanged { line, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*line, 3);
        assert!(error.hint().unwrap().contains("line 3"));
    }
    wait(who(&with(Some(HostKeyChecking::Off)), None)).unwrap();
    let password = windlass::transport::Secret::new("for the real host only");
    let spied =
        Target { password: Some(password), key_files: Vec::new(), ..with(Some(HostKeyChecking::Off)) };
    let error = wait(open(&spied)).unwrap_err();
    let ConnectError::Auth { tried, .. } = &error else { panic!("{error:?}") };
    assert!(!tried.iter().any(|method| method == "password"), "{tried:?}");

    std::fs::write(&file, format!("{written}@revoked * {}", written.split_once(' ').unwrap().1)).unwrap();
    let error = wait(open(&with(Some(HostKeyChecking::Off)))).unwrap_err();
    assert!(matches!(error, ConnectError::HostKeyRevoked { line: 2, .. }), "{error:?}");
}

#[test]
fn a_key_of_another_type_is_asked_for_as_it_is_known() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    host.sh("test -f /etc/ssh/ssh_host_rsa_key || ssh-keygen -q -t rsa -N '' -f /etc/ssh/ssh_host_rsa_key; systemctl restart ssh").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    let rsa = host.read_text("/etc/ssh/ssh_host_rsa_key.pub").unwrap();
    std::fs::write(&file, format!("{} {rsa}", host.ip())).unwrap();
    let target = Target {
        ssh_args: vec![format!("-o UserKnownHostsFile={} -o IdentityAgent=none", file.display())],
        ..target(&host, "root")
    };
    wait(who(&target, None)).unwrap();
}

#[test]
fn host_certificates() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = keygen(folder.path(), "ca", &["-t", "ed25519"]);
    let copy = folder.path().join("host.pub");
    std::fs::write(&copy, host.read("/etc/ssh/ssh_host_ed25519_key.pub").unwrap()).unwrap();
    let certify = |names: &str| {
        let mut command = Command::new("ssh-keygen");
        command.arg("-q").arg("-s").arg(&authority).args(["-h", "-I", "host", "-n", names]).arg(&copy);
        assert!(command.status().unwrap().success());
        host.write("/etc/ssh/host-cert.pub", std::fs::read(folder.path().join("host-cert.pub")).unwrap())
            .unwrap();
        configure_sshd(&host, "HostCertificate /etc/ssh/host-cert.pub\n");
    };
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, format!("@cert-authority *.lab,10.*,172.*,192.168.* {}", public(&authority)))
        .unwrap();
    let known = format!("-o UserKnownHostsFile={} -o IdentityAgent=none", file.display());
    let target = Target { ssh_args: vec![known.clone()], ..target(&host, "root") };
    certify(&host.ip().to_string());
    wait(who(&target, None)).unwrap();
    certify("another.lab");
    let error = wait(open(&target)).unwrap_err();
    assert!(
        matches!(&error, ConnectError::HostCertificate { reason, .. } if reason.contains("another.lab")),
        "{error:?}"
    );
    let alias = Target { ssh_args: vec![format!("{known} -o HostKeyAlias=another.lab")], ..target.clone() };
    wait(who(&alias, None)).unwrap();
}
