//! From text to lines, with included files in place.

use super::{ConfigError, ConfigMistake, Machine, tokens};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Includes nested deeper than this are a circle.
const DEPTH: usize = 16;

/// A line that says something.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// In lower case.
    pub(super) keyword: String,
    pub(super) arguments: Vec<String>,
    /// Of an `Include`.
    pub(super) included: Vec<Line>,
    file: PathBuf,
    number: usize,
}

impl Line {
    pub(super) fn error(&self, mistake: ConfigMistake) -> ConfigError {
        mistake.at(format!("{}:{}", self.file.display(), self.number))
    }
}

/// Reads files.
pub(super) struct Reader<'a> {
    /// Relative includes are below it.
    pub(super) folder: &'a Path,
    pub(super) machine: &'a Machine,
    /// Nobody but the user and root may be able to write the files: they name commands.
    pub(super) private: bool,
}

impl Reader<'_> {
    /// The lines of a file. One that is missing has none, unless it was named explicitly.
    pub(super) fn read(&self, file: &Path, explicit: bool) -> Result<Vec<Line>, ConfigError> {
        self.read_at(file, explicit, 0)
    }

    fn is_private(&self, meta: &Metadata) -> bool {
        (meta.uid() == 0 || meta.uid() == self.machine.uid) && meta.mode() & 0o022 == 0
    }

    fn read_at(&self, file: &Path, explicit: bool, depth: usize) -> Result<Vec<Line>, ConfigError> {
        let failed = |mistake: ConfigMistake| mistake.at(file.display().to_string());
        if depth > DEPTH {
            return Err(failed(ConfigMistake::Nested));
        }
        let bytes = match File::open(file).and_then(|mut from| {
            let (meta, mut bytes) = (from.metadata()?, Vec::new());
            from.read_to_end(&mut bytes).map(|_| (meta, bytes))
        }) {
            Ok((meta, _)) if self.private && !self.is_private(&meta) => {
                return Err(failed(ConfigMistake::Permissions));
            }
            Ok((_, bytes)) => bytes,
            Err(_) if !explicit => return Ok(Vec::new()),
            Err(error) => return Err(failed(ConfigMistake::Read(Arc::new(error)))),
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = Vec::new();
        for (number, text) in text.lines().enumerate() {
            let place = || format!("{}:{}", file.display(), number + 1);
            let words = split(text).map_err(|mistake| mistake.at(place()))?;
            let Some((keyword, arguments)) = words else { continue };
            let mut line =
                Line { keyword, arguments, included: Vec::new(), file: file.to_owned(), number: number + 1 };
            if line.keyword == "include" {
                for pattern in line.arguments.clone() {
                    let path = tokens::tilde(Path::new(&pattern), self.machine);
                    // An absolute pattern replaces the folder.
                    let path = self.folder.join(path);
                    for file in expand(&path) {
                        line.included.extend(self.read_at(&file, false, depth + 1)?);
                    }
                }
            }
            lines.push(line);
        }
        Ok(lines)
    }
}

/// The files that a pattern names, sorted. Wildcards may be in every part.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let Ok(glob) = globset::Glob::new(&text).map(|glob| glob.compile_matcher()) else {
            return Vec::new();
        };
        let mut next = Vec::new();
        for folder in found {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let names = entries.flatten().map(|entry| entry.file_name());
            let shown =
                |name: &std::ffi::OsString| text.starts_with('.') || !name.to_string_lossy().starts_with('.');
            next.extend(
                names.filter(|name| shown(name) && glob.is_match(name)).map(|name| folder.join(name)),
            );
        }
        next.sort();
        found = next;
    }
    found
}

/// Keyword and arguments of a line; `None` for an empty one or a comment.
pub(super) fn split(line: &str) -> Result<Option<(String, Vec<String>)>, ConfigMistake> {
    let line = line.trim_matches([' ', '\t', '\r', '\x0c']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find([' ', '\t', '=', '"']).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let keyword = keyword.to_ascii_lowercase();
    if keyword == "proxycommand" || keyword == "localcommand" || keyword == "remotecommand" {
        // A command is the rest of the line as it stands.
        return Ok(Some((keyword, vec![rest.to_owned()])));
    }
    Ok(Some((keyword, words(rest)?)))
}

/// Splits at blanks, with quotes and backslashes; a `#` at the beginning of a word ends the line.
pub(super) fn words(text: &str) -> Result<Vec<String>, ConfigMistake> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        loop {
            let Some(c) = chars.peek().copied() else {
                if quote.is_some() {
                    return Err(ConfigMistake::Quote);
                }
                break;
            };
            match quote {
                None if c.is_whitespace() => break,
                None if c == '"' || c == '\'' => quote = Some(c),
                Some(open) if c == open => quote = None,
                _ if c == '\\' => {
                    chars.next();
                    match chars.peek().copied() {
                        Some(next)
                            if matches!(next, '\\' | '"' | '\'') || (quote.is_none() && next == ' ') =>
                        {
                            word.push(next);
                        }
                        // Any other backslash stands for itself.
                        _ => {
                            word.push('\\');
                            continue;
                        }
                    }
                }
                _ => word.push(c),
            }
            chars.next();
        }
        words.push(word);
    }
}
