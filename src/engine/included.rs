//! What hosts include while a play runs: loaded once for all that include it in the same way.

use super::include::{self, Entry, IncludeRequest};
use super::linear::Batch;
use crate::playbook::{Block, Node, Problems, Task};
use crate::report::{Event, Status, TaskResult};
use crate::template::TemplateError;
use crate::vars::{Key, Map, Value};
use indexmap::{IndexMap, IndexSet};
use std::collections::HashMap;
use std::sync::Arc;

/// An include, and which one of its like: a loop may include the same thing twice.
type Id = (Arc<str>, usize);

fn with_ids(request: IncludeRequest) -> Vec<(Id, Entry)> {
    let mut seen: HashMap<Arc<str>, usize> = HashMap::new();
    let numbered = request.entries.into_iter().map(|entry| {
        let key: Arc<str> = entry.key().into();
        let count = seen.entry(Arc::clone(&key)).or_default();
        *count += 1;
        ((key, *count), entry)
    });
    numbered.collect()
}

impl Batch<'_> {
    /// Loads what hosts include, each thing once for all hosts that include it in the same way. Gives the hosts on which
    /// that failed.
    pub(super) async fn include(
        &mut self,
        task: &Arc<Task>,
        requests: Vec<(String, IncludeRequest)>,
        handler: bool,
    ) -> IndexSet<String> {
        let mut told: IndexMap<Id, (Entry, Vec<String>)> = IndexMap::new();
        let mut wanted: Vec<(String, Vec<Id>)> = Vec::new();
        for (host, request) in requests {
            let mut ids = Vec::new();
            for (id, entry) in with_ids(request) {
                told.entry(id.clone()).or_insert_with(|| (entry, Vec::new())).1.push(host.clone());
                ids.push(id);
            }
            wanted.push((host, ids));
        }
        let mut loaded: IndexMap<Id, Arc<Block>> = IndexMap::new();
        let mut refused: IndexSet<String> = IndexSet::new();
        for (id, (entry, hosts)) in &told {
            if let Some(block) = self.loaded_before(task, id) {
                self.tell_included(task, entry, hosts);
                loaded.insert(id.clone(), block);
                continue;
            }
            match include::load(&self.run.shared.loader, task, entry, &self.run.shared.playbook_dir) {
                Ok(included) => {
                    self.tell_included(task, entry, hosts);
                    self.add_handlers(&included.made.handlers);
                    if !included.made.roles.is_empty() {
                        let vars = Arc::make_mut(&mut self.vars);
                        vars.roles.extend(included.made.roles.iter().filter(|r| r.public).cloned());
                    }
                    let chosen = if handler {
                        Ok(included.block.main.clone())
                    } else {
                        self.by_tags(&included.block.main)
                    };
                    match chosen {
                        Ok(main) => {
                            let block = Arc::new(Block { main, ..Block::default() });
                            if let Some(free) = &mut self.free {
                                free.loaded.insert((task.id, Arc::clone(&id.0)), Arc::clone(&block));
                            }
                            loaded.insert(id.clone(), block);
                        }
                        Err(error) => {
                            self.abort(task, error);
                            return refused;
                        }
                    }
                }
                Err(problems) => {
                    self.refuse_include(problems, task, entry, hosts);
                    if self.ended {
                        return refused;
                    }
                    refused.extend(hosts.iter().cloned());
                }
            }
        }
        for host in &refused {
            self.mark(host);
            self.failed.insert(host.clone());
        }
        if handler {
            self.handle_included(&told, &loaded, &refused).await;
            return refused;
        }
        // What several hosts include has the same place for all of them, whatever else one of them includes.
        self.groups += 1;
        let mut blocks: IndexMap<Vec<Id>, Arc<Block>> = IndexMap::new();
        for (host, ids) in wanted.into_iter().filter(|(host, _)| !refused.contains(host)) {
            let block = blocks.entry(ids).or_insert_with_key(|ids| {
                let own = |id: &Id| loaded.get(id).filter(|_| ids.contains(id)).cloned().unwrap_or_default();
                let main = told.keys().map(|id| Node::Block(own(id))).collect();
                Arc::new(Block { main, ..Block::default() })
            });
            if let Some(state) = self.hosts.get_mut(&host) {
                state.include(Arc::clone(block), self.groups);
            }
        }
        refused
    }

    /// Where hosts run on by themselves: what another one included in the same way.
    fn loaded_before(&self, task: &Task, id: &Id) -> Option<Arc<Block>> {
        self.free.as_ref()?.loaded.get(&(task.id, Arc::clone(&id.0))).cloned()
    }

    fn tell_included(&self, task: &Task, entry: &Entry, hosts: &[String]) {
        self.run.shared.reporter.event(Event::Included {
            what: entry.display(),
            hosts: hosts.to_vec(),
            item: entry.label.clone(),
            task: task.id,
        });
        hosts.iter().for_each(|h| self.run.count(h, |s| s.ok += 1));
    }

    /// Runs what a handler included as handlers of the same hosts.
    async fn handle_included(
        &mut self,
        told: &IndexMap<Id, (Entry, Vec<String>)>,
        loaded: &IndexMap<Id, Arc<Block>>,
        refused: &IndexSet<String>,
    ) {
        if let Some(free) = &mut self.free {
            // A host comes here alone, and goes on in its own time.
            let host = told.values().find_map(|(_, hosts)| hosts.first()).filter(|h| !refused.contains(*h));
            if let Some(host) = host {
                let blocks = told.keys().filter_map(|id| loaded.get(id));
                free.queue(host, blocks.flat_map(|block| include::flatten(&block.main)).collect());
            }
            return;
        }
        for (id, (_, hosts)) in told {
            let Some(block) = loaded.get(id) else { continue };
            let hosts: Vec<String> = hosts.iter().filter(|h| !refused.contains(*h)).cloned().collect();
            for task in include::flatten(&block.main) {
                let hosts: Vec<String> = hosts.iter().filter(|h| self.handles(h)).cloned().collect();
                if self.ended || hosts.is_empty() {
                    break;
                }
                Box::pin(self.run_handler(&task, &hosts)).await;
            }
        }
    }

    /// The nodes that the tags choose, by the variables of the play.
    fn by_tags(&self, nodes: &[Node]) -> Result<Vec<Node>, TemplateError> {
        self.run.filter(nodes, &self.run.scope_with(&self.vars.vars))
    }

    /// Says why something cannot be included. A file that cannot be understood stops the run, as it does in Ansible; what is
    /// missing fails on the hosts that included it.
    fn refuse_include(&mut self, mut problems: Problems, task: &Task, entry: &Entry, hosts: &[String]) {
        let reporter = &self.run.shared.reporter;
        let unreadable = problems.is_unreadable();
        let problems = problems.take();
        let reason = problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; ");
        for problem in problems {
            reporter.event(Event::Diagnostic(Box::new(problem)));
        }
        if unreadable {
            self.run.with_progress(|p| p.broken = p.broken.or(Some(4)));
            (self.ended, self.stop_run) = (true, true);
            return;
        }
        let mut result = Map::from([
            (Key::from("changed"), Value::Bool(false)),
            (Key::from("reason"), Value::text(reason)),
        ]);
        if let include::What::Missing { name, .. } = &entry.what {
            result.insert(Key::from("include"), Value::text(name.as_str()));
        }
        let result = Arc::new(result);
        for host in hosts {
            self.run.count(host, |stats| stats.failed += 1);
            let told = TaskResult::new(host, Status::Failed, Arc::clone(&result), task.action.spec.name);
            let told = TaskResult { task: task.id, ..told };
            reporter.event(Event::Result(told));
        }
    }
}
