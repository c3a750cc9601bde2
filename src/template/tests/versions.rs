//! `version`: comparing version numbers by several schemes.

use super::Test;
use crate::template::eval::Interp;
use crate::template::eval::val::{R, failed};
use crate::template::plugin::Bound;
use std::cmp::Ordering;

pub(super) const TESTS: &[Test] = &[
    Test::new("version", &["version!", "operator", "strict", "version_type"], version),
    Test::new("version_compare", &["version!", "operator", "strict", "version_type"], version),
];

/// How versions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// Numbers and letters in turn.
    Loose,
    /// `1.2.3` with an optional `a4` or `b4`.
    Strict,
    /// semver.org
    Semver,
    /// Python's PEP 440.
    Pep440,
}

fn version(it: &mut Interp<'_>, b: &mut Bound) -> R<bool> {
    let one = b.text(it)?;
    let other = b.str_or(it, 0, "")?;
    let operator = b.str_or(it, 1, "eq")?;
    let kind = b.str(it, 3)?;
    let strict = b.get(2).cloned();
    if strict.is_some() && kind.is_some() {
        return Err(failed("Cannot specify both 'strict' and 'version_type'"));
    }
    let strict = match strict {
        Some(v) => it.truthy(&v)?,
        None => false,
    };
    let scheme = match kind.as_deref() {
        None if strict => Scheme::Strict,
        None | Some("loose") => Scheme::Loose,
        Some("strict") => Scheme::Strict,
        Some("semver" | "semantic") => Scheme::Semver,
        Some("pep440") => Scheme::Pep440,
        Some(other) => {
            return Err(failed(format!(
                "Invalid version type ({other}). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'"
            )));
        }
    };
    if one.is_empty() {
        return Err(failed("Input version value cannot be empty"));
    }
    if other.is_empty() {
        return Err(failed("Version parameter to compare against cannot be empty"));
    }
    let holds: fn(Ordering) -> bool = match operator.as_str() {
        "==" | "=" | "eq" => Ordering::is_eq,
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        other => {
            return Err(failed(format!(
                "Invalid operator type ({other}). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge', '!=', '<>', 'ne'"
            )));
        }
    };
    let order = compare_versions(&one, &other, scheme)
        .map_err(|e| failed(format!("Version comparison failed: {e}")))?;
    Ok(holds(order))
}

/// Why versions cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    /// A number stands against a word; named by Python's types.
    #[error("'<' not supported between instances of '{0}' and '{1}'")]
    Incomparable(&'static str, &'static str),
    #[error("invalid version number '{0}'")]
    Strict(String),
    #[error("invalid semantic version '{0}'")]
    Semantic(String),
    #[error("Invalid version: '{0}'")]
    Pep440(String),
}

/// Which of two versions is later.
///
/// # Errors
/// If one is no version in that scheme.
fn compare_versions(a: &str, b: &str, scheme: Scheme) -> Result<Ordering, VersionError> {
    match scheme {
        Scheme::Loose => loose(a, b),
        Scheme::Strict => Ok(strict(a)?.cmp(&strict(b)?)),
        Scheme::Semver => semver(a, b),
        Scheme::Pep440 => Ok(pep440(a)?.cmp(&pep440(b)?)),
    }
}

#[derive(Debug, PartialEq)]
enum Piece {
    Number(u64),
    Word(String),
}

fn pieces(version: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = version.trim();
    while let Some(c) = rest.chars().next() {
        let digits = c.is_ascii_digit();
        let letters = c.is_ascii_lowercase();
        if c == '.' {
            rest = &rest[1..];
            continue;
        }
        let end = rest
            .find(|x: char| x == '.' || x.is_ascii_digit() != digits || x.is_ascii_lowercase() != letters)
            .unwrap_or(rest.len())
            .max(c.len_utf8());
        let (part, tail) = rest.split_at(end);
        out.push(match part.parse() {
            Ok(n) if digits => Piece::Number(n),
            _ => Piece::Word(part.to_owned()),
        });
        rest = tail;
    }
    out
}

/// Which of two versions of any spelling is later.
///
/// # Errors
/// Where a number meets a word.
pub(crate) fn loose(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (x, y) = (pieces(a), pieces(b));
    for (i, j) in x.iter().zip(&y) {
        let order = match (i, j) {
            (Piece::Number(i), Piece::Number(j)) => i.cmp(j),
            (Piece::Word(i), Piece::Word(j)) => i.cmp(j),
            (Piece::Number(_), Piece::Word(_)) => {
                return Err(VersionError::Incomparable("int", "str"));
            }
            (Piece::Word(_), Piece::Number(_)) => {
                return Err(VersionError::Incomparable("str", "int"));
            }
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(x.len().cmp(&y.len()))
}

fn strict(text: &str) -> Result<([u64; 3], bool, char, u64), VersionError> {
    let wrong = || VersionError::Strict(text.to_owned());
    let (numbers, tail) = match text.find(['a', 'b']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let parts: Vec<u64> =
        numbers.split('.').map(|p| p.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    if !(2..=3).contains(&parts.len()) {
        return Err(wrong());
    }
    let numbers = [parts[0], parts[1], parts.get(2).copied().unwrap_or(0)];
    match tail.chars().next() {
        None => Ok((numbers, true, 'z', 0)),
        Some(c) => Ok((numbers, false, c, tail[1..].parse().map_err(|_| wrong())?)),
    }
}

fn semver(a: &str, b: &str) -> Result<Ordering, VersionError> {
    type Parts<'a> = ([u64; 3], Vec<&'a str>);
    fn parse(text: &str) -> Result<Parts<'_>, VersionError> {
        let wrong = || VersionError::Semantic(text.to_owned());
        let core = text.split_once('+').map_or(text, |(core, _)| core);
        let (numbers, pre) = core.split_once('-').map_or((core, None), |(n, p)| (n, Some(p)));
        let mut out = [0; 3];
        let parts: Vec<&str> = numbers.split('.').collect();
        if parts.len() != 3 {
            return Err(wrong());
        }
        for (slot, part) in out.iter_mut().zip(&parts) {
            if part.len() > 1 && part.starts_with('0') {
                return Err(wrong());
            }
            *slot = part.parse().map_err(|_| wrong())?;
        }
        Ok((out, pre.map_or_else(Vec::new, |p| p.split('.').collect())))
    }
    let (x, y) = (parse(a)?, parse(b)?);
    let order = x.0.cmp(&y.0);
    if order.is_ne() {
        return Ok(order);
    }
    match (x.1.is_empty(), y.1.is_empty()) {
        (true, true) => return Ok(Ordering::Equal),
        (true, false) => return Ok(Ordering::Greater),
        (false, true) => return Ok(Ordering::Less),
        _ => {}
    }
    for (i, j) in x.1.iter().zip(&y.1) {
        let order = match (i.parse::<u64>(), j.parse::<u64>()) {
            (Ok(i), Ok(j)) => i.cmp(&j),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            _ => i.cmp(j),
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(x.1.len().cmp(&y.1.len()))
}

type Pep440 = (u64, Vec<u64>, (i8, u64), u64, (bool, u64), Vec<String>);

/// A version as a key that sorts as PEP 440 says.
fn pep440(text: &str) -> Result<Pep440, VersionError> {
    let wrong = || VersionError::Pep440(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix('v').unwrap_or(&lower);
    let (rest, local) = rest.split_once('+').map_or((rest, ""), |(r, l)| (r, l));
    let (epoch, rest) = match rest.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().map_err(|_| wrong())?, rest),
        None => (0, rest),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (numbers, mut tail) = rest.split_at(end);
    let mut release: Vec<u64> = numbers
        .trim_end_matches('.')
        .split('.')
        .map(|p| p.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut pre, mut post, mut dev) = (None, None, None);
    while !tail.is_empty() {
        let trimmed = tail.trim_start_matches(['.', '-', '_']);
        let word_end = trimmed.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(word_end);
        let after = after.trim_start_matches(['.', '-', '_']);
        let digits_end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, next) = after.split_at(digits_end);
        let number = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| wrong())? };
        match word {
            "a" | "alpha" => pre = Some((0, number)),
            "b" | "beta" => pre = Some((1, number)),
            "c" | "rc" | "pre" | "preview" => pre = Some((2, number)),
            "post" | "rev" | "r" => post = Some(number + 1),
            "" if tail.starts_with('-') && !digits.is_empty() => post = Some(number + 1),
            "dev" => dev = Some(number),
            _ => return Err(wrong()),
        }
        tail = next;
    }
    let pre = match (pre, post, dev) {
        (Some(pre), ..) => pre,
        (None, None, Some(_)) => (-1, 0),
        _ => (9, 0),
    };
    let local =
        if local.is_empty() { Vec::new() } else { local.split(['.', '-', '_']).map(str::to_owned).collect() };
    Ok((epoch, release, pre, post.unwrap_or(0), (dev.is_none(), dev.unwrap_or(0)), local))
}
