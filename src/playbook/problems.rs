//! Everything that is wrong with a playbook, collected.

use windlass_yaml::diagnostic::{Diagnostic, Level};

/// What a problem stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    /// The playbook cannot be understood.
    Reading,
    /// It can, but something that it names is not there.
    Run,
    /// A task would fail; seen before it runs.
    Task,
}

/// Errors and warnings in the order in which they were found.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Diagnostic>,
    stops: Vec<Stops>,
}

impl Problems {
    /// Adds one because of which the playbook cannot be understood; the same text at the same place only once (a role that
    /// is used twice is read twice).
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic, Stops::Reading);
    }
    /// Adds one because of which the run cannot begin.
    pub fn refuse(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic, Stops::Run);
    }
    /// Adds one because of which a task would fail.
    pub fn foresee(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic, Stops::Task);
    }
    fn add(&mut self, diagnostic: Diagnostic, stops: Stops) {
        let same = |d: &Diagnostic| d.message == diagnostic.message && d.span == diagnostic.span;
        if !self.list.iter().any(same) {
            self.list.push(diagnostic);
            self.stops.push(stops);
        }
    }
    fn errors(&self) -> impl Iterator<Item = Stops> {
        let both = self.list.iter().zip(&self.stops);
        both.filter(|(d, _)| d.level == Level::Error).map(|(_, stops)| *stops)
    }
    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }
    /// Whether the text of a file could not be understood.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.errors().any(|stops| stops == Stops::Reading)
    }
    /// The exit code of a run that cannot begin, Ansible's for the first mistake: 4 if the playbook cannot be understood, 1 if
    /// something is missing, 2 if only tasks would have failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.errors().find(|stops| *stops != Stops::Task) {
            Some(Stops::Reading) => 4,
            Some(Stops::Run) => 1,
            Some(Stops::Task) | None => 2,
        }
    }
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Diagnostic] {
        &self.list
    }
    /// Takes all of them out.
    pub fn take(&mut self) -> Vec<Diagnostic> {
        self.stops.clear();
        std::mem::take(&mut self.list)
    }
}

/// The nearest of some names, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|n| (strsim::damerau_levenshtein(n, name), n))
        .filter(|(d, n)| *d <= 1 + n.len().max(name.len()) / 4 && *d < n.len().max(name.len()))
        .min()
        .map(|(_, n)| n)
}

/// The name of a file beside a missing one that was probably meant, as it would have been written.
#[must_use]
pub fn near_file(path: &std::path::Path) -> Option<String> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let names: Vec<String> = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    let name = path.file_name()?.to_string_lossy().into_owned();
    nearest(&name, names.iter().map(String::as_str).filter(|n| **n != name)).map(str::to_owned)
}

/// Why a file cannot be read, without the system's number for it.
#[must_use]
pub fn reason_of(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}
