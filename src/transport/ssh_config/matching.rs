//! `Host` and `Match` lines, and the wildcard patterns that known_hosts has too.

use super::parse::Line;
use super::tokens::{PATHS, Tokens};
use super::{ConfigError, ConfigMistake, Machine};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Whether a text matches a pattern of `*` and `?`.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to come back to when what follows the last star does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    p = after;
                    t = from + 1;
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether a text matches a list of patterns: `Some(false)` if a negated one does, `None` if none does.
pub(crate) fn pattern_list<'a>(patterns: impl Iterator<Item = &'a str>, text: &str) -> Option<bool> {
    let text = text.to_lowercase();
    let mut found = None;
    for pattern in patterns {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        if wildcard(&pattern.to_lowercase(), &text) {
            if negated {
                return Some(false);
            }
            found = Some(true);
        }
    }
    found
}

/// Whether a `Host` line holds.
pub(super) fn host_line(patterns: &[String], host: &str) -> bool {
    // Here, unlike in Match, case counts.
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if wildcard(negated, host) => return false,
            Some(_) => {}
            None => found |= wildcard(pattern, host),
        }
    }
    found
}

/// What a `Match` line is held against.
pub(super) struct Candidate<'a> {
    pub(super) original: &'a str,
    pub(super) host: String,
    pub(super) user: String,
    pub(super) port: String,
    pub(super) alias: Option<String>,
    pub(super) tag: String,
    pub(super) machine: &'a Machine,
    pub(super) final_pass: bool,
}

/// Whether a `Match` line holds. `reachable` is false inside of a block that does not: then nothing is executed.
pub(super) fn match_line(
    line: &Line,
    candidate: &Candidate<'_>,
    wants_final: &mut bool,
    reachable: bool,
) -> Result<bool, ConfigError> {
    let mut holds = reachable;
    let mut words = line.arguments.iter();
    if words.len() == 0 {
        return Err(line.error(ConfigMistake::NoCondition));
    }
    while let Some(word) = words.next() {
        let (negated, word) = match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word.as_str()),
        };
        let (criterion, inline) = match word.split_once('=') {
            Some((criterion, value)) => (criterion.to_ascii_lowercase(), Some(value.to_owned())),
            None => (word.to_ascii_lowercase(), None),
        };
        let result = match criterion.as_str() {
            "all" => true,
            "canonical" | "final" => {
                *wants_final |= criterion == "final";
                candidate.final_pass
            }
            _ => {
                let value = match inline {
                    Some(value) => value,
                    None => words
                        .next()
                        .cloned()
                        .ok_or_else(|| line.error(ConfigMistake::ConditionValue(criterion.clone())))?,
                };
                let matches = |text: &str| pattern_list(value.split(','), text) == Some(true);
                match criterion.as_str() {
                    "host" => matches(&candidate.host),
                    "originalhost" => matches(candidate.original),
                    "user" => matches(&candidate.user),
                    "localuser" => matches(&candidate.machine.user),
                    "tagged" => matches(&candidate.tag),
                    "exec" => holds && executes(&value, line, candidate)?,
                    // Programs are run, never a login shell or a subsystem.
                    "sessiontype" => matches("exec"),
                    // Of many commands none is the one; and this is no version of OpenSSH.
                    "localnetwork" | "command" | "version" => false,
                    _ => return Err(line.error(ConfigMistake::UnknownCondition(criterion))),
                }
            }
        };
        holds &= result != negated;
    }
    Ok(holds)
}

/// Runs the user's own command, as written in the user's own configuration.
fn executes(command: &str, line: &Line, candidate: &Candidate<'_>) -> Result<bool, ConfigError> {
    let tokens = Tokens {
        host: &candidate.host,
        original: candidate.original,
        port: candidate.port.parse().unwrap_or(22),
        user: &candidate.user,
        alias: candidate.alias.as_deref(),
        jump: "",
        machine: candidate.machine,
    };
    let command = tokens.expand(command, PATHS).map_err(|mistake| line.error(mistake))?;
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    let status = Command::new(shell)
        .arg("-c")
        .arg(&command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status
        .map(|status| status.success())
        .map_err(|error| line.error(ConfigMistake::Exec { command, error: Arc::new(error) }))
}
