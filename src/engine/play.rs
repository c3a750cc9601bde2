//! One play: its hosts, variables, batches and the tasks in their order.

use super::linear::Batch;
use super::run::{Progress, Run};
use super::vars_files::VarsFiles;
use crate::actions;
use crate::playbook::load::Under;
use crate::playbook::{Attrs, Block, Node, Play, Role, TagFilter, Task};
use crate::report::Event;
use crate::template::{TemplateContext, TemplateError};
use crate::vars::scope::Layers;
use crate::vars::store::PlayVars;
use crate::vars::{Key, Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;

/// A play with its own keywords rendered.
#[derive(Debug)]
pub struct Rendered {
    /// Name as printed.
    pub name: String,
    /// The host pattern.
    pub pattern: String,
    /// Hosts in order.
    pub hosts: Vec<String>,
    /// The same in the order of the inventory.
    pub in_inventory: Vec<String>,
    /// How many hosts each batch has.
    pub batches: Vec<usize>,
    /// `max_fail_percentage`
    pub max_fail: Option<f64>,
    /// `force_handlers`
    pub force_handlers: bool,
    /// `strategy`
    pub strategy: crate::playbook::Strategy,
}

/// Why a play cannot begin.
#[derive(Debug, thiserror::Error)]
enum HeadError {
    /// One of its keywords.
    #[error(transparent)]
    Keyword(#[from] TemplateError),
    /// Its host pattern.
    #[error("{0}")]
    Pattern(TemplateError),
}

impl HeadError {
    /// The exit code of `ansible-playbook`.
    fn code(&self) -> u8 {
        match self {
            Self::Keyword(_) => 4,
            Self::Pattern(_) => 1,
        }
    }

    fn into_error(self) -> TemplateError {
        match self {
            Self::Keyword(error) | Self::Pattern(error) => error,
        }
    }
}

impl Run {
    /// The variables that a play's own keywords may use.
    fn play_scope(&self, play: &Play) -> Layers {
        self.scope_with(&play.vars)
    }

    /// Variables of a play with what belongs to no host.
    pub(super) fn scope_with(&self, vars: &Arc<Map>) -> Layers {
        let shared = &self.shared;
        let mut layers = Layers::default();
        layers.push(vars);
        layers.push(&shared.store.extra);
        layers.push(&shared.store.options);
        layers.push_owned(shared.store.global_magic());
        layers
    }

    fn render_play(&self, play: &Play) -> Result<Rendered, HeadError> {
        let scope = self.play_scope(play);
        let cx = TemplateContext::new(&scope, crate::vars::scope::nowhere());
        let templar = &self.shared.templar;
        let named = |name: &str, mut error: TemplateError| {
            error.message = format!("Error processing keyword '{name}': {}", error.message);
            error
        };
        let own = |name: &str| -> Result<Option<Value>, TemplateError> {
            match play.own.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => {
                    templar.render(value, &cx).map(Some).map_err(|e| named(name, e.at(value.span())))
                }
            }
        };
        let pattern = templar.render(&play.hosts, &cx).map_err(|e| {
            named(if play.name.is_some() { "hosts" } else { "name" }, e.at(play.hosts.span()))
        })?;
        let pattern = match &pattern {
            Value::List(items) => {
                items.iter().filter_map(crate::vars::value::scalar_text).collect::<Vec<_>>().join(",")
            }
            other => crate::vars::value::scalar_text(other).unwrap_or_default(),
        };
        let name = match &play.name {
            Some(name) => {
                let rendered = templar.render(name, &cx).map_err(|e| named("name", e.at(name.span())))?;
                crate::vars::value::scalar_text(&rendered)
            }
            None => None,
        };
        let mut hosts = self.hosts_of(&pattern, play).map_err(HeadError::Pattern)?;
        let in_inventory = hosts.clone();
        let order = own("order")?;
        match order.as_ref().and_then(Value::as_str) {
            Some("sorted") => hosts.sort(),
            Some("reverse_sorted") => hosts.sort_by(|a, b| b.cmp(a)),
            Some("reverse_inventory") => hosts.reverse(),
            Some("shuffle") => {
                use rand::seq::SliceRandom;
                hosts.shuffle(&mut rand::rng());
            }
            _ => {}
        }
        let max_fail = own("max_fail_percentage")?.and_then(|v| match v {
            Value::Str(text) => text.as_str().trim_end_matches('%').trim().parse().ok(),
            other => other.as_number(),
        });
        let batches = batches(own("serial")?.as_ref(), hosts.len());
        Ok(Rendered {
            name: name.unwrap_or_else(|| pattern.clone()),
            pattern,
            hosts,
            in_inventory,
            batches,
            max_fail,
            force_handlers: self.shared.options.force_handlers
                || own("force_handlers")?.as_ref().and_then(super::loops::truthy).unwrap_or(false),
            strategy: self.strategy_of(play, own("strategy")?.as_ref()).map_err(HeadError::Pattern)?,
        })
    }

    fn hosts_of(&self, pattern: &str, play: &Play) -> Result<Vec<String>, TemplateError> {
        let inventory = self.shared.store.inventory();
        let limit = self.shared.options.limit.as_deref();
        let found = inventory.match_pattern(pattern, limit).map_err(|error| {
            let diagnostic = error.to_diagnostic();
            let mut error =
                TemplateError::new(crate::template::TemplateErrorKind::Failed, diagnostic.message);
            error.hint = diagnostic.hint;
            error.at(play.hosts.span())
        });
        for warning in inventory.take_warnings() {
            let place = play.hosts.span().filter(|_| warning.span.is_none());
            let warning = match place {
                Some(span) if pattern.split([',', ':']).any(|p| warning.message.ends_with(p.trim())) => {
                    warning.at(span)
                }
                _ => warning,
            };
            self.shared.reporter.event(Event::Diagnostic(Box::new(warning)));
        }
        found
    }

    /// The head of a play, for `--list-hosts` and its like.
    ///
    /// # Errors
    /// If a template in its head fails, or the pattern is wrong.
    pub fn head(&self, play: &Play) -> Result<Rendered, TemplateError> {
        self.render_play(play).map_err(HeadError::into_error)
    }

    /// Says because of what the run stops, and with which exit code.
    pub(super) fn broken(&self, diagnostic: Diagnostic, code: u8) {
        self.with_progress(|p| p.broken = p.broken.or(Some(code)));
        self.shared.reporter.event(Event::Diagnostic(Box::new(diagnostic)));
    }

    fn broken_template(&self, error: &TemplateError, play: &Play, code: u8) {
        let mut diagnostic =
            Diagnostic::error(error.message.clone()).at(error.span.as_ref().unwrap_or(&play.span));
        diagnostic.hint.clone_from(&error.hint);
        self.broken(diagnostic, code);
    }

    /// Runs a play; false if the run is to stop.
    pub(super) async fn play(&self, play: &Arc<Play>) -> bool {
        let rendered = match self.render_play(play) {
            Ok(rendered) => rendered,
            Err(error) => {
                let code = error.code();
                self.broken_template(&error.into_error(), play, code);
                return false;
            }
        };
        let mut vars = (*play.vars).clone();
        if let Err(diagnostic) = self.prompts(play, &self.play_scope(play), &mut vars) {
            self.broken(*diagnostic, 1);
            return false;
        }
        let announce = || {
            let own = play.attrs.get("check_mode").map(|value| super::loops::truthy(value).unwrap_or(true));
            let check = own.unwrap_or(self.shared.options.check);
            self.shared.reporter.event(Event::Play {
                name: rendered.name.clone(),
                path: format!("{}:{}", play.span.file.path.display(), play.span.line),
                check,
            });
        };
        if rendered.hosts.is_empty() {
            announce();
            self.shared.reporter.event(Event::NoHosts);
            return true;
        }
        let hosts: Vec<String> =
            self.with_progress(|p| rendered.hosts.iter().filter(|h| goes_on(p, h)).cloned().collect());
        if let Err(problems) = self.shared.store.read_host_files(&hosts) {
            problems.into_iter().for_each(|p| self.broken(p, 4));
            return false;
        }
        let base = PlayVars {
            vars: Arc::new(vars),
            roles: play.roles.clone(),
            magic: Arc::default(),
            files: HashMap::new(),
        };
        let mut start = 0;
        for size in &rendered.batches {
            let end = (start + size).min(rendered.hosts.len());
            let everyone = rendered.hosts[start..end].to_vec();
            let lost = self.with_progress(|p| p.failed.len() + p.unreachable.len());
            let batch: Vec<String> =
                self.with_progress(|p| everyone.iter().filter(|h| goes_on(p, h)).cloned().collect());
            start = end;
            announce();
            let mut vars = base.clone();
            vars.magic = Arc::new(self.play_magic(&rendered, play, &batch));
            let mut files = VarsFiles::default();
            match files.at_start(&self.shared, play, &vars, &batch) {
                Ok(theirs) => vars.files = theirs,
                Err(diagnostic) => {
                    self.broken(*diagnostic, 4);
                    return false;
                }
            }
            let main = match self.nodes(play, &rendered, &vars) {
                Ok(nodes) => nodes,
                Err(error) => {
                    self.broken_template(&error, play, 1);
                    return false;
                }
            };
            let root = Arc::new(Block { main, ..Block::default() });
            let all = everyone.len();
            let mut running = Batch::new(self, play, &rendered, (vars, files), (everyone, batch), root);
            running.run().await;
            // A batch that was lost as a whole ends the run.
            let newly_lost =
                self.with_progress(|p| p.failed.len() + p.unreachable.len()).saturating_sub(lost);
            if newly_lost == all || running.stop_run {
                return false;
            }
            if running.play_over {
                return true;
            }
        }
        true
    }

    /// Magic variables of a play and its batch.
    fn play_magic(&self, rendered: &Rendered, play: &Play, batch: &[String]) -> Map {
        let list = |names: &[String]| Value::list(names.iter().map(|n| Value::text(n.as_str())).collect());
        // Hosts that failed in an earlier play or batch are out.
        let left: Vec<String> = self.with_progress(|p| {
            rendered.in_inventory.iter().filter(|host| goes_on(p, host)).cloned().collect()
        });
        // Roles that the play names itself, and those that they depend on.
        let is_dependency = |role: &Role| {
            play.roles.iter().flat_map(|r| &r.dependencies).any(|d| std::ptr::eq(Arc::as_ptr(d), role))
        };
        let (named, dependencies): (Vec<String>, Vec<String>) = {
            let (dependencies, named): (Vec<_>, Vec<_>) = play.roles.iter().partition(|r| is_dependency(r));
            let names =
                |roles: Vec<&Arc<Role>>| roles.into_iter().map(|r| r.name.clone()).collect::<Vec<_>>();
            let once: indexmap::IndexSet<String> = names(dependencies).into_iter().collect();
            (names(named), once.into_iter().collect())
        };
        let all: indexmap::IndexSet<String> = dependencies.iter().chain(&named).cloned().collect();
        [
            ("ansible_play_name", Value::text(rendered.name.as_str())),
            ("ansible_play_hosts_all", list(&rendered.in_inventory)),
            ("ansible_play_hosts", list(&left)),
            ("ansible_play_batch", list(batch)),
            ("play_hosts", list(batch)),
            ("role_names", list(&named)),
            ("ansible_role_names", list(&all.into_iter().collect::<Vec<_>>())),
            ("ansible_play_role_names", list(&named)),
            ("ansible_dependent_role_names", list(&dependencies)),
        ]
        .into_iter()
        .map(|(k, v)| (Key::from(k), v))
        .collect()
    }

    /// All tasks of a play in order, by tags.
    fn nodes(&self, play: &Play, rendered: &Rendered, vars: &PlayVars) -> Result<Vec<Node>, TemplateError> {
        let mut nodes = Vec::new();
        let under = Under { attrs: Arc::clone(&play.attrs), dir: play.dir.clone(), ..Under::default() };
        let implicit = |name: &str, args: Map, title: Option<&str>| -> Option<Node> {
            let action = actions::resolve(name)?;
            let mut own = Attrs::default();
            // A play with tags gathers facts only if they are chosen.
            if title.is_none() || play.attrs.list("tags").is_empty() {
                own.set("tags", Value::list(vec![Value::text("always")]));
            }
            let attrs = own.child_of(&play.attrs);
            let task = Task {
                args: Arc::new(args),
                name: title.map(Value::text),
                ..Task::implicit(action, attrs, &under, &play.span)
            };
            Some(Node::Task(Arc::new(task)))
        };
        let scope = self.play_scope(play);
        let gather = match play.own.get("gather_facts") {
            None | Some(Value::Null) => self.shared.options.gather_by_default,
            Some(value) => self
                .shared
                .templar
                .render(value, &TemplateContext::new(&scope, crate::vars::scope::nowhere()))
                .ok()
                .as_ref()
                .and_then(super::loops::truthy)
                .unwrap_or(true),
        };
        if gather {
            let mut args = Map::new();
            for (keyword, arg) in [
                ("gather_subset", "gather_subset"),
                ("gather_timeout", "gather_timeout"),
                ("fact_path", "fact_path"),
            ] {
                if let Some(value) = play.own.get(keyword) {
                    args.insert(Key::from(arg), value.clone());
                }
            }
            nodes.extend(implicit("ansible.builtin.gather_facts", args, Some("Gathering Facts")));
        }
        let flush = || {
            let args = [(Key::from("_raw_params"), Value::text("flush_handlers"))].into_iter().collect();
            implicit("ansible.builtin.meta", args, None)
        };
        let tasks = || play.role_tasks.iter().chain(&play.tasks).cloned().collect();
        for section in [play.pre_tasks.clone(), tasks(), play.post_tasks.clone()] {
            if rendered.force_handlers {
                // Also for hosts that failed.
                let always = flush().into_iter().collect();
                nodes.push(Node::Block(Arc::new(Block { main: section, always, ..Block::default() })));
            } else {
                nodes.extend(section.into_iter().chain(flush()));
            }
        }
        let layers = {
            let mut layers = scope;
            layers.push(&vars.vars);
            layers
        };
        self.filter(&nodes, &layers)
    }

    /// The tasks that the tags choose.
    pub(super) fn filter(&self, nodes: &[Node], scope: &Layers) -> Result<Vec<Node>, TemplateError> {
        let tags = &self.shared.options.tags;
        let render = |task: &Task| tags_of(task, &self.shared.templar, scope);
        filter_nodes(nodes, tags, &render)
    }
}

/// Whether a host takes part in what follows.
fn goes_on(progress: &Progress, host: &str) -> bool {
    !progress.failed.contains(host) && !progress.unreachable.contains(host)
}

/// The tags of a task, rendered.
///
/// # Errors
/// If the template of one fails.
pub fn tags_of(
    task: &Task,
    templar: &crate::template::Templar,
    scope: &Layers,
) -> Result<Vec<String>, TemplateError> {
    let mut out = Vec::new();
    for tag in task.tags() {
        let value = if tag.is_final() {
            tag.clone()
        } else {
            let mut scope = scope.clone();
            if let Some(role) = &task.role {
                scope.push(&role.defaults);
                scope.push(&role.vars);
                scope.push(&role.own_vars);
            }
            task.vars.iter().for_each(|l| scope.push(l));
            templar
                .render(tag, &TemplateContext::new(&scope, crate::vars::scope::nowhere()))
                .map_err(|e| e.at(tag.span()))?
        };
        let mut add = |value: &Value| {
            let text = crate::vars::value::scalar_text(value).unwrap_or_default();
            for tag in text.split(',').map(str::trim).filter(|t| !t.is_empty()) {
                if !out.iter().any(|t| t == tag) {
                    out.push(tag.to_owned());
                }
            }
        };
        match &value {
            Value::List(items) => items.iter().for_each(&mut add),
            other => add(other),
        }
    }
    Ok(out)
}

/// The rendered tags of a task.
type TagsOf<'a> = dyn Fn(&Task) -> Result<Vec<String>, TemplateError> + 'a;

/// The nodes that a filter lets through.
///
/// # Errors
/// If the template of a tag fails.
pub fn filter_nodes(
    nodes: &[Node],
    filter: &TagFilter,
    tags: &TagsOf<'_>,
) -> Result<Vec<Node>, TemplateError> {
    let all = filter.skip.is_empty() && filter.only.len() == 1 && filter.only.contains("all");
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Task(task) => {
                // Handlers are flushed whatever the tags are.
                let own = task.implicit && task.action.kind == actions::Kind::Meta;
                if own || (all && task.attrs.list("tags").is_empty()) || filter.runs(&tags(task)?) {
                    out.push(node.clone());
                }
            }
            Node::Block(block) => {
                let part = |nodes: &[Node]| filter_nodes(nodes, filter, tags);
                let (main, rescue, always) = (part(&block.main)?, part(&block.rescue)?, part(&block.always)?);
                if !(main.is_empty() && rescue.is_empty() && always.is_empty()) {
                    out.push(Node::Block(Arc::new(Block {
                        name: block.name.clone(),
                        main,
                        rescue,
                        always,
                        role_root: block.role_root.clone(),
                    })));
                }
            }
        }
    }
    Ok(out)
}

/// Sizes of the batches: `serial` is a number, a percentage, or a list of both whose last one repeats.
fn batches(serial: Option<&Value>, hosts: usize) -> Vec<usize> {
    let size = |value: &Value| -> usize {
        let text = crate::vars::value::scalar_text(value).unwrap_or_default();
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().unwrap_or(100.0);
                ((percent / 100.0 * hosts as f64) as usize).max(1)
            }
            None => text.trim().parse().unwrap_or(0),
        }
    };
    let sizes: Vec<usize> = match serial {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.iter().map(size).collect(),
        Some(value) => vec![size(value)],
    };
    let Some(last) = sizes.last().copied() else { return vec![hosts] };
    let mut out = Vec::new();
    let mut left = hosts;
    for size in sizes.into_iter().chain(std::iter::repeat(last)) {
        if left == 0 {
            break;
        }
        let take = if size == 0 { left } else { size.min(left) };
        out.push(take);
        left -= take;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_as_ansible_makes_them() {
        let list = |items: &[&str]| Value::list(items.iter().map(|i| Value::text(*i)).collect());
        assert_eq!(batches(None, 5), [5]);
        assert_eq!(batches(Some(&Value::Int(2)), 5), [2, 2, 1]);
        assert_eq!(batches(Some(&Value::text("30%")), 10), [3, 3, 3, 1]);
        assert_eq!(batches(Some(&Value::text("1%")), 5), [1, 1, 1, 1, 1]);
        assert_eq!(batches(Some(&list(&["1", "50%"])), 10), [1, 5, 4]);
        assert_eq!(batches(Some(&Value::Int(0)), 3), [3]);
    }
}
