//! `windlass-web`: the program that makes requests, and how the agent asks it.
//!
//! It reads one request from its standard input, writes one answer to its standard output, and ends. Giving a request up
//! is ending the program.

use super::{HttpError, HttpResponse, client};
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_protocol::{HttpRequest, RunSpec};

use crate::system::RunOutput;

/// A request with what [`HttpRequest`] leaves out where it is part of a plan.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Whole {
    request: HttpRequest,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    credentials: Option<(String, String)>,
    variables: Vec<(String, String)>,
}

impl From<HttpRequest> for Whole {
    fn from(mut request: HttpRequest) -> Self {
        let headers = std::mem::take(&mut request.headers);
        let body = request.body.take();
        let credentials = request.credentials.take();
        let variables = std::mem::take(&mut request.variables);
        Self { request, headers, body, credentials, variables }
    }
}

impl From<Whole> for HttpRequest {
    fn from(Whole { request, headers, body, credentials, variables }: Whole) -> Self {
        Self { headers, body, credentials, variables, ..request }
    }
}

/// What the program does.
///
/// # Errors
/// If it was not asked as it has to be, or nobody takes the answer.
pub fn serve() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let request: Whole =
        postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let answer = client::fetch(&request.into(), &|| false);
    let bytes = postcard::to_stdvec(&answer).map_err(io::Error::other)?;
    let mut output = io::stdout().lock();
    output.write_all(&bytes)?;
    output.flush()
}

/// Where the program is, if it is there. Clones notice together that it is missing.
#[derive(Debug, Clone, Default)]
pub struct Program {
    places: Vec<PathBuf>,
    missed: Arc<AtomicBool>,
}

/// The most that the program prints: a body, and what stands around it.
pub(in crate::system) const MAX_ANSWER: usize = client::MAX_BODY as usize + (1 << 20);

impl Program {
    /// It lies in the first of these places where anything is.
    #[must_use]
    pub fn in_one_of(places: Vec<PathBuf>) -> Self {
        Self { places, missed: Arc::default() }
    }

    /// Whether a request was not made because the program is missing. Asking forgets it.
    #[must_use]
    pub fn was_missed(&self) -> bool {
        self.missed.swap(false, Ordering::SeqCst)
    }

    /// Whether it is in none of its places.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        !self.places.iter().any(|place| place.is_file())
    }

    /// Puts it into the first place that takes it.
    ///
    /// # Errors
    /// That of the last place.
    pub fn install(&self, program: &[u8]) -> io::Result<()> {
        let mut result = Err(io::ErrorKind::NotFound.into());
        for place in &self.places {
            result = install(place, program);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Makes a request. `run` runs a program.
    ///
    /// # Errors
    /// As [`client::fetch`], and [`HttpError::NoProgram`].
    pub(in crate::system) fn ask(
        &self,
        request: &HttpRequest,
        run: impl FnOnce(&RunSpec) -> io::Result<RunOutput>,
    ) -> Result<HttpResponse, HttpError> {
        let missed = || {
            self.missed.store(true, Ordering::SeqCst);
            HttpError::NoProgram
        };
        let place = self.places.iter().find(|place| place.is_file()).ok_or_else(missed)?;
        let wrong = |what: String| HttpError::Request(format!("{}: {what}", place.display()));
        let stdin =
            postcard::to_stdvec(&Whole::from(request.clone())).map_err(|error| wrong(error.to_string()))?;
        let argv = vec![place.to_string_lossy().into_owned()];
        let output = match run(&RunSpec { argv, stdin, secret: true, ..RunSpec::default() }) {
            Ok(output) => output,
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::TimedOut) => {
                return Err(HttpError::Cancelled);
            }
            // Whatever lies there is no program of this machine: another one takes its place.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                let _ = std::fs::remove_file(place);
                return Err(missed());
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        if output.code != 0 {
            return Err(wrong(format!("it ended with {}: {}", output.code, output.err().trim())));
        }
        postcard::from_bytes::<Result<HttpResponse, HttpError>>(&output.stdout)
            .unwrap_or_else(|error| Err(wrong(error.to_string())))
    }
}

fn install(place: &Path, program: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut name = place.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let _ = std::fs::remove_file(&temporary);
    let write = || {
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&temporary)?;
        file.write_all(program)?;
        file.sync_data()?;
        std::fs::rename(&temporary, place)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request() -> HttpRequest {
        HttpRequest {
            method: "POST".into(),
            url: "http://example.org/".into(),
            headers: vec![("A".into(), "b".into())],
            body: Some(b"body".to_vec()),
            credentials: Some(("user".into(), "secret".into())),
            variables: vec![("HOME".into(), "/root".into())],
            timeout_ms: 7,
            ..HttpRequest::default()
        }
    }

    fn output(answer: &Result<HttpResponse, HttpError>) -> RunOutput {
        RunOutput { stdout: postcard::to_stdvec(answer).unwrap(), ..RunOutput::default() }
    }

    #[test]
    fn all_of_a_request_arrives_and_all_of_an_answer_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::in_one_of(vec![folder.path().join("missing/web"), folder.path().join("web")]);
        program.install(b"a program").unwrap();
        let answers = [
            Ok(HttpResponse { status: 204, body: b"x".to_vec(), ..HttpResponse::default() }),
            Err(HttpError::Connect { to: "x".into(), error: io::Error::from_raw_os_error(111).into() }),
            Err(HttpError::Url(super::super::UrlError::Host)),
        ];
        for answer in answers {
            let got = program.ask(&request(), |run| {
                let sent: Whole = postcard::from_bytes(&run.stdin).unwrap();
                assert_eq!(HttpRequest::from(sent), request());
                assert_eq!(run.argv, [folder.path().join("web").to_str().unwrap()]);
                assert!(run.secret);
                Ok(output(&answer))
            });
            assert_eq!(got, answer);
        }
        assert!(!program.was_missed());
    }

    #[test]
    fn a_missing_program_is_noticed_and_nothing_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::in_one_of(vec![folder.path().join("web")]);
        let got = program.ask(&request(), |_| panic!("there is nothing to run"));
        assert_eq!(got, Err(HttpError::NoProgram));
        assert!(program.clone().was_missed() && !program.was_missed());
    }

    #[test]
    fn what_is_no_program_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::in_one_of(vec![folder.path().join("web")]);
        program.install(b"").unwrap();
        let got = program.ask(&request(), |_| Err(io::Error::from_raw_os_error(8)));
        assert_eq!(got, Err(HttpError::NoProgram));
        assert!(!folder.path().join("web").exists() && program.was_missed());
    }

    #[test]
    fn a_program_that_fails_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::in_one_of(vec![folder.path().join("web")]);
        program.install(b"x").unwrap();
        let failed = RunOutput { code: 1, stderr: b"no\n".to_vec(), ..RunOutput::default() };
        let message = program.ask(&request(), |_| Ok(failed)).unwrap_err().to_string();
        assert!(message.ends_with("web: it ended with 1: no"), "{message}");
        let cancelled = program.ask(&request(), |_| Err(io::ErrorKind::Interrupted.into()));
        assert_eq!(cancelled, Err(HttpError::Cancelled));
    }
}
