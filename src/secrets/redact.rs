//! Keeping secrets out of what is printed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in the place of a secret.
pub const MASK: &str = "********";

/// Texts shorter than this are only masked where they are a whole JSON string: `a` is everywhere.
const SHORT: usize = 4;
/// A shorter piece of base64 is no evidence of anything.
const SHORT_BASE64: usize = 8;
/// Words that are secret in no file, though they may stand in an encrypted one.
const COMMON: [&str; 8] = ["true", "True", "false", "False", "null", "None", "none", "yes"];

/// Knows the secrets of a run and masks them in any text.
///
/// Shared by everything that prints; secrets may be added at any time from any thread.
#[derive(Default)]
pub struct Redactor {
    known: Mutex<Known>,
    matcher: RwLock<Option<Arc<Matcher>>>,
}

#[derive(Default)]
struct Known {
    secrets: HashSet<u64>,
    /// What to look for, and what to put there.
    patterns: Vec<(String, &'static str)>,
    seen: HashSet<String>,
    stale: bool,
    hasher: std::hash::RandomState,
}

struct Matcher {
    automaton: AhoCorasick,
    masks: Vec<&'static str>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor that knows nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Adds a secret in all the forms in which it might be printed.
    pub fn add(&self, secret: &str) {
        use std::hash::BuildHasher;
        let secret = secret.trim();
        if secret.is_empty() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = known.hasher.hash_one(secret);
        if !known.secrets.insert(hash) {
            return;
        }
        known.forms(secret);
        for line in secret.lines().map(str::trim).filter(|line| line.len() < secret.len()) {
            // A line of punctuation (`}`, `---`) says nothing.
            if line.chars().filter(|c| c.is_alphanumeric()).count() >= SHORT {
                known.forms(line);
            }
        }
    }

    /// The text with every secret masked.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(matcher) = self.matcher() else { return Cow::Borrowed(text) };
        let mut out = String::new();
        let mut done = 0;
        for found in matcher.automaton.find_iter(text) {
            out.push_str(&text[done..found.start()]);
            out.push_str(matcher.masks[found.pattern().as_usize()]);
            done = found.end();
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// Whether a text holds a secret.
    pub fn reveals(&self, text: &str) -> bool {
        self.matcher().is_some_and(|matcher| matcher.automaton.is_match(text))
    }

    fn matcher(&self) -> Option<Arc<Matcher>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.stale {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(known.patterns.iter().map(|(text, _)| text));
            if let Ok(automaton) = built {
                let masks = known.patterns.iter().map(|(_, mask)| *mask).collect();
                let matcher = Arc::new(Matcher { automaton, masks });
                *self.matcher.write().unwrap_or_else(PoisonError::into_inner) = Some(matcher);
                known.stale = false;
            }
        }
        drop(known);
        self.matcher.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    fn pattern(&mut self, text: &str, mask: &'static str) {
        if !text.is_empty() && self.seen.insert(text.to_owned()) {
            self.patterns.push((text.to_owned(), mask));
            self.stale = true;
        }
    }

    fn forms(&mut self, secret: &str) {
        let escaped = serde_json::to_string(secret).unwrap_or_default();
        if secret.chars().count() < SHORT || COMMON.contains(&secret) {
            self.pattern(&escaped, "\"********\"");
            return;
        }
        self.pattern(secret, MASK);
        let inner = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
        if inner != secret {
            self.pattern(inner, MASK);
            // JSON within JSON, as a log line holds it.
            let twice = serde_json::to_string(inner).unwrap_or_default();
            self.pattern(twice.get(1..twice.len().saturating_sub(1)).unwrap_or_default(), MASK);
        }
        // ASCII-only JSON, as other programs write it.
        if !secret.is_ascii() {
            self.pattern(&ascii_json(secret), MASK);
        }
        if secret.contains('\'') {
            self.pattern(&secret.replace('\'', "''"), MASK);
            self.pattern(&secret.replace('\'', r"'\''"), MASK);
            self.pattern(&secret.replace('\'', r#"'"'"'"#), MASK);
        }
        let encoded = percent(secret);
        if encoded != secret {
            self.pattern(&encoded, MASK);
        }
        self.base64(secret.as_bytes());
    }

    /// Base64 of the secret alone, and the part that is the same wherever it stands in a longer text (as in the
    /// `user:password` of an HTTP header).
    fn base64(&mut self, secret: &[u8]) {
        for shift in 0..3 {
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(secret);
            // Groups of three bytes become four digits; only whole groups do not depend on their neighbours.
            let from = if shift == 0 { 0 } else { 4 };
            let to = bytes.len() / 3 * 4;
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let text = engine.encode(&bytes);
                if let Some(core) = text.get(from..to)
                    && core.len() >= SHORT_BASE64
                {
                    self.pattern(core, MASK);
                }
                if shift == 0 && text.len() >= SHORT_BASE64 {
                    self.pattern(&text, MASK);
                }
            }
        }
        if let Ok(padded) =
            String::from_utf8(base64::engine::general_purpose::STANDARD.encode(secret).into_bytes())
            && padded.len() >= SHORT_BASE64
        {
            self.pattern(&padded, MASK);
        }
    }
}

fn ascii_json(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            let one = serde_json::to_string(&c).unwrap_or_default();
            out.push_str(one.get(1..one.len().saturating_sub(1)).unwrap_or_default());
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn with(secrets: &[&str]) -> Arc<Redactor> {
        let redactor = Redactor::new();
        for secret in secrets {
            redactor.add(secret);
        }
        redactor
    }

    #[test]
    fn nothing_known_costs_nothing() {
        assert!(matches!(with(&[]).redact("text"), Cow::Borrowed("text")));
        assert!(matches!(with(&["", " \n"]).redact("text"), Cow::Borrowed("text")));
    }

    #[test]
    fn everywhere_in_a_text() {
        let r = with(&["hunter2", "hunter22", "correct horse"]);
        assert_eq!(r.redact("a=hunter2 b=xhunter2x"), "a=******** b=x********x");
        assert_eq!(r.redact("hunter22"), MASK, "the longest wins");
        assert_eq!(r.redact("correct%20horse"), MASK);
        assert!(r.reveals("hunter2") && !r.reveals("hunter"));
    }

    #[test]
    fn short_ones_only_as_whole_json_strings() {
        let r = with(&["abc", "true"]);
        assert_eq!(
            r.redact("abc {\"k\": \"abc\", \"l\": \"abcd\"} true \"true\""),
            "abc {\"k\": \"********\", \"l\": \"abcd\"} true \"********\""
        );
    }

    #[test]
    fn every_line_of_a_long_one() {
        let r = with(&["-----BEGIN KEY-----\nMIIabcdef\n}\n-----END KEY-----\n"]);
        assert_eq!(r.redact("+MIIabcdef\n}"), "+********\n}");
        assert_eq!(r.redact("-----BEGIN KEY-----\nMIIabcdef\n}\n-----END KEY-----"), MASK);
        assert_eq!(
            r.redact(r#""-----BEGIN KEY-----\nMIIabcdef\n}\n-----END KEY-----\n""#),
            r#""********\n""#
        );
    }

    #[test]
    fn quoted_and_encoded_forms() {
        let r = with(&["pa\"ss\\wörd", "it's me"]);
        assert_eq!(r.redact(r#"{"p": "pa\"ss\\wörd"}"#), r#"{"p": "********"}"#);
        assert_eq!(r.redact(r#"{"p": "pa\"ss\\w\u00f6rd"}"#), r#"{"p": "********"}"#);
        assert_eq!(r.redact(r"'it'\''s me'"), "'********'");
        assert_eq!(r.redact("'it''s me'"), "'********'");
    }

    #[test]
    fn base64_at_any_offset() {
        let secret = "s3cr3t-p4ssw0rd";
        let r = with(&[secret]);
        assert_eq!(r.redact(&STANDARD.encode(secret)), MASK);
        for user in ["", "a:", "ab:", "admin:"] {
            let shown = STANDARD.encode(format!("{user}{secret}!"));
            let redacted = r.redact(&shown).into_owned();
            assert!(redacted.contains(MASK), "{user} {redacted}");
        }
    }

    #[test]
    fn threads() {
        let r = Redactor::new();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let r = &r;
                scope.spawn(move || {
                    for i in 0..20 {
                        let secret = format!("secret-{n}-{i}-x");
                        r.add(&secret);
                        assert_eq!(r.redact(&secret), MASK);
                    }
                });
            }
        });
    }
}
