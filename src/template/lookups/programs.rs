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
    let mut out = Vec::new();
    for term in call.texts(it)? {
        let request = Request {
            url: term,
            verify,
            timeout,
            user: user.clone(),
            password: password.clone(),
            agent: agent.clone(),
            headers: headers.clone(),
        };
        // The caller may stand inside an asynchronous runtime, where blocking on another one is not possible.
        let body = std::thread::spawn(move || fetch(request))
            .join()
            .map_err(|_| failed("the request ended unexpectedly"))?
            .map_err(failed)?;
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

fn fetch(wanted: Request) -> Result<String, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async move {
        // Another part of the program may have done this already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .danger_accept_invalid_certs(!wanted.verify)
            .timeout(Duration::from_secs_f64(wanted.timeout))
            .user_agent(wanted.agent)
            .build()
            .map_err(|e| e.to_string())?;
        let url = wanted.url;
        let mut request = client.get(&url);
        if let Some(user) = wanted.user {
            request = request.basic_auth(user, wanted.password);
        }
        for (name, value) in wanted.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|e| format!("Failed lookup url for {url} : {e}"))?;
        if !response.status().is_success() {
            let status = response.status();
            return Err(format!(
                "Received HTTP error for {url} : HTTP Error {}: {}",
                status.as_u16(),
                status.canonical_reason().unwrap_or("")
            ));
        }
        response.text().await.map_err(|e| format!("Failed lookup url for {url} : {e}"))
    })
}
