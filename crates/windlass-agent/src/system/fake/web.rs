//! The imagined web.

use super::{Fake, Node};
use crate::system::{HttpError, HttpResponse};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use windlass_protocol::HttpRequest;

type Site = Arc<dyn Fn(&HttpRequest) -> Result<HttpResponse, HttpError> + Send + Sync>;

/// What answers requests, and what was asked.
#[derive(Default)]
pub(super) struct Web {
    site: Mutex<Option<Site>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub request: HttpRequest,
    /// By a plan's step (not by looking).
    pub by_plan: bool,
}

/// An answer with a status and a body, from the address that was asked.
#[must_use]
pub fn answer(request: &HttpRequest, status: u16, headers: &[(&str, &str)], body: &[u8]) -> HttpResponse {
    let reason = match status {
        200 => "OK",
        304 => "Not Modified",
        404 => "Not Found",
        _ => "",
    };
    HttpResponse {
        status,
        reason: reason.into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.to_vec(),
        url: request.url.clone(),
        ..HttpResponse::default()
    }
}

impl Fake {
    /// Whatever is asked over HTTP is answered by this. Without it nothing answers.
    pub fn web(
        &self,
        site: impl Fn(&HttpRequest) -> Result<HttpResponse, HttpError> + Send + Sync + 'static,
    ) {
        *self.web.site.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(site));
    }

    /// All requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.web.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn ask_web(&self, request: &HttpRequest, by_plan: bool) -> Result<HttpResponse, HttpError> {
        let asked = Asked { request: request.clone(), by_plan };
        self.web.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let site = self.web.site.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = || HttpError::Connect {
            to: request.url.clone(),
            error: io::Error::from_raw_os_error(111).into(),
        };
        let mut response = site.ok_or_else(refused)?(request)?;
        if let Some(path) = request.save_to.as_ref().filter(|_| response.status / 100 == 2) {
            let body = std::mem::take(&mut response.body);
            response.saved = Some(body.len() as u64);
            self.put(Path::new(path), Node::file(body).mode(0o600));
        }
        Ok(response)
    }
}
