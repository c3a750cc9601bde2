//! INI inventories, as Ansible's `ini` plugin reads them.

use std::sync::Arc;

use indexmap::IndexMap;
use windlass_yaml::{SourceFile, Span};

use super::address;
use super::error::Refused;
use super::literal;
use super::model::Inventory;
use super::sources::Origin;
use crate::vars::{Key, Text, Value};

/// What a section holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// A group that was spoken of before it was declared.
enum Pending {
    /// By `[name:vars]`.
    Vars(Span),
    /// By its parents' `[parent:children]`.
    Child(Span, Vec<String>),
}

/// Reads an INI inventory into the inventory.
pub(crate) fn parse(
    inventory: &mut Inventory,
    origin: &Origin,
    file: &Arc<SourceFile>,
) -> Result<(), Refused> {
    let mut reader = Reader { inventory, origin, pending: IndexMap::new() };
    let mut group = "ungrouped".to_owned();
    let mut section = Section::Hosts;
    let mut offset = 0;
    for (number, raw) in (1u32..).zip(file.text.split('\n')) {
        let line = Line::new(file, raw, number, offset);
        offset += raw.len() + 1;
        if line.text.is_empty() || line.text.starts_with([';', '#']) {
            continue;
        }
        if let Some((name, kind)) = header(line.text) {
            section = match kind {
                None | Some("hosts") => Section::Hosts,
                Some("children") => Section::Children,
                Some("vars") => Section::Vars,
                Some(other) => {
                    let error = Refused::new(format!("section [{name}:{other}] has an unknown type"));
                    return Err(error.at(&line.span()).hint("known are `hosts`, `children` and `vars`"));
                }
            };
            group = name.to_owned();
            reader.declare(&group, section, &line)?;
            continue;
        }
        if line.text.starts_with('[') && line.text.ends_with(']') {
            let error = Refused::new(format!("`{}` is no valid section", line.text)).at(&line.span());
            return Err(error.hint("write `[name]`, `[name:vars]` or `[name:children]`, without spaces"));
        }
        match section {
            Section::Hosts => reader.host(&group, &line)?,
            Section::Children => reader.child(&group, &line)?,
            Section::Vars => reader.variable(&group, &line)?,
        }
    }
    match reader.pending.into_iter().next() {
        None => Ok(()),
        Some((name, Pending::Vars(span))) => {
            Err(Refused::new(format!("[{name}:vars] gives variables to a group that is never declared"))
                .at(&span)
                .hint(format!("declare it with [{name}] or [{name}:children]")))
        }
        Some((name, Pending::Child(span, parents))) => {
            let parent = parents.last().map_or("", String::as_str);
            Err(Refused::new(format!(
                "[{parent}:children] names the group `{name}`, which is never declared"
            ))
            .at(&span)
            .hint(format!("declare it with [{name}], even if it has no hosts")))
        }
    }
}

/// A line without the blanks around it.
struct Line<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    number: u32,
    start: usize,
    indent: usize,
}

impl<'a> Line<'a> {
    fn new(file: &'a Arc<SourceFile>, raw: &'a str, number: u32, offset: usize) -> Self {
        let text = raw.trim();
        let indent = raw.len() - raw.trim_start().len();
        Self { file, text, number, start: offset + indent, indent }
    }

    fn span(&self) -> Span {
        self.part(0, self.text.len())
    }

    /// A part of the line. The position is counted within the line only: files have many lines.
    fn part(&self, from: usize, to: usize) -> Span {
        let chars = self.text.get(..from).map_or(0, |text| text.chars().count()) + self.indent;
        Span {
            file: Arc::clone(self.file),
            start: self.start + from,
            end: self.start + to,
            line: self.number,
            column: u32::try_from(chars + 1).unwrap_or(u32::MAX),
        }
    }
}

/// `[name]` or `[name:kind]`, perhaps with a comment behind it.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    if !(rest.is_empty() || rest.starts_with('#')) {
        return None;
    }
    let (name, kind) = match inner.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inner, None),
    };
    let word = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    (!name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(word)).then_some((name, kind))
}

struct Reader<'a> {
    inventory: &'a mut Inventory,
    origin: &'a Origin,
    pending: IndexMap<String, Pending>,
}

impl Reader<'_> {
    fn declare(&mut self, group: &str, section: Section, line: &Line<'_>) -> Result<(), Refused> {
        let written = group;
        let group = &*self.inventory.group_name(written);
        if !self.inventory.groups.contains_key(group) {
            if section == Section::Vars && !self.pending.contains_key(group) {
                self.pending.insert(group.to_owned(), Pending::Vars(line.span()));
            }
            self.origin.add_group(self.inventory, written, Some(&line.span()))?;
        }
        if section != Section::Vars {
            self.settle(group)?;
        }
        Ok(())
    }

    /// A group that was waited for is there now.
    fn settle(&mut self, group: &str) -> Result<(), Refused> {
        if let Some(Pending::Child(span, parents)) = self.pending.shift_remove(group) {
            for parent in parents {
                self.inventory.add_child(&parent, group).map_err(|error| Refused::from(error).at(&span))?;
                if matches!(self.pending.get(&parent), Some(Pending::Child(..))) {
                    self.settle(&parent)?;
                }
            }
        }
        Ok(())
    }

    fn child(&mut self, parent: &str, line: &Line<'_>) -> Result<(), Refused> {
        let name = line.text.split('#').next().unwrap_or_default().trim_end();
        let good = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ']'));
        // A `#` belongs to the name unless a blank stands before it.
        let name = match line.text.split_whitespace().next() {
            Some(word) if word.len() > name.len() && !word.contains([':', ']']) => word,
            _ => name,
        };
        if !good {
            let error = Refused::new(format!("expected the name of a group, got `{}`", line.text));
            return Err(error.at(&line.span()).hint("a :children section lists one group a line"));
        }
        let span = line.part(0, name.len());
        let name = &*self.inventory.group_name(name);
        if self.inventory.groups.contains_key(name) {
            // It may still be waited for, if only [name:vars] was seen.
            self.inventory.add_child(parent, name).map_err(|error| Refused::from(error).at(&span))?;
        } else if let Some(Pending::Child(_, parents)) = self.pending.get_mut(name) {
            parents.push(self.inventory.group_name(parent).into_owned());
        } else {
            self.pending.insert(
                name.to_owned(),
                Pending::Child(span, vec![self.inventory.group_name(parent).into_owned()]),
            );
        }
        Ok(())
    }

    fn variable(&mut self, group: &str, line: &Line<'_>) -> Result<(), Refused> {
        let Some((key, value)) = line.text.split_once('=') else {
            return Err(Refused::new(format!("expected key=value, got `{}`", line.text))
                .at(&line.span())
                .hint("a :vars section holds one variable a line"));
        };
        let start = key.len() + 1 + (value.len() - value.trim_start().len());
        let span = line.part(start, line.text.len());
        let key = self.key(key.trim(), line);
        let value = self.value(value.trim(), &span);
        self.inventory.set_group_var(group, key, value).map_err(|error| Refused::from(error).at(&span))
    }

    fn host(&mut self, group: &str, line: &Line<'_>) -> Result<(), Refused> {
        let tokens = split(line.text).map_err(|reason| {
            Refused::new(format!("cannot read this line: {reason}"))
                .at(&line.span())
                .hint("close the quote, or escape it with a backslash")
        })?;
        let mut tokens = tokens.into_iter();
        let Some(first) = tokens.next() else { return Ok(()) };
        let place = line.part(first.from, first.to);
        let (hosts, port) = address::expand_entry(&first.text).map_err(|error| error.at(&place))?;
        if port.is_none() && first.text.trim().ends_with(':') {
            return Err(Refused::new(format!("the host `{}` ends in `:`", first.text))
                .at(&place)
                .hint("is this YAML? Then name the file .yml; a `:` is for a port"));
        }
        if hosts.iter().any(|host| host.trim() == "---") {
            return Err(Refused::new("`---` is no host")
                .at(&place)
                .hint("this looks like YAML: name the file .yml"));
        }
        let mut vars = Vec::new();
        for token in tokens {
            let Some((key, value)) = token.text.split_once('=') else {
                return Err(Refused::new(format!(
                    "expected key=value behind the host, got `{}`",
                    token.text
                ))
                .at(&line.part(token.from, token.to))
                .hint("put values with blanks in quotes"));
            };
            let span = line.part((token.from + key.len() + 1).min(token.to), token.to);
            vars.push((self.key(key, line), self.value(value, &span)));
        }
        for host in &hosts {
            self.origin
                .add_host(self.inventory, host, Some(group), port)
                .map_err(|error| error.at(&place))?;
            for (key, value) in &vars {
                self.origin.set_var(self.inventory, host, key.clone(), value.clone())?;
            }
        }
        Ok(())
    }

    fn key(&self, key: &str, line: &Line<'_>) -> Key {
        let at = line.text.find(key).unwrap_or(0);
        Key::Str(Text::trusted(key, Some(line.part(at, at + key.len()))))
    }

    /// A Python literal, or the text as it stands.
    fn value(&self, text: &str, span: &Span) -> Value {
        let make = |string: String| self.origin.text(&string, Some(span));
        literal::parse(text, &make).unwrap_or_else(|| make(text.to_owned()))
    }
}

/// A word of a line, and where it stands.
struct Token {
    text: String,
    from: usize,
    to: usize,
}

/// Why a line cannot be split.
#[derive(Debug, thiserror::Error)]
enum SplitError {
    #[error("a backslash stands at its end")]
    Backslash,
    #[error("a quote is not closed")]
    Quote,
}

/// Splits a line as Python's `shlex.split(line, comments=True)` does.
fn split(line: &str) -> Result<Vec<Token>, SplitError> {
    let mut out = Vec::new();
    let mut token: Option<Token> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c.is_whitespace() => out.extend(token.take()),
            '#' => break,
            _ => {
                let current = token.get_or_insert(Token { text: String::new(), from: at, to: at });
                current.to = at + c.len_utf8();
                match c {
                    '\\' => {
                        let (at, next) = chars.next().ok_or(SplitError::Backslash)?;
                        current.text.push(next);
                        current.to = at + next.len_utf8();
                    }
                    '\'' | '"' => loop {
                        let (at, next) = chars.next().ok_or(SplitError::Quote)?;
                        current.to = at + next.len_utf8();
                        match next {
                            _ if next == c => break,
                            '\\' if c == '"' => {
                                let (at, escaped) = chars.next().ok_or(SplitError::Quote)?;
                                if !matches!(escaped, '"' | '\\') {
                                    current.text.push('\\');
                                }
                                current.text.push(escaped);
                                current.to = at + escaped.len_utf8();
                            }
                            _ => current.text.push(next),
                        }
                    },
                    _ => current.text.push(c),
                }
            }
        }
    }
    out.extend(token);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_as_shlex_splits_them() {
        assert_eq!(words("a b=c  d='e f'"), ["a", "b=c", "d=e f"]);
        assert_eq!(words(r#"a b="x \" \n y" c=\#"#), ["a", r#"b=x " \n y"#, "c=#"]);
        assert_eq!(words("a b=c # d"), ["a", "b=c"]);
        assert_eq!(words("a b=c#d e"), ["a", "b=c"]);
        assert_eq!(words("a b='' ''"), ["a", "b=", ""]);
        assert!(split("a 'b").is_err() && split("a \\").is_err() && split("a \"b\\").is_err());
    }

    #[test]
    fn headers() {
        assert_eq!(header("[web]"), Some(("web", None)));
        assert_eq!(header("[web:vars] # x"), Some(("web", Some("vars"))));
        assert_eq!(header("[a-b.c]"), Some(("a-b.c", None)));
        for bad in ["[a b]", "[]", "[a:b:c]", "[a] b", "[a:]", "a[1:2]", "[1:2].x"] {
            assert_eq!(header(bad), None, "{bad}");
        }
    }
}
