//! What an operator writes as the name of a package.

use super::version::Specifier;

/// A package to install or remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    /// What pip gets.
    pub(super) text: String,
    /// Its parts, unless it is a path, a URL or something only pip understands.
    pub(super) plain: Option<Plain>,
}

/// The parts of a requirement by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// In lower case with dashes.
    pub(super) name: String,
    pub(super) extras: Vec<String>,
    pub(super) specifiers: Vec<Specifier>,
    /// It has a condition (`; python_version < "3"`) or a URL.
    pub(super) more: bool,
}

/// A name as the package index compares names.
pub(super) fn canonical(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

impl Requirement {
    /// Reads one name, with the module's `version` if there is one.
    pub(super) fn parse(text: &str, version: Option<&str>) -> Self {
        let mut text = text.to_owned();
        if let Some(version) = version.map(str::trim_start).filter(|v| !v.is_empty()) {
            text.push_str(if version.starts_with(|c: char| c.is_ascii_digit()) { "==" } else { " " });
            text.push_str(version);
        }
        match plain(&text) {
            Some((text, plain)) => Self { text, plain: Some(plain) },
            None => Self { text, plain: None },
        }
    }

    pub(super) fn has_specifier(&self) -> bool {
        self.plain.as_ref().is_some_and(|p| !p.specifiers.is_empty())
    }
}

fn plain(text: &str) -> Option<(String, Plain)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .unwrap_or(text.len());
    let name = &text[..end];
    let edges = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !edges {
        return None;
    }
    let mut rest = text[end..].trim_start();
    let mut extras = Vec::new();
    if let Some(inner) = rest.strip_prefix('[') {
        let (list, after) = inner.split_once(']')?;
        extras = list.split(',').map(|e| e.trim().to_owned()).filter(|e| !e.is_empty()).collect();
        extras.sort();
        rest = after.trim_start();
    }
    let shown_extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    if rest.starts_with('@') {
        let plain = Plain { name: canonical(name), extras, specifiers: Vec::new(), more: true };
        return Some((text.to_owned(), plain));
    }
    let (list, condition) = match rest.split_once(';') {
        Some((list, condition)) => (list, Some(condition.trim())),
        None => (rest, None),
    };
    let list = list.trim().trim_start_matches('(').trim_end_matches(')');
    let parts = list.split(',').filter(|p| !p.trim().is_empty());
    let specifiers = parts.map(Specifier::parse).collect::<Option<Vec<_>>>()?;
    let mut shown: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
    shown.sort();
    let mut whole = format!("{name}{shown_extras}{}", shown.join(","));
    if let Some(condition) = condition {
        whole.push_str("; ");
        whole.push_str(condition);
    }
    Some((whole, Plain { name: canonical(name), extras, specifiers, more: condition.is_some() }))
}

/// Whether it is an address of a version control system.
pub(super) fn is_vcs(name: &str) -> bool {
    ["svn+", "git+", "hg+", "bzr+"].iter().any(|p| name.starts_with(p))
}

/// Puts names together again that were split at the commas of their specifiers.
pub(super) fn recover(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut in_brackets = false;
    for piece in names.iter().flat_map(|n| n.split(',')) {
        let is_specifier = piece.trim_start().starts_with(['=', '<', '>', '!', '~']);
        match out.last_mut() {
            Some(last) if is_specifier || in_brackets => {
                last.push(',');
                last.push_str(piece);
            }
            _ => out.push(piece.to_owned()),
        }
        if piece.contains('[') {
            in_brackets = true;
        }
        if piece.contains(']') {
            in_brackets = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn split_specifiers_come_together() {
        let split = names(&["django>1.11.1", "<1.11.3", "ipaddress", "simpleproject>1.1.0", "<2.0.0"]);
        assert_eq!(recover(&split), ["django>1.11.1,<1.11.3", "ipaddress", "simpleproject>1.1.0,<2.0.0"]);
        assert_eq!(recover(&names(&["foo[a", "b]>1", "bar"])), ["foo[a,b]>1", "bar"]);
        assert_eq!(recover(&names(&["foo[a,b],bar"])), ["foo[a,b]", "bar"]);
    }

    #[test]
    fn requirements_are_shown_as_pip_gets_them() {
        let shown = |text, version| Requirement::parse(text, version).text;
        assert_eq!(shown("Django > 1.11.1, <1.11.3", None), "Django<1.11.3,>1.11.1");
        assert_eq!(shown("foo[b, a]", Some("1.0")), "foo[a,b]==1.0");
        assert_eq!(shown("foo", Some(">=1.0,<2")), "foo<2,>=1.0");
        assert_eq!(shown("./local/path", None), "./local/path");
        assert_eq!(shown("git+https://host/x", None), "git+https://host/x");
        assert_eq!(shown("foo @ https://host/x.whl", None), "foo @ https://host/x.whl");
        assert!(Requirement::parse("https://host/x.whl", None).plain.is_none());
        assert!(Requirement::parse("foo @ https://host/x.whl", None).plain.is_some_and(|p| p.more));
        assert_eq!(canonical("Foo._-Bar"), "foo-bar");
    }
}
