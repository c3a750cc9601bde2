//! Addresses.

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum UrlError {
    /// No scheme.
    #[error("unknown url type: '{0}'")]
    Relative(String),
    /// A scheme that is not spoken here.
    #[error("Request failed: <urlopen error unknown url type: {0}>")]
    Scheme(String),
    /// No host.
    #[error("Request failed: <urlopen error no host given>")]
    Host,
    /// A port that is none.
    #[error("nonnumeric port: '{0}'")]
    Port(String),
    /// Blanks and control characters would end the request line.
    #[error("URL can't contain control characters. '{0}' (found at least one)")]
    Control(String),
}

/// An address over HTTP, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `https` and not `http`.
    pub secure: bool,
    /// User and password, decoded.
    pub credentials: Option<(String, String)>,
    /// Name or address, in lower case, without the brackets of IPv6.
    pub host: String,
    /// The port, the usual one if none is written.
    pub port: u16,
    /// Path and query, at least `/`.
    pub target: String,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UrlError::Relative(mask(text)))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        if target.bytes().chain(authority.bytes()).any(|b| b <= b' ' || b == 0x7f) {
            return Err(UrlError::Control(mask(text)));
        }
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let credentials = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (unquote(name), unquote(password))
        });
        let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':').unwrap_or_default()),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        let port = match port {
            "" if secure => 443,
            "" => 80,
            text => text.parse().map_err(|_| UrlError::Port(text.to_owned()))?,
        };
        // Letters beyond ASCII are sent as the bytes of their UTF-8.
        let target = target
            .bytes()
            .map(|b| if b.is_ascii() { char::from(b).to_string() } else { format!("%{b:02X}") });
        Ok(Self { secure, credentials, host: host.to_ascii_lowercase(), port, target: target.collect() })
    }

    /// Host and port as they are written, the usual port left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { self.bracketed() } else { format!("{}:{}", self.bracketed(), self.port) }
    }

    /// The host, in brackets if it is an IPv6 address.
    #[must_use]
    pub fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// The whole without credentials.
    #[must_use]
    pub fn text(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.target)
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What a `Location` header means, seen from this address.
    #[must_use]
    pub fn join(&self, location: &str) -> String {
        let location = location.trim();
        let scheme = if self.secure { "https" } else { "http" };
        if location.contains("://")
            && location.split("://").next().is_some_and(|s| s.bytes().all(|b| b.is_ascii_alphanumeric()))
        {
            return location.to_owned();
        }
        if let Some(rest) = location.strip_prefix("//") {
            return format!("{scheme}://{rest}");
        }
        let base = format!("{scheme}://{}", self.authority());
        if location.starts_with('/') {
            return format!("{base}{}", without_dots(location));
        }
        if location.starts_with('?') {
            return format!("{base}{}{location}", self.path());
        }
        if location.is_empty() {
            return self.text();
        }
        let folder = &self.path()[..=self.path().rfind('/').unwrap_or(0)];
        format!("{base}{}", without_dots(&format!("{folder}{location}")))
    }
}

/// The path with `.` and `..` resolved; the query stays.
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find(['?', '#']).unwrap_or(target.len()));
    let mut parts: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (index, part) in path.split('/').enumerate().skip(1) {
        let last = index + 1 == count;
        match part {
            "." | ".." => {
                if part == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    format!("/{}{query}", parts.join("/"))
}

/// Replaces `%41` by `A`.
#[must_use]
pub fn unquote(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes.get(index + 1..index + 3).filter(|_| bytes[index] == b'%');
        let byte = hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(byte.unwrap_or(bytes[index]));
        index += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The address with stars in the place of credentials.
#[must_use]
pub fn mask(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("{scheme}://****:****@{host}{tail}"),
        Some((_, host)) => format!("{scheme}://****@{host}{tail}"),
        None => text.to_owned(),
    }
}

/// The last part of the path of an address; empty if the path ends in a slash.
#[must_use]
pub fn basename(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    match path.split_once('/') {
        Some((_, path)) => path.rsplit('/').next().unwrap_or_default(),
        None => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts() {
        let url = Url::parse("https://me:p%40ss@Example.org:8443/a/b?q=1#part").unwrap();
        assert_eq!(url.credentials, Some(("me".into(), "p@ss".into())));
        assert_eq!((url.host.as_str(), url.port, url.target.as_str()), ("example.org", 8443, "/a/b?q=1"));
        assert_eq!(url.text(), "https://example.org:8443/a/b?q=1");
        let url = Url::parse("http://[::1]:80?x").unwrap();
        assert_eq!(
            (url.host.as_str(), url.target.as_str(), url.authority().as_str()),
            ("::1", "/?x", "[::1]")
        );
        assert_eq!(Url::parse("http://host/ü").unwrap().target, "/%C3%BC");
    }

    #[test]
    fn mistakes() {
        let error = |text| Url::parse(text).unwrap_err().to_string();
        assert_eq!(error("/path"), "unknown url type: '/path'");
        assert_eq!(error("ftp://x/y"), "Request failed: <urlopen error unknown url type: ftp>");
        assert_eq!(error("http:///x"), "Request failed: <urlopen error no host given>");
        assert_eq!(error("http://x:y/"), "nonnumeric port: 'y'");
        assert!(error("http://x/a b").starts_with("URL can't contain control characters."));
        assert!(Url::parse("http://x/\r\nHost: y").is_err());
    }

    #[test]
    fn locations() {
        let url = Url::parse("http://h/a/b?q").unwrap();
        for (location, wanted) in [
            ("https://o/x", "https://o/x"),
            ("//o/x", "http://o/x"),
            ("/x/../y", "http://h/y"),
            ("c", "http://h/a/c"),
            ("../c?u=http://z", "http://h/c?u=http://z"),
            ("?z", "http://h/a/b?z"),
            ("./", "http://h/a/"),
        ] {
            assert_eq!(url.join(location), wanted, "{location}");
        }
    }

    #[test]
    fn names_and_masks() {
        assert_eq!(basename("http://h/a/b.tar.gz?x=/y"), "b.tar.gz");
        assert_eq!((basename("http://h"), basename("http://h/a/")), ("", ""));
        assert_eq!(mask("https://u:p@h/x@y"), "https://****:****@h/x@y");
        assert_eq!(mask("https://u@h/x"), "https://****@h/x");
        assert_eq!(mask("https://h/x@y"), "https://h/x@y");
    }
}
