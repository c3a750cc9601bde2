//! The INI of `ansible.cfg`.

use std::collections::BTreeMap;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{SourceFile, Span};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: String,
    /// The key.
    pub(super) key: Span,
    /// The value, as far as it is on the key's line.
    pub(super) span: Span,
}

/// Values by section and key. Keys are lower case; a line that is indented goes on with the value before it.
///
/// # Errors
/// All lines that cannot be understood.
pub(super) fn parse(file: &Arc<SourceFile>) -> Result<BTreeMap<(String, String), Entry>, Vec<Diagnostic>> {
    let mut out: BTreeMap<(String, String), Entry> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut section: Option<String> = None;
    let mut last: Option<(String, String)> = None;
    let mut offset = 0;
    for line in file.text.split('\n') {
        let start = offset;
        offset += line.len() + 1;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let from = start + (line.len() - line.trim_start().len());
        let whole = Span::new(file, from, from + trimmed.len());
        if line.starts_with([' ', '\t'])
            && let Some(entry) = last.as_ref().and_then(|key| out.get_mut(key))
        {
            entry.value.push('\n');
            entry.value.push_str(trimmed);
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            last = None;
            match rest.find(']') {
                Some(end) => section = Some(rest[..end].trim().to_owned()),
                None => {
                    section = Some(rest.trim().to_owned());
                    wrong.push(
                        Diagnostic::error("the name of a section is not closed")
                            .at(&whole)
                            .hint(format!("write `[{}]`", rest.trim())),
                    );
                }
            }
            continue;
        }
        let Some(section) = &section else {
            wrong.push(
                Diagnostic::error("this line belongs to no section")
                    .at(&whole)
                    .hint("put the name of a section above it, as in `[defaults]`"),
            );
            // One is enough: a file without sections is something else.
            return Err(wrong);
        };
        let Some(at) = trimmed.find(['=', ':']) else {
            wrong.push(
                Diagnostic::error(format!("`{trimmed}` is no setting"))
                    .at(&whole)
                    .hint("write `name = value`"),
            );
            continue;
        };
        let name = trimmed[..at].trim();
        let key = (section.clone(), name.to_lowercase());
        let value = &trimmed[at + 1..];
        let begin = from + trimmed.len() - value.trim_start().len();
        // A comment behind a value begins with a blank or a tab, and a semicolon.
        let comment = value.match_indices(';').find(|(at, _)| value[..*at].ends_with(char::is_whitespace));
        let value = comment.map_or(value, |(at, _)| &value[..at]).trim();
        let entry = Entry {
            value: value.to_owned(),
            key: Span::new(file, from, from + name.len()),
            span: Span::new(file, begin, begin + value.len()),
        };
        if let Some(first) = out.get(&key) {
            wrong.push(
                Diagnostic::error(format!("{name} is set twice in [{section}]"))
                    .at(&entry.key)
                    .related(&first.key, "the first one")
                    .hint("remove one of the two"),
            );
        }
        out.insert(key.clone(), entry);
        last = Some(key);
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use windlass_yaml::SourceFile;

    #[test]
    fn sections_comments_and_continued_lines() {
        let text =
            "# c\n[defaults]\nForks = 20 ; many\nroles_path=a:b\t; all\nz = a;b\n[x]\ny:\n  one\n  two\n";
        let found = super::parse(&SourceFile::new("ansible.cfg", text)).unwrap();
        let get = |s: &str, k: &str| found.get(&(s.to_owned(), k.to_owned())).unwrap();
        assert_eq!(get("defaults", "forks").value, "20");
        assert_eq!((get("defaults", "forks").span.text(), get("defaults", "forks").span.line), ("20", 3));
        assert_eq!(get("defaults", "roles_path").value, "a:b");
        assert_eq!(get("defaults", "z").value, "a;b");
        assert_eq!(get("x", "y").value, "\none\ntwo");
    }

    #[test]
    fn every_wrong_line_is_told() {
        let wrong = super::parse(&SourceFile::new("ansible.cfg", "[a\nx = 1\ny\nx = 2\n")).unwrap_err();
        let lines: Vec<u32> = wrong.iter().map(|d| d.span.as_ref().unwrap().line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }
}
