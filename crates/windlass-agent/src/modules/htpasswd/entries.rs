//! The lines of a password file. Comments, empty lines and anything else that is not an entry stay where they are.

/// A password file.
pub(super) struct Entries {
    lines: Vec<Vec<u8>>,
}

impl Entries {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        Self { lines }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for line in &self.lines {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out
    }

    /// User and hash of a line, if it is an entry.
    fn entry(line: &[u8]) -> Option<(&str, &str)> {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        if line.starts_with('#') {
            return None;
        }
        line.split_once(':')
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().filter_map(|l| Self::entry(l)).find(|(n, _)| *n == name).map(|(_, hash)| hash)
    }

    /// Replaces the entry in its place, or adds one at the end. What follows the hash (a comment field) goes.
    pub(super) fn set(&mut self, name: &str, hash: &str) {
        let line = format!("{name}:{hash}").into_bytes();
        let is_it = |l: &Vec<u8>| Self::entry(l).is_some_and(|(n, _)| n == name);
        match self.lines.iter().position(is_it) {
            Some(index) => self.lines[index] = line,
            None => self.lines.push(line),
        }
    }

    /// Removes all entries of that user; false if there was none.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let count = self.lines.len();
        self.lines.retain(|l| Self::entry(l).is_none_or(|(n, _)| n != name));
        self.lines.len() != count
    }

    /// The text with each hash replaced by what `mark` gives for user and hash.
    pub(super) fn masked(&self, mark: impl Fn(&str, &str) -> &'static str) -> String {
        let mut out = String::new();
        for line in &self.lines {
            match Self::entry(line) {
                Some((name, hash)) => out.push_str(&format!("{name}:{}", mark(name, hash))),
                // Something else may hold a hash too: a comment is shown, the rest is not.
                None if line.starts_with(b"#") || line.is_empty() => {
                    out.push_str(&String::from_utf8_lossy(line));
                }
                None => out.push_str("(not an entry)"),
            }
            out.push('\n');
        }
        out
    }
}
