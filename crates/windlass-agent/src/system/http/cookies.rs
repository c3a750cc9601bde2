//! The cookies of one call: those that an answer sets go along with the next request to the same host.

use super::url::Url;

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    secure: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<Cookie>);

impl Cookies {
    /// Keeps what a `Set-Cookie` header says. Domains other than the host itself are not believed.
    pub(super) fn set(&mut self, header: &str, url: &Url) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
        let mut cookie = Cookie { name, value, host: url.host.clone(), path: "/".into(), secure: false };
        let mut gone = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.trim().to_owned(),
                "max-age" => gone = value.trim().parse::<i64>().is_ok_and(|age| age <= 0),
                "secure" => cookie.secure = true,
                _ => {}
            }
        }
        self.0.retain(|c| (&c.name, &c.host, &c.path) != (&cookie.name, &cookie.host, &cookie.path));
        if !gone {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for a request.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let fits = |c: &&Cookie| {
            c.host == url.host && (!c.secure || url.secure) && url.path().starts_with(c.path.as_str())
        };
        let pairs: Vec<String> =
            self.0.iter().filter(fits).map(|c| format!("{}={}", c.name, c.value)).collect();
        if pairs.is_empty() { None } else { Some(pairs.join("; ")) }
    }

    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|c| (c.name.clone(), c.value.clone())).collect()
    }
}
