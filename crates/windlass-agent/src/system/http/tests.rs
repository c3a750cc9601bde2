#![allow(clippy::unwrap_used)]

use super::client::fetch;
use super::{HttpError, HttpResponse};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use windlass_protocol::HttpRequest;
use windlass_protocol::http::Redirects;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// A server that answers each request by what `answer` makes of its head and body, and closes.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

impl Server {
    fn plain(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(answer))
    }
    fn tls(certificate: &str, clients: bool) -> Self {
        let provider = Arc::new(rustls_rustcrypto::provider());
        let chain = CertificateDer::pem_file_iter(data(&format!("{certificate}.pem"))).unwrap();
        let chain = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(data(&format!("{certificate}.key"))).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(data("ca.pem")).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain, key).unwrap();
        Self::start(Some(Arc::new(config)), Arc::new(|_| ok("secure")))
    }
    fn start(tls: Option<Arc<ServerConfig>>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, answer, log) = (tls.clone(), Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || match tls {
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        converse(StreamOwned::new(session, stream), &log, &*answer);
                    }
                    None => converse(stream, &log, &*answer),
                });
            }
        });
        Self { port, seen }
    }
    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
    fn secure(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.port)
    }
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads one request with its body, answers, closes.
fn converse(mut stream: impl Read + Write, log: &Mutex<Vec<String>>, answer: &Answer) {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length =
        head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap())];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let request = format!("{head}{}", String::from_utf8_lossy(&body));
    log.lock().unwrap().push(request.clone());
    let _ = stream.write_all(&answer(&request));
    let _ = stream.flush();
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        timeout_ms: 5000,
        use_proxy: true,
        decompress: true,
        ..HttpRequest::default()
    }
}

fn run(request: &HttpRequest) -> Result<HttpResponse, HttpError> {
    fetch(request, &|| false)
}

fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

#[test]
fn a_plain_request() {
    let server = Server::plain(|_| {
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi and more".to_vec()
    });
    let mut request = get(&server.url("/a?b=c"));
    request.headers.push(("X-Own".into(), "v".into()));
    let response = run(&request).unwrap();
    assert_eq!(
        (response.status, response.reason.as_str(), response.body.as_slice()),
        (200, "OK", &b"hi"[..])
    );
    assert_eq!(response.header("x-a").as_deref(), Some("1, 2"));
    let seen = server.seen().remove(0);
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"));
    for line in [
        "Accept-Encoding: identity",
        &format!("Host: 127.0.0.1:{}", server.port),
        "X-Own: v",
        "Connection: close",
    ] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
    }
}

#[test]
fn bodies_of_every_length() {
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"packed text").unwrap();
        encoder.finish().unwrap()
    };
    let server = Server::plain(move |request| {
        match path(request) {
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n".to_vec()
        }
        "/closed" => b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec(),
        "/interim" => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n".to_vec(),
        "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec(),
        "/badchunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        "/gzip" => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
            [head.into_bytes(), gzip.clone()].concat()
        }
        _ => b"rubbish\r\n\r\n".to_vec(),
    }
    });
    let body = |path: &str| run(&get(&server.url(path))).map(|r| String::from_utf8(r.body).unwrap());
    assert_eq!(body("/chunked").unwrap(), "abc0123456789");
    assert_eq!(body("/closed").unwrap(), "until the end");
    assert_eq!(body("/interim").unwrap(), "");
    assert_eq!(body("/gzip").unwrap(), "packed text");
    let packed = run(&HttpRequest { decompress: false, ..get(&server.url("/gzip")) }).unwrap();
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && !packed.unpacked);
    assert!(body("/short").unwrap_err().to_string().contains("7 bytes to come"));
    assert!(body("/badchunk").unwrap_err().to_string().contains("has no size"));
    assert!(body("/x").unwrap_err().to_string().contains("before a valid response"));
}

#[test]
fn limits_of_the_head() {
    let server = Server::plain(|request| match path(request) {
        "/line" => format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(70_000)).into_bytes(),
        "/many" => format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(300)).into_bytes(),
        _ => Vec::new(),
    });
    let error = |path: &str| run(&get(&server.url(path))).unwrap_err().to_string();
    assert_eq!(error("/line"), "got more than 65536 bytes when reading header line");
    assert_eq!(error("/many"), "got more than 200 headers");
    assert_eq!(error("/none"), "Remote end closed connection without response");
}

#[test]
fn redirects() {
    let server = Server::plain(|request| {
        let to = |code: u16, location: &str| {
            format!(
                "HTTP/1.1 {code} X\r\nLocation: {location}\r\nContent-Length: 0\r\nSet-Cookie: c={code}; Path=/\r\n\r\n"
            )
        };
        let text = match path(request) {
            "/302" => to(302, "/end"),
            "/301" => to(301, "end"),
            "/307" => to(307, "/end"),
            "/303" => to(303, "/end"),
            "/loop" => to(302, "/loop"),
            "/ftp" => to(302, "ftp://x/y"),
            _ => return ok(request),
        };
        text.into_bytes()
    });
    let ask = |method: &str, path: &str, redirects: Redirects| {
        let body = (method == "POST").then(|| b"data".to_vec());
        run(&HttpRequest { method: method.into(), body, redirects, ..get(&server.url(path)) })
    };
    let text = |response: HttpResponse| String::from_utf8(response.body).unwrap();
    let response = ask("GET", "/302", Redirects::Safe).unwrap();
    assert_eq!(response.url, server.url("/end"));
    assert_eq!(response.cookies, [("c".to_owned(), "302".to_owned())]);
    assert!(text(response).contains("Cookie: c=302"));
    assert_eq!(ask("GET", "/302", Redirects::None).unwrap().status, 302);
    assert_eq!(ask("POST", "/302", Redirects::Safe).unwrap().status, 302);
    assert!(text(ask("POST", "/302", Redirects::All).unwrap()).starts_with("GET /end"));
    assert!(text(ask("POST", "/303", Redirects::Urllib).unwrap()).starts_with("GET /end"));
    let kept = text(ask("POST", "/307", Redirects::All).unwrap());
    assert!(kept.starts_with("POST /end") && kept.ends_with("data"), "{kept}");
    assert_eq!(ask("POST", "/307", Redirects::Urllib).unwrap().status, 307);
    let endless = ask("GET", "/loop", Redirects::All).unwrap();
    assert!(endless.redirect_loop && endless.status == 302);
    assert!(ask("GET", "/ftp", Redirects::All).unwrap_err().to_string().contains("unknown url type: ftp"));
}

#[test]
fn another_host_does_not_learn_credentials() {
    let other = Server::plain(ok_of);
    fn ok_of(request: &str) -> Vec<u8> {
        ok(request)
    }
    let port = other.port;
    let server = Server::plain(move |_| {
        format!("HTTP/1.1 302 X\r\nLocation: http://localhost:{port}/\r\nContent-Length: 0\r\n\r\n")
            .into_bytes()
    });
    let headers =
        ["Authorization", "Cookie", "X-Plain", "X-Mine"].map(|n| (n.to_owned(), "v".to_owned())).to_vec();
    let request = HttpRequest {
        headers,
        credentials: Some(("u".into(), "p".into())),
        force_basic: true,
        unredirected: vec!["x-mine".into()],
        ..get(&server.url("/"))
    };
    let body = String::from_utf8(run(&request).unwrap().body).unwrap();
    assert!(body.contains("X-Plain: v"), "{body}");
    for name in ["Authorization", "Cookie", "X-Mine"] {
        assert!(!body.contains(name), "{body}");
    }
}

#[test]
fn credentials_when_asked_for() {
    let server = Server::plain(|request| {
        let demand = match path(request) {
            "/digest" if request.contains("Authorization: Digest username=\"u\"") => return ok("in"),
            "/digest" => "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            _ if request.contains("Authorization: Basic dTpw") => return ok("in"),
            _ => "Basic realm=\"r\"",
        };
        format!("HTTP/1.1 401 No\r\nWWW-Authenticate: {demand}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let credentials = Some(("u".to_owned(), "p".to_owned()));
    for path in ["/basic", "/digest"] {
        assert_eq!(run(&get(&server.url(path))).unwrap().status, 401);
        let response =
            run(&HttpRequest { credentials: credentials.clone(), ..get(&server.url(path)) }).unwrap();
        assert_eq!(response.status, 200, "{path}");
    }
    let count = server.seen().len();
    run(&HttpRequest { credentials, force_basic: true, ..get(&server.url("/basic")) }).unwrap();
    assert_eq!(server.seen().len(), count + 1);
    let wrong = Some(("u".to_owned(), "x".to_owned()));
    assert_eq!(run(&HttpRequest { credentials: wrong, ..get(&server.url("/basic")) }).unwrap().status, 401);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".netrc"), "machine 127.0.0.1 login u password p").unwrap();
    let variables = vec![("HOME".to_owned(), folder.path().to_str().unwrap().to_owned())];
    let response = run(&HttpRequest { use_netrc: true, variables, ..get(&server.url("/basic")) }).unwrap();
    assert_eq!(response.status, 200);
}

#[test]
fn slow_and_absent_servers() {
    let server = Server::plain(|_| {
        std::thread::sleep(Duration::from_secs(20));
        Vec::new()
    });
    let start = Instant::now();
    let error = run(&HttpRequest { timeout_ms: 300, ..get(&server.url("/")) }).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(error.message(), "Connection failure: The read operation timed out");
    let cancelled = fetch(&get(&server.url("/")), &|| true).unwrap_err();
    assert!(matches!(cancelled, HttpError::Cancelled), "{cancelled:?}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = run(&get(&format!("http://127.0.0.1:{port}/"))).unwrap_err();
    assert_eq!(error.message(), "Request failed: <urlopen error [Errno 111] Connection refused>");
    let error = run(&get("http://no.such.host.invalid/")).unwrap_err();
    assert_eq!(error.message(), "Request failed: <urlopen error [Errno -2] Name or service not known>");
}

#[test]
fn lines_cannot_be_smuggled_in() {
    let server = Server::plain(|_| ok(""));
    let with = |name: &str, value: &str| {
        let headers = vec![(name.to_owned(), value.to_owned())];
        run(&HttpRequest { headers, ..get(&server.url("/")) })
    };
    assert!(with("X", "a\r\nY: b").unwrap_err().to_string().starts_with("Invalid header value"));
    assert!(with("X: y\r\nZ", "a").unwrap_err().to_string().starts_with("Invalid header name"));
    assert!(server.seen().is_empty());
}

#[test]
fn sends_files_and_saves_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, "file content").unwrap();
    let server = Server::plain(|request| ok(request.rsplit("\r\n\r\n").next().unwrap()));
    let request = HttpRequest {
        method: "PUT".into(),
        body_file: Some(from.to_str().unwrap().into()),
        save_to: Some(to.to_str().unwrap().into()),
        ..get(&server.url("/"))
    };
    let response = run(&request).unwrap();
    assert_eq!((response.saved, response.body.len()), (Some(12), 0));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "file content");
}

#[test]
fn by_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || converse(listener.accept().unwrap().0, &Mutex::default(), &ok));
    let request =
        HttpRequest { unix_socket: Some(path.to_str().unwrap().into()), ..get("http://docker/info") };
    let body = String::from_utf8(run(&request).unwrap().body).unwrap();
    assert!(body.starts_with("GET /info HTTP/1.1\r\n") && body.contains("Host: docker\r\n"), "{body}");
}

/// A proxy that answers plain requests itself and makes tunnels to anywhere on this machine.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            log.lock().unwrap().push(head.clone());
            if !head.starts_with("CONNECT") {
                stream.write_all(&ok("by proxy")).unwrap();
                continue;
            }
            if path(&head).starts_with("refused") {
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
                continue;
            }
            let port = path(&head).rsplit(':').next().unwrap().parse::<u16>().unwrap();
            let mut there = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let (mut back, mut from) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut back));
            std::thread::spawn(move || std::io::copy(&mut stream, &mut there));
        }
    });
    (port, seen)
}

#[test]
fn by_a_proxy() {
    let (port, seen) = proxy();
    let variables = vec![
        ("http_proxy".to_owned(), format!("http://me:pw@127.0.0.1:{port}")),
        ("HTTPS_PROXY".to_owned(), format!("127.0.0.1:{port}")),
        ("no_proxy".to_owned(), "127.0.0.1".to_owned()),
    ];
    let request = HttpRequest {
        variables,
        ca_path: Some(data("ca.pem").to_str().unwrap().into()),
        ..get("http://far.example/x")
    };
    assert_eq!(run(&request).unwrap().body, b"by proxy");
    let head = seen.lock().unwrap().pop().unwrap();
    assert!(
        head.starts_with("GET http://far.example/x HTTP/1.1\r\n")
            && head.contains("Proxy-Authorization: Basic bWU6cHc=")
    );
    let server = Server::tls("good", false);
    let secure = HttpRequest { url: server.secure("localhost"), ..request.clone() };
    assert_eq!(run(&secure).unwrap().body, b"secure");
    assert!(seen.lock().unwrap()[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1", server.port)));
    let refused = HttpRequest { url: "https://refused/".into(), ..request.clone() };
    assert_eq!(
        run(&refused).unwrap_err().message(),
        "Request failed: <urlopen error Tunnel connection failed: 403 Forbidden>"
    );
    let straight = Server::plain(|_| ok("straight"));
    let near = HttpRequest { url: straight.url("/"), ..request };
    assert_eq!(run(&near).unwrap().body, b"straight");
}

fn secure(server: &Server, host: &str, ca: &str) -> HttpRequest {
    HttpRequest { ca_path: Some(data(ca).to_str().unwrap().into()), ..get(&server.secure(host)) }
}

#[test]
fn good_certificates() {
    for (certificate, host, ca) in [
        ("good", "localhost", "ca.pem"),
        ("good", "127.0.0.1", "ca.pem"),
        ("rsa", "localhost", "ca.pem"),
        ("self", "localhost", "self.pem"),
    ] {
        let server = Server::tls(certificate, false);
        let response =
            run(&secure(&server, host, ca)).unwrap_or_else(|e| panic!("{certificate} {host}: {e:?}"));
        assert_eq!(response.body, b"secure");
    }
    let server = Server::tls("good", false);
    let by_variable = HttpRequest {
        ca_path: None,
        variables: vec![("SSL_CERT_FILE".into(), data("ca.pem").to_str().unwrap().into())],
        ..secure(&server, "localhost", "")
    };
    assert!(run(&by_variable).is_ok());
}

#[test]
fn bad_certificates() {
    let table = [
        ("good", "localhost", "self.pem", "unable to get local issuer certificate"),
        ("wrong", "localhost", "ca.pem", "Hostname mismatch, certificate is not valid for 'localhost'."),
        ("rsa", "127.0.0.1", "ca.pem", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        ("expired", "localhost", "ca.pem", "certificate has expired"),
        ("self", "localhost", "ca.pem", "self-signed certificate"),
        ("self", "127.0.0.1", "self.pem", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
    ];
    for (certificate, host, ca, wanted) in table {
        let server = Server::tls(certificate, false);
        let error = run(&secure(&server, host, ca)).unwrap_err();
        let HttpError::Certificate { reason, hint } = &error else { panic!("{certificate}: {error:?}") };
        assert_eq!(reason, wanted, "{certificate} {host} {ca}");
        assert!(!hint.is_empty() && error.message().contains("[SSL: CERTIFICATE_VERIFY_FAILED]"));
        let any = HttpRequest { insecure: true, ..secure(&server, host, ca) };
        assert_eq!(run(&any).unwrap().body, b"secure", "{certificate}");
    }
    let server = Server::tls("good", false);
    let missing = run(&secure(&server, "localhost", "nothing.pem")).unwrap_err();
    assert!(missing.message().contains("cannot be read"), "{missing:?}");
}

#[test]
fn client_certificates() {
    let server = Server::tls("good", true);
    let with = |cert: &str, key: Option<&str>| HttpRequest {
        client_cert: Some(data(cert).to_str().unwrap().into()),
        client_key: key.map(|k| data(k).to_str().unwrap().into()),
        ..secure(&server, "localhost", "ca.pem")
    };
    assert_eq!(run(&with("client.pem", Some("client.key"))).unwrap().body, b"secure");
    assert!(run(&with("client.pem", None)).unwrap_err().message().contains("no private key"));
    assert!(run(&secure(&server, "localhost", "ca.pem")).is_err());
    assert!(run(&with("self.pem", Some("self.key"))).is_err());
}

#[test]
fn not_tls_at_all() {
    let server = Server::plain(|_| ok(""));
    let error = run(&HttpRequest { timeout_ms: 2000, ..get(&server.secure("localhost")) }).unwrap_err();
    assert!(
        matches!(error, HttpError::Tls(_) | HttpError::TimedOut { .. } | HttpError::Broken(_)),
        "{error:?}"
    );
}
