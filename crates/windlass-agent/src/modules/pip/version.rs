//! Versions of Python packages and the specifiers that compare them (PEP 440).

use std::cmp::Ordering;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    epoch: u64,
    release: Vec<u64>,
    /// `a`, `b`, `c` with a number.
    pre: Option<(char, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Vec<LocalPart>,
}

/// A part of what stands behind the `+`. A number is above a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum LocalPart {
    Text(String),
    Number(u64),
}

impl LocalPart {
    fn of(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl Version {
    /// Reads a version; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) if !local.is_empty() => (public, local),
            Some(_) => return None,
            None => (text, ""),
        };
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, public),
        };
        let mut rest = rest;
        let mut release = vec![take_number(&mut rest)?];
        while let Some(after) = rest.strip_prefix('.') {
            let mut after = after;
            let Some(number) = take_number(&mut after) else { break };
            release.push(number);
            rest = after;
        }
        let mut version = Self { epoch, release, pre: None, post: None, dev: None, local: Vec::new() };
        if let Some(after) = take_word(rest, &["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"]) {
            let kind = match after.0 {
                "alpha" | "a" => 'a',
                "beta" | "b" => 'b',
                _ => 'c',
            };
            rest = after.1;
            version.pre = Some((kind, take_suffix_number(&mut rest)));
        }
        if let Some(after) = take_word(rest, &["post", "rev", "r"]) {
            rest = after.1;
            version.post = Some(take_suffix_number(&mut rest));
        } else if let Some(mut after) = rest.strip_prefix('-')
            && let Some(number) = take_number(&mut after)
        {
            rest = after;
            version.post = Some(number);
        }
        if let Some(after) = take_word(rest, &["dev"]) {
            rest = after.1;
            version.dev = Some(take_suffix_number(&mut rest));
        }
        if !rest.is_empty() {
            return None;
        }
        let parts = local.split(['.', '-', '_']).filter(|p| !p.is_empty());
        version.local = parts.map(LocalPart::of).collect();
        Some(version)
    }

    fn public(&self) -> Self {
        Self { local: Vec::new(), ..self.clone() }
    }

    fn part(&self, index: usize) -> u64 {
        self.release.get(index).copied().unwrap_or(0)
    }

    fn same_prefix(&self, other: &Self, length: usize) -> bool {
        self.epoch == other.epoch && (0..length).all(|i| self.part(i) == other.part(i))
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.release.len().max(other.release.len());
        let releases = (0..length).map(|i| self.part(i).cmp(&other.part(i))).find(|o| o.is_ne());
        // A development release of a final release comes before its previews, and those before it.
        let pre = |v: &Self| match v.pre {
            Some((kind, number)) => (1, kind, number),
            None if v.post.is_none() && v.dev.is_some() => (0, 'a', 0),
            None => (2, 'a', 0),
        };
        let post = |v: &Self| v.post.map_or((0, 0), |n| (1, n));
        let dev = |v: &Self| v.dev.map_or((1, 0), |n| (0, n));
        self.epoch
            .cmp(&other.epoch)
            .then(releases.unwrap_or(Ordering::Equal))
            .then_with(|| pre(self).cmp(&pre(other)))
            .then_with(|| post(self).cmp(&post(other)))
            .then_with(|| dev(self).cmp(&dev(other)))
            // More parts are above fewer.
            .then_with(|| self.local.cmp(&other.local))
    }
}

fn take_number(text: &mut &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    *text = &text[end..];
    Some(number)
}

/// The number behind a word such as `rc`, with an optional separator; none is zero.
fn take_suffix_number(text: &mut &str) -> u64 {
    let mut after = text.trim_start_matches(['.', '-', '_']);
    match take_number(&mut after) {
        Some(number) => {
            *text = after;
            number
        }
        None => 0,
    }
}

fn take_word<'a, 'w>(text: &'a str, words: &[&'w str]) -> Option<(&'w str, &'a str)> {
    let text = text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    words.iter().find_map(|word| text.strip_prefix(word).map(|rest| (*word, rest)))
}

/// One comparison, such as `>=1.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Specifier {
    operator: &'static str,
    version: String,
}

impl Specifier {
    /// Reads a comparison; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        let text = text.trim();
        let (operator, version) =
            OPERATORS.iter().find_map(|op| text.strip_prefix(op).map(|rest| (*op, rest.trim())))?;
        let wildcard = version.strip_suffix(".*").filter(|_| matches!(operator, "==" | "!="));
        if operator != "===" {
            let version = Version::parse(wildcard.unwrap_or(version))?;
            if operator == "~=" && version.release.len() < 2 {
                return None;
            }
        }
        Some(Self { operator, version: version.to_owned() })
    }

    /// Whether a version fits. Previews are let in.
    pub(super) fn contains(&self, text: &str) -> bool {
        if self.operator == "===" {
            return self.version.eq_ignore_ascii_case(text.trim());
        }
        let Some(found) = Version::parse(text) else { return false };
        if let Some(prefix) = self.version.strip_suffix(".*") {
            let Some(prefix) = Version::parse(prefix) else { return false };
            let same = found.same_prefix(&prefix, prefix.release.len());
            return same == (self.operator == "==");
        }
        let Some(wanted) = Version::parse(&self.version) else { return false };
        // A local part counts only where the specifier has one.
        let found = if wanted.local.is_empty() { found.public() } else { found };
        let order = found.compare(&wanted);
        match self.operator {
            "==" => order.is_eq(),
            "!=" => order.is_ne(),
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            // `<1.2` lets no preview of 1.2 in, `>1.2` no post-release.
            "<" => {
                order.is_lt()
                    && (wanted.pre.is_some() || !(found.pre.is_some() && found.same_release(&wanted)))
            }
            ">" => {
                order.is_gt()
                    && (wanted.post.is_some() || !(found.post.is_some() && found.same_release(&wanted)))
            }
            "~=" => order.is_ge() && found.same_prefix(&wanted, wanted.release.len() - 1),
            _ => false,
        }
    }
}

impl Version {
    fn same_release(&self, other: &Self) -> bool {
        self.same_prefix(other, self.release.len().max(other.release.len()))
    }
}

impl std::fmt::Display for Specifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.operator, self.version)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let ordered = [
            "1.0.dev1",
            "1.0a1.dev2",
            "1.0a1",
            "1.0a2",
            "1.0b1",
            "1.0rc1",
            "1.0",
            "1.0+abc",
            "1.0+5",
            "1.0.post1.dev1",
            "1.0.post1",
            "1.1.dev1",
            "1.1",
            "1.10",
            "1!0.1",
        ];
        let parsed: Vec<Version> = ordered.iter().map(|t| Version::parse(t).unwrap()).collect();
        for (i, a) in parsed.iter().enumerate() {
            for (j, b) in parsed.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{} {}", ordered[i], ordered[j]);
            }
        }
        for (a, b) in [
            ("1", "1.0.0"),
            ("1.0-1", "1.0.post1"),
            ("v1.0-ALPHA.1", "1.0a1"),
            ("1.0c1", "1.0rc1"),
            ("1.0.r4", "1.0.post4"),
        ] {
            assert!(Version::parse(a).unwrap().compare(&Version::parse(b).unwrap()).is_eq(), "{a} {b}");
        }
        for bad in ["", "x", "1.x", "1.0+", "1..0", "1.0foo"] {
            assert!(Version::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn specifiers_let_in_what_they_say() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("==1.2", &["1.2", "1.2.0", "1.2+local"], &["1.2.1", "1.2rc1"]),
            ("==1.2.*", &["1.2", "1.2.9", "1.2rc1"], &["1.3", "1.20"]),
            ("!=1.2.*", &["1.3"], &["1.2.4"]),
            ("!=1.2", &["1.3"], &["1.2.0"]),
            ("~=2.2", &["2.2", "2.9"], &["3.0", "2.1"]),
            ("~=1.4.5", &["1.4.5", "1.4.9"], &["1.5", "1.4.4"]),
            (">1.7", &["1.7.1", "1.8"], &["1.7.0.post1", "1.7"]),
            ("<3.1", &["3.0"], &["3.1.dev0.post1", "3.1a1", "3.1"]),
            (">= 1.0", &["1.0.post1", "1.0"], &["1.0rc1"]),
            ("===1.0", &["1.0"], &["1.0.0"]),
        ];
        for (text, yes, no) in table {
            let specifier = Specifier::parse(text).unwrap();
            for version in *yes {
                assert!(specifier.contains(version), "{text} lets {version} in");
            }
            for version in *no {
                if Version::parse(version).is_some() {
                    assert!(!specifier.contains(version), "{text} keeps {version} out");
                }
            }
        }
        for bad in ["1.0", "~=1", "=>1", ">=x", "<1.*"] {
            assert!(Specifier::parse(bad).is_none(), "{bad}");
        }
    }
}
