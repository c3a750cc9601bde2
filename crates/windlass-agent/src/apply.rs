//! Executes plans. The only code that holds a [`Mutate`].

mod many;

use crate::blobs::Blobs;
use crate::module::{Applied, ModuleError};
use crate::system::{LocalTime, Mutate, OutputSink, RunOutput};
use std::io;
use std::path::{Path, PathBuf};
use windlass_protocol::change::Content;
use windlass_protocol::{Change, Op, RunSpec, Stream};

/// Executes the steps in order and stops at the first that fails. Many folders and files of a tree in a row are independent of
/// one another and made by several threads.
///
/// # Errors
/// The failure of a step, in its operator's terms; earlier steps stay done and are among [`ModuleError::changes`], and those that
/// are always to be done are done.
pub fn apply(
    changes: &[Change],
    blobs: &Blobs,
    sys: &dyn Mutate,
    sink: Option<OutputSink<'_>>,
) -> Result<Applied, ModuleError> {
    let mut applied = Applied::default();
    let mut rest = changes;
    let Err(mut error) = in_order(changes, &mut rest, blobs, sys, sink, &mut applied) else {
        return Ok(applied);
    };
    for change in rest.iter().filter(|change| change.always) {
        if let Err(another) = step(change, blobs, sys, None, &mut applied) {
            error.msg.push_str(&format!("; and afterwards: {}", another.msg));
        }
    }
    Err(error)
}

/// Does the steps until one fails; `rest` are all of them at first, then those behind it.
fn in_order(
    changes: &[Change],
    rest: &mut &[Change],
    blobs: &Blobs,
    sys: &dyn Mutate,
    mut sink: Option<OutputSink<'_>>,
    applied: &mut Applied,
) -> Result<(), ModuleError> {
    while let Some((change, later)) = rest.split_first() {
        let (run, behind) = rest.split_at(many::run_length(rest));
        let before = &changes[..changes.len() - rest.len()];
        if many::is_worth_it(run.len()) {
            *rest = behind;
            many::apply(run, blobs, sys, applied).map_err(|error| behind_what_was_done(before, error))?;
            continue;
        }
        *rest = later;
        let output = match &mut sink {
            Some(sink) => step(change, blobs, sys, Some(&mut **sink), applied),
            None => step(change, blobs, sys, None, applied),
        };
        applied.outputs.push(output.map_err(|error| behind_what_was_done(before, error))?);
    }
    Ok(())
}

/// The error, with what was done before in front of what it says was done.
fn behind_what_was_done(before: &[Change], mut error: ModuleError) -> ModuleError {
    error.changes.splice(0..0, before.iter().cloned());
    error
}

fn step(
    change: &Change,
    blobs: &Blobs,
    sys: &dyn Mutate,
    sink: Option<OutputSink<'_>>,
    applied: &mut Applied,
) -> Result<Option<RunOutput>, ModuleError> {
    match &change.op {
        Op::Write { path, content, attrs, backup, validate, in_place } => {
            let target = Path::new(path);
            if *backup && sys.stat(target).map_err(at(path))?.is_some() {
                let copy = back_up(sys, target).map_err(at(path))?;
                applied.backups.push(copy.to_string_lossy().into_owned());
            }
            let mut reader = open(content, path, blobs, sys)?;
            let mut refused = None;
            let result = sys.write_file(target, &mut reader, attrs, *in_place, &mut |temporary| {
                let Some(argv) = validate else { return Ok(()) };
                let name = crate::text::shown(temporary);
                let run = RunSpec {
                    argv: argv.iter().map(|a| a.replace("%s", &name)).collect(),
                    ..RunSpec::default()
                };
                let output = sys.run(&run, None)?;
                if output.code == 0 {
                    return Ok(());
                }
                let text = format!("failed to validate: rc:{} error:{}", output.code, output.err());
                let error = ModuleError::new(text)
                    .with("exit_status", output.code)
                    .with("stdout", output.out())
                    .with("stderr", output.err());
                refused = Some(error);
                Err(io::Error::other("failed to validate"))
            });
            if let Some(error) = refused {
                return Err(error);
            }
            result.map_err(at(path))?;
        }
        Op::WriteLoose { path, content, attrs, mtime } => {
            let mut reader = open(content, path, blobs, sys)?;
            sys.write_loose(Path::new(path), &mut reader, attrs, *mtime).map_err(at(path))?;
        }
        Op::SyncFileSystem { path } => sys.sync_file_system(Path::new(path)).map_err(at(path))?,
        Op::MakeDirectory { path, attrs } => sys.make_dir(Path::new(path), attrs).map_err(at(path))?,
        Op::SetAttrs { path, attrs, follow } => {
            sys.set_attrs(Path::new(path), attrs, *follow).map_err(at(path))?;
        }
        Op::Symlink { path, target, attrs } => {
            sys.symlink(Path::new(path), target).map_err(at(path))?;
            if !attrs.is_empty() {
                sys.set_attrs(Path::new(path), attrs, false).map_err(at(path))?;
            }
        }
        Op::Hardlink { path, target } => {
            sys.hardlink(Path::new(path), Path::new(target)).map_err(at(path))?
        }
        Op::Remove { path, recursive } => sys.remove(Path::new(path), *recursive).map_err(at(path))?,
        Op::Rename { from, to } => sys.rename(Path::new(from), Path::new(to)).map_err(at(from))?,
        Op::Touch { path, atime, mtime, follow } => {
            sys.touch(Path::new(path), *atime, *mtime, *follow).map_err(at(path))?;
        }
        Op::CopyTree { from, to } => sys.copy_tree(Path::new(from), Path::new(to)).map_err(at(to))?,
        Op::Http(request) => applied.answers.push(sys.http_change(request)),
        Op::Run(run) => return execute(run, sys, sink).map(Some),
        Op::Sleep { ms } => sys.sleep(*ms),
        Op::Nothing => {}
    }
    Ok(None)
}

/// Says of which path an error is.
fn at(path: &str) -> impl Fn(io::Error) -> ModuleError {
    let path = path.to_owned();
    move |error| ModuleError::new(format!("{path}: {error}"))
}

fn open<'a>(
    content: &'a Content,
    path: &str,
    blobs: &'a Blobs,
    sys: &'a dyn Mutate,
) -> Result<Box<dyn io::Read + 'a>, ModuleError> {
    if let Content::Blob(name) = content {
        let missing = || ModuleError::new(format!("the content '{name}' did not come with the request"));
        return Ok(blobs.get(name).ok_or_else(missing)?.open().map_err(at(path))?);
    }
    match sys.open_content(content).map_err(at(path))? {
        Some(reader) => Ok(reader),
        None => Ok(Box::new(io::empty())),
    }
}

/// The system's number of an error, also of one that got words of its own.
fn error_number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::PermissionDenied => 13,
        io::ErrorKind::NotADirectory => 20,
        _ => 1,
    })
}

fn execute(run: &RunSpec, sys: &dyn Mutate, sink: Option<OutputSink<'_>>) -> Result<RunOutput, ModuleError> {
    let sink: Option<&mut dyn FnMut(Stream, &[u8])> = if run.secret { None } else { sink };
    let output = sys.run(run, sink).map_err(|error| {
        if error.kind() == io::ErrorKind::FileTooLarge {
            // It ran to its end, only its output is lost.
            return ModuleError { changed: true, ..ModuleError::new(error.to_string()) };
        }
        let text = if run.secret { run.argv.first().cloned().unwrap_or_default() } else { quoted(&run.argv) };
        let program = run.argv.first().map_or("", String::as_str);
        ModuleError::new(format!(
            "Error executing command: {}: '{program}'",
            crate::module::errno_text(&error)
        ))
        .with("cmd", text)
        .with("rc", error_number(&error))
        .with("stdout", "")
        .with("stderr", "")
    })?;
    if run.ok_codes.is_empty() || run.ok_codes.contains(&output.code) {
        return Ok(output);
    }
    let said = [output.err(), output.out()].into_iter().find(|t| !t.trim().is_empty());
    let said = said.unwrap_or_else(|| format!("exit code {}", output.code));
    let failure = match &run.failure {
        Some(failure) => failure.clone(),
        None => format!("{} failed", run.argv.first().map_or("", String::as_str)),
    };
    let cmd: Vec<String> =
        if run.secret { run.argv.iter().take(1).cloned().collect() } else { run.argv.clone() };
    let msg = if failure.is_empty() { said } else { format!("{failure}: {said}") };
    Err(ModuleError::new(msg)
        .with("rc", output.code)
        .with("stdout", output.out())
        .with("stderr", output.err())
        .with("cmd", cmd))
}

/// A command as a shell would take it.
fn quoted(argv: &[String]) -> String {
    let quote =
        |word: &String| shlex::try_quote(word).map_or_else(|_| word.clone(), |word| word.into_owned());
    argv.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Copies a file to Ansible's name of a backup: `path.PID.YYYY-MM-DD@HH:MM:SS~`, in the machine's time. Where something has
/// that name (the backup of a moment ago, or a trap), the number goes up.
fn back_up(sys: &dyn Mutate, path: &Path) -> io::Result<PathBuf> {
    // The backup of a link is of what it shows, not another link to what is about to change.
    let shown = sys.canonicalize(path)?;
    let time = stamp(&sys.local_time(sys.now().0));
    let first = std::process::id();
    for number in first..=first.saturating_add(MOST_BACKUPS) {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}.{time}~"));
        let copy = PathBuf::from(name);
        match sys.copy_tree(Path::new(&shown), &copy) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| copy),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a backup"))
}

/// How many backups of one file a second may see.
const MOST_BACKUPS: u32 = 1000;

fn stamp(time: &LocalTime) -> String {
    let LocalTime { year, month, day, hour, minute, second, .. } = time;
    format!("{year:04}-{month:02}-{day:02}@{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests;
