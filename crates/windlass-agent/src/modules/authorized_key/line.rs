//! Lines of `authorized_keys`: options, type, key and comment.

const TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
];

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A key.
    Key { options: Vec<String>, kind: String, blob: String, comment: String },
    /// A comment, an empty line, or something that is not understood: kept as it is.
    Other(String),
}

impl Line {
    pub fn parse(text: &str) -> Self {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return Self::Other(text.to_owned());
        }
        let (first, rest) = cut(trimmed, ' ');
        let (options, rest) = if TYPES.contains(&first) { ("", trimmed) } else { (first, rest) };
        let (kind, rest) = cut(rest.trim_start(), ' ');
        let (blob, comment) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        if !TYPES.contains(&kind) || blob.is_empty() {
            return Self::Other(text.to_owned());
        }
        Self::Key {
            options: split_options(options),
            kind: kind.to_owned(),
            blob: blob.to_owned(),
            comment: comment.trim().to_owned(),
        }
    }

    /// Whether it says the same; the order of options does not matter.
    pub fn is_like(&self, other: &Self) -> bool {
        let sorted = |line: &Self| {
            let mut line = line.clone();
            if let Self::Key { options, .. } = &mut line {
                options.sort_unstable();
            }
            line
        };
        sorted(self) == sorted(other)
    }

    /// The key itself, by which keys are the same.
    pub fn blob(&self) -> Option<&str> {
        match self {
            Self::Key { blob, .. } => Some(blob),
            Self::Other(_) => None,
        }
    }

    pub fn set_options(&mut self, text: &str) {
        if let Self::Key { options, .. } = self {
            *options = split_options(text);
        }
    }

    pub fn set_comment(&mut self, text: &str) {
        if let Self::Key { comment, .. } = self {
            text.clone_into(comment);
        }
    }

    pub fn render(&self) -> String {
        match self {
            Self::Other(text) => text.clone(),
            Self::Key { options, kind, blob, comment } => {
                let mut out = options.join(",");
                if !out.is_empty() {
                    out.push(' ');
                }
                // The blank before a comment is there also where there is none, as it always was.
                out.push_str(&format!("{kind} {blob} {comment}"));
                out
            }
        }
    }
}

/// The text before and after the first such character outside of quotes.
fn cut(text: &str, at: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && (c == at || (at == ' ' && c == '\t')) => {
                return (&text[..index], &text[index + c.len_utf8()..]);
            }
            _ => {}
        }
    }
    (text, "")
}

fn split_options(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (option, after) = cut(rest, ',');
        if !option.is_empty() {
            out.push(option.to_owned());
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_may_have_blanks_and_commas_in_quotes() {
        let text =
            r#"command="echo \"a, b\" ssh-rsa",no-pty,from="10.0.0.0/8,::1" ssh-ed25519 AAAAC3 me at home"#;
        let line = Line::parse(text);
        assert_eq!(line.blob(), Some("AAAAC3"));
        assert_eq!(line.render(), text);
        assert!(matches!(&line, Line::Key { options, .. } if options.len() == 3));
        assert_eq!(Line::parse("# note"), Line::Other("# note".into()));
        assert_eq!(Line::parse("not a key"), Line::Other("not a key".into()));
        assert_eq!(Line::parse("ssh-rsa  AAAA").blob(), Some("AAAA"));
    }
}
