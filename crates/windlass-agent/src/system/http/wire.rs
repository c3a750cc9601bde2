//! HTTP/1.1 as bytes: writing a request, reading an answer. Everything that is read has a limit.

use super::HttpError;
use std::io::{self, BufRead, Read, Write};

/// Longest line of an answer's head.
const MAX_LINE: usize = 65_536;
/// Most headers of an answer.
const MAX_HEADERS: usize = 200;

/// The head of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) reason: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// An I/O error while talking, by what it means.
pub(super) fn broken(error: io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => HttpError::TimedOut { connecting: false },
        _ => match error.downcast::<HttpError>() {
            Ok(inner) => inner,
            Err(error) => HttpError::Broken(error.into()),
        },
    }
}

/// Refuses what would end a line early.
pub(super) fn check_line(text: &str) -> Result<(), HttpError> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(HttpError::Request(format!(
            "Invalid header value {:?}",
            text.chars().take(40).collect::<String>()
        )));
    }
    Ok(())
}

/// Writes request line and headers.
pub(super) fn write_head(
    out: &mut dyn Write,
    method: &str,
    target: &str,
    headers: &[(String, String)],
) -> Result<(), HttpError> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        check_line(value)?;
        let is_token = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        if !is_token {
            return Err(HttpError::Request(format!("Invalid header name {name:?}")));
        }
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    out.write_all(text.as_bytes()).map_err(broken)
}

fn read_line(input: &mut dyn BufRead, what: &str) -> Result<Option<String>, HttpError> {
    let mut line = Vec::new();
    let mut limited = input.take(MAX_LINE as u64 + 1);
    limited.read_until(b'\n', &mut line).map_err(broken)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        if line.len() > MAX_LINE {
            return Err(HttpError::Protocol(format!("got more than {MAX_LINE} bytes when reading {what}")));
        }
        return Err(HttpError::Protocol("connection was closed before a valid response was received".into()));
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    // Headers are Latin-1 by their standard; what is UTF-8 is taken as such.
    Ok(Some(String::from_utf8(line).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect())))
}

/// Reads the head of the final answer; interim ones are passed over.
pub(super) fn read_head(input: &mut dyn BufRead) -> Result<Head, HttpError> {
    loop {
        let head = read_one_head(input)?;
        if head.status / 100 != 1 || head.status == 101 {
            return Ok(head);
        }
    }
}

fn read_one_head(input: &mut dyn BufRead) -> Result<Head, HttpError> {
    let closed = || HttpError::Protocol("Remote end closed connection without response".into());
    let line = read_line(input, "status line")?.ok_or_else(closed)?;
    let bad = || {
        let shown: String = line.chars().take(60).collect();
        HttpError::Protocol(format!("connection was closed before a valid response was received: {shown}"))
    };
    let mut parts = line.splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    let status = parts.next().and_then(|s| s.parse().ok()).filter(|s| (100..1000).contains(s));
    if !version.starts_with("HTTP/") {
        return Err(bad());
    }
    let mut head = Head {
        status: status.ok_or_else(bad)?,
        reason: parts.next().unwrap_or_default().trim().to_owned(),
        headers: Vec::new(),
    };
    loop {
        let line = read_line(input, "header line")?.unwrap_or_default();
        if line.is_empty() {
            return Ok(head);
        }
        if head.headers.len() == MAX_HEADERS {
            return Err(HttpError::Protocol(format!("got more than {MAX_HEADERS} headers")));
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = head.headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        if let Some((name, value)) = line.split_once(':') {
            head.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Known(u64),
    Chunked,
    UntilClosed,
}

/// The length of the body that follows a head.
pub(super) fn length(head: &Head, method: &str) -> Result<Length, HttpError> {
    if method == "HEAD" || matches!(head.status, 204 | 304) || head.status / 100 == 1 {
        return Ok(Length::Known(0));
    }
    let chunked = head.all("transfer-encoding").any(|v| v.to_ascii_lowercase().contains("chunked"));
    if chunked {
        return Ok(Length::Chunked);
    }
    match head.header("content-length") {
        Some(text) => {
            let number = text.split(',').next().unwrap_or_default().trim().parse();
            let number = number
                .map_err(|_| HttpError::Protocol(format!("the length of the body is no number: {text}")))?;
            Ok(Length::Known(number))
        }
        None => Ok(Length::UntilClosed),
    }
}

/// Reads a body.
pub(super) struct Body<'a> {
    input: &'a mut dyn BufRead,
    length: Length,
    /// What is left of the known length, or of the current chunk.
    left: u64,
    done: bool,
    first: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead, length: Length) -> Self {
        let left = if let Length::Known(left) = length { left } else { 0 };
        Self { input, length, left, done: false, first: true }
    }

    fn next_chunk(&mut self) -> Result<(), HttpError> {
        let broken_off = || HttpError::Protocol("the connection broke off within the body".into());
        if !self.first {
            // The end of the line behind a chunk.
            read_line(self.input, "chunk")?.ok_or_else(broken_off)?;
        }
        self.first = false;
        let line = read_line(self.input, "chunk size")?.ok_or_else(broken_off)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        self.left = u64::from_str_radix(digits, 16)
            .map_err(|_| HttpError::Protocol("a chunk of the body has no size".into()))?;
        if self.left == 0 {
            self.done = true;
            // Trailing headers say nothing that is wanted.
            while read_line(self.input, "trailer")?.is_some_and(|line| !line.is_empty()) {}
        }
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        if self.length == Length::Chunked && self.left == 0 {
            self.next_chunk().map_err(io::Error::other)?;
            if self.done {
                return Ok(0);
            }
        }
        let limit = match self.length {
            Length::UntilClosed => buffer.len(),
            _ => buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)),
        };
        if limit == 0 {
            self.done = true;
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..limit])?;
        if count == 0 {
            self.done = true;
            if self.length != Length::UntilClosed {
                let text = format!("the connection broke off with {} bytes to come", self.left);
                return Err(io::Error::other(HttpError::Protocol(text)));
            }
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
