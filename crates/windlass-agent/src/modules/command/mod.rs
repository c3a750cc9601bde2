//! `command`, `shell`, `raw` and `script`: programs that the playbook names.

mod own;
pub mod pattern;
mod script;
pub mod words;

pub use own::OwnModule;
pub use script::Script;

use crate::module::{Applied, Finish};
use crate::text::split_words;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use windlass_protocol::modules::command::{CommandArgs, RawArgs, ShellArgs};
use windlass_protocol::{Json, Op, RunSpec, What};

/// The module `command`.
pub struct Command;
/// The module `shell`.
pub struct Shell;
/// The module `raw`.
pub struct Raw;

/// What all of them share.
struct Wanted<'a> {
    /// Program and arguments, ready to run.
    argv: Vec<String>,
    /// What the result shows as `cmd`.
    cmd: Json,
    chdir: Option<&'a str>,
    creates: Option<&'a str>,
    removes: Option<&'a str>,
    stdin: Vec<u8>,
    strip: bool,
}

/// Return values as they are before anything ran, in the order in which users know them.
fn fresh(cmd: &Json) -> Plan {
    let mut plan = Plan::default();
    plan.set("stdout", "");
    plan.set("stderr", "");
    plan.set("rc", Json::Null);
    plan.set("cmd", cmd.clone());
    for key in ["start", "end", "delta"] {
        plan.set(key, Json::Null);
    }
    plan.msg = Some(String::new());
    plan
}

fn failed(plan: Plan, msg: &str) -> ModuleError {
    ModuleError { msg: msg.to_owned(), values: plan.values, ..ModuleError::default() }
}

/// A path that the user gave relative to `chdir`.
fn inside(chdir: Option<&str>, path: &str) -> String {
    match chdir {
        Some(folder) if !path.starts_with('/') => format!("{}/{path}", folder.trim_end_matches('/')),
        _ => path.to_owned(),
    }
}

fn plan(wanted: Wanted<'_>, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
    let mut plan = fresh(&wanted.cmd);
    if let Some(folder) = wanted.chdir {
        let is_folder = sys.stat(Path::new(folder))?.map(|m| m.kind);
        let reason = match is_folder {
            Some(windlass_protocol::FileKind::Directory) if sys.access(Path::new(folder), 1) => None,
            Some(windlass_protocol::FileKind::Directory) => Some("[Errno 13] Permission denied"),
            Some(_) => Some("[Errno 20] Not a directory"),
            None => Some("[Errno 2] No such file or directory"),
        };
        if let Some(reason) = reason {
            let msg = format!("Unable to change directory before execution: {reason}: '{folder}'");
            return Err(failed(plan, &msg));
        }
    }
    let verb = if cx.check { "Would" } else { "Did" };
    let exists = |path: &str| pattern::any_match(sys, &inside(wanted.chdir, path));
    let skip = if let Some(path) = wanted.creates.filter(|p| exists(p)) {
        Some((
            format!("{verb} not run command since '{path}' exists"),
            format!("skipped, since {path} exists"),
        ))
    } else {
        wanted.removes.filter(|p| !exists(p)).map(|path| {
            (
                format!("{verb} not run command since '{path}' does not exist"),
                format!("skipped, since {path} does not exist"),
            )
        })
    };
    if let Some((msg, stdout)) = skip {
        plan.msg = Some(msg);
        plan.set("stdout", stdout);
        plan.set("rc", 0);
        return Ok(plan);
    }
    let text = match (&wanted.cmd, cx.no_log) {
        (_, true) => "(hidden: no_log)".to_owned(),
        (Json::String(text), _) => text.clone(),
        _ => wanted.argv.iter().map(|w| words::quote(w)).collect::<Vec<_>>().join(" "),
    };
    let run = RunSpec {
        argv: wanted.argv,
        cwd: wanted.chdir.map(str::to_owned),
        stdin: wanted.stdin,
        secret: cx.no_log,
        ..RunSpec::default()
    };
    plan.push(What::Command { text }, Op::Run(run));
    if cx.check {
        plan.set("rc", 0);
        plan.msg = Some("Command would have run if not in check mode".into());
        if wanted.creates.is_none() && wanted.removes.is_none() {
            plan.skipped = true;
            plan.changed = Some(false);
        }
    } else {
        // The beginning, and what `finish` has to know besides.
        let (seconds, nanos) = sys.now();
        plan.set("start", Json::from(vec![Json::from(seconds), Json::from(nanos), Json::from(wanted.strip)]));
    }
    Ok(plan)
}

/// Fills in what the program said.
fn finish(sys: &dyn Observe, mut plan: Plan, applied: &Applied) -> Result<Finish, ModuleError> {
    let Some(output) = applied.last_output() else { return Ok(Finish::Done(plan)) };
    let begun = plan.values.get("start").cloned().unwrap_or_default();
    let part = |at: usize| begun.get(at).and_then(Json::as_i64).unwrap_or(0);
    let strip = begun.get(2).and_then(Json::as_bool).unwrap_or(true);
    let (start, end) = ((part(0), part(1) as u32), sys.now());
    let ended = |text: String| match strip {
        true => text.trim_end_matches(['\r', '\n']).to_owned(),
        false => text,
    };
    plan.set("stdout", ended(output.out()));
    plan.set("stderr", ended(output.err()));
    plan.set("rc", output.code);
    plan.set("start", sys.local_time(start.0).python_text(start.1));
    plan.set("end", sys.local_time(end.0).python_text(end.1));
    plan.set("delta", delta(start, end));
    if output.code != 0 {
        let changes = std::mem::take(&mut plan.changes);
        return Err(ModuleError { changed: true, changes, ..failed(plan, "non-zero return code") });
    }
    Ok(Finish::Done(plan))
}

/// A duration as Python prints it: `0:00:01.000123`, `1 day, 0:00:00`.
fn delta(start: (i64, u32), end: (i64, u32)) -> String {
    let micros = |(s, n): (i64, u32)| s * 1_000_000 + i64::from(n / 1000);
    let all = (micros(end) - micros(start)).max(0);
    let (seconds, micros) = (all / 1_000_000, all % 1_000_000);
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        n => format!("{n} days, "),
    };
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    let (hours, minutes, seconds) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{days}{hours}:{minutes:02}:{seconds:02}{fraction}")
}

fn input(text: Option<&str>, newline: bool) -> Vec<u8> {
    let mut bytes = text.unwrap_or("").as_bytes().to_vec();
    if newline && !bytes.is_empty() {
        bytes.push(b'\n');
    }
    bytes
}

/// A text that is not only white space.
fn written<'a>(raw: Option<&'a String>, cmd: Option<&'a String>) -> Option<&'a str> {
    raw.or(cmd).map(String::as_str).filter(|t| !t.trim().is_empty())
}

fn nothing() -> ModuleError {
    failed(fresh(&Json::Null), "no command given").with("rc", 256)
}

impl Module for Command {
    type Args = CommandArgs;

    fn plan(args: &CommandArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let listed = match (written(args.raw_params.as_ref(), args.cmd.as_ref()), &args.argv) {
            (Some(text), _) => split_words(text).map_err(|error| ModuleError::new(error.to_string()))?,
            (None, Some(argv)) if !argv.is_empty() => argv.clone(),
            _ => return Err(nothing()),
        };
        let expanded = |word: &String| match args.expand_argument_vars {
            true => words::expand(word, sys, cx.environment),
            false => word.clone(),
        };
        let wanted = Wanted {
            argv: listed.iter().map(expanded).collect(),
            cmd: listed.into(),
            chdir: args.chdir.as_deref(),
            creates: args.creates.as_deref(),
            removes: args.removes.as_deref(),
            stdin: input(args.stdin.as_deref(), args.stdin_add_newline),
            strip: args.strip_empty_ends,
        };
        let mut plan = plan(wanted, cx, sys)?;
        if let Some(shell) = &args.executable {
            plan.warnings.push(format!("'executable' has no effect in 'command': '{shell}' is not used"));
        }
        Ok(plan)
    }

    fn finish(
        _args: &CommandArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        finish(sys, plan, applied)
    }
}

impl Module for Shell {
    type Args = ShellArgs;

    fn plan(args: &ShellArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let (text, cmd) = match (written(args.raw_params.as_ref(), args.cmd.as_ref()), &args.argv) {
            (Some(text), _) => (text.to_owned(), Json::from(text)),
            (None, Some(argv)) if !argv.is_empty() => {
                let quoted: Vec<String> = argv.iter().map(|w| words::quote(w)).collect();
                (quoted.join(" "), Json::from(argv.clone()))
            }
            _ => return Err(nothing()),
        };
        let shell = args.executable.clone().unwrap_or_else(|| "/bin/sh".into());
        let wanted = Wanted {
            argv: vec![shell, "-c".into(), text],
            cmd,
            chdir: args.chdir.as_deref(),
            creates: args.creates.as_deref(),
            removes: args.removes.as_deref(),
            stdin: input(args.stdin.as_deref(), args.stdin_add_newline),
            strip: args.strip_empty_ends,
        };
        plan(wanted, cx, sys)
    }

    fn finish(
        _args: &ShellArgs,
        _cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        finish(sys, plan, applied)
    }
}

impl Module for Raw {
    type Args = RawArgs;

    fn plan(args: &RawArgs, cx: &Context<'_>, _sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let shell = args.executable.clone().unwrap_or_else(|| "/bin/sh".into());
        let text = if cx.no_log { "(hidden: no_log)".to_owned() } else { args.raw_params.clone() };
        let run = RunSpec {
            argv: vec![shell, "-c".into(), args.raw_params.clone()],
            secret: cx.no_log,
            ..RunSpec::default()
        };
        let mut plan = Plan::default();
        plan.push(What::Command { text }, Op::Run(run));
        if cx.check {
            plan.skipped = true;
            plan.changed = Some(false);
        }
        Ok(plan)
    }

    fn finish(
        _args: &RawArgs,
        _cx: &Context<'_>,
        _sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        unchanged_output(plan, applied)
    }
}

/// `rc`, `stdout` and `stderr` as they came.
fn unchanged_output(mut plan: Plan, applied: &Applied) -> Result<Finish, ModuleError> {
    let Some(output) = applied.last_output() else { return Ok(Finish::Done(plan)) };
    plan.set("rc", output.code);
    plan.set("stdout", output.out());
    plan.set("stderr", output.err());
    if output.code != 0 {
        let changes = std::mem::take(&mut plan.changes);
        return Err(ModuleError { changed: true, changes, ..failed(plan, "non-zero return code") });
    }
    Ok(Finish::Done(plan))
}

#[cfg(test)]
mod tests {
    use super::delta;

    #[test]
    fn durations_as_python_prints_them() {
        assert_eq!(delta((10, 0), (10, 3_456_000)), "0:00:00.003456");
        assert_eq!(delta((0, 0), (3_661, 0)), "1:01:01");
        assert_eq!(delta((0, 999_999_000), (86_401, 0)), "1 day, 0:00:00.000001");
    }
}
