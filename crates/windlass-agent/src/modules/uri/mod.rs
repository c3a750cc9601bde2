//! `uri`: talks to a web service. What only reads is done while planning; what may change something is a step of the plan.

mod answer;
mod body;

use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::paths::{Wish, blake3_of, of_path};
use crate::system::{HttpError, HttpResponse, Observe};
use crate::web;
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::http::Redirects;
use windlass_protocol::modules::uri::{FollowRedirects, UriArgs};
use windlass_protocol::{FileKind, HttpRequest, Json, Op, What};

/// The module.
pub struct Uri;

/// Where the plan keeps the moment of the beginning; not a return value.
const STARTED: &str = "_started";

impl Module for Uri {
    type Args = UriArgs;

    fn plan(args: &UriArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        if cx.check {
            plan.skipped = true;
            plan.msg = Some("remote module (ansible.builtin.uri) does not support check mode".into());
            return Ok(plan);
        }
        for (path, wanted) in [(&args.creates, false), (&args.removes, true)] {
            let Some(path) = path else { continue };
            if sys.stat(Path::new(&**path))?.is_some() != wanted {
                let end = if wanted { "does not exist" } else { "exists" };
                plan.set("stdout", format!("skipped, since '{}' {end}", &**path));
                return Ok(plan);
            }
        }
        let request = request(args, cx, sys)?;
        if matches!(args.follow_redirects, FollowRedirects::No | FollowRedirects::Yes) {
            plan.warnings.push(
                "Using 'yes' or 'no' for 'follow_redirects' parameter is deprecated: write 'all' or 'none'."
                    .into(),
            );
        }
        let started = sys.now().0;
        if matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            let answer = sys.http(&request);
            return complete(args, sys, plan, started, answer.as_ref());
        }
        plan.set(STARTED, started);
        plan.changed = Some(false);
        let text = format!("{} {}", request.method, request.url);
        plan.push(What::Command { text }, Op::Http(Box::new(request)));
        Ok(plan)
    }

    fn finish(
        args: &UriArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let Some(answer) = applied.answers.last() else {
            // The body was saved, or there was nothing to do.
            return Ok(Finish::Done(plan));
        };
        let started =
            plan.values.shift_remove(STARTED).and_then(|v| v.as_i64()).unwrap_or_else(|| sys.now().0);
        let next = Plan { warnings: std::mem::take(&mut plan.warnings), ..Plan::default() };
        let next = complete(args, sys, next, started, answer.as_ref());
        let next =
            next.map_err(|error| ModuleError { changes: std::mem::take(&mut plan.changes), ..error })?;
        if next.changes.is_empty() {
            return Ok(Finish::Done(Plan { changes: plan.changes, changed: Some(false), ..next }));
        }
        Ok(Finish::More(plan, next))
    }
}

fn request(args: &UriArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<HttpRequest, ModuleError> {
    let method = args.method.to_uppercase();
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        let msg = "Parameter 'method' needs to be a single word in uppercase, like GET or POST.";
        return Err(ModuleError::new(msg));
    }
    if args.use_gssapi {
        return Err(ModuleError::new("use_gssapi is not supported: use url_username and url_password"));
    }
    let mut headers = web::headers(&args.headers);
    let mut body = body::write(args, cx, sys)?;
    if let Some(kind) = body.content_type.take() {
        let given = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.forced || !given {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            headers.push(("Content-Type".into(), kind));
        }
    }
    let existing = match &args.dest {
        Some(dest) => sys.stat(Path::new(&**dest))?.filter(|meta| meta.kind == FileKind::File),
        None => None,
    };
    let since = existing.filter(|_| !args.force).map(|meta| meta.mtime.0);
    let (url, credentials) =
        web::split_credentials(&args.url, args.url_username.as_deref(), args.url_password.as_deref());
    Ok(HttpRequest {
        method,
        url,
        headers: web::standard_headers(headers, &args.http_agent, args.force, since),
        body: body.bytes,
        body_file: body.file,
        credentials,
        force_basic: args.force_basic_auth,
        redirects: match args.follow_redirects {
            FollowRedirects::All | FollowRedirects::Yes => Redirects::All,
            FollowRedirects::No | FollowRedirects::None => Redirects::None,
            FollowRedirects::Safe => Redirects::Safe,
            FollowRedirects::Urllib => Redirects::Urllib,
        },
        unredirected: args.unredirected_headers.iter().map(|h| h.to_ascii_lowercase()).collect(),
        insecure: !args.validate_certs,
        ca_path: args.ca_path.as_ref().map(|p| p.0.clone()),
        client_cert: args.client_cert.as_ref().map(|p| p.0.clone()),
        client_key: args.client_key.as_ref().map(|p| p.0.clone()),
        timeout_ms: u64::try_from(args.timeout).unwrap_or(0).saturating_mul(1000),
        unix_socket: args.unix_socket.as_ref().map(|p| p.0.clone()),
        use_proxy: args.use_proxy,
        use_netrc: args.use_netrc,
        decompress: args.decompress,
        save_to: None,
        variables: web::variables(cx, sys),
    })
}

/// Makes the result of an answer, and the plan to save its body.
fn complete(
    args: &UriArgs,
    sys: &dyn Observe,
    mut plan: Plan,
    started: i64,
    answer: Result<&HttpResponse, &HttpError>,
) -> Result<Plan, ModuleError> {
    let elapsed = (sys.now().0 - started).max(0);
    let result = answer::describe(args, answer, elapsed);
    let mut values = result.values;
    let good = args.status_code.contains(&result.status);
    if let (Some(dest), Ok(response)) = (&args.dest, &answer) {
        let dest = save_path(sys, dest, response)?;
        if good && result.status != 304 {
            save(args, sys, &mut plan, &dest, &response.body)?;
        }
        values.insert("path".into(), Json::String(dest));
    }
    if !good {
        let wanted: Vec<String> = args.status_code.iter().map(ToString::to_string).collect();
        let msg =
            format!("Status code was {} and not [{}]: {}", result.status, wanted.join(", "), result.msg);
        return Err(ModuleError { values, ..ModuleError::new(msg) });
    }
    plan.msg = Some(result.msg);
    plan.values = values;
    Ok(plan)
}

/// Where the body is saved: into a folder under the name that the answer or its address gives.
fn save_path(sys: &dyn Observe, dest: &str, response: &HttpResponse) -> Result<String, ModuleError> {
    if !sys.stat(Path::new(dest))?.is_some_and(|meta| meta.kind == FileKind::Directory) {
        return Ok(dest.to_owned());
    }
    let name = web::filename_of(response).unwrap_or_else(|| "index.html".into());
    Ok(format!("{}/{name}", dest.trim_end_matches('/')))
}

fn save(
    args: &UriArgs,
    sys: &dyn Observe,
    plan: &mut Plan,
    dest: &str,
    body: &[u8],
) -> Result<(), ModuleError> {
    let path = Path::new(dest);
    let old = sys.stat(path).map_err(|e| of_path(path, &e))?;
    let wish = Wish::of(&args.file, dest, sys)?;
    let after = blake3::hash(body).to_hex().to_string();
    let before = match &old {
        Some(_) => Some(blake3_of(&mut *sys.open(path).map_err(|e| of_path(path, &e))?)?),
        None => None,
    };
    // Every saved answer counts as a change, as it always did, also if the file was the same before.
    plan.changed = Some(true);
    if before.as_ref() == Some(&after) {
        if let Some(meta) = &old {
            let difference = wish.difference(path, meta, sys)?;
            web::plan_attributes(plan, dest, meta, &difference, sys);
        }
        plan.push(What::FileWritten { path: dest.to_owned(), before, after }, Op::Nothing);
        return Ok(());
    }
    let op = Op::Write {
        path: dest.to_owned(),
        content: Content::Bytes(body.to_vec()),
        attrs: wish.for_replacement(old.as_ref(), path, sys)?,
        backup: false,
        validate: None,
        in_place: args.file.unsafe_writes.unwrap_or(false),
    };
    plan.push(What::FileWritten { path: dest.to_owned(), before, after }, op);
    Ok(())
}

#[cfg(test)]
mod tests;
