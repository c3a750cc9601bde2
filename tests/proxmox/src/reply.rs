//! Answers as the API gives them: `{"data": ...}`, and errors whose message is the reason phrase.
//!
//! Source: pve-http-server's formatter for `json` (a failure has `data: null`, the message, and `errors` by parameter)
//! and its way to send a status line (the first line of the message).

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value, json};

/// What a handler gives back.
pub(crate) type Reply = Result<Data, Failure>;

/// The `data` of a success, and the `total` that some lists have beside it.
pub(crate) struct Data {
    value: Value,
    total: Option<usize>,
}

/// A success.
pub(crate) fn data(value: impl Into<Value>) -> Reply {
    Ok(Data { value: value.into(), total: None })
}

/// A page of a list.
pub(crate) fn page(value: impl Into<Value>, total: usize) -> Reply {
    Ok(Data { value: value.into(), total: Some(total) })
}

/// An error as the API words it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) errors: Map<String, Value>,
    /// Refusals before a request reaches its handler have no body.
    pub(crate) bare: bool,
}

impl Failure {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Map::new(), bare: false }
    }

    /// What a `die` in a handler becomes.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// A refusal of the authentication.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self { bare: true, ..Self::new(401, message) }
    }

    /// What a caller lacks, or nothing where the original does not say it.
    pub(crate) fn forbidden(lacking: Option<&str>) -> Self {
        let what = lacking.map(|l| format!(" ({l})")).unwrap_or_default();
        Self::new(403, format!("Permission check failed{what}"))
    }

    /// Parameters and what is wrong with each.
    pub(crate) fn parameters(errors: impl IntoIterator<Item = (String, String)>) -> Self {
        let errors = errors.into_iter().map(|(name, error)| (name, Value::from(error))).collect();
        Self { errors, ..Self::new(400, "Parameter verification failed.") }
    }

    /// One wrong parameter.
    pub(crate) fn parameter(name: &str, error: impl Into<String>) -> Self {
        Self::parameters([(name.to_owned(), error.into())])
    }

    pub(crate) fn not_implemented(method: &str, path: &str) -> Self {
        Self::new(501, format!("Method '{method} {path}' not implemented"))
    }
}

fn response(status: u16, reason: Option<&str>, body: Option<Value>) -> Response<Body> {
    let body = body.map(|b| b.to_string()).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(header::SERVER, HeaderValue::from_static("pve-api-daemon/3.0"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
    let first = reason.and_then(|r| r.lines().next()).filter(|line| !line.is_empty());
    if let Some(phrase) = first.and_then(|line| ReasonPhrase::try_from(line.to_owned()).ok()) {
        response.extensions_mut().insert(phrase);
    }
    response
}

impl IntoResponse for Data {
    fn into_response(self) -> Response<Body> {
        let mut body = json!({ "data": self.value });
        if let Some(total) = self.total {
            body["total"] = total.into();
        }
        response(200, None, Some(body))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        if self.bare {
            return response(self.status, Some(&self.message), None);
        }
        let mut body = json!({ "data": null, "message": format!("{}\n", self.message.trim_end()) });
        if !self.errors.is_empty() {
            body["errors"] = self.errors.into();
        }
        response(self.status, Some(&self.message), Some(body))
    }
}
