//! What is static: imported task files and roles, and `roles:`.

use super::attrs::Attrs;
use super::load::{Loader, Made, Under};
use super::problems::Problems;
use super::role::RoleFrom;
use super::task::{Node, Task};
use crate::template::Scope;
use crate::vars::value::truthy;
use crate::vars::{Key, Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::Node as Yaml;
use windlass_yaml::diagnostic::Diagnostic;

/// What names of imports may use besides `-e`.
#[derive(Debug, Clone, Default)]
pub struct Statics {
    /// `vars:` of the play.
    pub play_vars: Arc<Map>,
    /// Folder of the playbook.
    pub playbook_dir: PathBuf,
}

/// The variables that are known before hosts are.
pub(super) struct StaticScope<'a> {
    pub vars: &'a Map,
    pub extra: &'a Map,
}

impl Scope for StaticScope<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        self.extra.get(name).or_else(|| self.vars.get(name)).cloned()
    }
    fn names(&self) -> Vec<Key> {
        self.extra.keys().chain(self.vars.keys()).cloned().collect()
    }
}

/// Imports may not nest deeper than this.
const MAX_DEPTH: usize = 60;

impl Loader {
    /// What may be used in the name of an import at this place.
    fn static_vars(&self, under: &Under, task: Option<&Task>, made: &Made) -> Map {
        let mut vars = Map::new();
        let mut add = |map: &Map| vars.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
        if let Some(role) = &under.role {
            add(&role.defaults);
        }
        if let Some(statics) = &made.statics {
            add(&statics.play_vars);
        }
        if let Some(role) = &under.role {
            role.dependents.iter().for_each(|d| add(&d.vars));
            add(&role.vars);
            add(&role.own_vars);
            role.dependents.iter().for_each(|d| add(&d.params));
            add(&role.params);
        }
        under.vars.iter().for_each(|m| add(m));
        under.include_params.iter().for_each(|m| add(m));
        if let Some(task) = task {
            task.vars.iter().for_each(|m| add(m));
        }
        if let Some(statics) = &made.statics {
            vars.insert(Key::from("playbook_dir"), Value::text(statics.playbook_dir.to_string_lossy()));
        }
        if let Some(role) = &under.role {
            vars.insert(Key::from("role_path"), Value::text(role.path.to_string_lossy()));
            vars.insert(Key::from("role_name"), Value::text(role.short_name()));
        }
        vars
    }

    pub(super) fn import_tasks(
        &self,
        task: &Task,
        own: &Attrs,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
        out: &mut Vec<Node>,
    ) {
        let given = task.args.get("_raw_params").or_else(|| task.args.get("file"));
        let Some(value) = given else {
            problems.push(Diagnostic::error("No file specified for import_tasks").at(&task.span));
            return;
        };
        if task.loop_.is_some() {
            problems.push(
                Diagnostic::error("You cannot use loops on 'import_tasks' statements. You should use 'include_tasks' instead.")
                    .at(&task.span),
            );
            return;
        }
        if under.depth > MAX_DEPTH {
            problems.push(Diagnostic::error("task files import each other without end").at(&task.span));
            return;
        }
        let vars = self.static_vars(under, Some(task), made);
        let Some(name) = self.static_name(value, &vars, &task.span, problems) else { return };
        let Some(path) =
            find_task_file(&name, &under.dir, under.role.as_deref(), "tasks", made.statics.as_ref())
        else {
            problems.refuse(missing_file(&name, &under.dir).at(value.span().unwrap_or(&task.span)));
            return;
        };
        let inner = Under {
            attrs: own.clone().child_of(&under.attrs),
            vars: task.vars.clone(),
            dir: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            depth: under.depth + 1,
            ..under.clone()
        };
        out.extend(self.task_file(&path, value.span(), &inner, made, problems));
    }

    /// The tasks of a file.
    pub fn task_file(
        &self,
        path: &Path,
        from: Option<&windlass_yaml::Span>,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> Vec<Node> {
        match self.document(path, from, problems).as_deref() {
            Some(Some(node)) => self.nodes(node, under, made, problems),
            _ => Vec::new(),
        }
    }

    pub(super) fn import_role(
        &self,
        task: &Task,
        own: &Attrs,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
        out: &mut Vec<Node>,
    ) {
        let Some(value) = task.args.get("name").or_else(|| task.args.get("role")) else {
            problems.push(Diagnostic::error("'name' is a required field for import_role.").at(&task.span));
            return;
        };
        if task.loop_.is_some() {
            problems.push(
                Diagnostic::error("You cannot use loops on 'import_role' statements. You should use 'include_role' instead.")
                    .at(&task.span),
            );
            return;
        }
        if under.depth > MAX_DEPTH {
            problems.push(Diagnostic::error("roles import each other without end").at(&task.span));
            return;
        }
        let vars = self.static_vars(under, Some(task), made);
        let Some(name) = self.static_name(value, &vars, value.span().unwrap_or(&task.span), problems) else {
            return;
        };
        let text = |key: &str, problems: &mut Problems| {
            task.args.get(key).and_then(|v| self.static_name(v, &vars, &task.span, problems))
        };
        let from = RoleFrom {
            tasks: text("tasks_from", problems),
            vars: text("vars_from", problems),
            defaults: text("defaults_from", problems),
            handlers: text("handlers_from", problems),
            allow_duplicates: Some(task.args.get("allow_duplicates").and_then(truthy).unwrap_or(true)),
            public: task.args.get("public").and_then(truthy).unwrap_or(true),
            validate: task.args.get("rolespec_validate").and_then(truthy).unwrap_or(true),
        };
        let inner = Under {
            attrs: own.clone().child_of(&under.attrs),
            vars: task.vars.clone(),
            depth: under.depth + 1,
            ..under.clone()
        };
        let span = value.span().unwrap_or(&task.span);
        let site = super::load_role::Site { own, params: Map::new(), vars: Arc::default(), span };
        let loaded = self.role(&name, &from, &site, &inner, made, problems);
        made.handlers.extend(loaded.handlers);
        if from.public {
            made.roles.extend(loaded.roles);
        }
        out.extend(loaded.nodes);
    }

    /// `roles:` of a play.
    pub(super) fn roles(
        &self,
        node: &Yaml,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> Vec<Node> {
        let Some(entries) = node.as_seq() else {
            if !node.is_null() {
                problems.push(
                    Diagnostic::error(format!("`roles` is a list, this is {}", node.kind()))
                        .at(&node.span)
                        .hint("as in `roles: [app]`, or one `- role: app` to a line"),
                );
            }
            return Vec::new();
        };
        let mut out = Vec::new();
        for entry in entries {
            let Some(loaded) = self.role_entry(entry, under, made, problems) else { continue };
            made.handlers.extend(loaded.handlers);
            made.roles.extend(loaded.roles);
            out.extend(loaded.nodes);
        }
        out
    }
}

/// Where a task file lies: beside the file that names it, in the role's folder, or beside the playbook.
#[must_use]
pub fn find_task_file(
    name: &str,
    dir: &Path,
    role: Option<&super::Role>,
    folder: &str,
    statics: Option<&Statics>,
) -> Option<PathBuf> {
    let given = Path::new(name);
    if given.is_absolute() {
        return given.is_file().then(|| given.to_owned());
    }
    let mut candidates = Vec::new();
    candidates.push(dir.join(given));
    if let Some(role) = role {
        candidates.push(role.path.join(folder).join(given));
        candidates.push(role.path.join(given));
    }
    candidates.push(dir.join("tasks").join(given));
    if let Some(statics) = statics {
        candidates.push(statics.playbook_dir.join("tasks").join(given));
        candidates.push(statics.playbook_dir.join(given));
    }
    candidates.into_iter().find(|p| p.is_file())
}

/// A task file that is not there.
#[must_use]
pub fn missing_file(name: &str, dir: &Path) -> Diagnostic {
    let near = super::problems::near_file(&dir.join(name));
    let diagnostic = Diagnostic::error(format!("Could not find or access '{name}'"));
    match near {
        Some(near) => {
            let near = Path::new(name).with_file_name(near);
            diagnostic.hint(format!("did you mean `{}`?", near.display()))
        }
        None => diagnostic.hint(format!("looked in {} and the role's folders", dir.display())),
    }
}
