//! Words of a command line: quoting them, and expanding variables in them.

use crate::system::Observe;

/// A word in single quotes where a shell would see more than a word in it.
#[must_use]
pub fn quote(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

/// Replaces `$NAME` and `${NAME}` where the variable is set, then `~` or `~user` at the beginning.
#[must_use]
pub fn expand(word: &str, sys: &dyn Observe, environment: &[(String, String)]) -> String {
    let look = |name: &str| -> Option<String> {
        let own = environment.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        own.or_else(|| sys.env(name))
    };
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, length) = match after.strip_prefix('{').and_then(|b| b.find('}').map(|end| &b[..end])) {
            Some(name) => (name, name.len() + 2),
            None => {
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match look(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    let Some(tail) = out.strip_prefix('~') else { return out };
    let (user, path) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
    let home = if user.is_empty() {
        look("HOME").or_else(|| sys.user_by_id(sys.euid()).map(|u| u.home))
    } else {
        sys.user(user).map(|u| u.home)
    };
    match home {
        Some(home) if home.ends_with('/') && !path.is_empty() => format!("{home}{}", &path[1..]),
        Some(home) => format!("{home}{path}"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::quote;
    use crate::text::split_words;

    #[test]
    fn quoted_words_stay_one_word() {
        for word in ["", "a b", "it's", "$x", "plain-1.2/x", "a\nb"] {
            assert_eq!(split_words(&quote(word)).unwrap(), [word]);
        }
        assert_eq!(quote("a/b"), "a/b");
    }
}
