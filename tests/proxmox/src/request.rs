//! A request on its way in: what it holds is read once, written down for the test, and handed to its handler.

use crate::auth::Caller;
use crate::cluster::Shared;
use crate::reply::Failure;
use crate::schema::{self, Parameters, Type};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Multipart, State};
use axum::http::{Method, Response, header, request};
use axum::middleware::Next;
use axum::response::IntoResponse;

/// How much a body may hold: templates for tests are small.
const MOST: usize = 256 << 20;

/// A request that reached the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The path, without `/api2/json`.
    pub path: String,
    /// What followed the question mark.
    pub query: Vec<(String, String)>,
    /// The body's fields, in their order. A file's field has its name.
    pub form: Vec<(String, String)>,
    /// Who sent it, if that is known: `root@pam`, `root@pam!token`.
    pub user: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// The answer's reason phrase, if it is not the usual one.
    pub message: String,
}

impl Request {
    /// Method, path and fields in the order of the alphabet, for comparisons.
    pub fn line(&self) -> String {
        let mut fields: Vec<String> =
            self.query.iter().chain(&self.form).map(|(name, value)| format!("{name}={value}")).collect();
        fields.sort();
        std::iter::once(format!("{} {}", self.method, self.path)).chain(fields).collect::<Vec<_>>().join(" ")
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().chain(&self.query).find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is one that may change something; logging in is none.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && self.path != "/access/ticket"
    }
}

/// What a handler gets of a request.
#[derive(Clone)]
pub(crate) struct Call {
    /// Nobody for the few requests that need no login.
    pub(crate) caller: Caller,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) parameters: Parameters,
    /// The size of the file that came with it.
    pub(crate) upload: Option<u64>,
}

impl Call {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(schema::truth)
    }

    /// Only these parameters.
    pub(crate) fn verify(
        &self,
        path: &[(&str, &str)],
        known: &[(&str, Type)],
        required: &[&str],
    ) -> Result<(), Failure> {
        schema::verify_list(&self.parameters, path, known, required)
    }
}

impl FromRequestParts<Shared> for Call {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &Shared) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Failure::internal("the request was not read"))
    }
}

/// A body's fields, and the size of the file among them.
#[derive(Default)]
struct Fields {
    form: Vec<(String, String)>,
    upload: Option<u64>,
}

async fn fields(parts: &request::Parts, body: Bytes) -> Result<Fields, Failure> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return multipart(parts, body).await;
    }
    if kind.starts_with("application/json") && !body.is_empty() {
        let wrong = |e: serde_json::Error| Failure::new(400, format!("unable to parse the body: {e}"));
        let values: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&body).map_err(wrong)?;
        let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(Fields { form: values.into_iter().map(|(n, v)| (n, text(v))).collect(), upload: None });
    }
    Ok(Fields { form: form_urlencoded::parse(&body).into_owned().collect(), upload: None })
}

async fn multipart(parts: &request::Parts, body: Bytes) -> Result<Fields, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::new(501, format!("upload failed: {e}"));
    let mut request = request::Request::new(Body::from(body));
    *request.headers_mut() = parts.headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|e| wrong(&e))?;
    let mut fields = Fields::default();
    while let Some(field) = multipart.next_field().await.map_err(|e| wrong(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let content = field.bytes().await.map_err(|e| wrong(&e))?;
        match file {
            Some(file) => {
                fields.upload = Some(content.len() as u64);
                fields.form.push((name, file));
            }
            None => fields.form.push((name, String::from_utf8_lossy(&content).into_owned())),
        }
    }
    Ok(fields)
}

/// The requests that need no login.
fn is_open(method: &Method, path: &str) -> bool {
    match path {
        "/access/domains" => method == Method::GET,
        "/access/ticket" => method == Method::GET || method == Method::POST,
        _ => false,
    }
}

/// Reads, authenticates, hands on, and writes down.
pub(crate) async fn receive(
    State(cluster): State<Shared>,
    request: axum::extract::Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(path) = parts.uri.path().strip_prefix("/api2/json").map(str::to_owned) else {
        return Failure { bare: true, ..Failure::new(501, "no such uri") }.into_response();
    };
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    if take_stall(&cluster, &parts.method, &path) {
        // Until the client gives up, or the server ends.
        std::future::pending::<()>().await;
    }
    let read = match to_bytes(body, MOST).await {
        Ok(bytes) => fields(&parts, bytes).await,
        Err(_) => Err(Failure::new(413, "for data too large")),
    };
    let (read, failed) = match read {
        Ok(read) => (read, None),
        Err(failure) => (Fields::default(), Some(failure)),
    };
    let open = is_open(&parts.method, &path);
    let caller = {
        let state = cluster.state();
        match state.access.caller(&parts.method, &path, &parts.headers) {
            Err(_) if open => Ok(Caller { name: String::new(), user: String::new() }),
            other => other,
        }
    };
    let mut written = Request {
        method: parts.method.to_string(),
        path: path.clone(),
        query,
        form: read.form,
        user: caller.as_ref().ok().map(|c| c.name.clone()).filter(|name| !name.is_empty()),
        status: 0,
        message: String::new(),
    };
    let silent = cluster.state().check_reached(&written.path).err();
    let response = match (failed, caller) {
        (Some(failure), _) | (None, Err(failure)) => failure.into_response(),
        (None, Ok(caller)) => match take_fault(&cluster, &written).or(silent) {
            Some(failure) => failure.into_response(),
            None => {
                let mut request = request::Request::from_parts(parts, Body::empty());
                let parameters = joined(written.form.iter().chain(&written.query));
                let (method, upload) = (written.method.clone(), read.upload);
                request.extensions_mut().insert(Call { caller, method, path, parameters, upload });
                next.run(request).await
            }
        },
    };
    written.status = response.status().as_u16();
    let phrase = response.extensions().get::<hyper::ext::ReasonPhrase>();
    written.message = phrase.map(|p| String::from_utf8_lossy(p.as_bytes()).into_owned()).unwrap_or_default();
    cluster.state().requests.push(written);
    response
}

fn take_stall(cluster: &Shared, method: &Method, path: &str) -> bool {
    let stalls = &mut cluster.state().faults.stalls;
    let at = stalls.iter().position(|(m, p)| m == method.as_str() && p == path);
    at.map(|at| stalls.remove(at)).is_some()
}

fn take_fault(cluster: &Shared, request: &Request) -> Option<Failure> {
    let faults = &mut cluster.state().faults.requests;
    let is_meant = |path: &str| match path.strip_suffix('*') {
        Some(start) => request.path.starts_with(start),
        None => path == request.path,
    };
    let at = faults.iter().position(|(method, path, _)| *method == request.method && is_meant(path))?;
    Some(faults.remove(at).2)
}

/// Fields by name; those that came several times joined with NUL.
fn joined<'a>(fields: impl Iterator<Item = &'a (String, String)>) -> Parameters {
    let mut all = Parameters::new();
    for (name, value) in fields {
        match all.get_mut(name) {
            Some(old) => {
                old.push('\0');
                old.push_str(value);
            }
            None => drop(all.insert(name.clone(), value.clone())),
        }
    }
    // What browsers add against caches.
    all.shift_remove("_dc");
    all
}
