//! `vars_files`: which files the hosts of a batch have, as their names may depend on a host's variables and facts.

use super::linear::Batch;
use super::run::Shared;
use crate::playbook::{Play, Task};
use crate::report::Event;
use crate::template::{SearchPath, TemplateContext, TemplateErrorKind};
use crate::vars::store::PlayVars;
use crate::vars::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::Span;
use windlass_yaml::diagnostic::Diagnostic;

/// What is known of a play's files.
#[derive(Debug, Default)]
pub(super) struct VarsFiles {
    read: HashMap<PathBuf, Arc<Map>>,
    /// Warnings that were given.
    told: HashSet<String>,
}

/// When names are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the first task: facts may still be missing.
    Start,
    Later,
}

/// What came of an entry's candidates.
enum Found {
    File(PathBuf),
    /// None of these names is that of a file.
    Missing(Vec<String>),
    /// A name could not be rendered.
    Skipped,
}

impl VarsFiles {
    /// The variables of a batch's files before its first task, by host; below the empty name those that all hosts have in common.
    ///
    /// # Errors
    /// A file that is missing, or wrong.
    pub(super) fn at_start(
        &mut self,
        shared: &Shared,
        play: &Play,
        vars: &PlayVars,
        batch: &[String],
    ) -> Result<HashMap<String, Arc<Map>>, Box<Diagnostic>> {
        let mut out = HashMap::new();
        if play.vars_files.is_empty() {
            return Ok(out);
        }
        let fixed = is_fixed(play);
        for host in batch {
            let all = Arc::new(self.of_host(shared, play, vars, host, When::Start)?);
            if fixed {
                out.insert(String::new(), all);
                break;
            }
            out.insert(host.clone(), all);
        }
        Ok(out)
    }

    fn of_host(
        &mut self,
        shared: &Shared,
        play: &Play,
        vars: &PlayVars,
        host: &str,
        when: When,
    ) -> Result<Map, Box<Diagnostic>> {
        let layers = shared.store.play_layers(host, vars);
        let search = SearchPath::new(vec![play.dir.clone()]);
        let mut all = Map::new();
        for entry in &play.vars_files {
            let span = entry.span().unwrap_or(&play.span);
            let scope = layers.with(all.clone());
            let cx = TemplateContext::new(&scope, &search);
            let path = match self.find(shared, play, entry, (host, &cx), when)? {
                Found::File(path) => path,
                Found::Skipped => continue,
                Found::Missing(names) if entry.is_final() => {
                    return Err(Box::new(missing(play, &names, span)));
                }
                // Which file a template means depends on the host: there need not be one for each.
                Found::Missing(names) => {
                    let mut warning = missing(play, &names, span);
                    warning.level = windlass_yaml::diagnostic::Level::Warning;
                    self.warn(shared, warning);
                    continue;
                }
            };
            let map = match self.read.get(&path) {
                Some(map) => Arc::clone(map),
                None => {
                    let (map, warnings) = shared.loader.vars_file_result(&path)?;
                    for warning in warnings {
                        shared.reporter.event(Event::Diagnostic(Box::new(warning)));
                    }
                    self.read.insert(path, Arc::clone(&map));
                    map
                }
            };
            shared.store.inventory().lay_over(&mut all, &map);
        }
        Ok(all)
    }

    /// The first of an entry's candidates that is there.
    fn find(
        &mut self,
        shared: &Shared,
        play: &Play,
        entry: &Value,
        (host, cx): (&str, &TemplateContext<'_>),
        when: When,
    ) -> Result<Found, Box<Diagnostic>> {
        let span = entry.span().unwrap_or(&play.span);
        let candidates = match entry {
            Value::List(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let mut tried = Vec::new();
        let mut skipped = false;
        for candidate in &candidates {
            let name = match shared.templar.render(candidate, cx) {
                Ok(value) => value.as_str().unwrap_or_default().to_owned(),
                // A name that needs facts is passed over before there are any.
                Err(_) if when == When::Start && !candidate.is_final() => {
                    skipped = true;
                    continue;
                }
                Err(error) if error.kind == TemplateErrorKind::Failed || candidate.is_final() => {
                    let mut diagnostic =
                        Diagnostic::error(error.message).at(error.span.as_ref().unwrap_or(span));
                    diagnostic.hint = error.hint;
                    return Err(Box::new(diagnostic));
                }
                Err(error) if shared.store.facts(host).gathered => {
                    let text =
                        "an undefined variable was found when attempting to template the vars_files item";
                    let mut diagnostic = Diagnostic::error(format!("{text}: {}", error.message));
                    diagnostic.span = error.span.or_else(|| Some(span.clone()));
                    diagnostic.hint = error.hint;
                    return Err(Box::new(diagnostic));
                }
                Err(error) => {
                    let text = "skipping vars_files item due to an undefined variable";
                    self.warn(shared, Diagnostic::warning(text).at(span).note(error.message));
                    return Ok(Found::Skipped);
                }
            };
            let places = [play.dir.join(&name), play.dir.join("vars").join(&name)];
            match places.into_iter().find(|place| place.is_file()) {
                Some(path) => return Ok(Found::File(path)),
                None => tried.push(name),
            }
        }
        // What was passed over may still be found.
        Ok(if skipped { Found::Skipped } else { Found::Missing(tried) })
    }

    fn warn(&mut self, shared: &Shared, warning: Diagnostic) {
        if self.told.insert(format!("{} {:?}", warning.message, warning.notes)) {
            shared.reporter.event(Event::Diagnostic(Box::new(warning)));
        }
    }
}

/// Whether all hosts have the same files.
fn is_fixed(play: &Play) -> bool {
    play.vars_files.iter().all(Value::is_final)
}

fn missing(play: &Play, names: &[String], span: &Span) -> Diagnostic {
    let near = names.iter().find_map(|name| {
        let near = crate::playbook::problems::near_file(&play.dir.join(name))?;
        Some(format!("did you mean `{}`?", Path::new(name).with_file_name(near).display()))
    });
    Diagnostic::error(format!("vars file {} was not found", names.join(", ")))
        .at(span)
        .hint(near.unwrap_or_else(|| format!("looked in {} and its folder vars/", play.dir.display())))
}

impl Batch<'_> {
    /// Reads the files of hosts again whose names are templates: what they see has changed. False if that cannot be done.
    pub(super) fn renew_files(&mut self, task: &Task, hosts: &[String]) -> bool {
        // While facts are gathered, names may still lack them.
        if is_fixed(self.play) || (task.implicit && task.action.is("ansible.builtin.gather_facts")) {
            return true;
        }
        let vars = PlayVars { files: HashMap::new(), ..(*self.vars).clone() };
        for host in hosts {
            match self.files.of_host(&self.run.shared, self.play, &vars, host, When::Later) {
                Ok(all) => {
                    Arc::make_mut(&mut self.vars).files.insert(host.clone(), Arc::new(all));
                }
                Err(diagnostic) => {
                    self.run.broken(*diagnostic, 1);
                    (self.ended, self.stop_run) = (true, true);
                    return false;
                }
            }
        }
        true
    }
}
