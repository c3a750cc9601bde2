//! Lookups that run programs or open connections.

use super::{Call, Lookup, of};
use crate::template::eval::Interp;
use crate::template::eval::val::{R, Val, failed};
use std::process::{Command, Stdio};
use std::time::Duration;

pub(super) const LOOKUPS: &[Lookup] = &[of("pipe", pipe), of("lines", lines), of("url", url)];

fn allowed(it: &Interp<'_>) -> R<()> {
    if it.shared.settings.allow_side_effects {
        return Ok(());
    }
    Err(failed("lookups that run programs or open connections are switched off here"))
}

/// Runs a command line that the operator wrote, as `pipe` is meant to.
fn run(it: &Interp<'_>, term: &str, lookup: &str) -> R<String> {
    allowed(it)?;
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(term).stdin(Stdio::null()).stderr(Stdio::inherit());
    if let Some(dir) = it.cx.search.roots.last().filter(|d| d.is_dir()) {
        command.current_dir(dir);
    }
    let output = command.output().map_err(|e| failed(format!("lookup_plugin.{lookup}({term}): {e}")))?;
    if !output.status.success() {
        let code = output.status.code().map_or_else(|| "a signal".to_owned(), |c| c.to_string());
        return Err(failed(format!("lookup_plugin.{lookup}({term}) returned {code}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pipe(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in call.texts(it)? {
        out.push(Val::from(run(it, &term, "pipe")?.trim_end()));
    }
    Ok(out)
}

fn lines(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    let mut out = Vec::new();
    for term in call.texts(it)? {
        out.extend(run(it, &term, "lines")?.lines().map(Val::from));
    }
    Ok(out)
}

fn url(it: &mut Interp<'_>, call: &mut Call) -> R<Vec<Val>> {
    allowed(it)?;
    // Variables and the environment stand in for options that are not given.
    for (option, variable, environment) in [
        ("http_agent", "ansible_lookup_url_agent", "ANSIBLE_LOOKUP_URL_AGENT"),
        ("timeout", "ansible_lookup_url_timeout", "ANSIBLE_LOOKUP_URL_TIMEOUT"),
    ] {
        if call.get(option).is_some() {
            continue;
        }
        let set = match it.cx.scope.get(variable) {
            Some(value) => Some(it.lift(&value)?.defined()?),
            None => std::env::var(environment).ok().map(Val::from),
        };
        call.options.extend(set.map(|value| (option.into(), value)));
    }
    let split = call.flag(it, "split_lines", true)?;
    let verify = call.flag(it, "validate_certs", true)?;
    let timeout = call.get("timeout").and_then(Val::as_f64).unwrap_or(10.0).clamp(0.1, 3600.0);
    let user = call.str(it, "username")?;
    let password = call.str(it, "password")?;
    let agent = call.str(it, "http_agent")?.unwrap_or_else(|| "ansible-httpget".to_owned());
    let mut headers = Vec::new();
    if let Some(given) = call.get("headers").cloned() {
        for (key, value) in it.pairs(&given)? {
            headers.push((key.to_string(), it.str(&value)?));
        }
    }
    let use_netrc = user.is_none() && call.flag(it, "use_netrc", true)?;
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let (mut user, mut password, mut headers) = (user.clone(), password.clone(), headers.clone());
        if use_netrc && let Some((login, secret)) = netrc_for(&term) {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
            (user, password) = (Some(login), Some(secret));
        }
        let request = Request { url: term, verify, timeout, user, password, agent: agent.clone(), headers };
        // The caller may stand inside an asynchronous runtime, where blocking on another one is not possible.
        let body = std::thread::spawn(move || fetch(request))
            .join()
            .map_err(|_| failed("the request ended unexpectedly"))?
            .map_err(|error| failed(error.to_string()))?;
        if split {
            out.extend(body.lines().map(Val::from));
        } else {
            out.push(Val::from(body));
        }
    }
    Ok(out)
}

struct Request {
    url: String,
    verify: bool,
    timeout: f64,
    user: Option<String>,
    password: Option<String>,
    agent: String,
    headers: Vec<(String, String)>,
}

/// Why there is no text of a URL.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Client(reqwest::Error),
    #[error("{}", unanswered(url, source))]
    Unanswered { url: String, source: reqwest::Error },
    #[error("Received HTTP error for {url} : HTTP Error {}: {}", status.as_u16(), status.canonical_reason().unwrap_or(""))]
    Status { url: String, status: reqwest::StatusCode },
    #[error("Failed lookup url for {url} : {source}")]
    Body { url: String, source: reqwest::Error },
}

fn fetch(wanted: Request) -> Result<String, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        // Another part of the program may have done this already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .danger_accept_invalid_certs(!wanted.verify)
            .timeout(Duration::from_secs_f64(wanted.timeout))
            .user_agent(wanted.agent)
            .build()
            .map_err(FetchError::Client)?;
        let url = wanted.url;
        let mut request = client.get(&url);
        if let Some(user) = wanted.user {
            request = request.basic_auth(user, wanted.password);
        }
        for (name, value) in wanted.headers {
            request = request.header(name, value);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(source) => return Err(FetchError::Unanswered { url, source }),
        };
        let status = response.status();
        if !status.is_success() {
            return Err(FetchError::Status { url, status });
        }
        response.text().await.map_err(|source| FetchError::Body { url, source })
    })
}

/// Why there was no answer, with the causes: the outermost one only says that it failed.
fn unanswered(url: &str, error: &reqwest::Error) -> String {
    let mut reasons = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reasons.push(inner.to_string());
        cause = inner.source();
    }
    let certificate = reasons.iter().any(|reason| reason.contains("invalid peer certificate"));
    let reason = reasons.pop().unwrap_or_default();
    if certificate {
        return format!("Error validating the server's certificate for {url}: {reason}");
    }
    format!("Failed lookup url for {url} : {reason}")
}

/// The login and password that `~/.netrc` has for the host of a URL.
fn netrc_for(url: &str) -> Option<(String, String)> {
    let host = reqwest::Url::parse(url).ok()?.host_str()?.to_owned();
    let home = || std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".netrc"));
    let path = std::env::var_os("NETRC").map(std::path::PathBuf::from).or_else(home)?;
    netrc(&std::fs::read_to_string(path).ok()?, &host)
}

fn netrc(text: &str, host: &str) -> Option<(String, String)> {
    let mut words =
        text.lines().map(|l| l.split(" #").next().unwrap_or_default()).flat_map(str::split_whitespace);
    let (mut here, mut login, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" if here => break,
            "machine" => here = words.next() == Some(host),
            "default" => here = true,
            "login" | "user" if here => login = words.next(),
            "password" if here => password = words.next(),
            _ => {}
        }
    }
    Some((login?.to_owned(), password.unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_entry_of_a_host_in_netrc() {
        let text = "machine a.b\nlogin x\npassword y\nmachine c login z password w # note\ndefault login d password e";
        let found = |host| super::netrc(text, host).map(|(l, p)| format!("{l}:{p}"));
        assert_eq!(found("a.b").as_deref(), Some("x:y"));
        assert_eq!(found("c").as_deref(), Some("z:w"));
        assert_eq!(found("other").as_deref(), Some("d:e"));
        assert_eq!(super::netrc("machine a login x", "b"), None);
    }
}
