//! How git is called.

use super::address::Address;
use crate::module::{Context, ModuleError};
use crate::paths::parse_umask;
use crate::system::{Observe, RunOutput};
use windlass_protocol::modules::git::GitArgs;
use windlass_protocol::{Json, RunSpec};

/// A credential helper that answers from the environment. The text is constant: no data gets into a shell.
const HELPER: &str = "credential.helper=!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \
                      \"$WINDLASS_GIT_USER\" \"$WINDLASS_GIT_PASSWORD\"; }; f";

/// git with the settings of the task.
pub(super) struct Git<'a> {
    pub(super) args: &'a GitArgs,
    pub(super) sys: &'a dyn Observe,
    pub(super) address: Address,
    program: String,
    env: Vec<(String, String)>,
    umask: Option<u32>,
}

impl<'a> Git<'a> {
    pub(super) fn new(
        args: &'a GitArgs,
        cx: &Context<'_>,
        sys: &'a dyn Observe,
    ) -> Result<Self, ModuleError> {
        let program = match &args.executable {
            Some(path) => path.0.clone(),
            None => sys.find_program("git").ok_or_else(|| {
                let path = sys.env("PATH").unwrap_or_default();
                ModuleError::new(format!("Failed to find required executable \"git\" in paths: {path}"))
            })?,
        };
        let address = Address::parse(&args.repo, sys.env("HOME").as_deref());
        // What is read from git's output is read in English.
        let locale = ["LANG", "LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANGUAGE"];
        let mut env: Vec<(String, String)> = locale.map(|name| (name.to_owned(), "C".to_owned())).into();
        env.push(("GIT_TERMINAL_PROMPT".into(), "0".into()));
        env.push(("GIT_SSH_COMMAND".into(), ssh_command(args, cx, sys)));
        if let Some((user, password)) = &address.credentials {
            env.push(("WINDLASS_GIT_USER".into(), user.clone()));
            env.push(("WINDLASS_GIT_PASSWORD".into(), password.clone()));
        }
        Ok(Self { args, sys, address, program, env, umask: umask(args.umask.as_ref())? })
    }

    fn spec(&self, words: &[&str], cwd: Option<&str>) -> RunSpec {
        let mut argv = vec![self.program.clone()];
        if self.address.credentials.is_some() {
            // The helpers of the configuration would be told the credentials, to keep them: an empty name ends their list.
            argv.extend(["-c".to_owned(), "credential.helper=".to_owned()]);
            argv.extend(["-c".to_owned(), HELPER.to_owned()]);
        }
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        RunSpec {
            argv,
            cwd: cwd.map(str::to_owned),
            env: self.env.clone(),
            umask: self.umask,
            secret: self.address.credentials.is_some(),
            ..RunSpec::default()
        }
    }

    /// A step that has to succeed. `cwd` defaults to `dest`.
    pub(super) fn step(&self, words: &[&str]) -> RunSpec {
        RunSpec { ok_codes: vec![0], ..self.spec(words, self.args.dest.as_deref()) }
    }

    /// A step whose exit code the module looks at itself, in some folder.
    pub(super) fn step_in(&self, words: &[&str], cwd: Option<&str>) -> RunSpec {
        self.spec(words, cwd)
    }

    /// Asks git something.
    pub(super) fn ask_in(&self, words: &[&str], cwd: Option<&str>) -> Result<RunOutput, ModuleError> {
        let mut run = self.spec(words, cwd);
        // `status` would write a fresher index otherwise.
        run.env.push(("GIT_OPTIONAL_LOCKS".into(), "0".into()));
        self.sys.query(&run).map_err(|e| ModuleError::new(format!("{}: {e}", self.program)))
    }

    /// Asks git something about the working tree.
    pub(super) fn ask(&self, words: &[&str]) -> Result<RunOutput, ModuleError> {
        self.ask_in(words, self.args.dest.as_deref())
    }

    /// The same, and the answer has to be there.
    pub(super) fn must(&self, words: &[&str], cwd: Option<&str>) -> Result<String, ModuleError> {
        let output = self.ask_in(words, cwd)?;
        if output.code == 0 {
            return Ok(output.out());
        }
        let said =
            [output.err(), output.out()].into_iter().find(|t| !t.trim().is_empty()).unwrap_or_default();
        let msg = said.trim().to_owned();
        let (cmd, rc) = (format!("{} {}", self.program, words.join(" ")), output.code);
        Err(ModuleError::new(hinted(msg))
            .with("cmd", cmd)
            .with("rc", rc)
            .with("stdout", output.out())
            .with("stderr", output.err()))
    }

    /// The commit of `HEAD`; what git prints for it, if it is none yet.
    pub(super) fn head(&self) -> Result<String, ModuleError> {
        let output = self.ask(&["rev-parse", "HEAD"])?;
        if output.code != 0 && output.err().contains("dubious ownership") {
            return Err(ModuleError::new(hinted(output.err().trim().to_owned())).with("rc", output.code));
        }
        Ok(output.out().trim_end().to_owned())
    }

    /// Whether a revision is there.
    pub(super) fn has(&self, revision: &str) -> Result<bool, ModuleError> {
        Ok(self.ask(&["rev-parse", "--quiet", "--verify", revision])?.code == 0)
    }
}

/// Adds what to do about the failures that people meet most.
pub(super) fn hinted(msg: String) -> String {
    let hint = if msg.contains("Host key verification failed") {
        "set accept_newhostkey to true, or put the host's key into known_hosts"
    } else if msg.contains("Permission denied (publickey") {
        "give the key's path on the target with key_file, or forward an agent"
    } else if msg.contains("dubious ownership") {
        "become the owner of the folder, or list it as safe.directory in git's configuration"
    } else if msg.contains("could not read Username") || msg.contains("Authentication failed") {
        "the repository wants credentials; use an SSH key, or https://USER:TOKEN@..."
    } else {
        return msg;
    };
    format!("{msg}\nhint: {hint}")
}

fn umask(value: Option<&Json>) -> Result<Option<u32>, ModuleError> {
    let text = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text,
        Some(_) => return Err(ModuleError::new("umask must be defined as a quoted octal integer")),
    };
    parse_umask(text).map(Some).ok_or_else(|| ModuleError::new("umask must be an octal integer"))
}

/// The ssh that git calls. It is a line for a shell, by git's own definition, so the path of the key is quoted.
fn ssh_command(args: &GitArgs, cx: &Context<'_>, sys: &dyn Observe) -> String {
    let variable = |name: &str| {
        let of_task = cx.environment.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        of_task.or_else(|| sys.env(name)).filter(|v| !v.is_empty())
    };
    let mut line =
        variable("GIT_SSH").or_else(|| variable("GIT_SSH_COMMAND")).unwrap_or_else(|| "ssh".into());
    let mut options = variable("GIT_SSH_OPTS").unwrap_or_default();
    if let Some(more) = &args.ssh_opts {
        options = format!("{options} {more}");
    }
    let mut add = |option: &str| {
        if !options.contains(option) {
            options.push_str(&format!(" -o {option}"));
        }
    };
    if args.accept_hostkey {
        add("StrictHostKeyChecking=no");
    } else if args.accept_newhostkey {
        add("StrictHostKeyChecking=accept-new");
    }
    add("BatchMode=yes");
    if let Some(key) = &args.key_file {
        add("IdentitiesOnly=yes");
        let quoted = shlex::try_quote(key).map(|q| q.into_owned()).unwrap_or_default();
        options.push_str(&format!(" -i {quoted}"));
    }
    line.push(' ');
    line.push_str(options.trim());
    line
}
