//! From the documents of playbooks and task files to plays and tasks.

use super::attrs::Attrs;
use super::check::unknown_keyword;
use super::keywords;
use super::play::Play;
use super::problems::Problems;
use super::role::Role;
use super::task::{Block, Node};
use crate::actions::{self, ActionRef};
use crate::secrets::Secrets;
use crate::template::Templar;
use crate::vars::{Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Node as Yaml, Span};

/// What a file's tasks are made under.
#[derive(Debug, Clone, Default)]
pub struct Under {
    /// Keywords that they inherit.
    pub attrs: Arc<Attrs>,
    /// `vars:` around them, outermost first.
    pub vars: Vec<Arc<Map>>,
    /// `vars:` of dynamic includes around them.
    pub include_params: Vec<Arc<Map>>,
    /// The role that they belong to.
    pub role: Option<Arc<Role>>,
    /// Folder of the file, for relative names.
    pub dir: PathBuf,
    /// They are handlers.
    pub handlers: bool,
    /// A rescue waits for their failure.
    pub rescued: bool,
    /// How deep imports are nested.
    pub depth: usize,
    /// Roles whose variables are seen besides the own one's.
    pub role_chain: Vec<Arc<Role>>,
    /// The roles whose dependency is read.
    pub dependents: Vec<Arc<super::role::Dependent>>,
}

/// Reads playbooks, roles and task files, and remembers what it has read.
pub struct Loader {
    /// Decrypts what is encrypted.
    pub secrets: Arc<Secrets>,
    /// Renders names of imported files.
    pub templar: Arc<Templar>,
    /// `-e`.
    pub extra_vars: Arc<Map>,
    /// Where roles are looked for after the playbook's own folder.
    pub roles_path: Vec<PathBuf>,
    /// Where collections are looked for.
    pub collections_path: Vec<PathBuf>,
    /// Folders of modules that are no part of Windlass.
    libraries: Mutex<Vec<PathBuf>>,
    /// Folders of collections beside the playbooks.
    pub(super) adjacent: Mutex<Vec<PathBuf>>,
    /// The modules of groups in `module_defaults`.
    pub(super) groups: Mutex<HashMap<String, Arc<std::collections::HashSet<String>>>>,
    /// Documents that were read.
    pub(super) cache: Mutex<HashMap<PathBuf, Arc<Option<Yaml>>>>,
    /// Contents that were decrypted.
    pub(super) contents: Mutex<HashMap<PathBuf, (super::read_file::FileState, Arc<crate::secrets::Opened>)>>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("roles_path", &self.roles_path).finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader that has read nothing yet.
    #[must_use]
    pub fn new(secrets: Arc<Secrets>, templar: Arc<Templar>, extra_vars: Arc<Map>) -> Self {
        Self {
            secrets,
            templar,
            extra_vars,
            roles_path: Vec::new(),
            collections_path: Vec::new(),
            libraries: Mutex::default(),
            adjacent: Mutex::default(),
            groups: Mutex::default(),
            cache: Mutex::default(),
            contents: Mutex::default(),
        }
    }

    /// The process is about to end: leaves what was read to the system, which takes it back at once. To take it apart piece by
    /// piece would take a tenth of the time of reading it.
    pub fn abandon(&self, plays: Vec<Arc<Play>>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::forget((plays, std::mem::take(&mut *cache)));
    }

    /// Looks for modules in one more folder, after the others.
    pub fn add_library(&self, folder: PathBuf) {
        let mut libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        if folder.is_dir() && !libraries.contains(&folder) {
            libraries.push(folder);
        }
    }

    /// The action of a name: one of Windlass, or a module that the playbook or a role brings along.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<ActionRef> {
        actions::resolve(name).or_else(|| {
            let libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
            actions::library::find(name, &libraries)
        })
    }

    /// The plays of a playbook file.
    pub fn playbook(&self, path: &Path, problems: &mut Problems) -> Vec<Play> {
        let beside = path.parent().map(|dir| dir.join("collections")).unwrap_or_default();
        self.adjacent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(beside);
        self.playbook_under(path, None, &Attrs::default(), &Map::new(), problems, 0)
    }

    fn playbook_under(
        &self,
        path: &Path,
        from: Option<&Span>,
        attrs: &Attrs,
        vars: &Map,
        problems: &mut Problems,
        depth: usize,
    ) -> Vec<Play> {
        let Some(document) = self.document(path, from, problems) else { return Vec::new() };
        let Some(node) = &*document else {
            let text = format!("{} is empty: a playbook is a list of plays", path.display());
            problems.push(Diagnostic::error(text).hint("begin each play with `- hosts: ...`"));
            return Vec::new();
        };
        let Some(entries) = node.as_seq() else {
            problems.push(
                Diagnostic::error(format!("a playbook is a list of plays, this is {}", node.kind()))
                    .at(&node.span)
                    .hint("begin each play with `- hosts: ...`"),
            );
            return Vec::new();
        };
        let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
        self.entries(entries, &dir, attrs, vars, problems, depth)
    }

    /// The plays of a playbook that is no file. Relative names are below `dir`.
    pub fn plays(&self, node: &Yaml, dir: &Path, problems: &mut Problems) -> Vec<Play> {
        self.entries(node.as_seq().unwrap_or_default(), dir, &Attrs::default(), &Map::new(), problems, 0)
    }

    fn entries(
        &self,
        entries: &[Yaml],
        dir: &Path,
        attrs: &Attrs,
        vars: &Map,
        problems: &mut Problems,
        depth: usize,
    ) -> Vec<Play> {
        let mut plays = Vec::new();
        for entry in entries {
            let Some(map) = entry.as_map() else {
                problems.push(
                    Diagnostic::error(format!("a play is a mapping, this is {}", entry.kind()))
                        .at(&entry.span)
                        .hint("as in `- hosts: all`, and `tasks:` below it"),
                );
                continue;
            };
            let import =
                ["import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook"]
                    .iter()
                    .find_map(|k| map.get(k));
            if let Some(target) = import {
                if depth > 50 {
                    problems.push(
                        Diagnostic::error("playbooks import each other without end")
                            .at(&target.span)
                            .hint("remove one of the imports"),
                    );
                    continue;
                }
                for (key, _) in map.iter() {
                    let name = key.as_str().unwrap_or_default();
                    let plain = name.rsplit('.').next().unwrap_or(name);
                    let known: Vec<&str> = keywords::import_playbook().collect();
                    if plain != "import_playbook" && !known.contains(&name) {
                        unknown_keyword("import_playbook", name, &key.span, &known, problems);
                    }
                }
                let own = self.attrs(map, problems);
                let mut inner = vars.clone();
                if let Some(Value::Map(more)) = map.get("vars").map(|n| self.value(n)) {
                    inner.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                if let Some(file) = self.static_name(&self.value(target), &inner, &target.span, problems) {
                    let file = file.split_whitespace().next().unwrap_or_default();
                    let path = dir.join(file);
                    let merged = own.under(attrs);
                    plays.extend(self.playbook_under(
                        &path,
                        Some(&target.span),
                        &merged,
                        &inner,
                        problems,
                        depth + 1,
                    ));
                }
                continue;
            }
            if let Some(play) = self.play(map, &entry.span, dir, attrs, vars, problems) {
                plays.push(play);
            }
        }
        plays
    }

    /// Renders the name of something that is imported: only `-e` and static variables are known then.
    pub(super) fn static_name(
        &self,
        value: &Value,
        vars: &Map,
        span: &Span,
        problems: &mut Problems,
    ) -> Option<String> {
        let scope = super::import::StaticScope { vars, extra: &self.extra_vars };
        match self
            .templar
            .render(value, &crate::template::TemplateContext::new(&scope, crate::vars::scope::nowhere()))
        {
            Ok(Value::Str(text)) => Some(text.as_str().to_owned()),
            Ok(other) => {
                problems.push(
                    Diagnostic::error(format!(
                        "the name of a file is wanted here, this is a {}",
                        other.type_name()
                    ))
                    .at(span),
                );
                None
            }
            Err(error) => {
                problems.push(
                    Diagnostic::error(format!("the name of an import cannot be made: {error}"))
                        .at(error.span.as_ref().unwrap_or(span))
                        .hint("an import is read before hosts are known; use include_tasks, or give the variable by -e"),
                );
                None
            }
        }
    }

    fn play(
        &self,
        map: &windlass_yaml::Mapping,
        span: &Span,
        dir: &Path,
        parent: &Attrs,
        outer_vars: &Map,
        problems: &mut Problems,
    ) -> Option<Play> {
        for (key, _) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            if !keywords::PLAY.contains(&name) {
                unknown_keyword("a play", name, &key.span, keywords::PLAY, problems);
            }
        }
        let Some(hosts) = map.get("hosts") else {
            problems.push(
                Diagnostic::error("this play has no `hosts`")
                    .at(span)
                    .hint("say on which hosts it runs: `hosts: all`"),
            );
            return None;
        };
        let empty =
            hosts.is_null() || hosts.as_str() == Some("") || hosts.as_seq().is_some_and(<[Yaml]>::is_empty);
        if empty {
            problems.push(
                Diagnostic::error("Hosts list cannot be empty. Please check your playbook")
                    .at(&hosts.span)
                    .hint("name a group, a host or a pattern: `hosts: all`"),
            );
            return None;
        }
        self.check_play(map, problems);
        let mut attrs = self.attrs(map, problems);
        if let Some(user) = map.get("user") {
            attrs.set("remote_user", self.value(user));
        }
        let attrs = Arc::new(attrs.under(parent));
        let mut own = Attrs::default();
        for name in [
            "fact_path",
            "force_handlers",
            "gather_facts",
            "gather_subset",
            "gather_timeout",
            "max_fail_percentage",
            "order",
            "serial",
            "strategy",
        ] {
            if let Some(node) = map.get(name) {
                own.set(name, self.value(node));
            }
        }
        let mut vars = outer_vars.clone();
        if let Some(node) = map.get("vars") {
            vars.extend(self.vars_of(node, problems).iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        let listed = |name: &str| self.listed(map, name);
        let (vars_files, vars_prompt) = (listed("vars_files"), listed("vars_prompt"));
        let vars = Arc::new(vars);
        let under = Under { attrs: Arc::clone(&attrs), dir: dir.to_owned(), ..Under::default() };
        let statics = super::import::Statics { play_vars: Arc::clone(&vars), playbook_dir: dir.to_owned() };
        let mut made = Made { statics: Some(statics), ..Made::default() };
        let mut role_tasks = Vec::new();
        if let Some(node) = map.get("roles") {
            role_tasks = self.roles(node, &under, &mut made, problems);
        }
        let mut nodes = |name: &str, made: &mut Made| match map.get(name) {
            Some(node) => self.nodes(node, &under, made, problems),
            None => Vec::new(),
        };
        let pre_tasks = nodes("pre_tasks", &mut made);
        let tasks = nodes("tasks", &mut made);
        let post_tasks = nodes("post_tasks", &mut made);
        let own_handlers = match map.get("handlers") {
            Some(node) => self.nodes(node, &Under { handlers: true, ..under.clone() }, &mut made, problems),
            None => Vec::new(),
        };
        // Handlers of roles come before the play's own: of two with one name the play's counts.
        let mut handlers = made.handlers;
        handlers.extend(own_handlers);
        Some(Play {
            name: map.get("name").map(|n| self.value(n)),
            hosts: self.value(hosts),
            attrs,
            own,
            vars,
            vars_files,
            vars_prompt,
            pre_tasks,
            role_tasks,
            tasks,
            post_tasks,
            handlers,
            roles: made.roles,
            dir: dir.to_owned(),
            span: span.clone(),
        })
    }

    /// `vars:` as a mapping; a list of mappings is joined.
    pub(super) fn vars_of(&self, node: &Yaml, problems: &mut Problems) -> Arc<Map> {
        match self.value(node) {
            Value::Map(map) => {
                for (key, _) in map.iter() {
                    let name = key.to_string();
                    let valid = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
                        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
                    if !valid {
                        let span = match key {
                            crate::vars::Key::Str(text) => text.span().cloned(),
                            _ => None,
                        };
                        problems.refuse(
                            Diagnostic::error(format!("Invalid variable name in 'vars': '{name}'"))
                                .at(span.as_ref().unwrap_or(&node.span))
                                .hint(super::parse_task::NAME_HINT),
                        );
                    }
                }
                map
            }
            Value::Null => Arc::default(),
            Value::List(items) => {
                let maps = items.iter().filter_map(Value::as_map);
                Arc::new(maps.flat_map(|m| m.iter().map(|(k, v)| (k.clone(), v.clone()))).collect())
            }
            _ => {
                problems.push(
                    Diagnostic::error(format!("`vars` is a mapping, this is {}", node.kind()))
                        .at(&node.span)
                        .hint("write one `name: value` to a line"),
                );
                Arc::default()
            }
        }
    }

    /// A keyword that is a list, or one entry of it.
    pub(super) fn listed(&self, map: &windlass_yaml::Mapping, name: &str) -> Vec<Value> {
        match map.get(name).map(|n| self.value(n)) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(items)) => items.to_vec(),
            Some(other) => vec![other],
        }
    }

    /// The inherited keywords that a mapping gives.
    pub(super) fn attrs(&self, map: &windlass_yaml::Mapping, problems: &mut Problems) -> Attrs {
        let mut attrs = Attrs::default();
        for name in keywords::INHERITED {
            let Some(node) = map.get(name) else { continue };
            if node.is_null() && !matches!(*name, "when" | "tags") {
                continue;
            }
            if *name == "module_defaults" {
                super::conceal::defaults(node);
            }
            let value = self.value(node);
            let value = match *name {
                "when" | "environment" | "module_defaults" | "notify" => match value {
                    Value::List(_) => value,
                    Value::Null => continue,
                    other => Value::list(vec![other]),
                },
                // A number is a tag in a list alone.
                "tags" => match tag_list(&value).filter(|_| !matches!(value, Value::Null | Value::Int(_))) {
                    Some(tags) => Value::list(tags),
                    None => {
                        problems.refuse(
                            Diagnostic::error("tags are a list of texts or a text with commas")
                                .at(&node.span)
                                .hint("as in `tags: [web, db]`"),
                        );
                        continue;
                    }
                },
                _ => value,
            };
            attrs.set(name, value);
        }
        attrs
    }

    /// A list of tasks and blocks.
    pub(super) fn nodes(
        &self,
        node: &Yaml,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> Vec<Node> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.as_seq() else {
            problems.push(
                Diagnostic::error(format!("a list of tasks is wanted here, this is {}", node.kind()))
                    .at(&node.span)
                    .hint("begin each task with `- `"),
            );
            return Vec::new();
        };
        let mut out = Vec::new();
        for entry in entries {
            if entry.is_null() {
                continue;
            }
            let Some(map) = entry.as_map() else {
                problems.push(
                    Diagnostic::error(format!("a task is a mapping, this is {}", entry.kind()))
                        .at(&entry.span)
                        .hint(
                            "a task names a module and its arguments: `- ansible.builtin.debug: {msg: ...}`",
                        ),
                );
                continue;
            };
            if ["block", "rescue", "always"].iter().any(|k| map.contains_key(k)) {
                out.extend(self.block(map, &entry.span, under, made, problems));
            } else {
                self.task(map, &entry.span, under, made, problems, &mut out);
            }
        }
        out
    }

    fn block(
        &self,
        map: &windlass_yaml::Mapping,
        span: &Span,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> Option<Node> {
        for (key, _) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            if !keywords::BLOCK.contains(&name) {
                unknown_keyword("a block", name, &key.span, keywords::BLOCK, problems);
            }
        }
        if !map.contains_key("block") {
            let key = if map.contains_key("rescue") { "rescue" } else { "always" };
            let error = Diagnostic::error(format!("'{key}' keyword cannot be used without 'block'")).at(span);
            problems
                .push(error.hint(format!("put the tasks that it is for below `block:`, beside `{key}:`")));
            return None;
        }
        if under.handlers {
            problems.push(
                Diagnostic::error("a block cannot be used as a handler")
                    .at(span)
                    .hint("notify several handlers by one `listen` topic"),
            );
            return None;
        }
        self.check_keywords(map, problems);
        let attrs = self.attrs(map, problems).child_of(&under.attrs);
        let mut inner = Under { attrs, ..under.clone() };
        self.check_syntax(map, false, problems);
        if let Some(node) = map.get("vars") {
            inner.vars.push(self.vars_of(node, problems));
        }
        let rescued = inner.rescued || map.contains_key("rescue");
        let guarded = Under { rescued, ..inner.clone() };
        let mut part = |name: &str, under: &Under| match map.get(name) {
            Some(node) => self.nodes(node, under, made, problems),
            None => Vec::new(),
        };
        let block = Block {
            main: part("block", &guarded),
            rescue: part("rescue", &inner),
            always: part("always", &inner),
            name: map.get("name").map(|n| self.value(n)),
            role_root: None,
        };
        Some(Node::Block(Arc::new(block)))
    }
}

/// What loading tasks made besides the tasks.
#[derive(Debug, Default)]
pub struct Made {
    /// Handlers of roles.
    pub handlers: Vec<Node>,
    /// Roles whose variables the play sees.
    pub roles: Vec<Arc<Role>>,
    /// What names of imports may use.
    pub statics: Option<super::import::Statics>,
}

/// Tags as written: a text with commas, or a list of texts with commas.
fn tag_list(value: &Value) -> Option<Vec<Value>> {
    let split = |text: &crate::vars::Text| -> Vec<Value> {
        if text.is_template() {
            return vec![Value::Str(text.clone())];
        }
        text.as_str().split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect()
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::Str(text) => Some(split(text)),
        Value::Int(i) => Some(vec![Value::text(i.to_string())]),
        Value::List(items) => items.iter().map(tag_list).collect::<Option<Vec<_>>>().map(|l| l.concat()),
        _ => None,
    }
}

impl Loader {
    /// Keywords given as values: `apply:` of an include.
    #[must_use]
    pub fn attrs_of_value(&self, map: &Map) -> Attrs {
        let mut attrs = Attrs::default();
        for name in keywords::INHERITED {
            let Some(value) = map.get(*name) else { continue };
            let value = match (*name, value) {
                ("tags", value) => Value::list(tag_list(value).unwrap_or_default()),
                ("when" | "environment" | "module_defaults" | "notify", Value::List(_)) => value.clone(),
                ("when" | "environment" | "module_defaults" | "notify", value) => {
                    Value::list(vec![value.clone()])
                }
                (_, value) => value.clone(),
            };
            attrs.set(name, value);
        }
        attrs
    }
}

#[cfg(test)]
impl Loader {
    /// The tasks of a text, for tests of what runs them.
    pub(crate) fn nodes_of_text(text: &str) -> Vec<Node> {
        let templar = Arc::new(Templar::new(crate::template::TemplarSettings::default()));
        let loader = Self::new(Arc::new(Secrets::none()), templar, Arc::default());
        let mut problems = Problems::default();
        let Ok((Some(node), _)) = windlass_yaml::load_one(windlass_yaml::SourceFile::new("test.yml", text))
        else {
            return Vec::new();
        };
        let nodes = loader.nodes(&node, &Under::default(), &mut Made::default(), &mut problems);
        assert!(!problems.has_errors(), "{:?}", problems.all());
        nodes
    }
}
