//! What in texts is particular to a side, a moment or chance, and is given a common name.

use fancy_regex::Regex;

/// Patterns, and what stands for them.
const PATTERNS: &[(&str, &str)] = &[
    (r"/(root|home/\w+|var/tmp)/(\.ansible/tmp/)?ansible-(tmp|moduletmp)-[^/'\x22 ]+", "SCRATCH"),
    (r"/(root|home/\w+)/\.cache/windlass/[^/'\x22 ]+", "SCRATCH"),
    (r"(FOLDER/home/tmp/ansible-local-[^/\s]+/[^/\s]+|STAGE/templates)/(?=page)", "TEMPLATES/"),
    (r"(start|stop)_time=\[[^\]]*\]", "time"),
    (r"\bpid=\d+", "pid"),
    (r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", ".BACKUP"),
    (r"/proc/\d+/", "/proc/PID/"),
    // Of `tempfile`.
    (r"/srv/(twin-|ansible\.)\w{8}(\.twin)?", "/srv/TEMPORARY"),
    // The key with which hosts are entered, and salted hashes.
    (r"ssh-ed25519 \S+ windlass-test", "KEY"),
    (r"\$(y|apr1)\$[^:\s]*", "HASH"),
    // The head of a crontab.
    (r"(?m)^# \(\S+ installed on .*\)$", "# INSTALLED"),
];

/// The words of a side.
pub struct Words {
    own: Vec<(String, &'static str)>,
    patterns: Vec<(Regex, &'static str)>,
}

impl Words {
    /// `own`: texts that only this side has, and their common names.
    pub fn new(own: Vec<(String, &'static str)>) -> Self {
        let patterns = PATTERNS.iter().map(|(pattern, name)| (Regex::new(pattern).unwrap(), *name)).collect();
        Self { own, patterns }
    }

    /// The text with common names.
    pub fn level(&self, text: &str) -> String {
        let text = self.own.iter().fold(text.to_owned(), |text, (own, name)| text.replace(own, name));
        self.patterns
            .iter()
            .fold(text, |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
    }
}
