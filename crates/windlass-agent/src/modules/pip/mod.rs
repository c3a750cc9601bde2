//! `pip`: installs and removes Python packages.

mod installed;
mod requirement;
mod secret;
mod version;

use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::paths::parse_umask;
use crate::system::Observe;
use installed::Installed;
use requirement::{Requirement, is_vcs, recover};
use std::path::Path;
use windlass_protocol::modules::pip::{PipArgs, PipState};
use windlass_protocol::{Json, Op, RunSpec, What};

/// The module.
pub struct Pip;

/// All that follows from the arguments and the machine.
struct Job {
    /// The virtual environment, with `chdir` in front if it is relative.
    env: Option<String>,
    chdir: String,
    umask: Option<u32>,
    packages: Vec<Requirement>,
    extra: Vec<String>,
    /// Settings of pip that carry credentials: they go by the environment, not by the command line.
    secret_env: Vec<(String, String)>,
}

impl Module for Pip {
    type Args = PipArgs;

    fn plan(args: &PipArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let job = Job::new(args, cx)?;
        let mut plan = Plan::default();
        if job.packages.is_empty() && args.requirements.is_none() {
            plan.warnings.push("No valid name or requirements file found.".into());
            return Ok(plan);
        }
        let missing_env = match &job.env {
            Some(env) => sys.stat(&Path::new(env).join("bin/activate"))?.is_none(),
            None => false,
        };
        if missing_env {
            let make = make_environment(args, &job, sys)?;
            plan.push(What::Command { text: make.argv.join(" ") }, Op::Run(make));
            plan.changed = Some(true);
            // In check mode there is no pip to ask yet.
            if cx.check {
                return Ok(plan);
            }
        }
        let pip = find_pip(args, &job, sys, missing_env)?;
        let cmd = command_line(args, &job, &pip);
        describe(&mut plan, args, &job, &cmd);
        let state = args.state;
        let by_name = args.requirements.is_none() && !missing_env && !args.editable;
        if by_name && matches!(state, PipState::Present | PipState::Absent) {
            let installed = Installed::look(&job, &pip, cx, sys)?;
            let known = job.packages.iter().all(|p| p.plain.is_some());
            let satisfied = match state {
                PipState::Absent => known && !job.packages.iter().any(|p| installed.has(p)),
                // Whether the packages of an extra are there only pip can tell, and an option may ask for anything.
                _ => {
                    let simple =
                        |p: &Requirement| p.plain.as_ref().is_some_and(|p| p.extras.is_empty() && !p.more);
                    job.extra.is_empty() && job.packages.iter().all(|p| simple(p) && installed.satisfies(p))
                }
            };
            if satisfied {
                plan.changed = Some(false);
                plan.set("stdout", "");
                plan.set("stderr", "");
                return Ok(plan);
            }
        }
        if needs_comparison(args) && !missing_env && !cx.check {
            let before = Installed::look(&job, &pip, cx, sys)?;
            plan.set(BEFORE, before.lines());
        }
        if cx.check && !matches!(state, PipState::Absent) && !would_install(&job, &cmd, &pip, cx, sys)? {
            plan.changed = Some(false);
            return Ok(plan);
        }
        let run = job.run(cx, sys, cmd.clone(), args.break_system_packages);
        plan.push(What::Command { text: cmd.join(" ") }, Op::Run(run));
        Ok(plan)
    }

    fn finish(
        args: &PipArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        let before = plan.values.shift_remove(BEFORE);
        let outputs: Vec<_> = applied.outputs.iter().flatten().collect();
        let Some(last) = outputs.last() else { return Ok(Finish::Done(plan)) };
        let (stdout, stderr): (String, String) =
            (outputs.iter().map(|o| o.out()).collect(), outputs.iter().map(|o| o.err()).collect());
        let made = plan.changes.len() > 1;
        let job = Job::new(args, cx)?;
        let pip = find_pip(args, &job, sys, false)?;
        let not_there = args.state == PipState::Absent
            && last.code == 1
            && (last.out().contains("not installed") || last.err().contains("not installed"));
        if last.code != 0 && !not_there {
            let mut msg = String::new();
            if !stdout.is_empty() {
                msg.push_str(&format!("stdout: {stdout}"));
            }
            if !stderr.is_empty() {
                msg.push_str(&format!("\n:stderr: {stderr}"));
            }
            let mut error =
                ModuleError::new(msg).with("rc", last.code).with("stdout", stdout).with("stderr", stderr);
            error.values.insert("cmd".into(), command_line(args, &job, &pip).into());
            return Err(error);
        }
        let changed = match (args.state, before) {
            (PipState::Absent, _) => last.out().contains("Successfully uninstalled"),
            (_, Some(before)) => before != Json::from(Installed::look(&job, &pip, cx, sys)?.lines()),
            (_, None) => last.out().contains("Successfully installed"),
        };
        plan.changed = Some(changed || made);
        plan.set("stdout", stdout);
        plan.set("stderr", stderr);
        Ok(Finish::Done(plan))
    }
}

/// Where the plan keeps what was installed before; not a return value.
const BEFORE: &str = "_installed_before";

/// Whether pip's own words do not tell if something changed.
fn needs_comparison(args: &PipArgs) -> bool {
    args.requirements.is_some() || args.name.iter().flatten().any(|n| is_vcs(n))
}

impl Job {
    fn new(args: &PipArgs, cx: &Context<'_>) -> Result<Self, ModuleError> {
        if args.state == PipState::Latest && args.version.is_some() {
            return Err(ModuleError::new("version is incompatible with state=latest"));
        }
        let umask = match args.umask.as_deref().filter(|u| !u.is_empty()) {
            Some(text) => {
                Some(parse_umask(text).ok_or_else(|| ModuleError::new("umask must be an octal integer"))?)
            }
            None => None,
        };
        let names: Vec<String> =
            args.name.iter().flatten().filter(|n| !n.trim().is_empty()).cloned().collect();
        let mut packages: Vec<Requirement> =
            recover(&names).iter().map(|name| Requirement::parse(name.trim(), None)).collect();
        if names.is_empty() {
            packages.clear();
        }
        if let Some(version) = &args.version {
            match packages.as_slice() {
                [only] if only.has_specifier() => {
                    return Err(ModuleError::new(
                        "The 'version' argument conflicts with any version specifier provided along with a package name. \
                         Please keep the version specifier, but remove the 'version' argument.",
                    ));
                }
                [only] => packages = vec![Requirement::parse(&only.text, Some(version))],
                [] => {}
                _ => {
                    return Err(ModuleError::new(
                        "'version' argument is ambiguous when installing multiple package distributions. \
                         Please specify version restrictions next to each package in 'name' argument.",
                    ));
                }
            }
        }
        let mut extra = match &args.extra_args {
            Some(text) => shlex::split(text).ok_or_else(|| {
                ModuleError::new("extra_args cannot be split into words: a quote is not closed")
            })?,
            None => Vec::new(),
        };
        let secret_env = secret::take(&mut extra);
        if args.editable && !extra.iter().any(|a| a == "-e") {
            extra.push("-e".into());
        }
        let chdir = args.chdir.as_ref().map(|p| p.0.clone());
        let env = args.virtualenv.as_ref().map(|env| match &chdir {
            Some(chdir) => Path::new(chdir).join(&**env).to_string_lossy().into_owned(),
            None => env.0.clone(),
        });
        // Python's `-m` looks for modules in the working directory first: nobody else may write there.
        let chdir = chdir.unwrap_or_else(|| cx.scratch.to_string_lossy().into_owned());
        Ok(Self { env, chdir, umask, packages, extra, secret_env })
    }

    /// A command with the environment that pip needs.
    fn run(&self, cx: &Context<'_>, sys: &dyn Observe, argv: Vec<String>, break_system: bool) -> RunSpec {
        let mut env = self.secret_env.clone();
        if let Some(venv) = &self.env {
            let of_task =
                cx.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, v)| v.clone());
            let path = of_task.or_else(|| sys.env("PATH")).unwrap_or_else(|| "/usr/bin:/bin".into());
            env.push(("PATH".into(), format!("{venv}/bin:{path}")));
        }
        if break_system {
            env.push(("PIP_BREAK_SYSTEM_PACKAGES".into(), "1".into()));
        }
        RunSpec {
            argv,
            cwd: Some(self.chdir.clone()),
            env,
            umask: self.umask,
            secret: !self.secret_env.is_empty(),
            ..RunSpec::default()
        }
    }
}

/// The Python of the system.
fn system_python(sys: &dyn Observe) -> Option<String> {
    let usual = "/usr/bin/python3";
    if sys.access(Path::new(usual), 1) { Some(usual.into()) } else { sys.find_program("python3") }
}

/// How pip is called. In an environment that is yet to be made it is where it will be.
fn find_pip(
    args: &PipArgs,
    job: &Job,
    sys: &dyn Observe,
    yet_to_come: bool,
) -> Result<Vec<String>, ModuleError> {
    if let Some(env) = &job.env {
        let candidates = [format!("{env}/bin/pip3"), format!("{env}/bin/pip")];
        let there = candidates.iter().find(|c| sys.access(Path::new(c), 1));
        if yet_to_come {
            // Not every maker of environments puts a `pip3` there.
            return Ok(vec![format!("{env}/bin/python"), "-m".into(), "pip".into()]);
        }
        if let Some(pip) = there {
            return Ok(vec![pip.clone()]);
        }
        let python = format!("{env}/bin/python");
        let has_module = RunSpec {
            argv: vec![python.clone(), "-m".into(), "pip".into(), "--version".into()],
            cwd: Some(job.chdir.clone()),
            ..RunSpec::default()
        };
        if sys.access(Path::new(&python), 1) && sys.query(&has_module).is_ok_and(|o| o.code == 0) {
            return Ok(has_module.argv.into_iter().take(3).collect());
        }
        return Err(ModuleError::new(format!(
            "Unable to find pip in the virtualenv, {env}, under any of these names: pip3, pip. \
             Make sure pip is present in the virtualenv."
        )));
    }
    let basename = match args.executable.as_deref() {
        Some(executable) if executable.starts_with('/') => return Ok(vec![executable.to_owned()]),
        Some(executable) => executable,
        None => {
            let find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)";
            if let Some(python) = system_python(sys) {
                let look = RunSpec {
                    argv: vec![python.clone(), "-c".into(), find.into()],
                    cwd: Some(job.chdir.clone()),
                    ..RunSpec::default()
                };
                if sys.query(&look).is_ok_and(|o| o.code == 0) {
                    return Ok(vec![python, "-m".into(), "pip".into()]);
                }
            }
            "pip3"
        }
    };
    sys.find_program(basename).map(|pip| vec![pip]).ok_or_else(|| {
        ModuleError::new(format!("Unable to find any of {basename} to use.  pip needs to be installed."))
    })
}

fn command_line(args: &PipArgs, job: &Job, pip: &[String]) -> Vec<String> {
    let words: &[&str] = match args.state {
        PipState::Present => &["install"],
        PipState::Absent => &["uninstall", "-y"],
        PipState::Latest => &["install", "-U"],
        PipState::ForceReinstall => &["install", "-U", "--force-reinstall"],
    };
    let mut cmd = pip.to_vec();
    cmd.extend(words.iter().map(|w| (*w).to_owned()));
    cmd.extend(job.extra.iter().cloned());
    match &args.requirements {
        Some(file) => cmd.extend(["-r".to_owned(), file.clone()]),
        None => cmd.extend(job.packages.iter().map(|p| p.text.clone())),
    }
    cmd
}

fn describe(plan: &mut Plan, args: &PipArgs, job: &Job, cmd: &[String]) {
    let optional = |text: Option<&String>| text.map_or(Json::Null, |t| Json::String(t.clone()));
    plan.set("cmd", cmd.to_vec());
    plan.set("name", args.name.clone().map_or(Json::Null, Json::from));
    plan.set("version", optional(args.version.as_ref()));
    plan.set("state", args.state.as_str());
    plan.set("requirements", optional(args.requirements.as_ref()));
    plan.set("virtualenv", optional(job.env.as_ref()));
}

/// What makes the virtual environment.
fn make_environment(args: &PipArgs, job: &Job, sys: &dyn Observe) -> Result<RunSpec, ModuleError> {
    let mut argv = shlex::split(&args.virtualenv_command)
        .filter(|words| !words.is_empty())
        .ok_or_else(|| ModuleError::new("virtualenv_command is empty or has a quote that is not closed"))?;
    let is_venv = argv[0].ends_with("pyvenv")
        || argv.windows(2).any(|w| w[0] == "-m" && w[1] == "venv")
        || argv.iter().any(|a| a == "-mvenv");
    if !argv[0].contains('/') {
        argv[0] = sys.find_program(&argv[0]).ok_or_else(|| {
            let hint = if argv[0] == "virtualenv" {
                " Install it, or set virtualenv_command to 'python3 -m venv'."
            } else {
                ""
            };
            let path = sys.env("PATH").unwrap_or_default();
            ModuleError::new(format!(
                "Failed to find required executable \"{}\" in paths: {path}.{hint}",
                argv[0]
            ))
        })?;
    }
    if args.virtualenv_site_packages {
        argv.push("--system-site-packages".into());
    }
    match (&args.virtualenv_python, is_venv) {
        (Some(_), true) => {
            return Err(ModuleError::new(
                "virtualenv_python should not be used when using the venv module or pyvenv as virtualenv_command",
            ));
        }
        (Some(python), false) => argv.push(format!("-p{python}")),
        (None, false) => argv.extend(system_python(sys).map(|python| format!("-p{python}"))),
        (None, true) => {}
    }
    argv.extend(job.env.clone());
    Ok(RunSpec {
        argv,
        cwd: Some(job.chdir.clone()),
        umask: job.umask,
        ok_codes: vec![0],
        ..RunSpec::default()
    })
}

/// Asks pip itself what it would install. A pip that cannot say so is taken to install something.
fn would_install(
    job: &Job,
    cmd: &[String],
    pip: &[String],
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<bool, ModuleError> {
    let mut argv = cmd.to_vec();
    argv.insert(pip.len() + 1, "--dry-run".into());
    let output = sys.query(&job.run(cx, sys, argv, true))?;
    Ok(output.code != 0 || output.out().lines().any(|line| line.trim_start().starts_with("Would install ")))
}

#[cfg(test)]
mod tests;
