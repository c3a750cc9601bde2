//! rsync's filter rules: reading them, and asking them about a path. Both sides use them: the sender for what it sends, the receiver
//! for what it must not remove.

use super::pattern::Pattern;
use crate::ModuleError;
use windlass_protocol::modules::synchronize::{MatchRule, Rule};

/// Which of the two sides asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is sent.
    Sender,
    /// What is removed.
    Receiver,
}

/// Reads one rule as `--filter` takes it: `- x`, `+ x`, `P x`, `R x`, `H x`, `S x`, `: file`, `!`, their long names and modifiers.
///
/// # Errors
/// What is no rule.
pub fn parse_rule(text: &str) -> Result<Option<Rule>, ModuleError> {
    let text = text.trim_start();
    if text.is_empty() || text.starts_with('#') || text.starts_with(';') {
        return Ok(None);
    }
    let bad = || ModuleError::new(format!("not a filter rule: '{text}'"));
    let names = [
        ("exclude", '-'),
        ("include", '+'),
        ("merge", '.'),
        ("dir-merge", ':'),
        ("hide", 'H'),
        ("show", 'S'),
        ("protect", 'P'),
        ("risk", 'R'),
    ];
    let long = names.iter().find_map(|(name, letter)| {
        let rest = text.strip_prefix(name)?;
        rest.starts_with([' ', ',', '_']).then_some((*letter, rest))
    });
    let (kind, rest) = match long {
        Some(found) => found,
        None => {
            let kind = text.chars().next().ok_or_else(bad)?;
            (kind, &text[kind.len_utf8()..])
        }
    };
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let (modifiers, pattern) = rest.split_once([' ', '_']).ok_or_else(bad)?;
    if pattern.is_empty() {
        return Err(bad());
    }
    if kind == ':' {
        let plain = if modifiers.contains('-') {
            Some(false)
        } else if modifiers.contains('+') {
            Some(true)
        } else {
            None
        };
        return Ok(Some(Rule::PerFolder {
            file: pattern.trim_start_matches('/').to_owned(),
            plain,
            exclude_self: modifiers.contains('e'),
            no_inherit: modifiers.contains('n'),
        }));
    }
    let (include, mut sender, mut receiver) = match kind {
        '-' => (false, true, true),
        '+' => (true, true, true),
        'H' => (false, true, false),
        'S' => (true, true, false),
        'P' => (false, false, true),
        'R' => (true, false, true),
        _ => return Err(bad()),
    };
    if modifiers.chars().any(|c| !"!/srpxC".contains(c)) {
        return Err(bad());
    }
    if modifiers.contains(['s', 'r']) {
        (sender, receiver) = (modifiers.contains('s'), modifiers.contains('r'));
    }
    let negate = modifiers.contains('!');
    Ok(Some(Rule::Match(MatchRule { include, sender, receiver, negate, pattern: pattern.to_owned() })))
}

/// A line of a file of patterns (`--exclude-from`): a pattern, or with a sign in front a rule.
///
/// # Errors
/// As [`parse_rule`].
pub fn parse_plain(text: &str, include: bool) -> Result<Option<Rule>, ModuleError> {
    if text.is_empty() || text.starts_with('#') || text.starts_with(';') {
        return Ok(None);
    }
    if text.starts_with("+ ") || text.starts_with("- ") {
        return parse_rule(text);
    }
    let pattern = text.to_owned();
    Ok(Some(Rule::Match(MatchRule { include, sender: true, receiver: true, negate: false, pattern })))
}

#[derive(Debug, Clone)]
struct Ready {
    rule: MatchRule,
    pattern: Pattern,
}

impl Ready {
    fn new(rule: MatchRule) -> Self {
        Self { pattern: Pattern::new(&rule.pattern), rule }
    }
}

#[derive(Debug, Clone)]
enum Item {
    Rule(Ready),
    PerFolder { file: String, plain: Option<bool>, exclude_self: bool, no_inherit: bool },
}

/// Rules ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    items: Vec<Item>,
    /// Rules of the folders on the way, outermost first: for which item, the folder, its rules.
    local: Vec<(usize, String, Vec<Ready>)>,
}

impl Filter {
    /// Makes rules ready.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let item = |rule: &Rule| match rule {
            Rule::Match(rule) => Item::Rule(Ready::new(rule.clone())),
            Rule::PerFolder { file, plain, exclude_self, no_inherit } => Item::PerFolder {
                file: file.clone(),
                plain: *plain,
                exclude_self: *exclude_self,
                no_inherit: *no_inherit,
            },
        };
        Self { items: rules.iter().map(item).collect(), local: Vec::new() }
    }

    /// Whether folders may have rules of their own.
    #[must_use]
    pub fn is_per_folder(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::PerFolder { .. }))
    }

    /// Takes the rules of a folder, if there are rules per folder; `read` gives the content of a file, where there is
    /// one. [`Self::leave`] forgets them.
    ///
    /// # Errors
    /// A line in such a file that is no rule.
    pub fn enter(
        &mut self,
        root: &str,
        folder: &str,
        read: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<usize, ModuleError> {
        let mark = self.local.len();
        for (index, item) in self.items.iter().enumerate() {
            let Item::PerFolder { file, plain, .. } = item else { continue };
            let path =
                if folder.is_empty() { format!("{root}/{file}") } else { format!("{root}/{folder}/{file}") };
            let Some(bytes) = read(&path) else { continue };
            let mut rules = Vec::new();
            for line in String::from_utf8_lossy(&bytes).lines() {
                let parsed = match plain {
                    Some(include) => parse_plain(line, *include)?,
                    None => parse_rule(line)?,
                };
                if let Some(Rule::Match(rule)) = parsed {
                    rules.push(Ready::new(rule));
                }
            }
            self.local.push((index, folder.to_owned(), rules));
        }
        Ok(mark)
    }

    /// Forgets the rules of the folders entered since `mark`.
    pub fn leave(&mut self, mark: usize) {
        self.local.truncate(mark);
    }

    /// Whether a path is left out (sender), or must not be removed (receiver).
    #[must_use]
    pub fn excludes(&self, side: Side, path: &str, is_folder: bool) -> bool {
        let holder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, item) in self.items.iter().enumerate() {
            let verdict = match item {
                Item::Rule(ready) => ask(ready, side, path, is_folder),
                Item::PerFolder { file, exclude_self, no_inherit, .. } => {
                    let itself = path.rsplit('/').next() == Some(file.as_str());
                    if *exclude_self && itself && side == Side::Sender {
                        return true;
                    }
                    // The innermost folder speaks first.
                    let sets = self
                        .local
                        .iter()
                        .rev()
                        .filter(|(of, folder, _)| *of == index && (!no_inherit || folder == holder));
                    sets.flat_map(|(_, folder, rules)| rules.iter().map(move |rule| (folder, rule))).find_map(
                        |(folder, rule)| {
                            let inner = path.strip_prefix(folder.as_str())?;
                            ask(rule, side, inner.strip_prefix('/').unwrap_or(inner), is_folder)
                        },
                    )
                }
            };
            if let Some(include) = verdict {
                return !include;
            }
        }
        false
    }
}

fn ask(ready: &Ready, side: Side, path: &str, is_folder: bool) -> Option<bool> {
    let counts = match side {
        Side::Sender => ready.rule.sender,
        Side::Receiver => ready.rule.receiver,
    };
    (counts && ready.pattern.matches(path, is_folder) != ready.rule.negate).then_some(ready.rule.include)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::system::Observe;
    use crate::system::fake::Fake;
    use std::path::Path;

    fn filter(rules: &[&str]) -> Filter {
        Filter::new(&rules.iter().filter_map(|text| parse_rule(text).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let filter = filter(&["+ /keep.pyc", "- *.pyc", "P /.env", "hide /secret", "exclude,! */"]);
        let sent = |path| !filter.excludes(Side::Sender, path, false);
        let kept = |path| filter.excludes(Side::Receiver, path, false);
        assert!(sent("keep.pyc") && !sent("a/b.pyc") && !sent("secret"));
        assert!(kept("a/b.pyc") && kept(".env") && !kept("keep.pyc"));
    }

    #[test]
    fn folders_have_rules_of_their_own() {
        let fake = Fake::new();
        fake.file("/t/.gitignore", "*.log\n# note\n");
        fake.file("/t/sub/.gitignore", "/build\n");
        let mut filter = filter(&[":- .gitignore"]);
        let read = |path: &str| fake.read(Path::new(path)).ok();
        filter.enter("/t", "", read).unwrap();
        let mark = filter.enter("/t", "sub", read).unwrap();
        assert!(filter.excludes(Side::Sender, "sub/x.log", false));
        assert!(filter.excludes(Side::Sender, "sub/build", true));
        assert!(!filter.excludes(Side::Sender, "sub/a/build", true));
        filter.leave(mark);
        assert!(!filter.excludes(Side::Sender, "sub/build", true));
        assert!(filter.excludes(Side::Sender, "x.log", false));
    }

    #[test]
    fn what_is_no_rule_is_said() {
        assert!(parse_rule("x").is_err());
        assert!(parse_rule("P").is_err());
        assert!(parse_rule("# note").unwrap().is_none());
    }
}
