//! Keys of every kind, ssh-agent, certificates, passwords.

use crate::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass::transport::{Prompter, Secret};
use windlass_test_hosts::{Sudo, require_hosts};

#[derive(Debug)]
struct Answer(AtomicUsize);

impl Prompter for Answer {
    fn passphrase(&self, _key: &Path) -> Option<Secret> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Some(Secret::new("pass phrase"))
    }
}

#[test]
fn keys_of_every_kind() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(&str, &[&str]); 10] = [
        ("ed25519", &["-t", "ed25519"]),
        ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
        // Its number begins with a zero byte, as one in some hundred does.
        ("short ecdsa256", &[]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ("ecdsa_pem", &["-t", "ecdsa", "-m", "PEM"]),
        ("rsa_locked_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "pass phrase"]),
    ];
    for (name, options) in kinds {
        let key = match options {
            [] => short_key(folder.path()),
            options => keygen(folder.path(), name, options),
        };
        authorize(&host, &key);
        let key_passphrase = Some(Secret::new("pass phrase"));
        let target = Target { key_files: vec![key], key_passphrase, ..target(&host, "root") };
        assert_eq!(
            wait(who(&target, None)).unwrap_or_else(|error| panic!("{name}: {error} {:?}", error.hint())),
            "root"
        );
    }
}

#[test]
fn a_passphrase_is_asked_for_once() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = keygen(folder.path(), "locked", &["-t", "ed25519", "-N", "pass phrase"]);
    authorize(&host, &key);
    let locked = Target { key_files: vec![key.clone()], ..target(&host, "root") };

    let error = wait(open(&locked)).unwrap_err();
    assert!(error.is_unreachable());
    let hint = error.hint().unwrap();
    assert!(hint.contains("is encrypted") && hint.contains("locked"), "{hint}");

    let answer = Arc::new(Answer(AtomicUsize::new(0)));
    let prompter: Arc<dyn Prompter> = answer.clone();
    let settings = Settings { prompter: Some(prompter), ..(*settings()).clone() };
    let settings = Arc::new(Settings { shared: Default::default(), ..settings });
    wait(async {
        let connections = (0..3).map(|_| Connection::open(&locked, &settings));
        for connection in futures::future::join_all(connections).await {
            connection.unwrap().close().await;
        }
    });
    assert_eq!(answer.0.load(Ordering::SeqCst), 1);

    let wrong = Target { key_passphrase: Some(Secret::new("no")), ..locked.clone() };
    assert!(matches!(wait(open(&wrong)).unwrap_err(), ConnectError::Auth { .. }));
    let right = Target { key_passphrase: Some(Secret::new("pass phrase")), ..locked };
    assert_eq!(wait(who(&right, None)).unwrap(), "root");
}

/// An ssh-agent that ends with the test.
struct SshAgent {
    socket: PathBuf,
    process: std::process::Child,
}

impl SshAgent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null());
        let process = command.spawn().unwrap();
        while !socket.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self { socket, process }
    }

    fn add(&self, key: &Path) {
        let output = Command::new("ssh-add").arg(key).env("SSH_AUTH_SOCK", &self.socket).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_ssh_agent_signs() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let agent = SshAgent::start(folder.path());
    let known = host.known_hosts_path().display().to_string();
    let with_agent = |more: &str, keys: Vec<PathBuf>| Target {
        key_files: keys,
        ssh_args: vec![format!(
            "-o UserKnownHostsFile={known} -o IdentityAgent={} {more}",
            agent.socket.display()
        )],
        ..target(&host, "root")
    };
    for (name, options) in [("ed", ["-t", "ed25519"]), ("rsa", ["-t", "rsa"])] {
        let key = keygen(folder.path(), name, &options);
        agent.add(&key);
        authorize(&host, &key);
        // The file itself is gone, or encrypted, or only its public half is there.
        std::fs::remove_file(&key).unwrap();
        assert_eq!(wait(who(&with_agent("", Vec::new()), None)).unwrap(), "root");
        let named = with_agent("-o IdentitiesOnly=yes", vec![key]);
        assert_eq!(wait(who(&named, None)).unwrap(), "root", "{name}");
        host.sh("head -n 1 /root/.ssh/authorized_keys > /k && cat /k > /root/.ssh/authorized_keys").unwrap();
    }
    let error = wait(open(&with_agent("", Vec::new()))).unwrap_err();
    let ConnectError::Auth { tried, accepted, .. } = &error else { panic!("{error:?}") };
    assert_eq!(tried.len(), 2, "{tried:?}");
    assert!(accepted.contains(&"publickey".to_owned()));
}

#[test]
fn certificates() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = keygen(folder.path(), "ca", &["-t", "ed25519"]);
    host.write("/etc/ssh/user_ca.pub", public(&authority)).unwrap();
    configure_sshd(&host, "TrustedUserCAKeys /etc/ssh/user_ca.pub\n");
    let sign = |key: &Path, principal: &str| {
        let mut command = Command::new("ssh-keygen");
        command.arg("-q").arg("-s").arg(&authority).args(["-I", "test", "-n", principal]);
        let output = command.arg(format!("{}.pub", key.display())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(format!("{}-cert.pub", key.display()))
    };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = keygen(folder.path(), kind, &["-t", kind]);
        let plain = Target { key_files: vec![key.clone()], ..target(&host, "root") };
        assert!(matches!(wait(open(&plain)).unwrap_err(), ConnectError::Auth { .. }));
        let certificate = sign(&key, "root");
        assert_eq!(wait(who(&plain, None)).unwrap_or_else(|e| panic!("{kind}: {e} {:?}", e.hint())), "root");
        let elsewhere = folder.path().join(format!("{kind}.elsewhere"));
        std::fs::rename(&certificate, &elsewhere).unwrap();
        let mut named = plain.clone();
        named.ssh_args.push(format!("-o CertificateFile={}", elsewhere.display()));
        assert_eq!(wait(who(&named, None)).unwrap(), "root", "{kind}");
    }
    let key = keygen(folder.path(), "other", &["-t", "ed25519"]);
    sign(&key, "somebody");
    let target = Target { key_files: vec![key], ..target(&host, "root") };
    assert!(matches!(wait(open(&target)).unwrap_err(), ConnectError::Auth { .. }));
}

#[test]
fn passwords_and_questions() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().root_password("the root password").user("eve", Sudo::None).boot().unwrap();
    let with = |password: &str| Target { password: Some(Secret::new(password)), ..keyless(&host, "root") };
    for method in [
        "PasswordAuthentication yes\nKbdInteractiveAuthentication no\n",
        "PasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
    ] {
        configure_sshd(&host, method);
        assert_eq!(wait(who(&with("the root password"), None)).unwrap(), "root", "{method}");
        let error = wait(open(&with("wrong"))).unwrap_err();
        let ConnectError::Auth { tried, .. } = &error else { panic!("{error:?}") };
        assert!(!tried.is_empty());
        assert!(!format!("{error:?} {error}").contains("wrong\""));
    }
    configure_sshd(&host, "AuthenticationMethods publickey,password\nPasswordAuthentication yes\n");
    let both = Target { password: Some(Secret::new("the root password")), ..target(&host, "root") };
    assert_eq!(wait(who(&both, None)).unwrap(), "root");
    let error = wait(open(&target(&host, "root"))).unwrap_err();
    assert!(error.hint().unwrap().contains("another is wanted"), "{error:?}");
}
