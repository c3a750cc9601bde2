//! A whole call: redirects, credentials, cookies, and the body unpacked or saved.

use super::cookies::Cookies;
use super::url::Url;
use super::wire::{self, Body, Head, Length, broken};
use super::{HttpError, HttpResponse, auth, connect};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use windlass_protocol::http::{HttpRequest, Redirects};

/// Redirects that are followed at most.
const MAX_REDIRECTS: usize = 10;
/// The largest body that is kept in memory.
pub(super) const MAX_BODY: u64 = 64 << 20;

/// Makes a request and whatever it leads to. `stopped` tells whether the answer is still wanted.
///
/// # Errors
/// If there is no answer. An answer of failure is an answer.
pub fn fetch(request: &HttpRequest, stopped: &dyn Fn() -> bool) -> Result<HttpResponse, HttpError> {
    let mut url = Url::parse(&request.url)?;
    let mut call = Call::new(request, &url);
    let mut asked = false;
    for round in 0.. {
        let (head, body) = call.exchange(&url, stopped)?;
        for cookie in head.all("set-cookie") {
            call.cookies.set(cookie, &url);
        }
        if head.status == 401 && !asked && call.answer_demand(&head, &url) {
            asked = true;
            continue;
        }
        if let Some(location) = call.redirect(&head) {
            if round - usize::from(asked) >= MAX_REDIRECTS {
                let mut response = call.response(head, body, &url);
                response.redirect_loop = true;
                return Ok(response);
            }
            let next = Url::parse(&url.join(&location.replace(' ', "%20")))?;
            call.follow(&head, &url, &next);
            url = next;
            continue;
        }
        return Ok(call.response(head, body, &url));
    }
    Err(HttpError::Request("no request was made".into()))
}

fn unsaved(error: io::Error) -> HttpError {
    HttpError::Save(error.into())
}

/// The body of an answer.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    saved: Option<u64>,
    unpacked: bool,
}

struct Call<'a> {
    request: &'a HttpRequest,
    method: String,
    headers: Vec<(String, String)>,
    with_body: bool,
    credentials: Option<(String, String)>,
    authorization: Option<String>,
    cookies: Cookies,
}

impl<'a> Call<'a> {
    fn new(request: &'a HttpRequest, url: &Url) -> Self {
        let given = request.credentials.clone().or_else(|| url.credentials.clone());
        let of_netrc = || {
            let file = request.variable("NETRC").map(str::to_owned);
            let file = file.or_else(|| request.variable("HOME").map(|home| format!("{home}/.netrc")))?;
            auth::netrc(&std::fs::read_to_string(file).ok()?, &url.host)
        };
        let (credentials, at_once) = match given {
            Some(given) => (Some(given), request.force_basic),
            None if request.use_netrc => (of_netrc(), true),
            None => (None, false),
        };
        let authorization =
            credentials.as_ref().filter(|_| at_once).map(|(user, password)| auth::basic(user, password));
        Self {
            request,
            method: request.method.clone(),
            headers: request.headers.clone(),
            with_body: request.body.is_some() || request.body_file.is_some(),
            credentials,
            authorization,
            cookies: Cookies::default(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// One request and its answer.
    fn exchange(&self, url: &Url, stopped: &dyn Fn() -> bool) -> Result<(Head, Received), HttpError> {
        let mut file = match &self.request.body_file {
            Some(path) if self.with_body => {
                let unreadable = |_| HttpError::Request(format!("Unable to open source file {path}"));
                let file = File::open(path).map_err(unreadable)?;
                let size = file.metadata().map_err(unreadable)?.len();
                Some((file, size))
            }
            _ => None,
        };
        let mut connection = connect::open(self.request, url, stopped)?;
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| {
            if !self.has(name) {
                headers.push((name.to_owned(), value));
            }
        };
        add("Accept-Encoding", "identity".into());
        add("Host", url.authority());
        if self.with_body {
            let length =
                file.as_ref().map(|(_, size)| *size).or(self.request.body.as_ref().map(|b| b.len() as u64));
            if !self.has("transfer-encoding") {
                add("Content-Length", length.unwrap_or(0).to_string());
            }
            add("Content-Type", "application/x-www-form-urlencoded".into());
        } else if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            add("Content-Length", "0".into());
        }
        if let Some(value) = self.cookies.header(url) {
            add("Cookie", value);
        }
        if let Some(value) = &self.authorization {
            add("Authorization", value.clone());
        }
        if let Some(value) = connection.proxy_authorization.take() {
            add("Proxy-Authorization", value);
        }
        headers.extend(self.headers.iter().cloned());
        headers.push(("Connection".into(), "close".into()));
        let target = if connection.whole_address { url.text() } else { url.target.clone() };
        let stream = connection.stream.get_mut();
        wire::write_head(stream, &self.method, &target, &headers)?;
        // A server that refuses early closes its side; its answer says more than the broken pipe.
        let sent = match (&mut file, &self.request.body) {
            (Some((file, size)), _) => io::copy(&mut file.take(*size), stream).map(drop),
            (None, Some(body)) if self.with_body => stream.write_all(body),
            _ => Ok(()),
        };
        let sent = sent.and_then(|()| stream.flush());
        let head = match (wire::read_head(&mut connection.stream), sent) {
            (Ok(head), _) => head,
            (Err(_), Err(error)) => return Err(broken(error)),
            (Err(error), Ok(())) => return Err(error),
        };
        let length = wire::length(&head, &self.method)?;
        let body = self.receive(&mut connection.stream, &head, length)?;
        Ok((head, body))
    }

    fn receive(
        &self,
        stream: &mut dyn io::BufRead,
        head: &Head,
        length: Length,
    ) -> Result<Received, HttpError> {
        let packed = head.header("content-encoding").is_some_and(|v| v.eq_ignore_ascii_case("gzip"));
        let unpacked = packed && self.request.decompress && length != Length::Known(0);
        let body = Body::new(stream, length);
        let mut buffered = BufReader::with_capacity(64 << 10, body);
        let mut reader: Box<dyn Read + '_> = if unpacked {
            if buffered.fill_buf().map_err(broken)?.is_empty() {
                return Ok(Received::default());
            }
            Box::new(MultiGzDecoder::new(buffered))
        } else {
            Box::new(buffered)
        };
        let mut received = Received { unpacked, ..Received::default() };
        match &self.request.save_to {
            Some(path) if head.status / 100 == 2 => {
                let mut file = super::private_file(std::path::Path::new(path)).map_err(unsaved)?;
                let mut buffer = vec![0; 128 << 10];
                let mut total = 0;
                loop {
                    let count = reader.read(&mut buffer).map_err(broken)?;
                    if count == 0 {
                        break;
                    }
                    file.write_all(&buffer[..count]).map_err(unsaved)?;
                    total += count as u64;
                }
                received.saved = Some(total);
            }
            _ => {
                let count =
                    reader.take(MAX_BODY + 1).read_to_end(&mut received.bytes).map_err(broken)? as u64;
                if count > MAX_BODY {
                    return Err(HttpError::Protocol(format!(
                        "the body is larger than {} MiB",
                        MAX_BODY >> 20
                    )));
                }
            }
        }
        Ok(received)
    }

    /// Whether the answer's demand for credentials can be met by the next request.
    fn answer_demand(&mut self, head: &Head, url: &Url) -> bool {
        let Some((user, password)) = self.credentials.clone() else { return false };
        if self.authorization.is_some() {
            return false;
        }
        let demands: Vec<&str> = head.all("www-authenticate").collect();
        let own = blake3::hash(format!("{:?}{:p}", std::time::Instant::now(), self).as_bytes()).to_hex();
        let own = own.get(..16).unwrap_or_default();
        self.authorization = auth::answer(&demands, &user, &password, &self.method, &url.target, own);
        self.authorization.is_some()
    }

    /// Where the answer leads, if that is to be followed.
    fn redirect(&self, head: &Head) -> Option<String> {
        let location = head.header("location").or_else(|| head.header("uri"))?;
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let reads = matches!(self.method.as_str(), "GET" | "HEAD");
        let follows = match self.request.redirects {
            Redirects::All => true,
            Redirects::Safe => reads,
            Redirects::None => false,
            Redirects::Urllib => reads || (self.method == "POST" && matches!(head.status, 301..=303)),
        };
        follows.then(|| location.to_owned())
    }

    /// Makes the call fit for the redirected request.
    fn follow(&mut self, head: &Head, from: &Url, to: &Url) {
        let keeps_body = matches!(head.status, 307 | 308) && self.request.redirects != Redirects::Urllib;
        if !keeps_body {
            self.with_body = false;
            self.headers.retain(|(name, _)| {
                !["content-length", "content-type", "transfer-encoding"]
                    .iter()
                    .any(|n| name.eq_ignore_ascii_case(n))
            });
            let becomes_get = match head.status {
                302 | 303 => self.method != "HEAD",
                301 => self.method == "POST",
                _ => false,
            };
            if becomes_get {
                self.method = "GET".into();
            }
        }
        let unredirected = &self.request.unredirected;
        self.headers.retain(|(name, _)| {
            !unredirected.contains(&name.to_ascii_lowercase()) && !name.eq_ignore_ascii_case("host")
        });
        if unredirected.iter().any(|name| name == "authorization") {
            self.authorization = None;
        }
        // Another host, or the same without encryption, must not learn what was meant for this one.
        if from.host != to.host
            || (from.port != to.port && (from.secure || !to.secure))
            || from.secure && !to.secure
        {
            self.authorization = None;
            self.credentials = to.credentials.clone();
            self.headers.retain(|(name, _)| {
                !["authorization", "cookie", "proxy-authorization"]
                    .iter()
                    .any(|n| name.eq_ignore_ascii_case(n))
            });
        }
    }

    fn response(&self, head: Head, body: Received, url: &Url) -> HttpResponse {
        HttpResponse {
            status: head.status,
            reason: head.reason,
            headers: head.headers,
            body: body.bytes,
            saved: body.saved,
            url: url.text(),
            cookies: self.cookies.pairs(),
            unpacked: body.unpacked,
            redirect_loop: false,
        }
    }
}
