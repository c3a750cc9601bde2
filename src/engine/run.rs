//! A run: playbooks over an inventory.

use super::connect::{ConnectDefaults, Pool};
use crate::playbook::{Loader, Play, TagFilter, Task};
use crate::report::{Event, Reporter, Stats};
use crate::template::{SearchPath, Templar, TemplateContext};
use crate::vars::scope::Layers;
use crate::vars::store::Store;
use crate::vars::{Map, Value};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How a run goes.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `-f`: how many hosts work at once.
    pub forks: usize,
    /// `-C`
    pub check: bool,
    /// `-D`
    pub diff: bool,
    /// `-v`, counted.
    pub verbosity: u8,
    /// Somebody watches: what commands print is shown while they run.
    pub watched: bool,
    /// `-t`, `--skip-tags`
    pub tags: TagFilter,
    /// `-l`
    pub limit: Option<String>,
    /// `--start-at-task`
    pub start_at: Option<String>,
    /// `--step`
    pub step: bool,
    /// `--force-handlers`
    pub force_handlers: bool,
    /// `--flush-cache`
    pub flush_cache: bool,
    /// Whether an unknown handler stops the run.
    pub error_on_missing_handler: bool,
    /// `any_errors_fatal` of the configuration.
    pub any_errors_fatal: bool,
    /// Whether plays gather facts unless they say otherwise.
    pub gather_by_default: bool,
    /// Facts that a host has are not gathered again.
    pub gather_once: bool,
    /// `no_log` of the configuration.
    pub no_log: bool,
    /// `task_timeout` of the configuration; 0 is none.
    pub task_timeout: u64,
    /// How plays run that do not say it.
    pub strategy: crate::playbook::Strategy,
    /// Seconds between looks at a job, for tasks that do not say it.
    pub poll_interval: u64,
    /// Where hosts keep what comes of jobs.
    pub async_folder: String,
    /// The debugger comes wherever a task fails.
    pub debugger: bool,
    /// It passes failures over that are ignored.
    pub debugger_passes_ignored: bool,
    /// Connections.
    pub connect: ConnectDefaults,
}

/// Asks the person at the terminal.
pub trait Prompt: Send + Sync {
    /// A line of text, or `None` if nobody can be asked. A secret one is not shown while it is typed.
    fn ask(&self, text: &str, secret: bool) -> Option<String>;
    /// Whether there is a terminal to ask on.
    fn interactive(&self) -> bool;
}

/// What all tasks of a run share.
pub struct Shared {
    /// Variables.
    pub store: Arc<Store>,
    /// Reads playbooks.
    pub loader: Arc<Loader>,
    /// Renders.
    pub templar: Arc<Templar>,
    /// Connections.
    pub pool: Arc<Pool>,
    /// Takes events.
    pub reporter: Arc<dyn Reporter>,
    /// How the run goes.
    pub options: RunOptions,
    /// Asks the person at the terminal.
    pub prompt: Arc<dyn Prompt>,
    /// Hides secrets in what is printed.
    pub redactor: Arc<crate::secrets::Redactor>,
    /// Values of `set_stats`.
    pub custom_stats: Mutex<IndexMap<String, Map>>,
    /// Folder of the playbook that is running.
    pub playbook_dir: PathBuf,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Where files that a task names are looked for.
    #[must_use]
    pub fn search_of(&self, task: &Task) -> SearchPath {
        let mut roots: Vec<PathBuf> = task.role.iter().map(|r| r.path.clone()).collect();
        roots.extend(task.role.iter().flat_map(|r| r.parents.iter().rev()).map(|p| p.path.clone()));
        roots.push(task.dir.clone());
        roots.push(self.playbook_dir.clone());
        SearchPath::new(roots)
    }

    /// The name of a task as it is printed.
    #[must_use]
    pub fn task_name(&self, task: &Task, layers: &Layers) -> String {
        let name = self.own_name(task, layers);
        match &task.role {
            // As the original has it, the including of a role is not named after the role around it.
            Some(role) if task.action.kind != crate::actions::Kind::IncludeRole => {
                format!("{} : {name}", role.display_name())
            }
            _ => name,
        }
    }

    /// The name of a task without its role.
    #[must_use]
    pub fn own_name(&self, task: &Task, layers: &Layers) -> String {
        match task.name.as_ref().filter(|name| name.as_str() != Some("")) {
            Some(name) => {
                let cx = TemplateContext::new(layers, crate::vars::scope::nowhere());
                match self.templar.render_with_marks(name, &cx) {
                    Ok(value) => crate::vars::value::scalar_text(&value).unwrap_or_default(),
                    Err(_) => name.as_str().unwrap_or_default().to_owned(),
                }
            }
            None if task.action.kind == crate::actions::Kind::IncludeRole => {
                let role = task.args.get("name").or_else(|| task.args.get("role")).and_then(Value::as_str);
                format!("{} : {}", task.action_written, role.unwrap_or_default())
            }
            None => task.action_written.clone(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Numbers by host.
    pub stats: IndexMap<String, Stats>,
    /// Something in the playbook could not be loaded while it ran: the exit code for that.
    pub broken: Option<u8>,
    /// The exit code by what became of the hosts: 0, 2 if one failed, 4 if one was unreachable.
    pub code: u8,
}

impl Summary {
    /// Ansible's exit code: what broke the run goes before what became of the hosts.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.broken.unwrap_or(self.code)
    }
}

/// What is known at a moment of a run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Numbers by host.
    pub stats: IndexMap<String, Stats>,
    /// Hosts that failed: later plays leave them out.
    pub failed: HashSet<String>,
    /// Hosts that could not be reached: likewise.
    pub unreachable: HashSet<String>,
    /// The exit code by what became of the hosts so far.
    pub code: u8,
    /// Something could not be loaded: the exit code for that.
    pub broken: Option<u8>,
    /// `--start-at-task` has not been reached.
    pub seeking: bool,
    /// `--step`: the rest runs without questions.
    pub stepping: bool,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    /// What tasks share.
    pub shared: Arc<Shared>,
    pub(super) progress: Mutex<Progress>,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        let progress = Progress {
            seeking: shared.options.start_at.is_some(),
            stepping: shared.options.step,
            ..Progress::default()
        };
        Self { shared, progress: Mutex::new(progress) }
    }

    pub(super) fn with_progress<T>(&self, work: impl FnOnce(&mut Progress) -> T) -> T {
        work(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn count(&self, host: &str, change: impl FnOnce(&mut Stats)) {
        self.with_progress(|p| change(p.stats.entry(host.to_owned()).or_default()));
    }

    /// Runs the plays of a playbook in order until one stops the run, and tells the recap unless the playbook is broken.
    pub async fn plays(&self, plays: &[Arc<Play>]) -> Summary {
        for play in plays {
            if !self.play(play).await {
                break;
            }
        }
        self.recap()
    }

    /// Whether `--start-at-task` names a task that has not been met.
    #[must_use]
    pub fn is_seeking(&self) -> bool {
        self.with_progress(|p| p.seeking)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.shared.pool.close().await;
    }

    fn recap(&self) -> Summary {
        let summary =
            self.with_progress(|p| Summary { stats: p.stats.clone(), broken: p.broken, code: p.code });
        if summary.broken.is_some() {
            return summary;
        }
        let mut hosts: Vec<(String, Stats)> = summary.stats.iter().map(|(h, s)| (h.clone(), *s)).collect();
        hosts.sort_by(|a, b| a.0.cmp(&b.0));
        let custom = {
            let stats = self.shared.custom_stats.lock().unwrap_or_else(PoisonError::into_inner);
            let mut by_host: Vec<(Option<String>, Map)> = stats
                .iter()
                .filter(|(host, _)| *host != "RUN")
                .map(|(host, map)| (Some(host.clone()), map.clone()))
                .collect();
            by_host.sort_by(|(a, _), (b, _)| a.cmp(b));
            by_host.extend(stats.get("RUN").map(|map| (None, map.clone())));
            by_host
        };
        self.shared.reporter.event(Event::Recap { hosts, custom });
        summary
    }
}
