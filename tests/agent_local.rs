//! The agent on this machine, started as on any other.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use windlass::transport::{AgentError, AgentHandle, Call, Connection, Settings, Sink, Source, Target, Via};
use windlass_protocol::message::Job;
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
    let (sender, mut output) = tokio::sync::mpsc::channel(64);
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

/// Keeps the one content that comes.
#[derive(Default)]
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn write(&mut self, index: u32, piece: &[u8], _last: bool) -> std::io::Result<()> {
        assert_eq!(index, 0);
        self.0.extend_from_slice(piece);
        Ok(())
    }
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
    let mut sink = Kept::default();
    let given = args(serde_json::json!({"src": file, "dest": "unused"}));
    let args = windlass_protocol::args::normalize(&FetchArgs::SPEC, &given).unwrap();
    let mut fetch = Call { module: "ansible.builtin.fetch".into(), args, ..Call::default() };
    fetch.sink = Some(&mut sink);
    let outcome = agent.run(fetch).await.unwrap();
    assert!(!outcome.failed, "{:?}", outcome.msg);
    assert!(sink.0 == bytes);
    connection.close().await;
}

/// A server that answers so many requests, and tells what was asked.
fn serve_http(answers: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{BufRead as _, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let mut asked = Vec::new();
        for _ in 0..answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = std::io::BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            reader.read_line(&mut line).unwrap();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if header.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            asked.push(format!("{} {}", line.trim(), String::from_utf8(body).unwrap()));
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        asked
    };
    (port, std::thread::spawn(serve))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_for_http_comes_when_it_is_needed_and_stays() {
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let own = std::fs::read_link(format!("/proc/{}/exe", agent.identity().pid)).unwrap();
    let name = own.file_name().unwrap().to_str().unwrap().replace("agent-", "web-");
    let web = own.with_file_name(name);
    let _ = std::fs::remove_file(&web);
    let (port, server) = serve_http(7);
    let ask = |agent: &AgentHandle, method: &str, body: &str| {
        let given = serde_json::json!({"url": format!("http://127.0.0.1:{port}/x"), "method": method,
            "body": body, "return_content": true});
        let spec = &windlass_protocol::modules::uri::UriArgs::SPEC;
        let args = windlass_protocol::args::normalize(spec, &args(given)).unwrap();
        let call = Call { module: "ansible.builtin.uri".into(), args, ..Call::default() };
        let agent = agent.clone();
        async move {
            let outcome = agent.run(call).await.unwrap();
            assert!(!outcome.failed, "{outcome:?}");
            assert_eq!(outcome.values()["content"], "hi");
        }
    };
    // All at once on a machine without it: each request is made once all the same.
    let bodies = ["a", "b", "c", "d"];
    let mut calls: Vec<_> = bodies.iter().map(|body| ask(&agent, "POST", body)).collect();
    calls.push(ask(&agent, "GET", ""));
    futures::future::join_all(calls).await;
    let installed = std::fs::metadata(&web).unwrap();
    assert!(installed.is_file() && installed.len() > 100_000);
    ask(&agent, "GET", "").await;
    connection.close().await;
    let again = open().await;
    ask(&again.agent(None).await.unwrap(), "POST", "later").await;
    again.close().await;
    let modified = std::fs::metadata(&web).unwrap().modified().unwrap();
    assert_eq!(modified, installed.modified().unwrap(), "it was sent again");
    let mut asked = server.join().unwrap();
    asked.sort();
    let post = |body: &str| format!("POST /x HTTP/1.1 {body}");
    let get = || "GET /x HTTP/1.1 ".to_owned();
    assert_eq!(asked, [get(), get(), post("a"), post("b"), post("c"), post("d"), post("later")]);
}

/// A job goes on when its agent has ended, and leaves nothing behind but its result.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_survives_its_agent() {
    let folder = tempfile::tempdir().unwrap();
    let job = |name: &str, seconds: u64| {
        Some(Job { name: name.into(), folder: folder.path().join("jobs").display().to_string(), seconds })
    };
    let scratches = || {
        let cache = std::path::PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/windlass");
        let entries = std::fs::read_dir(cache).unwrap().flatten();
        entries
            .filter(|e| e.file_name().to_string_lossy().starts_with("run-"))
            .map(|e| e.path())
            .collect::<Vec<_>>()
    };
    let shell = |text: &str, job| {
        let args = args(serde_json::json!({"_raw_params": text}));
        let args = windlass_protocol::args::normalize(&ShellArgs::SPEC, &args).unwrap();
        Call { module: "ansible.builtin.shell".into(), args, job, ..Call::default() }
    };
    let connection = open().await;
    let agent = connection.agent(None).await.unwrap();
    let content = vec![b'x'; 3 << 20];
    let mut first = shell("sleep 2; echo done; echo err >&2", job("j1", 60));
    first.blobs = vec![("content".into(), Source::Bytes(content.into()))];
    let started = Instant::now();
    let first = agent.run(first).await.unwrap();
    let second = agent.run(shell("sleep 60", job("j2", 1))).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(first.changed && !first.failed, "{first:?}");
    let (first, second) = (first.values(), second.values());
    assert_eq!((&first["started"], &first["finished"]), (&true.into(), &false.into()));
    let pid = |values: &JsonMap| {
        values["ansible_job_id"].as_str().unwrap().rsplit('.').next().unwrap().parse::<u32>().unwrap()
    };
    let pids = [pid(&first), pid(&second)];
    let own = |pid: u32| {
        let name = format!("run-{pid}-");
        scratches().iter().any(|p| p.file_name().unwrap().to_string_lossy().starts_with(&name))
    };
    connection.close().await;
    assert!(own(pids[0]), "the job has no folder of its own");
    let result = |values: &JsonMap| -> serde_json::Value {
        let file = values["results_file"].as_str().unwrap();
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    assert_eq!(result(&first)["finished"], false);
    let until = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}/exe")).exists()) {
        assert!(Instant::now() < until, "the jobs do not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let first = result(&first);
    assert_eq!(
        (&first["stdout"], &first["stderr"], &first["changed"]),
        (&"done".into(), &"err".into(), &true.into())
    );
    assert!(first.get("started").is_none(), "{first}");
    let second = result(&second);
    assert_eq!((&second["msg"], &second["failed"]), (&"Timeout exceeded".into(), &true.into()));
    assert!(!pids.iter().any(|pid| own(*pid)), "a job left its folder");
}
