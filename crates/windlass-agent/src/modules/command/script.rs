//! `script`: a script that came with the request.

use super::{inside, pattern, unchanged_output};
use crate::module::{Applied, Finish};
use crate::text::split_words;
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::command::ScriptArgs;
use windlass_protocol::{FileAttrs, FileKind, Op, RunSpec, What};

/// The module. The script's text comes as the content `script`.
pub struct Script;

impl Module for Script {
    type Args = ScriptArgs;

    fn plan(args: &ScriptArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let text = args.raw_params.as_ref().or(args.cmd.as_ref()).map_or("", |t| t.trim());
        let name = split_words(text).map_err(|error| ModuleError::new(error.to_string()))?;
        let Some(name) = name.first() else {
            return Err(ModuleError::new("no command given").with("rc", 256));
        };
        let chdir = args.chdir.as_deref();
        if let Some(folder) = chdir
            && sys.stat(Path::new(folder))?.is_none_or(|m| m.kind != FileKind::Directory)
        {
            return Err(ModuleError::new(format!("cannot change to the folder {folder}: it does not exist")));
        }
        let exists = |path: &str| pattern::any_match(sys, &inside(chdir, path));
        let mut plan = Plan::default();
        if let Some(path) = args.creates.as_deref().filter(|p| exists(p)) {
            plan.skipped = true;
            plan.msg = Some(format!("{path} exists, matching creates option"));
            return Ok(plan);
        }
        if let Some(path) = args.removes.as_deref().filter(|p| !exists(p)) {
            plan.skipped = true;
            plan.msg = Some(format!("{path} does not exist, matching removes option"));
            return Ok(plan);
        }
        let path = cx.scratch.join(name.rsplit('/').next().unwrap_or("script"));
        let path = path.to_string_lossy().into_owned();
        let attrs = FileAttrs { mode: Some(0o700), ..FileAttrs::default() };
        let shown = if cx.no_log { "(hidden: no_log)" } else { text };
        let what = || What::Command { text: shown.to_owned() };
        plan.push(
            what(),
            Op::Write {
                path: path.clone(),
                content: Content::Blob("script".into()),
                attrs,
                backup: false,
                validate: None,
                in_place: false,
            },
        );
        // The script's arguments are the user's own shell text; its path is handed over as `$0`.
        let line = match &args.executable {
            Some(interpreter) => format!("{interpreter} \"$0\" {}", arguments(text)),
            None => format!("\"$0\" {}", arguments(text)),
        };
        let run = RunSpec {
            argv: vec!["/bin/sh".into(), "-c".into(), line, path.clone()],
            cwd: chdir.map(str::to_owned),
            secret: cx.no_log,
            ..RunSpec::default()
        };
        plan.push(what(), Op::Run(run));
        plan.push(what(), Op::Remove { path, recursive: false });
        if cx.check {
            // As many as a person would count: one.
            plan.changes.truncate(1);
            plan.changed = Some(true);
        }
        Ok(plan)
    }

    fn finish(
        _args: &ScriptArgs,
        _cx: &Context<'_>,
        _sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        unchanged_output(plan, applied)
    }
}

/// What follows the first word, as it is written.
fn arguments(text: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => return text[at..].trim(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn the_arguments_follow_the_first_word() {
        assert_eq!(arguments("a.sh"), "");
        assert_eq!(arguments("'a b.sh'  x 'y z' $HOME"), "x 'y z' $HOME");
        assert_eq!(arguments("a\\ b.sh 1"), "1");
    }
}
