//! Which modules there are. A new module is one line here.

use crate::apply;
use crate::expand::expand_paths;
use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::modules;
use crate::paths::add_path_info;
use crate::system::{Mutate, Observe, OutputSink};
use windlass_protocol::spec::Unfit;
use windlass_protocol::{Change, Json, JsonMap, ModuleArgs, ModuleSpec, Outcome};

/// A module behind a function pointer.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its description.
    pub spec: &'static ModuleSpec,
    read: fn(&mut JsonMap) -> Result<Box<dyn Task>, Unfit>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("name", &self.spec.name).finish()
    }
}

/// What a run gives: the outcome, and files to send back.
pub struct Ran {
    /// The outcome.
    pub outcome: Outcome,
    /// Files to send back after it.
    pub send: Vec<std::path::PathBuf>,
}

macro_rules! modules {
    ($($module:path),* $(,)?) => {
        /// All modules of the agent.
        pub const MODULES: &[Entry] = &[ $( Entry {
            spec: &<<$module as Module>::Args as ModuleArgs>::SPEC,
            read: read::<$module>,
        } ),* ];
    };
}

modules! {
    modules::apt::Apt,
    modules::apt::Package,
    modules::authorized_key::AuthorizedKey,
    modules::apt::PackageFacts,
    modules::command::Command,
    modules::command::OwnModule,
    modules::command::Raw,
    modules::command::Script,
    modules::command::Shell,
    modules::cron::Cron,
    modules::getent::Getent,
    modules::group::Group,
    modules::hostname::Hostname,
    modules::file::File,
    modules::replace::Replace,
    modules::lineinfile::Lineinfile,
    modules::blockinfile::Blockinfile,
    modules::tempfile::Tempfile,
    modules::stat::Stat,
    modules::find::Find,
    modules::assemble::Assemble,
    modules::async_status::AsyncStatus,
    modules::synchronize::Synchronize,
    modules::slurp::Slurp,
    modules::fetch::Fetch,
    modules::copy::Copy,
    modules::known_hosts::KnownHosts,
    modules::ping::Ping,
    modules::systemd::Service,
    modules::systemd::ServiceFacts,
    modules::systemd::Systemd,
    modules::sysctl::Sysctl,
    modules::ufw::Ufw,
    modules::user::User,
    modules::wait_for::WaitFor,
    modules::setup::Setup,
    modules::django_manage::DjangoManage,
    modules::get_url::GetUrl,
    modules::git::GitModule,
    modules::unarchive::Unarchive,
    modules::uri::Uri,
    modules::htpasswd::Htpasswd,
    modules::pip::Pip,
}

/// The module of that canonical name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    MODULES.iter().find(|entry| entry.spec.name == name)
}

impl Entry {
    /// Plans, and unless in check mode applies.
    pub fn run(&self, args: &[u8], cx: &Context<'_>, sys: &dyn Mutate, sink: Option<OutputSink<'_>>) -> Ran {
        run(self, args, cx, sys, sink)
    }
}

/// A module with its arguments. What is done with one is written, and compiled, once for all modules.
trait Task {
    fn plan(&self, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError>;
    fn finish(
        &self,
        cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError>;
}

struct Typed<M: Module>(M::Args);

impl<M: Module> Task for Typed<M> {
    fn plan(&self, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        M::plan(&self.0, cx, sys)
    }
    fn finish(
        &self,
        cx: &Context<'_>,
        sys: &dyn Observe,
        plan: Plan,
        applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        M::finish(&self.0, cx, sys, plan, applied)
    }
}

fn read<M: Module + 'static>(args: &mut JsonMap) -> Result<Box<dyn Task>, Unfit> {
    Ok(Box::new(Typed::<M>(M::Args::take(args)?)))
}

fn unfit(error: &dyn std::fmt::Display) -> ModuleError {
    ModuleError::new(format!("the arguments do not fit the module: {error}"))
}

fn run(
    entry: &Entry,
    args: &[u8],
    cx: &Context<'_>,
    sys: &dyn Mutate,
    mut sink: Option<OutputSink<'_>>,
) -> Ran {
    let mut done: Vec<Change> = Vec::new();
    // Whether a plan that was applied, in whole or in part, was a change.
    let mut changed = false;
    let result = (|| {
        let mut args: JsonMap = serde_json::from_slice(args).map_err(|error| unfit(&error))?;
        let observer: &dyn Observe = sys;
        expand_paths(entry.spec, &mut args, observer);
        let task = (entry.read)(&mut args).map_err(|error| unfit(&error))?;
        let mut plan = task.plan(cx, observer)?;
        if cx.check {
            return Ok(plan);
        }
        for round in 0.. {
            let is_change = plan.is_change();
            let mut applied = match &mut sink {
                Some(sink) => apply::apply(&plan.changes, cx.blobs, sys, Some(&mut **sink)),
                None => apply::apply(&plan.changes, cx.blobs, sys, None),
            }
            .inspect_err(|error| changed |= is_change && !error.changes.is_empty())?;
            applied.round = round;
            match task.finish(cx, observer, plan, &applied)? {
                Finish::Done(mut finished) => {
                    finished.changed = Some(finished.changed.unwrap_or(is_change) || changed);
                    finished.changes.splice(0..0, done.drain(..));
                    if let Some(backup) = applied.backups.first()
                        && !finished.values.contains_key("backup")
                    {
                        finished.values.insert("backup_file".into(), Json::String(backup.clone()));
                    }
                    return Ok(finished);
                }
                Finish::More(so_far, next) => {
                    changed |= so_far.is_change();
                    done.extend(so_far.changes);
                    plan = next;
                }
            }
        }
        unreachable!("the rounds end by a return")
    })();
    match result {
        Ok(plan) => {
            let changed = plan.is_change();
            let Plan { changes, mut values, msg, diff, warnings, skipped, send, .. } = plan;
            add_path_info(&mut values, sys);
            let mut outcome =
                Outcome { changed, failed: false, skipped, msg, changes, diff, warnings, values: Vec::new() };
            outcome.set_values(&values);
            Ran { outcome, send }
        }
        Err(ModuleError { msg, mut values, changed: own, changes }) => {
            add_path_info(&mut values, sys);
            let mut outcome = Outcome::failure(msg);
            outcome.set_values(&values);
            done.extend(changes);
            outcome.changes = done;
            outcome.changed = own || changed;
            Ran { outcome, send: Vec::new() }
        }
    }
}
