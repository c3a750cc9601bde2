//! `cron`: jobs with a name in the comment line before them, in a user's crontab or a file of `/etc/cron.d`.

mod table;

use super::rewrite::{Rewrite, text_diff};
use crate::paths::followed;
use crate::text::{decode, encode};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use std::path::Path;
use table::Table;
use windlass_protocol::change::Content;
use windlass_protocol::modules::cron::CronArgs;
use windlass_protocol::modules::user::AccountState;
use windlass_protocol::{FileAttrs, FileKind, Op, RunSpec, What};

/// The module.
pub struct Cron;

/// `crontab`, for the user of the task.
fn crontab(args: &CronArgs, sys: &dyn Observe, word: &str) -> RunSpec {
    let mut argv = vec!["crontab".to_owned()];
    let me = sys.user_by_id(sys.euid()).map(|u| u.name);
    if let Some(user) = args.user.as_ref().filter(|u| Some(*u) != me.as_ref()) {
        argv.extend(["-u".to_owned(), user.clone()]);
    }
    argv.push(word.to_owned());
    RunSpec { argv, ..RunSpec::default() }
}

fn check(args: &CronArgs, plan: &mut Plan) -> Result<(), ModuleError> {
    if let Some(file) = args.cron_file.as_deref() {
        if file == "/etc/crontab" {
            return Err(ModuleError::new("Will not manage /etc/crontab via cron_file, see documentation."));
        }
        let base = file.rsplit('/').next().unwrap_or("");
        if base.is_empty() || !base.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            plan.warnings.push(format!(
                "cron ignores files whose name (here \"{base}\") has other characters than letters, digits, underscores and hyphens"
            ));
        }
    }
    let fields = [&args.minute, &args.hour, &args.day, &args.month, &args.weekday];
    if args.special_time.is_some() && fields.iter().any(|f| *f != "*") {
        return Err(ModuleError::new(
            "You cannot combine special_time with any of the time or day/date parameters.",
        ));
    }
    if args.state == AccountState::Present {
        if args.cron_file.is_some() && args.user.is_none() {
            return Err(ModuleError::new("To use cron_file=... parameter you must specify user=... as well"));
        }
        if args.job.is_none() {
            return Err(ModuleError::new("You must specify 'job' to install a new cron job or variable"));
        }
        if (args.insertafter.is_some() || args.insertbefore.is_some()) && !args.env {
            return Err(ModuleError::new(
                "Insertafter and insertbefore parameters are valid only with env=yes",
            ));
        }
    }
    if args.env && args.name.contains(' ') {
        return Err(ModuleError::new("Invalid name for environment variable"));
    }
    Ok(())
}

/// The job's line.
fn line(args: &CronArgs) -> String {
    let prefix = if args.disabled { "#" } else { "" };
    let time = match &args.special_time {
        Some(special) => format!("@{special}"),
        None => {
            [&args.minute, &args.hour, &args.day, &args.month, &args.weekday].map(String::as_str).join(" ")
        }
    };
    let user = match (&args.cron_file, &args.user) {
        (Some(_), Some(user)) => format!(" {user}"),
        _ => String::new(),
    };
    let job = args.job.as_deref().unwrap_or("").trim_matches(['\r', '\n']);
    format!("{prefix}{time}{user} {job}")
}

impl Module for Cron {
    type Args = CronArgs;

    fn plan(args: &CronArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let mut plan = Plan::default();
        check(args, &mut plan)?;
        let file = args.cron_file.as_deref().map(|f| match f.starts_with('/') {
            true => f.to_owned(),
            false => format!("/etc/cron.d/{f}"),
        });
        let (existing, mut table) = match &file {
            Some(path) => {
                let text = sys.read(Path::new(path)).ok().map(|bytes| decode(&bytes));
                let table = Table::of_file(text.as_deref().unwrap_or(""));
                (text, table)
            }
            None => {
                let output = sys.query(&crontab(args, sys, "-l"))?;
                // 1 means that there is no crontab yet.
                if output.code != 0 && output.code != 1 {
                    return Err(ModuleError::new("Unable to read crontab").with("stderr", output.err()));
                }
                let (text, table) = Table::of_user(&decode(&output.stdout));
                (Some(text), table)
            }
        };
        let text = existing.clone().unwrap_or_default();
        let mut changed = edit(args, &mut table)?;
        let removed = args.state == AccountState::Absent && !args.env && changed && table.is_empty();
        let header = match (&file, &args.user) {
            (Some(path), _) => path.clone(),
            (None, Some(user)) => format!("crontab for user \"{user}\""),
            (None, None) => "crontab".to_owned(),
        };
        if let (true, Some(path)) = (removed, &file) {
            let kind = FileKind::File;
            let what = What::PathRemoved { path: path.clone(), kind };
            plan.push(what, Op::Remove { path: path.clone(), recursive: false });
            text_diff(cx, &mut plan, &header, &text, "");
            plan.set("cron_file", args.cron_file.as_deref().unwrap_or(""));
            plan.set("state", args.state.as_str());
            return Ok(plan);
        }
        changed |= !text.is_empty() && !text.ends_with(['\r', '\n']);
        plan.set("jobs", table.job_names());
        plan.set("envs", table.variable_names());
        if let Some(name) = args.cron_file.as_deref() {
            plan.set("cron_file", name);
        }
        if !changed {
            return Ok(plan);
        }
        let after = table.render();
        match &file {
            Some(path) => {
                let attrs = match existing {
                    None => FileAttrs { mode: Some(0o644), ..FileAttrs::default() },
                    Some(_) => FileAttrs::default(),
                };
                // A link stays one: what it leads to is written.
                let path = &followed(path, sys);
                Rewrite { path, before: existing.as_deref(), after: &after, attrs, backup: args.backup }
                    .plan(cx, &mut plan);
            }
            None => {
                if args.backup {
                    keep(&text, cx, &mut plan);
                }
                let what = What::Setting {
                    kind: "crontab".into(),
                    name: args.user.clone().unwrap_or_default(),
                    before: Some(text.clone()),
                    after: Some(after.clone()),
                };
                let run = RunSpec {
                    stdin: encode(&after),
                    ok_codes: vec![0],
                    failure: Some("Failed to install new cronfile".into()),
                    ..crontab(args, sys, "-")
                };
                plan.push(what, Op::Run(run));
                text_diff(cx, &mut plan, &header, &text, &after);
            }
        }
        Ok(plan)
    }
}

/// Keeps the crontab as it was, in a file of its own.
fn keep(text: &str, cx: &Context<'_>, plan: &mut Plan) {
    let name = blake3::hash(text.as_bytes()).to_hex();
    let path = format!("/tmp/crontab{}", &name[..8]);
    if !cx.check {
        plan.set("backup_file", path.as_str());
    }
    let what = What::FileWritten { path: path.clone(), before: None, after: name.to_string() };
    let content = Content::Bytes(encode(text));
    let attrs = FileAttrs { mode: Some(0o600), ..FileAttrs::default() };
    plan.push(what, Op::Write { path, content, attrs, backup: false, validate: None, in_place: false });
}

/// Brings the job or variable to what it should be; whether that changed anything.
fn edit(args: &CronArgs, table: &mut Table) -> Result<bool, ModuleError> {
    let present = args.state == AccountState::Present;
    if args.env {
        if !present {
            return Ok(table.remove_variable(&args.name));
        }
        let line = format!("{}=\"{}\"", args.name, args.job.as_deref().unwrap_or(""));
        return match table.variable(&args.name) {
            Some(old) if old == line => Ok(false),
            Some(_) => Ok(table.replace_variable(&args.name, &line)),
            None => match (&args.insertafter, &args.insertbefore) {
                (None, None) => Ok(table.add_variable(line, None)),
                (Some(other), _) | (None, Some(other)) => match table.variable_at(other) {
                    Some(at) => {
                        Ok(table.add_variable(line, Some(at + usize::from(args.insertafter.is_some()))))
                    }
                    None => Err(ModuleError::new(format!("Variable named '{other}' not found."))),
                },
            },
        };
    }
    if present { Ok(table.set_job(&args.name, &line(args))) } else { Ok(table.remove_job(&args.name)) }
}
