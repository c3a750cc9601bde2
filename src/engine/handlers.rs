//! Handlers: notified by changes, run in the order in which they are defined when handlers are flushed.

use super::linear::Batch;
use crate::actions::Kind;
use crate::playbook::{Node, Task};
use crate::report::Event;
use crate::template::TemplateContext;
use crate::vars::Value;
use indexmap::IndexSet;
use std::collections::HashSet;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

impl Batch<'_> {
    /// Remembers that hosts notified a handler or a topic. Which handlers that means is found out at the next flush, when all
    /// that the play brings in are known; a handler that notifies another one means it at once.
    pub(super) fn notify(&mut self, name: &str, hosts: &[String], task: &Task) {
        let found = self.find_handlers(name, hosts.first());
        if found.is_empty() {
            self.unknown_handler(name, task);
        } else if hosts.iter().all(|host| self.handles(host)) {
            for &index in found.iter() {
                self.notified[index].extend(hosts.iter().cloned());
            }
        } else {
            self.pending.push((name.to_owned(), hosts.to_vec()));
        }
    }

    /// The handlers that a name or topic means: of those with that name one, of those that listen to it one of each name.
    fn find_handlers(&mut self, name: &str, host: Option<&String>) -> Arc<[usize]> {
        if let Some(found) = self.handlers_by_name.get(name) {
            return Arc::clone(found);
        }
        let found: Arc<[usize]> = self.look_for_handlers(name, host).into();
        // Names that are templates may be others for another host.
        if self.handlers.iter().all(|h| h.name.as_ref().is_none_or(Value::is_final)) {
            self.handlers_by_name.insert(name.to_owned(), Arc::clone(&found));
        }
        found
    }

    fn look_for_handlers(&self, name: &str, host: Option<&String>) -> Vec<usize> {
        let mut found = Vec::new();
        let mut named = false;
        let mut seen = HashSet::new();
        for index in self.search_order() {
            let handler = &self.handlers[index];
            let called = !named && self.is_called(handler, name, host);
            named |= called;
            let title = handler.name.as_ref().and_then(Value::as_str);
            let heard = self.listens(handler, name) && title.is_none_or(|t| seen.insert(t.to_owned()));
            if called || heard {
                found.push(index);
            }
        }
        found
    }

    /// The list that was brought in last comes first; in a list it is the first handler of a name that counts.
    fn search_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.handlers.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(self.handler_lists[index]));
        order
    }

    fn unknown_handler(&mut self, name: &str, task: &Task) {
        let mut names: Vec<&str> = Vec::new();
        for handler in &self.handlers {
            names.extend(handler.name.as_ref().and_then(Value::as_str));
            names.extend(handler.listen.iter().filter_map(Value::as_str));
        }
        let text = format!(
            "The requested handler '{name}' was not found in either the main handlers list nor in the listening handlers list"
        );
        let strict = self.run.shared.options.error_on_missing_handler;
        let diagnostic = if strict { Diagnostic::error(text) } else { Diagnostic::warning(text) };
        let place = task.attrs.list("notify").iter().find(|n| n.as_str() == Some(name)).and_then(Value::span);
        let diagnostic = diagnostic.at(place.unwrap_or(&task.span));
        let diagnostic = match crate::playbook::problems::nearest(name, names) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint("a handler is found by its `name` or by a topic of its `listen`"),
        };
        if !strict {
            self.run.shared.reporter.event(Event::Diagnostic(Box::new(diagnostic)));
            return;
        }
        self.run.broken(diagnostic, 1);
        self.ended = true;
        self.stop_run = true;
    }

    /// Whether a handler has that name, alone or with its role's in front.
    fn is_called(&self, handler: &Task, name: &str, host: Option<&String>) -> bool {
        let Some(own) = &handler.name else { return false };
        let own = if own.is_final() {
            own.as_str().unwrap_or_default().to_owned()
        } else {
            let Some(host) = host else { return false };
            let layers = self.run.shared.store.task_layers(host, &self.vars, handler);
            match self
                .run
                .shared
                .templar
                .render(own, &TemplateContext::new(&layers, crate::vars::scope::nowhere()))
            {
                Ok(value) => value.as_str().unwrap_or_default().to_owned(),
                Err(_) => return false,
            }
        };
        if own == name {
            return true;
        }
        let Some(role) = &handler.role else { return false };
        let full = format!("{} : {own}", role.name);
        full == name || name.rsplit_once('.').is_some_and(|(_, short)| full == short)
    }

    fn listens(&self, handler: &Task, name: &str) -> bool {
        handler.listen.iter().any(|topic| topic.as_str() == Some(name))
    }

    /// Adds handlers that came with a role or include, behind those that are there: of a name they count from now on.
    pub(super) fn add_handlers(&mut self, nodes: &[Node]) {
        self.handlers_by_name.clear();
        let first = self.handlers.len();
        self.handlers.extend(super::include::flatten(nodes));
        self.notified.resize(self.handlers.len(), IndexSet::new());
        let number = self.handler_lists.last().map_or(0, |last| last + 1);
        self.handler_lists.extend(lists_of(&self.handlers[first..], number));
    }

    /// Runs the handlers that these hosts notified.
    pub(super) async fn flush(&mut self, hosts: &[String]) {
        let mut later = Vec::new();
        let flushing: HashSet<String> = hosts.iter().cloned().collect();
        for (name, notifiers) in std::mem::take(&mut self.pending) {
            let (now, rest): (Vec<String>, Vec<String>) =
                notifiers.into_iter().partition(|h| flushing.contains(h));
            if !now.is_empty() {
                for &index in self.find_handlers(&name, now.first()).iter() {
                    self.notified[index].extend(now.iter().cloned());
                }
            }
            if !rest.is_empty() {
                later.push((name, rest));
            }
        }
        self.pending = later;
        if self.free.is_some() {
            return self.begin_handlers(hosts);
        }
        self.flushing = Some(flushing);
        let mut index = 0;
        while index < self.handlers.len() && !self.ended {
            let waiting = std::mem::take(&mut self.notified[index]);
            let (now, later): (IndexSet<String>, IndexSet<String>) =
                waiting.into_iter().partition(|h| self.handles(h));
            self.notified[index].extend(later);
            // In the order of the inventory, as a task runs.
            let now: Vec<String> = self.hosts.keys().filter(|h| now.contains(*h)).cloned().collect();
            if !now.is_empty() {
                let handler = Arc::clone(&self.handlers[index]);
                self.run_handler(&handler, &now).await;
            }
            index += 1;
        }
        self.flushing = None;
    }

    /// Whether a host takes part in the handlers that run now.
    pub(super) fn handles(&self, host: &str) -> bool {
        self.flushing.as_ref().is_some_and(|hosts| hosts.contains(host))
    }

    pub(super) async fn run_handler(&mut self, handler: &Arc<Task>, hosts: &[String]) {
        if handler.action.kind == Kind::Meta {
            Box::pin(self.meta(handler, hosts, true)).await;
        } else {
            self.perform(handler, hosts, true).await;
        }
    }
}

/// The numbers of the lists that handlers come from, which are those of one role or of the play.
pub(super) fn lists_of(handlers: &[Arc<Task>], first: u32) -> Vec<u32> {
    let of = |task: &Arc<Task>| task.role.as_ref().map(|role| role.identity.clone());
    let mut lists: Vec<u32> = Vec::with_capacity(handlers.len());
    for (index, handler) in handlers.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| (lists[before], &handlers[before]));
        lists.push(match before {
            None => first,
            Some((number, other)) => number + u32::from(of(other) != of(handler)),
        });
    }
    lists
}
