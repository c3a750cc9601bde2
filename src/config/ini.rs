//! The INI of `ansible.cfg`.

use std::collections::BTreeMap;

/// Values by section and key. Keys are lower case; a line that is indented goes on with the value before it.
#[must_use]
pub(super) fn parse(text: &str) -> BTreeMap<(String, String), String> {
    let mut out = BTreeMap::new();
    let mut section = String::new();
    let mut last: Option<(String, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.split(']').next()) {
            section = name.trim().to_owned();
            last = None;
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some(key) = &last
            && let Some(value) = out.get_mut(key)
        {
            let value: &mut String = value;
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let Some(at) = trimmed.find(['=', ':']) else { continue };
        let key = (section.clone(), trimmed[..at].trim().to_lowercase());
        let value = trimmed[at + 1..].trim();
        // A comment behind a value begins with a blank and a semicolon.
        let value = value.split(" ;").next().unwrap_or(value).trim();
        out.insert(key.clone(), value.to_owned());
        last = Some(key);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn sections_comments_and_continued_lines() {
        let found =
            super::parse("# c\n[defaults]\nForks = 20 ; many\nroles_path=a:b\n[x]\ny:\n  one\n  two\n");
        let get = |s: &str, k: &str| found.get(&(s.to_owned(), k.to_owned())).cloned().unwrap_or_default();
        assert_eq!(get("defaults", "forks"), "20");
        assert_eq!(get("defaults", "roles_path"), "a:b");
        assert_eq!(get("x", "y"), "\none\ntwo");
    }
}
