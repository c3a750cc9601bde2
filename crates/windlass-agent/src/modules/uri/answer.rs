//! An answer as return values.

use crate::system::{HttpError, HttpResponse};
use crate::web;
use windlass_protocol::modules::uri::UriArgs;
use windlass_protocol::{Json, JsonMap};

/// The return values of an answer.
pub(super) struct Described {
    pub(super) status: i64,
    pub(super) msg: String,
    pub(super) values: JsonMap,
}

pub(super) fn describe(args: &UriArgs, answer: Result<&HttpResponse, &HttpError>, elapsed: i64) -> Described {
    let asked = web::mask(&args.url);
    let mut values = JsonMap::new();
    let mut set = |key: &str, value: Json| {
        values.insert(key.to_owned(), value);
    };
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            set("redirected", false.into());
            set("url", asked.into());
            set("status", (-1).into());
            set("elapsed", elapsed.into());
            set("content", "".into());
            if !args.return_content {
                values.remove("content");
            }
            return Described { status: -1, msg: error.message(), values };
        }
    };
    let good = response.status / 100 == 2;
    // After an answer of failure the address stays the one that was asked for.
    let url = if good && response.url != plain(&args.url) { web::mask(&response.url) } else { asked.clone() };
    set("redirected", (url != asked).into());
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &response.headers {
        if !names.contains(&name.as_str()) {
            names.push(name);
            let value = response.header(name).unwrap_or_default();
            let value = if name == "location" { join(&url, &value) } else { value };
            set(&name.replace('-', "_"), value.into());
        }
    }
    let msg = web::message(response);
    if good {
        let pairs: Vec<String> = response.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        set("cookies_string", pairs.join("; ").into());
        let cookies: JsonMap =
            response.cookies.iter().map(|(n, v)| (n.clone(), Json::from(v.as_str()))).collect();
        set("cookies", cookies.into());
    }
    set("url", url.into());
    set("status", response.status.into());
    set("elapsed", elapsed.into());
    let kind = response.header("content-type").unwrap_or_default();
    let wanted = args.status_code.contains(&i64::from(response.status));
    if is_json(&kind) || args.return_content || !wanted {
        let text = decode(&response.body, &kind);
        if is_json(&kind)
            && let Ok(json) = serde_json::from_str::<Json>(&text)
        {
            set("json", json);
        }
        if args.return_content {
            set("content", text.into());
        }
    } else if !good {
        set("body", decode(&response.body, &kind).into());
    }
    Described { status: response.status.into(), msg, values }
}

/// The address as the client writes it, to see whether the answer came from another one.
fn plain(url: &str) -> String {
    crate::system::http::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.text())
}

fn join(base: &str, location: &str) -> String {
    crate::system::http::Url::parse(base).map_or_else(|_| location.to_owned(), |url| url.join(location))
}

/// Whether a content type promises JSON.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let sub = kind.split_once('/').map_or("", |(_, sub)| sub);
    let sub = sub.split_once('+').map_or(sub, |(_, suffix)| suffix);
    matches!(sub, "json" | "javascript")
}

/// The body as text, by the charset of its content type.
fn decode(body: &[u8], content_type: &str) -> String {
    let lower = content_type.to_ascii_lowercase();
    let charset =
        lower.split(';').filter_map(|p| p.trim().strip_prefix("charset=")).next().unwrap_or("utf-8");
    match charset.trim_matches(['"', ' ', '\'']) {
        "iso-8859-1" | "latin-1" | "latin1" | "us-ascii" | "iso8859-1" | "windows-1252" => {
            body.iter().map(|b| char::from(*b)).collect()
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for kind in [
            "application/json",
            "text/javascript; charset=x",
            "application/vnd.api+JSON",
            "Application/JSON,text/html",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in ["text/html", "", "json", "application/json-seq", "application/xml+x"] {
            assert!(!is_json(kind), "{kind}");
        }
        assert_eq!(decode(b"\xe4", "text/plain; charset=ISO-8859-1"), "ä");
        assert_eq!(decode("ä".as_bytes(), "text/plain"), "ä");
    }
}
