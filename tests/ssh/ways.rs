//! Jump hosts, proxy commands, the system's ssh, names that lead nowhere, and how long it takes.

use crate::*;
use std::time::{Duration, Instant};
use windlass::transport::Via;
use windlass_test_hosts::{LatencyProxy, Sudo, require_hosts};

#[test]
fn through_other_hosts() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("hop", Sudo::None).boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = format!(
        "Host outer\n  HostName {ip}\n  User hop\nHost inner\n  HostName 127.0.0.1\n  ProxyJump outer\n  HostKeyAlias inner\n\
         Host goal\n  HostName 127.0.0.1\n  HostKeyAlias goal\nHost lost\n  HostName 127.0.0.1\n  Port 9\n\
         Host *\n  User root\n  IdentityFile {key}\n  IdentityAgent none\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking accept-new\n",
        ip = host.ip(),
        key = host.ssh_key_path().display(),
        known = folder.path().join("known").display(),
    );
    std::fs::write(&file, text).unwrap();
    let settings = Arc::new(Settings { ssh_config: Some(file), ..Settings::default() });
    let via = |name: &str, args: &str| Target {
        name: name.into(),
        host: name.into(),
        ssh_args: vec![args.to_owned()],
        ..Target::default()
    };
    wait(async {
        for (name, args) in [
            ("outer", ""),
            ("inner", ""),
            ("goal", "-J outer"),
            ("goal", "-J outer,inner"),
            ("goal", "-J inner"),
        ] {
            let connection = Connection::open(&via(name, args), &settings).await;
            let connection = connection.unwrap_or_else(|error| panic!("{name} {args}: {error}"));
            let agent = connection.agent(None).await.unwrap();
            let seen = stdout(&agent, "echo $SSH_CONNECTION").await;
            assert_eq!(seen.starts_with("127.0.0.1"), name != "outer", "{name} {args}: {seen}");
            connection.close().await;
        }
        let command = format!(
            "-o ProxyCommand=\"ssh -F none -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -W %h:%p root@{}\"",
            host.ssh_key_path().display(),
            host.ip()
        );
        let connection = Connection::open(&via("goal", &command), &settings).await.unwrap();
        assert_eq!(connection.agent(None).await.unwrap().identity().user, "root");
        connection.close().await;

        let error = Connection::open(&via("lost", "-J outer"), &settings).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        let error = Connection::open(&via("goal", "-J nobody@outer"), &settings).await.unwrap_err();
        assert!(matches!(&error, ConnectError::Jump { jump, .. } if jump == "nobody@outer"), "{error:?}");
        let failing = via("goal", "-o 'ProxyCommand=echo no way >&2; false'");
        let error = Connection::open(&failing, &settings).await.unwrap_err();
        assert!(error.to_string().contains("no way"), "{error:?}");
    });
}

#[test]
fn the_ssh_of_the_system() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("free", Sudo::Passwordless).boot().unwrap();
    let target = Target { via: Via::SystemSsh, ..target(&host, "free") };
    wait(async {
        let connection = open(&target).await.unwrap();
        assert_eq!(stdout(&connection.agent(None).await.unwrap(), "id -un").await, "free");
        let root = Become::sudo("root");
        assert_eq!(stdout(&connection.agent(Some(&root)).await.unwrap(), "id -un").await, "root");
        let raw = connection.raw_exec("cat; exit 3", b"in", None).await.unwrap();
        assert_eq!((raw.code, raw.stdout.as_slice()), (3, &b"in"[..]));
        connection.close().await;
        let error = open(&Target { port: Some(9), ..target.clone() }).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { refused: true, .. }), "{error:?}");
    });
}

#[test]
fn hosts_that_are_not_there() {
    let at = |host: &str, args: &str| Target {
        name: host.into(),
        host: host.into(),
        ssh_args: vec![args.to_owned()],
        ..Target::default()
    };
    wait(async {
        let error = open(&at("no-such-host.invalid", "")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Resolve { .. }), "{error:?}");
        assert!(error.is_unreachable() && error.hint().is_some());
        let error = open(&at("127.0.0.1", "-p 9")).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to 127.0.0.1:9: Connection refused");
        // A server that accepts and then says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let start = Instant::now();
        let error = open(&at("127.0.0.1", &format!("-p {port} -o ConnectTimeout=1"))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(4));
        // A server that speaks something else.
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        std::thread::spawn(move || {
            use std::io::Write as _;
            for stream in other.incoming().flatten() {
                let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        });
        let error = open(&at("127.0.0.1", &format!("-p {port}"))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
        let error = open(&at("127.0.0.1", "-o 'Port")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Config { .. }), "{error:?}");
    });
}

#[test]
fn a_connection_is_quick() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let target = target(&host, "root");
    let start = Instant::now();
    wait(who(&target, None)).unwrap();
    println!("first, with the agent's upload: {:?}", start.elapsed());
    let ssh = || {
        let start = Instant::now();
        assert!(host.ssh("root").arg("true").status().unwrap().success());
        start.elapsed()
    };
    let ours = || {
        wait(async {
            let start = Instant::now();
            let connection = open(&target).await.unwrap();
            let agent = connection.agent(None).await.unwrap();
            let elapsed = start.elapsed();
            drop(agent);
            connection.close().await;
            elapsed
        })
    };
    let best = |time: &dyn Fn() -> Duration| (0..5).map(|_| time()).min().unwrap();
    let (theirs, ours) = (best(&ssh), best(&ours));
    println!("ssh true: {theirs:?}; connection and cached agent: {ours:?}");
    assert!(ours < theirs * 4 + Duration::from_millis(200), "{ours:?} against {theirs:?}");

    // Over a long line the round trips count.
    let proxy = LatencyProxy::start((host.ip(), 22).into(), Duration::from_millis(25)).unwrap();
    host.also_known_as(proxy.address()).unwrap();
    let far = Target { host: "127.0.0.1".into(), port: Some(proxy.address().port()), ..target.clone() };
    let (user, elapsed) = wait(async {
        let start = Instant::now();
        let connection = open(&far).await.unwrap();
        let agent = connection.agent(None).await.unwrap();
        let elapsed = start.elapsed();
        connection.close().await;
        (agent.identity().user.clone(), elapsed)
    });
    println!("with a round trip of 50 ms: {elapsed:?}");
    assert_eq!(user, "root");
    assert!(elapsed < Duration::from_millis(1500), "{elapsed:?}");
}

/// The host itself, a task that is delegated to it and `reset_connection` mean one connection, also where the command line says
/// something of connections that the host says for itself.
#[test]
fn one_connection_for_a_host_by_whatever_task() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let inventory = format!(
        "{} ansible_timeout=30 ansible_ssh_extra_args='-o ServerAliveInterval={{{{ ansible_ssh_timeout }}}}'\nother ansible_connection=local\n",
        host.inventory_line()
    );
    write("hosts", inventory);
    let task = |name: &str, more: &str| {
        format!("    - shell: echo {name} $SSH_CONNECTION\n      register: {name}\n{more}")
    };
    let mut play = format!("- hosts: {}\n  gather_facts: false\n  tasks:\n", host.name());
    play += &task("first", "");
    play += &task("again", "      vars: {unused: 1}\n");
    play += "    - meta: reset_connection\n";
    play += &task("later", "");
    play += "    - debug: {msg: 'own <{{ first.stdout }}> <{{ again.stdout }}> <{{ later.stdout }}>'}\n";
    play += "- hosts: other\n  gather_facts: false\n  tasks:\n";
    play += &task("delegated", &format!("      delegate_to: {}\n", host.name()));
    play += "    - debug: {msg: 'other <{{ delegated.stdout }}>'}\n";
    write("play.yml", play);
    let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["playbook", "-i", "hosts", "-T", "7", "--private-key", "/nonexistent/key", "play.yml"])
        .current_dir(folder.path())
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let ports: std::collections::HashMap<&str, &str> = text
        .split('<')
        .skip(1)
        .filter_map(|piece| {
            let mut words = piece.split('>').next()?.split(' ');
            Some((words.next()?, words.nth(1)?))
        })
        .collect();
    assert_eq!(ports.len(), 4, "{text}");
    assert_eq!(ports["first"], ports["again"], "{text}");
    assert_ne!(ports["first"], ports["later"], "the connection was reset: {text}");
    assert_eq!(ports["later"], ports["delegated"], "{text}");
}

/// What runs with `async` goes on when the run that began it has ended, under another user too; a later run waits for it.
#[test]
fn a_job_outlives_its_connection() {
    if !require_hosts() {
        return;
    }
    let host = Host::builder().user("ops", Sudo::Passwordless).boot().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("hosts", &format!("{}\n", host.inventory_line_as("ops")));
    write(
        "begin.yml",
        "- hosts: all\n  gather_facts: false\n  become: true\n  tasks:\n    \
         - shell: sleep 8; id -un > /root/who\n      async: 60\n      poll: 0\n      register: job\n    \
         - copy: {dest: /root/job, content: '{{ job.ansible_job_id }}'}\n",
    );
    write(
        "wait.yml",
        "- hosts: all\n  gather_facts: false\n  become: true\n  tasks:\n    \
         - slurp: {src: /root/job}\n      register: job\n    \
         - stat: {path: /root/who}\n      register: early\n    \
         - async_status: {jid: '{{ job.content | b64decode }}'}\n      register: state\n      until: state is finished\n      delay: 1\n      retries: 20\n    \
         - command: cat /root/who\n      register: who\n    \
         - debug: {msg: 'before {{ early.stat.exists }}, then {{ who.stdout }}, rc {{ state.rc }}'}\n    \
         - async_status: {jid: '{{ job.content | b64decode }}', mode: cleanup}\n",
    );
    let run = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(["playbook", "-i", "hosts", name])
            .current_dir(folder.path())
            .env_remove("ANSIBLE_CONFIG")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    run("begin.yml");
    let told = run("wait.yml");
    assert!(told.contains("before False, then root, rc 0"), "{told}");
    let left =
        host.sh("ls -A /root/.ansible_async; ls -d /root/.cache/windlass/run-* 2>/dev/null || true").unwrap();
    assert_eq!(left, "", "left behind");
}
