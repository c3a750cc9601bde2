//! A small web server for modules that make requests. The same address for both sides, so that what they send and what
//! comes back can be compared.

use serde_json::json;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// The server; it ends with the test program.
#[derive(Debug)]
pub struct WebServer {
    address: String,
}

/// A request as it came.
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer in the making.
struct Answer {
    status: u16,
    reason: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl WebServer {
    /// Starts it at a free port of this machine.
    ///
    /// # Errors
    /// If there is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let _ = serve(&stream);
                });
            }
        });
        Ok(Self { address })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    let Some(request) = read(stream)? else { return Ok(()) };
    let answer = answer(&request);
    let mut out = format!("HTTP/1.1 {} {}\r\nConnection: close\r\n", answer.status, answer.reason);
    for (name, value) in &answer.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    let mut stream = stream;
    stream.write_all(out.as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&answer.body)?;
    }
    stream.flush()
}

fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
    /// What was asked for, as the answer tells it.
    fn echo(&self) -> Vec<u8> {
        let mut headers = self.headers.clone();
        headers.sort();
        // When the file was made that there is already: another moment for each side.
        let shown = |(name, value): &(String, String)| match name.as_str() {
            "if-modified-since" => format!("{name}: TIME"),
            _ => format!("{name}: {value}"),
        };
        let headers: Vec<String> = headers.iter().map(shown).collect();
        let body = String::from_utf8_lossy(&self.body);
        let mut text = json!({"method": self.method, "path": self.path, "headers": headers, "body": body});
        // The line between the parts of an upload is another one each time.
        if let Some((_, boundary)) = self.header("content-type").and_then(|kind| kind.split_once("boundary="))
        {
            let boundary = boundary.trim_matches('"');
            text = serde_json::from_str(&text.to_string().replace(boundary, "BOUNDARY")).unwrap_or(text);
        }
        text.to_string().into_bytes()
    }
}

impl Answer {
    fn new(status: u16, reason: &'static str, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, reason, headers: vec![("Content-Type", kind.to_owned())], body: body.into() }
    }
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// When everything under `/files` was changed last, and an address that was changed later.
const CHANGED: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const CONTENT: &str = "the content\n";

fn answer(request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match words.as_slice() {
        ["echo", ..] => Answer::new(200, "OK", "application/json", request.echo()),
        ["status", code, ..] => status(code),
        ["redirect", code, rest @ ..] => {
            let target = format!("/{}", rest.join("/"));
            let mut answer = status(code).with("Location", target);
            answer.body = b"moved".to_vec();
            answer
        }
        ["elsewhere", ..] => {
            status("302").with("Location", format!("http://localhost:1/{}", words[1..].join("/")))
        }
        // user:secret
        ["auth", ..] if request.header("authorization") == Some("Basic dXNlcjpzZWNyZXQ=") => {
            Answer::new(200, "OK", "application/json", request.echo())
        }
        ["auth", ..] => Answer::new(401, "Unauthorized", "text/plain", "who are you?")
            .with("WWW-Authenticate", "Basic realm=\"here\""),
        ["files", "none"] => status("404"),
        ["files", "new"] => Answer::new(200, "OK", "text/plain", "newer\n"),
        ["files", "empty"] => Answer::new(200, "OK", "text/plain", ""),
        ["files", "SUMS"] => Answer::new(
            200,
            "OK",
            "text/plain",
            "0000000000000000000000000000000000000000000000000000000000000000  other\n\
             ba9d82c4dd4baf36ff4e5a8e1ff6e20d8f3d8f0c5c1ccea5fa5d4f5dd0f7c1aa  wrong\n\
             e39a12bd99b0a7b9a4d3cea0d6a56d1d6b4d4a02bc7bb6f0d9a3b3d1b8f6b2a5 *stale\n\
             CONTENT_SHA256  ./named\n\
             SHA256 (tagged) = CONTENT_SHA256\n"
                .replace("CONTENT_SHA256", CONTENT_SHA256),
        ),
        ["files", "named"] | ["files", _] => match request.header("if-modified-since") {
            Some(_) => Answer { status: 304, reason: "Not Modified", headers: Vec::new(), body: Vec::new() },
            None => Answer::new(200, "OK", "text/plain", CONTENT).with("Last-Modified", CHANGED),
        },
        ["disposition", ..] => Answer::new(200, "OK", "application/octet-stream", CONTENT)
            .with("Content-Disposition", "attachment; filename=\"../given.txt\""),
        ["latin1"] => Answer::new(200, "OK", "text/plain; charset=iso-8859-1", *b"caf\xe9\n"),
        ["utf8"] => Answer::new(200, "OK", "text/html; charset=UTF-8", "<p>caf\u{e9}</p>\n"),
        ["json", "bad"] => Answer::new(200, "OK", "application/json", "{nothing"),
        ["json", "list"] => Answer::new(200, "OK", "application/vnd.x+json", "[1, 2.5, null]"),
        ["cookies"] => Answer::new(200, "OK", "text/plain", "")
            .with("Set-Cookie", "a=1; Path=/; HttpOnly")
            .with("Set-Cookie", "b=two; Max-Age=100")
            .with("X-Twice", "1")
            .with("X-Twice", "2"),
        ["gzip"] => {
            // "packed\n"
            const PACKED: [u8; 27] = [
                0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0xe1, 2, 0, 0x43,
                0xe0, 0x41, 0x2f, 7, 0, 0, 0,
            ];
            Answer::new(200, "OK", "text/plain", PACKED).with("Content-Encoding", "gzip")
        }
        ["key"] => Answer::new(
            200,
            "OK",
            "text/plain",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKVB0x2gGojd0BU9M8EulwY5lH5AxxjLhbMzpB5Jney6 one@web\n\
             ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgu78JxHHNWyvneeFP1LmxfkB5k+UAa4+08xr1wbKgn two@web\n",
        ),
        _ => status("404"),
    }
}

/// SHA-256 of [`CONTENT`].
const CONTENT_SHA256: &str = "3ef9550502e554fbe76d38efa3b857394d56618fa8fcc8b4a2686c2df2cb5019";

fn status(code: &str) -> Answer {
    let (code, reason) = match code {
        "200" => (200, "OK"),
        "201" => (201, "Created"),
        "204" => (204, "No Content"),
        "301" => (301, "Moved Permanently"),
        "302" => (302, "Found"),
        "303" => (303, "See Other"),
        "304" => (304, "Not Modified"),
        "307" => (307, "Temporary Redirect"),
        "308" => (308, "Permanent Redirect"),
        "400" => (400, "Bad Request"),
        "404" => (404, "Not Found"),
        "500" => (500, "Internal Server Error"),
        _ => (503, "Service Unavailable"),
    };
    Answer::new(code, reason, "text/plain", if code == 204 { "" } else { "status\n" })
}
