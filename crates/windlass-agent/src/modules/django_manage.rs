//! `django_manage`: runs a management command of a Django project, and reads from what it prints whether it changed something.

use crate::module::{Applied, Finish};
use crate::system::{Observe, RunOutput};
use crate::{Context, Module, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::modules::django_manage::DjangoManageArgs;
use windlass_protocol::{Json, Op, RunSpec, What};

/// The module.
pub struct DjangoManage;

/// Commands that would ask a question.
const NOINPUT: [&str; 4] = ["flush", "migrate", "test", "collectstatic"];

impl Module for DjangoManage {
    type Args = DjangoManageArgs;

    fn plan(args: &DjangoManageArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let words = shlex::split(&args.command).filter(|words| !words.is_empty()).ok_or_else(|| {
            ModuleError::new(format!("the command cannot be split into words: {}", args.command))
        })?;
        let command = words[0].as_str();
        check_parameters(args, command)?;
        if let Some(venv) = &args.virtualenv
            && sys.stat(&Path::new(&**venv).join("bin/activate"))?.is_none()
        {
            let msg = format!("{} does not point to a valid virtual environment", &**venv);
            return Err(ModuleError::new(msg));
        }
        let cmd = command_line(args, &words);
        let mut plan = Plan::default();
        if cx.check {
            match would_change(args, cx, sys, &words)? {
                Some(changed) => plan.changed = Some(changed),
                None => {
                    plan.skipped = true;
                    plan.msg = Some(format!("'{command}' cannot be foreseen: not run in check mode"));
                    plan.changed = Some(false);
                    return Ok(plan);
                }
            }
            if plan.changed == Some(false) {
                describe(&mut plan, args, &cmd, "");
                return Ok(plan);
            }
        }
        let run = run_spec(args, cx, sys, &cmd);
        plan.push(What::Command { text: cmd.join(" ") }, Op::Run(run));
        describe(&mut plan, args, &cmd, "");
        Ok(plan)
    }

    fn finish(
        args: &DjangoManageArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let words = shlex::split(&args.command).unwrap_or_default();
        let command = words.first().map(String::as_str).unwrap_or_default();
        let cmd = command_line(args, &words);
        let Some(output) = applied.last_output() else { return Ok(Finish::Done(plan)) };
        let mut out = output.out();
        let err = output.err();
        if output.code != 0 {
            if command == "createcachetable" && err.contains("table") && err.contains("already exists") {
                out = "already exists.".into();
            } else if err.contains("Unknown command:") {
                let msg = format!("stdout: {err}\n:stderr: Unknown django command: {command}");
                return Err(ModuleError::new(msg).with("cmd", cmd));
            } else {
                let path = search_path(args, cx, sys);
                return Err(failed(&out, &err).with("cmd", cmd).with("path", path).with("rc", output.code));
            }
        }
        plan.changed = Some(changed(command, &out));
        describe(&mut plan, args, &cmd, &out);
        Ok(Finish::Done(plan))
    }
}

fn failed(out: &str, err: &str) -> ModuleError {
    let mut msg = String::new();
    if !out.is_empty() {
        msg.push_str(&format!("stdout: {out}"));
    }
    if !err.is_empty() {
        msg.push_str(&format!("\n:stderr: {err}"));
    }
    ModuleError::new(msg)
}

/// Refuses parameters that the command does not know.
fn check_parameters(args: &DjangoManageArgs, command: &str) -> Result<(), ModuleError> {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    let parameters: [(&str, bool, &[&str]); 6] = [
        ("apps", given(&args.apps), &["test", "migrate"]),
        ("clear", args.clear, &["collectstatic"]),
        ("database", given(&args.database), &["createcachetable", "flush", "loaddata", "migrate"]),
        ("failfast", args.failfast, &["test"]),
        ("fixtures", given(&args.fixtures), &["loaddata"]),
        ("testrunner", given(&args.testrunner), &["test"]),
    ];
    for (name, is_given, commands) in parameters {
        if is_given && !commands.contains(&command) {
            return Err(ModuleError::new(format!("{name} param is incompatible with command={command}")));
        }
    }
    if command == "loaddata" && !given(&args.fixtures) {
        return Err(ModuleError::new("fixtures param is required for command=loaddata"));
    }
    Ok(())
}

/// What is run, as the result shows it.
fn command_line(args: &DjangoManageArgs, words: &[String]) -> Vec<String> {
    let command = words.first().map(String::as_str).unwrap_or_default();
    let mut cmd = vec!["./manage.py".to_owned()];
    cmd.extend(words.iter().cloned());
    if NOINPUT.contains(&command) && !words.iter().any(|w| w == "--noinput" || w == "--no-input") {
        cmd.push("--noinput".into());
    }
    let general = [
        ("settings", args.settings.as_ref().map(|p| p.0.as_str())),
        ("pythonpath", args.pythonpath.as_ref().map(|p| p.0.as_str())),
        ("database", args.database.as_deref()),
        ("testrunner", args.testrunner.as_deref()),
    ];
    for (name, value) in general {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            cmd.push(format!("--{name}={value}"));
        }
    }
    let switches = [
        ("clear", args.clear),
        ("failfast", args.failfast),
        ("skip", args.skip == Some(true)),
        ("merge", args.merge == Some(true)),
        ("link", args.link == Some(true)),
    ];
    cmd.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| format!("--{name}")));
    let split = |text: &Option<String>| text.as_deref().and_then(shlex::split).unwrap_or_default();
    cmd.extend(split(&args.apps));
    cmd.extend(args.cache_table.clone().filter(|t| !t.is_empty()));
    cmd.extend(split(&args.fixtures));
    cmd
}

fn search_path(args: &DjangoManageArgs, cx: &Context<'_>, sys: &dyn Observe) -> String {
    let of_task =
        cx.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let path = of_task.or_else(|| sys.env("PATH")).unwrap_or_else(|| "/usr/bin:/bin".into());
    match &args.virtualenv {
        Some(venv) => format!("{}/bin:{path}", &**venv),
        None => path,
    }
}

/// The program is `manage.py` itself, or Python with it where it may not be executed.
fn run_spec(args: &DjangoManageArgs, cx: &Context<'_>, sys: &dyn Observe, cmd: &[String]) -> RunSpec {
    let script = Path::new(&*args.project_path).join("manage.py");
    let mut argv = Vec::new();
    if !sys.access(&script, 1) && sys.access(&script, 4) {
        argv.push(match &args.virtualenv {
            Some(venv) => format!("{}/bin/python", &**venv),
            None => "python3".into(),
        });
    }
    argv.push(script.to_string_lossy().into_owned());
    argv.extend(cmd.iter().skip(1).cloned());
    let mut env = vec![("PATH".to_owned(), search_path(args, cx, sys))];
    if let Some(venv) = &args.virtualenv {
        env.push(("VIRTUAL_ENV".into(), venv.0.clone()));
    }
    RunSpec { argv, cwd: Some(args.project_path.0.clone()), env, ..RunSpec::default() }
}

fn describe(plan: &mut Plan, args: &DjangoManageArgs, cmd: &[String], out: &str) {
    let optional = |path: &Option<windlass_protocol::spec::PathArg>| {
        path.as_ref().map_or(Json::Null, |p| Json::String(p.0.clone()))
    };
    plan.set("out", out);
    plan.set("cmd", cmd.to_vec());
    plan.set("app_path", args.project_path.0.as_str());
    plan.set("project_path", args.project_path.0.as_str());
    plan.set("virtualenv", optional(&args.virtualenv));
    plan.set("settings", optional(&args.settings));
    plan.set("pythonpath", optional(&args.pythonpath));
}

/// Whether a command changed something, by what it printed.
fn changed(command: &str, out: &str) -> bool {
    match command {
        "createcachetable" => !out.contains("already exists"),
        "flush" | "loaddata" => out.lines().any(installed_objects),
        "migrate" => out.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("Applying ")
                || line.starts_with("Unapplying ")
                || line.starts_with("Migrating forwards ")
                || line.starts_with("Creating table ")
                || installed_objects(line)
        }),
        "collectstatic" => collected(out),
        _ => false,
    }
}

/// `Installed 3 object(s) from 1 fixture(s)`, but not of none.
fn installed_objects(line: &str) -> bool {
    line.contains("Installed") && !line.contains("Installed 0 object")
}

/// Whether the summary of `collectstatic` counts a file that was copied, linked or deleted.
fn collected(out: &str) -> bool {
    let mut summary = false;
    for line in out.lines().map(str::trim) {
        if line.starts_with("Deleting '") {
            return true;
        }
        let mut words = line.split_whitespace();
        let count = words.next().and_then(|w| w.parse::<u64>().ok());
        if let (Some(count), Some("static")) = (count, words.next()) {
            if count > 0 {
                return true;
            }
            summary = true;
        }
    }
    // Without a summary whatever was printed is taken as a change, as long as it was something.
    !summary && !out.trim().is_empty()
}

/// Asks Django what a command would do, where it can tell. `None` where it cannot.
fn would_change(
    args: &DjangoManageArgs,
    cx: &Context<'_>,
    sys: &dyn Observe,
    words: &[String],
) -> Result<Option<bool>, ModuleError> {
    let command = words.first().map(String::as_str).unwrap_or_default();
    let ask = |words: Vec<String>| -> Result<RunOutput, ModuleError> {
        let cmd = command_line(&DjangoManageArgs { clear: false, link: None, ..args.clone() }, &words);
        let output = sys.query(&run_spec(args, cx, sys, &cmd))?;
        if output.code != 0 {
            return Err(failed(&output.out(), &output.err()).with("cmd", cmd).with("rc", output.code));
        }
        Ok(output)
    };
    match command {
        // A target migration may mean going back, which the list of what is missing does not tell.
        "migrate"
            if words.len() == 1
                && args.apps.as_deref().unwrap_or_default().split_whitespace().count() < 2 =>
        {
            let words = vec!["showmigrations".into(), "--plan".into()];
            Ok(Some(ask(words)?.out().lines().any(|line| line.trim_start().starts_with("[ ]"))))
        }
        "collectstatic" => {
            let mut words = words.to_vec();
            words.push("--dry-run".into());
            Ok(Some(args.clear || collected(&ask(words)?.out())))
        }
        "createcachetable" => {
            let mut words = words.to_vec();
            words.push("--dry-run".into());
            let out = ask(words)?.out();
            Ok(Some(out.to_ascii_uppercase().contains("CREATE TABLE")))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::changed;
    use crate::system::fake::{Fake, Node, output};
    use serde_json::json;

    #[test]
    fn what_a_command_prints_tells_whether_it_changed_something() {
        let table = [
            ("migrate", "Running migrations:\n  Applying a.0001_initial... OK\n", true),
            (
                "migrate",
                "Running migrations:\n  Rendering model states... DONE\n  Unapplying a.0002... OK\n",
                true,
            ),
            (
                "migrate",
                "Operations to perform:\n  Apply all migrations: a\n  No migrations to apply.\n",
                false,
            ),
            ("migrate", "  Note: Applying is done\n  No migrations to apply.\n", false),
            ("collectstatic", "\n0 static files copied to '/srv/s', 130 unmodified.\n", false),
            ("collectstatic", "\n10 static files copied to '/srv/s', 130 unmodified.\n", true),
            ("collectstatic", "\n1 static file copied to '/srv/s'.\n", true),
            (
                "collectstatic",
                "\n0 static files symlinked to '/srv/s', 7 unmodified, 3 post-processed.\n",
                false,
            ),
            ("collectstatic", "", false),
            ("loaddata", "Installed 3 object(s) from 1 fixture(s)\n", true),
            ("loaddata", "Installed 0 object(s) from 1 fixture(s)\n", false),
            ("createcachetable", "Cache table 'x' already exists.\n", false),
            ("createcachetable", "", true),
            ("check", "System check identified no issues (0 silenced).\n", false),
            ("clearsessions", "", false),
        ];
        for (command, out, wanted) in table {
            assert_eq!(changed(command, out), wanted, "{command}: {out}");
        }
    }

    fn project(out: &'static str) -> Fake {
        let fake = Fake::new();
        fake.put("/srv/app/manage.py", Node::file("").mode(0o755));
        fake.file("/srv/venv/bin/activate", "");
        fake.program("manage.py", move |argv, _| match argv[1].as_str() {
            "showmigrations" => output(0, "[X]  a.0001\n[ ]  a.0002\n", ""),
            "bad" => output(1, "some", "trace"),
            "none" => output(1, "", "Unknown command: 'none'"),
            _ => output(0, out, ""),
        });
        fake
    }

    #[test]
    fn runs_in_the_project_with_its_environment() {
        let fake = project("  Applying a.0002... OK\n");
        let args = json!({"command": "migrate", "app_path": "/srv/app", "virtualenv": "/srv/venv", "settings": "app.prod"});
        assert!(fake.check_module("django_manage", args.clone()).changed);
        let outcome = fake.run_module("django_manage", args);
        assert!(outcome.changed && !outcome.failed, "{:?}", outcome.msg);
        assert_eq!(fake.commands(), ["/srv/app/manage.py migrate --noinput --settings=app.prod"]);
        let values = outcome.values();
        assert_eq!(values["cmd"], json!(["./manage.py", "migrate", "--noinput", "--settings=app.prod"]));
        assert_eq!(values["project_path"], json!("/srv/app"));
        assert_eq!(values["out"], json!("  Applying a.0002... OK\n"));
        let run = &fake.runs().pop().unwrap().run;
        assert_eq!(run.cwd.as_deref(), Some("/srv/app"));
        assert!(run.env.iter().any(|(k, v)| k == "PATH" && v.starts_with("/srv/venv/bin:")));
        assert!(run.env.contains(&("VIRTUAL_ENV".to_owned(), "/srv/venv".to_owned())));
    }

    #[test]
    fn a_script_that_is_not_executable_is_run_by_python() {
        let fake = project("");
        fake.put("/srv/app/manage.py", Node::file("").mode(0o644));
        fake.act_as(33, 33);
        fake.program("python", |_, _| output(0, "", ""));
        let args = json!({"command": "check", "project_path": "/srv/app", "virtualenv": "/srv/venv"});
        assert!(!fake.run_module("django_manage", args).failed);
        assert_eq!(fake.commands(), ["/srv/venv/bin/python /srv/app/manage.py check"]);
    }

    #[test]
    fn arguments_go_where_django_wants_them() {
        let fake = project("");
        let args = json!({"command": "loaddata --verbosity 2", "project_path": "/srv/app", "database": "other", "fixtures": "a 'b c'"});
        fake.run_module("django_manage", args);
        let run = &fake.runs().pop().unwrap().run;
        assert_eq!(run.argv[1..], ["loaddata", "--verbosity", "2", "--database=other", "a", "b c"]);
    }

    #[test]
    fn mistakes() {
        let fake = project("");
        let run = |args| fake.run_module("django_manage", args).msg.unwrap();
        let of = |more: serde_json::Value| {
            let mut args = json!({"project_path": "/srv/app"});
            for (key, value) in more.as_object().unwrap() {
                args[key] = value.clone();
            }
            args
        };
        assert_eq!(
            run(of(json!({"command": "migrate", "clear": true}))),
            "clear param is incompatible with command=migrate"
        );
        assert_eq!(
            run(of(json!({"command": "loaddata"}))),
            "fixtures param is required for command=loaddata"
        );
        assert_eq!(
            run(of(json!({"command": "check", "virtualenv": "/none"}))),
            "/none does not point to a valid virtual environment"
        );
        assert_eq!(run(of(json!({"command": "bad"}))), "stdout: some\n:stderr: trace");
        assert!(run(of(json!({"command": "none"}))).contains("Unknown django command: none"));
    }

    #[test]
    fn what_cannot_be_foreseen_is_skipped_in_check_mode() {
        let fake = project("");
        let outcome = fake
            .check_module("django_manage", json!({"command": "clearsessions", "project_path": "/srv/app"}));
        assert!(outcome.skipped && !outcome.changed);
        assert!(fake.runs().is_empty());
    }
}
