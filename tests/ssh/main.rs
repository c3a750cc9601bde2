//! The built-in SSH client, the agent's start and becoming another user, on real hosts.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod elevation;
mod hardship;
mod host_keys;
mod logins;
mod ways;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use windlass::transport::{AgentHandle, Become, Call, ConnectError, Connection, Settings, Target};
use windlass_protocol::modules::command::ShellArgs;
use windlass_protocol::{ModuleArgs as _, Outcome};
use windlass_test_hosts::Host;

/// Runs a test's asynchronous part.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// Nothing of this machine's user: an empty `ssh_config`, and no agent.
fn settings() -> Arc<Settings> {
    Arc::new(Settings { ssh_config: Some("/dev/null".into()), ..Settings::default() })
}

/// The host as a user with the host's own key, and no ssh-agent.
fn target(host: &Host, user: &str) -> Target {
    Target {
        name: host.name().to_owned(),
        host: host.ip().to_string(),
        user: Some(user.to_owned()),
        key_files: vec![host.ssh_key_path()],
        ssh_args: vec![format!(
            "-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes -o IdentityAgent=none -o IdentitiesOnly=yes",
            host.known_hosts_path().display()
        )],
        ..Target::default()
    }
}

/// The same without any key, but with another option.
fn keyless(host: &Host, user: &str) -> Target {
    Target { key_files: Vec::new(), ..target(host, user) }
}

async fn open(target: &Target) -> Result<Connection, ConnectError> {
    Connection::open(target, &settings()).await
}

/// A call of a shell command.
fn shell_call<'a>(text: &str) -> Call<'a> {
    let args = serde_json::json!({ "_raw_params": text });
    let args = windlass_protocol::args::normalize(&ShellArgs::SPEC, args.as_object().unwrap()).unwrap();
    Call { module: "ansible.builtin.shell".into(), args, ..Call::default() }
}

/// A shell command by an agent.
async fn shell(agent: &AgentHandle, text: &str) -> Outcome {
    agent.run(shell_call(text)).await.unwrap()
}

async fn stdout(agent: &AgentHandle, text: &str) -> String {
    let outcome = shell(agent, text).await;
    assert!(!outcome.failed, "{text}: {outcome:?}");
    outcome.values()["stdout"].as_str().unwrap().to_owned()
}

/// Connects, starts an agent, and says as whom it runs.
async fn who(target: &Target, become_: Option<&Become>) -> Result<String, ConnectError> {
    let connection = open(target).await?;
    let agent = connection.agent(become_).await?;
    let user = stdout(&agent, "id -un").await;
    assert_eq!(user, agent.identity().user);
    connection.close().await;
    Ok(user)
}

/// Makes a key pair.
fn keygen(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-f"]).arg(&path).args(options);
    if !options.contains(&"-N") {
        command.args(["-N", ""]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// A key whose number is a byte shorter than most.
fn short_key(folder: &Path) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ssh");
    for name in ["short_ecdsa", "short_ecdsa.pub"] {
        std::fs::copy(data.join(name), folder.join(name)).unwrap();
    }
    let path = folder.join("short_ecdsa");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn public(key: &Path) -> String {
    std::fs::read_to_string(format!("{}.pub", key.display())).unwrap()
}

/// Lets a key log in as root.
fn authorize(host: &Host, key: &Path) {
    host.sh(&format!("echo '{}' >> /root/.ssh/authorized_keys", public(key).trim())).unwrap();
}

/// Changes the server's settings; earlier ones win, so this file comes first.
fn configure_sshd(host: &Host, lines: &str) {
    host.write("/etc/ssh/sshd_config.d/00-test.conf", lines).unwrap();
    host.sh("systemctl reload ssh").unwrap();
    // The reload is a signal: it takes effect a moment later.
    std::thread::sleep(std::time::Duration::from_millis(300));
}
