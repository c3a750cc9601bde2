//! Keeping secrets out of what is printed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::beginnings::{Beginnings, WINDOW};

/// What stands in the place of a secret.
pub const MASK: &str = "********";

/// Texts shorter than this are only masked where they are a whole JSON string: `a` is everywhere.
const SHORT: usize = 4;
/// A shorter piece of base64 is no evidence of anything.
const SHORT_BASE64: usize = 8;
/// Words that are secret in no file, though they may stand in an encrypted one.
const COMMON: [&str; 8] = ["true", "True", "false", "False", "null", "None", "none", "yes"];
/// A longer text is known by its lines alone, and they by how they begin: looked for as a whole and in every encoding, a
/// megabyte would take a gigabyte of memory.
const LARGE: usize = 4 << 10;
/// From so many bytes of patterns on, that holds for every text,
const MANY: usize = 2 << 20;
/// and from so many on nothing is printed any more.
const TOO_MANY: usize = 4 << 20;
/// Above this a table for each state takes too much memory.
const FEW: usize = 16 << 10;

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
    /// Bytes of the patterns.
    size: usize,
    seen: HashSet<String>,
    beginnings: Arc<Beginnings>,
    stale: bool,
    hasher: std::hash::RandomState,
}

struct Matcher {
    /// `None`: there is no telling what is secret, and every line is masked.
    automaton: Option<AhoCorasick>,
    masks: Vec<&'static str>,
    beginnings: Arc<Beginnings>,
}

impl Matcher {
    fn new(known: &Known) -> Self {
        let build = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind((known.size > FEW).then_some(AhoCorasickKind::ContiguousNFA))
                .build(known.patterns.iter().map(|(text, _)| text))
        };
        Self {
            automaton: if known.size > TOO_MANY { None } else { build().ok() },
            masks: known.patterns.iter().map(|(_, mask)| *mask).collect(),
            beginnings: Arc::clone(&known.beginnings),
        }
    }

    /// Where secrets are, in order, with what is put there.
    fn find(&self, automaton: &AhoCorasick, text: &str) -> Vec<(usize, usize, &'static str)> {
        let found = automaton.find_iter(text);
        let mut found: Vec<_> =
            found.map(|m| (m.start(), m.end(), self.masks[m.pattern().as_usize()])).collect();
        let lines = self.beginnings.find(text);
        if !lines.is_empty() {
            found.extend(lines.into_iter().map(|(start, end)| (start, end, MASK)));
            found.sort_unstable_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        }
        found
    }
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

    /// Adds a secret in all the forms in which it might be printed; of a large one, its lines.
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
        let large = secret.len() > LARGE || known.size > MANY;
        if !large {
            known.forms(secret);
        }
        for line in secret.lines().map(str::trim).filter(|line| large || line.len() < secret.len()) {
            match (says(line), large) {
                (false, _) => {}
                (true, false) => known.forms(line),
                (true, true) => known.line(line),
            }
        }
    }

    /// The text with every secret masked.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(matcher) = self.matcher() else { return Cow::Borrowed(text) };
        let Some(automaton) = &matcher.automaton else { return Cow::Owned(blank(text)) };
        let found = matcher.find(automaton, text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        let mut done = 0;
        for (start, end, mask) in found {
            if start >= done {
                out.push_str(&text[done..start]);
                out.push_str(mask);
            }
            done = done.max(end);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// Whether a text holds a secret.
    pub fn reveals(&self, text: &str) -> bool {
        self.matcher().is_some_and(|matcher| match &matcher.automaton {
            Some(automaton) => automaton.is_match(text) || !matcher.beginnings.find(text).is_empty(),
            None => true,
        })
    }

    fn matcher(&self) -> Option<Arc<Matcher>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.stale {
            let matcher = Arc::new(Matcher::new(&known));
            *self.matcher.write().unwrap_or_else(PoisonError::into_inner) = Some(matcher);
            known.stale = false;
        }
        drop(known);
        self.matcher.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a text says anything: a line of punctuation (`}`, `---`) does not.
fn says(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= SHORT
}

/// A text of which nothing is shown but how many lines it has.
fn blank(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match (line.trim().is_empty(), line.ends_with('\n')) {
        (true, _) => line.to_owned(),
        (false, true) => format!("{MASK}\n"),
        (false, false) => MASK.to_owned(),
    });
    lines.collect()
}

impl Known {
    fn pattern(&mut self, text: &str, mask: &'static str) {
        if !text.is_empty() && self.size <= TOO_MANY && self.seen.insert(text.to_owned()) {
            self.size += text.len();
            self.patterns.push((text.to_owned(), mask));
            self.stale = true;
        }
    }

    /// A line of a large secret.
    fn line(&mut self, line: &str) {
        let letters = line.char_indices().filter(|(_, c)| c.is_alphanumeric()).map(|(at, _)| at);
        // From the first place on at which sixteen bytes say something.
        let telling = |at: &usize| {
            line.as_bytes().get(*at..at + WINDOW).is_some_and(|w| says(&String::from_utf8_lossy(w)))
        };
        match letters.take(LARGE).find(telling) {
            Some(at) => self.stale |= Arc::make_mut(&mut self.beginnings).add(&line[at..]),
            None if COMMON.contains(&line) => {}
            None => self.pattern(line, MASK),
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
    fn a_large_one_by_its_lines() {
        let mut text: String = (0..60_000).map(|n| format!("  key_{n}: value-{n}-of-many\n")).collect();
        text.push_str("pin: 4711\n}\n");
        assert!(text.len() > 1 << 20);
        let r = with(&[&text]);
        assert_eq!(r.redact("key_77: value-77-of-many"), MASK);
        assert_eq!(r.redact("a key_77: value-77-of-many b"), format!("a {MASK} b"));
        assert_eq!(r.redact("x pin: 4711 y\n}"), format!("x {MASK} y\n}}"));
        let all = r.redact(&text).into_owned();
        assert!(!all.contains("value-") && !all.contains("4711"), "{}", &all[..200]);
        let json = serde_json::to_string(&text[..20_000]).unwrap();
        assert!(!r.redact(&json).contains("value-1"));
        assert!(r.reveals("key_59999: value-59999-of-many") && !r.reveals("another text"));
        let known = r.known.lock().unwrap();
        assert!(known.size < 100, "no more than the short lines are patterns: {}", known.size);
    }

    #[test]
    fn one_large_line() {
        let line = "0123456789abcdef".repeat(100_000);
        let r = with(&[&line]);
        assert_eq!(r.redact(&format!("\"{line}\"")), format!("\"{MASK}\""));
    }

    #[test]
    fn nothing_is_shown_where_too_much_is_secret() {
        let r = Redactor::new();
        for n in 0..100 {
            r.add(&format!("{n}-{}", "x y\u{e9}".repeat(700)));
        }
        assert!(r.known.lock().unwrap().size > MANY);
        assert_eq!(r.redact("ok: [h1]\n"), "ok: [h1]\n");
        r.add("one more, of which the beginning is known");
        assert_eq!(r.redact("ok: one more, of which the beginning is known"), format!("ok: {MASK}"));
        for n in 0..300_000 {
            r.add(&format!("short {n:06}"));
        }
        assert!(r.known.lock().unwrap().size < TOO_MANY + 100);
        assert_eq!(r.redact("ok: [h1]\n\nchanged: [h2]\n"), format!("{MASK}\n\n{MASK}\n"));
        assert!(r.reveals("anything"));
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
