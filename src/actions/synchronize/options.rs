//! From the operator's arguments, rsync's options among them, to [`SyncOptions`].

use std::path::PathBuf;
use windlass_agent::ModuleError;
use windlass_agent::modules::synchronize::filter::{parse_plain, parse_rule};
use windlass_protocol::modules::synchronize::{MatchRule, Rule, SyncOptions, SynchronizeArgs};

/// What is wrong with the options.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// rsync has it, we do not.
    #[error("the rsync option '{0}' is not supported")]
    Unsupported(String),
    /// It needs a value.
    #[error("the rsync option '{0}' needs a value")]
    Value(String),
    /// A filter rule that is none.
    #[error("{0}")]
    Rule(#[from] ModuleError),
    /// A file of patterns that cannot be read.
    #[error("cannot read the patterns in {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `delete` without going down.
    #[error("delete needs recursive or dirs")]
    Delete,
}

/// Options whose effect there is in any case, or that are about the connection or the display.
const NO_EFFECT: [&str; 44] = [
    "-v",
    "--verbose",
    "-q",
    "--quiet",
    "-z",
    "--compress",
    "-h",
    "--human-readable",
    "-P",
    "--partial",
    "--progress",
    "-W",
    "--whole-file",
    "--no-whole-file",
    "--no-W",
    "--inplace",
    "--delay-updates",
    "--delete-after",
    "--delete-before",
    "--delete-during",
    "--delete-delay",
    "--del",
    "-i",
    "--itemize-changes",
    "--stats",
    "--no-motd",
    "-s",
    "--protect-args",
    "--secluded-args",
    "-S",
    "--sparse",
    "--no-compress",
    "--no-inc-recursive",
    "--inc-recursive",
    "--blocking-io",
    "-8",
    "--8-bit-output",
    "--old-args",
    "--force",
    "--no-implied-dirs",
    "--ignore-errors",
    "-4",
    "-6",
    "--no-partial",
];
/// The same with a value.
const NO_EFFECT_VALUE: [&str; 16] = [
    "--timeout",
    "--contimeout",
    "--bwlimit",
    "-e",
    "--rsh",
    "--rsync-path",
    "--info",
    "--debug",
    "--out-format",
    "--log-file",
    "--port",
    "--compress-level",
    "--partial-dir",
    "-T",
    "--temp-dir",
    "--block-size",
];

/// The options of a task.
///
/// # Errors
/// Options that are not supported, or filter rules that are none.
pub fn sync_options(args: &SynchronizeArgs) -> Result<SyncOptions, OptionError> {
    let on = |option: Option<bool>| option.unwrap_or(args.archive);
    let mut reader = Reader {
        options: SyncOptions {
            recursive: on(args.recursive),
            dirs: args.dirs,
            links: on(args.links),
            copy_links: args.copy_links,
            perms: on(args.perms),
            times: on(args.times),
            owner: on(args.owner),
            group: on(args.group),
            checksum: args.checksum,
            existing: args.existing_only,
            delete: args.delete,
            // With them the reference always asks for filter files.
            rules: match args.delay_updates {
                true => parse_rule(": .rsync-filter").ok().flatten().into_iter().collect(),
                false => Vec::new(),
            },
            ..SyncOptions::default()
        },
        delete_excluded: false,
    };
    let mut words = args.rsync_opts.iter().flat_map(|text| split(text));
    while let Some(word) = words.next() {
        reader.word(&word, &mut words)?;
    }
    let Reader { mut options, delete_excluded } = reader;
    if options.delete && !options.recursive && !options.dirs {
        return Err(OptionError::Delete);
    }
    if delete_excluded {
        // What is excluded is not protected any more.
        for rule in &mut options.rules {
            if let Rule::Match(MatchRule { sender: true, receiver, .. }) = rule {
                *receiver = false;
            }
        }
    }
    Ok(options)
}

/// One entry of the list is one argument; an option and its value in one entry are told apart all the same.
fn split(text: &str) -> Vec<String> {
    let text = text.trim();
    match text.split_once(' ') {
        Some((option, value)) if option.starts_with('-') && !option.contains('=') => {
            vec![option.to_owned(), value.trim().trim_matches(['\'', '"']).to_owned()]
        }
        _ => match text.split_once('=') {
            // Quotes are the shell's, and there is none.
            Some((option, value)) if value.len() > 1 => {
                let quoted = ['\'', '"'].iter().any(|q| value.starts_with(*q) && value.ends_with(*q));
                let value = if quoted { &value[1..value.len() - 1] } else { value };
                vec![format!("{option}={value}")]
            }
            _ => vec![text.to_owned()],
        },
    }
}

struct Reader {
    options: SyncOptions,
    delete_excluded: bool,
}

impl Reader {
    fn word(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), OptionError> {
        if word.is_empty() {
            return Ok(());
        }
        let (name, given) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word, None),
        };
        if NO_EFFECT.contains(&name) {
            return Ok(());
        }
        let mut value =
            || given.clone().or_else(|| rest.next()).ok_or_else(|| OptionError::Value(name.to_owned()));
        if NO_EFFECT_VALUE.contains(&name) {
            value()?;
            return Ok(());
        }
        match name {
            "--exclude" => self.plain(&value()?, false)?,
            "--include" => self.plain(&value()?, true)?,
            "--filter" | "-f" => self.options.rules.extend(parse_rule(&value()?)?),
            "-F" => self.options.rules.extend(parse_rule(": .rsync-filter")?),
            "-C" | "--cvs-exclude" => {
                for pattern in [
                    "CVS/", ".git/", ".svn/", ".hg/", ".bzr/", "*~", "#*", "*.orig", "*.rej", "*.bak",
                    "*.old", "*.o", "*.so", "*.a", "tags", "core",
                ] {
                    self.plain(pattern, false)?;
                }
            }
            "--exclude-from" => self.from_file(value()?, false)?,
            "--include-from" => self.from_file(value()?, true)?,
            "--chmod" => self.options.chmod.extend(value()?.split(',').map(str::to_owned)),
            "--chown" => {
                let value = value()?;
                let (user, group) = value.split_once(':').unwrap_or((&value, ""));
                let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                (self.options.chown_user, self.options.chown_group) = (some(user), some(group));
            }
            _ => self.flag(name, word)?,
        }
        Ok(())
    }

    fn flag(&mut self, name: &str, word: &str) -> Result<(), OptionError> {
        let options = &mut self.options;
        match name {
            "--archive" => self.archive(),
            "--recursive" => options.recursive = true,
            "--no-recursive" | "--no-r" => options.recursive = false,
            "--dirs" => options.dirs = true,
            "--links" => options.links = true,
            "--no-links" | "--no-l" => options.links = false,
            "--copy-links" => options.copy_links = true,
            "--perms" => options.perms = true,
            "--no-perms" | "--no-p" => options.perms = false,
            "--times" => options.times = true,
            "--no-times" | "--no-t" => options.times = false,
            "--omit-dir-times" => options.omit_dir_times = true,
            "--owner" => options.owner = true,
            "--no-owner" | "--no-o" => options.owner = false,
            "--group" => options.group = true,
            "--no-group" | "--no-g" => options.group = false,
            "--numeric-ids" => options.numeric_ids = true,
            "--checksum" => options.checksum = true,
            "--no-checksum" | "--no-c" => options.checksum = false,
            "--size-only" => options.size_only = true,
            "--ignore-times" => options.ignore_times = true,
            "--existing" => options.existing = true,
            "--ignore-existing" => options.ignore_existing = true,
            "--update" => options.update = true,
            "--delete" => options.delete = true,
            "--delete-excluded" => {
                options.delete = true;
                self.delete_excluded = true;
            }
            "--mkpath" => options.mkpath = true,
            "--fsync" => options.fsync = true,
            // Devices and special files are left out, and it is said.
            "-D" | "--devices" | "--specials" | "--no-D" | "--no-devices" | "--no-specials" => {}
            _ if word.starts_with('-') && !word.starts_with("--") && word.len() > 1 => {
                for letter in word[1..].chars() {
                    self.letter(letter, word)?;
                }
            }
            _ => return Err(OptionError::Unsupported(word.to_owned())),
        }
        Ok(())
    }

    fn letter(&mut self, letter: char, word: &str) -> Result<(), OptionError> {
        let options = &mut self.options;
        match letter {
            'a' => self.archive(),
            'r' => options.recursive = true,
            'd' => options.dirs = true,
            'l' => options.links = true,
            'L' => options.copy_links = true,
            'p' => options.perms = true,
            't' => options.times = true,
            'O' => options.omit_dir_times = true,
            'o' => options.owner = true,
            'g' => options.group = true,
            'c' => options.checksum = true,
            'I' => options.ignore_times = true,
            'u' => options.update = true,
            'v' | 'q' | 'z' | 'h' | 'P' | 'W' | 'i' | 'S' | 'D' | 's' => {}
            _ => return Err(OptionError::Unsupported(word.to_owned())),
        }
        Ok(())
    }

    fn archive(&mut self) {
        let options = &mut self.options;
        (options.recursive, options.links, options.perms) = (true, true, true);
        (options.times, options.owner, options.group) = (true, true, true);
    }

    fn plain(&mut self, pattern: &str, include: bool) -> Result<(), OptionError> {
        self.options.rules.extend(parse_plain(pattern, include)?);
        Ok(())
    }

    fn from_file(&mut self, path: String, include: bool) -> Result<(), OptionError> {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| OptionError::File { path: PathBuf::from(&path), source })?;
        for line in text.lines() {
            self.plain(line, include)?;
        }
        Ok(())
    }
}
