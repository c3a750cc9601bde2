//! Everything that is wrong with a playbook, collected.

use windlass_yaml::diagnostic::{Diagnostic, Level};

/// Errors and warnings in the order in which they were found.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Diagnostic>,
}

impl Problems {
    /// Adds one; the same text at the same place only once (a role that is used twice is read twice).
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |d: &Diagnostic| d.message == diagnostic.message && d.span == diagnostic.span;
        if !self.list.iter().any(same) {
            self.list.push(diagnostic);
        }
    }
    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.level == Level::Error)
    }
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Diagnostic] {
        &self.list
    }
    /// Takes all of them out.
    pub fn take(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.list)
    }
}

/// The nearest of some names, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|n| (strsim::damerau_levenshtein(n, name), n))
        .filter(|(d, n)| *d <= 1 + n.len().max(name.len()) / 4)
        .min()
        .map(|(_, n)| n)
}
