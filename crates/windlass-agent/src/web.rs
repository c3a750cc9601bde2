//! What the modules that make requests have in common.

use crate::module::{Context, ModuleError, Plan};
use crate::paths::{Difference, mode_text};
use crate::system::http::{self, Url};
use crate::system::machine::utc;
use crate::system::{HttpResponse, Meta, Observe};
use windlass_protocol::args::python_text;
use windlass_protocol::http::Redirects;
use windlass_protocol::{FileKind, HttpRequest, JsonMap, Op, What};

pub use crate::system::http::mask;

/// Variables of the environment that a request may need. Those of the task come last, so that they win.
#[must_use]
pub fn variables(cx: &Context<'_>, sys: &dyn Observe) -> Vec<(String, String)> {
    const NAMES: [&str; 12] = [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HOME",
        "NETRC",
    ];
    let mut found: Vec<(String, String)> =
        NAMES.iter().filter_map(|name| sys.env(name).map(|value| ((*name).to_owned(), value))).collect();
    found.extend(cx.environment.iter().filter(|(name, _)| NAMES.contains(&name.as_str())).cloned());
    found
}

/// Headers as an operator writes them.
#[must_use]
pub fn headers(given: &JsonMap) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.clone(), python_text(value))).collect()
}

/// The given headers behind those that every request has; `since` is the age of what is there already.
#[must_use]
pub fn standard_headers(
    given: Vec<(String, String)>,
    agent: &str,
    fresh: bool,
    since: Option<i64>,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: String| {
        if !given.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            all.push((name.to_owned(), value));
        }
    };
    if !agent.is_empty() {
        add("User-Agent", agent.to_owned());
    }
    if fresh {
        add("Cache-Control", "no-cache".into());
    } else if let Some(since) = since {
        add("If-Modified-Since", http_date(since));
    }
    all.extend(given);
    all
}

/// What a module asks for whose argument may be an address: a plain download, with the credentials that the address may have.
#[must_use]
pub fn download(address: &str, validate_certs: bool, cx: &Context<'_>, sys: &dyn Observe) -> HttpRequest {
    let (url, credentials) = split_credentials(address, None, None);
    HttpRequest {
        method: "GET".into(),
        url,
        headers: standard_headers(Vec::new(), "ansible-httpget", false, None),
        credentials,
        redirects: Redirects::Urllib,
        insecure: !validate_certs,
        timeout_ms: 10_000,
        use_proxy: true,
        use_netrc: true,
        variables: variables(cx, sys),
        ..HttpRequest::default()
    }
}

/// Downloads an address into a file of the agent's private folder.
///
/// # Errors
/// If there is no answer, or another than 200.
pub fn fetch(
    address: &str,
    validate_certs: bool,
    path: &str,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<(), ModuleError> {
    let request =
        HttpRequest { save_to: Some(path.to_owned()), ..download(address, validate_certs, cx, sys) };
    let failed = |text: String| ModuleError::new(format!("Failure downloading {}, {text}", mask(address)));
    let response = sys.http(&request).map_err(|error| failed(error.message()))?;
    if response.status == 200 { Ok(()) } else { Err(failed(message(&response))) }
}

/// The address without credentials, and the credentials: those given, else those of the address.
#[must_use]
pub fn split_credentials(
    url: &str,
    user: Option<&str>,
    password: Option<&str>,
) -> (String, Option<(String, String)>) {
    let given =
        user.filter(|u| !u.is_empty()).map(|user| (user.to_owned(), password.unwrap_or_default().to_owned()));
    match Url::parse(url) {
        Ok(parsed) => (parsed.text(), given.or(parsed.credentials)),
        Err(_) => (url.to_owned(), given),
    }
}

/// `OK (12 bytes)`, or `HTTP Error 404: Not Found`.
#[must_use]
pub fn message(response: &HttpResponse) -> String {
    if response.redirect_loop {
        return format!(
            "HTTP Error {}: The HTTP server returned a redirect error that would lead to an infinite loop.\n\
             The last 30x error message was:\n{}",
            response.status, response.reason
        );
    }
    if response.status / 100 == 2 {
        let length = response.header("content-length").unwrap_or_else(|| "unknown".into());
        format!("OK ({length} bytes)")
    } else {
        format!("HTTP Error {}: {}", response.status, response.reason)
    }
}

/// The name that an answer gives its file: by `Content-Disposition`, or by its address.
#[must_use]
pub fn filename_of(response: &HttpResponse) -> Option<String> {
    let named = response.header("content-disposition").and_then(|header| disposition_name(&header));
    let from_url = || {
        let path = response.url.split(['?', '#']).next().unwrap_or_default();
        safe_name(&http::unquote(http::basename(path.trim_end_matches('/'))))
    };
    named.or_else(from_url)
}

/// The file name of a `Content-Disposition` header, without any folders.
#[must_use]
pub fn disposition_name(header: &str) -> Option<String> {
    let (_, rest) = header.split_once(';')?;
    let mut plain = None;
    for (name, value) in http::parameters(rest) {
        match name.as_str() {
            "filename*" => return safe_name(&http::unquote(value.rsplit('\'').next().unwrap_or_default())),
            "filename" => plain = safe_name(&value),
            _ => {}
        }
    }
    plain
}

fn safe_name(text: &str) -> Option<String> {
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let good = !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
    good.then(|| name.to_owned())
}

/// Plans to set what differs from the wish.
pub fn plan_attributes(plan: &mut Plan, path: &str, meta: &Meta, difference: &Difference, sys: &dyn Observe) {
    let attrs = difference.attrs.clone();
    if attrs.is_empty() {
        return;
    }
    let name = |uid: Option<u32>, old: u32| {
        let id = uid.unwrap_or(old);
        sys.user_by_id(id).map_or_else(|| id.to_string(), |user| user.name)
    };
    let group = |gid: Option<u32>, old: u32| {
        let id = gid.unwrap_or(old);
        sys.group_by_id(id).map_or_else(|| id.to_string(), |group| group.name)
    };
    let text =
        |mode: u32, uid, gid| format!("{} {}:{}", mode_text(mode), name(uid, meta.uid), group(gid, meta.gid));
    let what = What::AttributesSet {
        path: path.to_owned(),
        before: text(meta.mode, None, None),
        after: text(attrs.mode.unwrap_or(meta.mode), attrs.uid, attrs.gid),
    };
    plan.push(what, Op::SetAttrs { path: path.to_owned(), attrs, follow: meta.kind != FileKind::Link });
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let t = utc(seconds);
    let (week, month) = (DAYS[t.weekday as usize % 7], MONTHS[(t.month as usize + 11) % 12]);
    format!("{week}, {:02} {month} {} {:02}:{:02}:{:02} GMT", t.day, t.year, t.hour, t.minute, t.second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
    }

    #[test]
    fn file_names_have_no_folders() {
        assert_eq!(disposition_name("attachment; filename=\"../../etc/x.txt\"").as_deref(), Some("x.txt"));
        assert_eq!(
            disposition_name("attachment; filename*=UTF-8''na%20me; filename=x").as_deref(),
            Some("na me")
        );
        assert_eq!(disposition_name("inline"), None);
        assert_eq!(disposition_name("attachment; filename=\"..\""), None);
        let of = |url: &str| filename_of(&HttpResponse { url: url.into(), ..HttpResponse::default() });
        assert_eq!(of("http://h/a/b%20c.txt?x").as_deref(), Some("b c.txt"));
        assert_eq!(of("http://h/"), None);
        assert_eq!(of("http://h/%2e%2e"), None);
        assert_eq!(of("http://h/a%2fb").as_deref(), Some("b"));
    }
}
