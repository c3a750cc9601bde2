//! `%` tokens, `~`, `${VARIABLES}` and times.

use super::{ConfigMistake, Machine};
use sha1::{Digest as _, Sha1};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The tokens that paths may have.
pub(super) const PATHS: &str = "CdhijkLlnpru";

/// What tokens stand for.
pub(super) struct Tokens<'a> {
    pub(super) host: &'a str,
    pub(super) original: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
    pub(super) alias: Option<&'a str>,
    pub(super) jump: &'a str,
    pub(super) machine: &'a Machine,
}

impl<'a> Tokens<'a> {
    pub(super) fn empty(machine: &'a Machine) -> Self {
        Self { host: "", original: "", port: 22, user: "", alias: None, jump: "", machine }
    }

    /// Replaces the tokens among `allowed`; any other is an error, as in OpenSSH.
    pub(super) fn expand(&self, text: &str, allowed: &str) -> Result<String, ConfigMistake> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some(letter) if allowed.contains(letter) => out.push_str(&self.value(letter)),
                Some(token) => return Err(ConfigMistake::Token { token, text: text.to_owned() }),
                None => return Err(ConfigMistake::Percent(text.to_owned())),
            }
        }
        Ok(out)
    }

    fn value(&self, letter: char) -> String {
        let short = || self.machine.hostname.split('.').next().unwrap_or_default().to_owned();
        match letter {
            'h' => self.host.to_owned(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.machine.user.clone(),
            'i' => self.machine.uid.to_string(),
            'd' => self.machine.home.display().to_string(),
            'l' => self.machine.hostname.clone(),
            'L' => short(),
            'k' => self.alias.unwrap_or(self.original).to_owned(),
            'j' => self.jump.to_owned(),
            'C' => {
                let text = format!("{}{}{}{}", self.machine.hostname, self.host, self.port, self.user);
                let digest = Sha1::digest(text.as_bytes());
                digest.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            _ => String::new(),
        }
    }
}

/// Replaces a `~` at the beginning.
pub(super) fn tilde(path: &Path, machine: &Machine) -> PathBuf {
    let Some(text) = path.to_str() else { return path.to_owned() };
    match text.strip_prefix('~') {
        Some("") => machine.home.clone(),
        Some(rest) if rest.starts_with('/') => machine.home.join(rest.trim_start_matches('/')),
        Some(rest) => {
            let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let home = accounts.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields.first() == Some(&user)).then(|| fields.get(5).map(PathBuf::from)).flatten()
            });
            home.map_or_else(|| path.to_owned(), |home| home.join(rest))
        }
        None => path.to_owned(),
    }
}

/// Replaces `${NAME}`.
pub(super) fn environment(text: &str) -> Result<String, ConfigMistake> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else { return Err(ConfigMistake::Brace(text.to_owned())) };
        let name = &rest[at + 2..at + end];
        out.push_str(&std::env::var(name).map_err(|_| ConfigMistake::Variable(name.to_owned()))?);
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// `10`, `90s`, `1m30s`, `2h`, ...; `none` is no time. The outer `None` is a mistake.
pub(super) fn time(text: &str) -> Option<Option<Duration>> {
    if text.eq_ignore_ascii_case("none") {
        return Some(None);
    }
    let mut total: u64 = 0;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            'w' => 7 * 24 * 3600,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    if !number.is_empty() {
        total = total.checked_add(number.parse().ok()?)?;
    } else if text.is_empty() {
        return None;
    }
    Some(Some(Duration::from_secs(total)))
}
