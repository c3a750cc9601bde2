//! Addresses of repositories.

/// An address, with the credentials taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// What git gets on its command line and writes to its configuration.
    pub(super) url: String,
    /// User and password of an address over HTTP.
    pub(super) credentials: Option<(String, String)>,
}

impl Address {
    /// Reads an address as an operator writes it. `home` replaces a leading `~`. A path becomes a `file://` address, which
    /// shallow clones need.
    pub(super) fn parse(text: &str, home: Option<&str>) -> Self {
        let text = match (text.strip_prefix('~'), home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
            _ => text.to_owned(),
        };
        if text.starts_with('/') {
            return Self { url: format!("file://{text}"), credentials: None };
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(s, _)| matches!(*s, "http" | "https"))
        else {
            return Self { url: text, credentials: None };
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let Some((user, host)) = authority.rsplit_once('@') else {
            return Self { url: text, credentials: None };
        };
        // A user without a password may be a token, which is a secret just the same.
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let credentials = Some((unquote(name), unquote(password)));
        Self { url: format!("{scheme}://{host}{path}"), credentials }
    }
}

/// Replaces `%41` by `A`.
fn unquote(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes.get(index + 1..index + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.filter(|_| bytes[index] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                index += 3;
            }
            None => {
                out.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let parse = |text| {
            let address = Address::parse(text, Some("/home/me"));
            (address.url, address.credentials)
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(
            parse("https://u:p%40ss@host:8443/a/b.git"),
            ("https://host:8443/a/b.git".into(), pair("u", "p@ss"))
        );
        assert_eq!(parse("https://token@host/a"), ("https://host/a".into(), pair("token", "")));
        assert_eq!(parse("https://host/a@b"), ("https://host/a@b".into(), None));
        assert_eq!(parse("git@host:a/b.git"), ("git@host:a/b.git".into(), None));
        assert_eq!(parse("ssh://git@host/a"), ("ssh://git@host/a".into(), None));
        assert_eq!(parse("/srv/a.git"), ("file:///srv/a.git".into(), None));
        assert_eq!(parse("~/a.git"), ("file:///home/me/a.git".into(), None));
        assert_eq!(parse("~x"), ("~x".into(), None));
    }
}
