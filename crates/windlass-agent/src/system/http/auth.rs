//! Credentials: Basic, Digest, and what `~/.netrc` knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::digest::Digest;

/// The value of an `Authorization` header of the Basic scheme.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Answers the demand of a `WWW-Authenticate` header. `None` if it asks for nothing that is spoken here.
pub(super) fn answer(
    demands: &[&str],
    user: &str,
    password: &str,
    method: &str,
    target: &str,
    nonce: &str,
) -> Option<String> {
    let of = |scheme: &str| {
        demands.iter().find_map(|d| {
            let (name, rest) = d.trim().split_once(' ').unwrap_or((d.trim(), ""));
            name.eq_ignore_ascii_case(scheme).then(|| rest.to_owned())
        })
    };
    if let Some(rest) = of("digest")
        && let Some(answer) = digest(&rest, user, password, method, target, nonce)
    {
        return Some(answer);
    }
    of("basic").map(|_| basic(user, password))
}

fn digest(demand: &str, user: &str, password: &str, method: &str, target: &str, own: &str) -> Option<String> {
    let parameters = parameters(demand);
    let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let (realm, nonce) = (get("realm")?, get("nonce")?);
    let algorithm = get("algorithm").unwrap_or("MD5");
    let hash: fn(&str) -> String = match algorithm.to_ascii_uppercase().as_str() {
        "MD5" | "MD5-SESS" => hex::<md5::Md5>,
        "SHA" => hex::<sha1::Sha1>,
        "SHA-256" | "SHA-256-SESS" => hex::<sha2::Sha256>,
        _ => return None,
    };
    let mut secret = hash(&format!("{user}:{realm}:{password}"));
    if algorithm.to_ascii_lowercase().ends_with("-sess") {
        secret = hash(&format!("{secret}:{nonce}:{own}"));
    }
    let asked = hash(&format!("{method}:{target}"));
    let quality = get("qop").filter(|q| q.split(',').any(|q| q.trim() == "auth"));
    if quality.is_none() && get("qop").is_some() {
        return None;
    }
    let response = match quality {
        Some(_) => hash(&format!("{secret}:{nonce}:00000001:{own}:auth:{asked}")),
        None => hash(&format!("{secret}:{nonce}:{asked}")),
    };
    let mut out = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", response=\"{response}\", \
         algorithm=\"{algorithm}\""
    );
    if let Some(opaque) = get("opaque") {
        out.push_str(&format!(", opaque=\"{opaque}\""));
    }
    if quality.is_some() {
        out.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{own}\""));
    }
    // A quote in a name would end the value.
    if user.contains(['"', '\r', '\n']) { None } else { Some(out) }
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name="value", name=value`, names in lower case.
#[must_use]
pub fn parameters(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', ';', '\t']).to_ascii_lowercase();
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find([',', ';']).unwrap_or(after.len())),
        };
        out.push((name, value.trim().to_owned()));
        rest = tail.trim_start_matches([',', ';', ' ', '\t']);
    }
    out
}

/// Login and password of a host in the text of a `.netrc` file.
pub(super) fn netrc(text: &str, host: &str) -> Option<(String, String)> {
    let without_comments =
        text.lines().map(|line| if line.trim_start().starts_with('#') { "" } else { line });
    let joined: Vec<&str> = without_comments.collect();
    let joined = joined.join("\n");
    let mut words = joined.split_whitespace();
    let mut matches = false;
    let (mut login, mut password) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if matches && password.is_some() {
                    break;
                }
                (login, password) = (None, None);
                matches = word == "default" || words.next() == Some(host);
            }
            "login" | "user" if matches => login = words.next().map(str::to_owned),
            "password" if matches => password = words.next().map(str::to_owned),
            _ => {}
        }
    }
    match (matches, login, password) {
        (true, Some(login), Some(password)) => Some((login, password)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_the_standard() {
        // The example of RFC 2617, section 3.5.
        let demand = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                      nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let answer = answer(&[demand], "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b");
        assert!(answer.is_some_and(|a| a.contains("response=\"6629fae49393a05397450978507c4ef1\"")));
        assert_eq!(super::answer(&["Bearer x"], "a", "b", "GET", "/", ""), None);
        assert_eq!(super::answer(&["basic realm=x"], "a", "b", "GET", "/", ""), Some("Basic YTpi".into()));
    }

    #[test]
    fn netrc_files() {
        let text = "# c\nmachine a login la password pa\nmachine b\n  login lb\n  password pb\ndefault login ld password pd";
        let pair = |l: &str, p: &str| Some((l.to_owned(), p.to_owned()));
        assert_eq!(netrc(text, "a"), pair("la", "pa"));
        assert_eq!(netrc(text, "b"), pair("lb", "pb"));
        assert_eq!(netrc(text, "c"), pair("ld", "pd"));
        assert_eq!(netrc("machine x login y", "x"), None);
    }
}
