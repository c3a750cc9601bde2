//! Host patterns: `web:&prod:!db1`, `db*`, `~web\d+`, `web[0:2]`, ...

use std::collections::HashSet;

use fancy_regex::Regex;
use indexmap::IndexSet;
use windlass_agent::text::Fnmatch;
use windlass_yaml::diagnostic::Diagnostic;

use super::error::PatternError;
use super::model::Inventory;
use super::rules::Mismatch;
use super::{HostName, LOCALHOST, address};

/// Splits what was written for several patterns into single ones, at commas, or else at colons where those are no
/// part of an address or a range.
pub fn split_patterns(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains(',') {
        text.split(',').collect()
    } else if address::parse(text).is_some() {
        vec![text]
    } else {
        split_at_colons(text)
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The pieces of anything but blanks, colons and brackets, where a bracket that is closed belongs to its piece.
fn split_at_colons(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { break };
        let closed = rest.find(']').filter(|_| c == '[');
        if let Some(close) = closed {
            at += close + 1;
        } else if c.is_whitespace() || matches!(c, ':' | '[' | ']') {
            out.push(&text[start..at]);
            at += c.len_utf8();
            start = at;
        } else {
            at += c.len_utf8();
        }
    }
    out.push(&text[start..]);
    out
}

impl Inventory {
    /// The hosts that a pattern means, in the order of the inventory, cut down to those that a limit (`--limit`) names as
    /// well.
    ///
    /// A pattern that matches nothing is no error: it leaves a warning (see [`Inventory::take_warnings`]).
    pub fn match_pattern(&self, pattern: &str, subset: Option<&str>) -> Result<Vec<HostName>, PatternError> {
        let hosts = self.evaluate(&split_patterns(pattern))?;
        let Some(subset) = subset else { return Ok(hosts.into_iter().collect()) };
        let limit = self.evaluate(&limit_patterns(subset)?)?;
        Ok(hosts.into_iter().filter(|host| limit.contains(host)).collect())
    }

    fn evaluate(&self, patterns: &[String]) -> Result<IndexSet<HostName>, PatternError> {
        let kind = |first: char| patterns.iter().filter(move |pattern| pattern.starts_with(first));
        let mut hosts: IndexSet<HostName> = IndexSet::new();
        let mut regular = patterns.iter().filter(|p| !p.is_empty() && !p.starts_with(['&', '!'])).peekable();
        if regular.peek().is_none() {
            hosts.extend(self.one("all")?);
        }
        for pattern in regular {
            if self.hosts.contains_key(pattern) {
                hosts.insert(pattern.clone());
            } else {
                hosts.extend(self.one(pattern)?);
            }
        }
        for pattern in kind('&') {
            let those: HashSet<HostName> = self.one(&pattern[1..])?.into_iter().collect();
            hosts.retain(|host| those.contains(host));
        }
        for pattern in kind('!') {
            let those: HashSet<HostName> = self.one(&pattern[1..])?.into_iter().collect();
            hosts.retain(|host| !those.contains(host));
        }
        Ok(hosts)
    }

    /// The hosts of one pattern without its `&` or `!`.
    fn one(&self, pattern: &str) -> Result<Vec<HostName>, PatternError> {
        let (expression, subscript) = split_subscript(pattern);
        if subscript.is_some_and(|subscript| subscript.is_old(pattern)) {
            self.warn(Diagnostic::warning(
                "Use [x:y] inclusive subscripts instead of [x-y] which has been removed",
            ));
        }
        let hosts = self.enumerate(expression)?;
        match subscript {
            Some(subscript) if !hosts.is_empty() => subscript
                .apply(hosts)
                .map_err(|count| PatternError::Subscript { pattern: pattern.to_owned(), count }),
            _ => Ok(hosts),
        }
    }

    fn enumerate(&self, pattern: &str) -> Result<Vec<HostName>, PatternError> {
        if pattern.is_empty() {
            return Ok(Vec::new());
        }
        let matcher = Matcher::new(pattern)?;
        let mut out: IndexSet<HostName> = IndexSet::new();
        let groups = matcher.among(self.groups.keys(), |name| self.groups.contains_key(name));
        for group in &groups {
            out.extend(self.group_hosts(group).into_iter().map(str::to_owned));
        }
        if groups.is_empty() || pattern.starts_with('~') || pattern.contains(['.', '?', '*', '[']) {
            let hosts = matcher.among(self.hosts.keys(), |name| self.hosts.contains_key(name));
            out.extend(hosts.into_iter().map(str::to_owned));
        }
        if out.is_empty() && LOCALHOST.contains(&pattern) {
            out.extend(self.localhost(pattern));
        }
        if out.is_empty() && groups.is_empty() && pattern != "all" && self.rules.mismatch != Mismatch::Ignore
        {
            if self.rules.mismatch == Mismatch::Error {
                return Err(PatternError::Mismatch(pattern.to_owned()));
            }
            let mut warning =
                Diagnostic::warning(format!("Could not match supplied host pattern, ignoring: {pattern}"));
            if let Some(near) = self.similar(pattern) {
                warning = warning.hint(format!("did you mean `{near}`?"));
            }
            self.warn(warning);
        }
        Ok(out.into_iter().collect())
    }

    /// The group or host whose name is most like a word.
    fn similar(&self, word: &str) -> Option<&str> {
        let most = (word.chars().count() / 3).max(1);
        let names = self.groups.keys().chain(self.hosts.keys()).map(String::as_str);
        names
            .map(|name| (strsim::damerau_levenshtein(name, word), name))
            .filter(|(distance, _)| *distance <= most)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }
}

/// The patterns of a limit; `@file` stands for the lines of a file.
fn limit_patterns(limit: &str) -> Result<Vec<String>, PatternError> {
    let mut out = Vec::new();
    for part in split_patterns(limit) {
        match part.strip_prefix('@') {
            None => out.push(part),
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| PatternError::LimitFile {
                    file: file.to_owned(),
                    reason: crate::playbook::problems::reason_of(&error),
                })?;
                out.extend(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
            }
        }
    }
    Ok(out)
}

/// How names are compared with a pattern.
enum Matcher<'p> {
    /// A plain name.
    Name(&'p str),
    All,
    Wildcard(Fnmatch),
    Regex(Box<Regex>),
}

impl<'p> Matcher<'p> {
    fn new(pattern: &'p str) -> Result<Self, PatternError> {
        let source = match pattern.strip_prefix('~') {
            // Python matches from the start, and need not reach the end.
            Some(regex) => format!("^(?:{regex})"),
            None if pattern == "*" => return Ok(Self::All),
            None if pattern.contains(['*', '?', '[']) => return Ok(Self::Wildcard(Fnmatch::new(pattern))),
            None => return Ok(Self::Name(pattern)),
        };
        match Regex::new(&source) {
            Ok(regex) => Ok(Self::Regex(Box::new(regex))),
            Err(error) => Err(PatternError::Invalid {
                pattern: pattern.to_owned(),
                reason: error.to_string().replace('\n', " "),
            }),
        }
    }

    /// Those of the names that match.
    fn among<'n>(&self, names: impl Iterator<Item = &'n String>, known: impl Fn(&str) -> bool) -> Vec<&'n str>
    where
        'p: 'n,
    {
        match self {
            Self::Name(name) => {
                if known(name) {
                    vec![*name]
                } else {
                    Vec::new()
                }
            }
            Self::All => names.map(String::as_str).collect(),
            Self::Wildcard(wanted) => names.map(String::as_str).filter(|name| wanted.matches(name)).collect(),
            Self::Regex(regex) => {
                names.map(String::as_str).filter(|name| regex.is_match(name).unwrap_or(false)).collect()
            }
        }
    }
}

/// Whether a text matches a shell wildcard, by the rules of Python's `fnmatch`.
pub(crate) fn is_like(text: &str, wildcard: &str) -> bool {
    Fnmatch::new(wildcard).matches(text)
}

/// `[3]`, `[-1]`, `[0:2]` or `[1:]` behind a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscript {
    One(i64),
    /// Both ends belong to it.
    Range(usize, Option<usize>),
}

impl Subscript {
    /// Whether a range was written `[0-2]`.
    fn is_old(self, pattern: &str) -> bool {
        let inner = pattern.rsplit_once('[').map_or("", |(_, inner)| inner);
        !inner.starts_with('-') && inner.contains('-')
    }

    /// The hosts, or how many there are if there is none at that place.
    fn apply(self, mut hosts: Vec<HostName>) -> Result<Vec<HostName>, usize> {
        let count = hosts.len();
        match self {
            Self::One(index) => {
                let size = i64::try_from(count).unwrap_or(i64::MAX);
                let index = if index < 0 { size.saturating_add(index) } else { index };
                match usize::try_from(index) {
                    Ok(index) if index < count => Ok(vec![hosts.swap_remove(index)]),
                    _ => Err(count),
                }
            }
            Self::Range(from, to) => {
                let end = to.map_or(count, |to| to.saturating_add(1).min(count));
                Ok(if from < end { hosts.drain(from..end).collect() } else { Vec::new() })
            }
        }
    }
}

fn split_subscript(pattern: &str) -> (&str, Option<Subscript>) {
    let split = || {
        if pattern.starts_with('~') {
            return None;
        }
        let (head, inner) = pattern.strip_suffix(']')?.rsplit_once('[')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let subscript = if digits(inner.strip_prefix('-').unwrap_or(inner)) {
            Subscript::One(inner.parse().ok()?)
        } else {
            let (from, to) = inner.split_once([':', '-'])?;
            if !digits(from) || !(to.is_empty() || digits(to)) {
                return None;
            }
            // As in Ansible, an end of 0 is no end that can be told apart from a single index.
            match to.parse::<usize>() {
                Ok(0) => Subscript::One(from.parse().ok()?),
                Ok(to) => Subscript::Range(from.parse().ok()?, Some(to)),
                Err(_) if to.is_empty() => Subscript::Range(from.parse().ok()?, None),
                Err(_) => return None,
            }
        };
        (!head.is_empty()).then_some((head, subscript))
    };
    match split() {
        Some((head, subscript)) => (head, Some(subscript)),
        None => (pattern, None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::Secrets;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn inventory() -> Inventory {
        let mut out = Inventory::empty(&Arc::new(Secrets::none()));
        for (group, hosts) in [
            ("web", &["web1", "web2", "web3"][..]),
            ("db", &["db1", "db2"]),
            ("prod", &["web1", "web2", "db1"]),
            ("empty", &[]),
        ] {
            out.add_group(group).unwrap();
            for host in hosts {
                out.add_host(host, Some(group)).unwrap();
            }
        }
        out.add_group("site").unwrap();
        out.add_child("site", "web").unwrap();
        out.add_child("site", "db").unwrap();
        out.add_host("lone.example.org", None).unwrap();
        out.reconcile();
        out
    }

    #[track_caller]
    fn check(pattern: &str, expected: &[&str]) {
        assert_eq!(inventory().match_pattern(pattern, None).unwrap(), expected, "{pattern}");
    }

    #[test]
    fn patterns() {
        check("all", &["lone.example.org", "web1", "web2", "db1", "web3", "db2"]);
        check("*", &["lone.example.org", "web1", "web2", "db1", "web3", "db2"]);
        check("web", &["web1", "web2", "web3"]);
        check("web1", &["web1"]);
        check("ungrouped", &["lone.example.org"]);
        check("site", &["web1", "web2", "web3", "db1", "db2"]);
        check("web:db", &["web1", "web2", "web3", "db1", "db2"]);
        check("db,web1", &["db1", "db2", "web1"]);
        check("web:&prod", &["web1", "web2"]);
        check("site:&prod:!db1", &["web1", "web2"]);
        check("!web", &["lone.example.org", "db1", "db2"]);
        check("&prod", &["web1", "web2", "db1"]);
        check("web*", &["web1", "web2", "web3"]);
        check("*1", &["web1", "db1"]);
        check("web?", &["web1", "web2", "web3"]);
        check("[wd]*2", &["web2", "db2"]);
        check("[!w]*2", &["db2"]);
        check("~web[12]", &["web1", "web2"]);
        check("~(web|db)1$", &["web1", "db1"]);
        check("*.example.org", &["lone.example.org"]);
        check("empty", &[]);
        check("localhost", &["localhost"]);
        check("localhost,web1", &["localhost", "web1"]);
    }

    #[test]
    fn subscripts() {
        check("web[0]", &["web1"]);
        check("web[-1]", &["web3"]);
        check("web[0:1]", &["web1", "web2"]);
        check("web[1:]", &["web2", "web3"]);
        check("web[1-2]", &["web2", "web3"]);
        check("web[5:9]", &[]);
        check("site[2:3]:!web3", &["db1"]);
        check("web:!web[0]", &["web2", "web3"]);
        let error = inventory().match_pattern("web[7]", None).unwrap_err();
        assert_eq!(error.to_string(), "the host pattern `web[7]` asks for more than the 3 hosts there are");
    }

    #[test]
    fn limits() {
        let inventory = inventory();
        assert_eq!(inventory.match_pattern("all", Some("web:!web1")).unwrap(), ["web2", "web3"]);
        assert_eq!(inventory.match_pattern("db", Some("web")).unwrap(), [""; 0]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "db2\n\nweb[0]\n").unwrap();
        let limit = format!("@{}", file.path().display());
        assert_eq!(inventory.match_pattern("all", Some(&limit)).unwrap(), ["web1", "db2"]);
        assert!(matches!(
            inventory.match_pattern("all", Some("@/nonexistent")),
            Err(PatternError::LimitFile { .. })
        ));
    }

    #[test]
    fn unknown_names_warn_with_a_hint() {
        let inventory = inventory();
        assert!(inventory.match_pattern("wbe1", None).unwrap().is_empty());
        let warnings = inventory.take_warnings();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].message, "Could not match supplied host pattern, ignoring: wbe1");
        assert_eq!(warnings[0].hint.as_deref(), Some("did you mean `web1`?"));
        assert!(matches!(inventory.match_pattern("~(", None), Err(PatternError::Invalid { .. })));
    }

    #[test]
    fn splitting() {
        assert_eq!(split_patterns("a,b[1], c[2:3] , d"), ["a", "b[1]", "c[2:3]", "d"]);
        assert_eq!(split_patterns("web[0:2]:db"), ["web[0:2]", "db"]);
        assert_eq!(split_patterns("::1"), ["::1"]);
        assert_eq!(split_patterns("web[1:3]"), ["web[1:3]"]);
        assert_eq!(split_patterns("a:&b:!c"), ["a", "&b", "!c"]);
    }

    proptest! {
        #[test]
        fn any_pattern_is_safe(pattern in "\\PC{0,24}") {
            let _ = inventory().match_pattern(&pattern, None);
        }

        #[test]
        fn pattern_like_text_is_safe(parts in prop::collection::vec(prop::sample::select(vec![
            "web", "db", "1", ":", ",", "&", "!", "~", "*", "?", "[", "]", "-", "0", "(", ")", ".", "all", "@", " ", "\\", "ä",
        ]), 0..16)) {
            let inventory = inventory();
            if let Ok(hosts) = inventory.match_pattern(&parts.concat(), None) {
                // No host twice, and none from nowhere.
                let unique: HashSet<&String> = hosts.iter().collect();
                prop_assert_eq!(unique.len(), hosts.len());
                prop_assert!(hosts.iter().all(|host| inventory.hosts.contains_key(host) || LOCALHOST.contains(&host.as_str())));
            }
        }

        #[test]
        fn exclusion_and_intersection_part_a_set(a in "(web|db|prod|site|all|web1|db\\*)", b in "(web|db|prod|site|all|web1|db\\*)") {
            let inventory = inventory();
            let hosts = |pattern: &str| inventory.match_pattern(pattern, None).unwrap();
            let mut parts = hosts(&format!("{a},&{b}"));
            parts.extend(hosts(&format!("{a},!{b}")));
            let mut whole = hosts(&a);
            parts.sort();
            whole.sort();
            prop_assert_eq!(parts, whole);
        }
    }
}
