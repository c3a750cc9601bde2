//! Modes as operators write them.

use windlass_protocol::{FileKind, Json};

/// Why a mode cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Neither a number nor symbolic.
    #[error("mode must be in octal or symbolic form, not '{0}'")]
    Form(String),
    /// Beyond `07777`.
    #[error("mode out of range: '{0}'")]
    Range(String),
    /// A clause of a symbolic mode.
    #[error("bad symbolic permission for mode: {0}")]
    Symbolic(String),
}

/// The mode that `wanted` asks for on something that has `current`. A number is taken as it is (a YAML `0644` is one); a text is
/// octal, or symbolic as `u=rwX,g-w,o=`.
///
/// # Errors
/// If it is neither.
pub fn parse_mode(wanted: &Json, kind: FileKind, current: u32, umask: u32) -> Result<u32, ModeError> {
    let text = match wanted {
        Json::Number(number) => {
            let mode = number.as_u64().ok_or_else(|| ModeError::Range(number.to_string()))?;
            return in_range(mode, &number.to_string());
        }
        Json::String(text) => text.trim(),
        other => return Err(ModeError::Form(other.to_string())),
    };
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let mode = u64::from_str_radix(digits, 8).map_err(|_| ModeError::Form(text.to_owned()))?;
        return in_range(mode, text);
    }
    if !text.contains(['+', '-', '=']) {
        return Err(ModeError::Form(text.to_owned()));
    }
    let mut mode = current;
    for clause in text.split(',') {
        mode = apply_clause(clause, kind, mode, umask)?;
    }
    Ok(mode)
}

/// An octal umask.
#[must_use]
pub fn parse_umask(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8).ok().filter(|mask| *mask <= 0o777)
}

fn in_range(mode: u64, text: &str) -> Result<u32, ModeError> {
    u32::try_from(mode).ok().filter(|m| *m <= 0o7777).ok_or_else(|| ModeError::Range(text.to_owned()))
}

fn apply_clause(clause: &str, kind: FileKind, mut mode: u32, umask: u32) -> Result<u32, ModeError> {
    let bad = || ModeError::Symbolic(clause.to_owned());
    let first = clause.find(['+', '-', '=']).ok_or_else(bad)?;
    let (who, mut rest) = clause.split_at(first);
    if who.chars().any(|c| !"ugoa".contains(c)) {
        return Err(bad());
    }
    let masked = who.is_empty();
    let who = if who.is_empty() || who.contains('a') { "ugo" } else { who };
    while let Some(operator) = rest.chars().next() {
        let body = &rest[1..];
        let end = body.find(['+', '-', '=']).unwrap_or(body.len());
        let letters = &body[..end];
        if letters.chars().any(|c| !"rwxXstugo".contains(c)) {
            return Err(bad());
        }
        for user in who.chars() {
            let bits = bits_for(user, letters, kind, mode, if masked { umask } else { 0 });
            let all = match user {
                'u' => 0o4700,
                'g' => 0o2070,
                _ => 0o1007,
            };
            mode = match operator {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => (mode & !all) | bits,
            };
        }
        rest = &body[end..];
    }
    Ok(mode)
}

fn bits_for(user: char, letters: &str, kind: FileKind, mode: u32, umask: u32) -> u32 {
    let shift = match user {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    let executable = kind == FileKind::Directory || mode & 0o111 != 0;
    let mut bits = 0;
    for letter in letters.chars() {
        bits |= match letter {
            'r' => (4 << shift) & !umask,
            'w' => (2 << shift) & !umask,
            'x' => (1 << shift) & !umask,
            'X' if executable => 1 << shift,
            's' if user == 'u' => 0o4000,
            's' if user == 'g' => 0o2000,
            't' if user == 'o' => 0o1000,
            'u' => (mode >> 6 & 7) << shift,
            'g' => (mode >> 3 & 7) << shift,
            'o' => (mode & 7) << shift,
            _ => 0,
        };
    }
    bits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn file(text: &str, current: u32) -> u32 {
        parse_mode(&json!(text), FileKind::File, current, 0o022).unwrap()
    }

    #[test]
    fn octal_and_symbolic() {
        assert_eq!(file("0644", 0), 0o644);
        assert_eq!(file("644", 0), 0o644);
        assert_eq!(file("01777", 0), 0o1777);
        assert_eq!(parse_mode(&json!(420), FileKind::File, 0, 0).unwrap(), 0o644);
        assert_eq!(file("u=rwX,g-w", 0o664), 0o644);
        assert_eq!(file("u=rwX,g=rX,o=", 0o700), 0o750);
        assert_eq!(file("a+x", 0o644), 0o755);
        assert_eq!(file("+w", 0o444), 0o644);
        assert_eq!(file("g=u,o=g", 0o640), 0o666);
        assert_eq!(file("u+s,g+s,o+t", 0o755), 0o7755);
        assert_eq!(file("u=rw-x+X", 0o700), 0o600);
        assert_eq!(parse_mode(&json!("u=rwX"), FileKind::Directory, 0, 0).unwrap(), 0o700);
    }

    #[test]
    fn what_is_no_mode() {
        let error = |text: &str| parse_mode(&json!(text), FileKind::File, 0, 0).unwrap_err();
        assert_eq!(error("rw"), ModeError::Form("rw".into()));
        assert_eq!(error("z=r"), ModeError::Symbolic("z=r".into()));
        assert_eq!(error("u=q"), ModeError::Symbolic("u=q".into()));
        assert_eq!(error("0o17777"), ModeError::Range("0o17777".into()));
    }
}
