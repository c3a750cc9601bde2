//! What a module is: it observes, plans, and after its plan was applied says what came of it.

use crate::blobs::Blobs;
use crate::system::{HttpError, HttpResponse, Observe, RunOutput};
use std::path::PathBuf;
use windlass_protocol::{Change, Diff, Json, JsonMap, ModuleArgs, Op, What};

/// Why a module failed. Becomes the failed result, with [`Self::values`] among its return values.
#[derive(Debug, Clone, Default, thiserror::Error)]
#[error("{msg}")]
pub struct ModuleError {
    /// Ansible's `msg`.
    pub msg: String,
    /// Other return values of the failure (`rc`, `stderr`, ...).
    pub values: JsonMap,
    /// Something was changed before it failed (a command that ran and exited with another code than 0).
    pub changed: bool,
    /// What was changed before it failed.
    pub changes: Vec<Change>,
}

impl ModuleError {
    /// A failure with a message.
    #[must_use]
    pub fn new(msg: impl Into<String>) -> Self {
        Self { msg: msg.into(), ..Self::default() }
    }
    /// Adds a return value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.values.insert(key.to_owned(), value.into());
        self
    }
}

impl From<std::io::Error> for ModuleError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// An error of the operating system as Python words it: `[Errno 2] No such file or directory`.
#[must_use]
pub fn errno_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => {
            format!("[Errno {code}] {}", text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text))
        }
        None => text,
    }
}

/// The circumstances of a request.
#[derive(Debug)]
pub struct Context<'a> {
    /// Only the plan is wanted.
    pub check: bool,
    /// Before and after are wanted. Do not make diffs when false: they cost time.
    pub diff: bool,
    /// Nothing of arguments and output may be logged.
    pub no_log: bool,
    /// `environment:` of the task; already part of the environment of programs that are run.
    pub environment: &'a [(String, String)],
    /// Contents that came with the request.
    pub blobs: &'a Blobs,
    /// A private folder of the agent (0700) for temporary files, removed when the agent ends.
    pub scratch: &'a PathBuf,
}

/// What a module wants to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps, in order. Empty means: nothing to change.
    pub changes: Vec<Change>,
    /// Return values known so far.
    pub values: JsonMap,
    /// Ansible's `msg`.
    pub msg: Option<String>,
    /// Before and after, if [`Context::diff`].
    pub diff: Vec<Diff>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// The module decided not to run: Ansible's `skipped`.
    pub skipped: bool,
    /// Says `changed` other than by whether there are changes (a command that reads only, `changed_when`-like rules of a module).
    pub changed: Option<bool>,
    /// Files to send back after the plan was applied (`fetch`): path on the target.
    pub send: Vec<PathBuf>,
}

impl Plan {
    /// Adds a step.
    pub fn push(&mut self, what: What, op: Op) {
        self.changes.push(Change::new(what, op));
    }
    /// Sets a return value.
    pub fn set(&mut self, key: &str, value: impl Into<Json>) {
        self.values.insert(key.to_owned(), value.into());
    }
    /// Whether the task counts as changed.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.changed.unwrap_or(!self.changes.is_empty())
    }
}

/// What the applied steps printed, in the order of the plan's changes. Steps that run no program have `None`.
#[derive(Debug, Default)]
pub struct Applied {
    /// One entry for each change.
    pub outputs: Vec<Option<RunOutput>>,
    /// Answers to the requests, in the order of the plan's changes.
    pub answers: Vec<Result<HttpResponse, HttpError>>,
    /// Paths of the backups that were made.
    pub backups: Vec<String>,
    /// Whether an earlier plan of the same request was applied already, and how many there were.
    pub round: usize,
}

impl Applied {
    /// The output of the last program that ran.
    #[must_use]
    pub fn last_output(&self) -> Option<&RunOutput> {
        self.outputs.iter().rev().flatten().next()
    }
}

/// What to do after a plan was applied.
#[derive(Debug)]
pub enum Finish {
    /// The result.
    Done(Plan),
    /// More to do, which could not be known before (refresh the package lists, then see what to install).
    /// The first field is what is known so far; its `changes` were applied. The second is the next plan.
    More(Plan, Plan),
}

/// A module. It has no state: everything is in its arguments and on the machine.
pub trait Module {
    /// Its arguments.
    type Args: ModuleArgs;

    /// Looks at the machine and says what has to be done. Nothing is changed here: `sys` cannot.
    ///
    /// # Errors
    /// What the module reports as its failure.
    fn plan(args: &Self::Args, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError>;

    /// Called after the plan was applied without an error, not in check mode: completes the return values by what
    /// the steps printed, or asks for more steps. `plan` is the applied one.
    ///
    /// # Errors
    /// What the module reports as its failure.
    fn finish(
        _args: &Self::Args,
        _cx: &Context<'_>,
        _sys: &dyn Observe,
        plan: Plan,
        _applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        Ok(Finish::Done(plan))
    }
}
