//! The agent on this machine, started as on any other.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use windlass::transport::{AgentError, Call, Connection, MemorySink, Settings, Source, Target, Via};
use windlass_protocol::modules::command::ShellArgs;
use windlass_protocol::modules::fetch::FetchArgs;
use windlass_protocol::{JsonMap, ModuleArgs as _, Stream};

fn target() -> Target {
    Target { name: "here".into(), host: "localhost".into(), via: Via::Local, ..Target::default() }
}

fn args(json: serde_json::Value) -> JsonMap {
    json.as_object().unwrap().clone()
}

fn call<'a>(module: &str, json: serde_json::Value) -> Call<'a> {
    Call { module: module.into(), args: args(json), ..Call::default() }
}

async fn open() -> Connection {
    Connection::open(&target(), &Arc::new(Settings::default())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_are_answered() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    assert_eq!(agent.identity().uid, rustix::process::getuid().as_raw());
    let calls = (0..200).map(|n| {
        let agent = agent.clone();
        async move {
            let outcome =
                agent.run(call("ansible.builtin.ping", serde_json::json!({"data": format!("{n}")}))).await;
            assert_eq!(outcome.unwrap().values()["ping"], format!("{n}"));
        }
    });
    futures::future::join_all(calls).await;
    let again = connection.agent(None).await.unwrap();
    assert_eq!(again.identity().pid, agent.identity().pid);
    connection.close().await;
    assert!(agent.is_dead());
    assert!(!std::path::Path::new(&format!("/proc/{}", again.identity().pid)).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_of_all_sizes_arrive() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for size in [0usize, 1, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let bytes: Vec<u8> = (0..size).map(|n| (n * 7 % 253) as u8).collect();
        let file = folder.path().join("source");
        std::fs::write(&file, &bytes).unwrap();
        for source in [Source::Bytes(bytes.clone().into()), Source::File(file)] {
            let mut ping = call("ansible.builtin.ping", serde_json::json!({"data": "pong"}));
            ping.blobs = vec![("content".into(), source)];
            let outcome = agent.run(ping).await.unwrap();
            assert!(!outcome.failed, "{size}: {:?}", outcome.msg);
        }
    }
    let mut ping = call("ansible.builtin.ping", serde_json::json!({"data": "pong"}));
    ping.blobs = vec![("content".into(), Source::File(folder.path().join("missing")))];
    let error = agent.run(ping).await.unwrap_err();
    assert!(error.to_string().ends_with("missing: No such file or directory"), "{error}");
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_is_told_and_replaced() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let pid = agent.identity().pid;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid as i32).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let error = loop {
        match agent.run(call("ansible.builtin.ping", serde_json::json!({"data": "pong"}))).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, AgentError::Died { .. }), "{error:?}");
    assert!(!error.is_unreachable() && error.hint().is_some());
    let next = connection.agent(None).await.unwrap();
    assert_ne!(next.identity().pid, pid);
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_a_cached_agent_is_quick() {
    open().await.agent(None).await.unwrap();
    let start = Instant::now();
    let connection = open().await;
    connection.agent(None).await.unwrap();
    println!("cached start: {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(2));
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_commands_need_no_agent() {
    let connection = open().await;
    let output = connection.raw_exec("cat; echo err >&2; exit 3", b"in", None).await.unwrap();
    assert_eq!(
        (output.code, output.stdout.as_slice(), output.stderr.as_slice()),
        (3, &b"in"[..], &b"err\n"[..])
    );
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_stream_time_out_and_are_cancelled() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let shell = |text: &str| {
        let given = args(serde_json::json!({"_raw_params": text}));
        let args = windlass_protocol::args::normalize(&ShellArgs::SPEC, &given).unwrap();
        Call { module: "ansible.builtin.shell".into(), args, ..Call::default() }
    };
    let (sender, mut output) = tokio::sync::mpsc::unbounded_channel();
    let mut streaming = shell("echo one; sleep 0.5; echo two >&2");
    streaming.stream = Some(sender);
    let outcome = agent.run(streaming).await.unwrap();
    assert!(!outcome.failed, "{:?}", outcome.msg);
    assert_eq!(output.recv().await.unwrap(), (Stream::Stdout, b"one\n".to_vec()));
    assert_eq!(output.recv().await.unwrap(), (Stream::Stderr, b"two\n".to_vec()));

    let start = Instant::now();
    let mut slow = shell("sleep 30 & sleep 30");
    slow.timeout = Some(Duration::from_millis(300));
    let outcome = agent.run(slow).await.unwrap();
    assert!(outcome.failed && outcome.values().contains_key("timedout"), "{outcome:?}");

    let dropped = tokio::time::timeout(Duration::from_millis(300), agent.run(shell("sleep 31"))).await;
    assert!(dropped.is_err());
    let after = agent.run(call("ansible.builtin.ping", serde_json::json!({"data": "pong"}))).await;
    assert!(!after.unwrap().failed);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_in_pieces() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    // More chunks than the agent may send without credit.
    let bytes: Vec<u8> = (0..20u32 << 20).map(|n| (n % 249) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let mut sink = MemorySink::default();
    let given = args(serde_json::json!({"src": file, "dest": "unused"}));
    let args = windlass_protocol::args::normalize(&FetchArgs::SPEC, &given).unwrap();
    let mut fetch = Call { module: "ansible.builtin.fetch".into(), args, ..Call::default() };
    fetch.sink = Some(&mut sink);
    let outcome = agent.run(fetch).await.unwrap();
    assert!(!outcome.failed, "{:?}", outcome.msg);
    assert!(sink.0 == [bytes]);
    connection.close().await;
}
