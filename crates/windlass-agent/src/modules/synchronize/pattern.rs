//! rsync's patterns.

/// A pattern, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<u8>,
    /// It begins at the root.
    anchored: bool,
    /// It is for folders only.
    folders: bool,
    /// It is for whole paths, not for the last name.
    paths: bool,
    /// `folder/***`: the folder itself too.
    with_folder: bool,
    /// It has wildcards.
    wild: bool,
}

impl Pattern {
    /// Takes a pattern apart.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let anchored = text.starts_with('/');
        let text = text.strip_prefix('/').unwrap_or(text);
        let (text, with_folder) = match text.strip_suffix("/***") {
            Some(folder) => (folder, true),
            None => (text, false),
        };
        let (text, folders) = match text.strip_suffix('/') {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (text, false),
        };
        Self {
            anchored,
            folders,
            paths: anchored || text.contains('/') || text.contains("**"),
            with_folder,
            wild: text.contains(['*', '?', '[']),
            text: text.as_bytes().to_vec(),
        }
    }

    /// Whether it matches a path relative to the folder of the rule.
    #[must_use]
    pub fn matches(&self, path: &str, is_folder: bool) -> bool {
        if self.with_folder {
            // The folder itself, or anything below it.
            let below = path.match_indices('/').any(|(at, _)| self.matches_exactly(&path[..at]));
            return below || (is_folder && self.matches_exactly(path));
        }
        (is_folder || !self.folders) && self.matches_exactly(path)
    }

    fn matches_exactly(&self, path: &str) -> bool {
        if !self.paths {
            return self.fits(path.rsplit('/').next().unwrap_or(path));
        }
        if self.anchored {
            return self.fits(path);
        }
        self.fits(path) || path.match_indices('/').any(|(at, _)| self.fits(&path[at + 1..]))
    }

    fn fits(&self, text: &str) -> bool {
        if self.wild { wild(&self.text, text.as_bytes()) } else { self.text == text.as_bytes() }
    }
}

/// `*` and `?` stop at `/`, `**` does not.
fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let Some(&first) = pattern.first() else { return text.is_empty() };
    match first {
        b'*' => {
            let stars = pattern.iter().take_while(|b| **b == b'*').count();
            let rest = &pattern[stars..];
            // `a/**/b` matches `a/b` as well.
            if stars > 1 && rest.first() == Some(&b'/') && wild(&rest[1..], text) {
                return true;
            }
            let mut end = 0;
            loop {
                if wild(rest, &text[end..]) {
                    return true;
                }
                match text.get(end) {
                    None => return false,
                    Some(b'/') if stars == 1 => return false,
                    Some(_) => end += 1,
                }
            }
        }
        b'?' => matches!(text.first(), Some(byte) if *byte != b'/') && wild(&pattern[1..], &text[1..]),
        b'[' => match (class(&pattern[1..], text.first().copied()), text.is_empty()) {
            (Some((true, length)), false) => wild(&pattern[1 + length..], &text[1..]),
            (Some(_), _) => false,
            // A bracket without an end is a plain sign.
            (None, _) => text.first() == Some(&b'[') && wild(&pattern[1..], &text[1..]),
        },
        b'\\' if pattern.len() > 1 => text.first() == pattern.get(1) && wild(&pattern[2..], &text[1..]),
        byte => text.first() == Some(&byte) && wild(&pattern[1..], &text[1..]),
    }
}

/// Whether a class (after its `[`) has the byte, and how long the class is with its `]`.
fn class(pattern: &[u8], byte: Option<u8>) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let start = at;
    let mut found = false;
    loop {
        match *pattern.get(at)? {
            b']' if at > start => break,
            b'[' if pattern.get(at + 1) == Some(&b':') => {
                let end = pattern[at..].windows(2).position(|pair| pair == b":]")? + at;
                found |= byte.is_some_and(|byte| named_class(&pattern[at + 2..end], byte));
                at = end + 2;
            }
            mut low => {
                if low == b'\\' {
                    at += 1;
                    low = *pattern.get(at)?;
                }
                at += 1;
                let mut high = low;
                if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|b| *b != b']') {
                    high = pattern[at + 1];
                    at += 2;
                }
                found |= byte.is_some_and(|byte| (low..=high).contains(&byte));
            }
        }
    }
    Some(((found != negated) && byte != Some(b'/'), at + 1))
}

fn named_class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase(),
        b"lower" => byte.is_ascii_lowercase(),
        b"space" => byte.is_ascii_whitespace(),
        b"punct" => byte.is_ascii_punctuation(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_match_as_rsyncs_do() {
        for (pattern, path, folder, wanted) in [
            ("*.pyc", "a/b.pyc", false, true),
            ("*.pyc", "a/b.py", false, false),
            (".git", "x/.git", true, true),
            (".git/", "x/.git", false, false),
            (".git/", "x/.git", true, true),
            ("/.env", ".env", false, true),
            ("/.env", "a/.env", false, false),
            ("foo/bar", "x/foo/bar", false, true),
            ("foo/bar", "x/foo/z/bar", false, false),
            ("foo/*", "foo/a", false, true),
            ("foo/*", "foo/a/b", false, false),
            ("foo/**", "foo/a/b", false, true),
            ("**/cache", "a/b/cache", true, true),
            ("a/**/b", "a/b", false, true),
            ("a/**/b", "a/x/y/b", false, true),
            ("data/***", "data", true, true),
            ("data/***", "data/x/y", false, true),
            ("data/***", "other", true, false),
            ("[a-c]?", "bz", false, true),
            ("[!a-c]?", "bz", false, false),
            ("[[:digit:]]", "7", false, true),
            ("a\\*", "a\\*", false, false),
            ("a\\**", "a*b", false, true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path, folder), wanted, "{pattern} on {path}");
        }
    }
}
